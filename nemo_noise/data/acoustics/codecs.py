# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech codecs that libsndfile brings: G.711 (mu-law, A-law), GSM 06.10 full rate and Opus.

What it does not bring is not here: AMR, AMR-WB, EVS, G.722, G.729, and loss inside of an Opus stream.
"""

import io
from abc import abstractmethod
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr

from nemo_noise.data.acoustics.effect import Effect, Settings, Wave, effect
from nemo_noise.data.draw.distribution import Knob, KnobValue

__all__ = ["CompandingLaw", "G711Codec", "GsmCodec", "OpusCodec"]

TELEPHONE_RATE_HZ = 8000
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
_FULL_SCALE = 0.99  # codecs cut at full scale; louder speech is turned down for them and up again behind them
# libsndfile maps its compression level from 0 to 1 to these bit rates, linearly (ogg_opus.c).
_OPUS_MOST_KBIT_PER_S, _OPUS_LEAST_KBIT_PER_S = 256.0, 6.0


class CompandingLaw(Enum):
    """The two laws of ITU-T G.711: mu in America and Japan, A elsewhere."""

    MU = "mu"
    A = "a"


class _Decoded(NamedTuple):
    """What came back from a codec: samples [T], and the bytes that were on the line."""

    wave: Wave
    num_bytes: int


class _Codec(Effect):
    """Sends speech through a codec at the codec's own rate; length, place and level of the speech stay."""

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        coded_rate = self._rate_hz(sample_rate)
        narrow = _resampled(wave, sample_rate, coded_rate)
        gain = min(1.0, _FULL_SCALE / max(float(np.abs(narrow).max()), 1e-12))
        decoded, settings = self._transcode(narrow * gain, coded_rate, rng)
        seconds = len(narrow) / coded_rate
        settings = {"codec": type(self).__name__, "codec_rate_hz": coded_rate, **settings}
        settings["kbit_per_s"] = round(8e-3 * decoded.num_bytes / seconds, 2)
        return _at_length(_resampled(decoded.wave / gain, coded_rate, sample_rate), len(wave)), settings

    @abstractmethod
    def _rate_hz(self, sample_rate: int) -> int:
        """The rate at which the codec works for speech of a rate."""

    @abstractmethod
    def _transcode(self, wave: Wave, rate: int, rng: np.random.Generator) -> tuple[_Decoded, Settings]:
        """Encodes and decodes a wave below full scale at the codec's rate."""


@effect("g711")
class G711Codec(_Codec):
    """The classical telephone, ITU-T G.711: 8 bits per sample, 64 kbit/s, quantised logarithmically at 8 kHz.

    Args:
        law: `mu` or `a`.
    """

    def __init__(self, law: str = "mu") -> None:
        try:
            self.law = CompandingLaw(law)
        except ValueError:
            raise ValueError(f"law: is {law!r}, expected one of {[one.value for one in CompandingLaw]}") from None

    def _rate_hz(self, sample_rate: int) -> int:
        return TELEPHONE_RATE_HZ

    def _transcode(self, wave: Wave, rate: int, rng: np.random.Generator) -> tuple[_Decoded, Settings]:
        subtype = "ULAW" if self.law is CompandingLaw.MU else "ALAW"
        return _through(wave, rate, container="RAW", subtype=subtype), {"law": self.law.value}


@effect("gsm")
class GsmCodec(_Codec):
    """The first mobile telephones, GSM 06.10 full rate: 13 kbit/s at 8 kHz, frames of 20 ms."""

    def _rate_hz(self, sample_rate: int) -> int:
        return TELEPHONE_RATE_HZ

    def _transcode(self, wave: Wave, rate: int, rng: np.random.Generator) -> tuple[_Decoded, Settings]:
        return _through(wave, rate, container="RAW", subtype="GSM610"), {}


@effect("opus")
class OpusCodec(_Codec):
    """Internet telephony, Opus (RFC 6716), at its variable bit rate.

    Args:
        kbit_per_s: wanted rate, 6 to 256; the rate that came out is among the settings, container included.
    """

    def __init__(self, kbit_per_s: KnobValue = 16.0) -> None:
        self._kbit_per_s = Knob(kbit_per_s, "kbit_per_s", low=_OPUS_LEAST_KBIT_PER_S, high=_OPUS_MOST_KBIT_PER_S)

    def _rate_hz(self, sample_rate: int) -> int:
        return min((rate for rate in OPUS_RATES_HZ if rate >= sample_rate), default=OPUS_RATES_HZ[-1])

    def _transcode(self, wave: Wave, rate: int, rng: np.random.Generator) -> tuple[_Decoded, Settings]:
        asked = self._kbit_per_s.draw(rng)
        level = (_OPUS_MOST_KBIT_PER_S - asked) / (_OPUS_MOST_KBIT_PER_S - _OPUS_LEAST_KBIT_PER_S)
        decoded = _through(wave, rate, container="OGG", subtype="OPUS", compression_level=min(max(level, 0.0), 1.0))
        return decoded, {"asked_kbit_per_s": asked}


def _through(wave: Wave, rate: int, *, container: str, subtype: str, **options: Any) -> _Decoded:
    """Encodes into memory and decodes from there: [T] -> [T]."""
    if subtype not in soundfile.available_subtypes(container):
        raise RuntimeError(
            f"libsndfile {soundfile.__libsndfile_version__} was built without {subtype} in {container}: "
            "pip install --upgrade soundfile"
        )
    with io.BytesIO() as buffer:
        soundfile.write(buffer, wave, rate, format=container, subtype=subtype, **options)
        num_bytes = buffer.tell()
        buffer.seek(0)
        headerless = {"samplerate": rate, "channels": 1, "subtype": subtype, "format": "RAW"}
        decoded, _ = soundfile.read(buffer, dtype="float64", **(headerless if container == "RAW" else {}))
    return _Decoded(_at_length(decoded, len(wave)), num_bytes)


def _resampled(wave: Wave, from_rate: int, to_rate: int) -> Wave:
    """Resamples without delay: [T] -> [T * to / from]."""
    if from_rate == to_rate:
        return wave
    resampled: Wave = soxr.resample(wave, from_rate, to_rate, quality="HQ")
    return resampled


def _at_length(wave: Wave, length: int) -> Wave:
    """Cuts a codec's last frame, or fills what resampling rounded away with silence: [N] -> [T]."""
    return wave[:length] if len(wave) >= length else np.pad(wave, (0, length - len(wave)))
