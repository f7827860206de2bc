# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""N-gram language models: interpolated modified Kneser-Ney, estimated in memory and written as an ARPA file.

Chen and Goodman, 1998 (TR-10-98, modified Kneser-Ney); Heafield et al., ACL 2013 for what to do at the edges, which is
what KenLM's ``lmplz`` does: unigrams are interpolated with the uniform distribution over the vocabulary, in which
``<unk>`` and ``</s>`` are words and ``<s>`` is not; n-grams that begin a sentence keep their counts.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nemo.utils import logging

from nemo_noise import whole_file

__all__ = ["NGramModel", "check_order", "estimate", "write_arpa"]

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # of n-grams seen once, twice, more often; those of lmplz --discount_fallback
NGram = tuple[str, ...]


@dataclass(frozen=True)
class NGramModel:
    """An n-gram language model in back-off form.

    Attributes:
        log10_probs: one table per order, from n-gram to the log10 probability of its last word after the others.
        log10_backoffs: one table per order but the highest, from context to the log10 of its back-off weight; a
            context that is missing has weight 1.
        discounts: per order, what is taken from n-grams seen once, twice, more often.
    """

    log10_probs: list[dict[NGram, float]]
    log10_backoffs: list[dict[NGram, float]]
    discounts: list[tuple[float, float, float]]

    @property
    def order(self) -> int:
        """Words of the longest n-gram."""
        return len(self.log10_probs)


def estimate(sentences: Iterable[Sequence[str]], order: int) -> NGramModel:
    """Estimates a model of an order, 2 or more, from the words of sentences without markers of their ends.

    Raises:
        ValueError: if the order is out of range, a word is no word, or there is none.
    """
    check_order(order)
    counts = _adjust(_count(sentences, order))
    uniform = 1.0 / (len(counts[0]) + 1)  # one more for <unk>, which is not seen
    log10_probs: list[dict[NGram, float]] = []
    log10_backoffs: list[dict[NGram, float]] = []
    discounts: list[tuple[float, float, float]] = []
    lower: dict[NGram, float] = {}
    for length, seen in enumerate(counts, start=1):
        taken = _discounts(seen.values(), length)
        totals, masses = _totals(seen, taken)
        probs = {}
        for ngram, count in seen.items():
            context = ngram[:-1]
            below = lower[ngram[1:]] if length > 1 else uniform
            own = (count - taken[min(count, 3) - 1]) / totals[context]
            probs[ngram] = own + masses[context] / totals[context] * below
        if length == 1:
            probs[(UNKNOWN,)] = masses[()] / totals[()] * uniform
        else:
            log10_backoffs.append({context: math.log10(mass / totals[context]) for context, mass in masses.items()})
        log10_probs.append({ngram: math.log10(prob) for ngram, prob in probs.items()})
        discounts.append(taken)
        lower = probs
    log10_probs[0][(BEGIN,)] = 0.0  # never looked up; a line of the file, since it has a back-off weight
    return NGramModel(log10_probs, log10_backoffs, discounts)


def check_order(order: int) -> None:
    """Raises a ValueError unless the order is a whole number, 2 or more."""
    if not isinstance(order, int) or order < 2:
        raise ValueError(f"order={order!r} must be 2 or more; 3 to 6 are usual.")


def write_arpa(model: NGramModel, path: str | Path) -> None:
    """Writes a model as an ARPA file in UTF-8, whole or not at all; its folder is made."""
    with whole_file.writing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {n}={len(table)}\n" for n, table in enumerate(model.log10_probs, start=1))
        for length, table in enumerate(model.log10_probs, start=1):
            file.write(f"\n\\{length}-grams:\n")
            for ngram in sorted(table):
                line = f"{table[ngram]:.8g}\t{' '.join(ngram)}"
                if length < model.order:
                    line += f"\t{model.log10_backoffs[length - 1].get(ngram, 0.0):.8g}"
                file.write(line + "\n")
        file.write("\n\\end\\\n")


def _count(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[NGram]]:
    counts: list[Counter[NGram]] = [Counter() for _ in range(order)]
    for number, sentence in enumerate(sentences, start=1):
        for word in sentence:
            if word in (BEGIN, END, UNKNOWN) or not word or any(space in word for space in " \t\n\r\0"):
                raise ValueError(f"sentence {number}: {word!r} is no word; leave out markers and white space.")
        marked = (BEGIN, *sentence, END)
        for length in range(1, order + 1):
            counts[length - 1].update(marked[start : start + length] for start in range(len(marked) - length + 1))
    del counts[0][(BEGIN,)]  # it is never predicted
    if len(counts[0]) < 2:
        raise ValueError("the sentences hold no word: give text to learn from.")
    return counts


def _adjust(counts: list[Counter[NGram]]) -> list[dict[NGram, int]]:
    """Counts of following words for all but the longest n-grams; those that begin a sentence keep their own."""
    adjusted: list[dict[NGram, int]] = []
    for table, longer in zip(counts, counts[1:], strict=False):
        follows = Counter(ngram[1:] for ngram in longer)
        adjusted.append({ngram: count if ngram[0] == BEGIN else follows[ngram] for ngram, count in table.items()})
    return [*adjusted, dict(counts[-1])]


def _discounts(counts: Iterable[int], length: int) -> tuple[float, float, float]:
    having = Counter(count for count in counts if count < 5)
    ones, twos = having[1], having[2]
    values = []
    if all(having[count] for count in (1, 2, 3)):
        share = ones / (ones + 2.0 * twos)
        values = [count - (count + 1) * share * having[count + 1] / having[count] for count in (1, 2, 3)]
    if not values or min(values) <= 0.0:
        logging.warning(
            f"{length}-grams: too few to estimate discounts from (or too regular); {FALLBACK_DISCOUNTS} are used."
        )
        return FALLBACK_DISCOUNTS
    return values[0], values[1], values[2]


def _totals(seen: dict[NGram, int], taken: tuple[float, float, float]) -> tuple[dict[NGram, int], dict[NGram, float]]:
    """Per context the sum of counts, and of what is taken from them."""
    totals: dict[NGram, int] = defaultdict(int)
    masses: dict[NGram, float] = defaultdict(float)
    for ngram, count in seen.items():
        totals[ngram[:-1]] += count
        masses[ngram[:-1]] += taken[min(count, 3) - 1]
    return totals, masses
