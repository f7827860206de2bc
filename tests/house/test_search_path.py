# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The Hydra plugin: scripts that never heard of us find our configs and build our classes; others do not notice it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl

from hydra_plugins.nemo_noise_searchpath import NemoNoiseSearchPathPlugin

# Shaped like NeMo's own example scripts, which the wheel of NeMo does not ship.
NEMO_SCRIPT = """
import torch
from nemo.collections.asr.models import ASRModel
from nemo.core.classes.common import Serialization
from nemo.core.config import hydra_runner

@hydra_runner(config_path="conf", config_name="own")
def main(cfg):
    print("CONFIG", cfg.model.encoder.context_encoder._target_)
    print("BUILT", type(Serialization.from_config_dict(cfg.fusion)).__name__)
    model = ASRModel.restore_from(cfg.restore, map_location="cpu").eval()
    log_probs, _, _ = model(input_signal=torch.ones(1, 8000), input_signal_length=torch.tensor([8000]))
    print("RESTORED", type(model).__name__, type(model.encoder).__name__, f"{log_probs.sum().item():.3f}")

main()
"""
FOREIGN_SCRIPT = """
import sys
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(config_path="conf", config_name="own", version_base=None)
def main(cfg):
    print("FOREIGN", cfg.own, "nemo" in sys.modules, "torch" in sys.modules, "nemo_noise" in sys.modules)
    print("FROM", [source.provider for source in HydraConfig.get().runtime.config_sources])

main()
"""
CONTEXT_CLASS = "nemo_noise.modules.StatisticsContextEncoder"
FUSION = {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 16, "d_context": 4}
MODEL = {
    "sample_rate": 16000,
    "labels": [" ", "a", "b"],
    "preprocessor": {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "features": 16,
        "normalize": "per_feature",
        "dither": 0.0,
    },
    "encoder": {
        "_target_": "nemo_noise.modules.NoiseAwareConformerEncoder",
        "feat_in": 16,
        "n_layers": 1,
        "d_model": 16,
        "n_heads": 2,
        "subsampling_factor": 4,
        "subsampling_conv_channels": 8,
        "context": {"_target_": CONTEXT_CLASS, "feat_in": 16, "d_context": 4},
        "fusion": {0: FUSION},
    },
    "decoder": {
        "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
        "feat_in": 16,
        "num_classes": 3,
        "vocabulary": [" ", "a", "b"],
    },
}


@pytest.fixture
def application(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "own.yaml").write_text("own: true\n")
    return tmp_path


def _run(application: Path, repository: Path, script: str, *arguments: str) -> str:
    (application / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "script.py", *arguments]
    finished = subprocess.run(command, cwd=application, env=environment, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_an_unmodified_nemo_script_finds_our_config_and_restores_our_model(
    application: Path, repository: Path
) -> None:
    from omegaconf import OmegaConf

    from nemo.collections.asr.models import EncDecCTCModel

    import nemo_noise  # noqa: F401  registers with NeMo

    model = EncDecCTCModel(OmegaConf.create(MODEL)).eval()
    model.save_to(str(application / "ours.nemo"))
    log_probs, _, _ = model(input_signal=torch.ones(1, 8000), input_signal_length=torch.tensor([8000]))
    fusion = f"+fusion={{_target_: {FUSION['_target_']}, d_model: 16, d_context: 4}}"
    name = "--config-name=noise_context/noise_context_pretraining"
    output = _run(application, repository, NEMO_SCRIPT, name, fusion, "+restore=ours.nemo")
    assert "CONFIG nemo_noise.modules." in output
    assert "BUILT FiLMFusion" in output
    assert f"RESTORED EncDecCTCModel NoiseAwareConformerEncoder {log_probs.sum().item():.3f}" in output


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fastconformer", "recipes/fastconformer"),
        ("noise", "parts/noise"),
        ("evaluation", "scripts"),
        ("ablations", "experiments"),
    ],
)
def test_a_folder_of_an_earlier_version_is_refused_by_the_name_of_its_new_place(
    repository: Path, old: str, new: str
) -> None:
    search_path = ConfigSearchPathImpl()
    search_path.append("main", f"file://{repository / 'conf' / old}")
    with pytest.raises(FileNotFoundError, match=rf"{old} is not there any more; its configs are in .*{new}"):
        NemoNoiseSearchPathPlugin().manipulate_search_path(search_path)


def test_an_application_without_nemo_keeps_its_config_and_does_not_import_nemo(
    application: Path, repository: Path
) -> None:
    output = _run(application, repository, FOREIGN_SCRIPT)
    assert "FOREIGN True False False False" in output
    assert "nemo_noise" not in output.partition("FROM")[2]
