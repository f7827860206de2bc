# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What does it cost? Seconds of audio per second, delay of one utterance, memory, parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from nemo_noise.evaluation.blocks.elements import Card, Cell, Column, Line, Section, Table, TableRow, Tile, strong
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.evidence import ModelRows, Results, Subject
from nemo_noise.evaluation.questions.question import ModelQuestion

__all__ = ["SpeedQuestion", "SpeedSummary", "summarize_speed"]

MILLION = 1e6


class SpeedSummary(TypedDict):
    """What a model costs; null where no row has it.

    `rtfx` is measured in batches, `latency_ms_*` on utterances alone; `peak_memory_mb` is that of the device on CUDA,
    of the process on a CPU.
    """

    audio_s: float | None
    transcribe_s: float | None
    rtfx: float | None
    latency_utterances: int
    latency_ms_median: float | None
    latency_ms_p95: float | None
    parameters: int | None
    peak_memory_mb: float | None


class SpeedQuestion(ModelQuestion[SpeedSummary]):
    """Answered by what rows hold of time, memory and size; `rtfx` stands beside `speed` as well."""

    key = "speed"
    gates = ("speed", "rtfx")

    def answer(self, rows: ModelRows) -> SpeedSummary:
        """Read the cost of a model from all of its rows, as far as it was measured."""
        return summarize_speed(rows.every)

    def of_model(self, rows: ModelRows) -> Mapping[str, Any]:
        """The answer, and its `rtfx` once more."""
        speed = self.answer(rows)
        return {"speed": speed, "rtfx": speed["rtfx"]}

    def section(self, answers: Mapping[str, SpeedSummary], subject: Subject) -> Section | None:
        """Tabulate the cost; None where nothing was measured."""
        table = _table(answers)
        return None if table is None else Section("Speed and size", "speed", (Card((table,), scrolls=True),))

    def in_tiles(self, results: Results) -> Sequence[Tile]:
        """The speed of the model."""
        rtfx = self._answers(results)[results["model"]]["rtfx"]
        note = str(results["made"].get("hardware") or results["made"].get("device") or "")
        return () if rtfx is None else (Tile("speed, RTFx", f"{rtfx:.3g}", note),)


def summarize_speed(rows: Sequence[Hypothesis]) -> SpeedSummary:
    """Read the cost of a model from its rows, as far as it was measured."""
    timed = [(row.duration_s, row.transcribe_s) for row in rows]
    known = [(audio, spent) for audio, spent in timed if audio is not None and spent is not None]
    audio_s = float(sum(audio for audio, _ in known)) if known else None
    transcribe_s = float(sum(spent for _, spent in known)) if known else None
    delays_ms = [1000 * row.latency_s for row in rows if row.latency_s is not None]
    memories = [float(row.peak_memory_mb) for row in rows if row.peak_memory_mb is not None]
    return SpeedSummary(
        audio_s=audio_s,
        transcribe_s=transcribe_s,
        rtfx=audio_s / transcribe_s if audio_s is not None and transcribe_s else None,
        latency_utterances=len(delays_ms),
        latency_ms_median=float(np.median(delays_ms)) if delays_ms else None,
        latency_ms_p95=float(np.percentile(delays_ms, 95)) if delays_ms else None,
        parameters=max((int(row.parameters) for row in rows if row.parameters is not None), default=None),
        peak_memory_mb=max(memories, default=None),
    )


def _table(answers: Mapping[str, SpeedSummary]) -> Table | None:
    rows = []
    for model, speed in answers.items():
        if speed["rtfx"] is None and speed["parameters"] is None:
            continue
        delays = f"{speed['latency_utterances']} utterances alone" if speed["latency_utterances"] else ""
        cells: tuple[Cell | Line, ...] = (
            Cell.text(model),
            _number(speed["parameters"], MILLION),
            strong(_number(speed["rtfx"])),
            _number(speed["latency_ms_median"]),
            _number(speed["latency_ms_p95"]),
            Cell.soft(delays),
            _number(speed["peak_memory_mb"]),
        )
        rows.append(TableRow(cells))
    heads = ("parameters, M", "RTFx in batches", "delay, ms", "95 % below, ms", "", "peak memory, MB")
    return Table((Column.text("model"), *heads), tuple(rows)) if rows else None


def _number(value: float | None, unit: float = 1.0) -> str:
    """Write three digits that count; whole numbers from 100 on."""
    if value is None:
        return "–"
    number = value / unit
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number >= 100 else f"{number:.3g}"
