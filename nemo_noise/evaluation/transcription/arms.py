# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The ways to run one recogniser: as it is; a NeMo model also with contexts that are not its own, or adapting."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.data.manifests.sensors import SensorBatch
from nemo_noise.evaluation.mixtures.batches import Kept
from nemo_noise.evaluation.transcription.adapted import adapted_transcriptions
from nemo_noise.evaluation.transcription.preroll import after_preroll, given_noise
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.decoding.guarded_transcription import transcribe_guarded
from nemo_noise.inference.systems import System
from nemo_noise.inference.systems.contract import with_options
from nemo_noise.modules import context_users, sensor_users, shuffled_context, shuffled_sensors, with_sensors
from nemo_noise.recogniser.transcription import Transcript, fingerprint

__all__ = ["Arm", "Control", "arms_of", "control_name", "is_control"]

Transcribing = Callable[[Any, Sequence[NDArray[np.float32]], Mapping[str, Any]], list[Transcript]]


class Control(str, Enum):
    """A control run beside the model itself."""

    SHUFFLED_CONTEXT = "shuffled_context"
    SHUFFLED_SENSORS = "shuffled_sensors"
    SWAPPED_NOISE = "swapped_noise"
    SWAPPED_TALKER = "swapped_talker"


# who uses what is shuffled, the block in which it is, what a model lacks that has no such part, what stays
_CONTROLS: dict[
    Control, tuple[Callable[..., Sequence[Any]], Callable[..., AbstractContextManager[None]], str, Kept]
] = {
    Control.SHUFFLED_CONTEXT: (context_users, shuffled_context, "context encoder", Kept.NOTHING),
    Control.SHUFFLED_SENSORS: (sensor_users, shuffled_sensors, "context encoder that reads sensors", Kept.NOTHING),
    Control.SWAPPED_NOISE: (context_users, shuffled_context, "context encoder", Kept.TALKER),
    Control.SWAPPED_TALKER: (context_users, shuffled_context, "context encoder", Kept.NOISE),
}


def transcribe_any(
    model: "ASRModel | System", waveforms: Sequence[NDArray[np.float32]], options: Mapping[str, Any]
) -> list[Transcript]:
    """Transcribes a batch by a NeMo model, with options and guards, or by a system, which has its own."""
    return model.transcribe(waveforms) if isinstance(model, System) else transcribe_guarded(model, waveforms, options)


@dataclass(frozen=True)
class Arm:
    """One way of running one recogniser.

    Attributes:
        name: of the rows it writes.
        model: a NeMo model, or a system of another kind, whose options are its own.
        context: what its encoder runs in; nothing for the plain model.
        kept: where each trial gets the context of another, what the two share, see `rings_of`; the first of a batch
            is there for its context alone. None: each has its own.
        transcribes: how it transcribes a batch.
        batch_size: waveforms per batch; None for that of the run.
        stream_fields: fields of the manifest; with any, a batch is a stream, see `stream_batches`.
        settings: of `transcribes`, part of the fingerprint in its rows.
        trials: at most about so many trials, see `choose_trials`; None for all.
    """

    name: str
    model: ASRModel | System
    context: Callable[[], AbstractContextManager[None]] = nullcontext
    kept: Kept | None = None
    transcribes: Transcribing = transcribe_any
    batch_size: int | None = None
    stream_fields: Sequence[str] = ()
    settings: str = ""
    trials: int | None = None

    @property
    def mixes_cells(self) -> bool:
        """Whether each trial gets the context of another."""
        return self.kept is not None

    def fingerprint(self, options: Mapping[str, Any]) -> str:
        """What decides the texts: weights, settings, and options of `transcribe`; a system has those in its own."""
        if isinstance(self.model, System):
            return self.model.fingerprint + self.settings
        return with_options(fingerprint(self.model) + self.settings, options)

    @contextmanager
    def conditions(
        self,
        sensors: Mapping[str, SensorBatch],
        before: Sequence[NDArray[np.float32] | None],
        noises: Sequence[NDArray[np.float32] | None] = (),
    ) -> Iterator[None]:
        """The block for a batch: what was recorded beside it, the noise before and in it, for contexts that read."""
        if isinstance(self.model, System):
            yield
            return
        with (
            with_sensors(self.model, sensors),
            after_preroll(self.model, before),
            given_noise(self.model, noises),
        ):
            yield

    @property
    def device(self) -> torch.device:
        """Whose memory is the recogniser's; `meta` where nobody can measure it."""
        if isinstance(self.model, System):
            return (
                self.model.device if self.model.is_torch or self.model.device.type == "cpu" else torch.device("meta")
            )
        parameter = next(iter(self.model.parameters()), None)
        return torch.device("cpu") if parameter is None else parameter.device

    @property
    def parameter_count(self) -> int | None:
        """Numbers that were learned; None where nobody can count them."""
        if isinstance(self.model, System):
            return self.model.parameter_count
        return sum(parameter.numel() for parameter in self.model.parameters())


def arms_of(
    name: str,
    model: ASRModel | System,
    controls: Sequence[Control | str],
    *,
    adaptation: AdaptationConfig | None = None,
    adaptation_trials: int | None = None,
    adaptation_streams: Sequence[str] = (),
) -> list[Arm]:
    """List the ways to run a model.

    Args:
        name: of the model.
        model: a NeMo model, or a system of another kind, which has no controls and does not adapt.
        controls: controls beside it; those that it cannot run are logged and left out.
        adaptation: how it adapts to each utterance in one more run, left out in the same way; None for no such run.
        adaptation_trials: at most about so many trials are for each of these runs; None for all.
        adaptation_streams: fields of the manifest; with any, it adapts along streams in yet another run.

    Returns:
        The model itself, then its controls, then the model that adapts.
    """
    arms = [Arm(name, model)]
    if isinstance(model, System):
        left_out = [Control(control).value for control in controls] + ([] if adaptation is None else ["adaptation"])
        if left_out:
            logging.warning(f"{', '.join(left_out)} left out: {name} is a {model.kind}, not a NeMo model")
        return arms
    for control in controls:
        if control not in [known.value for known in Control]:
            raise ValueError(f"controls holds {control!r}, known are {[known.value for known in Control]}")
        users, shuffled, missing, kept = _CONTROLS[Control(control)]
        if not isinstance(model, torch.nn.Module) or not users(model):
            logging.warning(f"control {Control(control).value} left out: {name} has no {missing}")
            continue
        context = partial(shuffled, model)
        arms.append(Arm(control_name(name, control), model, context, kept=kept))
    for adapted, transcribes in adapted_transcriptions(
        name, model, adaptation, along_streams=bool(adaptation_streams)
    ).items():
        fields = tuple(adaptation_streams) if transcribes.along_stream else ()
        settings = transcribes.fingerprint + "".join(f"+{field}" for field in fields)
        arms.append(
            Arm(
                adapted,
                model,
                transcribes=transcribes,
                batch_size=None if fields else 1,
                stream_fields=fields,
                settings=settings,
                trials=adaptation_trials,
            )
        )
    return arms


def control_name(model: str, control: Control | str) -> str:
    """Name the rows of a control, as in "model+shuffled_context"."""
    return f"{model}+{Control(control).value}"


def is_control(name: str) -> bool:
    """Whether a name is one that `control_name` gives."""
    return any(name.endswith(control_name("", control)) for control in Control)
