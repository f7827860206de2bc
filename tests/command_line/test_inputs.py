# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`add`, `mix` and `prepare`: what a user gives, what comes out, and what is said of mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf

from nemo_noise.command_line.application import application
from nemo_noise.command_line.mix import _snr
from nemo_noise.command_line.prepare import CORPORA
from nemo_noise.data.corpora.preparation import CORPORA as READERS
from nemo_noise.data.corpora.preparation import FOLDER
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.evaluation.script_options import check_script
from tests.recognisers import build_recogniser

RATE = 16000


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        application()(prog_name="nemo-noise", args=[str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with speech, noise, and a plain recogniser."""
    folder, rng = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    for name in ("speech/a.wav", "speech/b.wav", "noise/rain/a.wav", "noise/dog/b.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, 0.1 * rng.standard_normal(RATE), RATE)
    for name in ("a", "b"):
        (folder / "speech" / f"{name}.txt").write_text("one two")
    torch.manual_seed(1)
    build_recogniser("ctc", folder).save_to(str(folder / "plain.nemo"))
    return folder


def test_add_writes_a_model_and_says_that_its_output_is_unchanged(
    given: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "aware.nemo"
    arguments = ("add", given / "plain.nemo", out, "--speech", given / "speech", "--json", "context.d_context=16")
    assert run(*arguments) == 0
    shown = capfd.readouterr()
    data = json.loads(shown.out)
    assert data["identical"] and data["utterances"] == 2 and data["d_context"] == 16 and data["new_parameters"] > 0
    assert data["normalisation_moved"] and data["sites"] == ["features", "0"] and out.is_file()
    assert "2 files, transcripts beside them (.txt)" in shown.err
    assert run(*arguments) == 2
    assert "which exists: give another name, or --overwrite" in capfd.readouterr().err


def test_mix_writes_mixtures_pictures_and_a_page(
    given: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "preview"
    arguments = ("mix", "--speech", given / "speech", "--noise", given / "noise", "--out", out, "--snr", "-5..5")
    assert run(*arguments, "--utterances", 1, "--devices", "telephone", "noise_mix.seed=3") == 0
    shown = capfd.readouterr()
    assert shown.out.endswith(f"listen: {out}/index.html\n") and "2 labels (subfolders)" in shown.err
    page = (out / "index.html").read_text()
    assert page.count("<audio") == 7 and "http" not in page.replace("http://www.w3.org", "")
    mixtures = read_manifest(out / "manifest.json")
    assert len(mixtures) == 2 and all(-5.0 <= line.fields["snr_db"] <= 5.0 for line in mixtures)


def test_scripts_take_folders_where_manifests_may_stand(given: Path, tmp_path: Path) -> None:
    paths = {"model": "stt_en", "speech_manifest": f"{given}/speech", "word_manifest": f"{given}/speech/*.wav"}
    noise = {"word_noise_manifest": f"{given}/noise", "noise_manifests": {"unseen": f"{given}/noise/rain"}}
    rest = {"num_train": 1, "num_test": 1, "crop_s": 1.0, "snr_db": [0], "seed": 0}
    written = {"output": f"{tmp_path}/probe.json", "picture": None, "picture_of": "unseen"}
    checked = check_script("probe_context", OmegaConf.create(paths | noise | rest | written))
    made = [
        checked.speech_manifest,
        checked.word_manifest,
        checked.word_noise_manifest,
        checked.noise_manifests.unseen,
    ]
    assert [len(read_manifest(path)) for path in made] == [2, 2, 2, 1]
    assert all(Path(path).parent == tmp_path / "manifests" for path in made)


def test_prepare_writes_manifests_of_a_folder(given: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (given / "speech" / "c.wav").write_bytes((given / "speech" / "a.wav").read_bytes())
    assert run("prepare", "folder", given / "speech", tmp_path) == 0
    assert "left out: 1 (no transcript)" in capfd.readouterr().out
    (given / "speech" / "c.wav").unlink()
    assert [entry.text for entry in read_manifest(tmp_path / "speech.json")] == ["one two", "one two"]
    assert run("prepare", "folder", given / "noise", tmp_path) == 0
    assert [entry.fields["label"] for entry in read_manifest(tmp_path / "noise.json")] == ["dog", "rain"]


def test_the_list_of_corpora_is_that_of_the_readers(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(CORPORA) == {*READERS, FOLDER}
    assert run("prepare", "--list") == 0
    assert all(name in capsys.readouterr().out for name in ("musan",))
    assert run("add", "--list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["context"]["causal_statistics"]["streams"]


def test_snrs_are_a_range_or_choices() -> None:
    assert _snr("-5..20") == _snr("20:-5") == {"min": -5.0, "max": 20.0}
    assert _snr("0, 10,20") == [0.0, 10.0, 20.0]


MISTAKES = [
    (["add"], "MODEL and OUT are missing"),
    (["add", "{given}/plain.nemo"], "OUT is missing"),
    (["add", "{given}/plain.nemo", "context.d_context=64"], "OUT is 'context.d_context=64', should end in .nemo"),
    (["add", "{given}/plain.nemo", "{given}/plain.nemo"], "which is MODEL"),
    (["add", "{given}/plaine.nemo", "o.nemo"], "plaine.nemo does not exist"),
    (["add", "{given}/speech", "o.nemo"], "is a folder, must be a .nemo file"),
    (
        ["add", "{given}/plain.nemo", "o.nemo", "--context", "causal"],
        "context is 'causal' (did you mean causal_statistics?), should be one of attentive",
    ),
    (
        ["add", "{given}/plain.nemo", "o.nemo", "--fusion", "film"],
        "fusion is 'film' (did you mean late_film?), should be one of early_add",
    ),
    (["add", "{given}/plain.nemo", "o.nemo", "--contxt", "a"], "--context"),
    (["add", "{given}/plain.nemo", "o.nemo", "d_context=64"], "did you mean context.d_context"),
    (
        ["add", "{given}/plain.nemo", "o.nemo", "context.d_context=many"],
        "context.d_context is 'many', should be a whole",
    ),
    (["add", "{given}/plain.nemo", "o.nemo", "context.d_context=-8"], "context.d_context is -8, should be a whole"),
    (["add", "{given}/plain.nemo", "o.nemo", "--speech", "nowhere"], "--speech is 'nowhere', which is not there"),
    (["mix"], "--speech is missing"),
    (["mix", "--speech", "{given}/speech"], "--noise (or --rooms, --devices) is missing"),
    (["mix", "--speech", "{given}/speech", "--noise", "{given}/noisy"], "did you mean noise?"),
    (["mix", "--speech", "{given}/speech", "--noise", "{given}/noise", "--snr", "ten"], "--snr is 'ten', should be"),
    (
        ["mix", "--speech", "{given}/speech", "--devices", "telefone"],
        "--devices is 'telefone' (did you mean telephone",
    ),
    (["mix", "--speech", "{given}/speech", "--noise", "{given}/noise", "mix_prob=0.5"], "mix_prob=0.5"),
    (["mix", "--speech", "{given}/speech", "--noise", "{given}/noise", "noise_mix.mixprob=1"], "mixprob"),
    (["mix", "--speech", "{given}/speech", "--noise", "{given}/noise", "--out", "{given}/plain.nemo"], "--out is"),
    (["mix", "--speech", "{given}/speech", "--noise", "{given}/noise", "--utterances", "0"], "--utterances"),
    (["prepare"], "CORPUS, ROOT, OUT missing"),
    (["prepare", "librispech", "{given}", "o"], "CORPUS is 'librispech' (did you mean librispeech"),
    (["prepare", "musan", "{given}/nowhere", "o"], "ROOT is"),
    (["prepare", "musan", "{given}/noise", "{given}/o"], "no part ['music', 'noise', 'speech'] of MUSAN"),
    (["prepare", "librispeech", "{given}/speech", "{given}/o", "part=[a]"], "librispeech has no 'part'"),
    (["prepare", "demand", "{given}/noise", "{given}/o", "--download"], "--download fetches fleurs alone"),
    (["prepare", "speech_folder", "{given}/noise", "{given}/o"], "without any text"),
]


@pytest.mark.parametrize(("arguments", "answer"), MISTAKES, ids=[" ".join(case[0]) for case in MISTAKES])
def test_a_mistake_is_answered_in_one_message(
    arguments: list[str],
    answer: str,
    given: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*[argument.format(given=given) for argument in arguments]) == 2
    shown = capfd.readouterr()
    assert answer in " ".join(shown.err.replace("│", " ").split()) and "Traceback" not in shown.err and not shown.out
    assert not (tmp_path / "o.nemo").exists()
