# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The device that an option names, or the error that says why it cannot be used here."""

from typing import Any

import torch

__all__ = ["choose_device"]

USABLE = ("cpu", "cuda", "mps")


def choose_device(name: Any) -> torch.device:
    """Turn the option `device` into a device that is there.

    Args:
        name: "cuda", "cuda:1" or "cpu"; None for CUDA where there is one, else the CPU.

    Returns:
        The device.

    Raises:
        ValueError: it is no device, or not here; names the option.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name) if isinstance(name, str) else None
    except RuntimeError:
        device = None
    if device is None or device.type not in USABLE:
        raise ValueError(f"device is {name!r}, should be cuda, cuda:1 or cpu, or null to choose")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, but there is no CUDA here: should be cpu, or null to choose")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise ValueError(f"device is {name!r}, but the last one here is cuda:{last}: should be cuda:0 to cuda:{last}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device is {name!r}, but there is no MPS here: should be cpu, or null to choose")
    if device.type == "cpu" and device.index not in (None, 0):
        raise ValueError(f"device is {name!r}, should be cpu: there is one")
    return device
