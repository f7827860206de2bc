# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Folders, patterns and manifests of a user: what is found in them, and what is said of what is not."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.manifests.given import name_noises, noise_manifests, speech_manifests
from nemo_noise.data.manifests.manifest import ManifestEntry, read_manifest
from nemo_noise.data.noise.noise_list import NoiseList

RATE = 8000


def sound(path: Path, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(int(seconds * RATE))), RATE)
    return path


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder: audio where the name ends as audio, else the text."""
    for name, content in files.items():
        if name.endswith((".wav", ".flac")):
            sound(folder / name)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
    return folder


def texts(entries: list[ManifestEntry]) -> dict[str, str | None]:
    return {Path(entry.audio_filepath).stem: entry.text for entry in entries}


CONVENTIONS = {
    "txt": {"a.wav": "", "a.txt": "one\ntwo\n", "deep/b.flac": "", "deep/b.txt": "three"},
    "lab": {"a.wav": "", "a.lab": "one two", "deep/b.wav": "", "deep/b.lab": "three"},
    "trans": {"84/1/a.flac": "", "84/1/b.flac": "", "84/1/84-1.trans.txt": "a one two\nb three\n"},
    "csv": {"x/a.wav": "", "x/b.wav": "", "metadata.csv": 'file_name,text\nx/a.wav,"one two"\nx/b.wav,three\n'},
    "jsonl": {
        "test/a.wav": "",
        "test/b.wav": "",
        "test/metadata.jsonl": '{"file_name": "a.wav", "text": "one two"}\n{"file_name": "b.wav", "text": "three"}\n',
    },
    "lj": {"wavs/a.wav": "", "wavs/b.wav": "", "metadata.csv": "a|One, two|one two\nb|three|three\n"},
    "tsv": {
        "clips/a.wav": "",
        "clips/b.wav": "",
        "test.tsv": "client_id\tpath\tsentence\ns1\ta.wav\tone two\ns2\tb.wav\tthree\n",
    },
    "kaldi": {
        "audio/a.wav": "",
        "audio/b.wav": "",
        "wav.scp": "a audio/a.wav\nb audio/b.wav\n",
        "text": "a one two\nb three\n",
    },
}


@pytest.mark.parametrize("kind", CONVENTIONS)
def test_a_folder_with_transcripts_is_speech(kind: str, tmp_path: Path) -> None:
    folder, said = write(tmp_path / "my speech", CONVENTIONS[kind]), []
    (made,) = speech_manifests(folder, tmp_path / "made", note=said.append)
    entries = read_manifest(made)
    assert texts(entries) == {"a": "one two", "b": "three"}
    assert all(entry.duration == 0.5 for entry in entries)
    assert len(said) == 1 and said[0].startswith(f"{folder}/: 2 files, ")
    before = Path(made).read_bytes()
    assert speech_manifests(str(folder), tmp_path / "made") == (made,)
    assert Path(made).read_bytes() == before


def test_a_table_may_be_given_by_its_own_path(tmp_path: Path) -> None:
    folder = write(tmp_path, CONVENTIONS["tsv"] | {"dev.tsv": "path\tsentence\na.wav\tother\n"})
    with pytest.raises(ValueError, match=r"speech is .*dev.tsv, test.tsv.*: give one by its own path"):
        speech_manifests(folder, tmp_path / "made")
    (made,) = speech_manifests(folder / "test.tsv", tmp_path / "made")
    assert [entry.fields["speaker"] for entry in read_manifest(made)] == ["s1", "s2"]


def test_segments_of_kaldi_are_utterances_and_its_commands_are_not_run(tmp_path: Path) -> None:
    files = CONVENTIONS["kaldi"] | {"text": "u1 one\nu2 two\n", "segments": "u1 a 0.0 0.2\nu2 a 0.2 0.4\n"}
    folder, said = write(tmp_path / "kaldi", files), []
    (made,) = speech_manifests(folder, tmp_path / "made", note=said.append)
    assert [(entry.text, entry.offset_s, entry.duration) for entry in read_manifest(made)] == [
        ("one", 0.0, 0.2),
        ("two", 0.2, 0.2),
    ]
    assert "2 utterances in 1 file" in said[0]
    (folder / "wav.scp").write_text(f"a touch {tmp_path}/ran |\n")
    with pytest.raises(ValueError, match="which are not run"):
        speech_manifests(folder, tmp_path / "made")
    assert not (tmp_path / "ran").exists()


def test_patterns_and_manifests_go_together(tmp_path: Path) -> None:
    folder = write(tmp_path / "speech", CONVENTIONS["txt"])
    (own,) = speech_manifests(folder, tmp_path / "own")
    made = speech_manifests([f"{folder}/[a].*", f"{tmp_path}/own/*.json", own], tmp_path / "made")
    assert made[1:] == (own, own)
    assert texts(read_manifest(made[0])) == {"a": "one two"}
    assert len(set(speech_manifests([folder, str(folder)], tmp_path / "made"))) == 2


def test_files_without_text_are_named_and_left_out_unless_no_text_is_needed(tmp_path: Path) -> None:
    folder, said = write(tmp_path / "s", CONVENTIONS["txt"] | {"c.wav": "", "d.wav": "", "d.txt": " \n"}), []
    (tmp_path / "s" / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "s" / "broken.txt").write_text("four")
    (made,) = speech_manifests(folder, tmp_path / "made", note=said.append)
    assert set(texts(read_manifest(made))) == {"a", "b"}
    assert "2 without text are left out: c.wav, d.wav" in said[0] and "1 cannot be read: broken.wav" in said[0]
    (made,) = speech_manifests(folder, tmp_path / "made", needs_text=False)
    assert texts(read_manifest(made)) == {"a": "one two", "b": "three", "c": None, "d": None}
    (made,) = speech_manifests(folder / "c.wav", tmp_path / "made", needs_text=False)
    assert texts(read_manifest(made)) == {"c": None}


@pytest.mark.parametrize(
    ("files", "given", "should"),
    [
        (
            {"a.wav": ""},
            "",
            r"', 1 file of audio without any text: should be a manifest, or have a .txt or .lab file beside each",
        ),
        ({"a.wav": "", "test.json": "{}"}, "", "there is test.json: is that one"),
        ({}, "", "a folder without audio: it is empty"),
        ({"test.json": "{}"}, "", "it holds test.json: give a manifest by its own path"),
        ({"a.m4a": ""}, "", r"it holds \*.m4a, which cannot be read"),
        ({"a.m4a": ""}, "a.m4a", "convert it"),
        ({"speech.json": ""}, "speach.json", "did you mean speech.json"),
        ({}, "nowhere/a.json", "there is no folder .*nowhere either"),
        ({}, "*.wav", "a pattern that matches nothing"),
        ({"a.json": "", "b.json": ""}, "a.json,b.json", "not joined by commas"),
        ({"a.zip": ""}, "a.zip", "unpack it"),
        (
            {"a.wav": "", "metadata.csv": "file,words\na.wav,one\n"},
            "",
            r"no column text or sentence .*, it has file, words",
        ),
        ({"a.tsv": "path\tsentence\nx.mp3\tone\n"}, "a.tsv", "none of its audio files is there"),
        ({"wav.scp": "a a.wav"}, "wav.scp", "there is no file `text`"),
    ],
)
def test_what_is_no_speech_is_answered_with_a_remedy(
    files: dict[str, str], given: str, should: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "s", files)
    folder.mkdir(exist_ok=True)
    with pytest.raises((ValueError, FileNotFoundError), match=f"(?s)^--speech is .*{should}"):
        speech_manifests(f"{folder}/{given}" if given else folder, tmp_path / "made", option="--speech")


def test_noise_is_given_by_folders_files_patterns_manifests_and_names(tmp_path: Path) -> None:
    files = {"rain/a.wav": "", "rain/b.wav": "", "dog/c.flac": "", "d.wav": "", "README.md": ""}
    folder, said = write(tmp_path / "my noise", files), []
    lists = noise_manifests(folder, tmp_path / "made", note=said.append)
    assert list(lists) == ["my_noise"]
    entries = read_manifest(lists["my_noise"][0])
    assert [entry.fields["label"] for entry in entries] == ["my noise", "dog", "rain", "rain"]
    assert all(entry.duration == 0.5 for entry in entries)
    assert said == [f"{folder}/: 4 files, 3 labels (subfolders)"]
    manifest = str(lists["my_noise"][0])
    assert noise_manifests(manifest, tmp_path / "made") == {"my_noise": [manifest]}
    assert list(noise_manifests([f"street={manifest}", str(folder / "rain")], tmp_path / "made")) == ["street", "rain"]
    (by_pattern,) = noise_manifests(f"{folder}/*/*.wav", tmp_path / "made")["my_noise"]
    assert [entry.fields["label"] for entry in read_manifest(by_pattern)] == ["rain", "rain"]
    assert list(noise_manifests(f"{folder}/*/", tmp_path / "made")) == ["dog", "rain"]
    assert list(noise_manifests(f"{folder}/*", tmp_path / "made")) == ["my_noise"]
    (single,) = noise_manifests(str(folder / "d.wav"), tmp_path / "made")["d"]
    assert len(read_manifest(single)) == 1
    both = noise_manifests({"all": [manifest, folder / "dog"], "rain": f"{folder}/rain/*"}, tmp_path / "made")
    assert [len(paths) for paths in both.values()] == [2, 1] and both["all"][0] == manifest


def test_two_noise_lists_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--noise holds two of the name 'noise' .*noise2="):
        name_noises(["a/noise.json", "b/noise.json"], "--noise")


def test_broken_noises_are_named_and_all_broken_ones_refused(tmp_path: Path) -> None:
    folder, said = write(tmp_path / "n", {"a.wav": ""}), []
    (folder / "b.wav").write_bytes(b"no audio")
    noise_manifests(folder, tmp_path / "made", note=said.append)
    assert "1 cannot be read: b.wav" in said[0]
    with pytest.raises(ValueError, match="noise_lists: none of 1 file in .* can be read, such as .*b.wav"):
        noise_manifests(str(folder / "b.wav"), tmp_path / "made")


def test_what_was_made_in_a_folder_of_noise_is_no_noise(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.wav": "", "made/mixture.wav": "", ".trash/b.wav": ""})
    (made,) = noise_manifests({"own": folder}, folder / "made")["own"]
    assert [Path(entry.audio_filepath).name for entry in read_manifest(made)] == ["a.wav"]


@pytest.mark.parametrize("given", ["", "rain", "rain/a.wav", "*/*.wav"])
def test_a_list_of_noise_for_training_may_be_a_folder(given: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "n", {"rain/a.wav": ""})
    noises = NoiseList(f"{folder}/{given}", RATE)
    assert noises.labels() == {"rain"} and len(noises) == 1
    with pytest.raises(FileNotFoundError, match="manifest_path is .*nothing"):
        NoiseList(f"{folder}/*.flac", RATE)
