# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Manifests and audio: what is good comes back as written, what is bad is named with file and line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.audio.files import write_audio
from nemo_noise.data.manifests.manifest import (
    AudioError,
    ManifestError,
    check_manifest,
    load_audio,
    load_entry,
    read_manifest,
    write_manifest,
)

RATE = 16000
Corpus = Callable[..., Path]


def test_relative_audio_starts_at_the_folder_of_the_manifest(corpus: Corpus, tmp_path: Path) -> None:
    (entry,) = read_manifest(corpus("speech", {"a": np.ones(10)}, text="one", speaker="s1"))
    assert entry.audio_filepath == str(tmp_path / "speech" / "a.wav")
    assert (entry.text, entry.duration, entry.fields["speaker"]) == ("one", 10 / RATE, "s1")
    assert entry.source == f"{tmp_path}/speech.json:1"


def test_a_written_manifest_reads_the_same_elsewhere(corpus: Corpus, tmp_path: Path) -> None:
    entries = read_manifest(corpus("speech", {"a": np.ones(10), "b": np.ones(20)}, text="größer"))
    write_manifest(tmp_path / "deep" / "copy.json", entries)
    copied = read_manifest(tmp_path / "deep" / "copy.json")
    assert [(e.audio_filepath, e.text, e.duration) for e in copied] == [
        (e.audio_filepath, e.text, e.duration) for e in entries
    ]
    assert "größer" in (tmp_path / "deep" / "copy.json").read_text(encoding="utf-8")


def test_a_manifest_that_cannot_be_written_leaves_the_earlier_one(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.json", [{"audio_filepath": "a.wav"}])
    with pytest.raises(ValueError, match="JSON"):
        write_manifest(tmp_path / "m.json", [{"audio_filepath": "b.wav", "duration": float("nan")}])
    assert [Path(entry.audio_filepath).name for entry in read_manifest(tmp_path / "m.json")] == ["a.wav"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{broken", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[1]", "is a JSON list, expected an object"),
        (b"3", "is a JSON int, expected an object"),
        (b"{}", "audio_filepath is None, expected a path"),
        (b'{"audio_filepath": ""}', "audio_filepath is '', expected a path"),
        (b'{"audio_filepath": "a.wav", "text": 7}', "text is 7, expected a string"),
        (b'{"audio_filepath": "a.wav", "duration": "long"}', "duration is 'long', expected seconds"),
        (b'{"audio_filepath": "a.wav", "duration": NaN}', "duration is nan, expected seconds"),
        (b'{"audio_filepath": "a.wav", "duration": true}', "duration is True, expected seconds"),
        (b'{"audio_filepath": "a.wav", "duration": 0}', "duration is 0, expected seconds above 0"),
        (b'{"audio_filepath": "a.wav", "offset": -1}', "offset is -1, expected seconds"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, line: bytes, message: str) -> None:
    manifest = tmp_path / "m.json"
    manifest.write_bytes(b'{"audio_filepath": "fine.wav"}\n\n' + line + b"\n")
    with pytest.raises(ManifestError, match=rf"m\.json:3: {message}"):
        read_manifest(manifest)


@pytest.mark.parametrize(("content", "message"), [(None, "no such manifest"), ("\n \n", "holds no entry")])
def test_a_manifest_without_entries_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "m.json").write_text(content)
    with pytest.raises(ManifestError, match=rf"m\.json: {message}"):
        read_manifest(tmp_path / "m.json")


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"audio_filepath": "a.wav"}\n', encoding="utf-8-sig")
    assert len(read_manifest(tmp_path / "m.json")) == 1


def test_keys_that_nemo_reads_are_read(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("one\r\ntwo\n", encoding="utf-8-sig")
    lines = [
        {"audio_filepath": "a.wav", "text_filepath": "words.txt"},
        {"audio_filepath": "a.wav", "text_filepath": str(tmp_path / "words.txt"), "text": "given"},
        {"audio_filepath": "a.wav", "normalized_text": "normal"},
        {"audio_filename": "b.wav", "text": "named"},
        {"audio_filepath": "a.wav"},
    ]
    (tmp_path / "m.json").write_text("\n".join(map(json.dumps, lines)))
    entries = read_manifest(tmp_path / "m.json")
    assert [entry.text for entry in entries] == ["one two", "given", "normal", "named", None]
    assert [Path(entry.audio_filepath).name for entry in entries] == ["a.wav"] * 3 + ["b.wav", "a.wav"]
    write_manifest(tmp_path / "deep" / "m.json", entries)  # does not need the files of the texts any more
    (tmp_path / "words.txt").unlink()
    assert [entry.text for entry in read_manifest(tmp_path / "deep" / "m.json")] == [entry.text for entry in entries]


def test_every_end_of_line_and_blank_lines_are_read(tmp_path: Path) -> None:
    content = '{"audio_filepath": "a"}\r\n\r\n\ufeff{"audio_filepath": "b"}\r{"audio_filepath": "c"}'
    (tmp_path / "m.json").write_bytes(content.encode())
    sources = [(entry.fields["audio_filepath"], entry.source[-2:]) for entry in read_manifest(tmp_path / "m.json")]
    assert sources == [("a", ":1"), ("b", ":3"), ("c", ":4")]


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([np.full(100, 0.5), np.full(100, -0.1)], 1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav", RATE), np.full(100, 0.2), atol=1e-6)


def test_another_rate_is_resampled_to_the_same_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), 8000)
    samples = load_audio(tmp_path / "a.wav", RATE)
    assert (samples.dtype, samples.shape) == (np.float32, (RATE,))
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(samples[800:-800], expected[800:-800], atol=2e-3)


def test_offset_and_duration_select_a_part(tmp_path: Path) -> None:
    ramp = np.arange(RATE) / RATE
    soundfile.write(tmp_path / "a.wav", ramp, RATE, subtype="FLOAT")
    line = {"audio_filepath": "a.wav", "offset": 0.25, "duration": 0.5}
    (tmp_path / "m.json").write_text(json.dumps(line))
    samples = load_entry(read_manifest(tmp_path / "m.json")[0], RATE)
    np.testing.assert_allclose(samples, ramp[4000:12000], atol=1e-6)
    assert len(load_audio(tmp_path / "a.wav", RATE, offset_s=0.9, duration_s=5.0)) == 1600


def broken_audio(folder: Path) -> dict[str, tuple[Path, str]]:
    (folder / "text.wav").write_text("no audio")
    (folder / "nothing.wav").touch()
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "empty.wav", np.zeros(0), RATE)
    soundfile.write(folder / "nan.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    messages = {
        "absent": "no such audio file",
        "folder": "no such audio file",
        "text": "cannot be read as audio",
        "nothing": "cannot be read as audio",
        "empty": "holds no samples",
        "nan": "holds NaN or infinite samples",
    }
    return {name: (folder / f"{name}.wav", message) for name, message in messages.items()}


def test_broken_audio_is_named(tmp_path: Path) -> None:
    for name, (path, message) in broken_audio(tmp_path).items():
        with pytest.raises(AudioError, match=rf"{name}\.wav: {message}"):
            load_audio(path, RATE)


def test_an_offset_behind_the_end_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(RATE), RATE)
    with pytest.raises(AudioError, match=r"offset 2 s lies behind its end at 1\.000 s"):
        load_audio(tmp_path / "a.wav", RATE, offset_s=2.0)


def test_check_lists_every_problem_with_its_line(tmp_path: Path) -> None:
    broken = broken_audio(tmp_path)
    soundfile.write(tmp_path / "fine.wav", np.ones(RATE) * 0.1, RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    lines = [{"audio_filepath": path.name, "text": "word"} for path, _ in broken.values()]
    lines += [
        {"audio_filepath": "fine.wav", "text": "word", "duration": 1.0},
        {"audio_filepath": "fine.wav", "text": " "},
        {"audio_filepath": "fine.wav"},
        {"audio_filepath": "fine.wav", "text": "word", "duration": 1.5},
        {"audio_filepath": "silent.wav", "text": "word"},
    ]
    (tmp_path / "m.json").write_text("\n".join(json.dumps(line) for line in lines))
    expected = [message for _, message in broken.values()]
    expected += ["text is ' '", "text is None", "duration is 1.5 s, the file holds 1.000 s", "all samples are zero"]
    problems = check_manifest(tmp_path / "m.json", RATE)
    assert len(problems) == len(expected)
    for problem, message, number in zip(problems, expected, [1, 2, 3, 4, 5, 6, 8, 9, 10, 11], strict=True):
        assert f"m.json:{number}: " in problem
        assert message in problem


def test_written_audio_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    sine = 2.0 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    gain = write_audio(tmp_path / "a.wav", sine, RATE)
    assert gain == pytest.approx(0.495, abs=1e-4)
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav", RATE), sine * gain, atol=1e-4)
    assert write_audio(tmp_path / "b.flac", sine / 4, RATE) == 1.0
