# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Masked spans over time and bands, and hard negatives of the environment contrast."""

import math

import pytest
import torch
from omegaconf import DictConfig, open_dict
from torch.nn import functional

from nemo_noise.data.pairs.context_pairs import collate_context_pairs
from nemo_noise.models import NoiseContextPretrainingModel
from nemo_noise.models.pretraining.codes import MaskedCodeLoss
from nemo_noise.models.pretraining.contrast import EnvironmentContrastiveLoss
from nemo_noise.models.pretraining.masked_cells import CellMasking, MaskedCells
from nemo_noise.modules import AttentiveContextEncoder
from tests.models.conftest import task

CELLS = {"num_cepstra": 4, "num_codes": 16, "code_dim": 4, "d_hidden": 16}


@pytest.fixture
def model(pretraining_config: DictConfig) -> NoiseContextPretrainingModel:
    with open_dict(pretraining_config):
        pretraining_config.masking = {"_target_": "nemo_noise.models.pretraining.CellMasking"}
        pretraining_config.tasks = {
            "masked_cells": task("MaskedCells", weight=0.5, **CELLS),
            **pretraining_config.tasks,
        }
        pretraining_config.tasks.masked.weight = 0.0
        pretraining_config.tasks.contrastive.hard_negative_weight = 4.0
    torch.manual_seed(0)
    return NoiseContextPretrainingModel(pretraining_config)


def encoder(feat_in: int) -> AttentiveContextEncoder:
    return AttentiveContextEncoder(feat_in, d_context=8, d_hidden=16)


def batch_of(model: NoiseContextPretrainingModel, count: int = 8):
    dataset = model._train_dl.dataset
    return collate_context_pairs([dataset[index] for index in range(count)])


def test_hidden_cells_are_rectangles_of_zeros_and_never_padding() -> None:
    torch.manual_seed(0)
    masking = CellMasking(num_groups=4, groups_per_span=(2, 3), share=0.1)
    features = torch.randn(16, 12, 203) + 20.0
    length = torch.tensor([203] * 8 + [120] * 8)
    masked, mask = masking(features=features, length=length)
    assert mask.shape == (16, 25, 4) and mask.flatten(1).any(dim=1).all() and not mask[8:, 15:].any()
    cells = mask.repeat_interleave(8, dim=1).repeat_interleave(3, dim=2).transpose(1, 2)  # [B, 12, 200]
    assert (masked[:, :, :200][cells] == 0).all()
    assert torch.equal(masked[:, :, :200][~cells], features[:, :, :200][~cells])
    assert torch.equal(masked[:, :, 200:], features[:, :, 200:])
    one = mask[int(mask.flatten(1).sum(dim=1).argmin())]  # the fewest cells: one rectangle
    steps, groups = one.any(dim=1), one.any(dim=0)
    assert steps.sum() == 4 and groups.sum() in (2, 3)
    assert torch.equal(one, steps[:, None] & groups[None, :])
    for line in (steps, groups):  # in one piece
        assert line.float().diff().abs().sum() <= 2


def test_the_share_of_hidden_cells_is_the_one_asked_for() -> None:
    torch.manual_seed(0)
    masking = CellMasking(num_groups=4, groups_per_span=(2, 4), share=0.4)
    length = torch.full((200,), 400)
    mask = masking(features=torch.ones(200, 8, 400), length=length).mask
    assert mask.float().mean().item() == pytest.approx(0.4, abs=0.05)
    assert mask[:, :, 0].float().mean() > 0.25 and mask[:, :, 3].float().mean() > 0.25


def test_an_utterance_shorter_than_a_step_has_nothing_hidden() -> None:
    features = torch.ones(2, 8, 60)
    masked, mask = CellMasking()(features=features, length=torch.tensor([5, 0]))
    assert not mask.any() and torch.equal(masked, features)


def test_cells_that_were_not_hidden_get_no_gradient_and_their_targets_are_not_read(
    model: NoiseContextPretrainingModel,
) -> None:
    torch.manual_seed(0)
    cells, batch = model.tasks["masked_cells"], batch_of(model)
    features, length = model.preprocessor(input_signal=batch["audio"][:, 0], length=batch["audio_length"][:, 0])
    spans = model.masking(features=features, length=length)
    scores = cells.scores(spans.features, torch.randn(8, 8))
    scores.retain_grad()
    codes = torch.randint(0, 16, spans.mask.shape)
    arguments = {"logits": scores.flatten(1, 2), "mask": spans.mask.flatten(1)}
    loss = MaskedCodeLoss()(codes=codes.flatten(1), **arguments)
    loss.backward()
    assert 0 < spans.mask.float().mean() < 1
    assert (scores.grad[~spans.mask] == 0).all()
    assert (scores.grad[spans.mask].abs().sum(dim=-1) > 0).all()
    changed = torch.where(spans.mask, codes, (codes + 1) % 16)
    assert torch.equal(MaskedCodeLoss()(codes=changed.flatten(1), **arguments), loss)
    by_hand = functional.cross_entropy(scores[spans.mask], codes[spans.mask])
    torch.testing.assert_close(loss, by_hand)


def test_codes_of_a_group_depend_on_the_noise_in_that_group_alone() -> None:
    torch.manual_seed(0)
    cells = MaskedCells(encoder(16), CellMasking(), **CELLS).eval()
    noise, mixture, length = torch.randn(2, 16, 80), torch.randn(2, 12800), torch.tensor([12800, 12800])
    mask = torch.ones(2, 10, 4, dtype=torch.bool)
    plain = cells.targets(noise, mixture, length, mask=mask)
    changed = noise.clone()
    changed[:, 4:8] = 3.0 * torch.randn(2, 4, 80)
    other = cells.targets(changed, mixture, length, mask=mask)
    assert torch.equal(other[:, :, [0, 2, 3]], plain[:, :, [0, 2, 3]])
    assert (other[:, :, 1] == plain[:, :, 1]).float().mean() < 0.5
    assert len(plain.unique()) > 8


def test_copying_what_is_heard_next_to_a_hidden_cell_names_few_codes_and_knowing_the_noise_names_many(
    model: NoiseContextPretrainingModel,
) -> None:
    """The two ways to solve the task, without learning: the mixture's nearest visible cell, or the noise's own."""
    torch.manual_seed(0)
    cells = model.tasks["masked_cells"]
    features_of = model.noise_preprocessor
    batch = batch_of(model, 16)
    is_noisy = batch["snr_db"][:, 0].isfinite() & (batch["snr_db"][:, 0] < 10)
    audio, noise, length = batch["audio"][is_noisy], batch["audio_noise"][is_noisy], batch["audio_length"][is_noisy]
    cells.train()

    def codes_of(signal: torch.Tensor, view: int) -> torch.Tensor:
        features, _ = features_of(input_signal=signal[:, view].clone(), length=length[:, view])
        mask = torch.ones(len(features), features.shape[2] // 8, 4, dtype=torch.bool)
        return cells.targets(features, audio[:, view], length[:, view], mask=mask)

    for _ in range(3):  # calibrate the codes
        codes_of(noise, 0)
    cells.eval()
    target, mixture = codes_of(noise, 0), codes_of(audio, 0)  # [B, S, G]
    other_view = codes_of(noise, 1)
    steps = int(length.min()) // 160 // 8 - 4
    copied = (target[:, 2 : steps + 2] == mixture[:, :steps]).float().mean()  # two steps away: at the edge of a span
    typical = other_view[:, :steps].mode(dim=1, keepdim=True).values  # of the same noise, under other speech
    known = (target[:, 2 : steps + 2] == typical).float().mean()
    assert copied < 0.5 * known, (copied, known)
    assert known > 3.0 / 16, known


def test_the_second_version_learns_saves_and_reaches_every_parameter(
    model: NoiseContextPretrainingModel, tmp_path
) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = batch_of(model)
    values = []
    model.train()
    for _ in range(15):
        torch.manual_seed(0)
        optimizer.zero_grad()
        losses = model._losses(batch)
        losses["loss"].backward()
        optimizer.step()
        values.append(losses["masked_cells"].item())
    assert values[0] == pytest.approx(math.log(16), abs=1.0) and values[-1] < 0.8 * values[0]
    trainable = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in trainable.values())
    expected = sum(model.task_weights[name] * losses[name] for name in model.tasks)
    torch.testing.assert_close(losses["loss"], expected)
    model.eval()
    with torch.no_grad():
        torch.manual_seed(0)
        before = model._losses(batch)["masked_cells"]
        model.save_to(str(tmp_path / "cells.nemo"))
        restored = NoiseContextPretrainingModel.restore_from(str(tmp_path / "cells.nemo"), map_location="cpu")
        torch.manual_seed(0)
        assert torch.equal(restored.eval()._losses(batch)["masked_cells"], before)


def test_both_versions_at_once_are_refused(pretraining_config: DictConfig) -> None:
    with open_dict(pretraining_config):
        pretraining_config.tasks.masked_cells = task("MaskedCells")
    with pytest.raises(ValueError, match="model.masking=SpanMasking must be CellMasking"):
        NoiseContextPretrainingModel(pretraining_config)
    with open_dict(pretraining_config):
        pretraining_config.losses = {"masked": {"weight": 1.0}, "masked_cells": {"weight": 1.0}}
    with pytest.raises(ValueError, match="two versions of one task; give one a weight of 0"):
        NoiseContextPretrainingModel(pretraining_config)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CellMasking(steps_per_span=2), r"0.16 s; it must be at least 0.3 s"),
        (lambda: CellMasking(groups_per_span=(0, 2)), r"groups_per_span=\[0, 2\] must be"),
        (lambda: CellMasking(groups_per_span=(2, 5)), r"groups_per_span=\[2, 5\] must be"),
        (lambda: CellMasking(share=1.0), "share=1.0 must lie between 0 and 1"),
        (lambda: MaskedCells(encoder(18), CellMasking()), "num_groups=4 must divide feat_in=18"),
        (lambda: EnvironmentContrastiveLoss(hard_negative_weight=0.5), "hard_negative_weight=0.5 must be 1 or more"),
    ],
)
def test_a_bad_argument_is_named(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_a_hard_negative_counts_as_often_as_its_weight_says() -> None:
    """Against a batch in which the view of the same speaker under other noise really stands three times."""
    torch.manual_seed(0)
    first, second = torch.randn(4, 6), torch.randn(4, 6)
    environment, snr_db = torch.arange(4), torch.zeros(4)
    speaker = torch.tensor([[7, 0], [1, 7], [2, 3], [-1, -1]])  # who speaks first in row 0 speaks second in row 1
    value = EnvironmentContrastiveLoss(temperature=0.5, hard_negative_weight=3.0)(
        first=first, second=second, environment=environment, snr_db=snr_db, speaker=speaker
    )
    similarity = functional.cosine_similarity(first[:, None], second[None], dim=2) / 0.5
    forwards, backwards = [], []
    for row in range(4):
        columns = [0, 1, 1, 1, 2, 3] if row == 0 else [0, 1, 2, 3]
        forwards.append(similarity[row, columns].logsumexp(0) - similarity[row, row])
        rows = [0, 0, 0, 1, 2, 3] if row == 1 else [0, 1, 2, 3]
        backwards.append(similarity[rows, row].logsumexp(0) - similarity[row, row])
    expected = (torch.stack(forwards).mean() + torch.stack(backwards).mean()) / 2
    torch.testing.assert_close(value, expected)


def test_without_a_weight_hard_negatives_change_no_digit() -> None:
    torch.manual_seed(0)
    arguments = {
        "first": torch.randn(6, 4), "second": torch.randn(6, 4), "environment": torch.arange(6) // 2,
        "snr_db": torch.zeros(6),
    }  # fmt: skip
    loss = EnvironmentContrastiveLoss()
    assert torch.equal(loss(**arguments, speaker=torch.zeros(6, 2, dtype=torch.int64)), loss(**arguments))


def test_a_batch_holds_the_same_speaker_under_other_noise_and_the_same_noise_under_another_speaker(
    model: NoiseContextPretrainingModel,
) -> None:
    batch = batch_of(model)
    speaker, environment = batch["speaker"], batch["environment"]
    spoken = (speaker >= 0).all(dim=1)
    assert (speaker[spoken, 0] != speaker[spoken, 1]).all(), "the positive must be another speaker"
    same = (speaker[:, None, 0] == speaker[None, :, 1]) & (environment[:, None] != environment[None])
    assert (same & spoken[:, None]).any(dim=1)[spoken].float().mean() > 0.8
