# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Our training script in two processes that share the work, as a user starts it, with its logs and its checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nemo.collections.asr.models import ASRModel

from nemo_noise.models import DualAttentionMultiTaskModel
from tests.models.test_recipes_train import TINY, corpus
from tests.recognisers import special_tokenizer_directory, tokenizer_directory

__all__ = ["corpus"]  # a fixture


@pytest.mark.slow
def test_a_dual_attention_model_trains_in_two_processes_and_logs_its_gate(
    corpus: Path, tmp_path: Path, repository: Path
) -> None:
    special, words = special_tokenizer_directory(corpus), tokenizer_directory(corpus)
    overrides = [f"model.{part}.manifest_filepath={corpus}/speech_list.json" for part in ("train_ds", "validation_ds")]
    overrides += [f"model.train_ds.augmentor.noise_mix.manifest_path={corpus}/noise_list.json", "+freeze=nothing"]
    overrides += [f"model.tokenizer.langs.spl_tokens.dir={special}", f"model.tokenizer.langs.en.dir={words}", *TINY]
    overrides += ["model.transf_decoder.gate_start=1.0", "model.train_ds.num_workers=1", "model.train_ds.batch_size=1"]
    overrides += [
        "trainer.accelerator=cpu",
        "trainer.devices=2",
        "trainer.max_steps=4",
        "+trainer.limit_val_batches=0",
    ]
    overrides += ["trainer.sync_batchnorm=false", "trainer.log_every_n_steps=1", f"exp_manager.exp_dir={tmp_path}"]
    overrides += [f"+save_to={tmp_path}/dual.nemo", "exp_manager.create_checkpoint_callback=false"]
    script = repository / "examples/asr/speech_to_text_aed.py"
    command = [sys.executable, str(script), "--config-name=dual_attention_fast-conformer_aed", *overrides]
    environment = os.environ | {"PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert told.returncode == 0, told.stderr[-3000:]
    assert "MEMBER: 2/2" in told.stdout + told.stderr
    model = ASRModel.restore_from(str(tmp_path / "dual.nemo"), map_location="cpu")
    assert isinstance(model, DualAttentionMultiTaskModel)
    assert all(torch.isfinite(value).all() for value in model.parameters())
    (events,) = tmp_path.rglob("events.out.tfevents*")
    logged = EventAccumulator(str(events.parent)).Reload()
    assert {"dual_attention/layer_0/alpha", "train_loss"} <= set(logged.Tags()["scalars"])
