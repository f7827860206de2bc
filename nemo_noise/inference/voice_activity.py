# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Silero's voice activity detector, as faster-whisper ships and runs it (ONNX, MIT licence)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemo_noise import checks
from nemo_noise.inference.faster_whisper_package import FasterWhisper, faster_whisper_package

__all__ = ["VAD_OPTIONS", "VAD_PARAMETERS", "VoiceActivity", "check_vad"]

SAMPLE_RATE = 16000  # of the detector, Hz
# As faster-whisper names them.
VAD_PARAMETERS: Mapping[str, checks.Rule] = {
    "threshold": checks.number(0.0, 1.0),
    "neg_threshold": checks.maybe(checks.number(0.0, 1.0)),
    "min_speech_duration_ms": checks.whole(0),
    "max_speech_duration_s": checks.number(above=0.0),
    "min_silence_duration_ms": checks.whole(0),
    "speech_pad_ms": checks.whole(0),
}
VAD_OPTIONS: Mapping[str, checks.Rule] = {
    "vad_filter": checks.flag(),
    "vad_parameters": checks.maybe(checks.mapping("{threshold: 0.5, min_speech_duration_ms: 100}")),
}


class VoiceActivity:
    """How many seconds of a piece are speech.

    Args:
        parameters: some of `VAD_PARAMETERS`; what is left out is faster-whisper's.

    Raises:
        ImportError: if faster-whisper is not installed.
        ValueError: if a parameter is unknown or wrong.
    """

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        self._package = check_vad(parameters)
        self._options = self._package.VadOptions(**(parameters or {}))

    def speech_s(self, samples: NDArray[np.float32]) -> float:
        """Seconds of speech in samples at 16 kHz [T], 0 where nobody speaks; the padding around it counts."""
        spans = self._package.get_speech_timestamps(samples, self._options)
        return float(sum(span["end"] - span["start"] for span in spans)) / SAMPLE_RATE


def check_vad(parameters: Mapping[str, Any] | None = None, *, sample_rate: int | None = None) -> FasterWhisper:
    """Check the package, parameters and the sample rate, without the detector.

    Raises:
        ImportError: if faster-whisper is not installed.
        ValueError: if a parameter is unknown or wrong, or the sample rate is not the detector's.
    """
    checks.check_options(parameters or {}, VAD_PARAMETERS, "vad_parameters")
    if sample_rate is not None and sample_rate != SAMPLE_RATE:
        raise ValueError(f"vad_filter is true, but the model takes {sample_rate} Hz, the detector {SAMPLE_RATE}")
    return faster_whisper_package("leave vad_filter out, which needs Silero's detector from it")
