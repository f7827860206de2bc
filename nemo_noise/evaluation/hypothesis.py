# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The hypothesis: the text of one recogniser for one mixture, parsed once from its JSON line and written as it was.

A line needs `text`, `pred_text`, `noise_list` and `snr_db` (both null for clean speech) and `utterance_id` (or
`audio_filepath`); the others are used where present. The rest is the manifest line of the speech.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nemo.utils import logging

from nemo_noise import whole_file

UNNAMED = "model"  # of rows that name no model
_Key = TypeVar("_Key")


class Condition(str, Enum):
    """What a mixture is made of."""

    CLEAN = "clean"
    NOISY = "noisy"
    NOISE_ONLY = "noise_only"
    SILENCE = "silence"

    @property
    def is_speech_free(self) -> bool:
        """Whether nobody speaks: noise alone, or digital silence."""
        return self in (Condition.NOISE_ONLY, Condition.SILENCE)


class Place(NamedTuple):
    """The room of the speech, and the channel that speech and noise go through.

    Attributes:
        room: name of the room, "dry" for none.
        channel: name of the channel, "wideband" for none.
    """

    room: str = "dry"
    channel: str = "wideband"


PLAIN = Place()


class Cell(NamedTuple):
    """One cell of the grid: a noise list at an SNR in a place.

    Attributes:
        noise_list: name of the list; None for clean speech and silence.
        snr_db: None for clean speech and where nobody speaks.
        noise_label: one label of the list, None for all of them together.
        place: room and channel.
    """

    noise_list: str | None
    snr_db: float | None
    noise_label: str | None = None
    place: Place = PLAIN

    def __str__(self) -> str:
        name = "clean" if self.noise_list is None else self.noise_list
        name += "" if self.snr_db is None else f"@{self.snr_db:g}"
        return name if self.place == PLAIN else f"{name} in {'/'.join(self.place)}"


class PairKey(NamedTuple):
    """Identity of a row among the rows of one model."""

    utterance: str
    cell: Cell
    condition: Condition
    seed: str

    def __str__(self) -> str:
        return f"utterance {self.utterance!r} in cell {self.cell} with seed {self.seed!r}"


@dataclass(frozen=True)
class Hypothesis:
    """One row: what one model, of one training seed, wrote for one mixture, and what that cost.

    Attributes:
        fields: the JSON line as it stands in the file.
        utterance: `utterance_id`, else `audio_filepath`.
        condition: as given, else clean without and noisy with an `snr_db`.
        cell: noise list, SNR and place, all noise labels together.
        text: the reference, empty where nobody speaks.
        pred_text: what the model wrote.
        model: its name, "model" where the line has none.
        seed: training seed, empty where the line has none.
        noise_label: kind of the noise.
        trial_id: of the mixture and its reference.
        mixture_sha256: of its samples.
        model_fingerprint: of the model and how it was run.
        duration_s: seconds of the mixture.
        transcribe_s: share of the time of its batch, seconds.
        plain_transcribe_s: the time alone and unadapted, of a model that adapts.
        latency_s: the time alone.
        parameters: of the model.
        peak_memory_mb: while its batch was transcribed.
        is_adapted: whether weights or statistics were not the model's own.
        adaptation_steps: steps of a model that adapts.
        confidence: of the whole text, as it stands in the line; `calibration` checks it.
        word_confidence: of each word, likewise.
    """

    fields: Mapping[str, Any] = field(hash=False)
    utterance: str
    condition: Condition
    cell: Cell
    text: str
    pred_text: str
    model: str = UNNAMED
    seed: str = ""
    noise_label: str | None = None
    trial_id: str | None = None
    mixture_sha256: str | None = None
    model_fingerprint: str | None = None
    duration_s: float | None = None
    transcribe_s: float | None = None
    plain_transcribe_s: float | None = None
    latency_s: float | None = None
    parameters: float | None = None
    peak_memory_mb: float | None = None
    is_adapted: bool = False
    adaptation_steps: int = 0
    confidence: Any = None
    word_confidence: list[Any] | None = field(default=None, hash=False)

    @classmethod
    def of(cls, fields: Mapping[str, Any], source: str = "") -> "Hypothesis":
        """Parse a line; messages start with its source, `file:line`.

        Raises:
            ValueError: a field is missing or wrong; names it, its value and the utterance.
        """
        try:
            return cls(**_parsed(fields))
        except ValueError as error:
            raise ValueError(f"{source}: {error}" if source else str(error)) from None

    @property
    def is_spoken(self) -> bool:
        """Whether somebody speaks in the mixture."""
        return not self.condition.is_speech_free

    @property
    def pair_key(self) -> PairKey:
        """What it shares with the row of another model on the same mixture."""
        return PairKey(self.utterance, self.cell, self.condition, self.seed)

    def value(self, name: str) -> str | None:
        """A field of the line as text, such as the speaker; None where the line does not have it."""
        return None if self.fields.get(name) is None else str(self.fields[name])

    def changed(self, **fields: object) -> "Hypothesis":
        """The same row with other fields."""
        return Hypothesis.of({**self.fields, **fields})


def by_key(rows: Iterable[Hypothesis], key: Callable[[Hypothesis], _Key]) -> dict[_Key, list[Hypothesis]]:
    """Group rows by what they share, in order of first appearance."""
    groups: dict[_Key, list[Hypothesis]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def by_model(rows: Iterable[Hypothesis]) -> dict[str, list[Hypothesis]]:
    """Group rows by their model."""
    return by_key(rows, lambda row: row.model)


def reference_rows(rows: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Keep the rows of the first room and channel, which a plan lists first, and those where nobody speaks."""
    reference = next((row.cell.place for row in rows if row.is_spoken), PLAIN)
    return [row for row in rows if not row.is_spoken or row.cell.place == reference]


def read_hypotheses(path: str | Path) -> list[Hypothesis]:
    """Read rows back; a last line that a killed run left unfinished is dropped and logged.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line other than the last is not a JSON object, or a field is wrong; the message names file:line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"hypotheses file {path} does not exist, expected a hypotheses.jsonl")
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    rows: list[Hypothesis] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                logging.warning(f"{path}:{number}: dropped the unfinished last line of an interrupted run")
                break
            raise ValueError(
                f"{path}:{number}: not JSON ({error.msg}), expected an object, not {line.strip()[:60]!r}"
            ) from error
        if not isinstance(fields, dict):
            kind, shown = type(fields).__name__, line.strip()[:60]
            raise ValueError(f"{path}:{number}: a hypothesis line is a JSON object, got {kind}: {shown}")
        rows.append(Hypothesis.of(fields, f"{path}:{number}"))
    return rows


def write_hypotheses(path: str | Path, rows: Iterable[Hypothesis]) -> None:
    """Replace a file of rows in one step, so that a kill leaves the old or the whole new file."""
    whole_file.write_text(path, "".join(map(_line, rows)))


def append_hypotheses(path: str | Path, rows: Iterable[Hypothesis]) -> None:
    """Add finished rows and flush them to the system, so that a killed run keeps them."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("".join(map(_line, rows)))


def _line(row: Hypothesis) -> str:
    return json.dumps(row.fields, ensure_ascii=False, allow_nan=False) + "\n"


def _parsed(fields: Mapping[str, Any]) -> dict[str, Any]:
    named = [fields[name] for name in ("utterance_id", "audio_filepath") if fields.get(name) is not None]
    if not named:
        raise ValueError(f"a row needs utterance_id or audio_filepath, got only the fields {sorted(fields)}")
    where = f"in the row of utterance {named[0]}"
    condition = _condition(fields, where)
    cell = _cell(fields, condition, where)
    if fields.get("pred_text") is None:
        raise ValueError(f"pred_text is missing {where}, cell {cell}")
    texts = ("noise_label", "trial_id", "mixture_sha256", "model_fingerprint")
    numbers = ("transcribe_s", "plain_transcribe_s", "latency_s", "parameters", "peak_memory_mb")
    return {
        **{name: str(fields[name]) for name in texts if fields.get(name) is not None},
        **{name: _number(name, fields.get(name), where) for name in numbers},
        "duration_s": _number("duration", fields.get("duration"), where),
        "fields": fields,
        "utterance": str(named[0]),
        "condition": condition,
        "cell": cell,
        "text": str(fields.get("text") or ""),
        "pred_text": str(fields["pred_text"]),
        "model": str(fields.get("model") or UNNAMED),
        "seed": "" if fields.get("seed") is None else str(fields["seed"]),
        "is_adapted": bool(fields.get("is_adapted")),
        "adaptation_steps": int(_number("adaptation_steps", fields.get("adaptation_steps"), where) or 0),
        "confidence": fields.get("confidence"),
        "word_confidence": _list("word_confidence", fields.get("word_confidence"), where),
    }


def _condition(fields: Mapping[str, Any], where: str) -> Condition:
    given = fields.get("condition")
    if given is None:
        return Condition.CLEAN if fields.get("snr_db") is None else Condition.NOISY
    try:
        return Condition(given)
    except ValueError:
        known = [condition.value for condition in Condition]
        raise ValueError(f"condition is {given!r} {where}, should be one of {known}") from None


def _cell(fields: Mapping[str, Any], condition: Condition, where: str) -> Cell:
    place = Place(str(fields.get("room") or PLAIN.room), str(fields.get("channel") or PLAIN.channel))
    if condition in (Condition.CLEAN, Condition.SILENCE):
        return Cell(None, None, place=place)
    noise_list = fields.get("noise_list")
    if noise_list is None:
        raise ValueError(f"noise_list is missing {where}, which is {condition.value}")
    if condition is Condition.NOISE_ONLY:
        return Cell(str(noise_list), None, place=place)
    snr_db = fields.get("snr_db")
    if not isinstance(snr_db, int | float) or isinstance(snr_db, bool) or not math.isfinite(snr_db):
        raise ValueError(f"snr_db is {snr_db!r} {where}, should be a number")
    return Cell(str(noise_list), float(snr_db), place=place)


def _number(name: str, value: Any, where: str) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{name} is {value!r} {where}, should be a number")
    return value


def _list(name: str, value: Any, where: str) -> list[Any] | None:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{name} is {value!r} {where}, should be a list")
    return value
