# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The option `noise_lists`: its forms, and what models have seen in training of noise lists, rooms and channels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nemo_noise.data.manifests.given import name_noises
from nemo_noise.evaluation.mixtures.acoustics import Acoustics, Surroundings, check_seen
from nemo_noise.evaluation.mixtures.names import check_list_name
from nemo_noise.foreign_text import printable

__all__ = ["NoiseSource", "collect_seen", "parse_noise_lists"]

SHOULD = "should be a manifest or a folder of noise, or a mapping such as {street: a.json, office: [b.json, c.json]}"


class NoiseSource(NamedTuple):
    """One noise list of the option.

    Attributes:
        manifests: manifests, and folders and patterns of noises.
        seen: whether the models were trained with it; None where the config does not say.
    """

    manifests: tuple[str | Path, ...]
    seen: bool | None = None


def parse_noise_lists(given: Any) -> dict[str, NoiseSource]:
    """Parse the option.

    Args:
        given: manifests, folders or patterns (see `name_noises`), or a mapping by name to one, several, or
            `{manifest: ..., seen: true|false}`.

    Returns:
        The noise lists by name.

    Raises:
        ValueError: it is something else, or a name or an entry is wrong; names it.
    """
    if given and (isinstance(given, str) or (isinstance(given, Sequence) and all(map(_is_path, given)))):
        given = name_noises(given)
    if not isinstance(given, Mapping):
        raise ValueError(f"noise_lists is {printable(repr(given), 100)}, {SHOULD}")
    return {name: _parse(name, entry) for name, entry in given.items()}


def collect_seen(noise_lists: Mapping[str, NoiseSource], acoustics: Acoustics) -> dict[str, dict[str, bool]]:
    """List by axis (noise, room, channel) and name what was seen; what the config does not say is left out."""
    axes: dict[str, Mapping[str, NoiseSource] | Mapping[str, Surroundings]]
    axes = {"noise": noise_lists, "room": acoustics.rooms, "channel": acoustics.channels}
    known = {axis: {name: one.seen for name, one in of.items() if one.seen is not None} for axis, of in axes.items()}
    return {axis: of for axis, of in known.items() if of}


def _parse(name: Any, entry: Any) -> NoiseSource:
    if not isinstance(name, str):
        raise ValueError(f"noise_lists holds the name {name!r}, should be a text, in quotes where it is a number")
    check_list_name(name)
    fields = entry if isinstance(entry, Mapping) else {"manifest": entry}
    unknown = [key for key in fields if key not in ("manifest", "seen")]
    if isinstance(entry, Mapping) and (unknown or entry.get("manifest") is None):
        wrong = f"has the unknown key {unknown[0]!r}" if unknown else f"is {dict(entry)!r} without a manifest"
        raise ValueError(f"noise_lists.{name} {wrong}, should be {{manifest: file or files, seen: true or false}}")
    seen, manifest = check_seen(f"noise_lists.{name}", fields.get("seen")), fields["manifest"]
    several = [manifest] if isinstance(manifest, str | Path) else manifest
    if not (isinstance(several, Sequence) and several and all(map(_is_path, several))):
        raise ValueError(f"noise_lists.{name} is {manifest!r}, should be a manifest or a folder, or a list of them")
    return NoiseSource(tuple(several), seen)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path) and bool(str(value).strip())
