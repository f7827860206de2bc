# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to the CUDA kernels: used where they agree with our own path, refused where they differ or fail."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nemo_noise.modules.mixers.ssm import mamba_kernels
from nemo_noise.modules.mixers.ssm import mixer as ssm
from nemo_noise.modules.mixers.ssm.mamba_kernels import MixerKernels, choose_kernels, find_kernels, installed_kernels
from nemo_noise.modules.mixers.ssm.mixer import Mamba2Mixer, causal_convolution
from nemo_noise.modules.mixers.ssm.state_space_duality import chunked_scan, recurrent_scan

OWN = MixerKernels(chunked_scan, causal_convolution)
CPU = torch.device("cpu")


def _scan_of_the_package(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, **options: Any) -> Any:
    """Stands in for mamba-ssm: the same arguments and results, by the recurrence."""
    assert set(options) == {"chunk_size", "D", "initial_states", "return_final_states"}
    return tuple(recurrent_scan(x, dt, A=A, B=B, C=C, D=options["D"], state=options["initial_states"]))


def _convolution_of_the_package(x: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    """Stands in for causal-conv1d: [B, E, T] with zeros before the first frame."""
    assert activation == "silu"
    padded = F.pad(x, (weight.shape[1] - 1, 0))
    return F.silu(F.conv1d(padded, weight.unsqueeze(1), bias, groups=x.shape[1]))


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Both packages, without CUDA."""
    convolution, scan = ModuleType("causal_conv1d"), ModuleType("mamba_ssm.ops.triton.ssd_combined")
    convolution.causal_conv1d_fn = _convolution_of_the_package
    scan.mamba_chunk_scan_combined = _scan_of_the_package
    modules = {"causal_conv1d": convolution, "mamba_ssm.ops.triton.ssd_combined": scan}
    for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.triton"):
        modules[name] = ModuleType(name)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return modules


def test_kernels_that_agree_are_used_and_give_the_same_stream(
    packages: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = installed_kernels()
    assert installed is not None and choose_kernels(installed, OWN, CPU) is installed
    mixer = Mamba2Mixer(32, d_state=16, head_dim=16).eval()
    hidden, mask = torch.randn(2, 20, 32), torch.arange(20) < torch.tensor([[20], [13]])
    expected = mixer.stream(hidden, mixer.initial_state(hidden), mask)
    monkeypatch.setattr(ssm, "find_kernels", lambda device, own: installed)
    actual = mixer.stream(hidden, mixer.initial_state(hidden), mask)
    assert torch.allclose(actual.hidden, expected.hidden, atol=1e-5)
    assert torch.allclose(actual.state.memory, expected.state.memory, atol=1e-5)


def test_kernels_that_differ_are_refused(packages: dict[str, Any]) -> None:
    packages["causal_conv1d"].causal_conv1d_fn = lambda *args, **options: (
        1.1 * _convolution_of_the_package(*args, **options)
    )
    assert choose_kernels(installed_kernels(), OWN, CPU) is OWN


def test_kernels_that_give_no_number_are_refused(packages: dict[str, Any]) -> None:
    nothing = OWN._replace(convolve=lambda *args: causal_convolution(*args) * torch.nan)
    assert choose_kernels(nothing, OWN, CPU) is OWN


def test_kernels_with_a_wrong_gradient_are_refused() -> None:
    def detached(x: Tensor, dt: Tensor, **options: Any) -> Any:
        y, state = chunked_scan(x, dt, **options)
        return y.detach() + 0.5 * (x - x.detach()), state

    assert choose_kernels(OWN._replace(scan=detached), OWN, CPU) is OWN


def test_kernels_that_fail_are_refused(packages: dict[str, Any]) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("no kernel image is available for execution on the device")

    packages["mamba_ssm.ops.triton.ssd_combined"].mamba_chunk_scan_combined = fail
    assert choose_kernels(installed_kernels(), OWN, CPU) is OWN


def test_without_the_packages_or_without_cuda_our_own_path_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "causal_conv1d", None)  # importing it raises ImportError
    assert installed_kernels() is None
    assert choose_kernels(None, OWN, CPU) is OWN
    assert find_kernels(CPU, OWN) is OWN


def test_a_device_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(mamba_kernels, "installed_kernels", lambda: asked.append(1))
    monkeypatch.setattr(mamba_kernels, "_found", {})
    device = torch.device("cuda", 0)
    assert find_kernels(device, OWN) is find_kernels(device, OWN) is OWN
    assert asked == [1]


@pytest.mark.gpu
def test_on_a_gpu_the_kernels_are_right_or_not_used() -> None:
    mixer = Mamba2Mixer(64).eval()
    hidden, mask = torch.randn(2, 150, 64), torch.arange(150) < torch.tensor([[150], [90]])
    expected = mixer(hidden, mask)
    actual = mixer.cuda()(hidden.cuda(), mask.cuda()).cpu()
    assert (actual - expected).abs().max() < 2e-2 * expected.abs().max()
