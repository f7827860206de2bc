# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What models have seen in training: the `seen` of noise lists, rooms and channels."""

from collections.abc import Mapping
from typing import Any

from nemo_noise.evaluation.mixtures.acoustics import Acoustics, check_seen


def noise_manifests(noise_lists: Mapping[str, Any]) -> dict[str, Any]:
    """Take the manifests out of `noise_lists`.

    Args:
        noise_lists: by name a manifest, several, or `{manifest: ..., seen: true|false}`.

    Returns:
        One or several manifests by name.

    Raises:
        ValueError: an entry has another key, lacks `manifest`, or `seen` is neither true nor false.
    """
    return {name: _entry(name, entry)["manifest"] for name, entry in noise_lists.items()}


def collect_seen(noise_lists: Mapping[str, Any] | None, acoustics: Acoustics) -> dict[str, dict[str, bool]]:
    """Say by axis (noise, room, channel) and name what was seen; what the config does not say is left out."""
    said = {
        "noise": {name: _entry(name, entry).get("seen") for name, entry in (noise_lists or {}).items()},
        "room": {name: room.seen for name, room in acoustics.rooms.items()},
        "channel": {name: channel.seen for name, channel in acoustics.channels.items()},
    }
    known = {axis: {name: seen for name, seen in of.items() if seen is not None} for axis, of in said.items()}
    return {axis: of for axis, of in known.items() if of}


def _entry(name: str, entry: Any) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        return {"manifest": entry}
    unknown = [key for key in entry if key not in ("manifest", "seen")]
    if unknown or entry.get("manifest") is None:
        wrong = f"has the unknown key {unknown[0]!r}" if unknown else f"is {dict(entry)!r} without a manifest"
        raise ValueError(f"noise_lists.{name} {wrong}, should be {{manifest: file or files, seen: true or false}}")
    check_seen(f"noise_lists.{name}", entry.get("seen"))
    return entry
