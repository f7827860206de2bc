# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to mamba-ssm and causal-conv1d: their CUDA kernels where they are installed and agree with our own path."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nemo.utils import logging

__all__ = ["MixerKernels", "choose_kernels", "find_kernels", "installed_kernels"]

TOLERANCE = 2e-2  # of the largest number: the kernels multiply in TF32
_found: dict[torch.device, "MixerKernels"] = {}


class MixerKernels(NamedTuple):
    """The two loops of a mixer, with the arguments of our own ``chunked_scan`` and ``causal_convolution``."""

    scan: Callable[..., tuple[Tensor, Tensor]]
    convolve: Callable[[Tensor, Tensor, Tensor], Tensor]


def find_kernels(device: torch.device, own: MixerKernels) -> MixerKernels:
    """The kernels to use on a device, looked for and checked once; ``own``, in torch, everywhere but on CUDA."""
    if device.type != "cuda":
        return own
    if device not in _found:
        _found[device] = choose_kernels(installed_kernels(), own, device)
    return _found[device]


def choose_kernels(installed: MixerKernels | None, own: MixerKernels, device: torch.device) -> MixerKernels:
    """The installed kernels if there are any and they agree with ours on random numbers, ours otherwise."""
    if installed is None:
        logging.info("State-space layers run in torch; `pip install mamba-ssm causal-conv1d` brings CUDA kernels.")
        return own
    try:
        difference = _difference(installed, own, device)
    except Exception as error:  # a kernel built for another GPU or another torch fails in ways of its own
        logging.warning(f"The kernels of mamba-ssm or causal-conv1d fail on {device} ({error}); using torch.")
        return own
    if not difference < TOLERANCE:
        logging.warning(
            f"The kernels of mamba-ssm or causal-conv1d differ from our own path by {difference:.1e} of the largest "
            f"number on {device}, more than {TOLERANCE}; using torch."
        )
        return own
    return installed


def installed_kernels() -> MixerKernels | None:
    """The kernels of both packages, or None if one of them cannot be imported."""
    try:
        from causal_conv1d import causal_conv1d_fn
        from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined
    except (ImportError, OSError):  # OSError: a library that was built for another CUDA
        return None

    def scan(
        x: Tensor, dt: Tensor, *, A: Tensor, B: Tensor, C: Tensor, D: Tensor, chunk_size: int, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        y, after = mamba_chunk_scan_combined(
            x, dt, A, B, C, chunk_size=chunk_size, D=D, initial_states=state, return_final_states=True
        )
        return y, after

    def convolve(channels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        convolved = causal_conv1d_fn(channels.transpose(1, 2), weight, bias, activation="silu")
        return convolved.transpose(1, 2)[:, weight.shape[1] - 1 :]  # the frames of the past stay out

    return MixerKernels(scan, convolve)


def _difference(installed: MixerKernels, own: MixerKernels, device: torch.device) -> float:
    """How far outputs, states and gradients lie apart, as a part of the largest number."""
    results = [_results(kernels, device) for kernels in (installed, own)]
    parts = [(a - b).abs().max() / b.abs().max() for a, b in zip(*results, strict=True)]
    return float(torch.stack(parts).nan_to_num(nan=torch.inf).max())


def _results(kernels: MixerKernels, device: torch.device) -> list[Tensor]:
    """What kernels make of the same random numbers: convolved, mixed, state and the gradient of the input."""
    generator = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    num_frames, heads, width, d_state = 150, 2, 64, 64
    channels = numbers(2, 3 + num_frames, heads * width).requires_grad_()
    steps, decay = 0.1 * numbers(2, num_frames, heads).abs(), -1.0 - numbers(heads).abs()
    inputs, outputs = numbers(2, num_frames, 1, d_state), numbers(2, num_frames, 1, d_state)
    state = numbers(2, heads, width, d_state)
    with torch.enable_grad(), torch.autocast(device.type, enabled=False):
        convolved = kernels.convolve(channels, numbers(heads * width, 4), numbers(heads * width))
        values = torch.unflatten(convolved, 2, (heads, width))
        vectors = {"A": decay, "B": inputs, "C": outputs, "D": numbers(heads)}
        y, after = kernels.scan(values, steps, **vectors, chunk_size=64, state=state)
        (gradient,) = torch.autograd.grad((y * numbers(*y.shape)).sum(), channels)
    return [convolved.detach(), y.detach(), after.detach(), gradient]
