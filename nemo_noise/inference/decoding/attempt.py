# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""One search of an attention decoder: greedy or sampled, with log-probabilities, and ended where a text loops."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nemo_noise.inference.decoding.repetition import loop_start

__all__ = ["Attempt", "Encoded", "attempt"]

TOKENS_A_SECOND = 16.0  # beyond any talker: eight words a second of two tokens
TOKENS_AT_LEAST = 32


class Encoded(NamedTuple):
    """A batch before its search.

    Attributes:
        prompts: tokens before the text [B, P].
        frames: encoder states [B, T, D].
        mask: 1 for frames, 0 for padding [B, T].
        durations_s: seconds of audio of each.
        seeds: of each, for sampling.
    """

    prompts: Tensor
    frames: Tensor
    mask: Tensor
    durations_s: Sequence[float]
    seeds: Sequence[int]

    def of(self, rows: Sequence[int]) -> "Encoded":
        """Some rows."""
        chosen = torch.as_tensor(list(rows), device=self.frames.device)
        return Encoded(
            self.prompts.index_select(0, chosen),
            self.frames.index_select(0, chosen),
            self.mask.index_select(0, chosen),
            [self.durations_s[row] for row in rows],
            [self.seeds[row] for row in rows],
        )


class Attempt(NamedTuple):
    """What one search found for one utterance.

    Attributes:
        tokens: of the text, without prompt and end.
        mean_log_probability: of the tokens and the end, as Whisper computes it.
        no_speech_probability: None where the model has no token for it.
        is_loop: whether the search was ended: the text repeats itself, or is longer than anybody talks.
        temperature: 0 for greedy.
    """

    tokens: list[int]
    mean_log_probability: float
    no_speech_probability: float | None
    is_loop: bool
    temperature: float


@dataclass
class _Text:
    """A text on its way."""

    limit: int
    generator: torch.Generator | None
    no_speech_probability: float | None = None
    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    is_loop: bool = False
    has_ended: bool = False

    def add(self, token: int, log_probability: float, end: int) -> None:
        self.log_probability += log_probability
        if token == end:
            self.has_ended = True
            return
        self.tokens.append(token)
        second_turn = loop_start(self.tokens)
        if second_turn is not None:
            del self.tokens[second_turn:]
        self.is_loop = second_turn is not None or len(self.tokens) >= self.limit
        self.has_ended = self.is_loop

    def attempt(self, steps: int, temperature: float) -> Attempt:
        mean = self.log_probability / max(1, steps)
        return Attempt(self.tokens, mean, self.no_speech_probability, self.is_loop, temperature)


def attempt(
    generator: Any, encoded: Encoded, *, temperature: float, start_id: int | None, no_speech_id: int | None
) -> list[Attempt]:
    """Searches a batch once.

    Args:
        generator: NeMo's greedy one, whose steps, prompt and longest text count.
        encoded: the batch.
        temperature: 0 takes the likeliest token, others sample; a text does not depend on its batch.
        start_id: of the prompt's token at which the probability of no speech is read.
        no_speech_id: of its token; None for a model without.

    Returns:
        One attempt for each utterance. Its tokens are those of NeMo's search unless it was ended as a loop.
    """
    prompts, _, longest = generator._prepare_for_search(encoded.prompts, encoded.frames)
    texts = []
    for duration_s, seed in zip(encoded.durations_s, encoded.seeds, strict=True):
        limit = min(longest, TOKENS_AT_LEAST + math.ceil(TOKENS_A_SECOND * duration_s))
        drawn = torch.Generator().manual_seed(_seed(seed, temperature)) if temperature > 0 else None
        # a text that ends at NeMo's own limit is as long as it may be, and no loop
        texts.append(_Text(limit if limit < longest else longest + 1, drawn))
    steps = [0] * len(texts)
    active = list(range(len(texts)))
    ids, caches, frames, mask = prompts, None, encoded.frames, encoded.mask
    for number in range(longest):
        position = 0 if number == 0 else number + prompts.shape[1] - 1
        scores, caches, _ = generator._one_step_forward(ids, frames, mask, caches, position, return_scores=False)
        if number == 0 and no_speech_id is not None and start_id is not None:
            _note_no_speech(generator, texts, prompts, caches[-1], start_id=start_id, no_speech_id=no_speech_id)
        log_probs = torch.log_softmax(scores[:, -1].float(), dim=-1)  # [B, V]
        chosen = scores[:, -1].argmax(dim=-1) if temperature == 0 else _drawn(texts, active, log_probs, temperature)
        values = log_probs.gather(1, chosen[:, None])[:, 0].tolist()
        for row, token, value in zip(active, chosen.tolist(), values, strict=True):
            texts[row].add(token, value, generator.eos)
            steps[row] += 1
        going = [place for place, row in enumerate(active) if not texts[row].has_ended]
        if not going:
            break
        ids = chosen[:, None]
        if len(going) < len(active):
            active = [active[place] for place in going]
            kept = torch.as_tensor(going, device=frames.device)
            ids, frames, mask = (part.index_select(0, kept) for part in (ids, frames, mask))
            caches = [part.index_select(0, kept) for part in caches]
    return [text.attempt(count, temperature) for text, count in zip(texts, steps, strict=True)]


def _note_no_speech(
    generator: Any, texts: Sequence[_Text], prompts: Tensor, states: Tensor, *, start_id: int, no_speech_id: int
) -> None:
    """Reads the probability that nobody speaks at the start of the transcript, before any token is suppressed."""
    starts = prompts == start_id  # [B, P]
    if not bool(starts.any(dim=1).all()):
        return
    rows = torch.arange(len(prompts), device=prompts.device)
    at_start = states[rows, starts.int().argmax(dim=1)]  # [B, D]
    with generator.classifier.with_log_softmax_enabled(False) as classifier:
        scores = classifier.forward(hidden_states=at_start[:, None])[:, 0]  # [B, V]
    for text, probability in zip(texts, scores.float().softmax(dim=-1)[:, no_speech_id].tolist(), strict=True):
        text.no_speech_probability = probability


def _drawn(texts: Sequence[_Text], active: Sequence[int], log_probs: Tensor, temperature: float) -> Tensor:
    """Draws a token for each row, by its own random numbers [B]."""
    levels = torch.stack([torch.rand(1, generator=texts[row].generator, dtype=torch.float64) for row in active])
    share = (log_probs.double() / temperature).softmax(dim=-1).cumsum(dim=-1)  # [B, V]
    levels = levels.to(share.device) * share[:, -1:]
    return torch.searchsorted(share, levels, right=True)[:, 0].clamp_max(share.shape[1] - 1)


def _seed(seed: int, temperature: float) -> int:
    return (seed + round(1000 * temperature)) % 2**63
