# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the pretraining model promises: it learns, it saves, and its context encoder fits into a recogniser."""

import math
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as pl
import pytest
import scipy.fft
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import nn

from nemo.core.classes.modelPT import ModelPT

from nemo_noise.data.pairs.context_pairs import collate_context_pairs
from nemo_noise.models import NoiseContextPretrainingModel
from nemo_noise.models.pretraining.masked_spans import NoiseCodes, SpanMasking
from nemo_noise.models.pretraining.redundancy import same_speech
from nemo_noise.modules.context.contract import Context, Layout
from tests.models.conftest import task


@pytest.fixture
def model(pretraining_config: DictConfig) -> NoiseContextPretrainingModel:
    torch.manual_seed(0)
    return NoiseContextPretrainingModel(pretraining_config)


def batch_of(model: NoiseContextPretrainingModel):
    dataset = model._train_dl.dataset
    return collate_context_pairs([dataset[index] for index in range(8)])


def test_losses_start_near_what_guessing_gives(model: NoiseContextPretrainingModel) -> None:
    values = model._losses(batch_of(model))
    assert values["masked"].item() == pytest.approx(math.log(16), abs=1.0)
    assert 0.5 * math.log(8) < values["contrastive"].item() < 2.0 * math.log(8)
    expected = sum(model.task_weights[name] * values[name] for name in model.tasks)
    torch.testing.assert_close(values["loss"], expected)
    assert set(model.tasks) == {"masked", "contrastive", "redundancy", "leakage", "snr", "variance"}


def test_twenty_steps_reduce_the_loss_and_reach_every_parameter(model: NoiseContextPretrainingModel) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = batch_of(model)
    model.train()
    values = []
    for _ in range(20):
        torch.manual_seed(0)  # the same masks
        optimizer.zero_grad()
        loss = model._losses(batch)["loss"]
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.8 * values[0]
    trainable = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in trainable.values()), trainable


def test_the_trainer_runs_it_and_every_epoch_draws_other_pairs(pretraining_config: DictConfig, tmp_path: Path) -> None:
    seen = []

    class Record(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            seen.append(batch["audio"].clone())

    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        callbacks=[Record()], num_sanity_val_steps=0, default_root_dir=tmp_path,
    )  # fmt: skip
    model = NoiseContextPretrainingModel(pretraining_config, trainer=trainer)
    trainer.fit(model)
    assert len(seen) == 4 and not torch.equal(seen[0], seen[2])
    logged = set(trainer.callback_metrics)
    assert {"train_loss", "train_masked", "train_contrastive", "train_snr", "train_variance", "val_loss"} <= logged
    assert {"train_effective_rank", "train_code_perplexity", "train_contrastive_accuracy"} <= logged


def test_padding_with_garbage_does_not_change_the_context(model: NoiseContextPretrainingModel) -> None:
    model.eval()
    features, length = torch.randn(3, 16, 50) - 8.0, torch.tensor([50, 30, 41])
    context = model._context(features, length)
    garbage = features.clone()
    for row, frames in enumerate(length.tolist()):
        garbage[row, :, frames:] = float("nan")
    torch.testing.assert_close(model._context(garbage, length), context)


def test_a_context_that_follows_the_time_is_averaged_over_what_is_valid(model: NoiseContextPretrainingModel) -> None:
    class Follower(nn.Module):
        def read(self, audio_signal: torch.Tensor, length: torch.Tensor) -> Context:
            return Context(audio_signal[:, :, ::4].transpose(1, 2), Layout.FRAMES)  # [B, T / 4, D]

    model.encoder["context_encoder"] = Follower()
    features = torch.ones(2, 16, 40)
    features[1, :, 20:] = 100.0
    context = model._context(features, torch.tensor([40, 20]))
    torch.testing.assert_close(context, torch.ones(2, 16))


def test_masked_frames_are_zero_in_whole_spans_and_never_padding() -> None:
    torch.manual_seed(0)
    masking = SpanMasking(frames_per_step=8, steps_per_span=4, share=0.4)
    features = torch.randn(8, 5, 203) + 10.0
    length = torch.tensor([203, 203, 203, 203, 120, 120, 120, 120])
    masked, mask = masking(features=features, length=length)
    hidden = mask.repeat_interleave(8, dim=1)
    assert mask.shape == (8, 25) and (mask.sum(1) >= 4).all() and (mask.float().mean(1) < 0.6).all()
    assert not mask[4:, 15:].any()
    assert (masked[:, :, :200].transpose(1, 2)[hidden] == 0).all()
    kept = masked[:, :, :200].transpose(1, 2)[~hidden]
    assert torch.equal(kept, features[:, :, :200].transpose(1, 2)[~hidden])
    assert torch.equal(masked[:, :, 200:], features[:, :, 200:])


def test_a_span_that_stationary_noise_could_bridge_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0.16 s; it must be at least 0.3 s"):
        SpanMasking(frames_per_step=8, steps_per_span=2)


def test_codes_do_not_depend_on_the_level_and_do_on_the_noise() -> None:
    torch.manual_seed(0)
    codes = NoiseCodes(feat_in=16, num_codes=64).eval()
    noise = 2.0 * torch.randn(2, 16, 1) + torch.randn(2, 16, 80)  # two colours
    mixture, length = torch.randn(2, 12800), torch.tensor([12800, 12800])
    mask = torch.ones(2, 10, dtype=torch.bool)
    plain = codes.at_mask(noise, mixture, length, mask=mask)
    louder = codes.at_mask(noise + 2 * math.log(3.0), 3.0 * mixture, length, mask=mask)
    assert (plain == louder).float().mean() > 0.95  # equal but for rounding
    other = codes.at_mask(noise.flip(1), mixture, length, mask=mask)
    assert (plain == other).float().mean() < 0.5
    padded = codes.at_mask(noise, nn.functional.pad(mixture, (0, 5000)), length, mask=mask)
    assert torch.equal(plain, padded)


def test_codes_are_the_nearest_of_the_codebook() -> None:
    torch.manual_seed(0)
    codes = NoiseCodes(feat_in=6, frames_per_step=1, num_cepstra=5, num_codes=32, code_dim=4).eval()
    noise, mixture, mask = torch.randn(1, 6, 20), torch.ones(1, 100), torch.ones(1, 20, dtype=torch.bool)
    found = codes.at_mask(noise, mixture, torch.tensor([100]), mask=mask)
    cepstra = torch.from_numpy(scipy.fft.dct(noise[0].T.numpy(), type=2, axis=1) / 12)[:, :5]
    projected = nn.functional.normalize(codes.quantizer.proj(cepstra), dim=-1).double()
    distance = torch.cdist(projected, codes.quantizer.codebooks[0])
    assert torch.equal(found[0], distance.argmin(dim=1))


def test_code_statistics_stop_moving_after_the_first_batches(model: NoiseContextPretrainingModel) -> None:
    codes = NoiseCodes(feat_in=4, frames_per_step=1, num_cepstra=4).train()
    rest = {
        "mixture": torch.ones(2, 100),
        "mixture_length": torch.tensor([100, 100]),
        "mask": torch.ones(2, 10, dtype=torch.bool),
    }
    for _ in range(25):
        codes.at_mask(torch.randn(2, 4, 10), **rest)
    before = codes.mean.clone()
    codes.at_mask(torch.randn(2, 4, 10) + 100.0, **rest)
    assert torch.equal(codes.mean, before) and codes.num_batches == 20


def test_save_and_restore_are_exact_in_a_fresh_process(model: NoiseContextPretrainingModel, tmp_path: Path) -> None:
    model.eval()
    model.preprocessor.featurizer.dither = 0.0
    signal, length = 0.1 * torch.randn(2, 16000), torch.tensor([16000, 12000])
    context = model(input_signal=signal, input_signal_length=length)
    model.save_to(str(tmp_path / "context.nemo"))
    torch.save({"signal": signal, "length": length, "context": context.detach().clone()}, tmp_path / "expected.pt")
    script = (
        "import sys, torch, nemo_noise\n"
        "from nemo.core.classes.modelPT import ModelPT\n"
        "folder = sys.argv[1]\n"
        "expected = torch.load(folder + '/expected.pt', weights_only=True)\n"
        "model = ModelPT.restore_from(folder + '/context.nemo', map_location='cpu').eval()\n"
        "assert type(model).__name__ == 'NoiseContextPretrainingModel', type(model)\n"
        "context = model(input_signal=expected['signal'], input_signal_length=expected['length'])\n"
        "assert torch.equal(context, expected['context'])\n"
        "model.save_to(folder + '/again.nemo')\n"
        "assert ModelPT.restore_from(folder + '/again.nemo', map_location='cpu').cfg.target == model.cfg.target\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_recogniser_takes_exactly_the_context_encoder(model: NoiseContextPretrainingModel, tmp_path: Path) -> None:
    from nemo.collections.asr.models import EncDecCTCModel

    path = tmp_path / "context.nemo"
    model.save_to(str(path))
    recogniser = EncDecCTCModel(recogniser_config(model.cfg))
    before = {name: value.clone() for name, value in recogniser.state_dict().items()}
    recogniser.maybe_init_from_pretrained_checkpoint(OmegaConf.create({"init_from_nemo_model": str(path)}))
    after = recogniser.state_dict()
    pretrained = model.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    expected = {name for name in after if name.startswith("encoder.context_encoder.")}
    learned = {name for name in expected if not torch.equal(before[name], pretrained[name])}
    assert changed == learned and learned
    assert all(torch.equal(after[name], pretrained[name]) for name in expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": {}}, "model.encoder.context_encoder._target_ is missing"),
        ({"tasks": {"contrastive": task("EnvironmentContrast", weight=0.0)}}, "no weight above 0"),
        ({"tasks": {"triplet": {"weight": 1.0}}}, "model.tasks.triplet._target_ is missing"),
        ({"tasks": {"masked": task("MaskedSpans", weight=-1.0)}}, "model.tasks.masked.weight=-1.0"),
        ({"losses": {"triplet": {"weight": 1.0}}}, r"unknown names \['triplet'\]"),
        ({"train_ds": {"noise_manifest": None}}, "train_ds.noise_manifest=None must be given"),
        ({"train_ds": {"batch_size": 32}}, "train_ds.batch_size=32 must lie between 2"),
        ({"train_ds": {"crop": 2.0}}, r"train_ds has unknown arguments \['crop'\]"),
    ],
)
def test_a_bad_config_is_named(pretraining_config: DictConfig, change, message: str) -> None:
    with open_dict(pretraining_config):
        for section, values in change.items():
            if section == "train_ds":
                pretraining_config.train_ds.update(values)
            else:
                pretraining_config[section] = values
    with pytest.raises(ValueError, match=message):
        NoiseContextPretrainingModel(pretraining_config)


def test_a_config_and_weights_from_before_there_were_tasks_are_read(
    pretraining_config: DictConfig, model: NoiseContextPretrainingModel
) -> None:
    tasks = pretraining_config.pop("tasks")
    old = {name: {"weight": options["weight"]} for name, options in tasks.items()}
    pretraining_config.update(
        losses=old, codes={"num_codes": 16, "code_dim": 4}, predictor={"d_hidden": 16}, projector=None
    )
    restored = NoiseContextPretrainingModel(pretraining_config)
    assert OmegaConf.to_container(restored.cfg.tasks) == OmegaConf.to_container(tasks)
    weights = {
        name.replace("tasks.masked.", "").replace("tasks.snr.head", "snr_head"): value
        for name, value in model.state_dict().items()
    }
    assert {"codes.mean", "predictor.steps.weight", "snr_head.bias"} <= set(weights)
    restored.load_state_dict(weights)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in restored.state_dict().items())


def test_a_task_that_is_null_is_left_out_as_a_loss_was(pretraining_config: DictConfig) -> None:
    with open_dict(pretraining_config):
        pretraining_config.tasks.snr = None
    assert "snr" not in NoiseContextPretrainingModel(pretraining_config).tasks
    with open_dict(pretraining_config):
        pretraining_config.losses = {"contrastive": {"weight": 1.0}, "snr": None}
    assert list(NoiseContextPretrainingModel(pretraining_config).tasks) == ["contrastive"]


def test_tasks_without_weight_leave_no_idle_parameters(pretraining_config: DictConfig) -> None:
    pretraining_config.tasks = {"contrastive": task("EnvironmentContrast")}
    model = NoiseContextPretrainingModel(pretraining_config)
    model._losses(batch_of(model))["loss"].backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)


def test_views_of_the_same_speech_are_found_crosswise(model: NoiseContextPretrainingModel) -> None:
    speech = torch.tensor([[4, 9], [9, 4], [5, 6], [7, 5], [-1, -1], [2, -1]])
    rows, partners = same_speech(speech)
    flat = speech.T.flatten()  # as the contexts: first views first
    assert rows.tolist() == [0, 2, 6] and partners.tolist() == [7, 9, 1]
    assert torch.equal(flat[rows], flat[partners])
    drawn = batch_of(model)["speech"]
    rows, partners = same_speech(drawn)
    assert len(rows) >= 4 and torch.equal(drawn.T.flatten()[rows], drawn.T.flatten()[partners])


def test_nothing_is_published() -> None:
    assert NoiseContextPretrainingModel.list_available_models() == []
    assert issubclass(NoiseContextPretrainingModel, ModelPT)


def recogniser_config(cfg: DictConfig) -> DictConfig:
    """A plain CTC model around a noise-aware encoder with the same context encoder."""
    return OmegaConf.create(
        {
            "sample_rate": 16000,
            "labels": [" ", "a", "b"],
            "preprocessor": OmegaConf.to_container(cfg.preprocessor),
            "encoder": {
                "_target_": "nemo_noise.modules.NoiseAwareConformerEncoder",
                "context": OmegaConf.to_container(cfg.encoder.context_encoder),
                "fusion": {"0": {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 16, "d_context": 8}},
                "feat_in": 16,
                "n_layers": 1,
                "d_model": 16,
                "n_heads": 2,
                "subsampling": "dw_striding",
                "subsampling_factor": 8,
                "subsampling_conv_channels": 8,
                "conv_kernel_size": 9,
            },
            "decoder": {
                "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
                "feat_in": 16,
                "num_classes": 3,
                "vocabulary": [" ", "a", "b"],
            },
        }
    )
