# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Attention decoders that write while the speech arrives: NeMo's wait-k and AlignAtt, with dual attention too.

Every chunk of audio is encoded together with what is left of it, and the decoder goes on from the tokens that it has
written, by NeMo's own policies. Wait-k writes one token for every chunk (Ma et al., 2019); AlignAtt writes until
the cross-attention looks at the newest frames, then waits for more speech (Papi, Turchi and Negri, 2023).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor

from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.collections.asr.parts.submodules.aed_decoding.aed_batched_streaming import GreedyBatchedStreamingAEDComputer
from nemo.collections.asr.parts.submodules.multitask_decoding import (
    AEDStreamingDecodingConfig,
    MultiTaskDecoding,
    MultiTaskDecodingConfig,
)
from nemo.collections.asr.parts.utils.eval_utils import compute_laal
from nemo.collections.asr.parts.utils.streaming_utils import ContextSize
from nemo.utils import logging

from nemo_noise.checks import choice, is_number, whole
from nemo_noise.foreign_text import printable
from nemo_noise.models.whisper.model import WhisperModel
from nemo_noise.modules.dual_attention.decoder import DualAttentionDecoder
from nemo_noise.recogniser.facts import frame_samples, sample_rate_of
from nemo_noise.recogniser.state import modes_kept
from nemo_noise.recogniser.waveforms import check_waveform

__all__ = ["AlignedStream", "AlignedStreamingConfig", "StreamedTranscript", "transcribe_aligned"]

Samples = NDArray[np.float32]


class Policy(str, Enum):
    """When an aligned stream writes a token, by NeMo's names."""

    ALIGNATT = "alignatt"
    WAITK = "waitk"


@dataclass(frozen=True)
class AlignedStreamingConfig:
    """How a stream is cut and when tokens are written.

    Args:
        policy: ``alignatt`` or ``waitk``.
        chunk_s: seconds of audio that are decoded at a time; at least one frame of the encoder.
        left_s: seconds before the chunk that the encoder still reads.
        right_s: seconds behind the chunk that the encoder reads already; they add to the delay.
        waitk_lagging: chunks to wait for before the first token, for both policies.
        alignatt_threshold: AlignAtt waits when the attention looks at one of the last so many frames.
        attention_layer: whose cross-attention AlignAtt reads; negative from the end.
        num_sink_frames: first frames that AlignAtt does not look at, as decoders like to rest there.
        max_tokens_per_s: AlignAtt writes no more per second of a chunk, but for the last one.
        stops_repetition: end an utterance that repeats itself (NeMo's detector).

    Raises:
        ValueError: if the policy is unknown or a number is out of range.
    """

    policy: str = "alignatt"
    chunk_s: float = 1.0
    left_s: float = 10.0
    right_s: float = 0.5
    waitk_lagging: int = 1
    alignatt_threshold: int = 8
    attention_layer: int = -1
    num_sink_frames: int = 0
    max_tokens_per_s: float = 10.0
    stops_repetition: bool = True

    def __post_init__(self) -> None:
        choice(Policy, self.policy, "policy")
        for name in ("chunk_s", "max_tokens_per_s"):
            if not is_number(getattr(self, name)) or getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be positive, and a finite number.")
        for name in ("left_s", "right_s"):
            if not is_number(getattr(self, name), low=0.0):
                raise ValueError(f"{name}={getattr(self, name)!r} must not be negative, and a finite number.")
        for name in ("waitk_lagging", "alignatt_threshold", "num_sink_frames"):
            if not whole(0).fits(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r} must not be negative, and a whole number.")
        if not whole().fits(self.attention_layer):
            raise ValueError(f"attention_layer={self.attention_layer!r} must be a whole number, -1 for the last.")
        if not isinstance(self.stops_repetition, bool):
            raise ValueError(f"stops_repetition={self.stops_repetition!r} must be true or false.")


class StreamedTranscript(NamedTuple):
    """The text of a stream.

    Attributes:
        text: all of it.
        token_ids: what was written, token by token.
        arrived_s: for every token, seconds of audio that had arrived when it was written.
        duration_s: of the audio.
    """

    text: str
    token_ids: tuple[int, ...]
    arrived_s: tuple[float, ...]
    duration_s: float

    @property
    def lagging_s(self) -> float:
        """Average lagging over the written tokens (Ma et al., 2019), in seconds; NaN without tokens."""
        if not self.token_ids:
            return math.nan
        return float(compute_laal(list(self.arrived_s), self.duration_s, len(self.token_ids)))


class AlignedStream:
    """One utterance that arrives piece by piece.

    The model is not changed, whatever search it is configured for: the tokens are chosen greedily.

    Args:
        model: a multi-task attention model (Canary-style), with dual attention or without.
        config: chunks and policy.
        prompt: slots of the prompt that are not the model's defaults, such as ``source_lang``.

    Raises:
        TypeError: if the model is of another kind; Whisper reads windows of a fixed length.
        ValueError: if the chunk is shorter than a frame, or a layer or slot does not exist.
    """

    def __init__(
        self,
        model: EncDecMultiTaskModel,
        config: AlignedStreamingConfig | None = None,
        prompt: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(model, EncDecMultiTaskModel) or isinstance(model, WhisperModel):
            raise TypeError(
                f"{type(model).__name__} cannot stream by attention; use an EncDecMultiTaskModel (Canary)."
            )
        self.model, self.config = model, config or AlignedStreamingConfig()
        self._rate, self._frame = sample_rate_of(model), frame_samples(model)
        self._chunk, self._left, self._right = (
            round(seconds * self._rate / self._frame) * self._frame
            for seconds in (self.config.chunk_s, self.config.left_s, self.config.right_s)
        )
        if self._chunk == 0:
            raise ValueError(f"chunk_s={self.config.chunk_s} is less than a frame of {self._frame / self._rate} s.")
        layers = len(model.transf_decoder.decoder.layers)
        if not -layers <= self.config.attention_layer < layers:
            raise ValueError(f"attention_layer={self.config.attention_layer} does not exist; there are {layers}.")
        self._decoding = _greedy(model)
        self._search = _search(self._decoding, model, self.config, chunk_frames=self._chunk // self._frame)
        self._prompt = _prompt_ids(model, prompt or {})
        self._state: Any = None
        self._audio = np.zeros(0, np.float32)
        self._start = self._decoded = 0  # samples: where self._audio begins, and up to where has been decoded
        self._written_s: list[float] = []
        self._is_over = False

    def feed(self, samples: Samples) -> str:
        """Take more audio; decode as many chunks as it fills.

        Args:
            samples: mono at the model's rate, [T], T may be 0.

        Returns:
            The text so far.

        Raises:
            RuntimeError: after ``finish``.
            TypeError: if the samples are no floats.
            ValueError: if they are not mono or not finite.
        """
        if self._is_over:
            raise RuntimeError("The stream is over: finish() was called; start another AlignedStream.")
        added = check_waveform(np.asarray(samples), "samples", may_be_empty=True)
        self._audio = np.concatenate([self._audio, added])
        while self._end - self._decoded > self._chunk + self._right:  # more, as the last chunk is decoded by finish()
            self._decode(self._decoded + self._chunk, is_last=False)
        return self.text

    def finish(self) -> StreamedTranscript:
        """Decode what is left and give the whole text; once."""
        if not self._is_over:
            self._is_over = True
            if self._end > 0:
                self._decode(self._end, is_last=True)
        return StreamedTranscript(self.text, tuple(self._tokens()), tuple(self._written_s), self._end / self._rate)

    @property
    def text(self) -> str:
        """What has been written so far."""
        return str(self._decoding.decode_ids_to_str(self._tokens())) if self._tokens() else ""

    @property
    def _end(self) -> int:
        return self._start + len(self._audio)

    def _tokens(self) -> list[int]:
        if self._state is None:
            return []
        first, last = self._prompt.shape[1], int(self._state.current_context_lengths[0])
        tokens: list[int] = self._state.pred_tokens_ids[0, first:last].tolist()
        return tokens

    def _decode(self, end: int, is_last: bool) -> None:
        self._forget_before(end - self._chunk - self._left)
        until = self._end if is_last else end + self._right
        audio = torch.from_numpy(self._audio[: until - self._start]).to(self.model.device)
        with torch.inference_mode(), modes_kept(self.model):
            self.model.eval()
            states, num_frames = self._encode(audio, None if is_last else (end - self._start) // self._frame)
            if num_frames > 0:
                self._write(states, num_frames, end=end, is_last=is_last)
        self._decoded = end
        self._written_s += [until / self._rate] * (len(self._tokens()) - len(self._written_s))

    def _write(self, states: Tensor, num_frames: int, *, end: int, is_last: bool) -> None:
        """Lets NeMo's search write, having read the audio up to sample ``end``."""
        if self._state is None:
            self._state = self._first_state()
        longest = self._prepare(num_frames, end, is_last)
        self._state = self._search(
            states, torch.tensor([num_frames], device=states.device), torch.ones_like(states[..., 0]), self._state
        )
        written = len(self._tokens())
        if not is_last and len(self._written_s) < written and written + self._prompt.shape[1] >= longest:
            logging.warning(
                f"AlignedStream: the decoder's longest text, {longest} tokens with the prompt, is reached after "
                f"{end / self._rate:.1f} s; it writes nothing more. Start another stream."
            )

    def _encode(self, audio: Tensor, num_frames: int | None) -> tuple[Tensor, int]:
        """Encoder states of the first frames, with the whole secondary memory; and how many frames that are."""
        length = torch.tensor([len(audio)], device=audio.device)
        _, lengths, states, _ = self.model(input_signal=audio.unsqueeze(0), input_signal_length=length)
        frames = int(lengths[0]) if num_frames is None else min(num_frames, int(lengths[0]))
        decoder = self.model.transf_decoder
        if isinstance(decoder, DualAttentionDecoder):
            return decoder.first_frames(states, frames), frames
        return states[:, :frames], frames

    def _forget_before(self, sample: int) -> None:
        dropped = max(sample - self._start, 0) // self._frame * self._frame
        self._audio, self._start = self._audio[dropped:], self._start + dropped

    def _first_state(self) -> Any:
        frames = ContextSize(*(samples // self._frame for samples in (self._left, self._chunk, self._right)))
        state = GreedyBatchedStreamingAEDComputer.initialize_aed_model_state(
            self.model, self._prompt, 1, frames, self.config.chunk_s, self.config.right_s
        )
        room = self._decoding.decoding.greedy_search.max_seq_length + 1  # NeMo has room for 256
        ids = torch.full((1, room), int(self.model.tokenizer.eos), device=self._prompt.device)
        ids[:, : self._prompt.shape[1]] = self._prompt
        state.pred_tokens_ids, state.tokens_frame_alignment = ids, torch.zeros_like(ids)
        return state

    def _prepare(self, num_frames: int, end: int, is_last: bool) -> int:
        """Prepares NeMo's search for this chunk; returns how many tokens the text may have, with the prompt.

        NeMo measures a stream by the frames that it is given, here those of a window; the whole stream's are set here.
        """
        state, options = self._state, self._search.decoding_cfg
        state.is_last_chunk_batch = torch.tensor([is_last], device=self._prompt.device)
        state.prev_encoder_shift = self._start // self._frame
        per_chunk = self.config.max_tokens_per_s * self._chunk / self._rate
        state.max_tokens_per_alignatt_step = max(1, math.ceil(per_chunk))
        has_waited = end >= self.config.waitk_lagging * self._chunk
        options.waitk_lagging = 0 if has_waited else num_frames + 1
        options.exclude_sink_frames = min(self.config.num_sink_frames, num_frames - 1)
        search = self._decoding.decoding.greedy_search
        longest = int(search.max_seq_length)
        if is_last and search.max_delta_len >= 0:  # until then the length of the speech is open
            longest = min(longest, self._start // self._frame + num_frames + int(search.max_delta_len))
        state.max_generation_length = options.max_generation_length = longest + 1  # NeMo stops one token before it
        return longest


def transcribe_aligned(
    model: EncDecMultiTaskModel,
    waveforms: Sequence[Samples],
    *,
    config: AlignedStreamingConfig | None = None,
    prompt: Mapping[str, str] | None = None,
) -> list[StreamedTranscript]:
    """Transcribe recordings as if they arrived in real time, one after the other.

    Args:
        model: as for ``AlignedStream``.
        waveforms: mono at the model's rate, [T] each.
        config: chunks and policy.
        prompt: slots of the prompt that are not the model's defaults.

    Returns:
        One transcript per waveform, with the time at which each token was written.
    """
    transcripts = []
    for waveform in waveforms:
        stream = AlignedStream(model, config, prompt)
        stream.feed(waveform)
        transcripts.append(stream.finish())
    return transcripts


def _greedy(model: EncDecMultiTaskModel) -> MultiTaskDecoding:
    known = OmegaConf.create(OmegaConf.to_container(OmegaConf.structured(MultiTaskDecodingConfig)))
    config = OmegaConf.merge(known, OmegaConf.to_container(model.cfg.decoding))
    delta = config.beam.max_generation_delta if config.strategy == "beam" else config.greedy.max_generation_delta
    changed = OmegaConf.merge(config, {"strategy": "greedy", "greedy": {"max_generation_delta": delta}})
    return MultiTaskDecoding(
        decoding_cfg=changed,
        transformer_decoder=model.transf_decoder,
        log_softmax_module=model.log_softmax,
        tokenizer=model.tokenizer,
    )


def _search(
    decoding: MultiTaskDecoding, model: EncDecMultiTaskModel, config: AlignedStreamingConfig, *, chunk_frames: int
) -> GreedyBatchedStreamingAEDComputer:
    options = AEDStreamingDecodingConfig(
        streaming_policy=config.policy,
        alignatt_thr=config.alignatt_threshold,
        waitk_lagging=config.waitk_lagging,
        exclude_sink_frames=config.num_sink_frames,
        xatt_scores_layer=config.attention_layer,
        hallucinations_detector=config.stops_repetition,
    )
    recogniser = SimpleNamespace(decoding=decoding, tokenizer=model.tokenizer)
    return GreedyBatchedStreamingAEDComputer(recogniser, chunk_frames, options)


def _prompt_ids(model: EncDecMultiTaskModel, slots: Mapping[str, str]) -> Tensor:
    turns = model.prompt.get_default_dialog_slots()
    known = {name for turn in turns for name in turn["slots"]}
    unknown = sorted(set(slots) - known)
    if unknown:
        raise ValueError(f"prompt: {unknown} are no slots of this model; it has {sorted(known)}.")
    turns = [
        turn | {"slots": turn["slots"] | {k: v for k, v in slots.items() if k in turn["slots"]}} for turn in turns
    ]
    try:
        ids: Tensor = model.prompt.encode_dialog(turns=turns)["context_ids"]
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"prompt: {printable(dict(slots), 200)} cannot be written ({printable(error, 200)}), expected values that "
            "the model's tokenizer has, such as {source_lang: en}"
        ) from error
    return ids.unsqueeze(0).to(model.device)
