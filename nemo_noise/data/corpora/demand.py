# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""DEMAND (Thiemann et al., 2013): `<environment>/ch01.wav` to `ch16.wav`, five minutes each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut

__all__ = ["find_demand"]

CATEGORIES = {
    "D": "domestic", "N": "nature", "O": "office", "P": "public", "S": "street", "T": "transportation"
}  # fmt: skip


def find_demand(root: Path, channels: Sequence[int] = (1,)) -> Iterator[Found | LeftOut]:
    """Finds the recordings of DEMAND, at any depth: its archives unpack to one folder per environment.

    Args:
        root: the folder with the environments.
        channels: 1 to 16. The sixteen microphones of an environment got the same, so the first one is the default.

    Returns:
        Recordings with `label` (the environment, such as DKITCHEN), category and channel; one manifest, `demand`.

    Raises:
        CorpusError: if no environment is there, or a channel is not 1 to 16.
    """
    wrong = [channel for channel in channels if channel not in range(1, 17)]
    if wrong or not channels:
        raise CorpusError(f"channels: has {wrong}, expected some of 1 to 16")
    environments = sorted({path.parent for path in root.rglob("ch[0-9][0-9].wav")})
    if not environments:
        raise CorpusError(f"{root}: no environment of DEMAND, expected folders such as DKITCHEN with ch01.wav")
    for folder in environments:
        for channel in channels:
            fields = {"label": folder.name, "category": CATEGORIES.get(folder.name[:1], "other"), "channel": channel}
            yield Found("demand", folder / f"ch{channel:02d}.wav", None, fields)
