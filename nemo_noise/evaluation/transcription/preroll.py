# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mixtures that noise went before: the context of a noise-aware encoder reads it, any other model the speech alone."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nemo_noise.modules import noise_before, noise_context_of

__all__ = ["after_preroll"]


def after_preroll(model: Any, before: Sequence[NDArray[np.float32] | None]) -> AbstractContextManager[None]:
    """The block in which a model transcribes a batch.

    Args:
        model: of any kind.
        before: the pre-roll of each utterance of the batch, [P] each; None where nothing went before.

    Returns:
        A context manager.

    Raises:
        ValueError: if its encoder has a noise context that cannot read a pre-roll.
    """
    if all(samples is None for samples in before) or noise_context_of(model) is None:
        return nullcontext()
    present = [np.zeros(0, np.float32) if samples is None else samples for samples in before]
    length = torch.tensor([len(samples) for samples in present])
    signal = torch.zeros(len(present), int(length.max()))
    for row, samples in zip(signal, present, strict=True):
        row[: len(samples)] = torch.from_numpy(samples)
    return noise_before(model, signal, length)
