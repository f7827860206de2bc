# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every shipped recipe trains a step under its own trainer, in both loaders, then tests, saves and comes back."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from tests.recipe_runs import composed, loaders, model_class, on_a_cpu, recipes, run, write_corpus

NEEDS_CUDA = "_tdt_bpe"  # NeMo's loss
WITHOUT_TEST = "_pretraining"  # they have no error rate
MIXERS = ("lact", "ssm")  # the loaders do not depend on the encoder: one of them is enough before every commit
RUNS = [
    pytest.param(
        name,
        loader,
        id=f"{name}-{loader}",
        marks=[pytest.mark.slow] if name.startswith(MIXERS) and loader is False else [],
    )
    for name in recipes()
    for loader in loaders(name)
]
FAMILIES = [
    "noise_context/noise_context_pretraining",
    "fastconformer/noise_aware_fast-conformer_ctc_char",
    "fastconformer/noise_aware_fast-conformer_ctc_bpe_streaming",
    "fastconformer/noise_aware_fast-conformer_hybrid_transducer_ctc_bpe",
    "fastconformer/noise_aware_fast-conformer_transducer_bpe",
    "lact/noise_aware_lact_ctc_bpe",
    "speech_multitask/dual_attention_fast-conformer_aed",
    "ssm/noise_aware_ssm_ctc_bpe",
    "wav2vec/noise_aware_wav2vec2_ctc_char",
    "whisper/whisper",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module", autouse=True)
def _no_process_group_is_left() -> Iterator[None]:
    """The recipes' strategy opens one; other tests shall not find it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in os.environ.items():
            patch.setenv(name, value)
        for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE"):
            patch.delenv(name, raising=False)
        yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_every_folder_of_recipes_is_here() -> None:
    folders = {"fastconformer", "lact", "noise_context", "speech_multitask", "ssm", "wav2vec", "whisper"}
    assert {name.split("/")[0] for name in recipes()} == folders and len(recipes()) >= 19


@pytest.mark.parametrize(("recipe", "use_lhotse"), RUNS)
def test_a_recipe_runs_as_nemo_s_example_script_runs_it(
    recipe: str, use_lhotse: bool | None, corpus: Path, tmp_path: Path
) -> None:
    changes = [] if use_lhotse is None else [f"model.train_ds.use_lhotse={str(use_lhotse).lower()}"]
    if use_lhotse and not recipe.endswith(WITHOUT_TEST):
        changes.append(f"model.test_ds.manifest_filepath={corpus}/speech_list.json")
    config, kind = composed(recipe, corpus, *on_a_cpu(tmp_path), *changes), model_class(recipe)
    if recipe.endswith(NEEDS_CUDA):
        with pytest.raises(ValueError, match="TDT is not yet implemented for non CUDA"):
            run(config, kind)
        return
    model = run(config, kind)
    assert model.trainer.global_step == 1
    assert ("test_wer" in model.trainer.callback_metrics) == ("model.test_ds.manifest_filepath" in "".join(changes))
    saved = next(tmp_path.rglob("*.nemo"))
    restored = kind.restore_from(str(saved), map_location="cpu")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in restored.state_dict().items())


def test_the_loaders_of_one_training_are_the_same_and_others_are_refused(corpus: Path) -> None:
    name = "fastconformer/noise_aware_fast-conformer_ctc_char"
    config = composed(name, corpus, "model.train_ds.use_lhotse=true")
    assert config.model.validation_ds.use_lhotse is config.model.test_ds.use_lhotse is True
    assert config.trainer.use_distributed_sampler is False
    assert composed(name, corpus).trainer.use_distributed_sampler is True
    mixed = composed(name, corpus, "model.validation_ds.use_lhotse=true")
    with pytest.raises(Exception, match=r"model.validation_ds.use_lhotse=True beside model.train_ds.use_lhotse=False"):
        OmegaConf.to_container(mixed.trainer, resolve=True)


@pytest.mark.slow
def test_recipes_of_every_family_train_in_two_processes(corpus: Path, tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-m", "tests.recipe_runs", str(corpus), str(tmp_path), "2", *FAMILIES]
    environment = os.environ | {
        "PYTHONPATH": str(repository),
        "OMP_NUM_THREADS": "1",
        "MASTER_PORT": str(_quiet_port()),
    }
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=repository, env=environment)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for name in FAMILIES:
        for use_lhotse in loaders(name):
            for rank in (0, 1):
                assert f"RAN {name} {use_lhotse} rank {rank} steps 1" in ran.stdout, ran.stderr[-3000:]


def _quiet_port() -> int:
    """A free port that the system gives to nobody by itself: each training closes it, and opens it again."""
    for port in range(21_000 + os.getpid() % 9_000, 31_000):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError("no free port")
