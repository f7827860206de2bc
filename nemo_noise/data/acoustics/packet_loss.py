# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech that does not arrive whole: dropped frames, lost packets, and what is played in their place."""

from enum import Enum

import numpy as np
import numpy.typing as npt

from nemo_noise.data.acoustics.effect import Effect, Settings, Wave, effect
from nemo_noise.data.draw.distribution import Knob, KnobValue

__all__ = ["Concealment", "FrameDrops", "PacketLoss", "draw_losses"]

IsLost = npt.NDArray[np.bool_]

_SHORTEST_PERIOD_S, _LONGEST_PERIOD_S = 0.0025, 0.015  # pitch of 400 to 67 Hz
_HISTORY_S = 0.0225 + _LONGEST_PERIOD_S
_FULL_LEVEL_S, _FADED_S = 0.01, 0.06
_RETURN_S = 0.004


class Concealment(Enum):
    """What is played in place of lost packets.

    silence: nothing. repeat: the packet before, again and again. pitch: the last pitch period before, again and again.
    Both repetitions stay at full level for 10 ms, then fade evenly until nothing is left after 60 ms, and
    cross-fade with the speech that comes back, much as ITU-T G.711 Appendix I describes.
    """

    SILENCE = "silence"
    REPEAT = "repeat"
    PITCH = "pitch"


@effect("frame_drops")
class FrameDrops(Effect):
    """A device that drops frames: each frame on its own, silence in its place, the rest where it was.

    Args:
        drop_rate: expected share of dropped frames, 0 to 0.9.
        frame_ms: length of a frame, milliseconds.
    """

    def __init__(self, drop_rate: KnobValue, frame_ms: KnobValue = 20.0) -> None:
        self._rate = Knob(drop_rate, "drop_rate", low=0.0, high=0.9)
        self._frame = Knob(frame_ms, "frame_ms", low=1.0, high=1000.0)

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        rate, frame_ms = self._rate.draw(rng), self._frame.draw(rng)
        frame = max(1, round(1e-3 * frame_ms * sample_rate))
        is_lost = draw_losses(-(-len(wave) // frame), loss_rate=rate, mean_burst=1.0 / (1.0 - rate), rng=rng)
        kept = np.repeat(~is_lost, frame)[: len(wave)]
        return wave * kept, {"dropped_share": float(is_lost.mean()), "frame_ms": frame_ms}


@effect("packet_loss")
class PacketLoss(Effect):
    """A network that loses packets, in bursts, and a receiver that conceals it.

    Packets that arrive stay as they are, but for 4 ms of cross-fade after a concealed gap. The speech stays in its
    place: the receiver plays in time.

    Args:
        loss_rate: expected share of lost packets, 0 to 0.9.
        mean_burst: mean number of packets lost in a row, 1 or more.
        packet_ms: length of a packet, milliseconds.
        concealment: `silence`, `repeat` or `pitch`.
    """

    def __init__(
        self,
        loss_rate: KnobValue,
        *,
        mean_burst: KnobValue = 2.0,
        packet_ms: KnobValue = 20.0,
        concealment: str = "pitch",
    ) -> None:
        self._rate = Knob(loss_rate, "loss_rate", low=0.0, high=0.9)
        self._burst = Knob(mean_burst, "mean_burst", low=1.0, high=1000.0)
        self._packet = Knob(packet_ms, "packet_ms", low=2.5, high=1000.0)
        draw_losses(
            1, loss_rate=self._rate.largest, mean_burst=self._burst.smallest, rng=np.random.default_rng(0)
        )  # is that possible?
        try:
            self.concealment = Concealment(concealment)
        except ValueError:
            allowed = [one.value for one in Concealment]
            raise ValueError(f"concealment: is {concealment!r}, expected one of {allowed}") from None

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        rate, burst, packet_ms = self._rate.draw(rng), self._burst.draw(rng), self._packet.draw(rng)
        packet = max(1, round(1e-3 * packet_ms * sample_rate))
        is_lost = draw_losses(-(-len(wave) // packet), loss_rate=rate, mean_burst=burst, rng=rng)
        played = wave * np.repeat(~is_lost, packet)[: len(wave)]
        if self.concealment is not Concealment.SILENCE:
            for start, end in _gaps(is_lost, packet, len(wave)):
                self._conceal(played, start=start, end=end, packet=packet, sample_rate=sample_rate)
        settings: Settings = {
            "lost_share": float(is_lost.mean()),
            "packet_ms": packet_ms,
            "concealment": self.concealment.value,
        }
        return played, settings

    def _conceal(self, played: Wave, *, start: int, end: int, packet: int, sample_rate: int) -> None:
        """Fills a gap in place from what was played before it; a gap at the very start stays silent."""
        period = packet if self.concealment is Concealment.REPEAT else _pitch_period(played[:start], sample_rate)
        if start < period or period == 0:
            return
        tail = min(int(_RETURN_S * sample_rate), len(played) - end)
        repeated = np.resize(played[start - period : start], end + tail - start)
        seconds = np.arange(len(repeated)) / sample_rate
        repeated *= np.clip((_FADED_S - seconds) / (_FADED_S - _FULL_LEVEL_S), 0.0, 1.0)
        played[start:end] = repeated[: end - start]
        if tail:
            back = (np.arange(tail) + 0.5) / tail
            played[end : end + tail] = back * played[end : end + tail] + (1.0 - back) * repeated[end - start :]


def draw_losses(num_packets: int, *, loss_rate: float, mean_burst: float, rng: np.random.Generator) -> IsLost:
    """Draws which packets are lost, by the two-state chain of Gilbert (1960), where losses come in bursts.

    Whether a packet is lost depends on the one before: a burst goes on with probability 1 - 1/mean_burst, and a new
    one begins with the probability that makes the long-run share of lost packets `loss_rate`. The first packet is
    drawn from that share, so the expected share is exact at any length.

    Args:
        num_packets: how many packets.
        loss_rate: expected share of lost packets, 0 to below 1.
        mean_burst: mean number of packets that are lost in a row; 1 / (1 - loss_rate) makes losses independent.
        rng: decides.

    Returns:
        Whether each packet is lost, [packets].

    Raises:
        ValueError: if the share is out of range, or bursts of this mean length cannot be so rare or so frequent.
    """
    if not 0.0 <= loss_rate < 1.0:
        raise ValueError(f"loss_rate: is {loss_rate:g}, expected 0 to below 1")
    if mean_burst < 1.0:
        raise ValueError(f"mean_burst: is {mean_burst:g}, expected 1 or more packets")
    end = 1.0 / mean_burst
    begin = end * loss_rate / (1.0 - loss_rate)
    if begin > 1.0:
        raise ValueError(
            f"mean_burst: is {mean_burst:g}, expected at least {loss_rate / (1.0 - loss_rate):.3g} packets "
            f"where the share of {loss_rate:g} is lost"
        )
    draws = rng.random(num_packets)
    is_lost = np.zeros(num_packets, dtype=np.bool_)
    lost = False
    for packet, draw in enumerate(draws):
        threshold = loss_rate if packet == 0 else (1.0 - end if lost else begin)
        lost = bool(draw < threshold)
        is_lost[packet] = lost
    return is_lost


def _gaps(is_lost: IsLost, packet: int, length: int) -> list[tuple[int, int]]:
    """Start and end, in samples, of each run of lost packets."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_lost.astype(np.int8), [0]])))
    return [(int(a) * packet, min(int(b) * packet, length)) for a, b in edges.reshape(-1, 2)]


def _pitch_period(history: Wave, sample_rate: int) -> int:
    """Finds the lag at which the last 20 ms look most like what was before them; 0 where there is no history."""
    history = history[-int(_HISTORY_S * sample_rate) :]
    longest = int(_LONGEST_PERIOD_S * sample_rate)
    recent = history[longest:]
    if len(recent) < longest:
        return min(longest, len(history))
    lags = np.arange(int(_SHORTEST_PERIOD_S * sample_rate), longest + 1)
    windows = np.lib.stride_tricks.sliding_window_view(history, len(recent))[longest - lags]  # [lags, recent]
    alike = windows @ recent / np.sqrt(np.sum(np.square(windows), axis=1) + 1e-12)
    return int(lags[np.argmax(alike)])
