# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Recognisers as NeMo saves them pass the door with equal weights: those beyond the families of tests/models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from nemo.collections.asr.models import (
    ASRModel,
    EncDecCTCModel,
    EncDecFrameClassificationModel,
    EncDecSpeakerLabelModel,
    SpeechEncDecSelfSupervisedModel,
)
from nemo.core.classes.modelPT import ModelPT

from tests.evaluation.tiny_models import tiny_ctc

MODULES = "nemo.collections.asr.modules"
PREPROCESSOR = {"_target_": f"{MODULES}.AudioToMelSpectrogramPreprocessor", "features": 16}
BLOCK = {"filters": 16, "repeat": 1, "kernel": [3], "stride": [1], "dilation": [1], "dropout": 0.0, "residual": False}
CONVOLUTIONS = {
    "_target_": f"{MODULES}.ConvASREncoder",
    "feat_in": 16,
    "activation": "relu",
    "conv_mask": True,
    "jasper": [BLOCK | {"separable": True, "se": True, "se_context_size": -1}],
}


def speaker() -> ModelPT:
    decoder = {"_target_": f"{MODULES}.SpeakerDecoder", "feat_in": 16, "num_classes": 3, "pool_mode": "attention"}
    loss = {"_target_": "nemo.collections.asr.losses.angularloss.AngularSoftmaxLoss", "scale": 30, "margin": 0.2}
    parts = {
        "preprocessor": PREPROCESSOR,
        "encoder": CONVOLUTIONS,
        "decoder": decoder | {"emb_sizes": 8},
        "loss": loss,
    }
    return EncDecSpeakerLabelModel(OmegaConf.create(parts | {"sample_rate": 16000, "labels": ["a", "b", "c"]}))


def voice_activity() -> ModelPT:
    decoder = {
        "_target_": "nemo.collections.common.parts.MultiLayerPerceptron",
        "hidden_size": 16,
        "num_classes": 2,
        "num_layers": 1,
    }
    parts = {"preprocessor": PREPROCESSOR, "encoder": CONVOLUTIONS, "decoder": decoder | {"activation": "relu"}}
    return EncDecFrameClassificationModel(
        OmegaConf.create(parts | {"sample_rate": 16000, "labels": ["0", "1"], "num_classes": 2})
    )


def self_supervised() -> ModelPT:
    decoder = {"_target_": f"{MODULES}.ConvASRDecoderReconstruction", "feat_in": 16, "feat_hidden": 8, "feat_out": 8}
    loss = {"_target_": "nemo.collections.asr.losses.ContrastiveLoss", "in_dim": 16, "proj_dim": 8, "num_groups": 2}
    mask = {"_target_": f"{MODULES}.MaskedPatchAugmentation", "patch_size": 8, "mask_patches": 0.5}
    parts = {"preprocessor": PREPROCESSOR, "encoder": CONVOLUTIONS, "spec_augment": mask}
    more = {"decoder": decoder | {"stride_layers": 0}, "loss": loss | {"codebook_size": 8, "quantized_targets": False}}
    return SpeechEncDecSelfSupervisedModel(OmegaConf.create(parts | more | {"sample_rate": 16000}))


def adapted() -> ModelPT:
    model = tiny_ctc({**_conformer(), "_target_": f"{MODULES}.ConformerEncoderAdapter"})
    strategy = {"_target_": "nemo.core.classes.mixins.adapter_mixin_strategies.ResidualAddAdapterStrategy"}
    adapter = {"_target_": "nemo.collections.common.parts.adapter_modules.LinearAdapter", "in_features": 32, "dim": 4}
    model.add_adapter("encoder:small", OmegaConf.create(adapter | {"adapter_strategy": strategy}))
    return model


def _conformer() -> dict[str, Any]:
    return OmegaConf.to_container(tiny_ctc().cfg.encoder)


@pytest.mark.parametrize("build", [speaker, voice_activity, self_supervised, adapted])
def test_a_recogniser_of_nemo_passes_the_door_as_it_was(build: Callable[[], ModelPT], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build()
    model.save_to(str(tmp_path / "model.nemo"))
    kind = ASRModel if isinstance(model, EncDecCTCModel) else type(model)
    restored = kind.restore_from(str(tmp_path / "model.nemo"), map_location="cpu")
    assert type(restored) is type(model)
    weights, before = restored.state_dict(), model.state_dict()
    assert weights.keys() == before.keys() and all(torch.equal(weights[name], before[name]) for name in before)
