# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise tune`: its result alone on the standard output, the exit status, misspelt options."""

import json
import sys
from pathlib import Path

import pytest
import torch

from nemo_noise.command_line import main
from tests.recognisers import build_recogniser
from tests.tuning.corpus import write_corpus

QUICK = [
    *("steps=2", "validations=1", "batch_size=2", "dev_snr_db=[0]", "device=cpu", "lr=1e-6"),
    *("model.train_ds.num_workers=0", "model.validation_ds.num_workers=0"),
    "exp_manager.create_tensorboard_logger=false",
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["nemo-noise", "tune", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_a_tuning_writes_its_result_and_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path)
    torch.manual_seed(1)
    build_recogniser("ctc", tmp_path).save_to(str(tmp_path / "stt.nemo"))
    given = [str(tmp_path / "stt.nemo"), "-o", str(tmp_path / "tuned.nemo"), "--noise", str(corpus / "noise")]
    given += ["--train", str(corpus / "train.json"), "--dev", str(corpus / "dev.json"), *QUICK]
    capfd.readouterr()
    assert run(monkeypatch, *given) == 0
    shown = capfd.readouterr()
    assert shown.out.startswith("No gain: of 1 validations")
    assert "nemo-noise card" in shown.out.splitlines()[-1]
    assert "   0 %  before    clean 100.0  noisy" in shown.err
    assert " 100 %  step 2  loss" in shown.err
    assert "NeMo I" not in shown.out + shown.err
    assert (tmp_path / "tuned.run" / "nemo-noise.log").is_file()
    assert run(monkeypatch, *given, "--json", "--require-gain") == 1
    shown = capfd.readouterr()
    assert json.loads(shown.out)["has_helped"] is False
    assert "nothing is run" in shown.err


@pytest.mark.parametrize(
    ("arguments", "hints"),
    [
        (["--snr", "ten"], ["--snr", "'ten'", "-5..20"]),
        (["--dev-snr", "10..0"], ["--dev-snr", "10,0"]),
        (["second.json"], ["second.json", "--train a.json"]),
        (["step=3"], ["step=3", "steps"]),
        (["--minute", "5"], ["--minutes"]),
        (["--steps", "many"], ["--steps", "integer"]),
        ([], ["train is not given", "--train"]),
    ],
    ids=str,
)
def test_a_mistake_is_answered_at_once(
    arguments: list[str],
    hints: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "stt.nemo", *arguments) == 2
    error = capfd.readouterr().err
    assert all(hint in error for hint in hints), error
    assert "Traceback" not in error
