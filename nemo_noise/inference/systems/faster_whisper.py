# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""faster-whisper as a system: Whisper in CTranslate2's format, searched with its own fallbacks and filters."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from nemo_noise import checks
from nemo_noise.foreign_text import printable
from nemo_noise.inference.faster_whisper_package import FasterWhisper, faster_whisper_package
from nemo_noise.inference.systems.contract import System, TimedWord, Waveforms, with_options
from nemo_noise.inference.systems.hub import folder_of
from nemo_noise.inference.systems.kinds import FASTER_WHISPER_SIZES, Kind
from nemo_noise.models.hugging_face.folder import check_own_file
from nemo_noise.models.whisper.ctranslate2 import count_parameters, read_ctranslate2_whisper
from nemo_noise.recogniser.config_facts import ModelFacts
from nemo_noise.recogniser.transcription import Transcript
from nemo_noise.recogniser.waveforms import check_waveforms

__all__ = ["FASTER_WHISPER_OPTIONS", "FasterWhisperSystem", "check_faster_whisper", "open_faster_whisper"]

FETCHED = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
SAMPLE_RATE = 16000  # of every Whisper, in Hz
FACTOR, THRESHOLD = checks.number(0), checks.maybe(checks.number())
TEMPERATURE = checks.Rule(
    lambda value: checks.is_number(value, 0) or checks.are_numbers(value, 0),
    "a number, 0 or more, or a list of some",
)
COMPUTE_TYPES = (
    *("default", "auto", "float32", "float16", "bfloat16", "int16"),
    *("int8", "int8_float32", "int8_float16", "int8_bfloat16"),
)
LOADING = {"compute_type": checks.one_of(*COMPUTE_TYPES), "cpu_threads": checks.whole(0, 1024)}
SEARCHING = {
    "language": checks.Rule(
        lambda value: value is None or (isinstance(value, str) and re.fullmatch("[a-z]{2,3}", value) is not None),
        "a code, as in de, or null",
    ),
    "task": checks.one_of("transcribe", "translate"),
    "beam_size": checks.whole(1, 100),
    "best_of": checks.whole(1, 100),
    "patience": FACTOR,
    "length_penalty": checks.number(),
    "repetition_penalty": FACTOR,
    "no_repeat_ngram_size": checks.whole(0),
    "temperature": TEMPERATURE,
    "compression_ratio_threshold": THRESHOLD,
    "log_prob_threshold": THRESHOLD,
    "no_speech_threshold": THRESHOLD,
    "condition_on_previous_text": checks.flag(),
    "initial_prompt": checks.maybe(checks.text()),
    "hotwords": checks.maybe(checks.text()),
    "suppress_blank": checks.flag(),
    "without_timestamps": checks.flag(),
    "max_new_tokens": checks.maybe(checks.whole(1)),
    "hallucination_silence_threshold": THRESHOLD,
    "vad_filter": checks.flag(),
    "vad_parameters": checks.maybe(checks.mapping("{threshold: 0.5, min_silence_duration_ms: 500}")),
}
FASTER_WHISPER_OPTIONS = LOADING | SEARCHING


class _Segments(NamedTuple):
    """What faster-whisper wrote for one waveform, segment after segment."""

    text: str
    words: list[TimedWord]


class FasterWhisperSystem(System):
    """A Whisper run by faster-whisper, one waveform after the other; what is not set is its own default.

    Args:
        name: to show.
        folder: in CTranslate2's format.
        device: where it runs.
        options: some of `FASTER_WHISPER_OPTIONS`.
    """

    kind = Kind.FASTER_WHISPER.value
    sample_rate = SAMPLE_RATE
    is_torch = False

    def __init__(self, name: str, folder: Path, *, device: torch.device, options: Mapping[str, Any]) -> None:
        self._package = _faster_whisper()
        _, _, file = read_ctranslate2_whisper(folder)  # before a program in C++ reads it
        self.name, self.device = name, device
        self.parameter_count = count_parameters(file)
        self.fingerprint = with_options(_hash(folder), options)
        self.options = {key: value for key, value in options.items() if key in SEARCHING}
        loading = {key: value for key, value in options.items() if key in LOADING}
        place = {"device": device.type, "device_index": device.index or 0}
        self.model: Any = self._package.WhisperModel(str(folder), local_files_only=True, **place, **loading)
        language, known = options.get("language"), self.model.supported_languages
        if language is not None and language not in known:
            raise ValueError(
                f"transcribe.language is {language!r}, {name} has {', '.join(known)}: should be one of them"
            )

    def transcribe(self, waveforms: Waveforms) -> list[Transcript]:
        """As `System.transcribe`."""
        return [Transcript(found.text) for found in self._search(waveforms)]

    def transcribe_words(self, waveforms: Waveforms) -> list[list[TimedWord]]:
        """As `TimesWords.transcribe_words`, by the attention of the decoder."""
        return [found.words for found in self._search(waveforms, word_timestamps=True)]

    def _search(self, waveforms: Waveforms, **more: bool) -> list[_Segments]:
        waveforms = check_waveforms(waveforms, "waveforms") if len(waveforms) else []
        found = []
        for waveform in waveforms:
            self._package.seed()  # above a temperature of 0 tokens are drawn
            segments, _ = self.model.transcribe(waveform, **self.options, **more)
            parts = list(segments)
            words = [
                TimedWord(word.word.strip(), float(word.start), float(word.end), float(word.probability))
                for part in parts
                for word in part.words or []
            ]
            found.append(_Segments(" ".join(part.text.strip() for part in parts).strip(), words))
        return found


def open_faster_whisper(name: str, device: torch.device, options: Mapping[str, Any]) -> FasterWhisperSystem:
    """Load a folder in CTranslate2's format, `owner/name` of the hub, or a size such as `tiny.en`.

    Raises:
        ImportError: faster-whisper is not installed.
        FileNotFoundError: a file is missing.
        ValueError: the folder is no Whisper, or an option is unknown or wrong.
    """
    package = _faster_whisper()
    checks.check_options(options, FASTER_WHISPER_OPTIONS, "transcribe")
    folder = _folder(name, package)
    return FasterWhisperSystem(name, folder, device=device, options=options)


def check_faster_whisper(name: str, options: Mapping[str, Any], *, where: str, shown: str) -> ModelFacts:
    """Check the package, the list of variables in the folder and the options that `where` holds; no weights.

    Raises:
        ImportError: faster-whisper is not installed.
        ValueError: as `open_faster_whisper`.
    """
    package = _faster_whisper()
    for option in options:
        if option not in FASTER_WHISPER_OPTIONS:
            raise ValueError(
                f"{where} holds {option!r}{checks.near_names(str(option), FASTER_WHISPER_OPTIONS)}, which {shown} "
                f"(faster-whisper) does not take: should be some of {', '.join(FASTER_WHISPER_OPTIONS)}"
            )
    checks.check_options(options, FASTER_WHISPER_OPTIONS, where)
    read_ctranslate2_whisper(_folder(name, package))
    return ModelFacts("faster-whisper", SAMPLE_RATE, options=frozenset(FASTER_WHISPER_OPTIONS))


def _folder(name: str, package: FasterWhisper) -> Path:
    """The folder behind a name; without a tokenizer in it faster-whisper would fetch another."""
    if name in FASTER_WHISPER_SIZES:
        try:
            folder = Path(package.download_model(name))
        except Exception as error:  # of the network, of the hub
            reason = printable(str(error).strip().split("\n")[0], 200)
            raise ValueError(
                f"model {name!r} is a size of faster-whisper, and its weights cannot be had from the hub ({reason}): "
                "should be a folder with config.json, model.bin, tokenizer.json and vocabulary.txt"
            ) from error
    else:
        folder = folder_of(name, FETCHED)
    for file in folder.iterdir():
        check_own_file(file)
    if not (folder / "tokenizer.json").is_file():
        raise FileNotFoundError(
            f"{folder} has no tokenizer.json: convert with ct2-transformers-converter --copy_files tokenizer.json, or "
            "copy that of the same Whisper there."
        )
    return folder


def _hash(folder: Path) -> str:
    """16 hexadecimal digits of all files that decide a text."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".txt", ".bin"):
            digest.update(file.name.encode())
            with file.open("rb") as opened:
                while block := opened.read(2**24):
                    digest.update(block)
    return digest.hexdigest()[:16]


def _faster_whisper() -> FasterWhisper:
    return faster_whisper_package("read the folder without it by nemo_noise.load(folder)")
