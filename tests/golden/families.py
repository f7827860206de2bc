# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One tiny model of every family that a user can save, all parts away from their start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from nemo_noise.models import (
    DualAttentionMultiTaskModel,
    NoiseContextPretrainingModel,
    add_dual_attention,
    add_noise_context,
    import_wav2vec2,
    import_whisper,
)
from tests.contracts import randomize
from tests.recognisers import SLOTS, WIDTH, WORDS, build_recogniser, noise_aware
from tests.wav2vecs import write_wav2vec2
from tests.whispers import SHAPES, write_whisper

OPTIMISER = {"name": "adamw", "lr": 2e-3, "weight_decay": 0.0}
STATISTICS = {
    "_target_": "nemo_noise.modules.StatisticsContextEncoder",
    "feat_in": WIDTH,
    "d_context": 16,
    "d_hidden": 16,
}
FILM = {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": WIDTH, "d_context": 16}
HIERARCHY = {
    "_target_": "nemo_noise.modules.HierarchicalContextEncoder",
    "feat_in": WIDTH,
    "d_context": 16,
    "d_hidden": 16,
    "num_tokens": 3,
}
SHAPES["golden"] = {"d_model": 16, "heads": (2, 2), "layers": (2, 1), "num_mel_bins": 80, "ffn": (32, 32)}
MIXERS = {
    "lact_ctc": {"_target_": "nemo_noise.modules.NoiseAwareLaCTEncoder", "fast_hidden": 16},
    "ssm_ctc": {"_target_": "nemo_noise.modules.SSMEncoder", "d_state": 8, "head_dim": 16, "chunk_size": 8},
}
BANDS = 16
_PRETRAINED: dict[str, Any] = {"feat_in": BANDS, "d_context": 8, "d_hidden": 16}
_STREAM = {"_target_": "nemo_noise.modules.SensorTokens", "channels": 1, "rate_hz": 100, "d_hidden": 16}
PRETRAINING: dict[str, dict[str, Any]] = {  # context encoder, and the losses beside its own
    "pretraining_spans": {
        "context": {"_target_": "nemo_noise.modules.AttentiveContextEncoder", **_PRETRAINED},
        "losses": {"masked": 1.0, "contrastive": 1.0, "redundancy": 1.0, "leakage": 1.0, "snr": 0.3, "variance": 0.04},
    },
    "pretraining_cells": {
        "context": {"_target_": "nemo_noise.modules.TemporalContextEncoder", **_PRETRAINED},
        "losses": {"masked_cells": 0.5, "contrastive": 1.0, "hidden_noise": 1.0},
    },
    "pretraining_sensors": {
        "context": {
            "_target_": "nemo_noise.modules.MultimodalContextEncoder",
            **_PRETRAINED,
            "num_layers": 1,
            "num_tokens": 2,
            "feature_mean": -8.0,
            "feature_std": 4.0,
            "stream_dropout": 0.0,
            "streams": {"shaking": _STREAM | {"token_s": 0.2}},
        },
        "losses": {"masked": 0.5, "contrastive": 1.0, "sensors": 1.0},
    },
}


def build(name: str, folder: Path) -> Any:
    """The model of a family in eval mode; what it is made of is written under ``folder``."""
    torch.manual_seed(1)
    model = FAMILIES[name](name, folder)
    with open_dict(model.cfg):
        model.cfg.optim = OPTIMISER
    return model.eval()


def _noise_aware(name: str, folder: Path) -> Any:
    family = name.removeprefix("noise_aware_")
    plain = _narrow(family, folder)
    plain.save_to(str(folder / "plain.nemo"))
    parts = noise_aware(plain.cfg, "per_feature") | {"context": STATISTICS}
    model = add_noise_context(folder / "plain.nemo", parts)
    _move(model.encoder.fusions)
    return model


def _narrow(family: str, folder: Path) -> Any:
    """A plain recogniser whose feed-forward modules are no wider than the model."""
    _write_tokenizers(folder)
    wide = build_recogniser(family, folder)
    with open_dict(wide.cfg):
        wide.cfg.encoder.ff_expansion_factor = 1
    return type(wide)(cfg=wide.cfg)


def _mixer(name: str, folder: Path) -> Any:
    plain = _narrow("ctc", folder)
    config = plain.cfg
    with open_dict(config):
        config.encoder = OmegaConf.merge(config.encoder, MIXERS[name])
        config.encoder.context, config.encoder.fusion = STATISTICS, {"0": FILM}
    model = type(plain)(cfg=config)
    _move(model.encoder.fusions)
    return model


def _dual_attention(name: str, folder: Path) -> Any:
    config = _narrow("aed", folder).cfg
    memory = {"_target_": "nemo_noise.modules.ContextTokenMemory", "d_model": WIDTH}
    with open_dict(config):
        del config.target
        config.secondary = memory | {"context": HIERARCHY}
        config.transf_decoder.update({"_target_": "nemo_noise.modules.DualAttentionDecoder", "gate": "head"})
    model = DualAttentionMultiTaskModel(cfg=config)
    _move(model.transf_decoder)
    return model


def _dual_attention_whisper(name: str, folder: Path) -> Any:
    _whisper(name, folder).save_to(str(folder / "whisper.nemo"))
    memory = {"_target_": "nemo_noise.modules.NoiseTypeMemory", "num_types": 4, "d_model": 16}
    model = add_dual_attention(folder / "whisper.nemo", memory)
    for attention in model.transf_decoder.dual_attentions:
        _move(attention)
    return model


def _whisper(name: str, folder: Path) -> Any:
    write_whisper(folder / "hugging_face", "golden")
    return import_whisper(folder / "hugging_face")


def _wav2vec2(name: str, folder: Path) -> Any:
    write_wav2vec2(folder / "hugging_face", "pretraining" if name.endswith("pretraining") else "ctc")
    return import_wav2vec2(folder / "hugging_face")


def _noise_aware_wav2vec2(name: str, folder: Path) -> Any:
    config = _wav2vec2(name, folder).cfg
    bands = {"_target_": "nemo_noise.modules.LogMelFeatures", "features": BANDS}
    with open_dict(config):
        config.encoder._target_ = "nemo_noise.modules.NoiseAwareWav2Vec2Encoder"
        config.encoder.context = STATISTICS | {"feat_in": BANDS}
        config.encoder.fusion = {"0": FILM}
        config.encoder.context_features = bands
    model = type(_wav2vec2(name, folder / "again"))(cfg=config)
    _move(model.encoder.fusions)
    return model


def _pretraining(name: str, folder: Path) -> Any:
    model = NoiseContextPretrainingModel(pretraining_config(name))
    _move(model.encoder)
    return model


def pretraining_config(name: str) -> DictConfig:
    """The config of a pretraining model, without data."""
    parts = PRETRAINING[name]
    preprocessor = {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "sample_rate": 16000,
        "normalize": "NA",
        "features": BANDS,
        "n_fft": 512,
        "dither": 0.0,
        "pad_to": 0,
    }
    return OmegaConf.create(
        {
            "sample_rate": 16000,
            "preprocessor": preprocessor,
            "encoder": {"context_encoder": parts["context"]},
            "codes": {"num_codes": 16, "code_dim": 4},
            "cells": {"num_groups": 4, "num_cepstra": 4, "num_codes": 16, "code_dim": 4, "d_hidden": 16},
            "sensors": {"num_codes": 16, "code_dim": 4, "d_hidden": 16},
            "predictor": {"d_hidden": 16},
            "projector": {"d_hidden": 16, "d_projection": 8},
            "losses": {loss: {"weight": weight} for loss, weight in parts["losses"].items()},
            "train_ds": None,
            "validation_ds": None,
        }
    )


def _move(module: torch.nn.Module) -> None:
    """Moves weights away from their start, so that every part changes the output."""
    randomize(module)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.rsplit(".", 1)[-1] == "mix":
                parameter.fill_(1.5)


def _write_tokenizers(folder: Path) -> None:
    """The tokenizers of ``tests.recognisers`` without the tables of Unicode, which are most of their size."""
    names = [*SLOTS.values(), "<|startofcontext|>", "<|itn|>", "<|timestamp|>", "<|diarize|>", "<|pnc|>", "<|en|>"]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(name for name in names if name)]
    symbols = list(dict.fromkeys(special))
    control = {"pad_id": 0, "pad_piece": "<pad>", "unk_id": 1, "user_defined_symbols": symbols}
    _train_tokenizer(folder / "special", "".join(symbols), vocab_size=len(symbols) + 3, **control)
    _train_tokenizer(folder / "tokenizer", "\n".join([WORDS] * 20), vocab_size=30, hard_vocab_limit=False)


def _train_tokenizer(directory: Path, text: str, **options: Any) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "text.txt").write_text(text, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(directory / "text.txt"),
        model_prefix=str(directory / "tokenizer"),
        normalization_rule_name="identity",
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
        **options,
    )
    lines = (directory / "tokenizer.vocab").read_text(encoding="utf-8").splitlines()
    (directory / "vocab.txt").write_text("\n".join(line.split("\t")[0] for line in lines), encoding="utf-8")


FAMILIES: dict[str, Callable[[str, Path], Any]] = {
    "noise_aware_ctc": _noise_aware,
    "noise_aware_rnnt_bpe": _noise_aware,
    "noise_aware_tdt_bpe": _noise_aware,
    "noise_aware_hybrid_bpe": _noise_aware,
    "noise_aware_aed": _noise_aware,
    "lact_ctc": _mixer,
    "ssm_ctc": _mixer,
    "dual_attention_aed": _dual_attention,
    "dual_attention_whisper": _dual_attention_whisper,
    "whisper": _whisper,
    "wav2vec2_ctc": _wav2vec2,
    "noise_aware_wav2vec2_ctc": _noise_aware_wav2vec2,
    "wav2vec2_pretraining": _wav2vec2,
    "pretraining_spans": _pretraining,
    "pretraining_cells": _pretraining,
    "pretraining_sensors": _pretraining,
}
