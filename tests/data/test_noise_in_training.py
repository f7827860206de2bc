# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`train_ds.augmentor.noise_mix` in NeMo's own CTC model, data set and trainer."""

from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from omegaconf import DictConfig

from nemo.collections.asr.models import EncDecCTCModel

from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.training.epoch import EpochClockCallback

RATE = 16000


class HeardAudio(pl.Callback):
    """Keeps the waveforms of each epoch: {epoch: {length: waveform}}."""

    def __init__(self) -> None:
        self.epochs: dict[int, dict[int, torch.Tensor]] = {}

    def on_train_batch_start(self, trainer: pl.Trainer, model: pl.LightningModule, batch: tuple, index: int) -> None:
        signals, lengths = batch[0], batch[1]
        for signal, length in zip(signals, lengths, strict=True):
            heard = self.epochs.setdefault(trainer.current_epoch, {})
            heard[int(length)] = signal[: int(length)].clone()


def tiny_ctc(speech_manifest: Path, noise_manifest: Path, num_workers: int) -> EncDecCTCModel:
    loader = {
        "manifest_filepath": str(speech_manifest), "sample_rate": RATE, "batch_size": 2, "labels": ["a", "b"],
        "num_workers": num_workers, "shuffle": True,
        "augmentor": {
            "noise_mix": {"prob": 1.0, "manifest_path": str(noise_manifest), "snr_db": {"min": 0, "max": 10}},
        },
    }  # fmt: skip
    encoder = {
        "_target_": "nemo.collections.asr.modules.ConvASREncoder", "feat_in": 16, "activation": "relu",
        "conv_mask": True,
        "jasper": [{"filters": 8, "repeat": 1, "kernel": [1], "stride": [1], "dilation": [1], "dropout": 0.0,
                    "residual": False, "separable": True}],
    }  # fmt: skip
    return EncDecCTCModel(
        DictConfig(
            {
                "sample_rate": RATE,
                "preprocessor": {
                    "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
                    "features": 16,
                    "dither": 0.0,
                },
                "encoder": encoder,
                "decoder": {
                    "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
                    "feat_in": 8,
                    "num_classes": 2,
                    "vocabulary": ["a", "b"],
                },
                "train_ds": loader,
                "optim": {"name": "sgd", "lr": 0.0},
            }
        )
    )


def heard_epochs(speech_manifest: Path, noise_manifest: Path, folder: Path, num_workers: int) -> dict:
    heard = HeardAudio()
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[EpochClockCallback(), heard], default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(tiny_ctc(speech_manifest, noise_manifest, num_workers))
    return heard.epochs


def test_a_stock_model_hears_other_noise_in_each_epoch_whatever_the_workers(
    corpus: Callable[..., Path], noise_manifest: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(9)
    clean = {f"u{i}": 0.1 * rng.standard_normal(8000 + 100 * i) for i in range(4)}
    speech_manifest = corpus("speech", clean, text="ab")
    EPOCH_CLOCK.set(40)
    here = heard_epochs(speech_manifest, noise_manifest, tmp_path, num_workers=0)
    there = heard_epochs(speech_manifest, noise_manifest, tmp_path, num_workers=2)
    assert set(here) == {0, 1}
    for samples in clean.values():
        length = len(samples)
        assert torch.equal(here[0][length], there[0][length])
        assert torch.equal(here[1][length], there[1][length])
        assert not torch.equal(here[0][length], here[1][length])
        added = here[0][length].double().numpy() - samples
        snr_db = 10 * np.log10(np.mean(samples**2) / np.mean(added**2))
        assert -0.5 <= snr_db <= 10.5
