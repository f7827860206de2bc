# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Log-probabilities frame by frame, with gradients: of a CTC head, or of a transducer along its path."""

from typing import NamedTuple

import torch
from torch import Tensor

from nemo.collections.asr.models import ASRModel

from nemo_noise.recogniser.facts import Family, family_of

__all__ = ["Emissions", "LabelPath", "check_has_emissions", "emissions_of"]


class LabelPath(NamedTuple):
    """Which labels [U] a transducer's search has written, and in which frames [U]."""

    labels: Tensor
    times: Tensor


class Emissions(NamedTuple):
    """Log-probabilities [T, V] of one utterance, which class is the blank, and a transducer's path (CTC has none)."""

    log_probs: Tensor
    blank: int
    path: LabelPath | None = None


def check_has_emissions(model: ASRModel) -> None:
    """Raises a TypeError for a model without a distribution for every frame, such as one with an attention decoder."""
    if family_of(model) in (Family.ATTENTION, Family.NONE):
        raise TypeError(
            f"{type(model).__name__} cannot be adapted to an utterance: its emissions are not by frame; use a model "
            "with a CTC head or a transducer."
        )


def emissions_of(model: ASRModel, waveform: Tensor, path: LabelPath | None = None) -> Emissions:
    """Runs a recogniser, in evaluation mode, on one utterance [T]; a TypeError for attention decoders.

    Of a hybrid model these are the emissions of its CTC head, which shares the encoder. Of a transducer (RNNT, TDT)
    they are those of the first decision in every frame, after the labels of the path: its search writes that one,
    unless it is given.
    """
    check_has_emissions(model)
    signal, length = waveform.unsqueeze(0), torch.tensor([len(waveform)], device=waveform.device)
    family = family_of(model)
    if family is Family.HYBRID:
        encoded, encoded_length = model(input_signal=signal, input_signal_length=length)[:2]
        log_probs, path = model.ctc_decoder(encoder_output=encoded), None  # [1, T, V]
    elif family is Family.TRANSDUCER:
        encoded, encoded_length = model(input_signal=signal, input_signal_length=length)[:2]
        path = path or _searched_path(model, encoded, encoded_length)
        log_probs = _along_path(model, encoded, path)
    else:
        log_probs, encoded_length = model(input_signal=signal, input_signal_length=length)[:2]
        path = None
    log_probs = log_probs[0, : int(encoded_length[0])].float()
    return Emissions(log_probs, log_probs.shape[1] - 1, path)


@torch.no_grad()
def _searched_path(model: ASRModel, encoded: Tensor, encoded_length: Tensor) -> LabelPath:
    hypotheses = model.decoding.rnnt_decoder_predictions_tensor(
        encoder_output=encoded.detach(), encoded_lengths=encoded_length, return_hypotheses=True
    )
    best = hypotheses[0][0] if isinstance(hypotheses[0], list) else hypotheses[0]
    labels = torch.as_tensor(best.y_sequence, dtype=torch.long, device=encoded.device).clone()  # no inference tensor
    times = torch.as_tensor(best.timestamp, dtype=torch.long, device=encoded.device).clone()
    if len(times) != len(labels):
        raise TypeError(
            f"{type(model).__name__}: its decoding gives {len(times)} times for {len(labels)} labels, but a "
            "transducer is adapted along its path; use the strategy greedy_batch or malsd_batch."
        )
    return LabelPath(labels, times)


def _along_path(model: ASRModel, encoded: Tensor, path: LabelPath) -> Tensor:
    """Log-probabilities [1, T, V] of every frame of [1, D, T], after the labels that were written before it."""
    predicted = model.decoder(
        targets=path.labels.unsqueeze(0), target_length=torch.tensor([len(path.labels)], device=encoded.device)
    )[0]  # [1, D', U + 1]
    frames = torch.arange(encoded.shape[2], device=encoded.device)
    num_written = (path.times.unsqueeze(0) < frames.unsqueeze(1)).sum(dim=1)  # [T]
    joined = model.joint.joint(
        encoded[0].T.unsqueeze(1), predicted[0].T[num_written].unsqueeze(1)
    )  # [T, 1, 1, V + ...]
    num_classes = joined.shape[3] - model.joint.num_extra_outputs
    log_probs: Tensor = joined[:, 0, 0, :num_classes].log_softmax(dim=1).unsqueeze(0)
    return log_probs
