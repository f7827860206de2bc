# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio files whose headers lie, that are not whole, or whose samples are no sound."""

from typing import Any

from nemo_noise.data.audio.files import load_audio
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import RATE, SPEECH_LINE, Lines, Riff, Wave
from tests.broken_inputs.manifests import load_all

FIRST = "speech.json:1"


def _file(file: Wave | Riff, **options: Any) -> dict[str, Any]:
    return {"path": file, "sample_rate": RATE, **options}


def _line(file: Wave | Riff, **changed: Any) -> dict[str, Any]:
    return {"path": Lines("speech.json", ({**SPEECH_LINE, "audio_filepath": file.name, **changed},), (file,))}


HEADERS = [
    Case("wave-at-1-hz", load_audio, _file(Riff("a.wav", rate=1)), "a.wav", "1 Hz", "1000 to 768000 Hz"),
    Case("wave-at-999-hz", load_audio, _file(Riff("a.wav", rate=999)), "a.wav", "999 Hz", "1000 to 768000 Hz"),
    Case(
        "wave-at-2-ghz", load_audio, _file(Riff("a.wav", rate=2**31 - 1)), "a.wav", "2147483647 Hz", "1000 to 768000"
    ),
    Case("wave-of-300-channels", load_audio, _file(Riff("a.wav", channels=300)), "a.wav", "300 channels", "1 to 64"),
    Case(
        "wave-that-claims-ten-hours",
        load_audio,
        _file(Riff("a.wav", claimed_bytes=2 * RATE * 36000)),
        "duration in its header",
        "36000 s",
        "expected the whole file",
    ),
    Case(
        "wave-cut-at-40-percent-of-its-line",
        load_all,
        _line(Wave("a.wav", kept_bytes=25600), duration=1.0),
        "a.wav",
        "1 s",
        "expected the whole file",
        FIRST,
    ),
    Case(
        "mp3-cut", load_audio, _file(Wave("a.mp3", seconds=4.0, subtype="MPEG_LAYER_III", kept_bytes=9000)),
        "duration in its header", "4 s", "expected the whole file",
    ),
    Case(
        "ogg-cut", load_audio, _file(Wave("a.ogg", seconds=20.0, subtype="VORBIS", kept_bytes=40000)),
        "a.ogg", "no end", "expected it whole",
    ),
    Case(
        "flac-cut", load_audio, _file(Wave("a.flac", seconds=4.0, subtype="PCM_16", kept_bytes=40000)),
        "a.flac", "cannot be read", "expected WAV",
    ),
    Case(
        "aiff-cut", load_audio, _file(Wave("a.aiff", seconds=4.0, subtype="PCM_16", kept_bytes=40000)),
        "duration in its header", "3.999 s", "expected the whole file",
    ),
    Case(
        "audio-longer-than-is-loaded-at-once",
        load_audio,
        _file(Wave("a.wav", seconds=2.0), longest_s=1.5),
        "a.wav",
        "2 s",
        "up to 1.5 s",
    ),
    Case("wave-behind-its-end", load_audio, _file(Wave("a.wav"), offset_s=1e300), "offset", "1e+300 s", "its end at"),
    Case(
        "line-that-claims-more-than-its-file",
        load_all,
        _line(Wave("a.wav"), duration=36000.0),
        "duration",
        "36000 s",
        "the file holds 1.000 s",
        FIRST,
    ),
    Case(
        "line-that-ends-behind-its-file",
        load_all,
        _line(Wave("a.wav"), offset=0.75, duration=0.5),
        "duration",
        "0.5 s",
        "the file holds 0.250 s",
        FIRST,
    ),
    Case(
        "line-of-a-duration-beyond-numbers", load_all, _line(Wave("a.wav"), duration=1e308), "duration", "1e+308 s",
        "the file holds 1.000 s", FIRST,
    ),
]  # fmt: skip

SAMPLES = [
    Case(
        "channels-of-opposite-sign",
        load_audio,
        _file(Wave("a.wav", channels=2, opposite=True)),
        "a.wav",
        "cancel each other",
        "take one of them",
    ),
    Case("wave-of-1e37", load_audio, _file(Wave("a.wav", level=1e37)), "peak", "4.02316e+37", "around full scale"),
    Case("whole-numbers-as-floats", load_audio, _file(Wave("a.wav", level=3e3)), "peak", "saved as floats", "1.0"),
]

TYPES = [
    Case("audio-offset-a-text", load_audio, _file(Wave("a.wav"), offset_s="1"), "offset_s", "'1'", "expected seconds"),
    Case("audio-duration-true", load_audio, _file(Wave("a.wav"), duration_s=True), "duration_s", "True", "seconds"),
    Case("audio-of-a-list", load_audio, {"path": ["a.wav"], "sample_rate": RATE}, "audio", "['a.wav']", "the path of"),
    Case("audio-at-10-to-the-12", load_audio, {"path": Wave("a.wav"), "sample_rate": 10**12}, "sample_rate",
         "1000000000000", "768000 samples per second at most"),
]  # fmt: skip

CASES = [*HEADERS, *SAMPLES, *TYPES]
