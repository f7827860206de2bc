# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Bit rates of the first frames of an MP3 file, from their headers."""

__all__ = ["bit_rates"]

_KBIT_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # MPEG 1, 2, 2.5
_LAYER_3 = 1


def bit_rates(head: bytes) -> set[int]:
    """Reads the rates, kbit/s, of successive Layer III frames in the first bytes of a file; several if they vary."""
    found: set[int] = set()
    place = head.find(b"\xff")
    while 0 <= place < len(head) - 4:
        version, layer = head[place + 1] >> 3 & 3, head[place + 1] >> 1 & 3
        number, rate = head[place + 2] >> 4, head[place + 2] >> 2 & 3
        is_frame = head[place] == 0xFF and head[place + 1] >= 0xE0 and layer == _LAYER_3
        if not is_frame or version not in _RATES_HZ or rate == 3 or number in (0, 15):
            if found:
                return found
            place = head.find(b"\xff", place + 1)
            continue
        kbit = (_KBIT_1 if version == 3 else _KBIT_2)[number]
        found.add(kbit)
        samples_by_8 = 144 if version == 3 else 72
        place += samples_by_8 * 1000 * kbit // _RATES_HZ[version][rate] + (head[place + 2] >> 1 & 1)
    return found
