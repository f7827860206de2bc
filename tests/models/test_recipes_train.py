# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every recipe, made tiny, builds its model and learns for two steps in which context and fusions move."""

import json
import re
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

import nemo.collections.asr.models as asr_models
from nemo.utils.trainer_utils import resolve_trainer_cfg

import nemo_noise  # noqa: F401  registers with NeMo
from experiments.arms import CONFIGS, arms_of
from experiments.arms import RECIPES as TRAININGS
from nemo_noise.configuration import config_directory
from nemo_noise.models import DualAttentionMultiTaskModel
from nemo_noise.training import CleanGuard
from tests.recognisers import special_tokenizer_directory, tokenizer_directory

TINY = [
    "model.preprocessor.features=32",
    "model.encoder.d_model=32",
    "model.encoder.n_layers=1",
    "model.encoder.n_heads=4",
    "model.encoder.subsampling_conv_channels=16",
    "model.train_ds.num_workers=0",
    "model.train_ds.batch_size=2",
    "model.validation_ds.num_workers=0",
    "model.optim.sched.warmup_steps=1",
]
RECIPES = {
    "fastconformer/noise_aware_fast-conformer_ctc_char": "EncDecCTCModel",
    "fastconformer/noise_aware_fast-conformer_ctc_bpe": "EncDecCTCModelBPE",
    "fastconformer/noise_aware_fast-conformer_ctc_bpe_streaming": "EncDecCTCModelBPE",
    "fastconformer/noise_aware_fast-conformer_transducer_bpe": "EncDecRNNTBPEModel",
    "fastconformer/noise_aware_fast-conformer_hybrid_transducer_ctc_bpe": "EncDecHybridRNNTCTCBPEModel",
    "fastconformer/noise_aware_fast-conformer_tdt_bpe": "EncDecRNNTBPEModel",
    "speech_multitask/noise_aware_fast-conformer_aed": "EncDecMultiTaskModel",
    "ssm/noise_aware_ssm_ctc_bpe": "EncDecCTCModelBPE",
    "ssm/noise_aware_ssm_ctc_bpe_streaming": "EncDecCTCModelBPE",
    "ssm/noise_aware_ssm_transducer_bpe": "EncDecRNNTBPEModel",
    "lact/noise_aware_lact_ctc_bpe": "EncDecCTCModelBPE",
    "lact/noise_aware_lact_ctc_bpe_streaming": "EncDecCTCModelBPE",
    "lact/noise_aware_lact_transducer_bpe": "EncDecRNNTBPEModel",
}
TDT = "fastconformer/noise_aware_fast-conformer_tdt_bpe"  # its loss needs CUDA


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances, two noises, tokenizers."""
    folder = tmp_path_factory.mktemp("recipes")
    rng = np.random.default_rng(0)
    for name, count, text in (("speech", 4, "one two three"), ("noise", 2, "")):
        lines = []
        for index in range(count):
            envelope = np.repeat(rng.random(20), 1600)
            soundfile.write(folder / f"{name}{index}.wav", 0.1 * envelope * rng.standard_normal(32000), 16000)
            line = {"audio_filepath": str(folder / f"{name}{index}.wav"), "duration": 2.0, "text": text}
            lines.append(json.dumps(line | {"source_lang": "en", "target_lang": "en"}))
        (folder / f"{name}_list.json").write_text("\n".join(lines))
    return folder


def _compose(recipe: str, corpus: Path, *further: str) -> DictConfig:
    folder, name = recipe.split("/")  # as our scripts are started
    with initialize_config_dir(str(config_directory() / "recipes" / folder), version_base="1.1"):
        return compose(name, [*_overrides(recipe, corpus), *further])


def _overrides(recipe: str, corpus: Path) -> list[str]:
    overrides = [f"model.{part}.manifest_filepath={corpus}/speech_list.json" for part in ("train_ds", "validation_ds")]
    overrides.append(f"model.train_ds.augmentor.noise_mix.manifest_path={corpus}/noise_list.json")
    if recipe.endswith("_aed"):
        special, words = special_tokenizer_directory(corpus), tokenizer_directory(corpus)
        overrides += [f"model.tokenizer.langs.spl_tokens.dir={special}", f"model.tokenizer.langs.en.dir={words}"]
    else:
        overrides += [] if recipe.endswith("_char") else [f"model.tokenizer.dir={tokenizer_directory(corpus)}"]
    if "transducer" in recipe or "tdt" in recipe:
        overrides += ["model.model_defaults.pred_hidden=16", "model.model_defaults.joint_hidden=16"]
        overrides += [] if recipe == TDT else ["model.loss.loss_name=pytorch"]
    overrides += ["model.encoder.fast_chunk_size=8"] if "lact" in recipe else []  # two seconds are 50 frames
    return [*overrides, *TINY]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_recipe_learns(recipe: str, corpus: Path) -> None:
    config = _compose(recipe, corpus)
    arguments = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    trainer = pl.Trainer(max_steps=2, limit_val_batches=0, enable_progress_bar=False, **arguments)
    model = getattr(asr_models, RECIPES[recipe])(cfg=config.model, trainer=trainer)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    assert any(name.startswith("fusions.features.") for name in before)
    if recipe == TDT:
        assert not torch.cuda.is_available(), "train it here as well"
        return
    trainer.fit(model)
    after = model.encoder.state_dict()
    assert all(value.isfinite().all() for value in after.values() if value.is_floating_point())
    for part in ("fusions.features.", "fusions.0.", "context_encoder."):
        assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith(part)), part


@pytest.mark.parametrize(
    "name", ["contexts/contexts", "fine_tuning/fine_tuning", "encoders/encoders", "curricula/curriculum"]
)
def test_the_trainings_of_an_experiment_start(name: str, corpus: Path) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        experiment = compose(name)
    arm = next(iter(arms_of(experiment).values()))
    recipe = arm.get("config", experiment.recogniser_config)
    overrides = [*_overrides(recipe, corpus), f"data_dir={corpus}"]
    with initialize_config_dir(str(TRAININGS), version_base="1.1"):
        config = compose(recipe, [*overrides, *experiment.training_overrides, *arm["overrides"]])
    trainer = pl.Trainer(
        max_steps=2, limit_val_batches=0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        accelerator="cpu",
    )  # fmt: skip
    trainer.fit(asr_models.EncDecCTCModelBPE(cfg=config.model, trainer=trainer))
    assert trainer.global_step == 2


def test_training_of_the_context_alone_leaves_the_recogniser_as_it_was(corpus: Path, tmp_path: Path) -> None:
    recipe = "fastconformer/noise_aware_fast-conformer_ctc_char"
    config = _compose(recipe, corpus, "+training=frozen_backbone")
    callbacks = resolve_trainer_cfg(config.trainer)["callbacks"]
    arguments = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    arguments |= {"num_sanity_val_steps": config.trainer.num_sanity_val_steps, "default_root_dir": str(tmp_path)}
    trainer = pl.Trainer(max_epochs=1, callbacks=callbacks, enable_progress_bar=False, **arguments)
    model = asr_models.EncDecCTCModel(cfg=config.model, trainer=trainer)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoder.fusions.") for name in changed)
    assert all(name.startswith(("encoder.fusions.", "encoder.context_encoder.")) for name in changed)
    (guard,) = (callback for callback in callbacks if isinstance(callback, CleanGuard))
    assert guard.baseline is not None


@pytest.mark.parametrize("secondary", ["noise_tokens", "lower_layer", "noise_types", None])
def test_the_second_attention_learns_and_the_frozen_encoder_stays(
    secondary: str | None, corpus: Path, tmp_path: Path
) -> None:
    changes = ["model.secondary=null"] if secondary is None else [f"secondary@model.secondary={secondary}"]
    changes += ["model.secondary.layer=0"] if secondary == "lower_layer" else []
    changes += ["model.transf_decoder.gate_start=1.0", "model.optim.lr=0.01", "+training=dual_warm_start"]
    config = _compose("speech_multitask/dual_attention_fast-conformer_aed", corpus, *changes)
    callbacks = resolve_trainer_cfg(config.trainer)["callbacks"]
    arguments = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    arguments |= {"default_root_dir": str(tmp_path), "enable_progress_bar": False, "limit_val_batches": 0}
    trainer = pl.Trainer(max_steps=2, callbacks=callbacks, **arguments)
    model = DualAttentionMultiTaskModel(cfg=config.model, trainer=trainer)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    attention = "transf_decoder._decoder.layers.0.second_sub_layer."
    expected = {
        f"{attention}{part}" for part in ("query_net.weight", "secondary.value_net.weight", "gate.weight", "mix")
    }
    assert expected <= changed and not any(name.startswith("encoder.") for name in changed)
    assert (secondary is None) == (not any(name.startswith("secondary.") for name in changed))
    watched = {"alpha", "gate_entropy", "mix"} | ({"map_similarity"} if secondary in (None, "lower_layer") else set())
    assert {f"dual_attention/layer_0/{name}" for name in watched} <= set(trainer.logged_metrics)
    assert 0.0 < trainer.logged_metrics["dual_attention/layer_0/alpha"] < 1.0


def _dual_trained(corpus: Path, tmp_path: Path, *changes: str, **options: Any) -> tuple[set[str], pl.Trainer]:
    """The parameters that moved in two steps of a tiny dual-attention model."""
    config = _compose(
        "speech_multitask/dual_attention_fast-conformer_aed",
        corpus,
        "model.transf_decoder.gate_start=1.0",
        "model.optim.lr=0.01",
        *changes,
    )
    trainer_config = resolve_trainer_cfg(config.trainer)
    given = {
        key: trainer_config[key] for key in ("callbacks", "precision", "gradient_clip_val") if key in trainer_config
    }
    given |= {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False, "max_steps": 2}
    given |= {"default_root_dir": str(tmp_path), "enable_progress_bar": False, "limit_val_batches": 0}
    trainer = pl.Trainer(**(given | options))
    model = DualAttentionMultiTaskModel(cfg=config.model, trainer=trainer)
    before = {name: value.clone() for name, value in model.named_parameters()}
    trainer.fit(model)
    assert all(value.isfinite().all() for value in model.parameters())
    return {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}, trainer


@pytest.mark.parametrize(
    ("strategy", "stays"),
    {
        "encoder": ("encoder.",),
        "encoder_and_primary": ("encoder.", "transf_decoder._embedding.", "log_softmax."),
        "nothing": (),
    }.items(),
)
def test_a_freezing_strategy_is_chosen_by_its_name(
    strategy: str, stays: tuple[str, ...], corpus: Path, tmp_path: Path
) -> None:
    changed, _ = _dual_trained(corpus, tmp_path, f"+freeze={strategy}")
    attention = "transf_decoder._decoder.layers.0.second_sub_layer."
    assert {f"{attention}secondary.value_net.weight", f"{attention}gate.weight", f"{attention}mix"} <= changed
    assert any(name.startswith("secondary.") for name in changed)
    assert not any(name.startswith(stays) for name in changed if stays)
    assert (f"{attention}query_net.weight" in changed) == (strategy != "encoder_and_primary")
    assert any(name.startswith("encoder.") for name in changed) == (strategy == "nothing")


def test_a_stage_can_be_given_another_freezing_strategy(corpus: Path, tmp_path: Path) -> None:
    changes = ("+training=dual_warm_start", "freeze=encoder_and_primary", "model.optim.lr=0.01")
    changed, _ = _dual_trained(corpus, tmp_path, *changes)
    assert changed
    assert all(
        name.startswith("secondary.") or re.search(r"\.(secondary\..*|gate\..*|mix)$", name) for name in changed
    )


@pytest.mark.parametrize("precision", ["bf16", "fused"])
def test_mixed_precision_and_a_fused_optimizer_train(precision: str, corpus: Path, tmp_path: Path) -> None:
    stage = ("+training=dual_warm_start", "model.optim.lr=0.01")  # both act
    changed, trainer = _dual_trained(corpus, tmp_path, *stage, f"+precision={precision}")
    assert changed and not any(name.startswith("encoder.") for name in changed)
    expected, fused = {"bf16": ("bf16-mixed", None), "fused": ("32-true", True)}[precision]
    assert trainer.precision == expected and trainer.optimizers[0].defaults["fused"] is fused
    assert trainer.gradient_clip_val == 1.0


def test_a_model_of_nemo_itself_is_told_that_it_cannot_give_a_secondary_memory(corpus: Path) -> None:
    config = _compose("speech_multitask/dual_attention_fast-conformer_aed", corpus)
    model = asr_models.EncDecMultiTaskModel(cfg=config.model)
    signal, prompt = torch.randn(1, 16000), torch.tensor([[4, 5]])
    with pytest.raises(ValueError, match="use DualAttentionMultiTaskModel, or set transf_decoder.secondary_tokens to"):
        model(
            input_signal=signal,
            input_signal_length=torch.tensor([16000]),
            transcript=prompt,
            transcript_length=torch.tensor([2]),
        )


def test_an_encoder_apart_learns_at_a_tenth_of_the_rate_from_first_to_last(corpus: Path) -> None:
    recipe = "fastconformer/noise_aware_fast-conformer_ctc_char"
    config = _compose(recipe, corpus, "+training=encoder_apart")
    arguments = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    trainer = pl.Trainer(max_steps=4, limit_val_batches=0, enable_progress_bar=False, **arguments)
    model = asr_models.EncDecCTCModel(cfg=config.model, trainer=trainer)
    trainer.fit(model)
    rates = {len(group["params"]): group["lr"] for group in trainer.optimizers[0].param_groups}
    num_encoder = len(list(model.encoder.parameters()))
    assert set(rates) == {num_encoder, len(list(model.parameters())) - num_encoder}
    assert rates.pop(num_encoder) == pytest.approx(1e-4 * 0.01) and next(iter(rates.values())) == pytest.approx(1e-5)


def test_a_noise_list_that_is_missing_is_named(corpus: Path) -> None:
    config = _compose("fastconformer/noise_aware_fast-conformer_ctc_char", corpus)
    OmegaConf.update(config, "model.train_ds.augmentor.noise_mix.manifest_path", str(corpus / "nothing.json"))
    with pytest.raises(ValueError, match="nothing.json: no such manifest"):
        asr_models.EncDecCTCModel(cfg=config.model)
