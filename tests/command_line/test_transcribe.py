# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise transcribe`: what it shows, writes and answers to mistakes."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from nemo_noise.command_line import main
from tests.recognisers import build_recogniser


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(3)
    recogniser = build_recogniser("ctc_bpe", folder)
    recogniser.save_to(str(folder / "tiny.nemo"))
    return str(folder / "tiny.nemo")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    draw = np.random.default_rng(0)
    for name in ("a.wav", "b.wav"):
        loudness = np.repeat(draw.uniform(0.01, 0.3, 40), 800)
        soundfile.write(tmp_path / name, loudness * draw.standard_normal(32000), 16000)
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    (tmp_path / "words.arpa").write_text("not an ARPA file\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nemo-noise", "transcribe", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_one_file_is_shown_and_several_are_written(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, model, "a.wav") == 0
    text = capfd.readouterr().out
    assert text.strip()
    assert not list(folder.glob("*.txt"))
    assert run(monkeypatch, "--model", model, "a.wav", "b.wav", "-f", "txt,srt", "-o", "out") == 0
    assert (folder / "out" / "a.txt").read_text() == text
    assert {path.name for path in (folder / "out").iterdir()} == {
        *("a.txt", "a.srt", "b.txt", "b.srt", "nemo-noise.log"),
    }


def test_the_same_command_goes_on_and_json_is_one_object(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = (model, "a.wav", "broken.wav", "b.wav", "-f", "json", "-o", "out", "--json")
    assert run(monkeypatch, *arguments) == 2
    first = json.loads(capfd.readouterr().out)
    assert first["failed"] == ["broken.wav"]
    assert [file["was_there"] for file in first["files"]] == [False, False, False]
    (folder / "out" / "b.json").unlink()
    assert run(monkeypatch, *arguments) == 2
    shown = capfd.readouterr()
    assert [file["was_there"] for file in json.loads(shown.out)["files"]] == [True, False, False]
    assert "transcribed already" in shown.err


def test_texts_of_a_corpus_beside_its_audio_are_left_and_the_way_out_is_named(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("a reference")
    assert run(monkeypatch, model, "a.wav", "b.wav") == 0
    assert Path("a.txt").read_text() == "a reference"
    assert "give --output-dir" in capfd.readouterr().err
    assert run(monkeypatch, model, "a.wav", "b.wav", "-o", "out", "-f", "txt") == 0
    assert run(monkeypatch, model, "a.wav", "b.wav", "-o", "out", "-f", "txt") == 0
    assert "give --output-dir" not in capfd.readouterr().err


def test_the_standard_input_is_transcribed(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, model, "a.wav") == 0
    wanted = capfd.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((folder / "a.wav").read_bytes())))
    assert run(monkeypatch, model, "-") == 0
    assert capfd.readouterr().out == wanted


MISTAKES = [
    ([], "expected a system and files"),
    (["MODEL"], "expected a system and files"),
    (["nosuch.nemo", "a.wav"], "nosuch.nemo does not exist"),
    (["a.wav", "b.wav"], "it must be a .nemo file"),
    (["MODEL", "nosuch.wav"], "nosuch.wav: no such file or folder"),
    (["MODEL", "aa.wav"], "did you mean a.wav"),
    (["MODEL", "*.mp3"], "matches no file"),
    (["MODEL", "empty"], "has no audio or video"),
    (["MODEL", "broken.wav"], "broken.wav: cannot be read as audio"),
    (["MODEL", "words.arpa"], "words.arpa: cannot be read as audio"),
    (["MODEL", "a.wav", "-f", "docx"], "format='docx' is unknown"),
    (["MODEL", "a.wav", "-f", "srt,json", "-o", "-"], "cannot be written to the standard output"),
    (["MODEL", "a.wav", "b.wav", "-o", "-"], "several files cannot be written to the standard output"),
    (["MODEL", "a.wav", "-o", "b.wav"], "give a folder that can be written"),
    (["MODEL", "a.wav", "--channel", "2"], "channel is 2, the file has 1 channel"),
    (["MODEL", "a.wav", "--device", "gpu"], "device is 'gpu', which is not there"),
    (["MODEL", "a.wav", "--language", "de"], "is of one language"),
    (["MODEL", "a.wav", "--lm", "nosuch.arpa"], "lm=nosuch.arpa: no such file"),
    (["MODEL", "a.wav", "--lm", "words.arpa"], "must be an ARPA file"),
    (["MODEL", "a.wav", "--max-segment", "0.1"], "max_segment_s is 0.1"),
    (["MODEL", "a.wav", "--batch-size", "0"], "--batch-size"),
    (["MODEL", "a.wav", "--option", "num_beams"], "should be key=value"),
    (["MODEL", "a.wav", "--option", "num_beams=4"], "num_beams"),
    (["MODEL", "a.wav", "--min-level", "3"], "--min-level"),
    (["MODEL", "a.wav", "--formt", "srt"], "--format"),
]


@pytest.mark.parametrize(("arguments", "answer"), MISTAKES, ids=[" ".join(each[0]) or "nothing" for each in MISTAKES])
def test_a_mistake_is_answered(
    arguments: list[str],
    answer: str,
    *,
    model: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *(model if one == "MODEL" else one for one in arguments)) == 2
    shown = capfd.readouterr().err
    assert answer in " ".join(shown.replace("│", " ").split())
    assert "Traceback" not in shown


def test_a_piece_without_a_voice_is_left_out_and_noted(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    assert run(monkeypatch, model, "a.wav", "--vad-filter", "--vad-parameter", "threshold=0.6") == 0
    shown = capfd.readouterr()
    assert not shown.out.strip() and "no voice" in shown.err
    assert run(monkeypatch, model, "a.wav", "--vad-parameter", "threshold=0.6") == 2
    assert "without vad_filter" in capfd.readouterr().err


def test_a_fallback_is_no_option_of_a_ctc_model(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, model, "a.wav", "--option", "temperature=[0,0.2]") == 2
    assert "which is for attention encoder-decoders" in capfd.readouterr().err
