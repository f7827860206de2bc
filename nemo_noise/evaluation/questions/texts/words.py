# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which errors? By length of the utterance, by word, and which words are taken for which."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict, TypeVar

from nemo_noise.evaluation.blocks.elements import (
    BarPart,
    Card,
    Cell,
    Chips,
    Column,
    Line,
    Panels,
    Paragraph,
    Section,
    Stack,
    Table,
    TableRow,
    strong,
)
from nemo_noise.evaluation.blocks.numbers import percent
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.evidence import ModelRows, Subject
from nemo_noise.evaluation.questions.question import ModelQuestion
from nemo_noise.evaluation.scoring.alignment import WordAlignment, align_words
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.scoring.wer import sum_errors

__all__ = ["Analytics", "WordsQuestion"]

LENGTHS = ((1, 1), (2, 3), (4, 6), (7, 10), (11, 15), (16, 25), (26, 10**6))  # words of the reference, both included
KEPT = 40  # entries of each list that go into the JSON
SHOWN_WORDS = 14
SHOWN_CHIPS = 24
_Counted = TypeVar("_Counted", str, tuple[str, str])


class WordErrors(TypedDict):
    """One word of the references: how often it occurs, is taken for another or missed; what it is most taken for."""

    word: str
    said: int
    substituted: int
    deleted: int
    error_rate: float
    taken_for: str | None


class LengthErrors(TypedDict):
    """Utterances of `words_from` to `words_to` words (null: and more)."""

    words_from: int
    words_to: int | None
    utterances: int
    words: int
    wer: float
    substitutions: int
    deletions: int
    insertions: int


class Confusion(TypedDict):
    """A word of the reference, another one written for it, and how often."""

    said: str
    heard: str
    times: int


class WordCount(TypedDict):
    """A word and how often it was missed, or invented."""

    word: str
    times: int


class Analytics(TypedDict):
    """All errors of one model over all cells; each list is cut after 40 entries, the most errors first."""

    words: list[WordErrors]
    lengths: list[LengthErrors]
    confusions: list[Confusion]
    missed: list[WordCount]
    invented: list[WordCount]


class WordsQuestion(ModelQuestion[Analytics]):
    """Answered by speech with a reference, clean and noisy."""

    key = "analytics"

    def answer(self, rows: ModelRows) -> Analytics:
        """Sort the errors of one model."""
        alignments = [align_words(rows.scoring.reference(row), rows.scoring.written(row)) for row in rows.scored]
        confusions = Counter(pair for alignment in alignments for pair in alignment.substitutions)
        missed = Counter(word for alignment in alignments for word in alignment.deletions)
        invented = Counter(word for alignment in alignments for word in alignment.insertions)
        return Analytics(
            words=_by_word(alignments, confusions, missed),
            lengths=_by_length(rows.scored, rows.scoring),
            confusions=[
                Confusion(said=spoken, heard=written, times=times)
                for (spoken, written), times in _most_common(confusions)
            ],
            missed=[WordCount(word=word, times=times) for word, times in _most_common(missed)],
            invented=[WordCount(word=word, times=times) for word, times in _most_common(invented)],
        )

    def section(self, answers: Mapping[str, Analytics], subject: Subject) -> Section | None:
        """Tabulate errors by length and by word, and list words; None where there are no errors."""
        if subject.model not in answers:
            return None
        lengths, words = _lengths_table(answers, subject), _words_table(answers, subject)
        chips = _chips(answers[subject.model])
        left = [] if lengths is None else [Card((lengths,), title="By length of the utterance", scrolls=True)]
        left += [Card(chips, is_below=True)] if chips else []
        right = [] if words is None else [Card((words,), title="Words with the most errors", scrolls=True)]
        if not left and not right:
            return None
        note = Paragraph(f"All cells together, clean and noisy. Words: {subject.model}.")
        return Section("Which errors", "words", (note, Panels((Stack(tuple(left)), *right))))


def _by_word(
    alignments: Sequence[WordAlignment], confusions: Counter[tuple[str, str]], missed: Counter[str]
) -> list[WordErrors]:
    """Count per word of the references, the most errors first."""
    spoken = Counter(word for alignment in alignments for word in alignment.reference)
    substituted: Counter[str] = Counter()
    taken_for: dict[str, str] = {}
    for (word, written), times in _most_common(confusions, limit=None):
        substituted[word] += times
        taken_for.setdefault(word, written)
    wrong = {word: substituted[word] + missed[word] for word in spoken}
    worst = sorted((word for word in spoken if wrong[word]), key=lambda word: (-wrong[word], word))[:KEPT]
    return [
        WordErrors(
            word=word,
            said=spoken[word],
            substituted=substituted[word],
            deleted=missed[word],
            error_rate=wrong[word] / spoken[word],
            taken_for=taken_for.get(word),
        )
        for word in worst
    ]


def _by_length(scored: Sequence[Hypothesis], options: ScoringOptions) -> list[LengthErrors]:
    """Sum errors over utterances of like length."""
    counted = [options.errors(row) for row in scored]
    lengths = []
    for low, high in LENGTHS:
        inside = [counts for counts in counted if low <= counts.words <= high]
        if inside:
            total = sum_errors(inside)
            lengths.append(
                LengthErrors(
                    words_from=low,
                    words_to=high if high < LENGTHS[-1][1] else None,
                    utterances=len(inside),
                    words=total.words,
                    wer=total.wer,
                    substitutions=total.substitutions,
                    deletions=total.deletions,
                    insertions=total.insertions,
                )
            )
    return lengths


def _most_common(counter: Counter[_Counted], limit: int | None = KEPT) -> list[tuple[_Counted, int]]:
    """Sort by count, then by name, so that ties come out the same everywhere."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _lengths_table(answers: Mapping[str, Analytics], subject: Subject) -> Table | None:
    lengths: dict[tuple[int, int | None], dict[str, LengthErrors]] = {}
    for model, analytics in answers.items():
        for one in analytics["lengths"]:
            lengths.setdefault((one["words_from"], one["words_to"]), {})[model] = one
    highest = max((one["wer"] for models in lengths.values() for one in models.values()), default=0.0) or 1.0
    rows = []
    for (low, high), models in sorted(lengths.items(), key=lambda item: item[0][0]):
        words = f"{low} and more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        cells: list[Cell | Line] = [Cell.text(words), str(next(iter(models.values()))["utterances"])]
        for model in answers:
            cells += _bar_cells(models.get(model), highest, subject.look(model))
        rows.append(TableRow(tuple(cells)))
    models_over = (Column.text(model, columns=2) for model in answers)
    return Table((Column.text("words said"), "mixtures", *models_over), tuple(rows)) if rows else None


def _words_table(answers: Mapping[str, Analytics], subject: Subject) -> Table | None:
    """The words with the most errors; the rate of the baseline stands where the word is among its own worst."""
    baseline = answers.get(str(subject.baseline))
    others = {} if baseline is None else {one["word"]: one for one in baseline["words"]}
    words = answers[subject.model]["words"][:SHOWN_WORDS]
    rows = tuple(_word_row(one, others, has_baseline=subject.baseline is not None) for one in words)
    of_baseline = () if subject.baseline is None else (subject.baseline,)
    last = Column.text("most often heard as")
    return Table((Column.text("word"), "said", "wrong", *of_baseline, "missed", last), rows) if rows else None


def _chips(analytics: Analytics) -> tuple[Chips, ...]:
    confusions = [(f"{each['said']} → {each['heard']}", each["times"]) for each in analytics["confusions"]]
    missed = [(each["word"], each["times"]) for each in analytics["missed"]]
    invented = [(each["word"], each["times"]) for each in analytics["invented"]]
    blocks = (("Taken for another", confusions), ("Missed", missed), ("Invented", invented))
    return tuple(Chips(title, tuple(entries[:SHOWN_CHIPS])) for title, entries in blocks if entries)


def _bar_cells(one: LengthErrors | None, highest: float, look: str) -> tuple[Cell | Line, ...]:
    if one is None:
        return ("", "")
    return (strong(percent(one["wer"])), Cell(bar=(BarPart(one["wer"] / highest, look),)))


def _word_row(one: WordErrors, others: Mapping[str, WordErrors], has_baseline: bool) -> TableRow:
    other = percent(others[one["word"]]["error_rate"]) if one["word"] in others else "–"
    cells: tuple[Cell | Line, ...] = (
        Cell.text(strong(one["word"])),
        str(one["said"]),
        percent(one["error_rate"]),
        *((other,) if has_baseline else ()),
        percent(one["deleted"] / one["said"]),
        Cell.text(one["taken_for"] or "–"),
    )
    return TableRow(cells)
