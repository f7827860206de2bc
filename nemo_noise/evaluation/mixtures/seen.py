# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The option `noise_lists`: its forms, and what models have seen in training of noise lists, rooms and channels."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nemo_noise.evaluation.mixtures.acoustics import Acoustics, check_seen
from nemo_noise.evaluation.mixtures.names import check_list_name
from nemo_noise.foreign_text import printable

__all__ = ["collect_seen", "name_noise_lists", "noise_manifests"]

SHOULD = "should be a manifest or a folder of noise, or a mapping such as {street: a.json, office: [b.json, c.json]}"


def name_noise_lists(given: Any) -> dict[str, Any]:
    """Turn the option into a mapping, and check it.

    Args:
        given: a manifest or a folder, a list of them (each is a noise list by the name of its file), or a mapping.

    Returns:
        By name a manifest, several, or `{manifest: ..., seen: true|false}`.

    Raises:
        ValueError: it is something else, or a name or an entry is wrong; names it.
    """
    if isinstance(given, str) and given.strip():
        given = [given]
    if isinstance(given, Sequence) and not isinstance(given, str) and given and all(map(_is_path, given)):
        names = [re.sub(r"[^A-Za-z0-9_-]", "_", Path(path).stem) for path in given]
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise ValueError(f"noise_lists holds two of the name {repeated[0]!r}, {SHOULD}")
        given = dict(zip(names, given, strict=True))
    if not isinstance(given, Mapping):
        raise ValueError(f"noise_lists is {printable(repr(given), 100)}, {SHOULD}")
    for name, entry in given.items():
        if not isinstance(name, str):
            raise ValueError(f"noise_lists holds the name {name!r}, should be a text, in quotes where it is a number")
        check_list_name(name)
        manifest = _entry(name, entry)["manifest"]
        several = [manifest] if isinstance(manifest, str | Path) else manifest
        if not (isinstance(several, Sequence) and several and all(map(_is_path, several))):
            raise ValueError(
                f"noise_lists.{name} is {manifest!r}, should be a manifest or a folder, or a list of them"
            )
    return dict(given)


def noise_manifests(noise_lists: Mapping[str, Any]) -> dict[str, Any]:
    """Take the manifests out of `noise_lists`: one or several by name.

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


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path) and bool(str(value).strip())
