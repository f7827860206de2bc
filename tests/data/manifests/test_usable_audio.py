# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One recording of a list that cannot be used is left out at the start, counted and named, wherever noise is drawn."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo.utils import logging

from nemo_noise.data.manifests import usable as usable_audio
from nemo_noise.data.manifests.manifest import ManifestError, read_manifest
from nemo_noise.data.manifests.usable import find_unusable, no_speech
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.noise.babble import Babble
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.pairs.environments import NoiseBank, SpeechBank
from tests.broken_inputs.files import Content, Riff, Wave

RATE = 16000
BAD = {
    "silent": (Wave("bad.wav", level=0.0), "is silent, expected noise"),
    "constant": (Wave("bad.wav", level=0.0, constant=0.3), "is constant, expected noise"),
    "one sample": (Wave("bad.wav", seconds=1 / RATE), "holds 1 samples"),
    "nan": (Wave("bad.wav", odd=np.nan), "holds NaN"),
    "no audio": (Content("bad.wav", "words"), "cannot be read as audio"),
    "cut off": (Riff("bad.wav", claimed_bytes=10**6), "is cut off"),
    "opposite channels": (Wave("bad.wav", channels=2, opposite=True), "its 2 channels cancel each other"),
    "one hertz": (Riff("bad.wav", rate=1), "its sample rate is 1 Hz"),
    "missing": (None, "no such file"),
}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *args, **kwargs: said.append(str(message)))
    return said


def noises(folder: Path, bad: Content | Wave | Riff | None, name: str = "noise.json") -> Path:
    """Four lines, the third of them bad."""
    if bad is not None:
        bad.make(folder)
    for number in (1, 2, 4):
        samples = 0.1 * np.random.default_rng(number).standard_normal(2 * RATE)
        soundfile.write(folder / f"{number}.wav", samples, RATE, subtype="FLOAT")
    files = ["1.wav", "2.wav", "bad.wav", "4.wav"]
    (folder / name).write_text("".join(json.dumps({"audio_filepath": file}) + "\n" for file in files))
    return folder / name


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_noise_is_left_out_and_named_wherever_noise_is_drawn(
    tmp_path: Path, warnings: list[str], kind: str
) -> None:
    bad, reason = BAD[kind]
    manifest = noises(tmp_path, bad)
    left = NoiseList(manifest, RATE)
    assert [entry.source.rsplit(":", 1)[1] for entry in left.entries] == ["1", "2", "4"]
    assert [one.entry.source for one in left.left_out] == [f"{manifest}:3"]
    assert f"noise.json:3: {tmp_path}/bad.wav: {reason}" in left.left_out[0].message
    assert warnings == [f"1 of 4 noises are left out, they cannot be used: {left.left_out[0].message}"]
    perturbation = NoiseMixPerturbation(manifest, [0])
    drawn = [perturbation.draw(np.full(160, i, np.float32), RATE) for i in range(40)]
    assert {draw.noise.entry.source.rsplit(":", 1)[1] for draw in drawn if draw} == {"1", "2", "4"}
    assert len(Babble(left, 5).crop(np.random.default_rng(0), RATE).samples) == RATE
    assert len(NoiseBank(str(manifest), RATE, 10).entries) == 3


def test_what_is_left_is_drawn_as_if_the_bad_line_had_never_been(tmp_path: Path) -> None:
    manifest = noises(tmp_path, BAD["silent"][0])
    rest = tmp_path / "rest.json"
    rest.write_text("".join(line for line in manifest.read_text().splitlines(True) if "bad" not in line))
    for seed in range(9):
        crops = [NoiseList(path, RATE).crop(np.random.default_rng(seed), 999).samples for path in (manifest, rest)]
        np.testing.assert_array_equal(*crops)


def test_audio_is_checked_once_per_process_and_again_when_its_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, inner = [], usable_audio.read_entry
    monkeypatch.setattr(usable_audio, "read_entry", lambda entry: read.append(entry.source) or inner(entry))
    manifest = noises(tmp_path, BAD["silent"][0])
    for _ in range(3):
        assert len(NoiseList(manifest, RATE).entries) == 3
    assert len(read) == 4
    Wave("bad.wav", seconds=2.0).make(tmp_path)
    assert len(NoiseList(manifest, 8000).entries) == 4
    assert len(read) == 5


def test_what_lies_decoded_in_a_folder_is_not_decoded_to_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = noises(tmp_path, BAD["silent"][0])
    NoiseList(manifest, RATE, decoded_dir=tmp_path / "decoded").check()
    monkeypatch.setattr(usable_audio, "_VERDICTS", {})
    checked: list[str] = []
    monkeypatch.setattr(usable_audio, "read_entry", lambda entry: checked.append(entry.source))
    with pytest.raises(AttributeError):  # the silent one alone is read again
        NoiseList(manifest, RATE, decoded_dir=tmp_path / "decoded")
    assert checked == [f"{manifest}:3"]


def test_pretraining_draws_another_utterance_for_one_that_cannot_be_read(tmp_path: Path) -> None:
    speech = SpeechBank(str(noises(tmp_path, BAD["no audio"][0])), RATE, 10)
    crops = [speech.crop(np.random.default_rng(seed), 1000) for seed in range(30)]
    assert {crop.file_index for crop in crops} == {0, 1, 3}
    assert speech.counts["unusable speech"] > 0


def test_pretraining_on_speech_that_cannot_be_read_at_all_ends_with_its_line(tmp_path: Path) -> None:
    Content("a.wav", "x").make(tmp_path)
    (tmp_path / "speech.json").write_text('{"audio_filepath": "a.wav"}\n' * 2)
    with pytest.raises(ManifestError, match=r"speech.json:\d: .*a.wav: cannot be read"):
        SpeechBank(str(tmp_path / "speech.json"), RATE, 10).crop(np.random.default_rng(0), 1000)


def test_speech_is_complained_about_in_its_own_words(tmp_path: Path) -> None:
    manifest = noises(tmp_path, BAD["silent"][0], "speech.json")
    (unusable,) = find_unusable(read_manifest(manifest), no_speech)
    assert unusable.message == f"{manifest}:3: {tmp_path}/bad.wav: is silent, expected speech"
