# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which frames are hidden: spans that begin anywhere and may overlap, as many as each utterance has room for."""

import torch
from torch import Tensor

__all__ = ["draw_span_mask"]


def draw_span_mask(
    length: Tensor,
    num_frames: int,
    *,
    share: float,
    span: int,
    min_spans: int = 0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw spans as wav2vec 2.0 does (Baevski et al., 2020, section 3.1 and appendix A).

    An utterance of n frames gets ``share * n / span`` spans, rounded up or down at random, with different beginnings;
    none reaches beyond its end. As they overlap, fewer frames than ``share`` are hidden.

    Args:
        length: valid frames [B].
        num_frames: T.
        share: spans times their length over the number of frames; 0.65 hides about half.
        span: frames of one span.
        min_spans: spans that an utterance has at least, if there is room for one.
        generator: draws them, on the device of ``length``; None for torch's own.

    Returns:
        True where hidden [B, T].
    """
    begins = (length - span + 1).clamp_min(0)  # [B], places where a span can begin
    rounding = torch.rand(length.shape, device=length.device, generator=generator)
    wanted = (share * length / span + rounding).floor().long().clamp_min(min_spans)
    wanted = torch.minimum(wanted, begins)
    frames = torch.arange(num_frames, device=length.device)
    lots = torch.rand(len(length), num_frames, device=length.device, generator=generator)
    lots = lots.masked_fill(frames >= begins.unsqueeze(1), 2.0)
    begin = lots.argsort(dim=1).argsort(dim=1) < wanted.unsqueeze(1)  # [B, T]
    begun = begin.long().cumsum(dim=1)
    ended = torch.nn.functional.pad(begun, (span, 0))[:, :num_frames]
    return begun > ended
