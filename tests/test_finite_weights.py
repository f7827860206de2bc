# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that hold NaN or an infinite number are refused by name, place and count."""

import re

import pytest
import torch

from nemo_noise.archive.finite_weights import check_finite, check_model

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_bad_value_is_named_with_tensor_place_and_count(value: float, dtype: torch.dtype) -> None:
    weights = {"encoder.weight": torch.ones(2, 3, dtype=dtype), "encoder.bias": torch.zeros(3, dtype=dtype)}
    check_finite(weights, "model=a.nemo")
    weights["encoder.weight"][1, 2] = value
    sentence = (
        r"model=a.nemo: tensor encoder.weight holds \S+ at \[1, 2\], 1 of its 6 values are not finite\. .*another copy"
    )
    with pytest.raises(ValueError, match=sentence):
        check_finite(weights, "model=a.nemo")


def test_further_tensors_are_counted_and_pairs_are_taken_as_well() -> None:
    layer = torch.nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.fill_(float("nan"))
        layer.bias[0] = float("inf")
    with pytest.raises(ValueError, match=r"tensor weight .* 8 of its 8 values .*; 1 more tensor\(s\)"):
        check_finite(layer.named_parameters(), "a")


def test_whole_numbers_scalars_and_empty_tensors_are_finite() -> None:
    check_finite({"count": torch.tensor(3), "none": torch.zeros(0, 4), "mask": torch.tensor([True])}, "a")
    with pytest.raises(ValueError, match=re.escape("holds nan at [], 1 of its 1 values")):
        check_finite({"scale": torch.tensor(float("nan"))}, "a")


def test_a_foreign_name_does_not_steer_the_terminal() -> None:
    with pytest.raises(ValueError, match=re.escape(r"tensor \x1b[31mred holds")):
        check_finite({"\x1b[31mred": torch.tensor([float("nan")])}, "a")


def test_a_model_is_refused_for_its_parameters_and_its_statistics_but_not_for_a_mask() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    model.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    check_model(model, "model=a.nemo")
    model[1].running_var[1] = float("nan")
    with pytest.raises(ValueError, match=r"model=a.nemo: tensor 1.running_var holds nan at \[1\]"):
        check_model(model, "model=a.nemo")
    with torch.no_grad():
        model[0].bias[0] = float("inf")
    with pytest.raises(ValueError, match=r"tensor 0.bias holds inf at \[0\]"):
        check_model(model, "model=a.nemo")
