# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Corpora: tiny trees of their layouts become manifests; what is broken is left out, counted and named."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nemo_noise.data.corpora.fleurs_download import download_fleurs
from nemo_noise.data.corpora.preparation import CORPORA, prepare_corpus
from nemo_noise.data.corpora.recordings import CorpusError, Prepared
from nemo_noise.data.manifests.manifest import check_manifest, read_manifest

RATE = 16000


def record(path: Path, seconds: float = 0.5, value: float | None = None) -> Path:
    """Writes noise, or one value all along."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = int(seconds * RATE)
    rng = np.random.default_rng(len(str(path)))
    samples = 0.1 * rng.standard_normal(count) if value is None else np.full(count, value)
    soundfile.write(path, samples, RATE, subtype="FLOAT" if path.suffix == ".wav" else "PCM_16")
    return path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def prepared(name: str, root: Path, options: dict[str, Any] | None = None, **limits: Any) -> dict[str, Prepared]:
    return prepare_corpus(name, root, root / "manifests", options=options, show_progress=False, **limits)


def lines(one: Prepared) -> list[dict[str, Any]]:
    assert one.path is not None
    return [entry.fields | {"stem": Path(entry.audio_filepath).stem} for entry in read_manifest(one.path)]


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    root = tmp_path / "LibriSpeech"
    chapter = root / "dev-clean" / "84" / "121123"
    for number in range(3):
        record(chapter / f"84-121123-{number:04d}.flac")
    write(chapter / "84-121123.trans.txt", "".join(f"84-121123-{i:04d} GO DO YOU HEAR {i}\n" for i in range(3)))
    for number in range(2):
        record(root / "test-other" / "367" / "130732" / f"367-130732-{number:04d}.flac")
    write(root / "test-other/367/130732/367-130732.trans.txt", "367-130732-0000 LOBSTERS\n367-130732-0001 ONCE\n")
    write(root / "SPEAKERS.TXT", "; a comment\n84   | F | dev-clean | 8.02 | Christie\n")
    return root


def test_librispeech_becomes_one_manifest_per_part_with_its_texts_as_they_are(librispeech: Path) -> None:
    made = prepared("librispeech", librispeech)
    assert {name: one.num_lines for name, one in made.items()} == {"dev-clean": 3, "test-other": 2}
    first = lines(made["dev-clean"])[0]
    assert (first["stem"], first["text"]) == ("84-121123-0000", "GO DO YOU HEAR 0")
    assert (first["speaker"], first["chapter"], first["gender"]) == ("84", "121123", "F")
    assert first["duration"] == pytest.approx(0.5)
    assert "gender" not in lines(made["test-other"])[0]
    assert all(check_manifest(one.path, RATE) == [] for one in made.values())
    assert made["dev-clean"].left_out == {}


def test_what_is_broken_is_left_out_and_counted_with_its_reason(librispeech: Path) -> None:
    chapter = librispeech / "dev-clean" / "84" / "121123"
    cut = chapter / "84-121123-0003.flac"
    whole = record(cut, 5.0).read_bytes()
    cut.write_bytes(whole[: len(whole) // 3])
    (chapter / "84-121123-0004.flac").write_text("no audio")
    (chapter / "84-121123-0005.flac").touch()
    record(chapter / "84-121123-0006.flac", 0.5, value=0.0)
    record(chapter / "84-121123-0007.flac", 0.05)
    record(chapter / "84-121123-0009.flac")
    record(chapter / "84-121123-0010.flac")
    with (chapter / "84-121123.trans.txt").open("a") as file:
        file.writelines(f"84-121123-{number:04d} WORDS\n" for number in range(3, 9))
        file.write("84-121123-0009\n")
    one = prepared("librispeech", librispeech, {"parts": ["dev-clean"]})["dev-clean"]
    assert one.num_lines == 3
    assert one.left_out.pop("audio unreadable") + one.left_out.pop("audio truncated", 0) == 3
    assert one.left_out == {
        "audio silent": 1,
        "shorter than 0.1 s": 1,
        "audio missing": 1,
        "transcript empty": 1,
        "no transcript": 1,
    }
    assert one.examples["audio missing"] == [str(chapter / "84-121123-0008.flac")]
    summary = json.loads((librispeech / "manifests" / "preparation.json").read_text())
    assert summary["dev-clean"]["num_lines"] == 3
    assert sum(summary["dev-clean"]["left_out"].values()) == 8


def test_a_transcript_that_is_no_text_is_counted_and_its_utterances_lack_theirs(librispeech: Path) -> None:
    (librispeech / "test-other/367/130732/367-130732.trans.txt").write_bytes(b"\xff\xfe\x00")
    one = prepared("librispeech", librispeech)["test-other"]
    assert one.path is None
    assert one.left_out == {"transcript file unreadable": 1, "no transcript": 2}


def test_long_recordings_can_be_left_out_and_headers_alone_be_read(librispeech: Path) -> None:
    record(librispeech / "dev-clean/84/121123/84-121123-0000.flac", 2.0, value=0.0)
    limited = prepared("librispeech", librispeech, max_duration_s=1.0, decode=False)["dev-clean"]
    assert limited.left_out == {"longer than 1 s": 1}
    unread = prepared("librispeech", librispeech, decode=False)["dev-clean"]
    assert (unread.num_lines, unread.left_out) == (3, {})
    assert unread.hours == pytest.approx(3.0 / 3600)


def fleurs_tree(root: Path) -> Path:
    for language, word in (("en_us", "Hello"), ("de_de", "Grüße")):
        folder = root / "data" / language
        rows = []
        for number in range(3):
            record(folder / "audio" / "test" / f"{number}99.wav")
            columns = [str(1600 + number), f"{number}99.wav", f'{word}, "{number}"!', f"{word.lower()} {number}"]
            rows.append("\t".join([*columns, "h | e", "8000", "FEMALE"]))
        write(folder / "test.tsv", "\n".join(rows) + "\n")
    return root


def test_fleurs_becomes_one_manifest_per_language_and_split(tmp_path: Path) -> None:
    root = fleurs_tree(tmp_path / "fleurs")
    made = prepared("fleurs", root, {"splits": ["test"]})
    assert {name: one.num_lines for name, one in made.items()} == {"en_us_test": 3, "de_de_test": 3}
    first = lines(made["de_de_test"])[0]
    assert (first["text"], first["raw_transcription"]) == ("grüße 0", 'Grüße, "0"!')
    assert (first["language"], first["sentence"], first["gender"]) == ("de_de", "1600", "female")
    raw = prepared("fleurs", root, {"splits": ["test"], "languages": ["en_us"], "text": "raw_transcription"})
    assert lines(raw["en_us_test"])[0]["text"] == 'Hello, "0"!'


def test_fleurs_names_what_its_tables_lack(tmp_path: Path) -> None:
    root = fleurs_tree(tmp_path / "fleurs")
    record(root / "data/en_us/audio/test/stray.wav")
    table = root / "data/en_us/test.tsv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows, rows[0], "half a line", rows[1].replace("199.wav", "gone.wav")]) + "\n")
    made = prepared("fleurs", root, {"languages": ["en_us"], "splits": ["train", "test"]})
    assert made["en_us_test"].num_lines == 3
    assert made["en_us_test"].left_out == {
        "named twice": 1,
        "line without the 7 columns of FLEURS": 1,
        "audio missing": 1,
        "no transcript": 1,
    }
    assert made["en_us_train"].left_out == {"transcript file missing": 1}


def test_a_download_of_fleurs_is_unpacked_into_the_layout_that_is_read(tmp_path: Path) -> None:
    source, root = fleurs_tree(tmp_path / "source"), tmp_path / "fleurs"
    asked: list[dict[str, Any]] = []

    def fetch(**arguments: Any) -> None:
        asked.append(arguments)
        folder = root / "data" / "en_us" / "audio"
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / "test.tar.gz", "w:gz") as archive:
            archive.add(source / "data/en_us/audio/test", arcname="test")
        (root / "data/en_us/test.tsv").write_text((source / "data/en_us/test.tsv").read_text())

    for _ in range(2):  # what is there stays
        download_fleurs(root, languages=["en_us"], splits=["test"], fetch=fetch)
    assert asked[0]["repo_id"] == "google/fleurs"
    assert asked[0]["allow_patterns"] == ["data/en_us/test.tsv", "data/en_us/audio/test.tar.gz"]
    assert prepared("fleurs", root, {"splits": ["test"]})["en_us_test"].num_lines == 3


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    def fetch(**_: Any) -> None:
        write(tmp_path / "data/en_us/audio/test.tar.gz", "no archive")

    with pytest.raises(CorpusError, match=r"test\.tar\.gz: is no usable archive"):
        download_fleurs(tmp_path, languages=["en_us"], splits=["test"], fetch=fetch)
    assert not (tmp_path / "data/en_us/audio/test").exists()


def test_musan_becomes_noise_lists_with_what_its_annotations_say(tmp_path: Path) -> None:
    for name in (
        "music/fma/music-fma-0000",
        "noise/free-sound/noise-free-sound-0000",
        "speech/us-gov/speech-us-gov-0000",
    ):
        record(tmp_path / f"{name}.wav", 1.0)
    record(tmp_path / "noise/free-sound/noise-free-sound-0001.wav", 1.0, value=np.nan)
    (tmp_path / "noise/free-sound/noise-free-sound-0002.wav").write_bytes(b"RIFF")
    write(tmp_path / "music/fma/ANNOTATIONS", "music-fma-0000 classical,baroque N Quantum_Jazz\n")
    write(tmp_path / "speech/us-gov/ANNOTATIONS", "speech-us-gov-0000 m english\n")
    made = prepared("musan", tmp_path)
    assert {name: one.num_lines for name, one in made.items()} == {"music": 1, "noise": 1, "speech": 1}
    assert made["noise"].left_out == {"audio holds NaN": 1, "audio unreadable": 1}
    (music,), (noise,), (speech,) = (lines(made[part]) for part in ("music", "noise", "speech"))
    assert (music["label"], music["genres"], music["vocals"]) == ("music", ["classical", "baroque"], False)
    assert (noise["label"], noise["source"], "text" in noise) == ("noise", "free-sound", False)
    assert (speech["gender"], speech["language"]) == ("m", "english")


def test_demand_takes_one_microphone_of_each_environment_unless_asked(tmp_path: Path) -> None:
    for environment in ("DKITCHEN", "TMETRO"):
        for channel in (1, 2):
            record(tmp_path / environment / f"ch{channel:02d}.wav")
    (tmp_path / "TMETRO" / "ch02.wav").write_bytes(b"")
    record(tmp_path / "DKITCHEN" / "ch03.wav", 0.0)
    record(tmp_path / "TMETRO" / "ch03.wav").write_bytes((tmp_path / "TMETRO" / "ch01.wav").read_bytes()[:-4000])
    one = prepared("demand", tmp_path)["demand"]
    assert [(line["label"], line["category"], line["channel"]) for line in lines(one)] == [
        ("DKITCHEN", "domestic", 1),
        ("TMETRO", "transportation", 1),
    ]
    more = prepared("demand", tmp_path, {"channels": [1, 2, 3]})["demand"]
    assert more.left_out.pop("audio empty") == 1
    assert more.left_out == {"audio unreadable": 1}
    assert more.num_lines == 4  # a WAV file that was cut is shorter, and its duration is what is there
    assert min(line["duration"] for line in lines(more)) < 0.5


def chime4_tree(root: Path) -> Path:
    audio = root / "data" / "audio" / "16kHz"
    record(audio / "isolated_1ch_track/dt05_bus_real/F01_050C0101_BUS.wav")
    record(audio / "isolated_1ch_track/dt05_caf_real/M03_050C0102_CAF.wav")
    record(audio / "isolated_1ch_track/dt05_bus_simu/F01_050C0103_BUS.wav")
    for channel in (1, 5):
        record(audio / f"isolated/dt05_bus_real/F01_050C0101_BUS.CH{channel}.wav")
    (audio / "isolated_1ch_track/embedded").mkdir()
    dots = "HELLO \\,COMMA WORLD (F01_050C0101_BUS)\nNO NAME HERE\nGOOD DAY (M03_050C0102_CAF)\n"
    write(root / "data/transcriptions/dt05_real.dot_all", dots)
    entry = {"speaker": "F01", "wsj_name": "050C0103", "environment": "BUS", "dot": "SIMULATED"}
    write(root / "data/annotations/dt05_simu.json", json.dumps([entry]))
    return root


def test_chime4_reads_dot_files_and_annotations(tmp_path: Path) -> None:
    made = prepared("chime4", chime4_tree(tmp_path / "CHiME4"))
    real, (simu,) = lines(made["dt05_real"]), lines(made["dt05_simu"])
    assert [line["text"] for line in real] == ["HELLO \\,COMMA WORLD", "GOOD DAY"]
    assert (real[1]["speaker"], real[1]["environment"], real[1]["kind"]) == ("M03", "caf", "real")
    assert made["dt05_real"].left_out == {"line that is not <text> (<name>)": 1}
    assert (simu["text"], simu["kind"]) == ("SIMULATED", "simu")


def test_chime4_takes_the_asked_channel_of_the_multichannel_track(tmp_path: Path) -> None:
    root = chime4_tree(tmp_path / "CHiME4")
    (line,) = lines(prepared("chime4", root, {"track": "isolated", "parts": ["dt05_real"]})["dt05_real"])
    assert (line["channel"], line["text"]) == (5, "HELLO \\,COMMA WORLD")


@pytest.mark.parametrize("content", ["{", "[{}]", "3"])
def test_chime4_counts_annotations_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    root = chime4_tree(tmp_path / "CHiME4")
    write(root / "data/annotations/dt05_simu.json", content)
    one = prepared("chime4", root, {"parts": ["dt05_simu"]})["dt05_simu"]
    assert one.left_out == {"transcript file unreadable": 1, "no transcript": 1}


def test_voices_reads_the_conditions_from_the_names(tmp_path: Path) -> None:
    stems = [f"Lab41-SRI-VOiCES-rm1-musi-sp0032-ch021625-sg{i:04d}-mc0{i}-stu-clo-dg090" for i in (1, 5)]
    folder = tmp_path / "distant-16k/speech/train/rm1/musi/sp0032"
    for stem in [*stems, "something-else"]:
        record(folder / f"{stem}.wav")
    record(folder / f"{stems[0].replace('rm1', 'rm2')}.wav")
    table = f'index,file_name,transcript\n0,{stems[0]},"well, this is it"\n1,{stems[1]},good\n2,,\n'
    write(tmp_path / "references/filename_transcripts", table)
    one = prepared("voices", tmp_path)["train"]
    first = lines(one)[0]
    assert (first["text"], first["room"], first["distractor"], first["speaker"]) == (
        "well, this is it",
        "rm1",
        "musi",
        "0032",
    )
    assert (first["microphone"], first["microphone_type"], first["place"], first["degrees"]) == (1, "stu", "clo", 90)
    assert one.num_lines == 2
    assert one.left_out == {
        "file name without the parts of VOiCES": 1,
        "no transcript": 1,
        "line without file_name and transcript": 1,
    }
    assert [line["microphone"] for line in lines(prepared("voices", tmp_path, {"microphones": [5]})["train"])] == [5]


@pytest.mark.parametrize("name", CORPORA)
def test_a_folder_that_is_not_the_corpus_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder, expected that of"):
        prepared(name, tmp_path / "absent")
    with pytest.raises(CorpusError, match=str(tmp_path)):
        prepared(name, tmp_path)
    with pytest.raises(CorpusError, match=f"options: {name} has no 'partz', expected "):
        prepared(name, tmp_path, {"partz": []})


@pytest.mark.parametrize(
    ("make", "name", "options", "message"),
    [
        (
            fleurs_tree,
            "fleurs",
            {"languages": ["xx"]},
            r"no language \['xx'\] of FLEURS, there are \['de_de', 'en_us'\]",
        ),
        (fleurs_tree, "fleurs", {"splits": ["all"]}, r"splits: has \['all'\]"),
        (fleurs_tree, "fleurs", {"text": "words"}, "text: is 'words'"),
        (chime4_tree, "chime4", {"parts": ["et05_real"]}, r"no part \['et05_real'\] of CHiME-4"),
        (chime4_tree, "chime4", {"track": "beamformed"}, "no such folder, expected a track of CHiME-4"),
    ],
)
def test_a_wrong_choice_is_named(
    make: Callable[[Path], Path], name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=message):
        prepared(name, make(tmp_path / "corpus"), options)


def test_an_unknown_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="corpus: is 'timit', expected one of librispeech"):
        prepared("timit", tmp_path)


def test_the_options_of_a_corpus_can_be_given_on_the_command_line(repository: Path) -> None:
    chosen = ["corpus=demand", "root=d", "output_dir=o", "options={channels: [1, 2]}"]
    with initialize_config_dir(str(repository / "conf" / "scripts"), version_base=None):
        cfg = compose("prepare_corpus", overrides=chosen)
    assert OmegaConf.to_container(cfg.options) == {"channels": [1, 2]}
