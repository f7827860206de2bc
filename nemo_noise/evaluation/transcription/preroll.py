# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a noise context reads beside a mixture, or in place of it; a model without one reads the speech alone."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nemo_noise.modules import noise_before, noise_context_of, noise_in_place

__all__ = ["after_preroll", "given_noise"]


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
    return noise_before(model, *_padded(before))


def given_noise(model: Any, noises: Sequence[NDArray[np.float32] | None]) -> AbstractContextManager[None]:
    """The block in which the noise context of a model reads the noise of each mixture in place of the mixture.

    Args:
        model: of any kind.
        noises: the noise in each mixture of the batch, [T] each; None throughout where it is not asked for.

    Returns:
        A context manager.

    Raises:
        ValueError: if its encoder has a noise context that cannot read it.
    """
    if all(samples is None for samples in noises) or noise_context_of(model) is None:
        return nullcontext()
    return noise_in_place(model, *_padded(noises))


def _padded(signals: Sequence[NDArray[np.float32] | None]) -> tuple[torch.Tensor, torch.Tensor]:
    """Signals [P] side by side, [B, P], and their lengths [B]."""
    present = [torch.from_numpy(np.zeros(0, np.float32) if one is None else one) for one in signals]
    return torch.nn.utils.rnn.pad_sequence(present, batch_first=True), torch.tensor([len(one) for one in present])
