# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""N-gram language models by their definitions, slowly, and sentences to try them on."""

import random
from typing import Any

from nemo_noise.inference.decoding.kneser_ney import NGramModel


def drawn_sentences(num_words: int, count: int) -> list[list[str]]:
    """Sentences in which a word often follows from the one before."""
    chance = random.Random(1)
    weights = [1 / (rank + 1) ** 1.2 for rank in range(num_words)]
    sentences = []
    for _ in range(count):
        numbers: list[int] = []
        for _ in range(chance.randint(0, 9)):
            carried = numbers[-1] * 3 if numbers and chance.random() < 0.5 else 0
            numbers.append((chance.choices(range(num_words), weights)[0] + carried) % num_words)
        sentences.append([f"w{number}" for number in numbers])
    return sentences


def log10_prob(model: NGramModel, context: tuple[str, ...], word: str) -> float:
    """What an ARPA file means: the longest n-gram that is there, and the back-offs on the way to it."""
    word = word if (word,) in model.log10_probs[0] else "<unk>"
    context = context[-(model.order - 1) :]
    ngram = (*context, word)
    if ngram in model.log10_probs[len(ngram) - 1]:
        return model.log10_probs[len(ngram) - 1][ngram]
    return model.log10_backoffs[len(context) - 1].get(context, 0.0) + log10_prob(model, context[1:], word)


def defined_prob(sentences: list[list[str]], discounts: list[Any], context: tuple[str, ...], word: str) -> float:
    """Interpolated modified Kneser-Ney by its definition, counting anew for every question."""
    marked = [("<s>", *sentence, "</s>") for sentence in sentences]
    vocabulary = {word for sentence in marked for word in sentence[1:]} | {"<unk>"}

    def occurrences(ngram: tuple[str, ...]) -> int:
        n = len(ngram)
        return sum(sentence[i : i + n] == ngram for sentence in marked for i in range(len(sentence) - n + 1))

    def count(ngram: tuple[str, ...]) -> int:
        if len(ngram) == len(discounts) or ngram[0] == "<s>":
            return occurrences(ngram)
        return sum(occurrences((before, *ngram)) > 0 for before in ["<s>", *vocabulary])

    def prob(context: tuple[str, ...], word: str) -> float:
        below = prob(context[1:], word) if context else 1 / len(vocabulary)
        counts = {other: count((*context, other)) for other in vocabulary}
        total = sum(counts.values())
        if total == 0:
            return below
        taken = {other: discounts[len(context)][min(c, 3) - 1] if c else 0.0 for other, c in counts.items()}
        return (counts[word] - taken[word]) / total + sum(taken.values()) / total * below

    return prob(context, word)
