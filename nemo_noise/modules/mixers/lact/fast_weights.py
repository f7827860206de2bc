# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fast weights: a small SwiGLU network per utterance that learns, while it is used, to recall values from keys.

Zhang et al., 2025 (LaCT, "Test-time training done right", arXiv 2505.23884). The network ``f(x) = down (silu(gate x) *
(up x))`` climbs ``sum_t rate_t <f(k_t), v_t>`` by one step for a large chunk of frames at a time. The step has a
closed form, may be orthogonalised (Muon), and the rows of the weights keep the norms they started with. Frames whose
rate is zero teach nothing, so padding is silent.
"""

from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "ChunkState",
    "FastWeights",
    "LearningRule",
    "UpdateRule",
    "apply_swiglu",
    "apply_then_update",
    "apply_then_update_recorded",
    "learn",
    "objective_gradient",
    "orthogonalize",
    "row_norms",
]

# Five steps of a quintic Newton-Schulz iteration, each with coefficients of its own: those of the authors' lact_llm.
POLAR_COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
SMALLEST_NORM = 1e-7


class UpdateRule(str, Enum):
    """How a gradient becomes a step: as it is, or orthogonalised (Muon), which drops its size."""

    GRADIENT = "gradient"
    MUON = "muon"


class FastWeights(NamedTuple):
    """The three matrices of a SwiGLU for every utterance and head.

    ``gate`` and ``up`` are [B, H, F, P], ``down`` is [B, H, P, F]; P the width of a head, F the hidden width.
    """

    gate: Tensor
    up: Tensor
    down: Tensor


class LearningRule(NamedTuple):
    """What a step depends on beside the frames: the ``norms`` that rows keep, and how the gradient is taken.

    ``norms`` are [1, H, F, 1], [1, H, F, 1] and [1, H, P, 1]; ``scale`` multiplies an orthogonalised step;
    ``coefficients`` [S, 3] are those of ``orthogonalize``.
    """

    norms: FastWeights
    is_orthogonal: bool
    scale: float
    coefficients: Tensor


class ChunkState(NamedTuple):
    """What learning in chunks carries of a stream.

    ``velocity`` is the last step (zeros without momentum). ``pending`` holds the frames of the chunk that is not full
    yet, [B, H, Q, 2 P + 4]: key, value, three rates and the weight of the momentum; ``num_pending`` [B] how many.
    """

    weights: FastWeights
    velocity: FastWeights
    pending: Tensor
    num_pending: Tensor


def apply_swiglu(weights: FastWeights, x: Tensor) -> Tensor:
    """``down(silu(gate x) * (up x))`` for every utterance and head: [B, H, T, P] -> [B, H, T, P]."""
    hidden = F.silu(x @ weights.gate.transpose(2, 3)) * (x @ weights.up.transpose(2, 3))  # [B, H, T, F]
    return hidden @ weights.down.transpose(2, 3)


def objective_gradient(weights: FastWeights, keys: Tensor, values: Tensor, *, rates: Tensor) -> FastWeights:
    """The gradient of ``sum_t rate_t <f(k_t), v_t>``, each matrix with rates of its own.

    ``keys`` and ``values`` are [B, H, T, P]; ``rates`` [B, H, T, 3] for gate, up and down are zero for frames that
    teach nothing.
    """
    gate = keys @ weights.gate.transpose(2, 3)  # [B, H, T, F]
    up = keys @ weights.up.transpose(2, 3)
    backwards = values @ weights.down  # [B, H, T, F]
    opening = torch.sigmoid(gate)
    active = gate * opening
    slope = opening * (1.0 + gate * (1.0 - opening))  # of silu
    return FastWeights(
        (rates[..., 0:1] * backwards * up * slope).transpose(2, 3) @ keys,
        (rates[..., 1:2] * backwards * active).transpose(2, 3) @ keys,
        (rates[..., 2:3] * values).transpose(2, 3) @ (active * up),
    )


def orthogonalize(matrices: Tensor, coefficients: Tensor, smallest_norm: float = SMALLEST_NORM) -> Tensor:
    """Bring the singular values of matrices [..., M, N] near to 1 by a Newton-Schulz iteration; zeros stay zeros.

    Gives about ``U V^T`` of the singular value decomposition; values that are very small compared with the largest are
    lifted less. ``coefficients`` [S, 3] are those of one quintic step each, ``a X + b X X^T X + c (X X^T)^2 X``;
    ``smallest_norm`` keeps the norm away from zero.
    """
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.transpose(-2, -1) if is_tall else matrices
    x = x / (x.square().sum(dim=(-2, -1), keepdim=True) + smallest_norm * smallest_norm).sqrt()
    coefficients = coefficients.to(x.dtype)
    for step in range(coefficients.shape[0]):
        gram = x @ x.transpose(-2, -1)
        higher = coefficients[step, 1] * gram + coefficients[step, 2] * (gram @ gram)
        x = coefficients[step, 0] * x + higher @ x
    return x.transpose(-2, -1) if is_tall else x


def row_norms(weights: FastWeights) -> FastWeights:
    """The norms of the rows, [B, H, F, 1], [B, H, F, 1] and [B, H, P, 1]."""
    return FastWeights(
        torch.linalg.vector_norm(weights.gate, dim=[-1], keepdim=True),
        torch.linalg.vector_norm(weights.up, dim=[-1], keepdim=True),
        torch.linalg.vector_norm(weights.down, dim=[-1], keepdim=True),
    )


def learn(
    weights: FastWeights, tokens: Tensor, *, velocity: FastWeights, rule: LearningRule
) -> tuple[FastWeights, FastWeights]:
    """One step on a chunk of frames: the next weights, and the step without its orthogonalisation.

    ``velocity`` is the step before, zeros if there was none or without momentum; ``tokens`` [B, H, T, 2 P + 4] are
    key, value, three rates and the weight of the momentum; zeros teach nothing.
    """
    width = weights.gate.shape[3]
    keys, values = tokens[..., :width], tokens[..., width : 2 * width]
    rates = tokens[..., 2 * width : 2 * width + 3]
    steps = objective_gradient(weights, keys, values, rates=rates)
    kept = tokens[..., 2 * width + 3 :].mean(dim=2, keepdim=True)  # [B, H, 1, 1]
    steps = FastWeights(
        steps.gate + kept * velocity.gate, steps.up + kept * velocity.up, steps.down + kept * velocity.down
    )
    return (
        FastWeights(
            _stepped(weights.gate, steps.gate, norms=rule.norms.gate, rule=rule),
            _stepped(weights.up, steps.up, norms=rule.norms.up, rule=rule),
            _stepped(weights.down, steps.down, norms=rule.norms.down, rule=rule),
        ),
        steps,
    )


def apply_then_update(
    queries: Tensor, tokens: Tensor, *, num_valid: Tensor, state: ChunkState, rule: LearningRule
) -> tuple[Tensor, ChunkState]:
    """Answer every frame with weights that have learned from the chunks before its own; causal.

    Chunks begin at the first frame of the utterance, wherever pieces of a stream are cut, and for every utterance of a
    batch apart. ``queries`` are [B, H, T, P], ``tokens`` as in ``learn``; of them ``num_valid`` [B] are no padding,
    which lies at the end: it is answered, and forgotten. Returns answers [B, H, T, P] and the next state.
    """
    return _along_time(queries, tokens, num_valid=num_valid, state=state, rule=rule, num_frames=queries.shape[2])


def apply_then_update_recorded(
    queries: Tensor, tokens: Tensor, *, num_valid: Tensor, state: ChunkState, rule: LearningRule
) -> tuple[Tensor, ChunkState]:
    """``apply_then_update`` for a graph that is being recorded: its loop and its conditions stay in the graph."""
    values = [*state.weights, *state.velocity, state.pending]
    num_frames = num_valid.max().clamp(min=1)  # a size would be recorded as a constant
    how = (list(rule.norms), rule.is_orthogonal, rule.scale, rule.coefficients)
    answers, values, num_pending = _scripted()(queries, tokens, num_valid, values, state.num_pending, *how, num_frames)
    frames = ((0.0 * tokens[:, 0, :, 0]).long() + 1).cumsum(dim=1) - 1  # [B, T]: 0, 1, 2, ...
    index = frames[:, None, :, None].expand(-1, answers.shape[1], -1, answers.shape[3])
    answers = torch.cat([answers, 0.0 * queries], dim=2).gather(2, index)  # as many as the queries
    return answers, ChunkState(FastWeights(*values[:3]), FastWeights(*values[3:6]), values[6], num_pending)


def _along_time(
    queries: Tensor, tokens: Tensor, *, num_valid: Tensor, state: ChunkState, rule: LearningRule, num_frames: int
) -> tuple[Tensor, ChunkState]:
    """``apply_then_update`` for the first ``num_frames`` of the frames."""
    answers = [queries[:, :, :0]]  # of no frames, or a recorded sequence would have no type
    (gate, up, down), (gate_step, up_step, down_step), pending, num_pending = state
    chunk_size = pending.shape[2]
    for start in range(0, num_frames, chunk_size):  # a recorded graph carries tensors from turn to turn, no tuples
        piece = tokens[:, :, start : start + chunk_size]
        asked = queries[:, :, start : start + chunk_size]
        count = (num_valid - start).clamp(0, piece.shape[2])  # [B]
        frames = _from_chunk_start(pending, num_pending, piece=piece, count=count)  # [B, H, 2 Q, 2 P + 4]
        is_full = num_pending + count >= chunk_size
        answer = apply_swiglu(FastWeights(gate, up, down), asked)
        if bool(is_full.any()):
            is_next = is_full[:, None, None, None]
            weights, velocity = FastWeights(gate, up, down), FastWeights(gate_step, up_step, down_step)
            learned, steps = learn(weights, frames[:, :, :chunk_size], velocity=velocity, rule=rule)
            gate = torch.where(is_next, learned.gate, gate)
            up = torch.where(is_next, learned.up, up)
            down = torch.where(is_next, learned.down, down)
            gate_step = torch.where(is_next, steps.gate, gate_step)
            up_step = torch.where(is_next, steps.up, up_step)
            down_step = torch.where(is_next, steps.down, down_step)
            positions = num_pending[:, None] + torch.arange(asked.shape[2], device=asked.device)
            is_after = positions >= chunk_size  # [B, T]
            if bool(is_after.any()):
                later = apply_swiglu(FastWeights(gate, up, down), asked)
                answer = torch.where(is_after[:, None, :, None], later, answer)
        answers.append(answer)
        pending = torch.where(is_full[:, None, None, None], frames[:, :, chunk_size:], frames[:, :, :chunk_size])
        num_pending = num_pending + count - chunk_size * is_full.to(count.dtype)
    weights, velocity = FastWeights(gate, up, down), FastWeights(gate_step, up_step, down_step)
    return torch.cat(answers, dim=2), ChunkState(weights, velocity, pending, num_pending)


@cache
def _scripted() -> Any:
    return torch.jit.script(_on_lists)


def _on_lists(
    queries: Tensor,
    tokens: Tensor,
    num_valid: Tensor,
    values: list[Tensor],
    num_pending: Tensor,
    norms: list[Tensor],
    is_orthogonal: bool,
    scale: float,
    coefficients: Tensor,
    num_frames: Tensor,
) -> tuple[Tensor, list[Tensor], Tensor]:
    """``apply_then_update`` with arguments that a recorded graph can pass on; a list has one type of number."""
    weights, velocity = FastWeights(values[0], values[1], values[2]), FastWeights(values[3], values[4], values[5])
    rule = LearningRule(FastWeights(norms[0], norms[1], norms[2]), is_orthogonal, scale, coefficients)
    state = ChunkState(weights, velocity, values[6], num_pending)
    answers, state = _along_time(
        queries, tokens, num_valid=num_valid, state=state, rule=rule, num_frames=int(num_frames)
    )
    weights, velocity = state.weights, state.velocity
    parts = [weights.gate, weights.up, weights.down, velocity.gate, velocity.up, velocity.down, state.pending]
    return answers, parts, state.num_pending


def _from_chunk_start(pending: Tensor, num_pending: Tensor, *, piece: Tensor, count: Tensor) -> Tensor:
    """Pending frames and then those of the next piece, from the start of the chunk; zeros after the last valid."""
    chunk_size = pending.shape[2]
    joined = torch.cat([pending, piece], dim=2)  # [B, H, Q + T, 2 P + 4]
    slots = torch.arange(2 * chunk_size, device=piece.device).unsqueeze(0)  # [1, 2 Q]
    before = num_pending.unsqueeze(1)  # [B, 1]
    index = torch.where(slots < before, slots, slots - before + chunk_size).clamp(max=joined.shape[2] - 1)
    gathered = joined.gather(2, index[:, None, :, None].expand(-1, joined.shape[1], -1, joined.shape[3]))
    return gathered.masked_fill((slots >= before + count.unsqueeze(1))[:, None, :, None], 0.0)


def _stepped(
    weights: Tensor, steps: Tensor, norms: Tensor, rule: LearningRule, smallest_norm: float = SMALLEST_NORM
) -> Tensor:
    """Weights after a step, their rows as long as they began."""
    if rule.is_orthogonal:
        steps = rule.scale * orthogonalize(steps, rule.coefficients)
    moved = weights + steps
    length = torch.linalg.vector_norm(moved, dim=[-1], keepdim=True).clamp_min(smallest_norm)
    return moved * (norms / length)
