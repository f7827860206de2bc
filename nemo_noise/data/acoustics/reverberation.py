# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech in a room: with a talker who stays, and with one who comes nearer or goes away."""

import numpy as np

from nemo_noise.data.acoustics.effect import Effect, Settings, Wave, effect
from nemo_noise.data.acoustics.impulse_response import (
    at_level_of,
    convolve_aligned,
    direct_to_reverberant_db,
    split_direct,
    with_direct_to_reverberant_db,
)
from nemo_noise.data.acoustics.rooms import Rooms
from nemo_noise.data.draw.distribution import Knob, KnobValue

__all__ = ["MovingTalker", "Reverberation"]


@effect("reverberation")
class Reverberation(Effect):
    """Puts the talker into a room.

    The direct sound stays at its old place in time, the ring of the last word is cut off at the end of the utterance,
    and the RMS level of the whole stays what it was.

    Args:
        rooms: where the impulse responses come from.
        drr_db: direct-to-reverberant ratio to give the response, dB; None keeps the room's own.
    """

    def __init__(self, rooms: Rooms, drr_db: KnobValue | None = None) -> None:
        self.rooms = rooms
        self._drr = None if drr_db is None else Knob(drr_db, "drr_db", low=-40.0, high=60.0)

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        room = self.rooms.draw(sample_rate, rng)
        response, settings = room.response, dict(room.settings)
        if self._drr is not None:
            ratio_db = self._drr.draw(rng)
            response = with_direct_to_reverberant_db(response, sample_rate, ratio_db)
            settings["drr_db"] = ratio_db
        return at_level_of(convolve_aligned(wave, response, room.direct), wave), settings


@effect("moving_talker")
class MovingTalker(Effect):
    """Puts a talker into a room who walks: the direct sound changes, the reverberation stays.

    The direct-to-reverberant ratio goes from one value at the first sample to another at the last, evenly in dB: the
    level of the direct sound moves, as it does with distance, while the reverberant field is the same everywhere. The
    direct sound stays at its place in time (no Doppler shift); the RMS level of the whole stays what it was.

    Args:
        rooms: where the impulse responses come from.
        start_drr_db: ratio at the start, dB.
        end_drr_db: ratio at the end, dB.
    """

    def __init__(self, rooms: Rooms, start_drr_db: KnobValue, end_drr_db: KnobValue) -> None:
        self.rooms = rooms
        self._start = Knob(start_drr_db, "start_drr_db", low=-40.0, high=60.0)
        self._end = Knob(end_drr_db, "end_drr_db", low=-40.0, high=60.0)

    def _process(self, wave: Wave, sample_rate: int, rng: np.random.Generator) -> tuple[Wave, Settings]:
        room = self.rooms.draw(sample_rate, rng)
        start_db, end_db = self._start.draw(rng), self._end.draw(rng)
        own_db = direct_to_reverberant_db(room.response, sample_rate)
        if not np.isfinite(own_db):
            raise ValueError("rooms: the response has no reverberation, its direct-to-reverberant ratio cannot move")
        direct, reverberation = split_direct(room.response, sample_rate)
        gain_db = np.linspace(start_db, end_db, len(wave)) - own_db  # [T]
        near = convolve_aligned(wave, direct, room.direct) * 10.0 ** (gain_db / 20.0)
        far = convolve_aligned(wave, reverberation, room.direct)
        settings = {**room.settings, "drr_db": start_db, "end_drr_db": end_db}
        return at_level_of(near + far, wave), settings
