# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms and devices: what happens to speech between mouth and recogniser, each effect exact and alone."""

from nemo_noise.data.acoustics.codecs import G711Codec, GsmCodec, OpusCodec
from nemo_noise.data.acoustics.effect import Applied, Effect
from nemo_noise.data.acoustics.gain import AutomaticGain, Clipping
from nemo_noise.data.acoustics.packet_loss import FrameDrops, PacketLoss
from nemo_noise.data.acoustics.reverberation import MovingTalker, Reverberation
from nemo_noise.data.acoustics.rooms import RecordedRooms, SimulatedRooms
from nemo_noise.data.acoustics.spectrum import MicrophoneResponse, TelephoneBand

__all__ = [
    "Applied",
    "AutomaticGain",
    "Clipping",
    "Effect",
    "FrameDrops",
    "G711Codec",
    "GsmCodec",
    "MicrophoneResponse",
    "MovingTalker",
    "OpusCodec",
    "PacketLoss",
    "RecordedRooms",
    "Reverberation",
    "SimulatedRooms",
    "TelephoneBand",
]
