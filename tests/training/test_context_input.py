# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A context that cannot read the noise is said before a training, by every trainer, with the remedy; once."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel, EncDecCTCModel
from nemo.utils import logging

from nemo_noise.models import add_noise_context
from nemo_noise.modules import ConstantContextEncoder
from nemo_noise.training.context_input import ContextInputCheck, context_complaints
from tests.models.test_families import outputs
from tests.recipe_runs import composed, model_class, write_corpus
from tests.recognisers import WIDTH, build_recogniser, noise_aware

FILM = {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": WIDTH, "d_context": 16}
STATISTICS = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "feat_in": WIDTH, "d_context": 16}
SCALED = STATISTICS | {"feature_mean": -8.0, "feature_std": 4.0}
CAUSAL = SCALED | {"_target_": "nemo_noise.modules.CausalStatisticsContextEncoder"}
STREAMING = {"att_context_style": "chunked_limited", "att_context_size": [14, 6], "conv_context_size": "causal"}
STREAMING |= {"causal_downsampling": True, "conv_norm_type": "layer_norm"}
ATTENTIVE = {"_target_": "nemo_noise.modules.AttentiveContextEncoder", "feat_in": WIDTH, "d_context": 16}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings of NeMo's log that speak of a context."""
    messages: list[str] = []

    def note(message: object, *_: object, **__: object) -> None:
        if "encoder.context" in str(message):
            messages.append(str(message))

    monkeypatch.setattr(logging, "warning", note)
    return messages


def _model(folder: Path, normalize: str, **encoder: Any) -> EncDecCTCModel:
    """A CTC model whose encoder was made noise-aware in its config, as the README shows it."""
    config = OmegaConf.create(OmegaConf.to_container(build_recogniser("ctc", folder).cfg))
    config.preprocessor.normalize = normalize
    added = {"_target_": "nemo_noise.modules.NoiseAwareConformerEncoder", "context": STATISTICS, "fusion": {0: FILM}}
    config.encoder = OmegaConf.merge(config.encoder, added, encoder)
    return EncDecCTCModel(cfg=config)


@pytest.mark.parametrize(
    ("normalize", "encoder", "words"),
    [
        ("per_feature", {}, ["normalize='per_feature'", "preprocessor.normalize=NA", "feature_normalization=per_fea"]),
        ("all_features", {"context": SCALED}, ["normalize='all_features'", "preprocessor.normalize=NA"]),
        ("per_feature", {"feature_normalization": "per_feature"}, ["does so again"]),
        ("NA", {"feature_normalization": "per_feature"}, ["feature_mean=0", "context.feature_mean=-8.0"]),
        ("NA", {"context": SCALED} | STREAMING, ["StatisticsContextEncoder needs the whole utterance", "causal"]),
    ],
)
def test_what_keeps_a_context_from_the_noise_is_said_with_the_remedy(
    normalize: str, encoder: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    (complaint,) = context_complaints(_model(tmp_path, normalize, **encoder))
    assert all(word in complaint for word in words), complaint


@pytest.mark.parametrize(
    ("normalize", "encoder"),
    [
        ("NA", {"context": SCALED, "feature_normalization": "per_feature"}),
        ("NA", {"context": CAUSAL, "feature_normalization": "running"} | STREAMING),
        ("NA", {"context": SCALED}),
        ("per_feature", {"context": None, "fusion": None}),
    ],
)
def test_a_context_that_reads_the_level_is_no_matter(normalize: str, encoder: dict[str, Any], tmp_path: Path) -> None:
    assert context_complaints(_model(tmp_path, normalize, **encoder)) == []


def test_a_control_that_reads_nothing_is_no_matter(tmp_path: Path) -> None:
    model = _model(tmp_path, "per_feature")
    model.encoder.context_encoder = ConstantContextEncoder(model.encoder.context_encoder)
    assert context_complaints(model) == []


@pytest.mark.parametrize(
    "recipe",
    [
        "noise_context/noise_context_pretraining",
        "fastconformer/noise_aware_fast-conformer_ctc_char",
        "fastconformer/noise_aware_fast-conformer_ctc_bpe_streaming",
        "speech_multitask/dual_attention_fast-conformer_aed",
        "wav2vec/noise_aware_wav2vec2_ctc_char",
    ],
)
def test_the_recipes_have_nothing_to_complain_of(recipe: str, tmp_path: Path) -> None:
    assert context_complaints(model_class(recipe)(cfg=composed(recipe, write_corpus(tmp_path)).model)) == []


def test_every_trainer_says_it_before_the_first_step(tmp_path: Path, said: list[str]) -> None:
    corpus = write_corpus(tmp_path)
    recipe = "fastconformer/noise_aware_fast-conformer_ctc_char"
    changes = ["model.preprocessor.normalize=per_feature", "model.encoder.feature_normalization=null"]
    config = composed(recipe, corpus, *changes)
    options = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False, "max_steps": 1}
    trainer = pl.Trainer(enable_progress_bar=False, limit_val_batches=0, **options)
    checks = [callback for callback in trainer.callbacks if isinstance(callback, ContextInputCheck)]
    trainer.callbacks += [] if checks else [ContextInputCheck()]  # by entry point where the package is installed
    trainer.fit(EncDecCTCModel(cfg=config.model, trainer=trainer))
    assert len(said) == 1 and "preprocessor.normalize=NA" in said[0]


def test_adding_a_context_says_it_scales_it_and_takes_further_fusions(tmp_path: Path, said: list[str]) -> None:
    torch.manual_seed(1)
    plain = build_recogniser("ctc", tmp_path)
    plain.save_to(str(tmp_path / "plain.nemo"))
    add_noise_context(tmp_path / "plain.nemo", noise_aware(plain.cfg))
    assert len(said) == 1 and "the preprocessor normalises" in said[0]
    model = add_noise_context(tmp_path / "plain.nemo", noise_aware(plain.cfg, "per_feature"))
    assert (model.cfg.encoder.context.feature_mean, model.cfg.encoder.context.feature_std) == (-8.0, 4.0)
    assert model.encoder.context_encoder.scale.mean == -8.0 and len(said) == 1
    own = noise_aware(plain.cfg, "per_feature")
    own["context"] = own["context"] | {"feature_mean": -6.0, "feature_std": 3.0}
    assert add_noise_context(tmp_path / "plain.nemo", own).encoder.context_encoder.scale.mean == -6.0
    attentive = {"context": ATTENTIVE, "fusion": {0: FILM}, "feature_normalization": "per_feature"}
    model = add_noise_context(tmp_path / "plain.nemo", attentive)  # has no scale
    model.save_to(str(tmp_path / "aware.nemo"))
    further = add_noise_context(tmp_path / "aware.nemo", {"fusion": {1: FILM}})
    assert set(further.encoder.fusions) == {"0", "1"} and torch.equal(outputs(further), outputs(plain))
    again = ASRModel.restore_from(str(tmp_path / "aware.nemo"), map_location="cpu")
    assert torch.equal(outputs(again), outputs(plain)) and len(said) == 1
