# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which packets are lost: the two-state chain of Gilbert (1960), where losses come in bursts."""

import numpy as np
import numpy.typing as npt

__all__ = ["draw_losses"]

IsLost = npt.NDArray[np.bool_]


def draw_losses(num_packets: int, loss_rate: float, mean_burst: float, rng: np.random.Generator) -> IsLost:
    """Draws a pattern of losses.

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
