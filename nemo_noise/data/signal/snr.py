# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Signal-to-noise ratios: speech plus noise at an exact one, over all or per band, and where ratios are drawn from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft, rfftfreq

from nemo_noise.data.draw.distribution import Form, check_order, finite, read_numbers
from nemo_noise.data.signal.looping import loop_to_length
from nemo_noise.data.signal.speech_level import (
    SILENCE_DB,
    FloatArray,
    active_speech_level_db,
    checked_sample_rate,
    checked_signal,
    rms_db,
)

_BLOCK = 8192  # samples


class SilenceError(ValueError):
    """Speech or noise without sound, in all or in every band, where a ratio of both is needed."""


def mix_at_snr(
    speech: npt.ArrayLike, noise: npt.ArrayLike, *, snr_db: float, sample_rate: int
) -> npt.NDArray[np.float32]:
    """Adds noise to speech at an exact signal-to-noise ratio.

    The ratio is the *active* speech level (ITU-T P.56, so pauses do not count) minus the RMS level of the noise over
    the mixed region. The speech keeps its level, the noise is scaled. The mixture may exceed full scale: it is float
    and nothing is clipped (docs/decisions/002-mixing.md).

    Args:
        speech: mono, floating point, [T].
        noise: mono, floating point, [N]; its first T samples are used, a shorter one is looped with cross-faded seams.
        snr_db: wanted ratio, dB.
        sample_rate: of both, samples per second.

    Returns:
        The mixture, [T].

    Raises:
        ValueError: if speech or noise is empty, silent, not mono or not finite, or snr_db or sample_rate is unusable.
    """
    clean, added, rate = _checked_pair(speech, noise, sample_rate)
    gain = noise_gain(active_speech_level_db(clean, rate), _noise_level_db(added), snr_db)
    return add_noise(clean, added, gain=gain, snr_db=snr_db)


def noise_gain(speech_level_db: float, noise_level_db: float, snr_db: float) -> float:
    """Returns the factor that brings noise of an RMS level to a ratio under speech of an active level, all in dB."""
    gain_db = speech_level_db - noise_level_db - finite(snr_db, "snr_db", "of dB")
    with np.errstate(over="ignore"):  # what is beyond float32 is refused when it is added
        return float(np.float64(10.0) ** (gain_db / 20.0))


def add_noise(
    speech: npt.NDArray[np.floating], noise: npt.NDArray[np.floating], *, gain: float, snr_db: float
) -> npt.NDArray[np.float32]:
    """Adds scaled noise to speech, in float64 and block by block, so that it stays in the processor's cache.

    Returns:
        The mixture, [T], of speech [T] and noise [T] times its gain.

    Raises:
        ValueError: if it does not fit into float32; names the SNR that the gain gives.
    """
    mixture = np.empty(len(speech), np.float32)
    block = np.empty(min(_BLOCK, len(speech)))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(speech), _BLOCK):
            end = min(start + _BLOCK, len(speech))
            part = block[: end - start]
            np.multiply(noise[start:end], gain, out=part, dtype=np.float64)
            np.add(part, speech[start:end], out=part)
            mixture[start:end] = part
    if not np.isfinite(mixture).all():
        raise ValueError(f"snr_db: {snr_db!r} dB puts the noise outside of float32, expected a ratio nearer to 0")
    return mixture


def noise_at_snr(speech: npt.ArrayLike, noise: npt.ArrayLike, *, snr_db: float, sample_rate: int) -> FloatArray:
    """Scales noise so that, added to the speech, it gives the ratio; arguments and errors as for `mix_at_snr`.

    Returns:
        The noise of the mixture alone, [T].
    """
    clean, added, rate = _checked_pair(speech, noise, sample_rate)
    return added * noise_gain(active_speech_level_db(clean, rate), _noise_level_db(added), snr_db)


def mix_at_band_snrs(
    speech: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    edges_hz: Sequence[float],
    snrs_db: Sequence[float],
    sample_rate: int,
) -> npt.NDArray[np.float32]:
    """Adds noise to speech at an exact ratio in each frequency band.

    Both are cut into bands by their spectrum over the whole utterance, which adds up again to what it was. In each
    band the ratio is that of `mix_at_snr`. Noise stays out of a band in which the speech is silent; a band in which
    the noise is silent stays without noise.

    Args:
        speech: mono, floating point, [T].
        noise: mono, floating point, [N]; looped or cut to T.
        edges_hz: between the bands, rising, below half the sample rate; one band fewer than this plus one.
        snrs_db: wanted ratio of each band from the lowest to the highest, dB.
        sample_rate: of both, samples per second.

    Returns:
        The mixture, [T].

    Raises:
        ValueError: as `mix_at_snr`, and if edges_hz and snrs_db do not fit together or to the rate, or no band has
            both speech and noise.
    """
    added = noise_at_band_snrs(speech, noise, edges_hz=edges_hz, snrs_db=snrs_db, sample_rate=sample_rate)
    return add_noise(np.asarray(speech), added, gain=1.0, snr_db=min(snrs_db))


def noise_at_band_snrs(
    speech: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    edges_hz: Sequence[float],
    snrs_db: Sequence[float],
    sample_rate: int,
) -> FloatArray:
    """Scales noise band by band; arguments and errors as for `mix_at_band_snrs`.

    Returns:
        The noise of the mixture alone, [T].
    """
    clean, added, rate = _checked_pair(speech, noise, sample_rate)
    edges = _checked_edges(edges_hz, len(snrs_db), rate)
    length = len(clean)
    band_of_line = np.searchsorted(edges, rfftfreq(length, 1.0 / rate), side="right")  # [lines]
    spectrum, speech_spectrum = rfft(added), rfft(clean)
    gains = np.zeros(len(snrs_db))
    for band, snr_db in enumerate(snrs_db):
        inside = band_of_line == band
        noise_level_db = rms_db(irfft(spectrum * inside, length))
        speech_band = irfft(speech_spectrum * inside, length)
        if noise_level_db >= SILENCE_DB and rms_db(speech_band) >= SILENCE_DB:
            gains[band] = noise_gain(active_speech_level_db(speech_band, rate), noise_level_db, snr_db)
    if not gains.any():
        raise SilenceError(f"noise: no band of {len(gains)} has both speech and noise, expected at least one")
    shaped: FloatArray = irfft(spectrum * gains[band_of_line], length)
    return shaped


class SnrDistribution(Protocol):
    """Where SNRs come from."""

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""


class SnrChoices:
    """SNRs from a list, all as likely; `choices_db` in dB."""

    def __init__(self, choices_db: Sequence[float]) -> None:
        self.choices_db = [finite(value, "snr_db") for value in choices_db]

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""
        return self.choices_db[int(rng.integers(len(self.choices_db)))]


class SnrRange:
    """SNRs uniform between `min_db` and `max_db`."""

    def __init__(self, min_db: float, max_db: float) -> None:
        self.min_db, self.max_db = finite(min_db, "snr_db.min"), finite(max_db, "snr_db.max")
        check_order(self.min_db, self.max_db, "snr_db")

    def draw(self, rng: np.random.Generator) -> float:
        """Draws an SNR in dB."""
        return float(rng.uniform(self.min_db, self.max_db))


class SnrBands(NamedTuple):
    """Frequency bands, each with SNRs of its own: edges between them in Hz, one distribution more than edges."""

    edges_hz: tuple[float, ...]
    snrs: tuple[SnrDistribution, ...]

    def draw(self, rng: np.random.Generator) -> tuple[float, ...]:
        """Draws an SNR in dB for each band, from the lowest to the highest."""
        return tuple(snr.draw(rng) for snr in self.snrs)


def snr_distribution(snr_db: Sequence[float] | Mapping[str, float] | SnrDistribution) -> SnrDistribution:
    """Reads the `snr_db` of a config: a list of choices, or a mapping with exactly `min` and `max`, all in dB.

    What is a distribution already stays.
    """
    if callable(getattr(snr_db, "draw", None)):
        return cast(SnrDistribution, snr_db)
    form, numbers = read_numbers(snr_db, "snr_db")
    if form is Form.NUMBER:
        raise ValueError(f"snr_db: is {snr_db!r}, expected a list like [0, 5, 10] or a range {{min: 0, max: 20}}")
    return SnrChoices(numbers) if form is Form.LIST else SnrRange(*numbers)


def snr_bands(bands: Sequence[Mapping[str, Any]]) -> SnrBands:
    """Reads the `bands` of a config: `{below_hz, snr_db}`, lowest first, the last without `below_hz`."""
    if isinstance(bands, (str, Mapping)) or not isinstance(bands, Sequence) or len(bands) < 2:
        raise ValueError(f"bands: is {bands!r}, expected a list of two or more {{below_hz, snr_db}}")
    edges = []
    for number, band in enumerate(bands):
        wanted = {"snr_db"} if number == len(bands) - 1 else {"below_hz", "snr_db"}
        if not isinstance(band, Mapping) or set(band) != wanted:
            raise ValueError(f"bands[{number}]: is {band!r}, expected exactly {sorted(wanted)}")
        if "below_hz" in band:
            edges.append(finite(band["below_hz"], f"bands[{number}].below_hz"))
    if edges != sorted(set(edges)) or edges[0] <= 0:
        raise ValueError(f"bands: below_hz are {edges}, expected rising numbers above 0")
    return SnrBands(tuple(edges), tuple(snr_distribution(band["snr_db"]) for band in bands))


def _checked_pair(speech: npt.ArrayLike, noise: npt.ArrayLike, sample_rate: int) -> tuple[FloatArray, FloatArray, int]:
    """Returns speech [T], noise of its length [T], and the rate."""
    rate = checked_sample_rate(sample_rate)
    clean = checked_signal(speech, "speech")  # [T]
    added = loop_to_length(checked_signal(noise, "noise"), len(clean), rate)  # [T]
    if rms_db(clean) < SILENCE_DB:
        raise SilenceError(f"speech: is silent (RMS below {SILENCE_DB:g} dB), an SNR has no meaning for noise alone")
    return clean, added, rate


def _noise_level_db(noise: FloatArray) -> float:
    level_db = rms_db(noise)
    if level_db < SILENCE_DB:
        raise SilenceError(f"noise: is silent over the mixed region ({len(noise)} samples), expected noise")
    return level_db


def _checked_edges(edges_hz: Sequence[float], num_bands: int, sample_rate: int) -> FloatArray:
    if num_bands != len(edges_hz) + 1:
        raise ValueError(f"snrs_db: are {num_bands}, expected one more than the {len(edges_hz)} edges_hz")
    edges = np.array([finite(edge, "edges_hz") for edge in edges_hz])
    if np.any(np.diff(edges) <= 0) or np.any(edges <= 0) or np.any(edges >= sample_rate / 2):
        half = sample_rate / 2
        raise ValueError(f"edges_hz: are {list(edges_hz)}, expected rising numbers between 0 and {half:g} Hz")
    return edges
