# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The audio of an evaluation looked at before a model is loaded: what cannot be used is left out, with the reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import soundfile

from nemo.utils import logging

from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, load_entry
from nemo_noise.data.manifests.sensors import read_sensors
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.signal.speech_level import SILENCE_DB, rms_db
from nemo_noise.foreign_text import printable

__all__ = ["Examined", "LeftOut", "check_noises", "examine_speech", "named"]

NAMED = 5  # in one message


class LeftOut(NamedTuple):
    """One utterance, or one mixture of it, that is not evaluated: its name, `file:line` of the speech, and why."""

    name: str
    source: str
    reason: str


@dataclass(frozen=True)
class Examined:
    """What was found in the speech.

    Attributes:
        left_out: utterances that cannot be used.
        resampled: how many of the others come from each lower sample rate, by rate in Hz.
        utterances: how many there were.
        offered: how many the manifests hold, of which these are chosen; 0 where that was not counted.
        seconds: of those that can be used, together.
    """

    left_out: tuple[LeftOut, ...] = ()
    resampled: Mapping[int, int] = field(default_factory=dict)
    utterances: int = 0
    offered: int = 0
    seconds: float = 0.0


def examine_speech(
    entries: Mapping[str, ManifestEntry], sample_rate: int, longest_s: float | None = None, *, offered: int = 0
) -> Examined:
    """Decode every utterance once, and find those that cannot be used.

    Speech longer than `longest_s` (seconds, None for any) is one of them. They are counted and named in one warning.
    """
    left_out: list[LeftOut] = []
    rates: Counter[int] = Counter()
    seconds = 0.0
    for name, entry in entries.items():
        try:
            seconds += _seconds_of(entry, sample_rate, longest_s)
        except ValueError as fault:
            left_out.append(LeftOut(name, entry.source, str(fault).removeprefix(f"{entry.source}: ")))
            continue
        rate = int(soundfile.info(entry.audio_filepath).samplerate)
        if rate < sample_rate:
            rates[rate] += 1
    if left_out:
        logging.warning(f"{len(left_out)} of {len(entries)} utterances are left out: {named(left_out)}")
    return Examined(
        tuple(left_out), dict(sorted(rates.items())), len(entries), offered=offered or len(entries), seconds=seconds
    )


def check_noises(noise_lists: Mapping[str, NoiseList]) -> None:
    """Decode every noise once, so that a bad one is found before a model is loaded.

    Raises:
        ManifestError: a recording cannot be used; counts all, and names list, file:line and reason of the first.
    """
    for name, noises in noise_lists.items():
        found = [_fault_of_noise(noises, index) for index in range(len(noises))]
        faults = [fault for fault in found if fault is not None]
        if faults:
            listed = printable("; ".join(faults[:NAMED]))
            raise ManifestError(
                f"noise_lists.{name}: {len(faults)} of {len(noises)} recordings cannot be used: {listed}; take these "
                "lines out, as every noise of a list must be one"
            )


def named(left_out: Sequence[LeftOut]) -> str:
    """Name the first of what is left out, with the reasons."""
    listed = "; ".join(f"{one.source} ({one.name}): {one.reason}" for one in left_out[:NAMED])
    more = f"; and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
    return printable(listed + more)


def _fault_of_noise(noises: NoiseList, index: int) -> str | None:
    entry = noises.entries[index]
    try:
        noises.load(index)
        read_sensors(entry)
    except ValueError as error:
        return str(error)
    return None


def _seconds_of(entry: ManifestEntry, sample_rate: int, longest_s: float | None) -> float:
    """The length of an utterance; a ValueError states why it cannot be used."""
    samples = load_entry(entry, sample_rate)
    read_sensors(entry)
    if rms_db(samples) < SILENCE_DB:
        raise ValueError("is silent: no SNR can be set, and no word can be transcribed")
    most, seconds = None if longest_s is None else int(longest_s * sample_rate), len(samples) / sample_rate
    if most is not None and len(samples) > most:
        raise ValueError(f"has {len(samples)} samples ({seconds:.2f} s), a model takes {most} ({longest_s:g} s)")
    return seconds
