# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fast weights: the closed form is the gradient, steps are orthogonal, rows keep their norms, time keeps its order."""

import pytest
import torch
from torch import Tensor

from nemo_noise.modules.mixers.lact.fast_weights import (
    POLAR_COEFFICIENTS,
    ChunkState,
    FastWeights,
    LearningRule,
    apply_swiglu,
    apply_then_update,
    apply_then_update_recorded,
    learn,
    objective_gradient,
    orthogonalize,
    row_norms,
)

B, HEADS, WIDTH, HIDDEN, CHUNK = 2, 2, 6, 10, 4
POLAR = torch.tensor(POLAR_COEFFICIENTS)


def _weights(dtype: torch.dtype = torch.float32) -> FastWeights:
    shapes = [(B, HEADS, HIDDEN, WIDTH), (B, HEADS, HIDDEN, WIDTH), (B, HEADS, WIDTH, HIDDEN)]
    return FastWeights(*(torch.randn(shape, dtype=dtype) for shape in shapes))


def _zeros(weights: FastWeights) -> FastWeights:
    return FastWeights(*(torch.zeros_like(part) for part in weights))


def _tokens(num_frames: int, momentum: float = 0.0, dtype: torch.dtype = torch.float32) -> Tensor:
    frames = torch.randn(B, HEADS, num_frames, 2 * WIDTH, dtype=dtype)
    rates = torch.rand(B, HEADS, num_frames, 3, dtype=dtype)
    return torch.cat([frames, rates, torch.full_like(rates[..., :1], momentum)], dim=3)


def _rule(weights: FastWeights, is_orthogonal: bool = True, scale: float = 1.0) -> LearningRule:
    return LearningRule(row_norms(weights), is_orthogonal, scale, POLAR)


def _start(weights: FastWeights) -> ChunkState:
    pending = torch.zeros(B, HEADS, CHUNK, 2 * WIDTH + 4, dtype=weights.gate.dtype)
    return ChunkState(weights, _zeros(weights), pending, torch.zeros(B, dtype=torch.long))


def _objective(weights: FastWeights, tokens: Tensor, rate: int) -> Tensor:
    keys, values = tokens[..., :WIDTH], tokens[..., WIDTH : 2 * WIDTH]
    agreement = (apply_swiglu(weights, keys) * values).sum(dim=-1)
    return (tokens[..., 2 * WIDTH + rate] * agreement).sum()


def test_the_closed_form_is_what_autograd_finds() -> None:
    weights, tokens = _weights(torch.float64), _tokens(9, dtype=torch.float64)
    keys, values, rates = tokens[..., :WIDTH], tokens[..., WIDTH : 2 * WIDTH], tokens[..., 2 * WIDTH : 2 * WIDTH + 3]
    actual = objective_gradient(weights, keys, values, rates=rates)
    for rate, part in enumerate(actual):
        asked = [value.clone().requires_grad_() for value in weights]
        expected = torch.autograd.grad(_objective(FastWeights(*asked), tokens, rate), asked)[rate]
        assert (part - expected).abs().max() < 1e-13
    by_function = torch.func.grad(lambda gate: _objective(FastWeights(gate, *weights[1:]), tokens, 0))(weights.gate)
    assert (actual.gate - by_function).abs().max() < 1e-13


def test_a_step_goes_uphill() -> None:
    weights, tokens = _weights(), _tokens(9)
    rates = tokens[..., 2 * WIDTH : 2 * WIDTH + 3]
    gradient = objective_gradient(weights, tokens[..., :WIDTH], tokens[..., WIDTH : 2 * WIDTH], rates=rates)
    moved = FastWeights(*(one + 1e-3 * other for one, other in zip(weights, gradient, strict=True)))
    assert _objective(moved, tokens, 0) > _objective(weights, tokens, 0)


@pytest.mark.parametrize("shape", [(24, 48), (48, 24), (24, 24)])
def test_orthogonalising_gives_nearly_the_polar_factor(shape: tuple[int, int]) -> None:
    size = min(shape)
    left, _ = torch.linalg.qr(torch.randn(shape[0], size, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(shape[1], size, dtype=torch.float64))
    matrix = left @ torch.diag(torch.logspace(-2, 0, size, dtype=torch.float64)) @ right.T  # condition 100
    U, _, V = torch.linalg.svd(matrix, full_matrices=False)
    rotated = U.T @ orthogonalize(matrix, POLAR) @ V.T
    values = rotated.diagonal()
    assert (rotated - values.diag()).abs().max() < 1e-10
    assert values.min() > 0.65 and values.max() < 1.2


def test_orthogonalising_agrees_with_torch_s_own_muon() -> None:
    muon = pytest.importorskip("torch.optim._muon")
    coefficients = (muon.DEFAULT_A, muon.DEFAULT_B, muon.DEFAULT_C)
    for shape in ((16, 40), (40, 16)):
        matrix = torch.randn(shape)
        theirs = muon._zeropower_via_newtonschulz(matrix, coefficients, 5, muon.EPS).float()
        assert (
            orthogonalize(matrix, torch.tensor([coefficients] * 5)) - theirs
        ).abs().max() < 2e-2  # theirs is in bfloat16


def test_nothing_orthogonalised_is_nothing_and_its_gradient_is_finite() -> None:
    nothing = torch.zeros(3, 4, 5).requires_grad_()
    result = orthogonalize(nothing, POLAR)
    assert (result == 0).all()
    result.sum().backward()
    assert nothing.grad is not None and nothing.grad.isfinite().all()


@pytest.mark.parametrize("is_orthogonal", [False, True])
def test_rows_keep_their_norms(is_orthogonal: bool) -> None:
    weights = _weights()
    learned, _ = learn(weights, _tokens(9), velocity=_zeros(weights), rule=_rule(weights, is_orthogonal))
    for before, after in zip(row_norms(weights), row_norms(learned), strict=True):
        assert torch.allclose(before, after, atol=1e-5)
    assert not torch.allclose(learned.gate, weights.gate, atol=1e-2)


def test_the_order_of_frames_in_a_chunk_does_not_count() -> None:
    weights, tokens = _weights(torch.float64), _tokens(9, dtype=torch.float64)
    one, _ = learn(weights, tokens, velocity=_zeros(weights), rule=_rule(weights))
    other, _ = learn(weights, tokens[:, :, torch.randperm(9)], velocity=_zeros(weights), rule=_rule(weights))
    assert all(torch.allclose(left, right, atol=1e-10) for left, right in zip(one, other, strict=True))


def test_with_muon_the_rates_count_only_relative_to_each_other() -> None:
    weights, tokens = _weights(), _tokens(9)
    faster = tokens.clone()
    faster[..., 2 * WIDTH : 2 * WIDTH + 3] *= 100.0
    for is_orthogonal in (True, False):
        rule = _rule(weights, is_orthogonal)
        one, other = (learn(weights, each, velocity=_zeros(weights), rule=rule)[0] for each in (tokens, faster))
        assert torch.allclose(one.gate, other.gate, atol=1e-4) == is_orthogonal


def test_the_scale_sets_how_far_a_step_goes() -> None:
    weights, tokens = _weights(), _tokens(9)
    moved = []
    for scale in (0.01, 0.1, 1.0):
        learned, _ = learn(weights, tokens, velocity=_zeros(weights), rule=_rule(weights, scale=scale))
        moved.append((learned.gate - weights.gate).norm())
    assert 5.0 < moved[1] / moved[0] < 12.0 and moved[2] > 2.0 * moved[1]


def test_momentum_adds_the_step_before() -> None:
    weights, tokens = _weights(), _tokens(CHUNK, momentum=0.5)
    rule = _rule(weights, is_orthogonal=False)
    _, first = learn(weights, tokens, velocity=_zeros(weights), rule=rule)
    _, second = learn(weights, tokens, velocity=first, rule=rule)
    assert torch.allclose(second.gate, 1.5 * first.gate, atol=1e-4)


@pytest.mark.parametrize("pieces", [(21,), (1,) * 21, (3, 1, 9, 0, 8), (4, 4, 4, 9), (20, 1)])
@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_pieces_of_any_size_give_what_the_whole_gives(pieces: tuple[int, ...], momentum: float) -> None:
    weights, tokens, queries = _weights(), _tokens(21, momentum), torch.randn(B, HEADS, 21, WIDTH)
    rule, state = _rule(weights), _start(weights)
    whole, expected = apply_then_update(queries, tokens, num_valid=torch.tensor([21, 21]), state=state, rule=rule)
    answers = []
    for asked, frames in zip(queries.split(pieces, dim=2), tokens.split(pieces, dim=2), strict=True):
        if frames.shape[2]:
            answer, state = apply_then_update(
                asked, frames, num_valid=torch.full((B,), frames.shape[2]), state=state, rule=rule
            )
            answers.append(answer)
    assert torch.allclose(torch.cat(answers, dim=2), whole, atol=1e-4)
    assert torch.allclose(state.weights.gate, expected.weights.gate, atol=1e-4)
    assert torch.equal(state.num_pending, expected.num_pending) and expected.num_pending.tolist() == [1, 1]


def test_utterances_of_a_batch_fill_their_chunks_apart() -> None:
    weights, tokens, queries = _weights(), _tokens(11), torch.randn(B, HEADS, 11, WIDTH)
    rule, state = _rule(weights), _start(weights)
    _, state = apply_then_update(
        queries[:, :, :5], tokens[:, :, :5], num_valid=torch.tensor([5, 2]), state=state, rule=rule
    )
    assert state.num_pending.tolist() == [1, 2]
    answer, state = apply_then_update(
        queries[:, :, 5:], tokens[:, :, 5:], num_valid=torch.tensor([6, 6]), state=state, rule=rule
    )
    kept = torch.cat([tokens[:, :, :2], tokens[:, :, 5:]], dim=2)
    asked = torch.cat([queries[:, :, :2], queries[:, :, 5:]], dim=2)
    expected, end = apply_then_update(asked, kept, num_valid=torch.tensor([8, 8]), state=_start(weights), rule=rule)
    assert torch.allclose(answer[1], expected[1, :, 2:], atol=1e-5)
    assert torch.allclose(state.weights.down[1], end.weights.down[1], atol=1e-5)


def test_a_chunk_hears_no_later_frame_and_its_own_only_afterwards() -> None:
    weights, tokens, queries = _weights(), _tokens(12), torch.randn(B, HEADS, 12, WIDTH)
    changed = tokens.clone()
    changed[:, :, 5] += 1.0
    rule, valid = _rule(weights), torch.tensor([12, 12])
    before, _ = apply_then_update(queries, tokens, num_valid=valid, state=_start(weights), rule=rule)
    after, _ = apply_then_update(queries, changed, num_valid=valid, state=_start(weights), rule=rule)
    assert torch.equal(before[:, :, :8], after[:, :, :8])
    assert not torch.allclose(before[:, :, 8:], after[:, :, 8:], atol=1e-3)
    assert torch.allclose(before[:, :, :4], apply_swiglu(weights, queries[:, :, :4]), atol=1e-6)


def test_a_chunk_longer_than_the_utterance_leaves_the_weights_as_they_were() -> None:
    weights, tokens, queries = _weights(), _tokens(3), torch.randn(B, HEADS, 3, WIDTH)
    answer, state = apply_then_update(
        queries, tokens, num_valid=torch.tensor([3, 3]), state=_start(weights), rule=_rule(weights)
    )
    assert torch.equal(answer, apply_swiglu(weights, queries)) and torch.equal(state.weights.gate, weights.gate)


def test_the_recorded_form_is_the_same() -> None:
    weights, tokens, queries = _weights(), _tokens(11), torch.randn(B, HEADS, 11, WIDTH)
    given = {"num_valid": torch.tensor([11, 6]), "state": _start(weights), "rule": _rule(weights)}
    expected = apply_then_update(queries, tokens, **given)
    actual = apply_then_update_recorded(queries, tokens, **given)
    assert torch.allclose(actual[0], expected[0], atol=1e-6)
    assert torch.allclose(actual[1].weights.up, expected[1].weights.up, atol=1e-6)
