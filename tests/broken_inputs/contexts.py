# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken noise contexts, fusions, and encoders that get them, as YAML writes them down."""

from typing import Any

import torch
from omegaconf import OmegaConf

from nemo.core.classes import Serialization

from nemo_noise.modules import SensorStream, SensorTokens
from tests.broken_inputs.case import Case

MODULES = "nemo_noise.modules."


def built(**config: Any) -> None:
    """Builds what the config names, as a model does with its parts."""
    Serialization.from_config_dict(OmegaConf.create(config))


def sensed(channels: int, heard_channels: int) -> None:
    tokens = SensorTokens(channels=channels, rate_hz=10.0, d_hidden=8)
    tokens(SensorStream(torch.zeros(1, 20, heard_channels), torch.tensor([20]), torch.tensor([10.0])))


def module(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": MODULES + name, **options}


STATISTICS = module("StatisticsContextEncoder", feat_in=16, d_context=8, d_hidden=8)
CAUSAL = module("CausalStatisticsContextEncoder", feat_in=16, d_context=8, d_hidden=8, stride=4)
TEMPORAL = module("TemporalContextEncoder", feat_in=16, d_context=8, d_hidden=8)
FILM = module("FiLMFusion", d_model=32, d_context=8)
ATTENTION = module("CrossAttentionFusion", d_model=32, d_context=8)
CONFORMER = {
    "feat_in": 16,
    "n_layers": 2,
    "d_model": 32,
    "n_heads": 4,
    "subsampling_conv_channels": 8,
    "conv_kernel_size": 3,
}


def _conformer(**changes: Any) -> dict[str, Any]:
    return module(
        "NoiseAwareConformerEncoder", **{"context": STATISTICS, "fusion": {"pre_encode": FILM}, **CONFORMER, **changes}
    )


CONTEXTS = [
    Case("context-of-no-width", built, {**STATISTICS, "d_context": 0}, "d_context", "0", "at least 1"),
    Case(
        "context-quantile-of-2",
        built,
        {**STATISTICS, "quantiles": [0.5, 2.0]},
        "quantiles",
        "[0.5, 2.0]",
        "lie in [0, 1]",
    ),
    Case("context-scale-of-zero", built, {**STATISTICS, "feature_std": 0.0}, "feature_std", "0.0", "must be positive"),
    Case(
        "context-option-unknown",
        built,
        {**STATISTICS, "d_contxt": 8},
        "d_contxt",
        "unexpected keyword",
        "StatisticsContextEncoder",
    ),
    Case(
        "context-option-missing",
        built,
        module("StatisticsContextEncoder", feat_in=16),
        "d_context",
        "missing",
        "StatisticsContextEncoder",
    ),
    Case("context-class-unknown", built, module("NoSuchContext"), "NoSuchContext", "blocked", "must point to a class"),
    Case(
        "context-of-no-layer",
        built,
        module("AttentiveContextEncoder", feat_in=16, d_context=8, num_layers=0),
        "num_layers",
        "0",
        "at least 1",
    ),
    Case("context-stride-of-6", built, {**TEMPORAL, "stride": 6}, "stride", "6", "a power of two"),
    Case(
        "context-segment-of-5-frames",
        built,
        module("HierarchicalContextEncoder", feat_in=16, d_context=8, segment_frames=5),
        "segment_frames",
        "5",
        "positive multiple of",
    ),
    Case(
        "context-of-no-token",
        built,
        module("HierarchicalContextEncoder", feat_in=16, d_context=8, num_tokens=0),
        "num_tokens",
        "0",
        "at least 1",
    ),
    Case(
        "context-of-one-noise-type",
        built,
        module("NoiseTypeContextEncoder", context=STATISTICS, num_types=1),
        "num_types",
        "1",
        "at least 2",
    ),
    Case(
        "pyramid-of-no-level",
        built,
        module("FeaturePyramidContextEncoder", feat_in=16, d_context=8, num_levels=0),
        "num_levels",
        "0",
        "at least 1",
    ),
    Case(
        "sensors-dropped-always",
        built,
        module("MultimodalContextEncoder", feat_in=16, d_context=8, stream_dropout=1.0),
        "stream_dropout",
        "1.0",
        "[0, 1)",
    ),
    Case(
        "sensor-of-another-width",
        built,
        module(
            "MultimodalContextEncoder",
            feat_in=16,
            d_context=8,
            d_hidden=16,
            streams={"motion": module("SensorTokens", channels=3, rate_hz=10.0, d_hidden=8)},
        ),
        "streams.motion.d_hidden",
        "8",
        "d_hidden=16",
    ),
    Case("sensor-of-no-rate", built, module("SensorTokens", channels=3, rate_hz=0.0), "rate_hz", "0.0", "above 0"),
    Case(
        "sensor-of-other-channels",
        sensed,
        {"channels": 3, "heard_channels": 2},
        "channels",
        "3",
        "the stream has 2 a sample",
    ),
]

FUSIONS = [
    Case("fusion-of-no-width", built, {**FILM, "d_model": 0}, "d_model", "0", "at least 1"),
    Case("fusion-heads-do-not-divide", built, {**ATTENTION, "num_heads": 5}, "num_heads", "5", "multiple of"),
    Case("fusion-heads-none", built, {**ATTENTION, "num_heads": 0}, "num_heads", "0", "multiple of"),
    Case(
        "fusion-of-more-experts-than-there-are",
        built,
        module("MixtureFusion", d_model=32, d_context=8, num_experts=2, top_k=3),
        "top_k",
        "3",
        "between 1 and num_experts=2",
    ),
    Case(
        "fusion-balance-negative",
        built,
        module("MixtureFusion", d_model=32, d_context=8, balance_weight=-1.0),
        "balance_weight",
        "-1.0",
        "not be negative",
    ),
]

NOISE_AWARE = [
    Case(
        "fusion-without-context",
        built,
        _conformer(context=None),
        "context",
        "not given",
        "needs both context and fusion",
    ),
    Case(
        "context-without-fusion",
        built,
        _conformer(fusion=None),
        "fusion",
        "not given",
        "needs both context and fusion",
    ),
    Case(
        "context-of-another-feat-in",
        built,
        _conformer(context={**STATISTICS, "feat_in": 80}),
        "context.feat_in",
        "80",
        "feat_in=16",
    ),
    Case(
        "fusion-of-another-context-width",
        built,
        _conformer(fusion={"pre_encode": {**FILM, "d_context": 64}}),
        "fusion.pre_encode.d_context",
        "64",
        "context.d_context=8",
    ),
    Case(
        "fusion-of-another-model-width",
        built,
        _conformer(fusion={0: {**FILM, "d_model": 64}}),
        "fusion.0.d_model",
        "64",
        "must be 32",
    ),
    Case(
        "fusion-on-features-of-another-width",
        built,
        _conformer(fusion={"features": FILM}),
        "fusion.features.d_model",
        "32",
        "must be 16",
    ),
    Case(
        "fusion-at-unknown-site",
        built,
        _conformer(fusion={"decoder": FILM}),
        "fusion",
        "'decoder'",
        "a layer from 0 to 1",
    ),
    Case("fusion-behind-the-last-layer", built, _conformer(fusion={7: FILM}), "fusion", "7", "a layer from 0 to 1"),
    Case("fusion-at-negative-layer", built, _conformer(fusion={-1: FILM}), "fusion", "-1", "a layer from 0 to 1"),
    Case(
        "fusion-twice-at-one-site", built, _conformer(fusion={1: FILM, "1": FILM}), "fusion", "'1'", "each site once"
    ),
    Case(
        "fusion-of-tokens-with-frames",
        built,
        _conformer(context=TEMPORAL, fusion={0: ATTENTION}),
        "fusion.0",
        "CrossAttentionFusion",
        "a context of the utterance or of tokens",
    ),
    Case(
        "causal-context-of-another-stride",
        built,
        _conformer(context={**CAUSAL, "stride": 8}),
        "context.stride",
        "8",
        "subsampling_factor=4",
    ),
    Case(
        "normalization-of-the-encoder-unknown",
        built,
        _conformer(feature_normalization="per_band"),
        "feature_normalization",
        "'per_band'",
        "'per_feature'",
    ),
    Case(
        "normalization-without-mean",
        built,
        _conformer(feature_normalization={"std": 4.0}),
        "feature_normalization",
        "{'std': 4.0}",
        "{mean: -8.0, std: 4.0}",
    ),
    Case(
        "normalization-by-words",
        built,
        _conformer(feature_normalization={"mean": 0.0, "std": "wide"}),
        "feature_normalization",
        "'wide'",
        "{mean: -8.0, std: 4.0}",
    ),
    Case(
        "encoder-option-unknown",
        built,
        _conformer(n_layrs=2),
        "n_layrs",
        "unexpected keyword",
        "NoiseAwareConformerEncoder",
    ),
]


CASES = [*CONTEXTS, *FUSIONS, *NOISE_AWARE]
