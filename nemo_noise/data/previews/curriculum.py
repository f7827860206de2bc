# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A curriculum before it is trained with: a table and a picture of SNRs, shares and classes over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nemo_noise.data.curriculum.curriculum import NoiseCurriculum
from nemo_noise.data.draw.clock import EpochClock
from nemo_noise.figure_file import save_figure
from nemo_noise.option_rules import whole

__all__ = ["CurriculumMoment", "curriculum_moments", "draw_curriculum"]

_MOST_TIMES = 10_000
_DRAWS = 60  # SNRs drawn for the picture at each time


class CurriculumMoment(NamedTuple):
    """What a curriculum gives at a time.

    Attributes:
        time: in its units.
        range_db: lowest and highest SNR in dB; None where it leaves the SNR alone.
        drawn_db: some SNRs as training would draw them.
        mix_prob: share of noisy utterances; None where it leaves that alone.
        labels: classes of noise that are allowed; None is all.
    """

    time: int
    range_db: tuple[float, float] | None
    drawn_db: tuple[float, ...]
    mix_prob: float | None
    labels: frozenset[str] | None

    def __str__(self) -> str:
        parts = [f"{self.time:8d}"]
        if self.range_db is not None:
            parts.append("SNR {:6.2f} to {:6.2f} dB".format(*self.range_db))
        if self.mix_prob is not None:
            parts.append(f"noisy {self.mix_prob:5.1%}")
        if self.labels is not None:
            parts.append(f"only {', '.join(sorted(self.labels))}")
        return "  ".join(parts)


def curriculum_moments(config: Mapping[str, Any], until: int, num_times: int) -> list[CurriculumMoment]:
    """Reads a curriculum at even distances.

    Args:
        config: the `curriculum` block of `noise_mix`.
        until: the last time, in its units.
        num_times: from 0 on, 2 or more.

    Raises:
        ValueError: if the block is wrong, or there are too few times.
    """
    if not set(config) - {"unit"}:
        raise ValueError(f"curriculum: is {dict(config)!r}, expected snr_db, mix_prob, labels or another schedule")
    whole(1).check("until", until)
    whole(2, _MOST_TIMES).check("num_times", num_times)
    clock, rng = EpochClock(), np.random.default_rng(0)
    curriculum = NoiseCurriculum(config, clock)
    moments = []
    for time in np.unique(np.linspace(0, until, num_times).round().astype(int)).tolist():
        clock.set(time, time)
        snr = curriculum.snr
        drawn = () if snr is None else tuple(snr.at(time).draw(rng) for _ in range(_DRAWS))
        mix_prob = curriculum.mix_prob(-1.0)
        moments.append(
            CurriculumMoment(
                time,
                None if snr is None else snr.range_db(time),
                drawn,
                None if mix_prob < 0 else mix_prob,
                curriculum.labels(),
            )
        )
    return moments


def draw_curriculum(moments: Sequence[CurriculumMoment], unit: str, path: str | Path) -> None:
    """Draws SNRs (band and dots) and the share of noisy utterances (line) over time.

    Args:
        moments: two or more.
        unit: of the time, for the axis.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axis = figure.subplots()
    times = [moment.time for moment in moments]
    ranges = [moment.range_db for moment in moments if moment.range_db is not None]
    if ranges:
        lowest, highest = zip(*ranges, strict=True)
        axis.fill_between(times, lowest, highest, step="post", alpha=0.2, linewidth=0)
        dots = np.array([(moment.time, snr_db) for moment in moments for snr_db in moment.drawn_db])
        axis.scatter(dots[:, 0], dots[:, 1], s=2, alpha=0.5)
    axis.set_xlabel(unit)
    axis.set_ylabel("SNR in dB")
    shares = [moment.mix_prob for moment in moments if moment.mix_prob is not None]
    if shares:
        right = axis.twinx()
        right.plot(times, shares, color="tab:orange", drawstyle="steps-post")
        right.set_ylim(0.0, 1.05)
        right.set_ylabel("share of noisy utterances")
    save_figure(figure, path, dpi=110)
