# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's rules for a text that may be invented: another temperature, or no text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nemo_noise import checks
from nemo_noise.inference.decoding.attempt import Attempt, Encoded, attempt
from nemo_noise.inference.decoding.repetition import compression_ratio

__all__ = ["FALLBACK_OPTIONS", "Fallback", "Found", "search_with_fallback"]

_THRESHOLD = checks.maybe(checks.number())
FALLBACK_OPTIONS: Mapping[str, checks.Rule] = {
    "temperature": checks.Rule(
        lambda value: checks.is_number(value, 0) or checks.are_numbers(value, 0),
        "a number, 0 or more, or a list of some",
    ),
    "compression_ratio_threshold": _THRESHOLD,
    "log_prob_threshold": _THRESHOLD,
    "no_speech_threshold": _THRESHOLD,
}


@dataclass(frozen=True)
class Fallback:
    """When a text is searched again, and when it is left out; the names and values are Whisper's.

    Args:
        temperature: of the attempts, in order; 0 is greedy.
        compression_ratio_threshold: a text that zlib makes so many times smaller, or a loop, is tried again.
        log_prob_threshold: so is one whose tokens have a mean log-probability below.
        no_speech_threshold: a piece that the model takes for no speech with a higher probability has no text, if the
            mean log-probability is below its threshold too.

    Raises:
        ValueError: if a number is out of its range; None switches a threshold off.
    """

    temperature: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6

    def __post_init__(self) -> None:
        checks.check_options(vars(self), FALLBACK_OPTIONS, "fallback")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Fallback":
        """From some of `FALLBACK_OPTIONS`; what is left out is Whisper's."""
        given = dict(options)
        if "temperature" in given:
            temperature = given["temperature"]
            given["temperature"] = tuple(temperature) if isinstance(temperature, Sequence) else (temperature,)
        return cls(**given)

    @property
    def options(self) -> dict[str, Any]:
        """The same as `FALLBACK_OPTIONS`."""
        return {**vars(self), "temperature": list(self.temperature)}

    def is_speech_free(self, found: Attempt) -> bool:
        """Whether an attempt is to be taken for no speech."""
        probability = found.no_speech_probability
        if self.no_speech_threshold is None or probability is None or probability <= self.no_speech_threshold:
            return False
        return self.log_prob_threshold is None or found.mean_log_probability < self.log_prob_threshold

    def fails(self, found: Attempt, text: str) -> bool:
        """Whether a text is to be tried again at a higher temperature."""
        if self.is_speech_free(found):
            return False
        return self.is_repetitive(found, text) or (
            self.log_prob_threshold is not None and found.mean_log_probability < self.log_prob_threshold
        )

    def is_repetitive(self, found: Attempt, text: str) -> bool:
        """Whether a text loops or is too compressible."""
        threshold = self.compression_ratio_threshold
        return found.is_loop or (threshold is not None and compression_ratio(text) > threshold)


class Found(NamedTuple):
    """The attempt that was kept.

    Attributes:
        attempt: with its scores.
        text: of its tokens, also where it is left out.
        is_speech_free: whether it is left out.
    """

    attempt: Attempt
    text: str
    is_speech_free: bool


def search_with_fallback(
    generator: Any,
    encoded: Encoded,
    fallback: Fallback,
    *,
    text_of: Callable[[list[int]], str],
    start_id: int | None,
    no_speech_id: int | None,
) -> list[Found]:
    """Searches a batch, and again those utterances whose text fails a threshold.

    Where all attempts fail, the likeliest of those that do not repeat themselves is kept, as in faster-whisper.

    Args:
        generator: NeMo's greedy one.
        encoded: the batch.
        fallback: the rules.
        text_of: the text of tokens.
        start_id: see `attempt`.
        no_speech_id: likewise.

    Returns:
        What was found for each utterance.
    """
    tried: list[list[Found]] = [[] for _ in encoded.seeds]
    left = list(range(len(tried)))
    for temperature in fallback.temperature:
        some = encoded if len(left) == len(tried) else encoded.of(left)
        made = attempt(generator, some, temperature=temperature, start_id=start_id, no_speech_id=no_speech_id)
        for row, one in zip(left, made, strict=True):
            tried[row].append(Found(one, text_of(one.tokens), fallback.is_speech_free(one)))
        left = [row for row in left if fallback.fails(tried[row][-1].attempt, tried[row][-1].text)]
        if not left:
            break
    return [_best(found, fallback, has_failed=row in left) for row, found in enumerate(tried)]


def _best(found: Sequence[Found], fallback: Fallback, *, has_failed: bool) -> Found:
    if not has_failed:
        return found[-1]
    steady = [one for one in found if not fallback.is_repetitive(one.attempt, one.text)]
    return max(steady or found, key=lambda one: one.attempt.mean_log_probability)
