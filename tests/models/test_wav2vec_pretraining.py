# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Contrastive pretraining of wav2vec 2.0: transformers' losses on the same masks and distractors; it learns."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional

from nemo_noise.models import Wav2Vec2PretrainingModel, import_wav2vec2
from nemo_noise.models.wav2vec.contrastive_prediction import (
    ContrastiveHead,
    ContrastiveTask,
    contrastive_loss,
    draw_distractors,
)
from tests.wav2vecs import our_arguments, write_wav2vec2

MASK_LENGTHS = (24, 18, 12)  # frames of the three utterances below
LENGTHS = tuple(400 + 320 * (frames - 1) for frames in MASK_LENGTHS)


def _batch() -> tuple[Tensor, Tensor]:
    length = torch.tensor(LENGTHS)
    signal = 0.3 * torch.randn(3, max(LENGTHS), generator=torch.Generator().manual_seed(0))
    return signal.masked_fill(torch.arange(signal.shape[1]) >= length[:, None], 0.0), length


def _ragged_mask() -> Tensor:
    mask = torch.zeros(3, max(MASK_LENGTHS), dtype=torch.bool)
    mask[0, 3:14] = mask[1, 8:13] = mask[2, 10:12] = True
    return mask


def _gumbel_without_noise(logits: Tensor, tau: float, hard: bool) -> Tensor:
    soft = (logits / tau).softmax(dim=-1)
    return functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]) - soft.detach() + soft


@pytest.mark.parametrize("is_training", [True, False])
def test_losses_are_those_of_transformers_on_the_same_masks_and_distractors(
    is_training: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = write_wav2vec2(tmp_path, "pretraining", "large", does_normalize=False).train(is_training)
    ours = import_wav2vec2(tmp_path).train(is_training)
    monkeypatch.setattr(functional, "gumbel_softmax", _gumbel_without_noise)
    (signal, length), mask = _batch(), _ragged_mask()
    distractors = draw_distractors(mask, 7)  # [N, K]
    flat = mask.flatten().nonzero().squeeze(1)
    negatives = torch.zeros(*mask.shape, 7, dtype=torch.long)
    negatives[mask] = flat[distractors]
    attended = (torch.arange(signal.shape[1]) < length[:, None]).long()
    expected = theirs(signal, attention_mask=attended, mask_time_indices=mask, sampled_negative_indices=negatives)
    actual = ours.losses(signal, length, mask=mask, distractors=distractors)
    count = int(mask.sum())
    assert int(actual["hidden_frames"]) == count
    assert float(actual["contrastive"]) == pytest.approx(float(expected.contrastive_loss) / count, abs=1e-5)
    if is_training:  # in evaluation transformers counts chosen codes, the paper and NeMo probabilities
        assert float(actual["diversity"]) == pytest.approx(float(expected.diversity_loss) / count, abs=1e-5)
        assert float(actual["loss"]) == pytest.approx(float(expected.loss) / count, abs=1e-5)
        assert float(actual["code_perplexity"]) == pytest.approx(float(expected.codevector_perplexity), abs=1e-3)
        expected.loss.backward()
        actual["loss"].backward()
        for mine, other in (
            (ours.contrast.quantizer.weight_proj, theirs.quantizer.weight_proj),
            (ours.encoder.layers[0].attention.q_proj, theirs.wav2vec2.encoder.layers[0].attention.q_proj),
            (
                ours.encoder.feature_extractor.conv_layers[0].conv,
                theirs.wav2vec2.feature_extractor.conv_layers[0].conv,
            ),
        ):
            assert (mine.weight.grad - other.weight.grad / count).abs().max() < 1e-5


def test_padding_and_frames_that_are_not_hidden_do_not_enter_the_losses() -> None:
    head = ContrastiveHead(d_model=8, d_features=6, num_codes=5, d_code=4, d_projection=4, dropout=0.0).train()
    states, features, mask = torch.randn(3, 24, 8), torch.randn(3, 24, 6), _ragged_mask()
    torch.manual_seed(1)
    task = head(states, features, mask)
    torch.manual_seed(1)
    other = head(states + ~mask.unsqueeze(2), features.masked_fill(~mask.unsqueeze(2), torch.nan), mask)
    assert all(torch.equal(mine, its) for mine, its in zip(task, other, strict=True))


@pytest.mark.parametrize("num_codes", [160, 320])
def test_the_quantiser_chooses_a_code_of_every_group_and_learns_through_the_choice(num_codes: int) -> None:
    head = ContrastiveHead(d_model=8, d_features=6, num_codes=num_codes, d_code=8, d_projection=4, dropout=0.0)
    features, mask = torch.randn(1, 40, 6), torch.ones(1, 40, dtype=torch.bool)
    quantized, diversity, _ = head.eval().quantizer(features)
    assert head.quantizer.vars.shape == (1, 2 * num_codes, 4)
    for group, part in enumerate(quantized[0].split(4, dim=1)):
        codebook = head.quantizer.vars[0, group * num_codes : (group + 1) * num_codes]
        scores = head.quantizer.weight_proj(features[0])[:, group * num_codes : (group + 1) * num_codes]
        assert torch.allclose(part, codebook[scores.argmax(dim=1)])
    assert 0.0 < diversity < 1.0
    task = head.train()(torch.randn(1, 40, 8), features, mask)
    task.targets.square().sum().backward()
    assert head.quantizer.weight_proj.weight.grad.abs().sum() > 0 and head.quantizer.vars.grad.abs().sum() > 0


def test_diversity_is_zero_for_even_use_and_largest_for_one_code() -> None:
    head = ContrastiveHead(d_model=8, d_features=6, num_codes=10, d_code=4, d_projection=4, dropout=0.0)
    states, features, mask = torch.randn(1, 30, 8), torch.randn(1, 30, 6), torch.ones(1, 30, dtype=torch.bool)
    torch.nn.init.zeros_(head.quantizer.weight_proj.weight)
    assert float(head(states, features, mask).diversity) == pytest.approx(0.0, abs=1e-4)
    with torch.no_grad():
        head.quantizer.weight_proj.bias[[3, 17]] = 1e3
    assert float(head(states, features, mask).diversity) == pytest.approx((20 - 2) / 20, abs=1e-4)


def test_distractors_are_other_hidden_frames_of_the_same_utterance_drawn_evenly() -> None:
    mask = _ragged_mask()
    mask[2, 11] = False  # one hidden frame alone
    distractors = draw_distractors(mask, 6000)
    utterance = mask.nonzero()[:, 0]
    assert distractors.shape == (17, 6000)
    assert torch.equal(utterance[distractors], utterance.unsqueeze(1).expand(-1, 6000))
    for frame in range(16):
        drawn = torch.bincount(distractors[frame], minlength=17)
        others = (utterance == utterance[frame]).nonzero().squeeze(1)
        others = others[others != frame]
        assert drawn[frame] == 0 and drawn[others].sum() == 6000
        assert (drawn[others] / 6000 * len(others)).sub(1.0).abs().max() < 0.2
    assert set(distractors[16].tolist()) == {16}


def test_the_loss_is_the_written_formula_and_the_same_code_is_no_distractor() -> None:
    predicted, targets = torch.randn(4, 6), torch.randn(4, 6)
    targets[3] = targets[0]
    task = ContrastiveTask(predicted, targets, torch.tensor([0, 1, 2, 0]), torch.zeros(()))
    distractors = torch.tensor([[1, 3], [0, 2], [0, 3], [0, 0]])
    loss, accuracy = contrastive_loss(task, distractors)
    expected, right = [], 0
    for frame, others in enumerate(distractors.tolist()):
        near = [functional.cosine_similarity(predicted[frame], targets[frame], dim=0) / 0.1]
        near += [
            functional.cosine_similarity(predicted[frame], targets[other], dim=0) / 0.1
            for other in others
            if not torch.equal(targets[other], targets[frame])
        ]
        expected.append(-torch.stack(near).log_softmax(dim=0)[0])
        right += int(torch.stack(near).argmax() == 0)
    assert float(loss) == pytest.approx(float(torch.stack(expected).mean()), abs=1e-5)
    assert expected[3] == 0.0 and float(accuracy) == right / 4


def test_random_vectors_cost_the_logarithm_of_the_candidates() -> None:
    task = ContrastiveTask(torch.randn(400, 256), torch.randn(400, 256), torch.arange(400), torch.zeros(()))
    loss, _ = contrastive_loss(task, draw_distractors(torch.ones(1, 400, dtype=torch.bool), 100))
    assert float(loss) == pytest.approx(math.log(101) + 0.2, abs=0.15)


def _tiny_model(**changes: Any) -> Wav2Vec2PretrainingModel:
    encoder = our_arguments("large") | {"_target_": "nemo_noise.modules.Wav2Vec2Encoder"}
    config = {
        "sample_rate": 16000,
        "preprocessor": {"_target_": "nemo_noise.modules.WaveformPreprocessor"},
        "encoder": encoder,
        "masking": {"share": 0.65, "span": 3, "min_spans": 2},
        "num_distractors": 20,
        "logit_temperature": 0.1,
        "diversity_weight": 0.1,
        "quantizer": {"num_codes": 16, "d_code": 16, "d_projection": 16, "dropout": 0.0},
    }
    return Wav2Vec2PretrainingModel(cfg=OmegaConf.create(config | changes))


def test_the_loss_falls_on_a_few_utterances_whose_hidden_frames_their_neighbours_tell() -> None:
    encoder = our_arguments("base") | {"_target_": "nemo_noise.modules.Wav2Vec2Encoder"}
    sizes = {"num_codes": 8, "d_code": 16, "d_projection": 16, "dropout": 0.0, "temperature": [2.0, 0.5, 0.95]}
    model = _tiny_model(encoder=encoder, quantizer=sizes).train()
    pitches = torch.tensor([200.0, 500.0, 1100.0, 2300.0, 4500.0])  # Hz, one after the other
    turns = (torch.arange(25) + torch.arange(4).unsqueeze(1)) % 5
    signal = (2 * torch.pi * pitches[turns].repeat_interleave(320, dim=1) * torch.arange(8000) / 16000).sin()
    length = torch.tensor([8000, 8000, 7000, 6000])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses, accuracies = [], []
    for step in range(40):
        model.contrast.quantizer.set_num_updates(step)
        values = model.losses(signal, length)
        optimizer.zero_grad()
        values["loss"].backward()
        optimizer.step()
        losses.append(float(values["contrastive"]))
        accuracies.append(float(values["accuracy"]))
    assert sum(losses[-5:]) < 0.4 * sum(losses[:5])
    assert sum(accuracies[-5:]) / 5 > 0.6 and float(values["code_perplexity"]) > 4.0


def test_a_batch_without_room_for_a_span_hides_one_frame_each_and_stays_finite() -> None:
    model = _tiny_model(masking={"share": 0.65, "span": 10, "min_spans": 2}).train()
    values = model.losses(torch.randn(2, 900), torch.tensor([900, 700]))
    values["loss"].backward()
    assert int(values["hidden_frames"]) == 2 and float(values["contrastive"]) == 0.0
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())  # as DDP wants it


def test_an_encoder_without_a_vector_for_hidden_frames_is_refused() -> None:
    encoder = our_arguments("base", mask_time_prob=0.0) | {"_target_": "nemo_noise.modules.Wav2Vec2Encoder"}
    with pytest.raises(ValueError, match="must be a Wav2Vec2Encoder with mask_time_prob above 0"):
        _tiny_model(encoder=encoder)
