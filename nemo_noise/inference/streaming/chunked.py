# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Streams for non-causal encoders: overlapping chunks whose frames are stitched, each taken exactly once.

A chunk is encoded together with some frames before and after it, and only its own frames are kept. If no frame of the
encoder reads further than that, the result is what the encoder gives for the whole utterance; else it is an
approximation that gets better with more overlap. Texts are never stitched.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["ChunkPlan", "ChunkStream", "encode_in_chunks"]


class ChunkPlan(NamedTuple):
    """How an utterance is cut, in frames of the encoder.

    ``chunk`` new frames at a time, read together with ``left`` frames before and ``right`` frames after them.
    """

    chunk: int
    left: int
    right: int


class ChunkStream:
    """One utterance that arrives bit by bit; gives frames as soon as ``right`` more have arrived.

    Args:
        encoder: takes ``audio_signal`` [B, D, T] and ``length`` [B] and gives states [B, D', T'] and their lengths;
            its frames are ``frame_hop`` inputs apart, the first one at the first input.
        plan: how the utterance is cut.
        frame_hop: inputs (feature frames, or samples) from frame to frame; the encoder's ``subsampling_factor`` if
            not given.
        frame_span: inputs that must be there for a frame to exist: the whole receptive field for an encoder that pads
            nothing (its ``receptive_field`` is taken), 1 for one that pads, such as NeMo's.

    Raises:
        ValueError: if the plan has no chunk or a negative overlap.
    """

    def __init__(
        self, encoder: nn.Module, plan: ChunkPlan, *, frame_hop: int | None = None, frame_span: int | None = None
    ) -> None:
        if plan.chunk < 1 or plan.left < 0 or plan.right < 0:
            raise ValueError(f"plan={plan} must have at least 1 frame a chunk, and overlaps from 0.")
        self.encoder, self.plan = encoder, plan
        hop = frame_hop if frame_hop is not None else encoder.subsampling_factor
        span = frame_span if frame_span is not None else getattr(encoder, "receptive_field", 1)
        self.frame_hop, self.frame_span = int(hop), int(span)  # type: ignore[arg-type]
        self.num_frames = 0  # given so far
        self._start = 0  # the input at which the kept ones begin
        self._inputs: Tensor | None = None

    @property
    def latency(self) -> int:
        """Inputs from the first one that a chunk's first frame stands for until the chunk is given."""
        return (self.plan.chunk - 1 + self.plan.right) * self.frame_hop + self.frame_span

    def push(self, inputs: Tensor) -> Tensor | None:
        """Takes the next inputs, features or samples [D, T] of any number.

        Returns:
            The next frames [D', n], a whole number of chunks; None if more has to arrive first.
        """
        self._inputs = inputs if self._inputs is None else torch.cat([self._inputs, inputs], dim=1)
        ready = []
        while self._start + self._inputs.shape[1] >= self.num_frames * self.frame_hop + self.latency:
            frames = self._next_frames(end=self.num_frames * self.frame_hop + self.latency)
            if frames.shape[1] < self.plan.chunk:
                raise ValueError(
                    f"frame_hop={self.frame_hop} and frame_span={self.frame_span} do not fit the encoder: it gives "
                    f"{frames.shape[1]} of the {self.plan.chunk} frames of a chunk."
                )
            ready.append(frames[:, : self.plan.chunk])
            self.num_frames += self.plan.chunk
        past = min(self._first * self.frame_hop - self._start, self._inputs.shape[1])  # by any later chunk
        self._start, self._inputs = self._start + past, self._inputs[:, past:]
        return torch.cat(ready, dim=1) if ready else None

    def close(self) -> Tensor | None:
        """Ends the utterance; returns the frames [D', n] that are left, None if there are none."""
        if self._inputs is None:
            return None
        end = self._start + self._inputs.shape[1]
        if self.num_frames and end < self.num_frames * self.frame_hop + self.frame_span:
            return None
        frames = self._next_frames(end=end)
        self.num_frames += frames.shape[1]
        self._inputs = None
        return frames

    @property
    def _first(self) -> int:
        return max(0, self.num_frames - self.plan.left)

    def _next_frames(self, end: int) -> Tensor:
        """The frames [D', n] from the next one on, as inputs up to ``end`` give them."""
        assert self._inputs is not None
        inputs = self._inputs[:, self._first * self.frame_hop - self._start : end - self._start]
        length = torch.tensor([inputs.shape[1]], device=inputs.device)
        states, encoded_length = self.encoder(audio_signal=inputs.unsqueeze(0), length=length)[:2]
        frames: Tensor = states[0, :, self.num_frames - self._first : int(encoded_length[0])]
        return frames


def encode_in_chunks(
    encoder: nn.Module,
    audio_signal: Tensor,
    length: Tensor,
    *,
    plan: ChunkPlan,
    frame_hop: int | None = None,
    frame_span: int | None = None,
) -> tuple[Tensor, Tensor]:
    """What an encoder would give for whole utterances if it read them as streams.

    Args:
        encoder: in evaluation mode.
        audio_signal: what the encoder takes [B, D, T].
        length: valid inputs [B].
        plan: how each utterance is cut.
        frame_hop: as in ``ChunkStream``.
        frame_span: as in ``ChunkStream``.

    Returns:
        States [B, D', T'], 0 beyond their lengths, and the lengths [B]; as the encoder's own, for any decoder.
    """
    stitched = []
    for inputs, valid in zip(audio_signal, length.tolist(), strict=True):
        stream = ChunkStream(encoder, plan, frame_hop=frame_hop, frame_span=frame_span)
        parts = [stream.push(inputs[:, :valid]), stream.close()]
        stitched.append(torch.cat([part for part in parts if part is not None], dim=1).T)  # [T', D']
    lengths = torch.tensor([len(frames) for frames in stitched], device=length.device)
    return nn.utils.rnn.pad_sequence(stitched, batch_first=True).transpose(1, 2), lengths
