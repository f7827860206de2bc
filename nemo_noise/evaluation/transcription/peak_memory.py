# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Peak memory: of the device on CUDA, of the whole process on a CPU under Linux, unknown elsewhere."""

from pathlib import Path
from types import TracebackType

import torch

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
RESET_PEAK = "5"  # what the kernel calls this, see proc(5)


class PeakMemory:
    """Measures the highest memory while its block runs.

    Args:
        device: where the model runs.

    Attributes:
        megabytes: the peak in 10^6 bytes after the block; None where it cannot be known.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.megabytes: float | None = None

    def __enter__(self) -> "PeakMemory":
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            try:
                CLEAR.write_text(RESET_PEAK)
            except OSError:  # another system, or a container that forbids it: the peak since the start is no answer
                self.device = torch.device("meta")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.type == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated(self.device) / 1e6
        elif self.device.type != "meta":
            lines = [line.split() for line in STATUS.read_text().splitlines()]
            self.megabytes = next((int(line[1]) * 1024 / 1e6 for line in lines if line[:1] == ["VmHWM:"]), None)
