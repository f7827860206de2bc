# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The block of YAML that the README shows builds a recogniser whose context can read the noise."""

import re
from pathlib import Path

import yaml
from omegaconf import OmegaConf

from nemo.collections.asr.models import EncDecCTCModel

from nemo_noise.training.context_input import context_complaints
from tests.evaluation.tiny_models import ENCODER, tiny_ctc


def test_the_block_of_the_readme_builds_a_model_without_complaints(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n(model:.*?)^```", readme, re.MULTILINE | re.DOTALL)
    block = yaml.safe_load(text)["model"]
    sizes = ENCODER | {"feat_in": 80, "n_layers": 1, "d_model": 512, "subsampling_factor": 8}
    stock = OmegaConf.to_container(tiny_ctc(sizes).cfg)
    stock["preprocessor"] |= {"features": 80} | block["preprocessor"]
    stock["encoder"] |= block["encoder"]
    assert context_complaints(EncDecCTCModel(OmegaConf.create(stock))) == []
    assert block["train_ds"]["augmentor"]["noise_mix"]["prob"] == 1.0  # anything below is refused
