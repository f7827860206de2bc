# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What devices do to the level: inputs that are overdriven, and automatic gain."""

import math

import numpy as np

from nemo_noise.data.acoustics.effect import Effect, Settings, Wave, effect
from nemo_noise.data.draw.distribution import Knob, KnobValue

__all__ = ["AutomaticGain", "Clipping"]

_BLOCK_S = 0.01


@effect("clipping")
class Clipping(Effect):
    """An input that is overdriven: everything beyond a ceiling becomes the ceiling.

    The ceiling is set for each utterance so that a wanted share of its samples is cut, because a ceiling in dB would
    cut everything of one recording and nothing of another. What lies below the ceiling stays as it is.

    Args:
        clipped_share: share of the samples that are cut, 0 to 0.5.
    """

    def __init__(self, clipped_share: KnobValue) -> None:
        self._share = Knob(clipped_share, "clipped_share", low=0.0, high=0.5)

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        magnitude = np.sort(np.abs(wave))
        cut = round(self._share.draw(rng) * len(wave))
        if cut == 0:
            return wave, {"clipped_share": 0.0, "ceiling": float(magnitude[-1])}
        ceiling = float(magnitude[max(0, len(wave) - cut - 1)])
        if ceiling == 0.0:  # nearly all of the utterance is digital silence
            ceiling = float(magnitude[magnitude > 0.0][0])
        share = float(np.mean(magnitude > ceiling))
        return np.clip(wave, -ceiling, ceiling), {"clipped_share": share, "ceiling": ceiling}


@effect("automatic_gain")
class AutomaticGain(Effect):
    """A gain that pulls the level to a target, fast when it is too loud and slowly when it is too soft.

    Every 10 ms the gain, in dB, goes towards (target - level of the block) as a first-order lag; blocks below a gate
    leave it alone. Between speech the gain therefore creeps up, which is what lifts the noise in pauses. It starts at
    the gain for the level of the first 100 ms that are above the gate.

    Args:
        target_db: RMS level to reach, dB re full scale.
        attack_s: time constant when the gain falls.
        release_s: time constant when it rises.
        max_gain_db: most that it amplifies.
        gate_db: RMS level below which the gain stands still, dB re full scale.
    """

    def __init__(
        self,
        *,
        target_db: KnobValue = -20.0,
        attack_s: KnobValue = 0.05,
        release_s: KnobValue = 0.5,
        max_gain_db: KnobValue = 30.0,
        gate_db: float = -60.0,
    ) -> None:
        self._target = Knob(target_db, "target_db", low=-60.0, high=0.0)
        self._attack = Knob(attack_s, "attack_s", low=0.001, high=60.0)
        self._release = Knob(release_s, "release_s", low=0.001, high=60.0)
        self._most = Knob(max_gain_db, "max_gain_db", low=0.0, high=80.0)
        self._gate = Knob(gate_db, "gate_db", low=-160.0, high=0.0)

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        target, attack, release = self._target.draw(rng), self._attack.draw(rng), self._release.draw(rng)
        most, gate = self._most.draw(rng), self._gate.draw(rng)
        levels_db = _block_levels_db(wave, max(1, int(_BLOCK_S * sample_rate)))
        wanted_db = np.minimum(target - levels_db, most)
        is_open = levels_db >= gate
        open_blocks = np.flatnonzero(is_open)
        gain_db = (
            0.0 if len(open_blocks) == 0 else float(min(target - _mean_level_db(levels_db[open_blocks[:10]]), most))
        )
        fall, rise = 1.0 - math.exp(-_BLOCK_S / attack), 1.0 - math.exp(-_BLOCK_S / release)
        gains_db = np.empty(len(levels_db))
        for block, (wanted, is_open_now) in enumerate(zip(wanted_db, is_open, strict=True)):
            if is_open_now:
                gain_db += (fall if wanted < gain_db else rise) * (wanted - gain_db)
            gains_db[block] = gain_db
        middles = (np.arange(len(gains_db)) + 0.5) * len(wave) / len(gains_db)
        by_sample_db = np.interp(np.arange(len(wave)), middles, gains_db)  # [T]
        settings: Settings = {
            "target_db": target,
            "attack_s": attack,
            "release_s": release,
            "lowest_gain_db": float(gains_db.min()),
            "highest_gain_db": float(gains_db.max()),
        }
        return wave * 10.0 ** (by_sample_db / 20.0), settings


def _block_levels_db(wave: Wave, block: int) -> Wave:
    """RMS levels of blocks of about `block` samples: [T] -> [blocks]."""
    parts = np.array_split(np.square(wave), max(1, len(wave) // block))
    mean_squares = np.array([part.mean() for part in parts])
    return np.asarray(10.0 * np.log10(np.maximum(mean_squares, 1e-20)), dtype=np.float64)


def _mean_level_db(levels_db: Wave) -> float:
    return 10.0 * math.log10(float(np.mean(10.0 ** (levels_db / 10.0))))
