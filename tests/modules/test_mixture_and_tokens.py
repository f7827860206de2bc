# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What only mixtures, tokens and attention maps promise."""

import pytest
import torch
from torch import nn

from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    CrossAttentionFusion,
    FeaturePyramidContextEncoder,
    FiLMFusion,
    HierarchicalContextEncoder,
    MixtureFusion,
    NoiseAwareConformerEncoder,
    NoiseTypeContextEncoder,
    StatisticsContextEncoder,
    attention_maps,
)
from nemo_noise.modules.context.contract import Context, Layout
from nemo_noise.modules.context.layers import MultiHeadAttention
from tests.contracts import randomize
from tests.modules.test_contracts import BANDS, CONTEXT, TINY_CONFORMER, WIDTH


def test_a_mixture_of_one_expert_is_film() -> None:
    mixture, film = MixtureFusion(WIDTH, CONTEXT, num_experts=1), FiLMFusion(WIDTH, CONTEXT)
    randomize(film)
    mixture.experts[0].load_state_dict(film.modulation.state_dict())
    hidden, context = torch.randn(3, 24, WIDTH), torch.randn(3, 24, CONTEXT)
    assert torch.allclose(mixture(features=hidden, context=context), film(features=hidden, context=context), atol=1e-6)


def test_only_the_chosen_experts_act_and_their_weights_sum_to_one() -> None:
    mixture = MixtureFusion(WIDTH, CONTEXT, num_experts=4, top_k=2).eval()
    likelihood = mixture.router(torch.randn(5, 7, CONTEXT)).softmax(dim=-1)
    weights = mixture._top(likelihood)
    assert ((weights > 0).sum(dim=-1) == 2).all() and torch.allclose(weights.sum(dim=-1), torch.ones(5, 7))
    chosen = likelihood.topk(2, dim=-1)
    expected = chosen.values / chosen.values.sum(dim=-1, keepdim=True)
    assert torch.allclose(weights.gather(-1, chosen.indices), expected)


def test_the_balance_loss_reaches_the_router_through_any_loss_and_evens_the_use() -> None:
    torch.manual_seed(0)
    mixture = MixtureFusion(WIDTH, CONTEXT, num_experts=4, top_k=1, balance_weight=1.0)
    nn.init.zeros_(mixture.router.weight)
    mixture.router.bias.data = torch.tensor([2.0, 0.0, 0.0, 0.0])
    optimizer = torch.optim.SGD(mixture.router.parameters(), lr=0.5)
    context, hidden = torch.randn(64, 1, CONTEXT), torch.randn(64, 8, WIDTH)
    uses = []
    for _ in range(60):
        optimizer.zero_grad()
        (0.0 * mixture(features=hidden, context=context).sum()).backward()  # a loss that says nothing to the router
        optimizer.step()
        uses.append(mixture.usage.max().item())
    assert uses[0] == 1.0 and min(uses[-10:]) < 0.6
    mixture.eval()
    router_gradient = torch.autograd.grad(
        mixture(features=hidden, context=context).sum() + 0 * mixture.router.bias.sum(), mixture.router.bias
    )[0]
    assert router_gradient.abs().sum() == 0, "no balance loss outside the training"


@pytest.mark.parametrize("arguments", [{"num_experts": 0}, {"num_experts": 2, "top_k": 3}, {"balance_weight": -1.0}])
def test_a_mixture_that_cannot_be_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="MixtureFusion: (top_k|balance_weight)="):
        MixtureFusion(WIDTH, CONTEXT, **arguments)


def test_attention_equals_torch_s() -> None:
    ours = MultiHeadAttention(WIDTH, CONTEXT, num_heads=4)
    queries, memory = torch.randn(2, 5, WIDTH), torch.randn(2, 9, CONTEXT)
    valid = torch.arange(9) < torch.tensor([[9], [4]])
    theirs = nn.MultiheadAttention(WIDTH, 4, kdim=CONTEXT, vdim=CONTEXT, batch_first=True)
    state = {"q_proj_weight": ours.query.weight, "k_proj_weight": ours.key.weight, "v_proj_weight": ours.value.weight}
    bias = torch.cat([ours.query.bias, torch.zeros(WIDTH), ours.value.bias])
    output = {"out_proj.weight": ours.output.weight, "out_proj.bias": ours.output.bias}
    theirs.load_state_dict(state | {"in_proj_bias": bias} | output)
    expected, weights = theirs(queries, memory, memory, key_padding_mask=~valid, average_attn_weights=False)
    found, map_ = ours(queries, memory, valid)
    assert torch.allclose(found, expected, atol=1e-6) and torch.allclose(map_, weights, atol=1e-6)


def _encoder(as_tokens: bool, fusion: type) -> NoiseAwareConformerEncoder:
    context = FeaturePyramidContextEncoder(BANDS, CONTEXT, num_levels=3, as_tokens=as_tokens)
    return NoiseAwareConformerEncoder(context=context, fusion={0: fusion(WIDTH, CONTEXT)}, **TINY_CONFORMER).eval()


def test_attention_maps_are_kept_only_when_asked_for() -> None:
    encoder = _encoder(True, CrossAttentionFusion)
    audio_signal, length = torch.randn(2, BANDS, 120), torch.tensor([120, 90])
    with attention_maps(encoder) as maps:
        output, _ = encoder(audio_signal=audio_signal, length=length)
    (map_,) = maps.values()
    assert map_.shape == (2, 4, output.shape[2], 1 + 3) and torch.allclose(map_.sum(dim=-1), torch.ones(()))
    assert encoder.fusions["0"].last_map is None
    encoder(audio_signal=audio_signal, length=length)
    assert encoder.fusions["0"].last_map is None


def test_tokens_are_averaged_for_a_fusion_that_reads_one_vector() -> None:
    encoder = _encoder(True, FiLMFusion)
    randomize(encoder.fusions)
    tokens = torch.randn(2, 3, CONTEXT)
    fused = encoder._fuse("0", torch.ones(2, 5, WIDTH), Context(tokens, Layout.TOKENS))
    expected = encoder.fusions["0"](features=torch.ones(2, 5, WIDTH), context=tokens.mean(dim=1, keepdim=True))
    assert torch.equal(fused, expected)


def test_the_hierarchy_hears_the_order_of_segments() -> None:
    context = HierarchicalContextEncoder(BANDS, CONTEXT).eval()
    first, second = torch.randn(1, BANDS, 96), 3.0 + torch.randn(1, BANDS, 96)
    length = torch.tensor([192])
    one = context(audio_signal=torch.cat([first, second], dim=2), length=length)
    other = context(audio_signal=torch.cat([second, first], dim=2), length=length)
    assert not torch.allclose(one, other, atol=1e-3)


def test_segments_and_numbers_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="segment_frames=50 must be a positive multiple of 4"):
        HierarchicalContextEncoder(BANDS, CONTEXT, segment_frames=50)
    with pytest.raises(ValueError, match="width 32 must be a multiple of num_heads=5"):
        CrossAttentionFusion(WIDTH, CONTEXT, num_heads=5)
    with pytest.raises(ValueError, match="num_levels=0 must be at least 1"):
        FeaturePyramidContextEncoder(BANDS, CONTEXT, num_levels=0)


def test_noise_types_are_all_that_reaches_the_recogniser_and_their_use_is_known() -> None:
    context = NoiseTypeContextEncoder(StatisticsContextEncoder(BANDS, CONTEXT), num_types=3)
    audio_signal, length = torch.randn(4, BANDS, 90), torch.full((4,), 90)
    told = context(audio_signal=audio_signal, length=length)
    weights = torch.linalg.lstsq(context.types.T, told.T).solution.T  # as many types as make up each context
    assert torch.allclose(weights @ context.types, told, atol=1e-5) and (weights > 0).all()
    assert torch.allclose(context.usage, weights.mean(dim=0), atol=1e-4)
    with pytest.raises(ValueError, match="context=CausalStatisticsContextEncoder streams"):
        NoiseTypeContextEncoder(CausalStatisticsContextEncoder(BANDS, CONTEXT))
    with pytest.raises(ValueError, match="num_types=1 must be at least 2"):
        NoiseTypeContextEncoder(StatisticsContextEncoder(BANDS, CONTEXT), num_types=1)
    with pytest.raises(ValueError, match=f"d_context={CONTEXT + 1}, but"):
        NoiseTypeContextEncoder(StatisticsContextEncoder(BANDS, CONTEXT), d_context=CONTEXT + 1)
