# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms and channels by name, as a command gives them, beside the blocks of the config."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nemo_noise.checks import near_names
from nemo_noise.data.manifests.given import noise_manifests
from nemo_noise.evaluation.hypothesis import PLAIN

__all__ = ["CHANNELS", "ROOMS", "channels_by_name", "rooms_by_name"]

SMALL_ROOMS = {
    "rt60_s": {"min": 0.2, "max": 0.6},
    "length_m": {"min": 4.0, "max": 9.0},
    "width_m": {"min": 3.2, "max": 6.0},
    "height_m": {"min": 2.5, "max": 3.5},
    "distance_m": {"min": 0.5, "max": 4.0},
    "num_rooms": 20,
    "seed": 0,
}
ROOMS: dict[str, dict[str, Any] | None] = {
    PLAIN.room: None,
    "simulated": {"effects": {"reverberation": {"rooms": {"simulated": SMALL_ROOMS}}}},
}
CHANNELS: dict[str, dict[str, Any] | None] = {
    PLAIN.channel: None,
    "telephone": {"effects": {"telephone_band": {}, "g711": {"law": "mu"}}},
    "internet_call": {"effects": {"opus": {"kbit_per_s": 16}, "packet_loss": {"loss_rate": 0.05, "mean_burst": 2}}},
}


def rooms_by_name(names: Sequence[str], destination: Path, *, option: str = "rooms") -> dict[str, Any]:
    """Rooms in front of the noise, the dry one first.

    Args:
        names: of `ROOMS`, or a folder or manifest of recorded impulse responses.
        destination: a folder for manifests that are made of folders.
        option: what errors name.

    Raises:
        ValueError: a name is neither; lists the names.
    """
    rooms: dict[str, Any] = {PLAIN.room: None}
    for name in names:
        if name not in ROOMS and not Path(name).exists():
            others = f"{', '.join(ROOMS)}, or a folder or manifest of impulse responses"
            raise ValueError(f"{option} is {name!r}{near_names(name, ROOMS)}, should be one of {others}")
        if name in ROOMS:
            rooms[name] = ROOMS[name]
            continue
        known = re.sub(r"[^A-Za-z0-9_-]", "_", Path(name).absolute().stem)
        (manifest,) = noise_manifests({known: name}, destination, option=option)[known]
        rooms[known] = {"effects": {"reverberation": {"rooms": {"recorded": {"manifest_path": str(manifest)}}}}}
    return rooms


def channels_by_name(names: Sequence[str], *, option: str = "channels") -> dict[str, Any]:
    """Channels behind the noise, the wideband one first.

    Raises:
        ValueError: a name is none of `CHANNELS`.
    """
    for name in names:
        if name not in CHANNELS:
            known = ", ".join(CHANNELS)
            raise ValueError(f"{option} is {name!r}{near_names(name, CHANNELS)}, should be one of {known}")
    return {name: CHANNELS[name] for name in dict.fromkeys([PLAIN.channel, *names])}
