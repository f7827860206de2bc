# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The files that are written, in the layouts of Whisper's own command: txt, srt, vtt, tsv, json."""

import json
from collections.abc import Callable
from enum import Enum
from typing import Any

from nemo_noise.checks import choice
from nemo_noise.inference.transcription.guards import compression_ratio
from nemo_noise.inference.transcription.segments import Dropped, Segment, TranscribedFile, Word
from nemo_noise.inference.transcription.subtitles import cues_of

__all__ = ["OutputFormat", "as_data", "formats_of", "render"]


class OutputFormat(str, Enum):
    """Names and suffixes of the files."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    TSV = "tsv"
    JSON = "json"


def formats_of(names: str) -> tuple[OutputFormat, ...]:
    """The formats of a list such as `srt,json`, or of `all`; a ValueError for an unknown one."""
    if names.strip() == "all":
        return tuple(OutputFormat)
    wanted = [name.strip().lstrip(".").lower() for name in names.split(",")]
    return tuple(dict.fromkeys(choice(OutputFormat, name, "format") for name in wanted if name)) or formats_of("txt")


def render(file: TranscribedFile, kind: OutputFormat) -> str:
    """The content of an output file."""
    return _WRITERS[kind](file)


def as_data(file: TranscribedFile) -> dict[str, Any]:
    """The JSON object of a file: Whisper's keys, and path, system, duration, what was dropped, and remarks."""
    return {
        "text": file.text,
        "segments": [_segment_data(number, segment) for number, segment in enumerate(file.segments)],
        "language": file.language,
        "path": file.path,
        "system": file.system,
        "duration": round(file.duration_s, 3),
        "dropped": [_dropped_data(dropped) for dropped in file.dropped],
        "remarks": list(file.remarks),
    }


def _txt(file: TranscribedFile) -> str:
    return "".join(f"{segment.text}\n" for segment in file.segments)


def _srt(file: TranscribedFile) -> str:
    blocks = []
    for number, cue in enumerate(cues_of(file.segments), start=1):
        times = f"{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}"
        blocks.append(f"{number}\n{times}\n{_safe(cue.lines)}\n\n")
    return "".join(blocks)


def _vtt(file: TranscribedFile) -> str:
    blocks = ["WEBVTT\n\n"]
    for cue in cues_of(file.segments):
        text = _safe(cue.lines).replace("&", "&amp;").replace("<", "&lt;")
        blocks.append(f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n{text}\n\n")
    return "".join(blocks)


def _tsv(file: TranscribedFile) -> str:
    """Milliseconds, as in Whisper's."""
    rows = [f"{round(1000 * one.start_s)}\t{round(1000 * one.end_s)}\t{one.text}\n" for one in file.segments]
    return "".join(["start\tend\ttext\n", *rows])


def _json(file: TranscribedFile) -> str:
    return json.dumps(as_data(file), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


_WRITERS: dict[OutputFormat, Callable[[TranscribedFile], str]] = {
    OutputFormat.TXT: _txt,
    OutputFormat.SRT: _srt,
    OutputFormat.VTT: _vtt,
    OutputFormat.TSV: _tsv,
    OutputFormat.JSON: _json,
}


def _segment_data(number: int, segment: Segment) -> dict[str, Any]:
    """As Whisper's: text and words begin with a space, so that they can be joined."""
    data: dict[str, Any] = {
        "id": number,
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": f" {segment.text}",
        "compression_ratio": round(compression_ratio(segment.text), 3),
    }
    return data if segment.words is None else {**data, "words": [_word_data(word) for word in segment.words]}


def _word_data(word: Word) -> dict[str, Any]:
    data: dict[str, Any] = {"word": f" {word.text}", "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
    return data if word.confidence is None else {**data, "probability": round(word.confidence, 4)}


def _dropped_data(dropped: Dropped) -> dict[str, Any]:
    times = {"start": round(dropped.start_s, 3), "end": round(dropped.end_s, 3)}
    return {**times, "reason": dropped.reason.value, "text": dropped.text}


def _safe(lines: tuple[str, ...]) -> str:
    """Lines that end neither their cue nor look like its times."""
    return "\n".join(lines).replace("-->", "->")


def _time(seconds: float, mark: str) -> str:
    """Hours, minutes, seconds and milliseconds."""
    thousandths = round(1000 * seconds)
    minutes, thousandths = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{thousandths // 1000:02d}{mark}{thousandths % 1000:03d}"
