# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hugging Face folders of Whisper and wav2vec 2.0 that are whole but for one value, one tensor or one file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nemo_noise.models.hugging_face.folder import read_weights
from nemo_noise.models.wav2vec.checkpoint import import_wav2vec2
from nemo_noise.models.whisper.checkpoint import import_whisper
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import Content, Folder, HuggingFace

CONFIG, GENERATION, INDEX = "config.json", "generation_config.json", "model.safetensors.index.json"
TOKENIZER = "tokenizer_config.json"
FEATURES, PROCESSOR, VOCABULARY = "preprocessor_config.json", "processor_config.json", "vocab.json"
CONVOLUTION, HEAD = "model.encoder.conv1.weight", "lm_head.weight"
INFINITE = torch.full((32,), 0.5).index_fill(0, torch.tensor([3]), torch.inf)


def read_weights_of(folder: str) -> None:
    read_weights(Path(folder))


def _whisper(name_of_case: str, files: Any, name: str, value: str, hint: str, **tensors: Any) -> Case:
    return _case(import_whisper, "whisper", f"whisper-{name_of_case}", files, (name, value, hint), tensors)


def _wav2vec(name_of_case: str, files: Any, name: str, value: str, hint: str, **tensors: Any) -> Case:
    return _case(import_wav2vec2, "wav2vec", f"wav2vec-{name_of_case}", files, (name, value, hint), tensors)


def _case(
    door: Callable[..., Any],
    kind: str,
    name_of_case: str,
    files: Any,
    said: tuple[str, str, str],
    tensors: Any,
) -> Case:
    changed = {name.replace("__", "."): value for name, value in tensors.items()}
    return Case(name_of_case, door, {"folder": HuggingFace(kind, files, changed)}, *said)


def _config(**values: Any) -> dict[str, Any]:
    return {CONFIG: values}


def _generation(**values: Any) -> dict[str, Any]:
    return {GENERATION: values}


def _features(**values: Any) -> dict[str, Any]:
    return {FEATURES: values}


JSON = [
    _whisper(
        "config-with-a-key-twice", {CONFIG: '{"d_model": 32, "d_model": 64}'}, CONFIG, "'d_model'", "each key once"
    ),
    _whisper("config-of-brackets", {CONFIG: "[" * 100000}, CONFIG, "[[[", "JSON object"),
    _whisper("config-with-nan", {CONFIG: '{"dropout": NaN}'}, CONFIG, "NaN", "is no JSON number"),
    _whisper("config-in-latin-1", {CONFIG: b'{"a": "\xe4"}'}, CONFIG, "byte 7", "UTF-8"),
    _whisper("config-of-40-megabytes", {CONFIG: b" " * (40 * 2**20)}, CONFIG, "41943040", "at most 33554432"),
    _whisper(
        "config-with-a-long-number", {CONFIG: '{"d_model": 1' + "0" * 5000 + "}"}, CONFIG, "'{\"d_model", "JSON object"
    ),
]
SIZES = [
    _whisper(
        "with-a-million-layers", _config(decoder_layers=1000000), "decoder_layers", "1000000", "the layers 0 to 1"
    ),
    _whisper("with-a-layer-too-few", _config(encoder_layers=1), "encoder_layers", "1", "the layers 0 to 1"),
    _whisper("with-layers-in-words", _config(encoder_layers="2"), "encoder_layers", "'2'", "a whole number"),
    _whisper("with-half-a-layer", _config(encoder_layers=2.5), "encoder_layers", "2.5", "a whole number"),
    _whisper("with-layers-true", _config(encoder_layers=True), "encoder_layers", "True", "a whole number"),
    _whisper("with-layers-below-zero", _config(encoder_layers=-1), "encoder_layers", "-1", "from 1"),
    _whisper("of-another-width", _config(d_model=64), "d_model", "64", "needs d_model=32"),
    _whisper(
        "of-another-inner-width", _config(decoder_ffn_dim=64), "decoder_ffn_dim", "64", "needs decoder_ffn_dim=128"
    ),
    _whisper(
        "with-positions-for-a-day", _config(max_target_positions=10**9), "max_target_positions", "1000000000", "=24"
    ),
    _whisper(
        "with-heads-that-do-not-divide", _config(decoder_attention_heads=5), "decoder_attention_heads", "5", "multiple"
    ),
    _whisper("with-no-heads", _config(encoder_attention_heads=0), "encoder_attention_heads", "0", "from 1"),
    _whisper("with-dropout-above-one", _config(dropout=1.5), "dropout", "1.5", "from 0 to 1"),
    _whisper("with-scaling-in-words", _config(scale_embedding="false"), "scale_embedding", "'false'", "must be False"),
    _wav2vec(
        "with-a-million-layers", _config(num_hidden_layers=10**6), "num_hidden_layers", "1000000", "the layers 0 to 1"
    ),
    _wav2vec("of-another-width", _config(hidden_size=64), "hidden_size", "64", "needs hidden_size=32"),
    _wav2vec("of-another-inner-width", _config(intermediate_size=10**9), "intermediate_size", "1000000000", "=64"),
    _wav2vec(
        "with-long-positions", _config(num_conv_pos_embeddings=10**8), "num_conv_pos_embeddings", "100000000", "=16"
    ),
    _wav2vec("with-heads-that-do-not-divide", _config(num_attention_heads=5), "num_attention_heads", "5", "multiple"),
    _wav2vec("with-groups-that-do-not-divide", _config(num_conv_pos_embedding_groups=5), "groups", "5", "multiple"),
    _wav2vec("with-eps-below-zero", _config(layer_norm_eps=-1), "layer_norm_eps", "-1", "above 0"),
    _wav2vec("of-another-activation", _config(hidden_act="swish"), "hidden_act", "'swish'", "must be 'gelu'"),
    _wav2vec(
        "of-another-norm", _config(feat_extract_norm="batch"), "feat_extract_norm", "'batch'", "'group', 'layer'"
    ),
    _wav2vec(
        "with-norm-in-words", _config(do_stable_layer_norm="false"), "do_stable_layer_norm", "'false'", "true or false"
    ),
    _wav2vec(
        "with-a-convolution-less", _config(conv_dim=[16] * 6), "conv_dim", "[16, 16, 16, 16, 16, 16]", "as long as"
    ),
    _wav2vec(
        "with-long-strides", _config(conv_stride=[5, 2, 2, 2, 2, 2, 10**9]), "conv_stride", "1000000000]", "exceed"
    ),
    _wav2vec(
        "with-wide-kernels", _config(conv_kernel=[10, 3, 3, 3, 3, 2, 10**9]), "conv_kernel[6]", "1000000000", "=2"
    ),
    _wav2vec("with-a-text-for-a-width", _config(conv_dim=["16"] * 7), "conv_dim", "'16'", "a whole number"),
    _wav2vec("of-a-larger-vocabulary", _config(vocab_size=99), "vocab.json", "99", "vocab_size"),
    _case(
        import_wav2vec2,
        "wav2vec_pretraining",
        "wav2vec-of-a-million-codes",
        _config(num_codevectors_per_group=10**6),
        ("num_codevectors_per_group", "1000000", "at most"),
        {},
    ),
]
PROMPTS = [
    _whisper("tuned-for-no-language", _generation(language="klingon"), "language", "'klingon'", "'german'"),
    _whisper("tuned-for-a-control-token", _generation(language="transcribe"), "language", "'transcribe'", "'german'"),
    _whisper("tuned-for-a-number", _generation(language=5), "language", "5", "'german'"),
    _whisper("tuned-for-no-task", _generation(task="summarize"), "task", "'summarize'", "'translate'"),
    _whisper(
        "with-forced-ids-no-pairs", _generation(forced_decoder_ids=[1, 2]), "forced_decoder_ids", "[1, 2]", "pairs"
    ),
    _whisper(
        "with-forced-ids-beyond",
        _generation(forced_decoder_ids=[[1, 9999]]),
        "forced_decoder_ids",
        "[[1, 9999]]",
        "below",
    ),
    _whisper(
        "with-a-task-for-a-language",
        _generation(forced_decoder_ids=[[1, 7]]),
        "forced_decoder_ids",
        "[[1, 7]]",
        "at 1",
    ),
    _whisper(
        "multilingual-in-words", _generation(is_multilingual="false"), "is_multilingual", "'false'", "true or false"
    ),
    _whisper("suppressing-beyond", _generation(suppress_tokens=[9, 99999]), "suppress_tokens", "99999", "from 0 to"),
    _whisper("suppressing-below-zero", _generation(suppress_tokens=[-1]), "suppress_tokens", "-1", "from 0"),
    _whisper("suppressing-a-number", _generation(begin_suppress_tokens=7), "begin_suppress_tokens", "7", "a list"),
    _whisper("padding-beyond", _config(pad_token_id=99999), "pad_token_id", "99999", "from 0 to"),
    _whisper(
        "of-another-tokenizer", _config(decoder_start_token_id=5), "decoder_start_token_id", "5", "another Whisper"
    ),
    _wav2vec("padding-beyond", _config(pad_token_id=99), "pad_token_id", "99", "from 0 to 31"),
    _wav2vec("with-another-blank", _config(pad_token_id=3), "pad_token_id", "3", "must be one of the two"),
    _wav2vec(
        "with-a-token-that-is-a-reference",
        {VOCABULARY: {"${oc.env:HOME}": 32}, CONFIG: {"vocab_size": 33}},
        VOCABULARY,
        "'${oc.env:HOME}'",
        "without '${'",
    ),
    _wav2vec(
        "with-a-token-for-nothing",
        {VOCABULARY: {"???": 32}, CONFIG: {"vocab_size": 33}},
        VOCABULARY,
        "'???'",
        "and not",
    ),
    _wav2vec("with-tokens-numbered-true", {VOCABULARY: {"X": True}}, "'X'", "True", "from 0 to 31"),
    _wav2vec("with-a-number-twice", {VOCABULARY: {"X": 5}}, "vocab.json", "5", "must number 32 tokens"),
    _wav2vec("with-padding-in-a-list", {TOKENIZER: {"pad_token": [1]}}, "pad_token", "[1]", "a token's text"),
    _wav2vec("with-biases-that-are-not-there", _config(conv_bias=True), "conv_bias", "True", "must be False"),
    _wav2vec("with-norms-that-are-not-there", _config(feat_extract_norm="layer"), "norm", "'layer'", "must be group"),
    _wav2vec("with-other-groups", _config(num_conv_pos_embedding_groups=8), "embedding_groups", "8", "must be 4"),
    _wav2vec("of-true-features", _features(feature_size=True), "feature_size", "True", "must be 1"),
]
AUDIO = [
    _whisper("of-another-rate", _features(sampling_rate=8000), "sampling_rate", "8000", "must be 16000"),
    _whisper("of-another-window", _features(chunk_length=30), "chunk_length", "30", "must be 1"),
    _whisper("of-another-frame", _features(n_fft=512), "n_fft", "512", "must be 400"),
    _whisper("with-dither", _features(dither=0.1), "dither", "0.1", "must be 0.0"),
    _whisper(
        "of-a-processor-with-another-hop",
        {PROCESSOR: {"feature_extractor": {"hop_length": 80}}},
        FEATURES,
        "80",
        "make the two agree",
    ),
    _whisper(
        "of-a-processor-in-a-list", {PROCESSOR: {"feature_extractor": [1]}}, "feature_extractor", "[1]", "an object"
    ),
    _whisper(
        "of-features-of-another-kind",
        _features(feature_extractor_type="ClapFeatureExtractor"),
        "feature_extractor_type",
        "'ClapFeatureExtractor'",
        "must be 'WhisperFeatureExtractor'",
    ),
    _wav2vec("normalizing-in-words", _features(do_normalize="false"), "do_normalize", "'false'", "true or false"),
    _wav2vec("normalizing-by-number", _features(do_normalize=0), "do_normalize", "0", "true or false"),
    _wav2vec("of-a-rate-in-words", _features(sampling_rate="16000"), "sampling_rate", "'16000'", "a whole number"),
    _wav2vec("of-one-hertz", _features(sampling_rate=1), "sampling_rate", "1", "from 1000"),
    _wav2vec("of-many-features", _features(feature_size=80), "feature_size", "80", "must be 1"),
    _wav2vec(
        "of-two-opinions",
        {PROCESSOR: {"feature_extractor": {"do_normalize": False}}},
        "do_normalize",
        "False",
        "make the two agree",
    ),
]
WEIGHTS = [
    _whisper(
        "with-nan",
        {},
        CONVOLUTION,
        "nan",
        "not finite",
        model__encoder__conv1__weight=torch.full((32, 80, 3), torch.nan),
    ),
    _wav2vec(
        "with-one-infinity",
        {},
        "wav2vec2.encoder.layer_norm.weight",
        "inf at [3]",
        "not finite",
        wav2vec2__encoder__layer_norm__weight=INFINITE,
    ),
    _wav2vec(
        "of-whole-numbers",
        {},
        HEAD,
        "torch.int64",
        "not quantised",
        lm_head__weight=torch.ones(32, 32, dtype=torch.int64),
    ),
    _wav2vec(
        "of-yes-and-no", {}, HEAD, "torch.bool", "not quantised", lm_head__weight=torch.ones(32, 32, dtype=torch.bool)
    ),
    _wav2vec(
        "of-complex-numbers",
        {},
        HEAD,
        "torch.complex64",
        "not quantised",
        lm_head__weight=torch.ones(32, 32, dtype=torch.complex64),
    ),
    _wav2vec(
        "of-eight-bits",
        {},
        HEAD,
        "torch.float8_e4m3fn",
        "not quantised",
        lm_head__weight=torch.ones(32, 32).to(torch.float8_e4m3fn),
    ),
    _whisper(
        "without-its-embedding",
        {},
        "d_model",
        "weights lack",
        "decoder.embed_tokens.weight",
        model__decoder__embed_tokens__weight=None,
    ),
    _whisper(
        "with-a-header-too-long",
        {"model.safetensors": b"\xff" * 8 + b"{}"},
        "model.safetensors",
        "cannot be read",
        "safetensors",
    ),
    _whisper(
        "with-a-header-cut-off",
        {"model.safetensors": b"\x80" + bytes(7) + b'{"a": {"dtype'},
        "model.safetensors",
        "cannot be read",
        "safetensors",
    ),
]
SHARDS = [
    Case(
        f"weights-in-{broken}",
        read_weights_of,
        {"folder": Folder("whisper-tiny", (Content(INDEX, json.dumps({"weight_map": {"a.weight": shard}})),))},
        INDEX,
        value,
        "expected a .safetensors file in the same folder",
    )
    for broken, shard, value in (
        ("a-numbered-shard", 5, "5"),
        ("no-shard", None, "None"),
        ("a-shard-above", "../a.safetensors", "'../a.safetensors'"),
        ("a-shard-at-the-root", "/a.safetensors", "'/a.safetensors'"),
        ("a-shard-of-another-system", "..\\a.safetensors", "'..\\\\a.safetensors'"),
        ("a-pickled-shard", "pytorch_model.bin", "'pytorch_model.bin'"),
    )
]
CASES = [*SHARDS, *JSON, *SIZES, *PROMPTS, *AUDIO, *WEIGHTS]
