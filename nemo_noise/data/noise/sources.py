# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Several sources of noise side by side: lists of recordings and babble, each with a weight and SNRs of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nemo_noise.configuration import is_number
from nemo_noise.data.draw.distribution import finite
from nemo_noise.data.noise.babble import Babble
from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList
from nemo_noise.data.signal.snr import SnrDistribution, snr_distribution

_KEYS = {"name", "manifest_path", "weight", "snr_db", "talkers"}


class Noises(Protocol):
    """Where crops of noise come from."""

    def crop(self, rng: np.random.Generator, num_samples: int, labels: frozenset[str] | None = None) -> NoiseCrop:
        """Draws a crop of num_samples, of noises of the classes `labels` if there are any."""

    def labels(self) -> frozenset[str]:
        """The classes of its noises."""

    def at_rate(self, sample_rate: int) -> "Noises":
        """Returns the same noises at another rate; itself if the rate is the same."""

    def check(self) -> None:
        """Decodes everything; raises the ManifestError of a bad recording."""


@dataclass(frozen=True)
class NoiseSource:
    """A source among others.

    Attributes:
        name: for logs, previews and curricula.
        noises: where its crops come from.
        weight: how often it is drawn, in relation to the others; 0 is never.
        snr: the SNRs of its mixtures; None where the SNR is drawn per band.
    """

    name: str
    noises: Noises
    weight: float
    snr: SnrDistribution | None


def noise_sources(
    sources: Sequence[Mapping[str, Any]],
    *,
    snr_db: Any,
    sample_rate: int,
    cache_limit_mb: float,
    decoded_dir: str | Path | None,
    needs_snr: bool,
) -> list[NoiseSource]:
    """Reads the `sources` of a config.

    Args:
        sources: mappings with `manifest_path` and, as wanted, `name`, `weight`, `snr_db`, and `talkers` for babble.
        snr_db: for sources without their own; may be None.
        sample_rate: of the crops, samples per second.
        cache_limit_mb: memory for decoded noise, shared evenly.
        decoded_dir: folder for decoded noise, or None.
        needs_snr: whether a source without SNRs is an error.

    Raises:
        ValueError: if an entry has unknown keys, a bad weight, no SNR, or a name twice; ManifestError for bad lists.
    """
    if isinstance(sources, (str, Mapping)) or not isinstance(sources, Sequence) or not sources:
        raise ValueError(f"sources: is {sources!r}, expected a list of {{manifest_path, weight, snr_db}}")
    if not is_number(cache_limit_mb, low=0.0):
        raise ValueError(f"cache_limit_mb: is {cache_limit_mb!r}, expected MB, 0 or more")
    read = partial(
        NoiseList, sample_rate=sample_rate, cache_limit_mb=cache_limit_mb / len(sources), decoded_dir=decoded_dir
    )
    made = [
        _source(source, f"sources[{number}]", snr_db=snr_db, read=read, needs_snr=needs_snr)
        for number, source in enumerate(sources)
    ]
    names = [source.name for source in made]
    if len(set(names)) < len(names):
        raise ValueError(f"sources: the names are {names}, expected each once; give every source a name")
    if not any(source.weight for source in made):
        raise ValueError("sources: all weights are 0, expected at least one above")
    return made


def draw_source(sources: Sequence[NoiseSource], weights: Sequence[float], rng: np.random.Generator) -> NoiseSource:
    """Draws a source by weight."""
    ends = np.cumsum(weights)
    return sources[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]


def at_rate(sources: Sequence[NoiseSource], sample_rate: int) -> list[NoiseSource]:
    """Returns the same sources with crops at another rate."""
    return [replace(source, noises=source.noises.at_rate(sample_rate)) for source in sources]


def _source(source: Any, place: str, *, snr_db: Any, read: Callable[..., NoiseList], needs_snr: bool) -> NoiseSource:
    if not isinstance(source, Mapping) or not {"manifest_path"} <= set(source) <= _KEYS:
        raise ValueError(
            f"{place}: is {source!r}, expected manifest_path and any of {sorted(_KEYS - {'manifest_path'})}"
        )
    weight = finite(source.get("weight", 1.0), f"{place}.weight")
    if weight < 0:
        raise ValueError(f"{place}.weight: is {weight:g}, expected 0 or more")
    own_snr = source.get("snr_db", snr_db)
    if needs_snr and own_snr is None:
        raise ValueError(f"{place}.snr_db: is missing, and there is no snr_db for all sources")
    if not needs_snr and "snr_db" in source:
        raise ValueError(f"{place}.snr_db: is given beside bands, expected one of the two")
    if not isinstance(source.get("name", ""), str | None):
        raise ValueError(f"{place}.name: is {source['name']!r}, expected a text, in quotes where it is a number")
    recordings = read(source["manifest_path"])
    noises: Noises = Babble(recordings, source["talkers"]) if "talkers" in source else recordings
    paths = source["manifest_path"]
    first = paths if isinstance(paths, (str, Path)) else paths[0]
    name = source.get("name") or Path(first).stem
    return NoiseSource(name, noises, weight, snr_distribution(own_snr) if needs_snr else None)
