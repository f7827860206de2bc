# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context that follows the time: one context per encoder frame, for noise that comes and goes."""

from torch import Tensor, nn

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.context.layers import StridedConvolutions, valid_frames
from nemo_noise.modules.context.observed import Observed
from nemo_noise.modules.precision import at_least_float32

__all__ = ["TemporalContextEncoder"]


class TemporalContextEncoder(ContextEncoder):
    """Describes the noise at every encoder frame from more than a second on either side.

    Strided convolutions bring the features to the frame rate of the recogniser, dilated residual ones look around,
    and the mean over the utterance is added to every frame. Dilated context as in Yu and Koltun, ICLR 2016
    ("Multi-scale context aggregation by dilated convolutions").

    Args:
        feat_in: number of feature bands D.
        d_context: width C of the context.
        d_hidden: channels H of the convolutions.
        num_blocks: residual blocks; the dilation doubles from one to the next.
        stride: feature frames per context frame, a power of two; the subsampling factor of the recogniser.

    Raises:
        ValueError: if a width is not positive or ``stride`` is no power of two.
    """

    layout = Layout.FRAMES

    def __init__(
        self, feat_in: int, d_context: int, *, d_hidden: int = 96, num_blocks: int = 4, stride: int = 8
    ) -> None:
        super().__init__(feat_in, d_context)
        if stride < 2 or stride & (stride - 1):
            raise ValueError(f"TemporalContextEncoder: stride={stride} must be a power of two, such as 4 or 8.")
        self.stride = stride
        self.front = StridedConvolutions(feat_in, d_hidden, stride.bit_length() - 1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(d_hidden, d_hidden, kernel_size=3, dilation=2**block, padding=2**block)
            for block in range(num_blocks)
        )
        self.block_norms = nn.ModuleList(nn.LayerNorm(d_hidden) for _ in self.blocks)
        self.utterance = nn.Linear(d_hidden, d_hidden)
        self.output = nn.Linear(d_hidden, d_context)

    def describe(self, observed: Observed) -> Tensor:
        """One vector per encoder frame [B, ceil(T / stride), C]; 0 beyond the length."""
        frames, length = self.front(observed.features, observed.length)[-1]
        hidden = frames.transpose(1, 2)  # [B, H, S]
        for convolution, norm in zip(self.blocks, self.block_norms, strict=True):
            hidden = hidden + _mask(nn.functional.silu(convolution(_mask(_normalize(norm, hidden), length))), length)
        total = hidden.sum(dim=2, dtype=at_least_float32(hidden))
        mean = (total / length.clamp_min(1).unsqueeze(1)).to(hidden.dtype)  # [B, H]
        hidden = hidden.transpose(1, 2) + self.utterance(mean).unsqueeze(1)  # [B, S, H]
        context: Tensor = _mask(self.output(hidden).transpose(1, 2), length).transpose(1, 2)
        return context


def _normalize(norm: nn.Module, hidden: Tensor) -> Tensor:
    """Layer norm over the channels of [B, H, T]."""
    normalized: Tensor = norm(hidden.transpose(1, 2))
    return normalized.transpose(1, 2)


def _mask(hidden: Tensor, length: Tensor) -> Tensor:
    """[B, H, T] with 0 beyond the length."""
    return hidden * valid_frames(length, hidden.shape[2]).unsqueeze(1)
