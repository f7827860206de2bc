# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""LaCT mixers: window attention for what is near, fast weights that learn from large chunks for what is far.

Zhang et al., 2025 ("Test-time training done right", arXiv 2505.23884). Both branches read the same queries, keys and
values, and their sum is projected. Every utterance starts from the same learned weights; padding is silent, and an
utterance does not depend on what else is in its batch.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nemo_noise.modules.mixers.lact.fast_weights import (
    POLAR_COEFFICIENTS,
    ChunkState,
    FastWeights,
    LearningRule,
    UpdateRule,
    apply_swiglu,
    apply_then_update,
    apply_then_update_recorded,
    learn,
    row_norms,
)
from nemo_noise.modules.mixers.lact.window_attention import WindowAttention
from nemo_noise.modules.mixers.ssm.state_space_duality import is_traced
from nemo_noise.modules.precision import at_least_float32

__all__ = ["BidirectionalLaCTMixer", "CausalLaCTMixer", "FastWeightsStart", "LaCTOutput", "LaCTState"]

NORM_EPS = 1e-5
RATES = 4  # of a frame and head: gate, up, down, and the weight of the momentum


class LaCTState(NamedTuple):
    """What a mixer remembers of a stream: its fast weights with the chunk that is not full, and the window.

    ``frames`` [B, L, 2 D] are keys and values of the last L frames, of which ``num_frames`` [B] have been.
    """

    chunk: ChunkState
    frames: Tensor
    num_frames: Tensor


class LaCTOutput(NamedTuple):
    """Mixed frames ``hidden`` [B, T, D] and the ``state`` after the last valid one."""

    hidden: Tensor
    state: LaCTState


class FastWeightsStart(nn.Module):
    """The weights that every utterance starts from.

    Args:
        heads: H.
        width: P, of a head.
        hidden: F, of the network of a head.
    """

    def __init__(self, heads: int, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(heads, hidden, width) * width**-0.5)
        self.up = nn.Parameter(torch.randn(heads, hidden, width) * width**-0.5)
        self.down = nn.Parameter(torch.randn(heads, width, hidden) * hidden**-0.5)

    def forward(self, num_utterances: int) -> FastWeights:
        """A copy for each utterance [B, H, ...], in float32 at least: orthogonalising makes rounding errors large."""
        parts = (part.to(at_least_float32(part)) for part in (self.gate, self.up, self.down))
        return FastWeights(*(part.unsqueeze(0).expand(num_utterances, -1, -1, -1) for part in parts))


class LaCTMixer(nn.Module):
    """What both mixers are made of; the order of learning and answering is theirs.

    Args:
        d_model: width D.
        left: frames before, in the window of the attention.
        right: frames after.
        n_heads: heads of the attention.
        fast_heads: heads H of the fast weights.
        fast_hidden: hidden width F of the network of one head.
        update_rule: ``muon`` or ``gradient``.
        muon_scale: multiplies an orthogonalised step; at 1.0 a step changes the weights by more than half of their
            norm.
        initial_rate: learning rate of every frame before training; with Muon only ratios between frames count.
        uses_momentum: whether a step remembers the one before, with a weight that the frames decide.
        dropout: of the attention's weights.

    Raises:
        ValueError: if a size does not fit.
    """

    def __init__(
        self,
        d_model: int,
        *,
        left: int,
        right: int,
        n_heads: int = 4,
        fast_heads: int = 4,
        fast_hidden: int = 384,
        update_rule: UpdateRule | str = UpdateRule.MUON,
        muon_scale: float = 1.0,
        initial_rate: float = 0.01,
        uses_momentum: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if fast_heads < 1 or d_model % fast_heads:
            raise ValueError(f"fast_heads={fast_heads} must divide d_model={d_model}.")
        for name, value in {
            "fast_hidden": fast_hidden,
            "muon_scale": muon_scale,
            "initial_rate": initial_rate,
        }.items():
            if value <= 0:
                raise ValueError(f"{type(self).__name__}: {name}={value} must be above 0.")
        self.d_model, self.fast_heads, self.fast_hidden = d_model, fast_heads, fast_hidden
        self.head_width = d_model // fast_heads
        self.update_rule = _checked_rule(update_rule)
        self.muon_scale = muon_scale
        self.rate_at_zero = math.log(math.expm1(initial_rate))  # what softplus turns into the initial rate
        self.in_proj = nn.Linear(d_model, 3 * d_model, bias=False)
        self.fast_scale = nn.Parameter(torch.ones(2, d_model))
        self.fast_shift = nn.Parameter(torch.zeros(2, d_model))
        self.rate_proj = nn.Linear(d_model, 3 * fast_heads)
        nn.init.normal_(self.rate_proj.weight, std=0.02)
        nn.init.zeros_(self.rate_proj.bias)
        self.momentum_proj = nn.Linear(d_model, fast_heads) if uses_momentum else None
        self.fast_weights = FastWeightsStart(fast_heads, self.head_width, fast_hidden)
        self.fast_norm = nn.Parameter(torch.ones(d_model))
        self.gate_proj = nn.Linear(d_model, d_model, bias=False)
        self.attention = WindowAttention(d_model, n_heads, left=left, right=right, dropout=dropout)
        self.out_proj = nn.Linear(d_model, d_model)

    def _rule(self) -> LearningRule:
        """How to step; rows keep the norms of the start."""
        norms = row_norms(self.fast_weights(1))
        is_orthogonal = self.update_rule is UpdateRule.MUON
        return LearningRule(norms, is_orthogonal, self.muon_scale, torch.tensor(POLAR_COEFFICIENTS))

    def _project(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Read frames [B, T, D] with a mask [B, T].

        Returns:
            Queries, keys and values of the attention [B, T, D], queries of the fast weights [B, H, T, P] and what they
            learn from [B, H, T, 2 P + 4], zero in the padding.
        """
        queries, keys, values = self.in_proj(hidden).chunk(3, dim=2)
        rates = self._rates(hidden)
        exact_queries, exact_keys, exact_values = (part.to(rates.dtype) for part in (queries, keys, values))
        scale, shift = self.fast_scale, self.fast_shift
        fast_queries = F.normalize(self._heads(F.silu(exact_queries * scale[0] + shift[0])), dim=-1, eps=NORM_EPS)
        fast_keys = F.normalize(self._heads(F.silu(exact_keys * scale[1] + shift[1])), dim=-1, eps=NORM_EPS)
        parts = [fast_keys, self._heads(F.silu(exact_values)), rates]
        tokens = torch.cat(parts, dim=3) * mask[:, None, :, None]
        return queries, keys, values, fast_queries, tokens

    def _rates(self, hidden: Tensor) -> Tensor:
        """Three learning rates and the weight of the momentum [B, H, T, 4]."""
        dtype = at_least_float32(hidden)
        rates = F.softplus(self.rate_proj(hidden).to(dtype) + self.rate_at_zero)
        rates = torch.unflatten(rates, -1, (self.fast_heads, RATES - 1))  # [B, T, H, 3]
        if self.momentum_proj is None:
            return F.pad(rates, (0, 1)).transpose(1, 2)
        momentum = self.momentum_proj(hidden).to(dtype).sigmoid().unsqueeze(3)
        return torch.cat([rates, momentum], dim=3).transpose(1, 2)

    def _heads(self, hidden: Tensor) -> Tensor:
        """[B, T, D] as [B, H, T, P]."""
        return torch.unflatten(hidden, -1, (self.fast_heads, self.head_width)).transpose(1, 2)

    def _combine(self, hidden: Tensor, attended: Tensor, answers: Tensor, mask: Tensor) -> Tensor:
        """Sum the branches and project: [B, T, D] twice and [B, H, T, P] -> [B, T, D], zero in the padding."""
        answers = answers * (answers.square().mean(dim=3, keepdim=True) + NORM_EPS).rsqrt()
        answers = answers.transpose(1, 2).flatten(2).to(attended.dtype)  # [B, T, D]
        recalled = answers * self.fast_norm * F.silu(self.gate_proj(hidden))
        mixed: Tensor = self.out_proj(attended + recalled)
        return mixed.masked_fill(~mask.unsqueeze(2), 0.0)


class BidirectionalLaCTMixer(LaCTMixer):
    """Learns from the whole utterance at once, then answers every frame of it; for whole utterances.

    Args:
        d_model: width D.
        window: frames that the attention sees, half of them before and half after.
        **parts: further arguments of ``LaCTMixer``.

    Raises:
        ValueError: if a size does not fit, or momentum is asked for, which a single step cannot have.
    """

    def __init__(self, d_model: int, window: int = 64, **parts: object) -> None:
        if parts.get("uses_momentum"):
            raise ValueError("uses_momentum=True needs more than one step; use it with chunks, or leave it out.")
        super().__init__(d_model, left=window // 2, right=window // 2, **parts)  # type: ignore[arg-type]

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix whole utterances.

        Args:
            hidden: [B, T, D].
            mask: [B, T], False in the padding; None if all frames are valid.

        Returns:
            [B, T, D], zero in the padding.
        """
        hidden, mask = _without_padding(hidden, mask)
        queries, keys, values, fast_queries, tokens = self._project(hidden, mask)
        attended = self.attention(queries, keys, values, mask)
        with torch.autocast(hidden.device.type, enabled=False):
            start = self.fast_weights(hidden.shape[0])
            weights, _ = learn(start, FastWeights(*(part * 0.0 for part in start)), tokens, self._rule())
            answers = apply_swiglu(weights, fast_queries)
        return self._combine(hidden, attended, answers, mask)


class CausalLaCTMixer(LaCTMixer):
    """Answers a chunk of frames, then learns from it; for streams, whose pieces may be cut anywhere.

    Args:
        d_model: width D.
        window: frames that the attention sees, the present and those before it.
        chunk_size: frames Q of a chunk.
        **parts: further arguments of ``LaCTMixer``.

    Raises:
        ValueError: if a size does not fit.
    """

    def __init__(self, d_model: int, window: int = 64, chunk_size: int = 64, **parts: object) -> None:
        for name, value in {"window": window, "chunk_size": chunk_size}.items():
            if value < 1:
                raise ValueError(f"CausalLaCTMixer: {name}={value} must be at least 1.")
        super().__init__(d_model, left=window - 1, right=0, **parts)  # type: ignore[arg-type]
        self.chunk_size = chunk_size
        self._has_learned = False

    @property
    def _sizes(self) -> list[int]:
        """Numbers of a stream: weights, velocity, pending frames and how many, the window and how many."""
        weights = 3 * self.d_model * self.fast_hidden
        pending = self.fast_heads * self.chunk_size * (2 * self.head_width + RATES)
        velocity = weights if self.momentum_proj is not None else 0
        return [weights, velocity, pending, 1, self.attention.left * 2 * self.d_model, 1]

    @property
    def state_size(self) -> int:
        """Numbers that one stream carries from chunk to chunk."""
        return sum(self._sizes)

    def state_from(self, numbers: Tensor) -> LaCTState:
        """A state from [B, ``state_size``] numbers, as ``numbers_of`` gave them; zeros are the state at the start.

        What the weights have learned is kept as the difference from their start.
        """
        moved, velocity, pending, num_pending, frames, num_frames = torch.split(numbers, self._sizes, dim=1)
        start = self.fast_weights(numbers.shape[0])
        weights = FastWeights(*(one + other for one, other in zip(start, self._matrices(moved), strict=True)))
        velocities = self._matrices(velocity) if self.momentum_proj else FastWeights(*(part * 0.0 for part in start))
        shape = (-1, self.fast_heads, self.chunk_size, 2 * self.head_width + RATES)
        counts = (num_pending[:, 0].clamp(0, self.chunk_size - 1), num_frames[:, 0].clamp(0, self.attention.left))
        num_pending, num_frames = (count.round().long() for count in counts)
        chunk = ChunkState(weights, velocities, pending.reshape(shape), num_pending)
        return LaCTState(chunk, frames.reshape(-1, self.attention.left, 2 * self.d_model), num_frames)

    def numbers_of(self, state: LaCTState) -> Tensor:
        """A state as [B, ``state_size``] numbers."""
        start = self.fast_weights(state.num_frames.shape[0])
        parts = [(one - other).flatten(1) for one, other in zip(state.chunk.weights, start, strict=True)]
        parts += [part.flatten(1) for part in state.chunk.velocity] if self.momentum_proj is not None else []
        counts = [count.unsqueeze(1).to(torch.float32) for count in (state.chunk.num_pending, state.num_frames)]
        return torch.cat([*parts, state.chunk.pending.flatten(1), counts[0], state.frames.flatten(1), counts[1]], 1)

    def initial_state(self, hidden: Tensor) -> LaCTState:
        """The state before the first frame, for the batch and on the device of ``hidden`` [B, ...]."""
        return self.state_from(hidden.new_zeros(hidden.shape[0], self.state_size, dtype=at_least_float32(hidden)))

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix whole utterances; equals ``stream`` in pieces of any length.

        Args:
            hidden: [B, T, D].
            mask: [B, T], False in the padding, which lies at the end; None if all frames are valid.

        Returns:
            [B, T, D], zero in the padding.

        Raises:
            ValueError: in training, if the chunk is too large for the weights to learn anything from the first batch.
        """
        if self.training and not self._has_learned:
            self._has_learned = hidden.shape[1] > self.chunk_size
            if not self._has_learned:
                raise ValueError(
                    f"fast_chunk_size={self.chunk_size}, but the longest utterance of the batch has "
                    f"{hidden.shape[1]} frames here: fast weights learn after a whole chunk, so these would never be "
                    "used. Use a smaller fast_chunk_size, longer utterances, or the bidirectional order."
                )
        return self.stream(hidden, self.initial_state(hidden), mask).hidden

    def stream(self, hidden: Tensor, state: LaCTState, mask: Tensor | None = None) -> LaCTOutput:
        """Mix the next piece of a stream; pieces of any length give what the whole would.

        Args:
            hidden: [B, T, D].
            state: what the pieces before left.
            mask: [B, T], False in the padding, which lies at the end; None if all frames are valid.

        Returns:
            Frames [B, T, D] and the state after the last valid frame.
        """
        hidden, mask = _without_padding(hidden, mask)
        num_valid = mask.long().sum(dim=1)
        queries, keys, values, fast_queries, tokens = self._project(hidden, mask)
        frames = torch.cat([state.frames, torch.cat([keys, values], dim=2).to(state.frames.dtype)], dim=1)
        left = self.attention.left
        was_heard = torch.arange(left, device=mask.device) >= left - state.num_frames.unsqueeze(1)  # [B, L]
        past_keys, past_values = frames.to(keys.dtype).chunk(2, dim=2)  # [B, L + T, D]
        attended = self.attention(queries, past_keys, past_values, torch.cat([was_heard, mask], dim=1))
        recall = apply_then_update_recorded if is_traced() else apply_then_update
        with torch.autocast(hidden.device.type, enabled=False):
            answers, chunk = recall(fast_queries, tokens, num_valid, state.chunk, self._rule())
        positions = num_valid.unsqueeze(1) + torch.arange(left, device=mask.device)  # the last L valid frames
        kept = frames.gather(1, positions.unsqueeze(2).expand(-1, -1, frames.shape[2]))
        num_frames = (state.num_frames + num_valid).clamp(max=left)
        mixed = self._combine(hidden, attended, answers, mask)
        return LaCTOutput(mixed, LaCTState(chunk, kept, num_frames))

    def _matrices(self, numbers: Tensor) -> FastWeights:
        """Three matrices for every utterance and head from [B, 3 D F] numbers."""
        gate, up, down = numbers.chunk(3, dim=1)
        heads, width, hidden = self.fast_heads, self.head_width, self.fast_hidden
        return FastWeights(
            gate.reshape(-1, heads, hidden, width),
            up.reshape(-1, heads, hidden, width),
            down.reshape(-1, heads, width, hidden),
        )


def _without_padding(hidden: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Frames [B, T, D] with zeros in the padding, and a mask [B, T]."""
    if mask is None:
        return hidden, torch.ones_like(hidden[:, :, 0], dtype=torch.bool)
    return hidden.masked_fill(~mask.unsqueeze(2), 0.0), mask


def _checked_rule(rule: UpdateRule | str) -> UpdateRule:
    try:
        return UpdateRule(rule)
    except ValueError:
        known = [member.value for member in UpdateRule]
        raise ValueError(f"update_rule={rule!r} is unknown; use one of {known}.") from None
