# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Long recordings into pieces that a recogniser takes, cut at pauses; the same samples give the same pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

__all__ = ["Piece", "Span", "pieces_of"]

_HOP_S = 0.01
_WINDOW_S = 0.025
_SMOOTHED_HOPS = 5
_BANDS_HZ = (100, 250, 450, 700, 1000, 1400, 1900, 2600, 3600)  # edges
_LOUD_BANDS = 3  # speech in noise stands out in some bands, which differ from sound to sound
_LOWEST_POWER = 1e-8  # of full scale: below it all is equally quiet
_PAUSE_S = 0.2  # shorter ones may be inside a word, as before a plosive
_GAP_S = 0.08  # where there is no pause
_LONG_PAUSE_S = 2.0  # ends a piece wherever it is
_MARGIN_S = 0.4  # of a long pause that stays at either side
_EARLIEST = 0.25  # share of the longest piece before which no short pause ends one
_STEADY_DB = 3.0  # by which noise of one level fluctuates


class Span(NamedTuple):
    """From when to when, seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Piece:
    """A part of a recording.

    Attributes:
        samples: mono, [T].
        start_s: where it begins in the recording.
        end_s: where it ends.
        active: where it is louder than its pauses, in the recording's time; speech or any other sound.
        loudest_db: level of its loudest 50 ms, of full scale.
        contrast_db: from its quiet to its loud moments (5 % and 95 %), in the bands that stand out; about 2 for steady
            noise, 8 and more for speech in steady noise of the same level.
    """

    samples: npt.NDArray[np.float32]
    start_s: float
    end_s: float
    active: tuple[Span, ...]
    loudest_db: float
    contrast_db: float


class _Levels(NamedTuple):
    """How far each hop of one window stands out of the window's floor, and what is quiet in it."""

    db: npt.NDArray[np.float64]  # [hops]
    is_quiet: npt.NDArray[np.bool_]  # [hops]
    is_very_quiet: npt.NDArray[np.bool_]  # [hops]


def pieces_of(
    blocks: Iterable[npt.NDArray[np.float32]], sample_rate: int, *, longest_s: float, begins_s: float = 0.0
) -> Iterator[Piece]:
    """Cuts a stream of blocks into pieces; pauses of 2 s and more are left out but for 0.4 s at either side.

    Args:
        blocks: mono, [T] each, of any lengths; the pieces do not depend on these.
        sample_rate: samples per second.
        longest_s: of a piece, seconds.
        begins_s: time of the first sample.
    """
    if not longest_s >= 1.0:
        raise ValueError(f"longest_s={longest_s!r} must be 1 s or more.")
    hop = round(_HOP_S * sample_rate)
    window = int(longest_s * sample_rate) // hop * hop
    held = np.zeros(0, np.float32)
    at = 0  # samples of the stream before those that are held
    is_in_pause = False  # a long one goes on
    for block, is_last in _with_last(blocks):
        held = np.concatenate([held, block])
        # One hop more than a window decides whether it is the last.
        while len(held) > window or (is_last and len(held)):
            is_end = len(held) <= window
            first, end, taken = _next_cut(held[:window], sample_rate, is_end=is_end, is_in_pause=is_in_pause)
            is_in_pause = end < taken
            if end > first:
                start_s = begins_s + (at + first) / sample_rate
                yield _piece(held[first:end], sample_rate, start_s)
            held, at = held[taken:], at + taken


def _with_last(blocks: Iterable[npt.NDArray[np.float32]]) -> Iterator[tuple[npt.NDArray[np.float32], bool]]:
    waiting: npt.NDArray[np.float32] | None = None
    for block in blocks:
        if waiting is not None:
            yield waiting, False
        waiting = block
    if waiting is not None:
        yield waiting, True


def _next_cut(
    samples: npt.NDArray[np.float32], sample_rate: int, *, is_end: bool, is_in_pause: bool
) -> tuple[int, int, int]:
    """First and end of the next piece, and how many samples are then done."""
    hop = round(_HOP_S * sample_rate)
    levels = _levels(samples, hop, sample_rate)
    hops = len(levels.db)
    margin = round(_MARGIN_S / _HOP_S)
    least = round(_LONG_PAUSE_S / _HOP_S)
    long_pauses = [
        (begin, end)
        for begin, end in _runs(levels.is_very_quiet)
        if end - begin >= (margin + 20 if is_in_pause and begin == 0 else least)
    ]
    first = 0
    if long_pauses and long_pauses[0][0] == 0:
        begin, end = long_pauses.pop(0)
        if end == hops:  # all of it; what may be the start of a word stays
            return 0, 0, len(samples) if is_end else (hops - margin) * hop
        first = end - margin
    if long_pauses:
        begin, end = long_pauses[0]
        return first * hop, (begin + margin) * hop, len(samples) if is_end and end == hops else (end - margin) * hop
    if is_end:
        return first * hop, len(samples), len(samples)
    if first:  # a whole window from here on
        return 0, 0, first * hop
    cut = _best_cut(levels) * hop
    return 0, cut, cut


def _best_cut(levels: _Levels) -> int:
    """The hop at which a window without long pauses is cut: within the longest pause, rather a late one."""
    hops = len(levels.db)
    earliest = int(_EARLIEST * hops)
    for least_s in (_PAUSE_S, _GAP_S):
        best, best_score = None, -1.0
        for begin, end in _runs(levels.is_quiet):
            middle = (begin + end) // 2
            if end - begin >= least_s / _HOP_S and middle >= earliest:
                score = min(1.0, (end - begin) * _HOP_S) + 0.5 * middle / hops
                if score > best_score:
                    best, best_score = middle, score
        if best is not None:
            return best
    wide = np.convolve(levels.db, np.ones(15) / 15, mode="same")
    return int(hops // 2 + np.argmin(wide[hops // 2 : hops - 7])) if hops > 30 else hops


def _piece(samples: npt.NDArray[np.float32], sample_rate: int, start_s: float) -> Piece:
    hop = round(_HOP_S * sample_rate)
    levels = _levels(samples, hop, sample_rate)
    step_s = hop / sample_rate
    active = tuple(
        Span(start_s + begin * step_s, start_s + min(end * step_s, len(samples) / sample_rate))
        for begin, end in _runs(~levels.is_quiet)
    )
    low, high = np.percentile(levels.db, [5, 95])
    loudest = _loudest_db(samples, hop)
    end_s = start_s + len(samples) / sample_rate
    return Piece(np.ascontiguousarray(samples), start_s, end_s, active, loudest, float(high - low))


def _levels(samples: npt.NDArray[np.float32], hop: int, sample_rate: int) -> _Levels:
    above = _above_floor_db(samples, hop, sample_rate)
    floor, loud = np.percentile(above, [5, 99])
    contrast = loud - floor
    return _Levels(
        above,
        above <= floor + min(10.0, max(_STEADY_DB, 0.35 * contrast)),
        above <= floor + min(6.0, max(_STEADY_DB, 0.25 * contrast)),
    )


def _above_floor_db(samples: npt.NDArray[np.float32], hop: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Level of each hop over the floor (5 %) of its band, the mean of the three bands that stand out most: [hops]."""
    hops, width = max(1, -(-len(samples) // hop)), round(_WINDOW_S * sample_rate)
    size = 1 << (width - 1).bit_length()
    before = (width - hop) // 2
    behind = hops * hop + width - before - len(samples)
    is_long = len(samples) > behind
    padded = np.pad(samples, (before, behind), mode="reflect" if is_long else "constant")
    taper = np.hanning(width).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[: hops * hop : hop]  # [hops, width]
    power = np.square(np.abs(rfft(frames * taper, size, axis=1)))  # [hops, bins]
    power /= np.square(taper).sum()
    hertz = np.arange(power.shape[1]) * sample_rate / size
    edges = [edge for edge in _BANDS_HZ if edge <= sample_rate / 2]
    bands = [
        power[:, (hertz >= low) & (hertz < high)].mean(axis=1) for low, high in zip(edges, edges[1:], strict=False)
    ]
    decibels = np.stack([10.0 * np.log10(np.maximum(_smoothed(band), _LOWEST_POWER)) for band in bands], axis=1)
    above = np.sort(decibels - np.percentile(decibels, 5, axis=0), axis=1)  # [hops, bands]
    return above[:, -_LOUD_BANDS:].mean(axis=1)


def _loudest_db(samples: npt.NDArray[np.float32], hop: int) -> float:
    """Level of the loudest 50 ms, dB of full scale."""
    hops = max(1, -(-len(samples) // hop))
    padded = np.zeros(hops * hop, np.float32)
    padded[: len(samples)] = samples
    power = _smoothed(np.square(padded, dtype=np.float64).reshape(hops, hop).mean(axis=1))
    return float(10.0 * np.log10(max(1e-12, float(power.max()))))


def _smoothed(power: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Means over 50 ms around each hop: [hops]."""
    around = np.pad(power.astype(np.float64), _SMOOTHED_HOPS // 2, mode="edge")
    return np.convolve(around, np.ones(_SMOOTHED_HOPS) / _SMOOTHED_HOPS, mode="valid")


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where a mask is true: begin and end of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
