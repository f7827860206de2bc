# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What README and quickstart show is true: their YAML, the length of the README."""

import re
from inspect import signature
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from nemo.collections.asr.models import EncDecCTCModel

from nemo_noise.data import NoiseMixPerturbation
from nemo_noise.training.context_input import context_complaints
from tests.evaluation.tiny_models import ENCODER, tiny_ctc


def block_of(page: Path) -> dict[str, Any]:
    (text,) = re.findall(r"^```yaml\n(model:.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return yaml.safe_load(text)["model"]


def test_the_readme_is_short_and_its_noise_is_that_of_the_quickstart(repository: Path) -> None:
    readme = repository / "README.md"
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 110
    assert block_of(readme)["train_ds"] == block_of(repository / "docs" / "quickstart.md")["train_ds"]


def test_the_block_that_is_shown_builds_a_model_without_complaints(repository: Path) -> None:
    block = block_of(repository / "docs" / "quickstart.md")
    sizes = ENCODER | {"feat_in": 80, "n_layers": 1, "d_model": 512, "subsampling_factor": 8}
    stock = OmegaConf.to_container(tiny_ctc(sizes).cfg)
    stock["preprocessor"] |= {"features": 80} | block["preprocessor"]
    stock["encoder"] |= block["encoder"]
    assert context_complaints(EncDecCTCModel(OmegaConf.create(stock))) == []
    noise_mix = block["train_ds"]["augmentor"]["noise_mix"]
    assert noise_mix.pop("prob") == 1.0  # anything below is refused
    assert set(noise_mix) <= set(signature(NoiseMixPerturbation).parameters)
