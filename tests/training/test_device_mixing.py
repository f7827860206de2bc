# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`DeviceNoiseMix` in a training: batches hear what the loader would give them, at the step they are trained in."""

import json
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from nemo.core.classes import Serialization

from nemo_noise.data import NoiseMixPerturbation, rms_db
from nemo_noise.data.draw.clock import EpochClock
from nemo_noise.data.signal.speech_level import active_speech_level_db
from nemo_noise.training import DeviceNoiseMix

RATE = 16000
UTTERANCES = [(0.1 * np.random.default_rng(seed).standard_normal(2000)).astype(np.float32) for seed in range(6)]
FALLING = {"schedule": "linear", "from": 20, "to": -10, "until": 6}  # 5 dB less with each step
CURRICULUM = {"unit": "step", "snr_db": {"min": FALLING, "max": FALLING}}


@pytest.fixture
def noise(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(9).standard_normal(RATE), RATE)
    (tmp_path / "noise.json").write_text(json.dumps({"audio_filepath": "noise.wav", "duration": 1.0}))
    return str(tmp_path / "noise.json")


class Listener(pl.LightningModule):
    """Writes down what it hears: {(step, utterance): samples}; batches are like NeMo's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.heard: dict[tuple[int, int], np.ndarray] = {}

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        for number, samples in zip(batch[2].tolist(), batch[0], strict=True):
            self.heard[self.global_step, number] = samples.numpy().copy()
        return self.weight.sum() * 0.0

    def train_dataloader(self) -> DataLoader:
        items = [(torch.from_numpy(samples.copy()), 2000, number) for number, samples in enumerate(UTTERANCES)]
        return DataLoader(items, batch_size=2)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, noise: str, resume: bool = False, **limits: int) -> dict[tuple[int, int], np.ndarray]:
    model = Listener()
    saver = ModelCheckpoint(folder, filename="state", every_n_train_steps=4, save_top_k=-1)
    trainer = pl.Trainer(
        accelerator="cpu", default_root_dir=folder, logger=False, enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[DeviceNoiseMix({"prob": 1.0, "manifest_path": noise, "curriculum": CURRICULUM}), saver], **limits,
    )  # fmt: skip
    trainer.fit(model, ckpt_path=str(folder / "state.ckpt") if resume else None)
    return model.heard


def test_every_batch_has_the_noise_of_its_step_also_after_a_resume(noise: str, tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", noise, max_epochs=2)
    parts = fit(tmp_path / "parts", noise, max_steps=4)
    resumed = fit(tmp_path / "parts", noise, resume=True, max_epochs=2)
    assert set(whole) == {(step, number) for step in range(6) for number in range(6) if step % 3 == number // 2}
    assert max(step for step, _ in parts) == 3 and min(step for step, _ in resumed) == 4
    loader, clock = NoiseMixPerturbation(noise, curriculum=CURRICULUM), EpochClock()
    loader.follow(clock)
    for (step, number), heard in [*whole.items(), *parts.items(), *resumed.items()]:
        speech = UTTERANCES[number]
        measured = active_speech_level_db(speech, RATE) - rms_db(heard.astype(np.float64) - speech)
        assert measured == pytest.approx(20 - 5 * step, abs=0.01)
        clock.set(min(step // 3, 1), step)  # a resumed epoch may be longer, Lightning starts its loader again
        expected = loader.mix(speech, loader.draw(speech, RATE), RATE).samples
        np.testing.assert_allclose(heard, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_a_batch_with_names_is_mixed_too(noise: str) -> None:
    callback = Serialization.from_config_dict(
        {"_target_": "nemo_noise.training.DeviceNoiseMix", "noise_mix": {"manifest_path": noise, "snr_db": [0]}}
    )
    audio = torch.from_numpy(np.stack(UTTERANCES[:2]))
    before = audio.clone()
    trainer = SimpleNamespace(current_epoch=0, global_step=0)
    callback.on_train_batch_start(trainer, None, SimpleNamespace(audio=audio, audio_lens=torch.tensor([2000, 900])), 0)
    assert not torch.equal(audio[0], before[0])
    assert not audio[1, 900:].any()
    with pytest.raises(ValueError, match=r"batch: is a dict, expected audio \[B, T\]"):
        callback.on_train_batch_start(trainer, None, {"audio": audio}, 0)
