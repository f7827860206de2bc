# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mamba-2 mixers: a gated state-space layer whose state has a fixed size, forward in time or in both directions.

Dao and Gu, ICML 2024 ("Transformers are SSMs", arXiv 2405.21060) for the layer; Jiang et al., 2024 (ConMamba, arXiv
2407.09732) for the second direction. The parameters have the names of transformers' ``Mamba2Mixer``, so weights go
either way. Padding is silent: it neither moves the state nor reaches a valid frame.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nemo_noise.modules.mixers.ssm.mamba_kernels import MixerKernels, find_kernels
from nemo_noise.modules.mixers.ssm.state_space_duality import chunked_scan, is_traced, scan_step

__all__ = ["BidirectionalMamba2Mixer", "Mamba2Mixer", "MixerOutput", "MixerState"]


class MixerState(NamedTuple):
    """What a mixer remembers of a stream: the last inputs of its convolution and the state of its state space.

    ``convolution`` is [B, K - 1, E], E the channels of the convolution; ``memory`` is [B, H, P, N].
    """

    convolution: Tensor
    memory: Tensor


class MixerOutput(NamedTuple):
    """Mixed frames ``hidden`` [B, T, D] and the ``state`` after the last valid one."""

    hidden: Tensor
    state: MixerState


class Mamba2Mixer(nn.Module):
    """One Mamba-2 layer, causal.

    Args:
        d_model: width D.
        d_state: size N of the state of one channel.
        expand: inner width over D.
        head_dim: channels P that share a decay; H = expand D / P heads.
        n_groups: how many sets of input and output vectors (B and C) the heads share.
        conv_kernel_size: frames K of the causal convolution.
        chunk_size: frames that are computed as one matrix; speed only, the result is the same.
        use_bias: whether the two projections have a bias.
        time_step_limit: the smallest and the largest step.
        norm_eps: what the root mean square is kept away from zero by.

    Raises:
        ValueError: if a size is not positive or the heads do not divide evenly.
    """

    def __init__(
        self,
        d_model: int,
        *,
        d_state: int = 64,
        expand: int = 2,
        head_dim: int = 64,
        n_groups: int = 1,
        conv_kernel_size: int = 4,
        chunk_size: int = 64,
        use_bias: bool = False,
        time_step_limit: tuple[float, float] = (0.0, math.inf),
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        sizes = {"d_model": d_model, "d_state": d_state, "expand": expand, "head_dim": head_dim}
        sizes |= {"n_groups": n_groups, "conv_kernel_size": conv_kernel_size, "chunk_size": chunk_size}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"Mamba2Mixer: {name}={value} must be at least 1.")
        self.d_inner = expand * d_model
        if self.d_inner % head_dim:
            raise ValueError(f"Mamba2Mixer: head_dim={head_dim} must divide expand * d_model = {self.d_inner}.")
        self.num_heads = self.d_inner // head_dim
        if self.num_heads % n_groups:
            raise ValueError(f"Mamba2Mixer: n_groups={n_groups} must divide the number of heads {self.num_heads}.")
        self.d_model, self.d_state, self.head_dim, self.n_groups = d_model, d_state, head_dim, n_groups
        self.chunk_size = chunk_size
        self.time_step_limit = time_step_limit
        self.conv_dim = self.d_inner + 2 * n_groups * d_state
        self.in_proj = nn.Linear(d_model, self.d_inner + self.conv_dim + self.num_heads, bias=use_bias)
        self.conv1d = nn.Conv1d(self.conv_dim, self.conv_dim, conv_kernel_size, groups=self.conv_dim)
        self.dt_bias = nn.Parameter(_initial_time_steps(self.num_heads))
        self.A_log = nn.Parameter(torch.empty(self.num_heads).uniform_(1.0, 16.0).log())
        self.D = nn.Parameter(torch.ones(self.num_heads))
        self.norm = GatedRMSNorm(self.d_inner, n_groups, norm_eps)
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=use_bias)

    @property
    def state_size(self) -> int:
        """Numbers that one stream carries from chunk to chunk."""
        kernel_size = self.conv1d.kernel_size[0]
        return (kernel_size - 1) * self.conv_dim + self.d_inner * self.d_state

    def state_from(self, numbers: Tensor) -> MixerState:
        """A state from [B, ``state_size``] numbers, as ``numbers_of`` gave them; zeros are the state at the start."""
        size = self.d_inner * self.d_state
        tail, memory = torch.split(numbers, [self.state_size - size, size], dim=1)
        return MixerState(
            tail.reshape(-1, self.conv1d.kernel_size[0] - 1, self.conv_dim),
            memory.reshape(-1, self.num_heads, self.head_dim, self.d_state),
        )

    def numbers_of(self, state: MixerState) -> Tensor:
        """A state as [B, ``state_size``] numbers."""
        return torch.cat([state.convolution.flatten(1), state.memory.flatten(1)], dim=1)

    def initial_state(self, hidden: Tensor) -> MixerState:
        """The state before the first frame, for the batch and on the device of ``hidden`` [B, ...]."""
        dtype = torch.promote_types(hidden.dtype, torch.float32)
        return self.state_from(hidden.new_zeros(hidden.shape[0], self.state_size, dtype=dtype))

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix whole utterances.

        Args:
            hidden: [B, T, D].
            mask: [B, T], False in the padding, which lies at the end; None if all frames are valid.

        Returns:
            [B, T, D], zero in the padding.
        """
        return self.stream(hidden, self.initial_state(hidden), mask).hidden

    def stream(self, hidden: Tensor, state: MixerState, mask: Tensor | None = None) -> MixerOutput:
        """Mix the next chunk of a stream; chunks of any length give what the whole would.

        Args:
            hidden: [B, T, D].
            state: what the chunks before left.
            mask: [B, T], False in the padding, which lies at the end; None if all frames are valid.

        Returns:
            Frames [B, T, D] and the state after the last valid frame.
        """
        hidden = hidden if mask is None else hidden.masked_fill(~mask.unsqueeze(2), 0.0)
        gate, channels, steps = self._project(hidden)
        if mask is not None:
            steps = steps * mask.unsqueeze(2)
            if self.in_proj.bias is not None:
                channels = channels * mask.unsqueeze(2)
        channels = torch.cat([state.convolution.to(channels.dtype), channels], dim=1)  # [B, K - 1 + T, E]
        own = MixerKernels(chunked_scan, causal_convolution)
        kernels = own if is_traced() else find_kernels(hidden.device, own)
        convolved = kernels.convolve(channels, *self._taps())  # [B, T, E]
        x, inputs, outputs = self._split(convolved)
        mixed, memory = kernels.scan(x, steps, self._decay(), inputs, outputs, self.D, self.chunk_size, state.memory)
        mixed = self.norm(mixed.flatten(2), gate)  # [B, T, H P]
        mixed = self.out_proj(mixed)  # [B, T, D]
        mixed = mixed if mask is None else mixed.masked_fill(~mask.unsqueeze(2), 0.0)
        return MixerOutput(mixed, MixerState(self._tail(channels, mask), memory))

    def step(self, hidden: Tensor, state: MixerState) -> MixerOutput:
        """Mix one frame; the cost does not depend on how many came before.

        Args:
            hidden: [B, D].
            state: what the frames before left.

        Returns:
            The frame [B, D] and the state after it.
        """
        gate, channels, steps = self._project(hidden.unsqueeze(1))
        channels = torch.cat([state.convolution.to(channels.dtype), channels], dim=1)  # [B, K, E]
        convolved = causal_convolution(channels, *self._taps())  # [B, 1, E]
        x, inputs, outputs = (part[:, 0] for part in self._split(convolved))
        mixed, memory = scan_step(x, steps[:, 0], self._decay(), inputs, outputs, self.D, state.memory)
        mixed = self.out_proj(self.norm(mixed.flatten(1), gate[:, 0]))
        return MixerOutput(mixed, MixerState(channels[:, 1:], memory))

    def _project(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gate [B, T, H P], channels of the convolution [B, T, E] and time steps [B, T, H]."""
        projected = self.in_proj(hidden)
        gate, channels, steps = torch.split(projected, [self.d_inner, self.conv_dim, self.num_heads], dim=-1)
        dtype = torch.promote_types(steps.dtype, torch.float32)
        steps = F.softplus(steps.to(dtype) + self.dt_bias.to(dtype))
        return gate, channels, steps.clamp(*self.time_step_limit)

    def _taps(self) -> tuple[Tensor, Tensor]:
        """Weight [E, K] and bias [E] of the convolution."""
        assert self.conv1d.bias is not None
        return self.conv1d.weight.squeeze(1), self.conv1d.bias

    def _decay(self) -> Tensor:
        """The rates A of the heads [H], negative; in float32 at least, or the exponential is too coarse."""
        return -self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32)).exp()

    def _split(self, convolved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values [B, T, H, P], input vectors B and output vectors C [B, T, G, N]."""
        size = self.n_groups * self.d_state
        values, inputs, outputs = torch.split(convolved, [self.d_inner, size, size], dim=-1)
        return (
            torch.unflatten(values, -1, (self.num_heads, self.head_dim)),
            torch.unflatten(inputs, -1, (self.n_groups, self.d_state)),
            torch.unflatten(outputs, -1, (self.n_groups, self.d_state)),
        )

    def _tail(self, channels: Tensor, mask: Tensor | None) -> Tensor:
        """The last K - 1 valid inputs of the convolution [B, K - 1, E] from those with the past in front."""
        num_kept = self.conv1d.kernel_size[0] - 1
        if mask is None:
            return channels[:, channels.shape[1] - num_kept :]
        offsets = torch.arange(num_kept, device=mask.device)
        positions = mask.long().sum(dim=1, keepdim=True) + offsets  # [B, K - 1]
        return channels.gather(1, positions.unsqueeze(2).expand(-1, -1, self.conv_dim))


class BidirectionalMamba2Mixer(nn.Module):
    """Two mixers, one of which reads the utterance backwards; their sum.

    Args:
        forward_mixer: from the past to the future.
        backward_mixer: from the future to the past, of the same width.

    Raises:
        ValueError: if the widths differ.
    """

    def __init__(self, forward_mixer: Mamba2Mixer, backward_mixer: Mamba2Mixer) -> None:
        super().__init__()
        widths = forward_mixer.d_model, backward_mixer.d_model
        if widths[0] != widths[1]:
            raise ValueError(f"forward_mixer.d_model={widths[0]} must equal backward_mixer.d_model={widths[1]}.")
        self.forward_mixer = forward_mixer
        self.backward_mixer = backward_mixer

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix whole utterances; turned around, the padding comes first and leaves the state at zero.

        Args:
            hidden: [B, T, D].
            mask: [B, T], False in the padding; None if all frames are valid.

        Returns:
            [B, T, D], zero in the padding.
        """
        turned: Tensor = self.backward_mixer(hidden.flip(1), None if mask is None else mask.flip(1))
        mixed: Tensor = self.forward_mixer(hidden, mask) + turned.flip(1)
        return mixed


class GatedRMSNorm(nn.Module):
    """``w * y silu(z) / rms(y silu(z))``, the root mean square taken within each group of channels.

    Args:
        width: channels.
        n_groups: groups of channels.
        eps: added to the mean square.
    """

    def __init__(self, width: int, n_groups: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.group_size = width // n_groups
        self.eps = eps

    def forward(self, mixed: Tensor, gate: Tensor) -> Tensor:
        """Gate, then normalise [..., width]; in float32 at least, and back to the type of the gate."""
        dtype = torch.promote_types(gate.dtype, torch.float32)
        gated = torch.unflatten(mixed.to(dtype) * F.silu(gate.to(dtype)), -1, (-1, self.group_size))
        if is_traced():  # ONNX has no fused operator at opset 17
            normalized = gated * (gated.square().mean(dim=-1, keepdim=True) + self.eps).rsqrt()
        else:
            normalized = F.rms_norm(gated, (self.group_size,), None, self.eps)
        return self.weight * normalized.flatten(-2).to(gate.dtype)


def causal_convolution(channels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``silu`` of a convolution of every channel with its own K taps.

    Shifted products: on a CPU faster than a grouped convolution, which wants the time last.

    Args:
        channels: [B, K - 1 + T, E], the past in front.
        weight: [E, K].
        bias: [E].

    Returns:
        [B, T, E].
    """
    kernel_size = weight.shape[1]
    num_frames = channels.shape[1] - kernel_size + 1
    total = bias
    for tap in range(kernel_size):
        total = torch.addcmul(total, channels[:, tap : tap + num_frames], weight[:, tap])
    return F.silu(total)


def _initial_time_steps(num_heads: int) -> Tensor:
    """Biases whose softplus is drawn evenly on a logarithmic scale between 0.001 and 0.1."""
    steps = torch.empty(num_heads).uniform_(math.log(1e-3), math.log(1e-1)).exp()
    return steps + (-torch.expm1(-steps)).log()
