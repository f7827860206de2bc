# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A recogniser whose encoder takes streams, inside its own `transcribe`: the same features and search as offline.

An encoder that can (cache-aware: nothing of the future beyond a chunk) is stepped through with NeMo's caches; any
other takes overlapping chunks. Only the encoder streams: a greedy CTC or transducer search goes on frame by frame, so
its text is that of the stream; a beam is the offline beam on the stream's frames.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel, EncDecCTCModel, EncDecMultiTaskModel, EncDecRNNTModel
from nemo.collections.asr.parts.mixins.streaming import StreamingEncoder
from nemo.collections.asr.parts.preprocessing.features import normalize_batch

from nemo_noise.inference.streaming.chunked import ChunkPlan, encode_in_chunks
from nemo_noise.models.whisper.model import WhisperModel
from nemo_noise.modules import CausalContextEncoder, noise_context_of, sensor_users
from nemo_noise.modules.mixers.encoder import MixerEncoder
from nemo_noise.nemo_patches.wrapping import replaced_on
from nemo_noise.recogniser.facts import Family, family_of, input_s, whole_utterance_normalization, window_s
from nemo_noise.recogniser.transcription import quiet

__all__ = [
    "CacheAwareStream",
    "EncoderStream",
    "NotStreamableError",
    "OverlappingStream",
    "non_causal_part",
    "plan_stream",
    "streamed",
]

Encode = Callable[..., tuple[Tensor, ...]]


class NotStreamableError(ValueError):
    """A model cannot stream at a latency; the message is the reason, for a table."""


@dataclass(frozen=True)
class CacheAwareStream:
    """NeMo's cache-aware streaming.

    Attributes:
        chunk_frames: frames of the encoder in a chunk.
        att_context_size: frames before and within the chunk that attention reads; None where any size will do.
        latency_ms: from the first sample of a chunk's first frame until the chunk can be given.
    """

    chunk_frames: int
    att_context_size: tuple[int, ...] | None
    latency_ms: float
    way: str = "cache-aware"

    @contextmanager
    def prepared(self, encoder: Any) -> Iterator[None]:
        """An encoder whose chunks have this size."""
        own_size, own_config = encoder.att_context_size, encoder.streaming_cfg
        try:
            with quiet():  # NeMo warns of sizes that are none of its list, and of left_chunks
                if self.att_context_size is not None:
                    encoder.set_default_att_context_size(list(self.att_context_size))
                else:
                    encoder.setup_streaming_params(chunk_size=self.chunk_frames, shift_size=self.chunk_frames)
            yield
        finally:
            encoder.att_context_size = own_size
            encoder.setup_streaming_params()
            encoder.streaming_cfg = own_config

    def encode(
        self, encoder: Any, audio_signal: Tensor, length: Tensor, *, offline: Encode, steps_s: list[float]
    ) -> tuple[Tensor, Tensor]:
        """Steps through a batch of streams that begin together; one that has ended gives no more frames.

        Args:
            encoder: prepared.
            audio_signal: what the encoder takes [B, D, T].
            length: valid inputs [B].
            offline: the encoder's own forward; not used here.
            steps_s: gets the seconds of every step.

        Returns:
            States [B, D', T'], 0 beyond their lengths, and the lengths [B].
        """
        config = encoder.streaming_cfg
        if encoder.att_context_size[0] < 0 and not isinstance(encoder, MixerEncoder):
            # all of the past: room for this audio, where NeMo would keep 10000 frames; its masks need whole chunks
            chunks = -(-audio_signal.shape[2] // (encoder.subsampling_factor * self.chunk_frames)) + 1
            config.last_channel_cache_size = chunks * self.chunk_frames
        chunk_size, shift_size = _first_and_later(config.chunk_size), _first_and_later(config.shift_size)
        repeated = _first_and_later(config.pre_encode_cache_size)
        caches = encoder.get_initial_cache_state(
            batch_size=audio_signal.shape[0], dtype=audio_signal.dtype, device=audio_signal.device
        )
        states, lengths, start = [], torch.zeros_like(length), 0
        while start < int(length.max()):
            later = int(start > 0)
            before = min(start, repeated[later])
            chunk = audio_signal[:, :, start - before : start + chunk_size[later]]
            with _timed(chunk.device, steps_s):
                output, frames, *caches = encoder.cache_aware_stream_step(
                    chunk,
                    (length - start + before).clamp(0, chunk.shape[2]),
                    *caches,
                    keep_all_outputs=True,
                    drop_extra_pre_encoded=config.drop_extra_pre_encoded if later else 0,
                )
            states.append(output)
            lengths = lengths + torch.where(length > start, frames, torch.zeros_like(frames))
            start += shift_size[later]
        return _without_padding(torch.cat(states, dim=2), lengths), lengths


@dataclass(frozen=True)
class OverlappingStream:
    """Overlapping chunks whose frames are stitched, see `chunked`.

    Attributes:
        plan: how an utterance is cut, in frames of the encoder.
        latency_ms: from the first sample of a chunk's first frame until the chunk can be given.
        normalization: of the preprocessor, by the whole utterance: each chunk is normalised anew by itself.
    """

    plan: ChunkPlan
    latency_ms: float
    normalization: str | None = None
    way: str = "overlapping chunks"

    @contextmanager
    def prepared(self, encoder: Any) -> Iterator[None]:
        """Nothing to prepare."""
        yield

    def encode(
        self, encoder: Any, audio_signal: Tensor, length: Tensor, *, offline: Encode, steps_s: list[float]
    ) -> tuple[Tensor, Tensor]:
        """As `CacheAwareStream.encode`, utterance by utterance in chunks."""
        window = _Window(offline, self.normalization, steps_s)
        span = int(getattr(encoder, "receptive_field", 1))
        return encode_in_chunks(
            window, audio_signal, length, plan=self.plan, frame_hop=int(encoder.subsampling_factor), frame_span=span
        )


EncoderStream = CacheAwareStream | OverlappingStream


def plan_stream(model: ASRModel, chunk_ms: float, left_s: float) -> EncoderStream:
    """Chooses how a model streams at a latency: cache-aware where its encoder can, else in overlapping chunks.

    Args:
        model: any NeMo ASR model.
        chunk_ms: of new audio in a chunk; of overlapping chunks half of it is read ahead, not given yet.
        left_s: seconds before an overlapping chunk that are read again.

    Raises:
        NotStreamableError: if it cannot.
    """
    if isinstance(model, WhisperModel):
        raise NotStreamableError("its encoder reads a window of fixed length, and its decoder whole utterances")
    if isinstance(model, EncDecMultiTaskModel):
        raise NotStreamableError(
            "its attention decoder reads whole utterances; examples/asr/transcribe_aed_streaming.py streams it"
        )
    if family_of(model) is Family.ATTENTION:
        raise NotStreamableError("its attention decoder reads whole utterances")
    if not isinstance(model, EncDecCTCModel | EncDecRNNTModel):
        raise NotStreamableError(f"{type(model).__name__} is neither a CTC model nor a transducer")
    if sensor_users(model):
        raise NotStreamableError("its context reads sensors, which are not cut into chunks here")
    encoder = model.encoder
    if not hasattr(encoder, "subsampling_factor"):
        raise NotStreamableError(f"{type(encoder).__name__} has no subsampling_factor, the length of its frames")
    input_ms = 1000.0 * input_s(model)
    frame_ms = input_ms * encoder.subsampling_factor
    frames = round(chunk_ms / frame_ms)
    if frames < 1 or abs(frames * frame_ms - chunk_ms) > 1e-3 * frame_ms:
        raise NotStreamableError(f"{chunk_ms:g} ms is not a multiple of the encoder's frame of {frame_ms:g} ms")
    ahead_ms = 500.0 * window_s(model)  # windows are centred
    if non_causal_part(model) is None:
        size = _att_context_size(encoder, frames, frame_ms)
        return CacheAwareStream(frames, size, frames * frame_ms + ahead_ms)
    plan = ChunkPlan(chunk=frames - frames // 2, left=round(1000.0 * left_s / frame_ms), right=frames // 2)
    hop = int(encoder.subsampling_factor)
    inputs = (frames - 1) * hop + max(hop, int(getattr(encoder, "receptive_field", 1)))
    normalization = whole_utterance_normalization(model)
    return OverlappingStream(plan, inputs * input_ms + ahead_ms, normalization)


def non_causal_part(model: ASRModel) -> str | None:
    """The part for which an encoder cannot stream with NeMo's caches; None where there is none."""
    encoder: Any = model.encoder
    context, size = noise_context_of(model), getattr(encoder, "conv_context_size", None)
    looks_ahead = getattr(encoder, "att_context_style", None) == "regular" and encoder.att_context_size[1] != 0
    style = getattr(encoder, "att_context_style", None)
    parts = {
        f"{type(encoder).__name__}, which has no caches": not isinstance(encoder, StreamingEncoder),
        "the mixing of its layers": isinstance(encoder, MixerEncoder) and not encoder.is_causal,
        "its subsampling": not getattr(getattr(encoder, "pre_encode", None), "is_causal", True),
        "its convolutions": size is not None and size[1] != 0,
        "its attention": looks_ahead or style not in ("regular", "chunked_limited"),
        "its context": context is not None and not isinstance(context, CausalContextEncoder),
        "the normalisation of its features": whole_utterance_normalization(model) is not None
        or getattr(encoder, "feature_normalization", None) == "per_feature",
    }
    return next((part for part, is_non_causal in parts.items() if is_non_causal), None)


@contextmanager
def streamed(model: ASRModel, stream: EncoderStream) -> Iterator[list[float]]:
    """Lets a model's encoder take streams of `plan_stream` wherever the model calls it; all else stays as it is.

    Yields:
        The seconds of every step so far, of the whole batch each.
    """
    encoder, steps_s = model.encoder, list[float]()
    offline: Encode = encoder.forward

    def forward(*inputs: Any, **named: Any) -> tuple[Tensor, ...]:
        if named.get("cache_last_channel") is not None:  # one step of the stream
            return offline(*inputs, **named)
        return stream.encode(encoder, named["audio_signal"], named["length"], offline=offline, steps_s=steps_s)

    with stream.prepared(encoder), replaced_on(encoder, "forward", forward):
        yield steps_s


class _Window(nn.Module):
    def __init__(self, encode: Encode, normalization: str | None, steps_s: list[float]) -> None:
        super().__init__()
        self._encode, self._normalization, self._steps_s = encode, normalization, steps_s

    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        if self._normalization is not None:
            audio_signal = normalize_batch(audio_signal, length, self._normalization)[0]
        with _timed(audio_signal.device, self._steps_s):
            return self._encode(audio_signal=audio_signal, length=length)


def _att_context_size(encoder: Any, frames: int, frame_ms: float) -> tuple[int, ...] | None:
    if encoder.att_context_style == "regular":
        return None
    known = [list(size) for size in encoder.att_context_size_all]
    if isinstance(encoder, MixerEncoder) and encoder.attention_every is None:
        return int(encoder.att_context_size[0]), frames - 1
    for size in known:
        if size[1] == frames - 1:
            return tuple(int(number) for number in size)
    possible = ", ".join(f"{(size[1] + 1) * frame_ms:g}" for size in known if size[1] >= 0) or "none"
    raise NotStreamableError(
        f"attention that sees chunks of {frames} frames is not among its att_context_size {known}; possible: "
        f"{possible} ms"
    )


def _first_and_later(size: int | list[int]) -> list[int]:
    return size if isinstance(size, list) else [size, size]


def _without_padding(states: Tensor, lengths: Tensor) -> Tensor:
    """States [B, D, T] with 0 beyond their lengths, and no longer than the longest."""
    states = states[:, :, : int(lengths.max())]
    beyond = torch.arange(states.shape[2], device=states.device) >= lengths.unsqueeze(1)
    return states.masked_fill(beyond.unsqueeze(1), 0.0)


@contextmanager
def _timed(device: torch.device, steps_s: list[float]) -> Iterator[None]:
    _wait_for(device)
    start = time.perf_counter()
    yield
    _wait_for(device)
    steps_s.append(time.perf_counter() - start)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
