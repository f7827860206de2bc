# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Trainings by our scripts that are killed twice and started again equal those that are not, digit for digit."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

STEPS = 18  # of 6 an epoch
KILLS = [9, 16]  # steps within the second and the third epoch
WITHIN = [
    f"+exp_manager.checkpoint_callback_params.{every}" for every in ("every_n_train_steps=4", "every_n_epochs=null")
]

COMMON = [
    f"trainer.max_steps={STEPS}", "trainer.accelerator=cpu", "+seed=7", "exp_manager.create_tensorboard_logger=false",
    "exp_manager.resume_if_exists=true", "exp_manager.resume_ignore_no_checkpoint=true", "trainer.devices=1",
    "trainer.strategy=auto", "++trainer.enable_progress_bar=false", "trainer.max_epochs=-1",
    "++exp_manager.checkpoint_callback_params.always_save_nemo=false",
]  # fmt: skip
RECOGNISER = [
    "--config-name=noise_aware_fast-conformer_ctc_char", "model.encoder.d_model=16", "model.encoder.n_layers=1",
    "model.encoder.n_heads=2", "model.encoder.subsampling_conv_channels=8", "model.preprocessor.features=16",
    "model.train_ds.batch_size=2", "model.train_ds.shuffle=true", "model.spec_augment.freq_width=4",
    "+model.spec_augment.rect_masks=2", "+model.spec_augment.rect_freq=4",
    "model.train_ds.augmentor.noise_mix.snr_db=null", "model.optim.sched.warmup_steps=4",
    "trainer.sync_batchnorm=false",
    "+model.train_ds.augmentor.noise_mix.curriculum={unit: step, snr_db: "
    "{schedule: accan, ladder_db: [-5, 0, 5, 10], every: 6, direction: noisy_to_clean}}",
]  # fmt: skip
PRETRAINING = [
    "model.train_ds.batch_size=4", "model.train_ds.num_pairs=24", "model.validation_ds.num_pairs=4",
    "model.train_ds.crop_s=[0.5, 0.6]", "model.preprocessor.features=20", "model.optim.sched.warmup_steps=4",
    "model.encoder.context_encoder.d_context=8", "model.tasks.masked.d_hidden=16",
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve utterances of 0.8 s, two noises."""
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(0)
    for name, count, text in (("speech", 12, "one"), ("noise", 2, "")):
        lines = []
        for index in range(count):
            samples = 0.1 * np.repeat(rng.random(8), 1600) * rng.standard_normal(12800)
            soundfile.write(folder / f"{name}{index}.wav", samples, 16000)
            line = {"audio_filepath": str(folder / f"{name}{index}.wav"), "duration": 0.8, "text": text}
            lines.append(json.dumps(line))
        (folder / f"{name}.json").write_text("\n".join(lines))
    return folder


def arguments(kind: str, corpus: Path, folder: Path, workers: int) -> list[str]:
    speech, noise = corpus / "speech.json", corpus / "noise.json"
    made = [f"model.train_ds.manifest_filepath={speech}", f"model.validation_ds.manifest_filepath={speech}"]
    made += [f"exp_manager.exp_dir={folder}", f"hydra.run.dir={folder}", f"model.train_ds.num_workers={workers}"]
    if kind == "recogniser":
        made += [f"model.train_ds.augmentor.noise_mix.manifest_path={noise}", "model.validation_ds.num_workers=0"]
        return [*RECOGNISER, *COMMON, *made]
    return [*PRETRAINING, *COMMON, *made, f"model.train_ds.noise_manifest={noise}"]


def losses(record: Path) -> dict[int, list]:
    return {step: rest for step, *rest in map(json.loads, record.read_text().splitlines())}


def assert_killed_equals_whole(
    corpus: Path, folder: Path, repository: Path, kinds: Sequence[str], workers: int = 0, further: Sequence[str] = ()
) -> None:
    scripts = {"recogniser": "speech_to_text_ctc.py", "pretraining": "pretrain_noise_context.py"}
    plan = []
    for kind in kinds:
        for name, kills in (("whole", []), ("killed", KILLS)):
            run = folder / f"{kind}_{name}"
            script = str(repository / "examples" / "asr" / scripts[kind])
            options = [*arguments(kind, corpus, run, workers), *further]
            plan.append({"script": script, "arguments": options, "record": f"{run}.jsonl", "kills": kills})
    (folder / "plan.json").write_text(json.dumps(plan))
    program = str(Path(__file__).with_name("killed_trainings.py"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repository)}
    result = subprocess.run(
        [sys.executable, program, str(folder / "plan.json")], capture_output=True, text=True, env=environment,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    logs = "".join(path.read_text()[-3000:] for path in folder.glob("*.log"))
    assert json.loads(result.stdout.splitlines()[-1]) == [0, -9, -9, 0] * len(kinds), logs
    for kind in kinds:
        whole, killed = (losses(folder / f"{kind}_{name}.jsonl") for name in ("whole", "killed"))
        assert len(whole) == STEPS
        assert killed == whole, kind


def test_a_recogniser_and_a_context_that_were_killed_twice_learn_what_the_whole_runs_learn(
    corpus: Path, tmp_path: Path, repository: Path
) -> None:
    assert_killed_equals_whole(corpus, tmp_path, repository, ["recogniser", "pretraining"])


@pytest.mark.slow
@pytest.mark.parametrize("further", [[], WITHIN], ids=["end of epoch", "within an epoch"])
@pytest.mark.parametrize("workers", [0, 2])
def test_it_is_so_with_workers_and_from_checkpoints_within_an_epoch(
    corpus: Path, tmp_path: Path, repository: Path, workers: int, further: list[str]
) -> None:
    assert_killed_equals_whole(
        corpus, tmp_path, repository, ["recogniser", "pretraining"], workers=workers, further=further
    )
