# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which recordings of a list can be used: the others are found at the start, left out, counted and named."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from nemo.utils import logging

from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, read_entry
from nemo_noise.data.signal.speech_level import SILENCE_DB

__all__ = ["Complaint", "Unusable", "find_unusable", "no_noise", "no_speech", "usable_entries"]

_SHORTEST_S = 0.01
_CONSTANT_DB = 40.0  # sound this far under a constant part is not what a level or an SNR is about
_NAMED = 20
_THREADS = 4
_BAR_AFTER_S = 5.0

Samples = npt.NDArray[np.float32]
Complaint = Callable[[Samples, int], str | None]
_VERDICTS: dict[tuple[str | int | float | None, ...], str | None] = {}  # of this process: file as it was -> complaint


class Unusable(NamedTuple):
    """A line whose audio cannot be used, and why: `file:line: audio: reason`."""

    entry: ManifestEntry
    message: str


def no_noise(samples: Samples, sample_rate: int) -> str | None:
    """Why samples [T] are no noise: too short, silent or constant; None where they are."""
    return _no_sound(samples, sample_rate, "noise")


def no_speech(samples: Samples, sample_rate: int) -> str | None:
    """Why samples [T] are no speech: too short, silent or constant; None where they may be."""
    return _no_sound(samples, sample_rate, "speech")


def find_unusable(entries: Sequence[ManifestEntry], complaint: Complaint) -> list[Unusable]:
    """Decodes the audio of all lines, once per process, and finds what cannot be used.

    Several threads decode; a bar is drawn where that takes more than 5 s. Nothing is kept but the verdicts.

    Args:
        entries: lines of manifests.
        complaint: what is wrong with samples [T] at the file's own rate, None where nothing is.

    Returns:
        What is missing, unreadable, cut off, NaN or complained about, in the order of the lines.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        verdicts = pool.map(lambda entry: _verdict(entry, complaint), entries)
        bar = tqdm(verdicts, "audio is checked", len(entries), unit="files", delay=_BAR_AFTER_S, mininterval=2.0)
        return [
            Unusable(entry, f"{entry.source}: {entry.audio_filepath}: {verdict}")
            for entry, verdict in zip(entries, bar, strict=True)
            if verdict is not None
        ]


def usable_entries(
    entries: Sequence[ManifestEntry], unusable: Sequence[Unusable], what: str = "recordings"
) -> list[ManifestEntry]:
    """Leaves out what cannot be used, and names it in one warning.

    Args:
        entries: lines of manifests.
        unusable: those of them that `find_unusable` found.
        what: what they are, for messages.

    Returns:
        The others, in their order.

    Raises:
        ManifestError: if more than half cannot be used; names up to 20 with file:line and reason.
    """
    if not unusable:
        return list(entries)
    named = "; ".join(one.message for one in unusable[:_NAMED])
    more = f"; and {len(unusable) - _NAMED} more" if len(unusable) > _NAMED else ""
    count = f"{len(unusable)} of {len(entries)} {what}"
    if 2 * len(unusable) > len(entries):
        raise ManifestError(f"{named}{more} ({count} cannot be used, expected at most half)")
    logging.warning(str(ManifestError(f"{count} are left out, they cannot be used: {named}{more}")))
    left_out = {id(one.entry) for one in unusable}
    return [entry for entry in entries if id(entry) not in left_out]


def _verdict(entry: ManifestEntry, complaint: Complaint) -> str | None:
    """What is wrong with an entry, from memory where its file has not changed since."""
    try:
        status = os.stat(entry.audio_filepath)  # noqa: PTH116  names of any kind
    except (OSError, ValueError):
        return "no such file"
    file = (entry.audio_filepath, status.st_mtime_ns, status.st_size, entry.offset_s, entry.duration)
    key = (*file, complaint.__module__, complaint.__qualname__)
    if key not in _VERDICTS:
        _VERDICTS[key] = _complaint_about(entry, complaint)
    return _VERDICTS[key]


def _complaint_about(entry: ManifestEntry, complaint: Complaint) -> str | None:
    if not os.path.isfile(entry.audio_filepath):  # noqa: PTH113
        return "no such file"
    try:
        recording = read_entry(entry)
    except ManifestError as error:
        return str(error).removeprefix(f"{entry.source}: ").removeprefix(f"{entry.audio_filepath}: ")
    return complaint(recording.samples, recording.sample_rate)


def _no_sound(samples: Samples, sample_rate: int, wanted: str) -> str | None:
    power, mean = float(np.dot(samples, samples)) / len(samples), float(samples.mean())
    if power < 10.0 ** (SILENCE_DB / 10.0):
        return f"is silent, expected {wanted}"
    if len(samples) < _SHORTEST_S * sample_rate:
        return f"holds {len(samples)} samples, expected {_SHORTEST_S:g} s of {wanted} or more"
    if power - mean**2 < power * 10.0 ** (-_CONSTANT_DB / 10.0):
        return f"is constant, expected {wanted}"
    return None
