# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A NeMo model through its own `transcribe`, with Whisper's fallback in the place of its search, behind a VAD."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel
from nemo.collections.asr.modules.transformer import BeamSearchSequenceGenerator
from nemo.collections.asr.modules.transformer.transformer_generators import GreedySequenceGenerator
from nemo.collections.asr.parts.utils.rnnt_utils import Hypothesis

from nemo_noise import checks
from nemo_noise.inference.decoding.attempt import Encoded
from nemo_noise.inference.decoding.fallback import FALLBACK_OPTIONS, Fallback, Found, search_with_fallback
from nemo_noise.inference.decoding.repetition import compression_ratio
from nemo_noise.inference.voice_activity import VAD_OPTIONS, VoiceActivity, check_vad
from nemo_noise.nemo_patches.search_rules import generator_of, projections_kept
from nemo_noise.nemo_patches.wrapping import replace_on, replaced_on
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import Transcript, transcribe
from nemo_noise.recogniser.waveforms import check_waveforms

__all__ = ["GUARD_OPTIONS", "check_guards", "guarded_search", "has_fallback", "transcribe_guarded"]

GUARD_OPTIONS: Mapping[str, checks.Rule] = {**FALLBACK_OPTIONS, **VAD_OPTIONS}
_NO_SPEECH = ("<|nospeech|>", "<|nocaptions|>")
_START = "<|startoftranscript|>"
_TIME = re.compile(r"<\|[\d.]+\|>")  # Canary's times of words

Waveforms = Sequence[NDArray[np.float32]]


def check_guards(
    options: Mapping[str, Any], *, where: str, is_attention_model: bool, shown: str, sample_rate: int | None = None
) -> None:
    """Check those of `GUARD_OPTIONS` among the options of a NeMo model, without the model.

    Args:
        options: all; others are not looked at.
        where: the option that holds them, for messages.
        is_attention_model: whether it is an attention encoder-decoder, which alone has a fallback.
        shown: its name, for messages.
        sample_rate: of the model, Hz, where it is known.

    Raises:
        ImportError: the VAD's package is not installed.
        ValueError: a value is wrong, or the model cannot do it.
    """
    given = {name: value for name, value in options.items() if name in GUARD_OPTIONS}
    checks.check_options(given, GUARD_OPTIONS, where)
    fallback = [name for name in given if name in FALLBACK_OPTIONS]
    if fallback and not is_attention_model:
        raise ValueError(
            f"{where} holds {fallback[0]!r}, which is for attention encoder-decoders (Whisper, Canary); {shown} is "
            "none, its search has no temperature: leave it out"
        )
    if given.get("vad_filter"):
        check_vad(given.get("vad_parameters"), sample_rate=sample_rate)
    elif given.get("vad_parameters"):
        raise ValueError(f"{where} holds 'vad_parameters' without vad_filter: true: give it too, or leave both out")


def has_fallback(model: ASRModel) -> bool:
    """Whether a model's search can be replaced: an attention encoder-decoder, greedy or with a beam of one."""
    return isinstance(model, EncDecMultiTaskModel) and _greedy_of(model) is not None


def transcribe_guarded(
    model: ASRModel, waveforms: Waveforms, options: Mapping[str, Any] | None = None
) -> list[Transcript]:
    """Transcribes as `recogniser.transcription.transcribe`; some of `GUARD_OPTIONS` may be among the options.

    With one of `FALLBACK_OPTIONS` the others have Whisper's values. Rows then have `no_speech_prob` (where the model
    has a token for it), `avg_logprob`, `temperature` and `compression_ratio`; with `vad_filter` `vad_speech_s`.
    Without any the texts are those of the model's own search.

    Args:
        model: any NeMo ASR model.
        waveforms: mono float32 at the model's rate, [T] each.
        options: of the model's `transcribe`, and guards.

    Raises:
        ValueError: a guard is wrong, or the model cannot do it.
    """
    options = dict(options or {})
    is_attention_model = isinstance(model, EncDecMultiTaskModel)
    check_guards(
        options,
        where="transcribe",
        is_attention_model=is_attention_model,
        shown=type(model).__name__,
        sample_rate=sample_rate_of(model),
    )
    guards = {name: options.pop(name) for name in list(options) if name in GUARD_OPTIONS}
    waveforms = check_waveforms(waveforms, "waveforms")
    extras: list[dict[str, Any]] = [{} for _ in waveforms]
    spoken = list(range(len(waveforms)))
    if guards.get("vad_filter"):
        detector = VoiceActivity(guards.get("vad_parameters"))
        extras = [{"vad_speech_s": round(detector.speech_s(waveform), 3)} for waveform in waveforms]
        spoken = [row for row, extra in enumerate(extras) if extra["vad_speech_s"] > 0]
    transcripts = [Transcript("", None, extra or None) for extra in extras]
    some = [waveforms[row] for row in spoken]
    if not some:
        return transcripts
    with guarded_search(model, some, guards) as rows:
        made = transcribe(model, some, options)
    if len(rows) != len(some):  # NeMo's own search, or chunks of one recording
        rows = [{} for _ in some]
    for place, one, row in zip(spoken, made, rows, strict=True):
        known = {**extras[place], **row}
        transcripts[place] = one._replace(extra=known or None)
    return transcripts


@contextmanager
def guarded_search(model: Any, waveforms: Waveforms, guards: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Inside the block a model's `transcribe` searches with the fallback that some of `FALLBACK_OPTIONS` ask for.

    Without any of them the search is NeMo's own; a greedy one of an attention model keeps keys and values.

    Args:
        model: a NeMo model.
        waveforms: those that are transcribed in the block, as one batch, at the model's rate. [T] each
        guards: options; others are not looked at.

    Yields:
        Fields of the row of each utterance, as they are found.

    Raises:
        ValueError: the model's search is a beam of several.
    """
    rows: list[dict[str, Any]] = []
    fallback = {name: value for name, value in guards.items() if name in FALLBACK_OPTIONS}
    if not fallback:
        is_attention_model = isinstance(model, EncDecMultiTaskModel)
        with projections_kept(generator_of(model.decoding)) if is_attention_model else nullcontext():
            yield rows
        return
    generator = _greedy_of(model)
    if generator is None:
        raise ValueError(
            f"temperature and thresholds need the greedy search, but decoding.strategy of this {type(model).__name__} "
            "is a beam of several: change_decoding_strategy to greedy, or leave them out"
        )
    rate = sample_rate_of(model)
    search = _FallbackSearch(
        model,
        generator,
        Fallback.of(fallback),
        rows,
        durations_s=[len(waveform) / rate for waveform in waveforms],
        seeds=[_seed_of(waveform) for waveform in waveforms],
    )
    with replaced_on(model.decoding, "decoding", search), projections_kept(generator):
        yield rows


class _FallbackSearch:
    """Stands in for NeMo's greedy search inside `transcribe`, and notes what was found."""

    def __init__(
        self,
        model: ASRModel,
        generator: Any,
        fallback: Fallback,
        rows: list[dict[str, Any]],
        *,
        durations_s: Sequence[float],
        seeds: Sequence[int],
    ) -> None:
        self.model, self.generator, self.fallback = model, generator, fallback
        self.durations_s, self.seeds = durations_s, seeds
        self.start_id = _id_of(model.tokenizer, (_START,))
        self.no_speech_id = _id_of(model.tokenizer, _NO_SPEECH)
        self.rows = rows

    def __call__(
        self,
        encoder_hidden_states: Tensor,
        encoder_input_mask: Tensor,
        decoder_input_ids: Tensor,
        partial_hypotheses: Any = None,
    ) -> tuple[list[Hypothesis]]:
        """As `TransformerAEDGreedyInfer`: a hypothesis for each row, an empty one where nobody speaks."""
        done, count = len(self.rows), len(encoder_hidden_states)
        durations_s, seeds = list(self.durations_s[done:][:count]), list(self.seeds[done:][:count])
        if len(seeds) < count:  # chunks of one recording
            seeds = [self.seeds[0] + number for number in range(count)]
            durations_s = [max(self.durations_s)] * count
        encoded = Encoded(decoder_input_ids, encoder_hidden_states, encoder_input_mask, durations_s, seeds)
        with torch.inference_mode():
            found = search_with_fallback(
                self.generator,
                encoded,
                self.fallback,
                text_of=self._text_of,
                start_id=self.start_id,
                no_speech_id=self.no_speech_id,
            )
        self.rows += [_row_of(one) for one in found]
        tokens = [[] if one.is_speech_free else one.attempt.tokens for one in found]
        return ([Hypothesis(score=0.0, y_sequence=torch.tensor(ids, dtype=torch.long)) for ids in tokens],)

    def _text_of(self, tokens: list[int]) -> str:
        return _TIME.sub("", str(self.model.decoding.decode_ids_to_str(tokens)))


def _greedy_of(model: Any) -> Any | None:
    """NeMo's greedy generator of a model; one in the place of a beam of one; None for a beam of several."""
    generator = generator_of(model.decoding)
    if isinstance(generator, GreedySequenceGenerator) and not hasattr(generator, "beam_size"):
        return generator
    if type(generator) is not BeamSearchSequenceGenerator or generator.beam_size != 1:
        return None
    greedy = GreedySequenceGenerator(
        generator.embedding,
        generator.decoder,
        generator.classifier,
        pad=generator.pad,
        bos=generator.bos,
        eos=generator.eos,
        max_sequence_length=generator.max_seq_length,
        max_delta_length=generator.max_delta_len,
    )
    for name in ("_one_step_forward", "_prepare_for_search"):  # the rules of the model
        if name in vars(generator):
            replace_on(greedy, name, vars(generator)[name])
    return greedy


def _row_of(found: Found) -> dict[str, Any]:
    one = found.attempt
    row: dict[str, Any] = {
        "avg_logprob": round(one.mean_log_probability, 4),
        "temperature": one.temperature,
        "compression_ratio": round(compression_ratio(found.text), 3),
    }
    if one.no_speech_probability is not None:
        row["no_speech_prob"] = round(one.no_speech_probability, 4)
    if found.is_speech_free and found.text:
        row["left_out_text"] = found.text
    return row


def _id_of(tokenizer: Any, tokens: Sequence[str]) -> int | None:
    """The id of the first of some control tokens that a tokenizer has."""
    special = getattr(tokenizer, "special_tokens", None)  # of Canary
    for token in tokens:
        if isinstance(special, Mapping):
            if token in special:
                return int(special[token])
            continue
        try:
            found = tokenizer.token_to_id(token)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if isinstance(found, int):
            return found
    return None


def _seed_of(waveform: NDArray[np.float32]) -> int:
    """A number that the samples of an utterance decide."""
    samples = np.ascontiguousarray(waveform, dtype=np.float32)
    return int.from_bytes(hashlib.sha256(samples.tobytes()).digest()[:7], "big")
