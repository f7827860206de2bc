# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to faster-whisper: its Whisper on CTranslate2, and Silero's voice activity detector that it ships."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

__all__ = ["FasterWhisper", "faster_whisper_package"]


class FasterWhisper(NamedTuple):
    """What is used of faster-whisper and CTranslate2."""

    WhisperModel: Any
    download_model: Callable[[str], str]
    VadOptions: Any
    get_speech_timestamps: Callable[..., list[dict[str, int]]]
    ctranslate2: ModuleType

    def seed(self) -> None:
        """Starts CTranslate2's random numbers anew."""
        self.ctranslate2.set_random_seed(0)


def faster_whisper_package(remedy: str) -> FasterWhisper:
    """Import the package.

    Args:
        remedy: what can be done without it, for the message.

    Raises:
        ImportError: it is not installed; says what to install.
    """
    try:
        import ctranslate2
        import faster_whisper
        from faster_whisper import vad
    except ImportError as error:
        raise ImportError(
            f"faster-whisper is not installed: pip install 'nemo-noise[faster-whisper]', or {remedy}"
        ) from error
    return FasterWhisper(
        faster_whisper.WhisperModel,
        faster_whisper.download_model,
        vad.VadOptions,
        vad.get_speech_timestamps,
        ctranslate2,
    )
