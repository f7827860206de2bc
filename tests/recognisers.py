# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny recognisers of every NeMo family, plain and untrained, for the tests."""

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

import nemo.collections.asr.models as asr_models
from nemo.collections.common.tokenizers.canary_tokenizer import CanaryTokenizer
from nemo.collections.common.tokenizers.sentencepiece_tokenizer import create_spt_model

from tests.contracts import randomize

WIDTH = 32
WORDS = "zero one two three four five six seven eight nine"
LABELS = [" ", *"abcdefghijklmnopqrstuvwxyz", "'"]
CLASSES = {
    "ctc": "EncDecCTCModel",
    "ctc_bpe": "EncDecCTCModelBPE",
    "rnnt_bpe": "EncDecRNNTBPEModel",
    "tdt_bpe": "EncDecRNNTBPEModel",
    "hybrid_bpe": "EncDecHybridRNNTCTCBPEModel",
    "aed": "EncDecMultiTaskModel",
}
FAMILIES = list(CLASSES)
DURATIONS = [0, 1, 2]
SLOTS = {
    "decodercontext": "",
    "source_lang": "en",
    "target_lang": "en",
    "emotion": "<|emo:undefined|>",
    "itn": "<|noitn|>",
    "timestamp": "<|notimestamp|>",
    "diarize": "<|nodiarize|>",
    "pnc": "<|nopnc|>",
}

AED_DECODER: dict[str, Any] = {
    "max_sequence_length": 64,
    "num_token_types": 0,
    "embedding_dropout": 0.0,
    "learn_positional_encodings": False,
    "hidden_size": WIDTH,
    "inner_size": WIDTH,
    "num_layers": 1,
    "num_attention_heads": 4,
    "ffn_dropout": 0.0,
    "attn_score_dropout": 0.0,
    "attn_layer_dropout": 0.0,
    "hidden_act": "relu",
    "pre_ln": True,
    "vocab_size": None,
}


def build_recogniser(family: str, folder: Path) -> Any:
    """An untrained model of a family in eval mode; tokenizers are written under ``folder``."""
    config = OmegaConf.create(_config(family, folder))
    return getattr(asr_models, CLASSES[family])(cfg=config).eval()


def write_plain_aed(folder: Path) -> Path:
    """The checkpoint of an untrained plain AED model whose decoder is not at its start, `plain.nemo` in a folder."""
    torch.manual_seed(1)
    model = build_recogniser("aed", folder)
    randomize(model.transf_decoder)
    model.save_to(str(folder / "plain.nemo"))
    return folder / "plain.nemo"


def tokenizer_directory(folder: Path) -> Path:
    """A SentencePiece tokenizer for the digits' names."""
    directory = folder / "tokenizer"
    if not (directory / "tokenizer.model").is_file():
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "text.txt").write_text("\n".join([WORDS] * 20))
        create_spt_model(
            str(directory / "text.txt"), vocab_size=30, sample_size=-1, do_lower_case=False, output_dir=str(directory)
        )
    return directory


def special_tokenizer_directory(folder: Path) -> Path:
    """A SentencePiece tokenizer for Canary's prompt."""
    special = folder / "special"
    if not (special / "tokenizer.model").is_file():
        names = [*SLOTS.values(), "<|startofcontext|>", "<|itn|>", "<|timestamp|>", "<|diarize|>", "<|pnc|>", "<|en|>"]
        CanaryTokenizer.build_special_tokenizer([name for name in names if name], str(special))
    return special


def _config(family: str, folder: Path) -> dict[str, Any]:
    config = _front_end()
    if family == "ctc":
        labels = {"labels": LABELS}
        return config | labels | {"decoder": _ctc_head(len(LABELS), LABELS), "validation_ds": _dataset() | labels}
    config["tokenizer"] = {"dir": str(tokenizer_directory(folder)), "type": "bpe"}
    if family == "ctc_bpe":
        return config | {"decoder": _ctc_head(-1, [])}
    if family == "aed":
        return config | _aed(folder)
    config |= _transducer()
    if family == "tdt_bpe":
        config["model_defaults"] |= {"tdt_durations": DURATIONS, "num_tdt_durations": len(DURATIONS)}
        config["joint"]["num_extra_outputs"] = len(DURATIONS)
        config["decoding"] |= {"model_type": "tdt", "durations": DURATIONS}
        tdt = {"fastemit_lambda": 0.0, "clamp": -1.0, "durations": DURATIONS, "sigma": 0.02, "omega": 0.1}
        config["loss"] = {"loss_name": "tdt", "tdt_kwargs": tdt}
    if family == "hybrid_bpe":
        config["aux_ctc"] = {"ctc_loss_weight": 0.3, "decoder": _ctc_head(-1, []), "decoding": {"strategy": "greedy"}}
    return config


def _front_end() -> dict[str, Any]:
    modules = "nemo.collections.asr.modules"
    return {
        "sample_rate": 16000,
        "train_ds": None,
        "validation_ds": _dataset(),
        "preprocessor": {
            "_target_": f"{modules}.AudioToMelSpectrogramPreprocessor",
            "normalize": "per_feature",
            "features": WIDTH,
            "dither": 0.0,
            "pad_to": 0,
        },
        "encoder": {
            "_target_": f"{modules}.ConformerEncoder",
            "feat_in": WIDTH,
            "n_layers": 2,
            "d_model": WIDTH,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": 16,
            "n_heads": 4,
            "conv_kernel_size": 9,
        },
    }


def _dataset() -> dict[str, Any]:
    return {"manifest_filepath": None, "sample_rate": 16000, "batch_size": 2, "shuffle": False, "num_workers": 0}


def _ctc_head(num_classes: int, vocabulary: list[str]) -> dict[str, Any]:
    target = "nemo.collections.asr.modules.ConvASRDecoder"
    return {"_target_": target, "feat_in": None, "num_classes": num_classes, "vocabulary": vocabulary}


def _transducer() -> dict[str, Any]:
    modules = "nemo.collections.asr.modules"
    prednet = {"pred_hidden": WIDTH, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.0}
    return {
        "model_defaults": {"enc_hidden": WIDTH, "pred_hidden": WIDTH, "joint_hidden": WIDTH},
        "decoder": {"_target_": f"{modules}.RNNTDecoder", "blank_as_pad": True, "prednet": prednet},
        "joint": {
            "_target_": f"{modules}.RNNTJoint",
            "log_softmax": None,
            "fuse_loss_wer": False,
            "jointnet": {"joint_hidden": WIDTH, "activation": "relu", "dropout": 0.0},
        },
        "decoding": {"strategy": "greedy_batch", "greedy": {"max_symbols": 3}},
        "loss": {"loss_name": "pytorch"},
    }


def _aed(folder: Path) -> dict[str, Any]:
    special = special_tokenizer_directory(folder)
    nemo = "nemo.collections"
    return {
        "prompt_format": "canary2",
        "prompt_defaults": [{"role": "user", "slots": SLOTS}],
        "restore_timestamps_model": False,
        "validation_ds": None,
        "model_defaults": {"asr_enc_hidden": WIDTH, "lm_enc_hidden": WIDTH, "lm_dec_hidden": WIDTH},
        "tokenizer": {
            "type": "agg",
            "langs": {
                "spl_tokens": {"dir": str(special), "type": "bpe"},
                "en": {"dir": str(tokenizer_directory(folder)), "type": "bpe"},
            },
            "custom_tokenizer": {
                "_target_": f"{nemo}.common.tokenizers.canary_tokenizer.CanaryTokenizer",
                "tokenizers": None,
            },
        },
        "transf_encoder": {"num_layers": 0},
        "transf_decoder": {
            "_target_": f"{nemo}.asr.modules.transformer.get_nemo_transformer",
            "model_name": None,
            "pretrained": False,
            "encoder": None,
            "pre_ln_final_layer_norm": True,
            "config_dict": dict(AED_DECODER),
        },
        "head": {
            "_target_": f"{nemo}.asr.parts.submodules.token_classifier.TokenClassifier",
            "num_layers": 1,
            "activation": "relu",
            "log_softmax": True,
            "hidden_size": WIDTH,
            "num_classes": None,
            "dropout": 0.0,
            "use_transformer_init": True,
        },
        "decoding": {"strategy": "beam", "return_best_hypothesis": True, "beam": {"beam_size": 1}},
        "loss": {"_target_": f"{nemo}.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss", "pad_id": None},
    }


def noise_aware(config: DictConfig, normalization: str | None = None) -> dict[str, Any]:
    """What turns the encoder of such a model into a noise-aware one."""
    sites = {"features": WIDTH, "pre_encode": WIDTH, 0: WIDTH, 1: WIDTH, "encoder_output": WIDTH}
    kinds = ["FiLMFusion", "AddFusion", "ConcatFusion", "GatedFusion", "FiLMFusion"]
    fusion = {
        site: {"_target_": f"nemo_noise.modules.{kind}", "d_model": width, "d_context": 16}
        for (site, width), kind in zip(sites.items(), kinds, strict=True)
    }
    target = "nemo_noise.modules.StatisticsContextEncoder"
    encoder = {"context": {"_target_": target, "feat_in": config.encoder.feat_in, "d_context": 16}, "fusion": fusion}
    return encoder | ({"feature_normalization": normalization} if normalization else {})
