# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The manifest field `sensors`: read for the time of the audio, carried beside NeMo's batches, errors by file:line."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.plugins import DoublePrecision, HalfPrecision, Precision

from nemo.collections.asr.data.audio_to_text import AudioToCharDataset

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.data.manifests.manifest import ManifestError, read_manifest
from nemo_noise.data.manifests.sensor_table import parse_table
from nemo_noise.data.manifests.sensors import SensorRecording, collate_sensors, read_sensors
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.sensors_in_batches import BatchWithSensors, SampleWithSensors

RATE = 16000


def manifest(folder: Path, lines: list[dict[str, Any]], name: str = "speech.json") -> Path:
    """Write the lines and one second of audio for each; `audio` says how long, in seconds."""
    for number, line in enumerate(lines):
        file = line.setdefault("audio_filepath", f"{name}_{number}.wav")
        seconds = line.pop("audio", 1.0)
        if not (folder / file).exists():
            samples = 0.1 * np.random.default_rng(number).standard_normal(int(seconds * RATE))
            soundfile.write(folder / file, samples, RATE)
        line.setdefault("duration", seconds)
        line.setdefault("text", "ab")
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / name


def data_set(path: Path, augmentor: Any = None) -> AudioToCharDataset:
    return AudioToCharDataset(str(path), labels=["a", "b"], sample_rate=RATE, augmentor=augmentor)


def test_npy_and_csv_are_cut_to_the_time_of_the_audio(tmp_path: Path) -> None:
    shaking = np.arange(600, dtype=np.float64).reshape(200, 3)
    np.save(tmp_path / "shaking.npy", shaking)
    (tmp_path / "level.csv").write_text("level_db\n60.5\n61\n\n63\n")  # one was not measured
    streams = {"shaking": {"file": "shaking.npy", "rate_hz": 100}, "level": {"file": "level.csv", "rate_hz": 2}}
    path = manifest(tmp_path, [{"audio": 2.0, "offset": 0.5, "duration": 1.0, "sensors": streams}])
    (entry,) = read_manifest(path)
    found = read_sensors(entry)
    np.testing.assert_array_equal(found["shaking"].values, shaking[50:150])
    np.testing.assert_array_equal(found["level"].values, np.array([[61.0], [np.nan]]))
    later = read_sensors(entry, within_s=0.5, duration_s=0.25)
    np.testing.assert_array_equal(later["shaking"].values, shaking[100:125])
    assert later["level"].values.shape == (1, 1), "a slow sensor is heard as long as one of its samples lasts"
    assert read_sensors(entry, within_s=30.0) == {}


@pytest.mark.parametrize(
    ("sensors", "message"),
    [
        ("accelerometer", "sensors is 'accelerometer', expected"),
        ({"a": "a.npy"}, "sensors.a is 'a.npy', expected {file, rate_hz}"),
        ({"a": {"file": "a.npy", "rate_hz": 0}}, "sensors.a.rate_hz is 0, expected samples per second"),
        ({"a": {"file": "gone.npy", "rate_hz": 5}}, "sensors.a.file is .*gone.npy, expected a file that ends in"),
        ({"a": {"file": "a.wav", "rate_hz": 5}}, "sensors.a.file is .*a.wav, expected a file that ends in"),
        ({"a": {"file": "cube.npy", "rate_hz": 5}}, r"holds float64 \[2, 2, 2\], expected numbers"),
        ({"a": {"file": "text.npy", "rate_hz": 5}}, "cannot be read"),
    ],
)
def test_a_stream_that_cannot_be_read_names_file_and_line(tmp_path: Path, sensors: Any, message: str) -> None:
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    (tmp_path / "text.npy").write_text("no array")
    path = manifest(tmp_path, [{}, {"sensors": sensors}])
    entry = read_manifest(path)[1]
    with pytest.raises(ManifestError, match=message) as raised:
        read_sensors(entry)
    assert str(raised.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    "content",
    [
        b"1,2\n3,4\n,6\n",
        b"\xef\xbb\xbf1,2\r\n3,4\r\nnan,6\r\n\r\n",
        b'\xef\xbb\xbf"x","y"\n"1","2"\n3.0,+4\nNaN, 6e0',
        b" 1 , 2\r3,4\r,6\r",
    ],
    ids=["plain", "as Excel saves it", "quoted", "blanks and old Mac"],
)
def test_tables_of_spreadsheets_are_the_same_numbers(tmp_path: Path, content: bytes) -> None:
    np.testing.assert_array_equal(parse_table(content, "m.csv"), [[1, 2], [3, 4], [np.nan, 6]])


def test_collating_pads_and_marks_who_has_nothing() -> None:
    a = {"x": SensorRecording(np.ones((3, 2), np.float32), 10.0)}
    b = {"x": SensorRecording(2 * np.ones((5, 2), np.float32), 20.0), "y": SensorRecording(np.ones((1, 1)), 1.0)}
    batch = collate_sensors([a, {}, b])
    assert batch["x"].values.shape == (3, 5, 2) and batch["x"].length.tolist() == [3, 0, 5]
    assert batch["x"].rate_hz.tolist() == [10.0, 0.0, 20.0] and batch["x"].values[0, :, 0].tolist() == [1, 1, 1, 0, 0]
    assert batch["y"].length.tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match=r"sensors.x: has \[1, 2\] numbers a sample"):
        collate_sensors([a, {"x": SensorRecording(np.ones((3, 1), np.float32), 10.0)}])


def test_a_batch_stays_nemos_four_tensors_and_carries_the_sensors(tmp_path: Path) -> None:
    np.save(tmp_path / "shaking.npy", np.arange(100.0))
    sensors = {"shaking": {"file": "shaking.npy", "rate_hz": 50}}
    with_sensors = data_set(manifest(tmp_path, [{}, {"sensors": sensors}, {}]))
    without = data_set(
        manifest(tmp_path, [{"audio_filepath": f"speech.json_{i}.wav"} for i in range(3)], "plain.json")
    )
    loader = torch.utils.data.DataLoader(with_sensors, batch_size=3, collate_fn=with_sensors.collate_fn, num_workers=1)
    (batch,) = list(loader)
    plain = without.collate_fn([without[index] for index in range(3)])
    assert type(plain) is tuple and isinstance(batch, BatchWithSensors)
    signal, signal_length, text, text_length = batch
    for ours, theirs in zip((signal, signal_length, text, text_length), plain, strict=True):
        assert torch.equal(ours, theirs)
    assert batch.sensors["shaking"].length.tolist() == [0, 50, 0]
    assert batch.sensors["shaking"].values[1, :, 0].tolist() == list(range(50))
    moved = copy.deepcopy(batch).to("meta")
    assert isinstance(moved, BatchWithSensors) and moved[0].is_meta and moved.sensors["shaking"].values.is_meta


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [(DoublePrecision(), torch.float64), (HalfPrecision("bf16-true"), torch.bfloat16)],
    ids=["float64", "bfloat16"],
)
def test_a_batch_with_sensors_survives_what_lightning_does_for_true_precision(
    tmp_path: Path, precision: Precision, dtype: torch.dtype
) -> None:
    np.save(tmp_path / "shaking.npy", np.arange(100.0))
    lines = [{}, {"sensors": {"shaking": {"file": "shaking.npy", "rate_hz": 50}}}]
    samples = data_set(manifest(tmp_path, lines))
    loader = torch.utils.data.DataLoader(samples, batch_size=2, collate_fn=samples.collate_fn, num_workers=1)
    (batch,) = list(loader)
    for start in (batch, copy.deepcopy(batch), batch.to("cpu")):
        converted = precision.convert_input(start)
        assert isinstance(converted, BatchWithSensors) and converted[0].dtype == dtype
        assert converted.sensors["shaking"].values.equal(batch.sensors["shaking"].values)
        assert converted.sensors["shaking"].length.tolist() == [0, 50]


def test_a_list_of_utterances_has_the_sensors_of_each(tmp_path: Path) -> None:
    np.save(tmp_path / "shaking.npy", np.arange(100.0))
    np.save(tmp_path / "engine.npy", np.arange(300.0))
    streams = {"shaking": {"file": "shaking.npy", "rate_hz": 50}}
    noise_line = {"audio": 3.0, "sensors": {"engine": {"file": "engine.npy", "rate_hz": 100}}}
    mixing = NoiseMixPerturbation(manifest_path=str(manifest(tmp_path, [noise_line], "noise.json")), snr_db=[0.0])
    path = manifest(tmp_path, [{}, {"sensors": streams}, {}])
    for augmentor, names in ((None, [[], ["shaking"]]), (mixing, [["engine"], ["engine", "shaking"]])):
        samples = data_set(path, augmentor)
        together = samples[[2, 1]]  # as NeMo's semi-sorted batches ask for them
        assert [sorted(getattr(sample, "sensors", {})) for sample in together] == names
        assert samples.collate_fn(together).sensors["shaking"].length.tolist() == [0, 50]


class Log:
    """Counts what is said, in place of NeMo's logger."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []

    def info(self, message: str) -> None:
        self.infos.append(message)

    def warning(self, message: str, mode: Any = None) -> None:
        if mode is None or message not in self.warnings:
            self.warnings.append(message)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()
    monkeypatch.setattr("nemo_noise.nemo_patches.sensors.logging", log)
    monkeypatch.setattr("nemo_noise.data.utterance_notes.logging", log)
    return log


@pytest.mark.parametrize(
    ("line", "is_left_out"),
    [
        ({"sensors": ["mic1"]}, True),
        ({"sensors": "mic1"}, True),
        ({"sensors": 3}, True),
        ({"sensors": {"mic1": "left"}}, True),
        ({"sensors": {"mic1": {"gain_db": 3}}}, True),
        ({"sensors": {"a": {"file": "gone.npy", "rate_hz": 5}}, "duration": 0}, True),
        ({"sensors": {"a": {"file": "gone.npy", "rate_hz": 5}}, "audio_filename": "speech.json_1.wav"}, True),
        ({"sensors": None}, False),
        ({"sensors": {}}, False),
        ({"topic": "sensors"}, False),
        ({"topic": "sensors", "audio_filename": "speech.json_1.wav"}, False),
    ],
    ids=str,
)
def test_lines_that_mean_something_else_by_sensors_train_as_before(
    tmp_path: Path, log: Log, line: dict[str, Any], is_left_out: bool
) -> None:
    np.save(tmp_path / "shaking.npy", np.arange(100.0))
    streams = {"shaking": {"file": "shaking.npy", "rate_hz": 100}}
    path = manifest(tmp_path, [{}, dict(line), {"sensors": streams}, dict(line)])
    if "audio_filename" in line:  # NeMo's other name
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        for text in lines:
            if "audio_filename" in text:
                del text["audio_filepath"]
        path.write_text("".join(json.dumps(text) + "\n" for text in lines))
    samples = data_set(path)
    assert len(samples) == 4
    kinds = {type(samples[index]) for index in (0, 1, 3)}
    assert kinds == {tuple} and samples[2].sensors["shaking"].values.shape == (100, 1)
    (told,) = log.infos
    assert told.endswith(": 1 of 4 utterances have sensors.")
    assert len(log.warnings) == is_left_out
    if is_left_out:
        assert log.warnings[0].startswith(f"{path}: sensors of 2 lines are left out where they are not {{name: ")


def test_a_manifest_without_sensors_is_not_mentioned(tmp_path: Path, log: Log) -> None:
    path = manifest(tmp_path, [{"topic": "sensors"}, {"sensors": None}])
    assert type(data_set(path)[0]) is tuple and log.infos == log.warnings == []


def test_a_noise_that_means_something_else_by_sensors_is_mixed_without_them(tmp_path: Path, log: Log) -> None:
    noise = manifest(tmp_path, [{"audio": 3.0, "sensors": ["mic1"]}], "noise.json")
    mixing = NoiseMixPerturbation(manifest_path=str(noise), snr_db=[0.0])
    samples = data_set(manifest(tmp_path, [{}, {}]), mixing)
    assert {type(samples[index]) for index in (0, 1)} == {tuple}
    assert len(log.warnings) == 1 and log.warnings[0].startswith(f"{noise}: sensors of noises are left out")


def test_two_utterances_of_one_file_have_the_sensors_of_their_own_time(tmp_path: Path) -> None:
    np.save(tmp_path / "shaking.npy", np.arange(200.0))
    sensors = {"shaking": {"file": "shaking.npy", "rate_hz": 100}}
    lines = [{"audio_filepath": "long.wav", "audio": 2.0, "offset": 0.5 * i, "sensors": sensors} for i in (0, 1, 2)]
    for line in lines:
        line["duration"] = 0.5
    samples = data_set(manifest(tmp_path, lines))
    assert [samples[index].sensors["shaking"].values[0, 0] for index in range(3)] == [0.0, 50.0, 100.0]


def test_sensors_of_a_noise_come_with_the_piece_that_is_mixed_in(tmp_path: Path) -> None:
    np.save(tmp_path / "engine.npy", np.arange(3000.0))
    line = {"audio": 3.0, "sensors": {"shaking": {"file": "engine.npy", "rate_hz": 1000}}}
    noise = manifest(tmp_path, [line], "noise.json")
    mixing = NoiseMixPerturbation(manifest_path=str(noise), snr_db=[0.0], noise_only_prob=0.5)

    class Augmentor:
        def perturb(self, segment: Any) -> None:
            mixing.perturb(segment)

    samples = data_set(manifest(tmp_path, [{} for _ in range(6)]), Augmentor())
    for index in range(6):
        sample = samples[index]
        assert isinstance(sample, SampleWithSensors)
        speech, _ = soundfile.read(tmp_path / f"speech.json_{index}.wav", dtype="float32")
        draw = mixing.draw(speech, RATE)
        first = sample.sensors["shaking"].values[0, 0]
        assert abs(first - draw.noise.offset_s * 1000) < 1.0
        assert len(sample.sensors["shaking"].values) in (1000, 1001)
        assert (len(sample[2]) == 0) == draw.is_noise_only, "an emptied transcript keeps the sensors"
