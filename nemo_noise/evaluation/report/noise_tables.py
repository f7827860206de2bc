# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The noise section as tables: once, then as Markdown for a card and as plain text for a terminal."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nemo_noise.evaluation.blocks.numbers import percent_number, points, with_minus
from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.noise_section import ErrorRow, NoiseSection, StreamRow, SurroundedRow, Where
from nemo_noise.foreign_text import markdown, printable

__all__ = ["NumberCell", "TextTable", "as_markdown", "as_text", "inline", "tables_of", "text_of"]

DASH = "–"
GAP = "  "
MILLION = 1e6


class NumberCell(NamedTuple):
    """A number, and what stands small beside or below it, such as its interval."""

    text: str
    detail: str = ""


class TextTable(NamedTuple):
    """A table whose first columns are names.

    Attributes:
        title: in a few words.
        note: what the numbers are, in a sentence.
        names: heads of the columns of names.
        heads: of the columns of numbers.
        rows: names and numbers of each.
    """

    title: str
    note: str
    names: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[NumberCell, ...]], ...]


def tables_of(section: NoiseSection) -> list[TextTable]:
    """The tables that a section has something for: errors, where nobody speaks, streams, surroundings, cost."""
    tables = (_errors(section), _speech_free(section), _streams(section), _surroundings(section), _cost(section))
    return [table for table in tables if table.rows]


def as_markdown(table: TextTable) -> list[str]:
    """The lines of a table in Markdown; foreign names stand there letter by letter."""
    lines = [
        _row([*table.names, *map(inline, table.heads)]),
        _row(["---"] * len(table.names) + ["---:"] * len(table.heads)),
    ]
    for names, numbers in table.rows:
        cells = [f"{cell.text} ({cell.detail})" if cell.detail else cell.text for cell in numbers]
        lines.append(_row([*map(inline, names), *map(inline, cells)]))
    return lines


def as_text(table: TextTable) -> list[str]:
    """The lines of a table in plain text: details stand below their numbers, repeated names are left out."""
    grid: list[tuple[list[str], list[str]]] = [(list(table.names), list(map(printable, table.heads)))]
    before: tuple[str, ...] = ("",) * len(table.names)
    for names, numbers in table.rows:
        is_repeated = names[0] == before[0] and len(names) > 1
        shown = [printable(name) for name in names]
        grid.append((["" if is_repeated else shown[0], *shown[1:]], [cell.text for cell in numbers]))
        if any(cell.detail for cell in numbers):
            grid.append(([""] * len(names), [cell.detail for cell in numbers]))
        before = names
    lines = [[*names, *numbers] for names, numbers in grid]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    aligned = [
        GAP.join(
            text.ljust(width) if column < len(table.names) else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return [aligned[0], "-" * (sum(widths) + len(GAP) * (len(widths) - 1)), *aligned[1:]]


def text_of(section: NoiseSection) -> str:
    """The section for a terminal: tables, the verdict, remarks, how it was measured."""
    return "\n".join(_text_lines(section))


def inline(text: object) -> str:
    """Escape a text within a line, but for marks that are none there, so that the source stays readable."""
    return re.sub(r"(?<!^)\\([.\-()+#]|:(?= ))", r"\1", markdown(text))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _errors(section: NoiseSection) -> TextTable:
    snrs = section.snrs_db
    heads = ["clean", *[with_minus(f"{snr_db:g} dB") for snr_db in snrs]]
    heads += ["mean"] if snrs else []
    note = "Word error rate in per cent, with its interval"
    note += f"; mean: over {section.mean_over}" if snrs else ""
    if any(row.where is not Where.NOISE for row in section.errors):
        note += "; rooms and channels: over all noise lists, the other at its first"
    rows = []
    for row in section.errors:
        numbers = [row.clean, *(row.by_snr.get(snr_db, Estimate(None)) for snr_db in snrs)]
        numbers += [row.mean] if snrs else []
        rows.append(((_where(row), row.model), tuple(map(_rate, numbers))))
    return TextTable("Word error rate by SNR", note, ("where", "model"), tuple(heads), tuple(rows))


def _where(row: ErrorRow) -> str:
    if row.name is None:
        return "no noise"
    return f"{row.name} noise" if row.where is Where.NOISE else f"{row.where.value} {row.name}"


def _rate(rate: Estimate) -> NumberCell:
    if rate.value is None:
        return NumberCell(DASH)
    if (
        rate.low is None or rate.high is None or rate.low == rate.high
    ):  # one without width holds nothing of other draws
        return NumberCell(percent_number(rate.value))
    return NumberCell(percent_number(rate.value), f"{percent_number(rate.low)}–{percent_number(rate.high)}")


def _speech_free(section: NoiseSection) -> TextTable:
    rows = []
    for row in section.speech_free:
        numbers = (f"{row.characters_per_minute:.1f}", percent_number(row.share_with_text), str(row.pieces))
        name = row.name if row.name in ("digital silence", "all") else f"{row.name} noise"
        rows.append(((name, row.model), (*map(NumberCell, numbers), NumberCell(f"{row.minutes:.1f}"))))
    heads = ("characters a minute", "pieces with text, %", "pieces", "minutes")
    note = "What is written where nobody speaks; 0 is right"
    return TextTable("Text where nobody speaks", note, ("where", "model"), heads, tuple(rows))


def _streams(section: NoiseSection) -> TextTable:
    conditions = list(dict.fromkeys(name for row in section.streams for name in row.wer))
    rows = []
    for row in section.streams:
        chunk = "offline" if row.chunk_ms is None else f"{row.chunk_ms:g} ms"
        if row.reason is not None:
            rows.append(
                ((row.model, f"{chunk}, not possible: {row.reason}"), (NumberCell(DASH),) * (len(conditions) + 1))
            )
            continue
        cells = (NumberCell(_digits(row.latency_ms)), *(_beside(row, name) for name in conditions))
        rows.append(((row.model, chunk), cells))
    note = "Word error rate in per cent; beside it the difference from offline in points, with its interval"
    heads = ("latency, ms", *(name if name == "clean" else f"{name}, mean" for name in conditions))
    return TextTable("Streaming", note, ("model", "chunk"), heads, tuple(rows))


def _surroundings(section: NoiseSection) -> TextTable:
    conditions = list(dict.fromkeys(name for row in section.surroundings for name in row.wer))
    rows = []
    for row in section.surroundings:
        where = f"{row.around_s:g} s" if row.reason is None else f"not possible: {row.reason}"
        rows.append(((row.model, where), tuple(_beside(row, name) for name in conditions)))
    note = (
        "Word error rate in per cent with noise before and behind the speech (clean: silence); beside it the "
        "difference from 0 s in points, with its interval"
    )
    heads = tuple(name if name == "clean" else f"{name}, mean" for name in conditions)
    return TextTable("Noise around the speech", note, ("model", "on each side"), heads, tuple(rows))


def _beside(row: StreamRow | SurroundedRow, name: str) -> NumberCell:
    if name not in row.wer:
        return NumberCell(DASH)
    value, low, high = row.difference[name]
    if value is None:
        return NumberCell(percent_number(row.wer[name]))
    interval = "" if low is None or high is None else f"; {points(low)} to {points(high)}"
    return NumberCell(percent_number(row.wer[name]), f"{points(value)}{interval}")


def _cost(section: NoiseSection) -> TextTable:
    rows = []
    for row in section.cost:
        millions = None if row.parameters is None else row.parameters / MILLION
        factor = None if not row.rtfx else 1 / row.rtfx
        numbers = (millions, row.rtfx, factor, row.delay_ms, row.peak_memory_mb)
        rows.append(((row.model,), tuple(NumberCell(_digits(number)) for number in numbers)))
    device = "" if section.device is None else f", measured on {section.device}"
    note = f"RTFx: seconds of audio per second of transcription in batches{device}"
    heads = ("parameters, M", "RTFx", "real-time factor", "delay of one utterance, ms", "peak memory, MB")
    return TextTable("Cost", note, ("model",), heads, tuple(rows))


def _digits(number: float | None) -> str:
    """Three digits that count; whole numbers from 100 on."""
    if number is None:
        return DASH
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _text_lines(section: NoiseSection) -> Iterator[str]:
    against = "" if section.baseline is None else f" against {section.baseline}"
    yield printable(
        f"{section.model}{against}: {section.utterances} utterances, {section.words} words in each condition"
    )
    for table in tables_of(section):
        yield from ("", printable(f"{table.note}."), *map(printable, as_text(table)))
    sentences = [*([] if section.verdict is None else [section.verdict]), *section.remarks]
    yield from ("", *(printable(sentence) for sentence in sentences)) if sentences else ()
    yield from ("", printable(f"{section.measured}."))
    if section.mixture_set_sha256 is not None:
        yield printable(f"SHA-256 of all mixtures: {section.mixture_set_sha256}")
