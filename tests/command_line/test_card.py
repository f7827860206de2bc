# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise card`: options on their way to the evaluation, results, gates, and mistakes that a stranger makes."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from nemo_noise.command_line import main
from nemo_noise.evaluation.card import Evaluation
from tests.evaluation.tiny_models import tiny_ctc, write_noise, write_speech

GIVEN = ("model.nemo", "--speech", "speech/speech.json", "--noise", "noise")
FAST = ("--quick", "--device", "cpu", "replications=50", "audio_clips=0", "noise_only.crops=1")


class Ended(NamedTuple):
    status: int | str | None
    out: str
    error: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stranger has: models, speech, noise, and files that are none of it."""
    folder = tmp_path_factory.mktemp("stranger")
    for seed, name in enumerate(("model.nemo", "stock.nemo")):
        tiny_ctc(seed=seed).save_to(str(folder / name))
    write_speech(folder / "speech")
    write_noise(folder / "noise")
    for name in ("empty", "no_text", "no_audio"):
        (folder / name).mkdir()
    (folder / "no_text" / "a.wav").write_bytes((folder / "noise" / "rain.wav").read_bytes())
    (folder / "no_audio" / "a.wav").write_text("no audio")
    (folder / "no_text.json").write_text('{"audio_filepath": "no_text/a.wav"}\n')
    (folder / "gone.json").write_text('{"audio_filepath": "nowhere.wav", "text": "one"}\n')
    (folder / "broken.json").write_text("{oops\n")
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> "Runner":
    monkeypatch.chdir(folder)
    for name, value in {"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    return Runner(tmp_path, monkeypatch, capfd)


class Runner:
    """Runs the command in this process."""

    def __init__(self, output: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.output, self.monkeypatch, self.capfd = output, monkeypatch, capfd

    def __call__(self, *arguments: str) -> Ended:
        has_output = "--output" in arguments
        output = () if has_output else ("--output", str(self.output / "card"))
        self.monkeypatch.setattr(sys, "argv", ["nemo-noise", "card", *arguments, *output])
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(end.value.code, *self.capfd.readouterr())


def test_a_card_is_printed_and_a_gate_sets_the_exit_status(run: Runner) -> None:
    ended = run(*GIVEN, *FAST, "--baseline", "stock.nemo", "--fail-if", "clean.wer >= 0", "--language", "en")
    assert ended.status == 1
    assert "3 utterances x 3 conditions (clean; 10, 0 dB in noise)" in ended.error
    assert "of 11 utt  model" in ended.error and "NeMo" not in ended.error
    assert "noise noise  model" in ended.out and "characters a minute" in ended.out
    assert ended.out.strip().splitlines()[-1].startswith("gate failed: clean.wer >= 0 (it is ")
    card = (run.output / "card" / "README.md").read_text()
    assert "language: en" in card and "A first look" in card
    assert (run.output / "card" / "nemo-noise.log").is_file()


def test_json_is_one_object(run: Runner) -> None:
    ended = run(*GIVEN, *FAST, "--snr", "clean,5", "--json", "--utterances", "2")
    data = json.loads(ended.out)
    assert ended.status == 0
    assert data["utterances"] == 2 and list(data["errors"][0]["by_snr"]) == ["5"]
    assert Path(data["files"]["report"]).is_file()


MISTAKES = [
    (("cct.nemo", *GIVEN[1:]), ("cct.nemo", "does not exist")),
    (GIVEN[1:], ("SYSTEM",)),
    (("model.nemo", "--noise", "noise"), ("--speech", "a folder of speech")),
    (GIVEN[:3], ("--noise", "a folder of noise")),
    (("model.nemo", "--speech", "nowhere.json", *GIVEN[3:]), ("speech", "nowhere.json", "manifest or a folder")),
    (("model.nemo", "--speech", "no_text", *GIVEN[3:]), ("speech", "no_text", ".txt")),
    (("model.nemo", "--speech", "no_text.json", *GIVEN[3:]), ("speech", "text", "what is said")),
    (("model.nemo", "--speech", "empty", *GIVEN[3:]), ("speech", "empty", "without audio")),
    (("model.nemo", "--speech", "broken.json", *GIVEN[3:]), ("broken.json:1", "{oops", "JSON object per line")),
    (("model.nemo", "--speech", "gone.json", *GIVEN[3:]), ("gone.json:1", "nowhere.wav", "no such file")),
    (("model.nemo", "--speech", "noise/noise.json", *GIVEN[3:]), ("speech", "text", "what is said")),
    ((*GIVEN[:4], "empty"), ("noise_lists.empty", "'empty'", "without audio")),
    ((*GIVEN[:4], "no_audio"), ("noise_lists.no_audio", "a.wav", "WAV, FLAC")),
    ((*GIVEN[:4], "notes.txt"), ("notes.txt:1", "hello", "JSON object per line")),
    ((*GIVEN[:4], "nowhere"), ("noise_lists.nowhere", "'nowhere'", "a folder of noise")),
    ((*GIVEN[:4], "clean=noise"), ("noise_lists", "'clean'", "taken")),
    ((*GIVEN, "--noise", "noise"), ("noise_lists", "'noise'", "noise2=noise")),
    ((*GIVEN, "--nois", "x"), ("--nois", "--noise")),
    ((*GIVEN, "--bseline", "x"), ("--bseline", "--baseline")),
    ((*GIVEN, "snr=[10]"), ("snr=[10]", "snr_db")),
    ((*GIVEN, "noise_only.crop=3"), ("noise_only.crop=3", "noise_only.crops")),
    ((*GIVEN, "noise_only.crops=many"), ("noise_only.crops", "'many'", "whole number")),
    ((*GIVEN, "snr_db=[clean,10"), ("snr_db=[clean,10", "in quotes")),
    ((*GIVEN, "snr_db=[10]", "--snr", "5"), ("snr_db", "twice")),
    ((*GIVEN, "speech=x.json"), ("speech=", "--speech")),
    ((*GIVEN, "extra.json"), ("extra.json", "key=value")),
    ((*GIVEN, "--snr", "ten"), ("--snr", "'ten'", "clean,20,10,0")),
    ((*GIVEN, "--snr", "clean,500"), ("snr_db", "500", "-120 to 120")),
    ((*GIVEN, "--device", "gpu"), ("device", "'gpu'", "cpu")),
    ((*GIVEN, "--output", "/proc/none"), ("--output", "/proc/none", "can be written")),
    ((*GIVEN, "--output", "notes.txt"), ("--output", "notes.txt", "folder")),
    ((*GIVEN, "--fail-if", "noise.mean_were > 0.3"), ("fail_if", "noise.mean_were", "noise.mean_wer")),
    ((*GIVEN, "--fail-if", "wer above 3"), ("fail_if", "wer above 3", "path operator number")),
    ((*GIVEN, "--baseline", "./model.nemo"), ("baseline", "./model.nemo", "another one")),
    ((*GIVEN, "--rooms", "simulatd"), ("rooms", "'simulatd'", "simulated")),
    ((*GIVEN, "--channels", "telefone"), ("channels", "'telefone'", "telephone")),
    ((*GIVEN, "--streaming", "fast"), ("--streaming", "'fast'", "80,320")),
    ((*GIVEN, "--streaming", "-5"), ("streaming_ms", "-5", "above 0")),
    ((*GIVEN, "--around", "long"), ("--around", "'long'", "0.2,0.5,2")),
    ((*GIVEN, "--around", "-1"), ("around", "-1", "0 or more")),
    ((*GIVEN, "--utterances", "few"), ("--utterances", "'few'", "or all")),
    ((*GIVEN, "--batch-size", "0"), ("batch_size", "0", "1 or more")),
    ((*GIVEN, "--normalize", "lowercase"), ("text_normalization", "'lowercase'", "lower")),
    (("notes.txt", *GIVEN[1:]), ("notes.txt", ".nemo")),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=[" ".join(one[0])[-60:] for one in MISTAKES])
def test_a_mistake_is_answered_with_argument_value_and_remedy_before_a_model_is_loaded(
    arguments: tuple[str, ...], words: tuple[str, ...], run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluation, "run", lambda _: pytest.fail("it runs"))
    ended = run(*arguments)
    assert ended.status == 2, ended
    assert "Traceback" not in ended.error and ended.out == ""
    for word in words:
        assert word in ended.error
