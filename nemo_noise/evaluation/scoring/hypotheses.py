# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hypotheses: the manifest line again with what the model heard, one JSON line each, written so that a run can resume.

A row is a dictionary. Scoring needs `text`, `pred_text`, `noise_list` and `snr_db` (both null for clean speech) and
`utterance_id` (or `audio_filepath`); it uses `condition`, `noise_label`, `speaker`, `seed`, `duration`,
`transcribe_s`, `model`, `room`, `channel` and `mixture_sha256` where present.
"""

import json
import math
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from nemo.utils import logging

from nemo_noise import whole_file

Row = dict[str, Any]


class Condition(str, Enum):
    """What the model listened to."""

    CLEAN = "clean"
    NOISY = "noisy"
    NOISE_ONLY = "noise_only"
    SILENCE = "silence"

    @property
    def is_speech_free(self) -> bool:
        """Whether nobody speaks: noise alone, or digital silence."""
        return self in (Condition.NOISE_ONLY, Condition.SILENCE)


_CONDITIONS = {name: condition for condition in Condition for name in (condition, condition.value)}


class Cell(NamedTuple):
    """One cell of the grid: a noise list at an SNR; both None for clean speech.

    Attributes:
        noise_list: name of the list.
        snr_db: None for clean speech and where nobody speaks.
        noise_label: one label of the list, None for all of them together.
    """

    noise_list: str | None
    snr_db: float | None
    noise_label: str | None = None


class Place(NamedTuple):
    """The room that speech is heard in, and the channel that speech and noise go through.

    Attributes:
        room: name of the room, "dry" for none.
        channel: name of the channel, "wideband" for none.
    """

    room: str = "dry"
    channel: str = "wideband"


PLAIN = Place()


def place_of(row: Row) -> Place:
    """Tell the room and the channel of a row; rows without these fields were dry and wideband.

    Args:
        row: a hypothesis row.

    Returns:
        The place.
    """
    return Place(str(row.get("room") or PLAIN.room), str(row.get("channel") or PLAIN.channel))


def reference_rows(rows: Sequence[Row]) -> list[Row]:
    """Keep the rows of the first room and channel, and those where nobody speaks.

    Args:
        rows: hypothesis rows in the order of the plan, which lists the first room and channel first.

    Returns:
        What the tables by noise and SNR are made of; all rows of a plan without rooms and channels.
    """
    spoken = [row for row in rows if not condition_of(row).is_speech_free]
    reference = place_of(spoken[0]) if spoken else PLAIN
    return [row for row in rows if condition_of(row).is_speech_free or place_of(row) == reference]


def utterance_of(row: Row) -> str:
    """Name the utterance of a row.

    Args:
        row: a hypothesis row.

    Returns:
        `utterance_id`, else `audio_filepath`.

    Raises:
        ValueError: the row has neither.
    """
    for field in ("utterance_id", "audio_filepath"):
        if row.get(field) is not None:
            return str(row[field])
    raise ValueError(f"a row needs utterance_id or audio_filepath, got only the fields {sorted(row)}")


def condition_of(row: Row) -> Condition:
    """Tell what the model listened to in a row.

    Args:
        row: a hypothesis row.

    Returns:
        `condition` where given, else clean without and noisy with an `snr_db`.
    """
    if row.get("condition") is not None:
        try:
            return _CONDITIONS[row["condition"]]
        except (KeyError, TypeError):
            known = [condition.value for condition in Condition]
            where = f"in the row of utterance {utterance_of(row)}"
            raise ValueError(f"condition is {row['condition']!r} {where}, should be one of {known}") from None
    return Condition.CLEAN if row.get("snr_db") is None else Condition.NOISY


def cell_of(row: Row) -> Cell:
    """Find the cell of a row.

    Args:
        row: a hypothesis row.

    Returns:
        Its noise list and SNR, all noise labels together.

    Raises:
        ValueError: the SNR is not a number, or a noisy row has no noise list or no SNR.
    """
    condition = condition_of(row)
    if condition in (Condition.CLEAN, Condition.SILENCE):
        return Cell(None, None)
    if row.get("noise_list") is None:
        raise ValueError(f"noise_list is missing in the {condition.value} row of utterance {utterance_of(row)}")
    if condition is Condition.NOISE_ONLY:
        return Cell(str(row["noise_list"]), None)
    snr_db = row.get("snr_db")
    if not isinstance(snr_db, int | float) or isinstance(snr_db, bool) or not math.isfinite(snr_db):
        raise ValueError(f"snr_db is {snr_db!r} in the row of utterance {utterance_of(row)}, should be a number")
    return Cell(str(row["noise_list"]), float(snr_db))


def read_hypotheses(path: str | Path) -> list[Row]:
    """Read rows back; a last line that a killed run left unfinished is dropped and logged.

    Args:
        path: JSON lines written by `append_hypotheses`.

    Returns:
        The rows in file order.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line other than the last is not a JSON object; the message names file:line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"hypotheses file {path} does not exist, expected a hypotheses.jsonl")
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                logging.warning(f"{path}:{number}: dropped the unfinished last line of an interrupted run")
                break
            raise ValueError(
                f"{path}:{number}: not JSON ({error.msg}), expected an object, not {line.strip()[:60]!r}"
            ) from error
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}:{number}: a hypothesis line is a JSON object, got {type(row).__name__}: {line.strip()[:60]}"
            )
        rows.append(row)
    return rows


def write_hypotheses(path: str | Path, rows: Sequence[Row]) -> None:
    """Replace a file of rows in one step, so that a kill leaves the old or the whole new file.

    Args:
        path: the file.
        rows: its rows.
    """
    whole_file.write_text(path, "".join(_line(row) for row in rows))


def append_hypotheses(path: str | Path, rows: Iterable[Row]) -> None:
    """Add finished rows and flush them to the system, so that a killed run keeps them.

    Args:
        path: the file, created where absent.
        rows: rows of one batch.
    """
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("".join(_line(row) for row in rows))


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
