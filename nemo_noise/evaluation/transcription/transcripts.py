# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcripts of another system: a CSV, TSV or JSON-lines file, matched to the mixtures that it transcribed."""

import csv
import difflib
import hashlib
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemo_noise.data.manifests.strict_json import check_values, parse_object
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.lines import as_hypothesis, name_mixtures
from nemo_noise.evaluation.mixtures.names import file_name
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.foreign_text import printable
from nemo_noise.inference.systems.kinds import TRANSCRIPT_SUFFIXES

SUFFIXES = TRANSCRIPT_SUFFIXES
ID_COLUMNS = ("mixture_id", "trial_id", "id", "audio_filepath", "audio", "file", "path")
TEXT_COLUMNS = ("pred_text", "text", "transcript", "transcription", "hypothesis")
AUDIO_SUFFIX = re.compile(r"\.(wav|flac|mp3|ogg|opus|m4a)$", re.IGNORECASE)
LISTED = 5


class TranscriptError(ValueError):
    """A file of transcripts that cannot be used; the message starts with `file:line`."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # it repeats what somebody else wrote


@dataclass(frozen=True)
class Transcript:
    """One line of a file.

    Attributes:
        key: id of the mixture, or the name of its audio file without folder and suffix.
        text: what the system wrote; empty where it found no word.
        extras: `confidence` and `word_confidence`, where the line has them.
        source: `file:line` for messages.
    """

    key: str
    text: str
    extras: dict[str, Any]
    source: str


def is_transcript_file(name: str) -> bool:
    """Tell a file of transcripts from the name of a model, by its suffix."""
    return Path(name).suffix.lower() in SUFFIXES


def read_transcripts(path: str | Path) -> list[Transcript]:
    """Read a file of transcripts.

    The first of the columns `mixture_id`, `trial_id`, `id`, `audio_filepath`, `audio`, `file`, `path` says which
    mixture, the first of `pred_text`, `text`, `transcript`, `transcription`, `hypothesis` what was written. Read where
    present: `confidence` (0 to 1) and, in JSON lines, `word_confidence` (a list). Other columns are not read.

    Args:
        path: `.csv` (comma, quotes as in RFC 4180), `.tsv` (tab, no quotes), `.jsonl` or `.json` (an object a line);
            UTF-8, with a header line in CSV and TSV.

    Returns:
        The lines in order.

    Raises:
        TranscriptError: the file is missing, empty or not UTF-8, a column is missing, a line is broken, or two lines
            are about the same mixture.
    """
    path = Path(path)
    if not is_transcript_file(str(path)):
        raise TranscriptError(f"{path}: suffix {path.suffix!r} is unknown, known are {', '.join(SUFFIXES)}")
    text = _decode(path)
    rows = _read_json_lines(text, path) if path.suffix.lower() in (".jsonl", ".json") else _read_table(text, path)
    transcripts: dict[str, Transcript] = {}
    for source, fields in rows:
        transcript = _parse(fields, source)
        if transcript.key in transcripts:
            raise TranscriptError(f"{source}: {transcript.key!r} is also in {transcripts[transcript.key].source}")
        transcripts[transcript.key] = transcript
    if not transcripts:
        raise TranscriptError(f"{path}: holds no transcript, expected a line for every mixture")
    return list(transcripts.values())


def check_transcripts(path: str | Path, plan: MixturePlan) -> None:
    """Refuse a file whose lines are about other mixtures than a plan's, before a model has run.

    Raises:
        TranscriptError: as `rows_of_transcripts`, but for mixtures without a line, which take their audio.
    """
    _known(read_transcripts(path), plan, path)


def _known(transcripts: Sequence[Transcript], plan: MixturePlan, path: str | Path) -> dict[str, Transcript]:
    names = name_mixtures(plan.trials)
    by_key = {key: trial_id for trial_id, mixture_id in names.items() for key in (trial_id, mixture_id)}
    left_out = tuple(f"{file_name(one.name)}." for one in plan.examined.left_out)
    return _match([one for one in transcripts if not one.key.startswith(left_out)], by_key, path)


def rows_of_transcripts(
    name: str, path: str | Path, plan: MixturePlan, *, training_seed: int | None = None
) -> list[Hypothesis]:
    """Turn a file of transcripts (see `read_transcripts`) into a row for each trial of a plan.

    Raises:
        TranscriptError: a mixture has no transcript, or a transcript no mixture; nothing is scored in part.
    """
    names = name_mixtures(plan.trials)
    found = _known(read_transcripts(path), plan, path)
    without = [trial for trial in plan.trials if trial.trial_id not in found]
    missing = [names[trial.trial_id] for trial, _ in plan.mixtures_of(without)]  # of what is possible
    if missing:
        raise TranscriptError(
            f"{path}: {len(missing)} of {len(plan.trials)} mixtures have no line: {', '.join(missing[:LISTED])}"
            f"{' ...' if len(missing) > LISTED else ''}; write a line with an empty text where nothing was heard"
        )
    fingerprint = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    rows = []
    for trial, mixture in (pair for planned in plan.trials for pair in plan.mixtures_of([planned])):
        transcript = found[trial.trial_id]
        result = {"model": name, "model_fingerprint": fingerprint, "pred_text": transcript.text, **transcript.extras}
        rows.append(as_hypothesis(plan, trial, mixture, training_seed=training_seed, **result))
    return rows


def _match(transcripts: Sequence[Transcript], by_key: Mapping[str, str], path: str | Path) -> dict[str, Transcript]:
    """Find the trial of every transcript."""
    found: dict[str, Transcript] = {}
    unknown = [transcript for transcript in transcripts if transcript.key not in by_key]
    if unknown:
        near = difflib.get_close_matches(unknown[0].key, by_key, n=3, cutoff=0.6) or sorted(by_key)[:3]
        listed = "; ".join(f"{one.source}: {one.key!r}" for one in unknown[:LISTED])
        raise TranscriptError(
            f"{listed}: no such mixture ({len(unknown)} of {len(transcripts)} lines of {path}); ids of this plan look "
            f"like {', '.join(near)}: same speech, noise_lists, snr_db, seed and noise_only as in the export?"
        )
    for transcript in transcripts:
        trial_id = by_key[transcript.key]
        if trial_id in found:
            raise TranscriptError(f"{transcript.source}: the same mixture is also in {found[trial_id].source}")
        found[trial_id] = transcript
    return found


def _decode(path: Path) -> str:
    """Read a file as UTF-8, or say where it is not."""
    if not path.is_file():
        raise TranscriptError(f"{path}: no such file of transcripts")
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TranscriptError(f"{path}:1: is UTF-16, should be UTF-8: save it again with that encoding")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise TranscriptError(f"{path}:{line}: holds zero bytes (UTF-16?), should be UTF-8: save it again as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TranscriptError(
            f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8 (Latin-1?): save it again as UTF-8"
        ) from error


def _read_table(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through the lines of a table with their place."""
    is_csv = path.suffix.lower() == ".csv"
    delimiter, other = (",", "\t") if is_csv else ("\t", ",")
    lines = io.StringIO(text, newline="")
    if is_csv:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    header: list[str] | None = None
    number = 1
    try:
        for values in reader:
            if any(value.strip() for value in values):
                if header is None:
                    header = [name.strip() for name in values]
                    _check_header(header, f"{path}:{number}", delimiter=delimiter, other=other)
                elif len(values) != len(header):
                    quotes = "; a text with a comma needs quotes around it" if is_csv else ""
                    raise TranscriptError(
                        f"{path}:{number}: {len(values)} fields, the header has {len(header)} "
                        f"({', '.join(header)}){quotes}"
                    )
                else:
                    yield f"{path}:{number}", dict(zip(header, values, strict=True))
            number = reader.line_num + 1
    except csv.Error as error:
        raise TranscriptError(f"{path}:{number}: not a table ({error}), expected quotes in pairs") from error


def _check_header(header: Sequence[str], source: str, *, delimiter: str, other: str) -> None:
    """Refuse a header that repeats or lacks a column, with a guess why."""
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise TranscriptError(f"{source}: the header has {', '.join(map(repr, repeated))} more than once")
    if len(header) == 1 and (";" in header[0] or other in header[0]):
        raise TranscriptError(
            f"{source}: the header is one column, {header[0]!r}: it should be split by {delimiter!r}"
        )
    _column(dict.fromkeys(header), ID_COLUMNS, source)
    _column(dict.fromkeys(header), TEXT_COLUMNS, source)


def _read_json_lines(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through JSON objects with their place."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = parse_object(line.encode())
            check_values({name: value for name, value in fields.items() if isinstance(value, str)})
        except ValueError as error:
            raise TranscriptError(f"{path}:{number}: {error}") from error
        yield f"{path}:{number}", fields


def _parse(fields: dict[str, Any], source: str) -> Transcript:
    """Take what counts out of a line."""
    id_column = _column(fields, ID_COLUMNS, source)
    text_column = _column(fields, TEXT_COLUMNS, source)
    if text_column == "text" and "mixture_sha256" in fields:
        raise TranscriptError(
            f"{source}: 'text' of an exported manifest is what was said: add what was heard as pred_text"
        )
    key, text = fields[id_column], fields[text_column]
    if not isinstance(key, str) or not key.strip():
        raise TranscriptError(f"{source}: {id_column} is {key!r}, should name a mixture")
    if not isinstance(text, str):
        raise TranscriptError(f"{source}: {text_column} is {text!r}, should be a text, empty where nothing was heard")
    extras: dict[str, Any] = {}
    if fields.get("confidence") not in (None, ""):
        extras["confidence"] = _confidence(fields["confidence"], "confidence", source)
    if fields.get("word_confidence") not in (None, ""):
        values = fields["word_confidence"]
        if not isinstance(values, list):
            raise TranscriptError(
                f"{source}: word_confidence is {values!r}, should be a list of numbers (JSON lines only)"
            )
        extras["word_confidence"] = [_confidence(value, "word_confidence", source) for value in values]
    name = re.split(r"[/\\]", key.strip())[-1]
    return Transcript(AUDIO_SUFFIX.sub("", name), text.strip(), extras, source)


def _column(fields: Mapping[str, Any], known: Sequence[str], source: str) -> str:
    """Find the first known column."""
    for name in known:
        if name in fields:
            return name
    raise TranscriptError(f"{source}: has the columns {', '.join(fields)}, needs one of {', '.join(known)}")


def _confidence(value: Any, field: str, source: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise TranscriptError(f"{source}: {field} holds {value!r}, should be a number from 0 to 1")
    return number
