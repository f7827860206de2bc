# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Masked prediction without a head: what a recogniser gives where spans are hidden, against the run on everything.

Test-time training (Sun et al., ICML 2020) with the consistency of CR-CTC (Yao et al., ICLR 2025, arXiv 2410.05101,
where it is a loss of training) in its one-sided form: that run teaches and stays as it was.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.modules.wav2vec.span_mask import draw_span_mask

__all__ = ["disagreement", "draw_hidden_frames", "features_hidden"]


def draw_hidden_frames(waveform: Tensor, num_frames: int, *, share: float, span: int) -> Tensor:
    """Draw which frames of an utterance are hidden: the same for the same samples, wherever and whenever.

    Args:
        waveform: [T]; its bytes are the seed.
        num_frames: T', those that the recogniser puts out.
        share: spans times their length over the number of frames.
        span: frames of one span; at most half the utterance is.

    Returns:
        True where hidden [T'], one span or more; on the CPU.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(waveform.detach().cpu().numpy().tobytes()))
    span = max(1, min(span, num_frames // 2))
    hidden = draw_span_mask(torch.tensor([num_frames]), num_frames, share, span, 1, generator)  # [1, T']
    return hidden[0]


@contextmanager
def features_hidden(model: ASRModel, hidden: Tensor) -> Iterator[None]:
    """Give a recogniser the mean of every feature over the utterance where frames are hidden.

    Args:
        model: a NeMo recogniser; one utterance at a time.
        hidden: which of its output frames [T']; those of its features, or samples, follow in proportion.

    Raises:
        TypeError: if the model has no preprocessor.
    """
    if not isinstance(getattr(model, "preprocessor", None), nn.Module):
        raise TypeError(f"{type(model).__name__} has no preprocessor, so that its features cannot be hidden.")

    def hide(module: nn.Module, inputs: Any, output: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        features, length = output  # [1, D, F], [1]
        num_valid = int(length[0])
        place = torch.arange(num_valid) * len(hidden) // max(1, num_valid)  # [F'], the output frame of each
        is_hidden = torch.zeros(features.shape[-1], dtype=torch.bool)
        is_hidden[:num_valid] = hidden.cpu()[place]
        mean = features[..., :num_valid].mean(dim=-1, keepdim=True)  # [1, D, 1]
        return torch.where(is_hidden.to(features.device), mean, features), length

    handle = model.preprocessor.register_forward_hook(hide)
    try:
        yield
    finally:
        handle.remove()


def disagreement(whole: Tensor, guessed: Tensor, hidden: Tensor, *, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of what is guessed from what is there, mean over the hidden frames, in nats.

    Args:
        whole: log-probabilities of the run on everything [T, V]; no gradient goes there.
        guessed: those of the run with hidden frames [T, V].
        hidden: which frames [T], one or more.
        temperature: divides both first.

    Returns:
        Scalar, 0 where they agree.
    """
    lowest = torch.finfo(guessed.dtype).min
    hidden = hidden.to(guessed.device)
    teacher = (whole.detach()[hidden] / temperature).log_softmax(dim=1).clamp_min(lowest)  # [M, V]
    student = (guessed[hidden] / temperature).log_softmax(dim=1).clamp_min(lowest)
    return (teacher.exp() * (teacher - student)).sum(dim=1).mean()
