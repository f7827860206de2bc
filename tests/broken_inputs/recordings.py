# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken audio files, sensor streams and corpora."""

from typing import Any

from nemo_noise.data.audio.files import load_audio
from nemo_noise.data.corpora.preparation import prepare_corpus
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.data.manifests.sensors import SensorRecording, read_sensors
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import RATE, SPEECH_LINE, Content, Folder, Lines, Missing, Wave
from tests.broken_inputs.manifests import first_problem

FIRST = "speech.json:1"


def sensors_of(path: str) -> list[dict[str, SensorRecording]]:
    return [read_sensors(entry) for entry in read_manifest(path)]


def sensor(stream: Any, *files: Content, **changed: Any) -> dict[str, Any]:
    line = {**SPEECH_LINE, "sensors": {"motion": stream}, **changed}
    return {"path": Lines("speech.json", (line,), (Wave(), *files))}


AUDIO = [
    Case("wave-missing", load_audio, {"path": Missing("a.wav"), "sample_rate": RATE}, "a.wav", "no such", "expected"),
    Case(
        "wave-of-no-bytes",
        load_audio,
        {"path": Content("a.wav", b""), "sample_rate": RATE},
        "a.wav",
        "empty",
        "expected",
    ),
    Case(
        "wave-is-text",
        load_audio,
        {"path": Content("a.wav", "hello"), "sample_rate": RATE},
        "a.wav",
        "cannot be read",
        "expected",
    ),
    Case(
        "wave-is-a-web-page",
        load_audio,
        {"path": Content("a.flac", "<html>404</html>"), "sample_rate": RATE},
        "a.flac",
        "cannot be read",
        "expected",
    ),
    Case(
        "wave-header-cut",
        load_audio,
        {"path": Wave("a.wav", kept_bytes=20), "sample_rate": RATE},
        "a.wav",
        "cannot be read",
        "expected",
    ),
    Case(
        "wave-header-alone",
        load_audio,
        {"path": Wave("a.wav", seconds=0), "sample_rate": RATE},
        "a.wav",
        "no samples",
        "expected",
    ),
    Case(
        "wave-truncated",
        first_problem,
        {"path": Lines("speech.json", (SPEECH_LINE,), (Wave(kept_bytes=32000),))},
        "duration",
        "1 s",
        "holds 0.49",
        FIRST,
    ),
    Case(
        "wave-with-nan",
        load_audio,
        {"path": Wave("a.wav", odd=float("nan")), "sample_rate": RATE},
        "a.wav",
        "NaN",
        "10 of 16000",
    ),
    Case(
        "wave-with-infinity",
        load_audio,
        {"path": Wave("a.wav", odd=float("inf")), "sample_rate": RATE},
        "a.wav",
        "infinite",
        "10 of 16000",
    ),
    Case(
        "wave-of-zeros",
        first_problem,
        {"path": Lines("speech.json", (SPEECH_LINE,), (Wave(level=0.0),))},
        "speech.wav",
        "zero",
        "expected speech",
        FIRST,
    ),
    Case("rate-zero", load_audio, {"path": Wave("a.wav"), "sample_rate": 0}, "sample_rate", "0", "expected"),
    Case(
        "rate-negative",
        load_audio,
        {"path": Wave("a.wav"), "sample_rate": -16000},
        "sample_rate",
        "-16000",
        "expected",
    ),
    Case(
        "rate-a-string", load_audio, {"path": Wave("a.wav"), "sample_rate": "16k"}, "sample_rate", "'16k'", "expected"
    ),
    Case(
        "wave-offset-negative",
        load_audio,
        {"path": Wave("a.wav"), "sample_rate": RATE, "offset_s": -1.0},
        "offset",
        "-1",
        "expected",
    ),
    Case(
        "wave-duration-negative",
        load_audio,
        {"path": Wave("a.wav"), "sample_rate": RATE, "duration_s": -1.0},
        "duration",
        "-1",
        "expected",
    ),
]

SENSORS = [
    Case(
        "sensors-a-list",
        sensors_of,
        {"path": Lines("speech.json", ({**SPEECH_LINE, "sensors": [1]},))},
        "sensors",
        "[1]",
        "{name: {file, rate_hz}}",
        FIRST,
    ),
    Case(
        "sensor-without-rate",
        sensors_of,
        sensor({"file": "m.npy"}),
        "sensors.motion",
        "{'file': 'm.npy'}",
        "{file, rate_hz}",
        FIRST,
    ),
    Case(
        "sensor-rate-zero",
        sensors_of,
        sensor({"file": "m.csv", "rate_hz": 0}, Content("m.csv", "1\n")),
        "rate_hz",
        "0",
        "above 0",
        FIRST,
    ),
    Case(
        "sensor-rate-a-string",
        sensors_of,
        sensor({"file": "m.csv", "rate_hz": "fast"}, Content("m.csv", "1\n")),
        "rate_hz",
        "'fast'",
        "above 0",
        FIRST,
    ),
    Case(
        "sensor-file-missing",
        sensors_of,
        sensor({"file": "m.npy", "rate_hz": 10}),
        "m.npy",
        "sensors.motion.file",
        "expected a file",
        FIRST,
    ),
    Case(
        "sensor-file-of-another-kind",
        sensors_of,
        sensor({"file": "m.mat", "rate_hz": 10}, Content("m.mat", "x")),
        "m.mat",
        "sensors.motion.file",
        "ends in",
        FIRST,
    ),
    Case(
        "sensor-csv-of-words",
        sensors_of,
        sensor({"file": "m.csv", "rate_hz": 10}, Content("m.csv", "x\n1\ntwo\n")),
        "m.csv:3",
        "'two'",
        "expected",
        FIRST,
    ),
    Case(
        "sensor-csv-of-unequal-lines",
        sensors_of,
        sensor({"file": "m.csv", "rate_hz": 10}, Content("m.csv", "1,2\n3\n")),
        "m.csv:2",
        "1",
        "expected 2",
        FIRST,
    ),
    Case(
        "sensor-csv-in-latin-1",
        sensors_of,
        sensor({"file": "m.csv", "rate_hz": 10}, Content("m.csv", b"\xe9\n1\n")),
        "m.csv",
        "0xe9",
        "UTF-8",
        FIRST,
    ),
    Case(
        "sensor-npy-is-text",
        sensors_of,
        sensor({"file": "m.npy", "rate_hz": 10}, Content("m.npy", "1 2 3")),
        "m.npy",
        "cannot be read",
        "expected",
        FIRST,
    ),
]

LIBRISPEECH = Content("dev-clean/1/2/1-2.trans.txt", "1-2-0000 ONE\n")
MISSING_PART = {
    "name": "librispeech",
    "root": Folder("speech-tree", (LIBRISPEECH,)),
    "out_dir": Missing("out"),
    "options": {"parts": ["dev-other"]},
}
CORPORA = [
    Case(
        "corpus-unknown",
        prepare_corpus,
        {"name": "timit", "root": Folder("timit"), "out_dir": Missing("out")},
        "corpus",
        "'timit'",
        "librispeech",
    ),
    Case(
        "corpus-folder-missing",
        prepare_corpus,
        {"name": "musan", "root": Missing("musan"), "out_dir": Missing("out")},
        "musan",
        "no such folder",
        "expected that of musan",
    ),
    Case(
        "corpus-option-unknown",
        prepare_corpus,
        {"name": "musan", "root": Folder("musan-tree"), "out_dir": Missing("out"), "options": {"split": 1}},
        "options",
        "'split'",
        "parts",
    ),
    Case(
        "librispeech-in-a-wrong-tree",
        prepare_corpus,
        {"name": "librispeech", "root": Folder("speech-tree", (Content("a.txt", "x"),)), "out_dir": Missing("out")},
        "speech-tree",
        "LibriSpeech",
        "such as dev-clean",
    ),
    Case(
        "librispeech-without-that-part",
        prepare_corpus,
        MISSING_PART,
        "dev-other",
        "LibriSpeech",
        "there are ['dev-clean']",
    ),
    Case(
        "musan-in-a-wrong-tree",
        prepare_corpus,
        {"name": "musan", "root": Folder("musan-tree", (Wave("x.wav"),)), "out_dir": Missing("out")},
        "musan-tree",
        "noise",
        "expected folders",
    ),
    Case(
        "demand-in-a-wrong-tree",
        prepare_corpus,
        {"name": "demand", "root": Folder("demand-tree", (Wave("DKITCHEN.wav"),)), "out_dir": Missing("out")},
        "demand-tree",
        "no environment",
        "ch01.wav",
    ),
    Case(
        "demand-channel-17",
        prepare_corpus,
        {
            "name": "demand",
            "root": Folder("demand-tree", (Wave("DKITCHEN/ch01.wav"),)),
            "out_dir": Missing("out"),
            "options": {"channels": [17]},
        },
        "channels",
        "17",
        "1 to 16",
    ),
    Case(
        "fleurs-in-a-wrong-tree",
        prepare_corpus,
        {"name": "fleurs", "root": Folder("fleurs-tree", (Content("en/x.txt", "x"),)), "out_dir": Missing("out")},
        "fleurs-tree",
        "FLEURS",
        "such as en_us",
    ),
    Case(
        "chime4-in-a-wrong-tree",
        prepare_corpus,
        {"name": "chime4", "root": Folder("chime-tree"), "out_dir": Missing("out")},
        "chime-tree",
        "CHiME-4",
        "expected",
    ),
    Case(
        "voices-in-a-wrong-tree",
        prepare_corpus,
        {"name": "voices", "root": Folder("voices-tree"), "out_dir": Missing("out")},
        "voices-tree",
        "VOiCES",
        "expected",
    ),
    Case(
        "corpus-longest-below-shortest",
        prepare_corpus,
        {**MISSING_PART, "options": {}, "min_duration_s": 5.0, "max_duration_s": 1.0},
        "max_duration_s",
        "1",
        "5",
    ),
]

CORPORA += [
    Case("corpus-parts-a-text", prepare_corpus, {**MISSING_PART, "options": {"parts": "dev-clean"}}, "options.parts",
         "'dev-clean'", "a list, as in"),
    Case("corpus-parts-a-number", prepare_corpus, {**MISSING_PART, "options": {"parts": 5}}, "options.parts", "5",
         "a list, as in"),
    Case("corpus-longest-a-text", prepare_corpus, {**MISSING_PART, "options": {}, "max_duration_s": "20"},
         "max_duration_s", "'20'", "expected seconds"),
    Case("corpus-shortest-nan", prepare_corpus, {**MISSING_PART, "options": {}, "min_duration_s": float("nan")},
         "min_duration_s", "nan", "expected 0 or more"),
]  # fmt: skip

CASES = [*AUDIO, *SENSORS, *CORPORA]
