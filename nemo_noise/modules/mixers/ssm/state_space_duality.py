# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""State-space duality: the recurrence of Mamba-2 one frame at a time, and the same as matrices over chunks of frames.

``h_t = exp(dt_t A) h_(t-1) + dt_t x_t B_t^T`` and ``y_t = h_t C_t + D x_t`` for every head (Dao and Gu, ICML 2024,
arXiv 2405.21060). Shapes: x [B, T, H, P]; dt [B, T, H]; A, D [H]; B, C [B, T, G, N]; the state h [B, H, P, N]. A frame
with dt = 0 leaves the state as it is, which is how padding is passed over.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["ScanOutput", "chunked_scan", "is_traced", "recurrent_scan", "scan_step"]


class ScanOutput(NamedTuple):
    """Outputs ``y`` [B, T, H, P] (of one step [B, H, P]) and the ``state`` [B, H, P, N] after them."""

    y: Tensor
    state: Tensor


def is_traced() -> bool:
    """Whether a graph is being recorded, whose loops would be as long as the example for ever."""
    is_tracing: bool = torch.jit.is_tracing()  # type: ignore[no-untyped-call,attr-defined]
    return is_tracing or torch.onnx.is_in_onnx_export()


def scan_step(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor) -> ScanOutput:
    """One frame.

    Args:
        x: [B, H, P].
        dt: [B, H].
        A: [H], negative.
        B: [B, G, N].
        C: [B, G, N].
        D: [H].
        state: [B, H, P, N].

    Returns:
        y [B, H, P] and the next state.
    """
    per_group = x.shape[1] // B.shape[1]
    inputs, outputs = (vectors.repeat_interleave(per_group, dim=1) for vectors in (B, C))  # [B, H, N]
    decay = (dt * A).exp()[..., None, None]
    state = state * decay + (dt.unsqueeze(2) * x).unsqueeze(3) * inputs.unsqueeze(2)
    y = (state * outputs.unsqueeze(2)).sum(dim=3) + D.unsqueeze(1) * x
    return ScanOutput(y.to(x.dtype), state)


def recurrent_scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor | None = None
) -> ScanOutput:
    """The definition, frame by frame: slow, and what the other forms are compared with; arguments as above."""
    state = _zero_state(x, B) if state is None else state
    frames = []
    for t in range(x.shape[1]):
        y, state = scan_step(x[:, t], dt[:, t], A, B[:, t], C[:, t], D, state)
        frames.append(y)
    return ScanOutput(torch.stack(frames, dim=1), state)


def chunked_scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    chunk_size: int = 64,
    state: Tensor | None = None,
) -> ScanOutput:
    """The same by matrix products: quadratic within chunks of Q frames, a recurrence from chunk to chunk.

    Args:
        x: [B, T, H, P].
        dt: [B, T, H]; zero passes a frame over.
        A: [H], negative.
        B: [B, T, G, N].
        C: [B, T, G, N].
        D: [H].
        chunk_size: Q; the result does not depend on it.
        state: [B, H, P, N] before the first frame; zero if not given.

    Returns:
        y [B, T, H, P] and the state after the last frame, in float32 at least.
    """
    num_frames, (num_heads, head_dim), (num_groups, d_state) = dt.shape[1], x.shape[2:], B.shape[2:]
    y_dtype, dtype = x.dtype, torch.promote_types(x.dtype, torch.float32)
    state = _zero_state(x, B) if state is None else state
    size = chunk_size if is_traced() else max(1, min(chunk_size, num_frames))
    x, dt, B, C = (_chunks(part.to(dtype), size) for part in (x, dt, B, C))  # [B, K, Q, ...] with K chunks
    log_decay = (dt * A.to(dtype)).cumsum(dim=2)  # [B, K, Q, H], from the start of the chunk
    inputs, outputs = B.transpose(2, 3), C.transpose(2, 3)  # [B, K, G, Q, N]
    stepped = x * dt.unsqueeze(4)  # [B, K, Q, H, P]
    # inside a chunk: frame i reads frame j <= i, faded by what lies between; masked before the exponential, or what
    # lies in the future overflows and its gradient is no number
    scores = torch.matmul(outputs, inputs.transpose(3, 4))  # [B, K, G, Q, Q], shared by the heads of a group
    by_head = log_decay.transpose(2, 3).contiguous()  # [B, K, H, Q]
    future = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
    fading = (by_head.unsqueeze(4) - by_head.unsqueeze(3)).masked_fill_(future, -torch.inf).exp_()
    weights = torch.unflatten(fading, 2, (num_groups, -1)) * scores.unsqueeze(3)  # [B, K, G, H / G, Q, Q]
    within = torch.matmul(weights.flatten(2, 3), stepped.transpose(2, 3))  # [B, K, H, Q, P]
    # from chunk to chunk: what a chunk adds to the state, the state that each chunk finds, and what it reads of it
    remaining = (log_decay[:, :, -1:] - log_decay).exp()  # [B, K, Q, H]
    added = torch.unflatten(stepped * remaining.unsqueeze(4), 3, (num_groups, -1)).flatten(4).transpose(2, 3)
    added = torch.matmul(inputs.transpose(3, 4), added)  # [B, K, G, N, H / G * P]
    carry = _carry_at_once if is_traced() else _carry_in_turn
    before = torch.unflatten(state.to(dtype), 1, (num_groups, -1)).permute(0, 1, 4, 2, 3)  # [B, G, N, H / G, P]
    found, after = carry(torch.unflatten(added, 4, (-1, head_dim)), log_decay[:, :, -1], before)
    across = torch.matmul(outputs, found.flatten(4)).transpose(2, 3)  # [B, K, Q, G, H / G * P]
    across = torch.unflatten(across.flatten(3), 3, (num_heads, head_dim)) * log_decay.exp().unsqueeze(4)
    y = torch.addcmul(across + within.transpose(2, 3), x, D.to(dtype).unsqueeze(1))  # [B, K, Q, H, P]
    state = after.permute(0, 1, 3, 4, 2).reshape(-1, num_heads, head_dim, d_state)
    return ScanOutput(y.flatten(1, 2)[:, :num_frames].to(y_dtype), state)


def _carry_in_turn(added: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The state before every chunk and after the last, one chunk after the other.

    Args:
        added: [B, K, G, N, H / G, P].
        log_decay: [B, K, H], over the whole chunk.
        state: [B, G, N, H / G, P].

    Returns:
        [B, K, G, N, H / G, P] and [B, G, N, H / G, P].
    """
    decay = torch.unflatten(log_decay.exp(), 2, (added.shape[2], 1, -1, 1))  # [B, K, G, 1, H / G, 1]
    found = []
    for k in range(added.shape[1]):
        found.append(state)
        state = torch.addcmul(added[:, k], state, decay[:, k])
    return torch.stack(found, dim=1) if found else added, state


def _carry_at_once(added: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The same as one product with a matrix over chunks: quadratic in their number, without a loop to unroll."""
    num_groups = added.shape[2]
    passed = log_decay.cumsum(dim=1).transpose(1, 2)  # [B, H, K], up to the end of each chunk
    reached = F.pad(passed, (1, 0))  # [B, H, K + 1], up to its start, and up to the end of the last
    order = torch.ones_like(reached[0, 0]).cumsum(dim=0)  # 1 ... K + 1; a range of a shape would be recorded as it is
    is_later = order[:-1].unsqueeze(0) >= order.unsqueeze(1)  # [K + 1, K]
    fading = (reached.unsqueeze(3) - passed.unsqueeze(2)).masked_fill(is_later, -torch.inf).exp()  # [B, H, K + 1, K]
    sums = torch.einsum("bgrjk,bkgnrp->bjgnrp", torch.unflatten(fading, 1, (num_groups, -1)), added)
    kept = torch.unflatten(reached.exp(), 1, (num_groups, -1)).permute(0, 3, 1, 2)  # [B, K + 1, G, H / G]
    states = sums + kept[:, :, :, None, :, None] * state.unsqueeze(1)
    return states[:, :-1], states[:, -1]


def _chunks(part: Tensor, size: int) -> Tensor:
    """[B, T, ...] in chunks [B, K, size, ...], filled up with zeros."""
    around = (0, 0) * (part.dim() - 2)
    if is_traced():  # the length is known to the graph only as something to cut at
        part = F.pad(part, (*around, 0, size - 1))
        part = part[:, : part.shape[1] // size * size]
    elif part.shape[1] % size:
        part = F.pad(part, (*around, 0, -part.shape[1] % size))
    return torch.unflatten(part, 1, (-1, size))


def _zero_state(x: Tensor, B: Tensor) -> Tensor:
    """No past: zeros [B, H, P, N] in float32 at least."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return x.new_zeros(x.shape[0], x.shape[2], x.shape[3], B.shape[3], dtype=dtype)
