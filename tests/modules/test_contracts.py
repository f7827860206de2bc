# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every context encoder and fusion, alone and in every pair inside a FastConformer, keeps the shared contract."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nemo.collections.asr.modules import ConformerEncoder

from nemo_noise import modules  # registers with NeMo
from nemo_noise.modules import (
    AttentiveContextEncoder,
    CausalContextEncoder,
    CausalStatisticsContextEncoder,
    ConstantContextEncoder,
    ContextEncoder,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    HierarchicalContextEncoder,
    MultimodalContextEncoder,
    NoiseAwareConformerEncoder,
    NoiseTypeContextEncoder,
    StatisticsContextEncoder,
    TemporalContextEncoder,
)
from tests.contracts import check_context_encoder, check_encoder, check_fusion

BANDS, WIDTH, CONTEXT = 32, 32, 16
TINY_CONFORMER: dict[str, Any] = {
    "feat_in": BANDS,
    "n_layers": 2,
    "d_model": WIDTH,
    "subsampling": "dw_striding",
    "subsampling_factor": 8,
    "subsampling_conv_channels": 16,
    "n_heads": 4,
    "conv_kernel_size": 9,
    "sync_max_audio_length": False,
}
WITHOUT_A_CONTEXT_OF_THEIR_OWN = {
    ContextEncoder,
    CausalContextEncoder,
    ConstantContextEncoder,
    NoiseTypeContextEncoder,
    MultimodalContextEncoder,  # test_multimodal_context.py
}


def _exported(contract: type) -> list[type]:
    parts = (getattr(modules, name) for name in modules.__all__)
    return [part for part in parts if isinstance(part, type) and issubclass(part, contract)]


CONTEXTS = [kind for kind in _exported(ContextEncoder) if kind not in WITHOUT_A_CONTEXT_OF_THEIR_OWN]
FUSIONS = [kind for kind in _exported(Fusion) if kind is not Fusion]
WRAPPED = [StatisticsContextEncoder, TemporalContextEncoder, HierarchicalContextEncoder]
PAIRS = [
    pytest.param(context, fusion, id=f"{context.__name__}-{fusion.__name__}")
    for context in CONTEXTS
    for fusion in FUSIONS
    if not (fusion.reads_tokens and context.layout == "frames")
]


def _encoder(context: ContextEncoder, fusion: type[Fusion], **changes: Any) -> NoiseAwareConformerEncoder:
    sites = {"features": BANDS, "pre_encode": WIDTH, 0: WIDTH, 1: WIDTH, "encoder_output": WIDTH}
    fusions = {site: fusion(width, CONTEXT) for site, width in sites.items()}
    return NoiseAwareConformerEncoder(context=context, fusion=fusions, **(TINY_CONFORMER | changes))


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_encoder_keeps_the_contract(context: type[ContextEncoder], tmp_path: Path) -> None:
    check_context_encoder(context(BANDS, CONTEXT), tmp_path)


@pytest.mark.parametrize("context", WRAPPED)
def test_noise_types_keep_the_contract_over_every_layout(context: type[ContextEncoder], tmp_path: Path) -> None:
    wrapped = NoiseTypeContextEncoder(context(BANDS, CONTEXT), num_types=6)
    check_context_encoder(wrapped, tmp_path)
    check_encoder(_encoder(wrapped, FiLMFusion), ConformerEncoder(**TINY_CONFORMER), tmp_path)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_fusion_keeps_the_contract(fusion: type[Fusion], tmp_path: Path) -> None:
    check_fusion(fusion(WIDTH, CONTEXT), tmp_path)


@pytest.mark.parametrize(("context", "fusion"), PAIRS)
def test_encoder_keeps_the_contract(context: type[ContextEncoder], fusion: type[Fusion], tmp_path: Path) -> None:
    check_encoder(_encoder(context(BANDS, CONTEXT), fusion), ConformerEncoder(**TINY_CONFORMER), tmp_path)


def test_constant_context_has_the_parameters_of_what_it_wraps_and_never_hears_the_utterance() -> None:
    wrapped = StatisticsContextEncoder(BANDS, CONTEXT)
    constant = ConstantContextEncoder(wrapped).eval()
    assert sum(p.numel() for p in constant.parameters()) == sum(p.numel() for p in wrapped.parameters())
    length = torch.tensor([50, 50])
    one = constant(audio_signal=torch.randn(2, BANDS, 50), length=length)
    other = constant(audio_signal=torch.randn(2, BANDS, 50), length=length)
    assert torch.equal(one, other) and torch.equal(one[0], one[1])
    restored = ConstantContextEncoder(StatisticsContextEncoder(BANDS, CONTEXT)).eval()
    restored.load_state_dict(constant.state_dict())
    assert torch.equal(restored(audio_signal=torch.randn(2, BANDS, 50), length=length), one)
    with pytest.raises(ValueError, match=f"d_context=5, but .* has {CONTEXT}"):
        ConstantContextEncoder(wrapped, d_context=5)
    tokens = ConstantContextEncoder(HierarchicalContextEncoder(BANDS, CONTEXT, num_tokens=5))
    assert tokens(audio_signal=torch.randn(2, BANDS, 50), length=length).shape == (2, 5, CONTEXT)
    follows_the_time = ConstantContextEncoder(CausalStatisticsContextEncoder(BANDS, CONTEXT))
    assert follows_the_time(audio_signal=torch.randn(2, BANDS, 50), length=length).shape == (2, CONTEXT)
    encoder = _encoder(constant, FiLMFusion)
    encoder(audio_signal=torch.randn(2, BANDS, 50), length=length)[0].sum().backward()
    assert all(p.grad is not None for p in encoder.parameters() if p.requires_grad)


def test_statistics_match_torch_on_an_unpadded_utterance() -> None:
    context = StatisticsContextEncoder(BANDS, CONTEXT, quantiles=(0.1, 0.5))
    audio_signal = torch.randn(1, BANDS, 77)
    statistics = context.statistics(audio_signal, torch.tensor([77]))[0]
    expected = torch.quantile(audio_signal[0], torch.tensor([0.1, 0.5]), dim=1).T.flatten()
    assert torch.allclose(statistics[2 * BANDS :], expected, atol=1e-5)
    assert torch.allclose(statistics[:BANDS], audio_signal[0].mean(dim=1), atol=1e-5)
    deviation = (audio_signal[0].var(dim=1, correction=0) + 1e-4).sqrt()
    assert torch.allclose(statistics[BANDS : 2 * BANDS], deviation, atol=1e-5)


def test_masked_cells_do_not_enter_the_statistics() -> None:
    context = StatisticsContextEncoder(BANDS, CONTEXT)
    audio_signal = torch.randn(1, BANDS, 80)
    masked = audio_signal.clone()
    masked[:, :, 20:40] = 0.0  # a SpecAugment time mask
    without = torch.cat([audio_signal[:, :, :20], audio_signal[:, :, 40:]], dim=2)
    length = torch.tensor([80])
    assert torch.allclose(context.statistics(masked, length), context.statistics(without, length - 20), atol=1e-5)


def test_low_quantile_follows_the_noise_floor_and_not_the_speech() -> None:
    context = StatisticsContextEncoder(1, CONTEXT, quantiles=(0.1, 0.95))
    floor = torch.full((1, 1, 100), -8.0) + 0.1 * torch.randn(1, 1, 100)
    speech = floor.clone()
    speech[:, :, 30:70] += 6.0
    length = torch.tensor([100])
    low_noise, high_noise = context.statistics(floor, length)[0, 2:]
    low_speech, high_speech = context.statistics(speech, length)[0, 2:]
    assert (low_speech - low_noise).abs() < 0.2 < 5.0 < high_speech - high_noise


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fusion": {17: FiLMFusion(WIDTH, CONTEXT)}}, "site 17 does not exist; use a layer from 0 to 1"),
        ({"fusion": {"late": FiLMFusion(WIDTH, CONTEXT)}}, "site 'late' does not exist"),
        ({"fusion": {0: FiLMFusion(WIDTH + 1, CONTEXT)}}, "fusion.0.d_model=33 must be 32"),
        ({"fusion": {"features": FiLMFusion(WIDTH * 2, CONTEXT)}}, "fusion.features.d_model=64 must be 32"),
        ({"fusion": {0: FiLMFusion(WIDTH, CONTEXT + 1)}}, "fusion.0.d_context=17 must equal context.d_context=16"),
        ({"fusion": None}, "needs both context and fusion; fusion is not given"),
        ({"context": None}, "needs both context and fusion; context is not given"),
        ({"context": StatisticsContextEncoder(BANDS + 1, CONTEXT)}, "context.feat_in=33 must equal"),
        (
            {
                "context": CausalStatisticsContextEncoder(BANDS, CONTEXT),
                "fusion": {0: CrossAttentionFusion(WIDTH, CONTEXT)},
            },
            "fusion.0: CrossAttentionFusion reads tokens, but CausalStatisticsContextEncoder gives a context for",
        ),
        ({"context": CausalStatisticsContextEncoder(BANDS, CONTEXT, stride=4)}, "context.stride=4 must equal"),
        ({"feature_normalization": "per_utterance"}, "feature_normalization='per_utterance' is unknown"),
    ],
)
def test_parts_that_do_not_fit_are_refused_by_name_and_value(arguments: dict[str, Any], message: str) -> None:
    parts = {"context": StatisticsContextEncoder(BANDS, CONTEXT), "fusion": {0: FiLMFusion(WIDTH, CONTEXT)}}
    with pytest.raises(ValueError, match=message):
        NoiseAwareConformerEncoder(**(parts | arguments), **TINY_CONFORMER)


@pytest.mark.parametrize("quantiles", [(1.2,), (-0.1,)])
def test_quantiles_outside_the_unit_interval_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="quantiles="):
        StatisticsContextEncoder(BANDS, CONTEXT, quantiles=quantiles)


def test_widths_that_are_not_positive_are_refused() -> None:
    with pytest.raises(ValueError, match="d_context=0 must be at least 1"):
        AttentiveContextEncoder(BANDS, 0)
    with pytest.raises(ValueError, match="d_model=0 must be at least 1"):
        FiLMFusion(0, CONTEXT)
