# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every program explains itself for `--help` and refuses misspelt words, before NeMo is imported."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nemo_noise.commented_config import comments_of
from nemo_noise.configuration import config_directory

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("examples", "experiments")
    for path in (ROOT / folder).rglob("*.py")
    if '__name__ == "__main__"' in path.read_text()
)
CTC = "examples/asr/speech_to_text_ctc_bpe.py"
# One process asks all programs: an import of NeMo would take more than all of this.
ASK_ALL = """
import contextlib, io, json, runpy, sys
root, *programs = sys.argv[1:]
answers = {}
for program in programs:
    text = io.StringIO()
    sys.argv = [f"{root}/{program}", "--help"]
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
            status = "none"
        except SystemExit as end:
            status = end.code
    answers[program] = [status, text.getvalue(), sorted({"nemo", "torch", "lightning"} & set(sys.modules))]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, list[str]]]:
    folder = tmp_path_factory.mktemp("empty")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ASK_ALL, str(ROOT), *PROGRAMS]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return {program: tuple(answer) for program, answer in json.loads(done.stdout).items()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_explains_itself_before_nemo_is_imported(
    program: str, answers: dict[str, tuple[int, str, list[str]]]
) -> None:
    status, text, imported = answers[program]
    sentence = (ROOT / program).read_text().split('"""')[1].split("\n")[0]
    assert status == 0
    assert sentence in text
    assert imported == []
    assert "Traceback" not in text


def test_the_help_has_the_comments_of_every_file_the_parts_and_what_must_be_given(
    answers: dict[str, tuple[int, str, list[str]]],
) -> None:
    lines = [" ".join(line.split()) for line in answers[CTC][1].splitlines()]
    assert "devices: auto # all GPUs, or one process on a CPU" in lines
    assert "mix_prob: 0.85 # the rest stays clean, or clean speech gets worse" in lines
    assert "d_context: 64 # 32 to 192" in lines
    assert any(line.startswith("context@model.encoder.context=statistics, or attentive") for line in lines)
    assert any(line.startswith("+training=") and "frozen_backbone" in line for line in lines)
    assert any(line.startswith("To be given: model.train_ds.manifest_filepath") for line in lines)
    assert max(len(line) for line in answers[CTC][1].splitlines()) <= 200


def test_every_option_of_a_small_script_is_explained() -> None:
    for file in (config_directory() / "scripts").glob("*.yaml"):
        text = file.read_text()
        options = {name for name, value in yaml.safe_load(text).items() if not isinstance(value, dict)} - {"defaults"}
        assert options - set(comments_of(text)) == set(), file


@pytest.mark.parametrize(
    ("program", "word", "answer"),
    [
        (CTC, "model.train_ds.manifest_filpath=a.json", "did you mean model.train_ds.manifest_filepath?"),
        (CTC, "model.encoder.n_layrs=3", "did you mean model.encoder.n_layers?"),
        (CTC, "trainer.maxsteps=10", "did you mean trainer.max_steps"),
        (CTC, "model.trian_ds.batch_size=2", "there is no option model.trian_ds; did you mean model.train_ds"),
        (CTC, "+trainig=frozen_backbone", "did you mean +training=frozen_backbone?"),
        (CTC, "+training=frozen", "there is no part frozen; did you mean frozen_backbone?"),
        (CTC, "+training=zzz", "there is no part zzz; there are difficulty_curriculum,"),
        (CTC, "context@model.encoder.context=causl_statistics", "did you mean causal_statistics"),
        (CTC, "contxt@model.encoder.context=attentive", "did you mean context@model.encoder.context=attentive?"),
        (CTC, "--config-name=noise_aware_fast-conformer_ctc_bp", "there are noise_aware_fast-conformer_ctc_bpe,"),
        (CTC, "--config-name=zzz", "there are noise_aware_fast-conformer_ctc_bpe, "),
        ("examples/asr/evaluate_noise_robustness.py", "nois_lists=a", "did you mean noise_lists?"),
        ("examples/asr/plot_curriculum.py", "curriculum=acan", "did you mean accan?"),
        ("experiments/run.py", "max_paralel=2", "did you mean max_parallel?"),
    ],
)
def test_a_misspelt_word_is_refused_by_a_near_name(
    program: str,
    word: str,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [str(ROOT / program), word])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / program), run_name="__main__")
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert word in said
    assert answer in said
    assert "--help explains" in said


@pytest.mark.parametrize(
    "words",
    [
        ["model.train_ds.manifest_filepath=a.json", "+trainer.limit_val_batches=1", "~model.test_ds"],
        ["context@model.encoder.context=attentive", "model.encoder.context.d_context=8", "+training=frozen_backbone"],
        [
            "model.encoder.context=null",
            "++model.encoder.fusion=null",
            "hydra.run.dir=x",
            "model.optim.betas=[0.9,0.99]",
        ],
        ["+init_from_nemo_model={asr: {path: plain.nemo}}", "+save_to=a.nemo", "model.tokenizer.dir=a=b"],
        ["--cfg=job", "nonsense=1"],
        ["--config-name=noise_aware_fast-conformer_ctc_bpe_streaming"],
        ["--config-name=lact/noise_aware_lact_ctc_bpe"],
    ],
)
def test_what_hydra_takes_is_left_to_hydra(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from nemo_noise.command_line.program import check_arguments

    monkeypatch.setattr(sys, "argv", [str(ROOT / CTC), *words])
    check_arguments(str(ROOT / CTC))


def test_an_imported_program_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from nemo_noise.command_line.program import check_arguments

    monkeypatch.setattr(sys, "argv", ["another.py", "--help"])
    check_arguments(str(ROOT / CTC))
