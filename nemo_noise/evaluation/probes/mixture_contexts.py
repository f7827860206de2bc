# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The contexts of a plan's mixtures: as the context encoder of a recogniser gives them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from nemo.collections.asr.models import ASRModel

from nemo_noise.data.manifests.sensors import collate_sensors
from nemo_noise.evaluation.hypothesis import Condition
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.modules import noise_context_of, with_sensors

FloatArray = npt.NDArray[np.floating]


class NoContextError(ValueError):
    """A model or a plan has no contexts; the message is the reason, to stand in a report."""


class MixtureContexts(NamedTuple):
    """Contexts of noisy mixtures [N, C], and of each its SNR in dB [N], noise list, utterance and manifest fields."""

    contexts: FloatArray
    snr_db: FloatArray
    noise_lists: list[str]
    utterances: list[str]
    fields: list[Mapping[str, Any]]


@torch.inference_mode()
def encode_contexts(name: str, model: ASRModel, plan: MixturePlan) -> MixtureContexts:
    """Run the context encoder of a model on all noisy mixtures, one by one: no padding, and no recogniser.

    Args:
        name: of the model, for the progress bar.
        model: in evaluation mode.
        plan: the mixtures.

    Returns:
        The contexts; those that follow the time, or of several tokens, are averaged over them.

    Raises:
        NoContextError: the model has no context encoder, or the plan no noisy mixture.
    """
    if noise_context_of(model) is None:
        raise NoContextError("it has no context encoder")
    possible = [trial for trial in plan.trials if trial.trial_id not in plan.left_out]
    trials = [trial for trial in possible if trial.condition is Condition.NOISY]
    if not trials:
        raise NoContextError("no mixture of the plan has an SNR")
    device = next(model.parameters()).device
    contexts = []
    for trial in tqdm(trials, desc=f"{name}, contexts", unit="utt"):
        samples = torch.from_numpy(plan.render(trial).samples).to(device).unsqueeze(0)
        length = torch.tensor([samples.shape[1]], device=device)
        features, frames = model.preprocessor(input_signal=samples, length=length)
        with with_sensors(model, collate_sensors([plan.sensors(trial)])):
            context = model.encoder.read_context(features[:, :, : int(frames)], frames).pooled()  # [1, C]
        contexts.append(context[0].float().cpu().numpy())
    return MixtureContexts(
        np.stack(contexts),
        np.array([float(trial.snr_db or 0.0) for trial in trials]),
        [str(trial.noise_list) for trial in trials],
        [trial.utterance_id for trial in trials],
        [{} if trial.entry is None else trial.entry.fields for trial in trials],
    )
