# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms and devices while training: an effect chain as a NeMo perturbation."""

from collections.abc import Mapping
from typing import Any

from nemo.collections.asr.parts.preprocessing.perturb import Perturbation
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.configuration import refuse_unknown
from nemo_noise.data.acoustics.chain import build_chain
from nemo_noise.data.curriculum.curriculum import ProbabilityCurriculum
from nemo_noise.data.draw.clock import EPOCH_CLOCK, note_reader
from nemo_noise.data.draw.event_counts import EventCounts
from nemo_noise.data.draw.utterance import Refresh, UtteranceDraw, key_of

__all__ = ["AcousticsPerturbation"]


class AcousticsPerturbation(Perturbation):
    """Applies a chain of effects; registered with NeMo as `rooms` and as `devices` for `train_ds.augmentor`.

    Two names for one class, because a room comes before the noise and a device behind it: `rooms`, `noise_mix`,
    `devices`, in this order. What an utterance gets depends on (seed, epoch, its samples, name of the effect) and on
    nothing else. NeMo's own `prob` draws from a generator that differs per worker, so leave it at 1.0 and set the
    `prob` of the effects.

    The epoch comes from `nemo_noise.training.epoch.EpochClockCallback`. Silent utterances stay untouched, counted.

    Args:
        effects: see `build_chain`.
        seed: 0 or more.
        refresh: `each_epoch`, or `never` for a validation set that stays the same.
        curriculum: probabilities of effects that change while training, see `ProbabilityCurriculum`.
        unknown: keys of the block that are none of these; refused.
    """

    def __init__(
        self,
        effects: Mapping[str, Mapping[str, Any] | None],
        seed: int = 0,
        refresh: str = "each_epoch",
        curriculum: Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, type(self), "rooms or devices")
        self.chain = build_chain(effects)
        self.draws = UtteranceDraw("rooms or devices", seed=seed, refresh=refresh)
        if curriculum is not None and self.draws.refresh is Refresh.NEVER:
            raise ValueError("curriculum: is given with refresh: never, but time does not pass there; leave one out")
        names = [step.name for step in self.chain.steps]
        self.curriculum = None if curriculum is None else ProbabilityCurriculum(curriculum, names, EPOCH_CLOCK)
        self.counts = EventCounts()
        note_reader(self)

    def perturb(self, data: AudioSegment) -> None:
        """Applies the chain to a mono segment in place.

        Raises:
            ValueError: if the segment is multi-channel or holds NaN, or an effect cannot be applied to it; names the
                file.
        """
        name = str(getattr(data, "_audio_file", None) or "a segment without a file name")
        if not data._samples.any():
            self.counts.note("silent speech", f"{name}: is silent or empty, rooms and devices leave it untouched")
            return
        try:
            seeds, probs = (
                self.draws.seeds(key_of(data._samples)),
                self.curriculum.probs() if self.curriculum else None,
            )
            data._samples = self.chain.apply(data._samples, data.sample_rate, seeds, probs).samples
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
