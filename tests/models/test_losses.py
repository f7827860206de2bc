# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the pretraining losses promise."""

import math

import pytest
import torch
from torch.nn import functional

from nemo_noise.models.pretraining.codes import MaskedCodeLoss
from nemo_noise.models.pretraining.contrast import EnvironmentContrastiveLoss
from nemo_noise.models.pretraining.redundancy import RedundancyLoss, SpeechLeakageLoss, VarianceLoss, effective_rank
from nemo_noise.models.pretraining.snr import SNRRegressionLoss

INF = float("inf")


def test_infonce_of_random_views_is_near_ln_of_the_batch_size() -> None:
    torch.manual_seed(0)
    loss = EnvironmentContrastiveLoss(temperature=1.0)
    first, second = torch.randn(64, 256), torch.randn(64, 256)
    value = loss(first=first, second=second, environment=torch.arange(64), snr_db=torch.zeros(64))
    assert value.item() == pytest.approx(math.log(64), abs=0.05)


def test_infonce_of_identical_distinct_views_is_near_zero() -> None:
    views = torch.eye(16)
    value = EnvironmentContrastiveLoss()(
        first=views, second=views, environment=torch.arange(16), snr_db=torch.zeros(16)
    )
    assert value.item() < 0.01


def test_infonce_equals_cross_entropy_of_hand_built_logits() -> None:
    torch.manual_seed(1)
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    environment = torch.tensor([0, 0, 1, 0, -1])
    snr_db = torch.tensor([0.0, 2.9, 0.0, 3.0, INF])
    rows = []
    for i in range(5):
        row = [functional.cosine_similarity(first[i], second[j], dim=0) / 0.2 for j in range(5)]
        for j in range(5):
            if i != j and environment[i] == environment[j] and abs(snr_db[i] - snr_db[j]) < 3:
                row[j] = torch.tensor(-INF)
        rows.append(torch.stack(row))
    logits, target = torch.stack(rows), torch.arange(5)
    expected = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
    value = EnvironmentContrastiveLoss(temperature=0.2)(
        first=first, second=second, environment=environment, snr_db=snr_db
    )
    torch.testing.assert_close(value, expected)
    assert (logits == -INF).sum() == 4  # rows 0-1 and 1-3, both ways; 0 and 3 lie 3 dB apart


def test_clean_rows_are_no_negatives_of_each_other_and_gradients_stay_finite() -> None:
    first, second = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
    value = EnvironmentContrastiveLoss()(
        first=first, second=second, environment=torch.full((4,), -1), snr_db=torch.full((4,), INF)
    )
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    assert first.grad is not None and torch.isfinite(first.grad).all()


def test_masked_loss_of_uniform_scores_is_ln_of_the_number_of_codes() -> None:
    mask = torch.zeros(2, 6, dtype=torch.bool)
    mask[:, 2:4] = True
    value = MaskedCodeLoss()(logits=torch.zeros(2, 6, 32), codes=torch.randint(32, (2, 6)), mask=mask)
    assert value.item() == pytest.approx(math.log(32), abs=1e-5)


def test_targets_and_scores_outside_the_mask_change_nothing() -> None:
    torch.manual_seed(0)
    logits, codes = torch.randn(2, 6, 5), torch.randint(5, (2, 6))
    mask = torch.zeros(2, 6, dtype=torch.bool)
    mask[:, 2:4] = True
    loss = MaskedCodeLoss()
    other_codes = torch.where(mask, codes, (codes + 1) % 5)
    other_logits = torch.where(mask[..., None], logits, torch.full_like(logits, float("nan")))
    assert loss(logits=logits, codes=codes, mask=mask) == loss(logits=other_logits, codes=other_codes, mask=mask)
    changed = torch.where(mask, (codes + 1) % 5, codes)
    assert loss(logits=logits, codes=codes, mask=mask) != loss(logits=logits, codes=changed, mask=mask)


def test_masked_loss_without_a_mask_is_zero_and_differentiable() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    value = MaskedCodeLoss()(
        logits=logits, codes=torch.zeros(2, 3, dtype=torch.int64), mask=torch.zeros(2, 3, dtype=torch.bool)
    )
    value.backward()
    assert value.item() == 0.0


def test_snr_loss_leaves_infinite_snrs_out() -> None:
    loss = SNRRegressionLoss(center_db=5.0, scale_db=10.0)
    prediction = torch.tensor([0.5, 3.0, -3.0])
    value = loss(prediction=prediction, snr_db=torch.tensor([10.0, INF, -INF]))
    assert value.item() == pytest.approx(0.0, abs=1e-7)
    assert loss(prediction=prediction, snr_db=torch.tensor([INF, INF, -INF])).item() == 0.0


def test_variance_loss_punishes_equal_contexts_only() -> None:
    torch.manual_seed(0)
    assert VarianceLoss()(context=torch.ones(8, 4)).item() > 0.9
    assert VarianceLoss()(context=3.0 * torch.randn(256, 4)).item() == 0.0


def test_redundancy_loss_is_zero_for_equal_views_with_independent_dimensions_and_one_for_strangers() -> None:
    torch.manual_seed(0)
    views = torch.randn(4096, 4)
    loss = RedundancyLoss()
    assert loss(first=views, second=5.0 * views + 1.0).item() == pytest.approx(0.0, abs=0.01)
    assert loss(first=views, second=torch.randn(4096, 4)).item() == pytest.approx(1.0, abs=0.1)
    copied = views[:, :1].expand(-1, 4)
    assert loss(first=copied, second=copied).item() == pytest.approx(0.05 * 3, abs=0.01)


def test_leakage_loss_is_one_for_contexts_that_follow_the_speech_and_zero_for_those_that_do_not() -> None:
    torch.manual_seed(0)
    views = torch.randn(4096, 4)
    loss = SpeechLeakageLoss()
    assert loss(context=views, same_speech=2.0 * views - 3.0).item() == pytest.approx(1.0, abs=0.01)
    assert loss(context=views, same_speech=torch.randn(4096, 4)).item() == pytest.approx(0.0, abs=0.01)
    assert loss(context=views[:1], same_speech=views[:1]).item() == 0.0


def test_effective_rank_counts_directions() -> None:
    torch.manual_seed(0)
    assert effective_rank(torch.randn(4000, 8)).item() == pytest.approx(8.0, abs=0.1)
    assert effective_rank(torch.randn(100, 1) @ torch.randn(1, 8)).item() == pytest.approx(1.0, abs=0.01)
    assert torch.isfinite(effective_rank(torch.ones(5, 3)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: EnvironmentContrastiveLoss(temperature=0.0), "temperature=0.0 must be above 0"),
        (lambda: EnvironmentContrastiveLoss(snr_margin_db=-1.0), "snr_margin_db=-1.0"),
        (lambda: SNRRegressionLoss(scale_db=0.0), "scale_db=0.0"),
        (lambda: RedundancyLoss(off_diagonal=-1.0), "off_diagonal=-1.0"),
        (lambda: SpeechLeakageLoss(off_diagonal=-1.0), "off_diagonal=-1.0"),
        (lambda: VarianceLoss(target=0.0), "target=0.0"),
    ],
)
def test_a_bad_argument_is_named(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
