# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""From what lies in a corpus's folders to checked manifests, with a count of what was left out and why."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nemo_noise import whole_file
from nemo_noise.checks import is_number
from nemo_noise.data.audio.blocks import AudioError, open_audio
from nemo_noise.data.audio.files import is_shorter
from nemo_noise.data.manifests.manifest import write_manifest
from nemo_noise.progress import progress

__all__ = ["CorpusError", "Found", "LeftOut", "Limits", "Prepared", "read_text_lines", "write_corpus"]

_NUM_EXAMPLES = 5
_THREADS = 4
_MANY = 200  # recordings, which take long enough to show it


class CorpusError(ValueError):
    """A folder that does not hold the corpus; the message names what was looked for."""


class Found(NamedTuple):
    """A recording of a corpus: the manifest it belongs to, its file, its text, and its other fields."""

    manifest: str
    audio: Path
    text: str | None
    fields: dict[str, Any]


class LeftOut(NamedTuple):
    """What cannot become a line: the manifest it would belong to, what it is, and why not."""

    manifest: str
    what: str
    reason: str


@dataclass(frozen=True)
class Limits:
    """What a recording must be to become a line.

    Attributes:
        needs_text: whether a recording without words is left out; False for noise.
        min_duration_s: shortest, seconds.
        max_duration_s: longest, seconds; None for no limit.
        decode: whether every sample is read; without it, only headers are, and truncated, silent or NaN files pass.
    """

    needs_text: bool = True
    min_duration_s: float = 0.1
    max_duration_s: float | None = None
    decode: bool = True

    def __post_init__(self) -> None:
        if not is_number(self.min_duration_s, low=0.0):
            raise CorpusError(f"min_duration_s: is {self.min_duration_s!r}, expected 0 or more seconds")
        if self.max_duration_s is not None and not is_number(self.max_duration_s):
            raise CorpusError(f"max_duration_s: is {self.max_duration_s!r}, expected seconds, or null")
        if self.max_duration_s is not None and self.max_duration_s < self.min_duration_s:
            raise CorpusError(
                f"max_duration_s: is {self.max_duration_s:g}, expected at least min_duration_s={self.min_duration_s:g}"
            )


@dataclass
class Prepared:
    """What became of one manifest.

    Attributes:
        path: the manifest, None where not one line was left.
        num_lines: lines written.
        hours: of audio in them.
        left_out: reason -> how many.
        examples: reason -> the first five, as text.
    """

    path: Path | None = None
    num_lines: int = 0
    hours: float = 0.0
    left_out: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, reason: str, what: str) -> None:
        """Counts something that is left out, and keeps it as an example if it is among the first."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        if self.left_out[reason] <= _NUM_EXAMPLES:
            self.examples.setdefault(reason, []).append(what)


def write_corpus(
    items: Iterable[Found | LeftOut], out_dir: str | Path, *, limits: Limits, show_progress: bool = True
) -> dict[str, Prepared]:
    """Checks every recording and writes one manifest per name, and `preparation.json` with what was left out.

    Args:
        items: what was found in the corpus.
        out_dir: folder for `<name>.json`; made if absent.
        limits: what a recording must be.
        show_progress: whether it is shown how far the work is.

    Returns:
        Name of the manifest -> what became of it. Its lines have audio_filepath (absolute), duration, text (but for
        noise) and the fields of the corpus, sorted by file.

    Raises:
        CorpusError: if nothing was found at all.
    """
    everything = list(items)
    if not everything:
        raise CorpusError("found nothing: the folders are there, but hold no recording of this corpus")
    prepared: dict[str, Prepared] = defaultdict(Prepared)
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    seen: set[tuple[str, Path, Any]] = set()
    shown = (
        progress(len(everything), "checking audio", unit="files")
        if show_progress and len(everything) > _MANY
        else nullcontext()
    )
    with ThreadPoolExecutor(_THREADS) as pool, shown as bar:
        checked = pool.map(lambda item: _checked(item, limits), everything)
        for item, duration_or_reason in zip(everything, checked, strict=True):
            if bar is not None:
                bar.update()
            one = prepared[item.manifest]
            if isinstance(item, LeftOut):
                one.leave_out(item.reason, item.what)
            elif isinstance(duration_or_reason, str):
                one.leave_out(duration_or_reason, str(item.audio))
            elif (item.manifest, item.audio, item.fields.get("offset")) in seen:
                one.leave_out("named twice", str(item.audio))
            else:
                seen.add((item.manifest, item.audio, item.fields.get("offset")))
                lines[item.manifest].append(_line(item, duration_or_reason, limits))
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in prepared.items():
        chosen = sorted(lines[name], key=lambda line: str(line["audio_filepath"]))
        if chosen:
            one.path = folder / f"{name}.json"
            write_manifest(one.path, chosen)
        one.num_lines, one.hours = len(chosen), sum(line["duration"] for line in chosen) / 3600.0
    summary = {name: _summary(one) for name, one in sorted(prepared.items())}
    written = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    whole_file.write_text(folder / "preparation.json", written)
    return dict(prepared)


def read_text_lines(path: Path, manifest: str) -> Iterator[str | LeftOut]:
    """Reads a transcript file line by line; a file that is no UTF-8 text, or is not there, is one thing left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        yield LeftOut(manifest, str(path), "transcript file missing")
        return
    except (OSError, UnicodeDecodeError) as error:
        yield LeftOut(manifest, f"{path}: {error}", "transcript file unreadable")
        return
    yield from (line for line in text.replace("\r\n", "\n").split("\n") if line.strip())


def _checked(item: Found | LeftOut, limits: Limits) -> float | str:
    """Returns the duration in seconds, or why the recording is left out."""
    if isinstance(item, LeftOut):
        return item.reason
    if limits.needs_text and item.text is None:
        return "no transcript"
    if limits.needs_text and not str(item.text).strip():
        return "transcript empty"
    if not item.audio.is_file():
        return "audio missing"
    try:
        duration_or_reason = _decoded_duration_s(item.audio) if limits.decode else _header_duration_s(item.audio)
    except AudioError:
        return "audio unreadable"
    if isinstance(duration_or_reason, str):
        return duration_or_reason
    if duration_or_reason < limits.min_duration_s:
        return f"shorter than {limits.min_duration_s:g} s"
    if limits.max_duration_s is not None and duration_or_reason > limits.max_duration_s:
        return f"longer than {limits.max_duration_s:g} s"
    return duration_or_reason


def _header_duration_s(path: Path) -> float | str:
    with open_audio(path) as audio:
        return (audio.frames or 0) / audio.rate if audio.frames else "audio empty"


def _decoded_duration_s(path: Path) -> float | str:
    """Reads every sample; returns the seconds that there are, or what is wrong with them."""
    peak, frames = 0.0, 0
    with open_audio(path) as audio:
        for block in audio.blocks():
            frames += len(block)
            peak = max(peak, float(np.abs(block).max())) if np.isfinite(block).all() else np.inf
        if frames == 0:
            return "audio empty"
        if audio.lacks_end or is_shorter(frames / audio.rate, (audio.claimed_frames or 0) / audio.rate):
            return "audio truncated"
        if not np.isfinite(peak):
            return "audio holds NaN"
        return frames / audio.rate if peak > 0.0 else "audio silent"


def _line(item: Found, duration_s: float, limits: Limits) -> dict[str, Any]:
    line: dict[str, Any] = {"audio_filepath": str(item.audio.absolute()), "duration": round(duration_s, 4)}
    if limits.needs_text:
        line["text"] = item.text
    return {**line, **item.fields}


def _summary(one: Prepared) -> dict[str, Any]:
    return {
        "manifest": None if one.path is None else one.path.name,
        "num_lines": one.num_lines,
        "hours": round(one.hours, 3),
        "left_out": dict(sorted(one.left_out.items())),
        "examples": one.examples,
    }
