# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Connected digits: known text, one speaker per string, disjoint takes, no digital silence, the same bytes again."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.audio.files import change_speed
from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, load_entry, read_manifest, write_manifest
from nemo_noise.data.synthesis.connected_digits import build_connected_digits, digit_clips

RATE = 16000
WORDS = ["zero", "one", "two"]


@pytest.fixture
def digits(tmp_path: Path) -> list[ManifestEntry]:
    """Three digits, two speakers, four takes; 8 kHz, as tones whose length tells them apart."""
    lines = []
    for speaker in ("ann", "bob_b"):
        for digit, word in enumerate(WORDS):
            for take in range(4):
                name = f"{digit}_{speaker}_{take}.flac"
                seconds = 0.2 + 0.02 * digit + 0.001 * take
                tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(int(seconds * 8000)) / 8000)
                soundfile.write(tmp_path / name, tone, 8000)
                lines.append({"audio_filepath": name, "text": word, "speaker": speaker})
    write_manifest(tmp_path / "digits.json", lines)
    return read_manifest(tmp_path / "digits.json")


def build(digits: list[ManifestEntry], folder: Path, **options: object) -> list[ManifestEntry]:
    return read_manifest(build_connected_digits(digits, folder, **{"num_utterances": 12, **options}))


def test_the_text_spells_the_clips_of_one_speaker(digits: list[ManifestEntry], tmp_path: Path) -> None:
    strings = build(digits, tmp_path / "out", digits_per_string=(2, 5))
    for string in strings:
        clips = string.fields["digits"]
        assert 2 <= len(clips) <= 5
        assert string.text == " ".join(WORDS[int(clip[0])] for clip in clips)
        assert {clip[2:].rsplit("_", 1)[0] for clip in clips} == {string.fields["speaker"]}
    assert {string.fields["speaker"] for string in strings} == {"ann", "bob_b"}
    assert {len(string.fields["digits"]) for string in strings} == {2, 3, 4, 5}


def test_takes_keep_training_and_test_apart(digits: list[ManifestEntry], tmp_path: Path) -> None:
    train = build(digits, tmp_path / "train", takes=range(1, 4))
    test = build(digits, tmp_path / "test", takes=lambda take: take == 0)
    used = [{clip for string in strings for clip in string.fields["digits"]} for strings in (train, test)]
    assert used[0].isdisjoint(used[1])
    assert {clip[-1] for clip in used[1]} == {"0"}


def test_the_same_arguments_give_the_same_bytes(digits: list[ManifestEntry], tmp_path: Path) -> None:
    build(digits, tmp_path / "a", seed=3, speeds=(0.9, 1.1))
    build(digits[::-1], tmp_path / "b", seed=3, speeds=(0.9, 1.1))  # the order of the recordings does not count
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 13
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_a_longer_set_begins_with_the_shorter_one(digits: list[ManifestEntry], tmp_path: Path) -> None:
    short, long = build(digits, tmp_path / "a", num_utterances=3), build(digits, tmp_path / "b", num_utterances=6)
    assert [string.fields for string in short] == [string.fields for string in long[:3]]


def test_duration_is_that_of_clips_and_pauses(digits: list[ManifestEntry], tmp_path: Path) -> None:
    lengths = {Path(entry.audio_filepath).stem: len(load_entry(entry, RATE)) for entry in digits}
    for string in build(digits, tmp_path / "out", pause_s=(0.1, 0.1)):
        clips = string.fields["digits"]
        samples = load_entry(string, RATE)
        assert len(samples) == pytest.approx(sum(lengths[c] for c in clips) + 1600 * (len(clips) + 1), abs=2)
        assert string.duration == pytest.approx(len(samples) / RATE, abs=1e-3)


def test_pauses_hold_a_quiet_floor_and_no_digital_silence(digits: list[ManifestEntry], tmp_path: Path) -> None:
    for string in build(digits, tmp_path / "out", pause_s=(0.2, 0.2)):
        pause = load_entry(string, RATE)[:3000]
        assert np.sqrt(np.mean(pause.astype(np.float64) ** 2)) == pytest.approx(1e-4, rel=0.1)
        assert all(part.any() for part in pause.reshape(-1, 100))


def test_speed_changes_length_and_pitch(digits: list[ManifestEntry]) -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32)
    faster = change_speed(tone, 1.25)
    assert len(faster) == pytest.approx(RATE / 1.25, abs=2)
    assert np.argmax(np.abs(np.fft.rfft(faster, RATE))) == pytest.approx(625, abs=2)


def test_each_string_has_one_of_the_speeds(digits: list[ManifestEntry], tmp_path: Path) -> None:
    speeds = {string.fields["speed"] for string in build(digits, tmp_path / "out", speeds=(0.9, 1.0, 1.1))}
    assert speeds == {0.9, 1.0, 1.1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_utterances": 0}, "num_utterances: is 0"),
        ({"digits_per_string": (0, 3)}, r"digits_per_string: is \(0, 3\)"),
        ({"digits_per_string": (4, 3)}, r"digits_per_string: is \(4, 3\)"),
        ({"pause_s": (0.3, 0.1)}, "pause_s: is"),
        ({"speeds": ()}, "speeds: is"),
        ({"speeds": (0.0,)}, "speeds: is"),
        ({"seed": -1}, "seed: is -1"),
        ({"takes": range(50, 60)}, r"takes: range\(50, 60\) selects none of 24 clips, their takes are \[0, 1, 2, 3\]"),
    ],
)
def test_an_unusable_option_is_named(digits: list[ManifestEntry], tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(digits, tmp_path / "out", **options)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"audio_filepath": "zero.flac", "text": "zero"}, "is not named <digit>_<speaker>_<take>"),
        ({"audio_filepath": "0_ann_last.flac", "text": "zero"}, "is not named <digit>_<speaker>_<take>"),
        ({"audio_filepath": "0_ann_1.flac", "text": ""}, "text is '', expected the spoken digit"),
    ],
)
def test_a_recording_that_is_no_digit_is_named_with_its_line(tmp_path: Path, line: dict, message: str) -> None:
    (tmp_path / "digits.json").write_text(json.dumps(line))
    with pytest.raises(ManifestError, match=rf"digits\.json:1: .*{message}"):
        digit_clips(read_manifest(tmp_path / "digits.json"))
