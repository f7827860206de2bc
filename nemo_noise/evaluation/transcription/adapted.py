# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A model that adapts to each utterance, or along streams of them, run beside itself in an evaluation."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.inference.adaptation.adaptation import adapt_along_streams, check_adaptable
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.recogniser.transcription import Transcript
from nemo_noise.recogniser.waveforms import check_waveforms

__all__ = ["AdaptedTranscription", "adapted_name", "adapted_transcriptions"]


@dataclass(frozen=True)
class AdaptedTranscription:
    """Transcribes waveforms as `transcribe` does, but adapts to each of them by itself, or along a stream of them.

    Attributes:
        adaptation: how.
        along_stream: whether the waveforms of a call are one stream, in their order, and weights stay from one to the
            next.
    """

    adaptation: AdaptationConfig
    along_stream: bool = False

    def __call__(
        self, model: ASRModel, waveforms: Sequence[NDArray[np.float32]], options: Mapping[str, Any] | None = None
    ) -> list[Transcript]:
        """Adapt, transcribe, and put everything back.

        Args:
            model: a CTC, hybrid or transducer model.
            waveforms: mono float32 at the model's sample rate. [T] each
            options: further arguments of the model's `transcribe`; those of the adaptation go before.

        Returns:
            One transcript per waveform, in order, without confidences; `extra` are `is_adapted`, `adaptation_steps`,
            `adaptation_reason` and `plain_transcribe_s`, the seconds that it takes alone and unadapted.
        """
        waveforms = check_waveforms(waveforms, "waveforms")
        config = replace(self.adaptation, transcribe={**(options or {}), **self.adaptation.transcribe})
        streams = [0] * len(waveforms) if self.along_stream else range(len(waveforms))
        return [
            Transcript(
                result.text,
                extra={
                    "is_adapted": result.is_adapted,
                    "adaptation_steps": result.num_steps,
                    "adaptation_reason": result.reason,
                    "plain_transcribe_s": round(result.transcription_s, 6),
                },
            )
            for result in adapt_along_streams(model, lambda number: waveforms[number], streams, config=config)
        ]

    @property
    def fingerprint(self) -> str:
        """8 hexadecimal digits of all settings, so that rows of others are not taken for these."""
        settings = {field.name: getattr(self.adaptation, field.name) for field in fields(self.adaptation)}
        known = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        if not known["batch_statistics"]:  # came later: rows from before it are the same
            del known["batch_statistics"]
        known["objective"] = str(getattr(known["objective"], "value", known["objective"]))
        return hashlib.sha256(repr(sorted(known.items())).encode()).hexdigest()[:8]


def adapted_transcriptions(
    name: str, model: Any, adaptation: AdaptationConfig | None, *, along_streams: bool = False
) -> dict[str, AdaptedTranscription]:
    """Make a model adapt, if it can: how, by the name of its rows; empty, with a warning, for one that cannot."""
    if adaptation is None:
        return {}
    try:
        check_adaptable(model, adaptation)
    except (TypeError, ValueError) as error:
        logging.warning(f"adaptation left out: {name}: {error}")
        return {}
    ways = (False, True) if along_streams else (False,)
    return {adapted_name(name, way): AdaptedTranscription(adaptation, along_stream=way) for way in ways}


def adapted_name(model: str, along_stream: bool = False) -> str:
    """Name the rows of a model that adapts, as in "model+adapted", or "model+adapted_stream" along streams."""
    return f"{model}+adapted_stream" if along_stream else f"{model}+adapted"
