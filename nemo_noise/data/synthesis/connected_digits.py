# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Connected-digit strings built from recordings of single digits: a small recognition task of known text."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nemo_noise.data.audio.files import change_speed, write_audio
from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, load_entry, write_manifest

# Gaussian floor under the whole string, RMS re full scale: the pauses have no digital silence, whose log-mel is a
# constant that no microphone gives and that a model would take for a word boundary.
DITHER_RMS = 1e-4

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DigitClip:
    """One recording `<digit>_<speaker>_<take>`: its manifest entry, speaker, and which take it is."""

    entry: ManifestEntry
    speaker: str
    take: int

    @property
    def clip_id(self) -> str:
        """File name without its suffix."""
        return Path(self.entry.audio_filepath).stem


def digit_clips(entries: Sequence[ManifestEntry]) -> list[DigitClip]:
    """Reads speaker and take of isolated-digit recordings.

    Files are named `<digit>_<speaker>_<take>.<suffix>`; a field `speaker` wins over that.

    Raises:
        ManifestError: if a line has no text or a file name another form; names file:line.
    """
    clips = []
    for entry in entries:
        parts = Path(entry.audio_filepath).stem.split("_")
        if len(parts) < 3 or not parts[-1].isdecimal():
            raise ManifestError(f"{entry.source}: {entry.audio_filepath} is not named <digit>_<speaker>_<take>")
        if not entry.text or not entry.text.strip():
            raise ManifestError(f"{entry.source}: text is {entry.text!r}, expected the spoken digit")
        speaker = entry.fields.get("speaker") or "_".join(parts[1:-1])
        clips.append(DigitClip(entry, str(speaker), int(parts[-1])))
    return clips


def build_connected_digits(
    entries: Sequence[ManifestEntry],
    out_dir: str | Path,
    *,
    num_utterances: int,
    digits_per_string: tuple[int, int] = (3, 7),
    pause_s: tuple[float, float] = (0.05, 0.4),
    seed: int = 0,
    takes: Collection[int] | Callable[[int], bool] | None = None,
    speeds: Sequence[float] = (1.0,),
    sample_rate: int = 16000,
    manifest_name: str = "strings.json",
) -> Path:
    """Writes FLAC files of connected digits and their manifest; the same arguments give the same bytes.

    Each string has one speaker (all equally likely), digits drawn evenly, a pause before, between and after them, one
    speed, and a noise floor of 1e-4 RMS. The digits keep their level, unless the peak would be too high.

    Args:
        entries: isolated digits, files named `<digit>_<speaker>_<take>.<suffix>`, field `text`.
        out_dir: folder for `<seed>_<number>.flac` and the manifest; made if absent.
        num_utterances: strings to write.
        digits_per_string: fewest and most digits of a string.
        pause_s: shortest and longest pause, seconds.
        seed: 0 or more.
        takes: takes to use (a collection like `range(5, 50)`, or a predicate), all when None: so that training and
            test strings share no recording.
        speeds: factors of which each string gets one; resampling, so 1.1 is faster and higher by 10 %.
        sample_rate: samples per second of the output.
        manifest_name: file name of the manifest in `out_dir`.

    Returns:
        Path of the manifest: audio_filepath (relative), duration, text, speaker, speed, gain, digits (clip ids).

    Raises:
        ValueError: if an argument is out of its range or `takes` leaves no clip.
    """
    _check_ranges(
        num_utterances=num_utterances, digits_per_string=digits_per_string, pause_s=pause_s, speeds=speeds, seed=seed
    )
    pool = _pool_by_speaker(_of_takes(digit_clips(entries), takes))
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    decoded: dict[tuple[str, float], Samples] = {}
    lines: list[dict[str, Any]] = []
    for number in range(num_utterances):
        rng = np.random.default_rng([seed, number])
        speaker = sorted(pool)[int(rng.integers(len(pool)))]
        speed = float(speeds[int(rng.integers(len(speeds)))])
        clips = _drawn_clips(pool[speaker], digits_per_string, rng)
        parts = [_decoded(clip, speed, sample_rate=sample_rate, cache=decoded) for clip in clips]
        string = _joined(parts, pause_s=pause_s, sample_rate=sample_rate, rng=rng)
        name = f"{seed}_{number:05d}.flac"
        gain = write_audio(folder / name, string, sample_rate)
        named = {"audio_filepath": name, "duration": round(len(string) / sample_rate, 4), "text": _text(clips)}
        made = {"speaker": speaker, "speed": speed, "gain": round(gain, 4), "digits": [clip.clip_id for clip in clips]}
        lines.append({**named, **made})
    write_manifest(folder / manifest_name, lines)
    return folder / manifest_name


def _of_takes(clips: list[DigitClip], takes: Collection[int] | Callable[[int], bool] | None) -> list[DigitClip]:
    if takes is None:
        return clips
    wanted = takes if callable(takes) else takes.__contains__
    kept = [clip for clip in clips if wanted(clip.take)]
    if not kept:
        present = sorted({clip.take for clip in clips})
        raise ValueError(f"takes: {takes!r} selects none of {len(clips)} clips, their takes are {present}")
    return kept


def _pool_by_speaker(clips: list[DigitClip]) -> dict[str, dict[str, list[DigitClip]]]:
    """Sorts clips into speaker -> word -> clips, ordered by name so that the order of the manifest does not count."""
    pool: dict[str, dict[str, list[DigitClip]]] = defaultdict(lambda: defaultdict(list))
    for clip in sorted(clips, key=lambda clip: (clip.clip_id, clip.entry.audio_filepath)):
        pool[clip.speaker][str(clip.entry.text).strip()].append(clip)
    if not pool:
        raise ValueError("entries: is empty, expected recordings of digits")
    return pool


def _drawn_clips(
    words: dict[str, list[DigitClip]], digits_per_string: tuple[int, int], rng: np.random.Generator
) -> list[DigitClip]:
    """Draws how many digits a string has, then for each a word and a take of it."""
    names = sorted(words)
    chosen = []
    for _ in range(int(rng.integers(digits_per_string[0], digits_per_string[1] + 1))):
        takes = words[names[int(rng.integers(len(names)))]]
        chosen.append(takes[int(rng.integers(len(takes)))])
    return chosen


def _text(clips: Sequence[DigitClip]) -> str:
    return " ".join(str(clip.entry.text).strip() for clip in clips)


def _decoded(clip: DigitClip, speed: float, *, sample_rate: int, cache: dict[tuple[str, float], Samples]) -> Samples:
    key = (clip.entry.audio_filepath, speed)
    if key not in cache:
        cache[key] = change_speed(load_entry(clip.entry, sample_rate), speed)
    return cache[key]


def _joined(
    parts: list[Samples], *, pause_s: tuple[float, float], sample_rate: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Joins digits with a pause before, between and after them, over the noise floor: [T]."""
    pauses = [np.zeros(round(float(rng.uniform(*pause_s)) * sample_rate)) for _ in range(len(parts) + 1)]
    pieces: list[npt.NDArray[Any]] = [pauses[0]]
    for part, pause in zip(parts, pauses[1:], strict=True):
        pieces += [part, pause]
    string = np.concatenate(pieces).astype(np.float64)
    return string + DITHER_RMS * rng.standard_normal(len(string))


def _check_ranges(
    *,
    num_utterances: int,
    digits_per_string: tuple[int, int],
    pause_s: tuple[float, float],
    speeds: Sequence[float],
    seed: int,
) -> None:
    if num_utterances < 1:
        raise ValueError(f"num_utterances: is {num_utterances}, expected 1 or more")
    if not 1 <= digits_per_string[0] <= digits_per_string[1]:
        raise ValueError(f"digits_per_string: is {digits_per_string}, expected (fewest, most), fewest 1 or more")
    if not 0.0 <= pause_s[0] <= pause_s[1]:
        raise ValueError(f"pause_s: is {pause_s}, expected (shortest, longest) in seconds, not negative")
    if len(speeds) == 0 or not all(0.5 <= speed <= 2.0 for speed in speeds):
        raise ValueError(f"speeds: is {tuple(speeds)}, expected factors from 0.5 to 2.0")
    if seed < 0:
        raise ValueError(f"seed: is {seed}, expected 0 or more")
