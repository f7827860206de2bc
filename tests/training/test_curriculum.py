# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A curriculum in training: the noise of a step is the same after a resume, and bands follow what was measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, Dataset

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment
from nemo.core.classes import Serialization

from experiments.arms import CONFIGS, RECIPES, arms_of
from nemo_noise.data import NoiseMixPerturbation, rms_db
from nemo_noise.data.curriculum.band_weights import BAND_WEIGHTS
from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.data.signal.speech_level import active_speech_level_db
from nemo_noise.training import DifficultyCurriculum
from nemo_noise.training.curriculum import difficulty_weights
from nemo_noise.training.epoch import EpochClockCallback
from tests.recognisers import build_recogniser

RATE = 16000
BANDS = [-10, 0, 10, 20]
UTTERANCES = 6
FALLING = {"schedule": "linear", "from": 20, "to": -10, "until": 6}  # 5 dB less with each step


@pytest.fixture(autouse=True)
def _restored_state() -> Iterator[None]:
    state = EPOCH_CLOCK._state.clone()
    yield
    EPOCH_CLOCK._state.copy_(state)
    BAND_WEIGHTS.clear()


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, str]:
    rng = np.random.default_rng(3)
    manifests = {}
    for name, count, text in (("noise", 3, ""), ("speech", 5, "one two three")):
        lines = []
        for index in range(count):
            samples = 0.1 * rng.standard_normal(RATE // 2 + 100 * index)
            soundfile.write(tmp_path / f"{name}{index}.wav", samples, RATE, subtype="FLOAT")
            lines.append(
                json.dumps({"audio_filepath": f"{name}{index}.wav", "duration": len(samples) / RATE, "text": text})
            )
        (tmp_path / f"{name}.json").write_text("\n".join(lines))
        manifests[name] = str(tmp_path / f"{name}.json")
    return manifests


def utterance(index: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(40 + index).standard_normal(2000)).astype(np.float32)


class Noisy(Dataset[tuple[int, torch.Tensor]]):
    """Utterances as `noise_mix` gives them."""

    def __init__(self, perturbation: NoiseMixPerturbation) -> None:
        self.perturbation = perturbation

    def __len__(self) -> int:
        return UTTERANCES

    def __getitem__(self, index: int) -> tuple[int, torch.Tensor]:
        segment = AudioSegment(utterance(index), RATE)
        self.perturbation.perturb(segment)
        return index, torch.from_numpy(segment.samples)


class Listener(pl.LightningModule):
    """Writes down what it hears: {(epoch, utterance): samples}."""

    def __init__(self, perturbation: NoiseMixPerturbation, num_workers: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.perturbation, self.num_workers = perturbation, num_workers
        self.heard: dict[tuple[int, int], np.ndarray] = {}

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
        for number, samples in zip(batch[0].tolist(), batch[1], strict=True):
            self.heard[self.current_epoch, number] = samples.numpy().copy()
        return self.weight.sum() * 0.0

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        pass

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(Noisy(self.perturbation), batch_size=2, num_workers=self.num_workers)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader([0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(
    folder: Path,
    noise: str,
    snr_db: dict,
    *callbacks: pl.Callback,
    num_workers: int = 0,
    resume: bool = False,
    **limits,
) -> dict[tuple[int, int], np.ndarray]:
    curriculum = {"unit": "step", "snr_db": snr_db}
    model = Listener(NoiseMixPerturbation(noise, curriculum=curriculum), num_workers)
    saver = ModelCheckpoint(folder, filename="state", every_n_train_steps=4, save_top_k=-1)
    trainer = pl.Trainer(
        accelerator="cpu", default_root_dir=folder, logger=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[EpochClockCallback(), *callbacks, *([] if resume else [saver])], **limits,
    )  # fmt: skip
    trainer.fit(model, ckpt_path=str(folder / "state.ckpt") if resume else None)
    return model.heard


def snr_db(heard: dict[tuple[int, int], np.ndarray], epoch: int, number: int) -> float:
    speech = utterance(number)
    return active_speech_level_db(speech, RATE) - rms_db(heard[epoch, number].astype(np.float64) - speech)


def same(some: dict[tuple[int, int], np.ndarray], all_of: dict[tuple[int, int], np.ndarray]) -> bool:
    return bool(some) and all(np.array_equal(samples, all_of[key]) for key, samples in some.items())


def test_a_run_that_is_interrupted_within_an_epoch_hears_the_same_noise_after_it(
    corpus: dict[str, str], tmp_path: Path
) -> None:
    snrs = {"min": FALLING, "max": FALLING}
    whole = fit(tmp_path / "whole", corpus["noise"], snrs, max_epochs=3)
    in_workers = fit(tmp_path / "parts", corpus["noise"], snrs, num_workers=2, max_steps=4)  # one step into epoch 1
    EPOCH_CLOCK.set(0)
    resumed = fit(tmp_path / "parts", corpus["noise"], snrs, num_workers=2, resume=True, max_epochs=3)
    assert set(resumed) == {(1, number) for number in range(2, UTTERANCES)} | {(2, at) for at in range(UTTERANCES)}
    assert same(in_workers, whole) and same(resumed, whole)
    for epoch, expected in enumerate([20, 5, -10]):  # three steps an epoch
        measured = [snr_db(whole, epoch, number) for number in range(UTTERANCES)]
        assert measured == pytest.approx([expected] * UTTERANCES, abs=0.01)


def test_steps_are_those_of_the_optimizer(corpus: dict[str, str], tmp_path: Path) -> None:
    heard = fit(tmp_path, corpus["noise"], {"min": FALLING, "max": FALLING}, max_epochs=2, accumulate_grad_batches=3)
    assert snr_db(heard, 1, 0) == pytest.approx(15, abs=0.01)


class Told(DifficultyCurriculum):
    """Is told what it would measure: in each epoch the next band is half solved, the others hopeless."""

    def measure(self, model: pl.LightningModule, trainer: pl.Trainer) -> list[float]:
        return [0.5 if band == self._epoch % 3 else 1.0 for band in range(3)]


def told(corpus: dict[str, str]) -> Told:
    return Told(BANDS, corpus["speech"], corpus["noise"], floor=1e-9, memory=0.0)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_was_measured_acts_from_the_next_epoch_on_also_after_a_resume(
    corpus: dict[str, str], tmp_path: Path, num_workers: int
) -> None:
    bands = {"schedule": "difficulty", "bands_db": BANDS}
    whole = fit(tmp_path / "whole", corpus["noise"], bands, told(corpus), max_epochs=3)
    assert BAND_WEIGHTS.of(BANDS) == (1, 1, 1), "a training leaves its weights to the next"
    options = {"num_workers": num_workers}
    fit(tmp_path / "parts", corpus["noise"], bands, told(corpus), max_steps=4, **options)
    resumed = fit(tmp_path / "parts", corpus["noise"], bands, told(corpus), resume=True, max_epochs=3, **options)
    assert (1, 0) not in resumed and (1, 2) in resumed and same(resumed, whole)
    for epoch in (1, 2):
        lowest, highest = BANDS[epoch - 1 : epoch + 1]
        assert all(lowest - 0.01 <= snr_db(whole, epoch, number) <= highest + 0.01 for number in range(UTTERANCES))


def test_a_band_that_is_half_solved_is_drawn_most() -> None:
    errors = [0.0, 0.1, 0.5, 0.9, 1.0, 3.0]
    weights = np.array(difficulty_weights(errors, 0.1))
    expected = np.array([0.1, 0.424, 1.0, 0.424, 0.1, 0.1])  # 0.1 + 0.9 * 4 e (1 - e)
    np.testing.assert_allclose(weights, expected / expected.sum())
    assert weights.sum() == pytest.approx(1)


def test_old_errors_fade(corpus: dict[str, str]) -> None:
    callback = Told(BANDS, corpus["speech"], corpus["noise"], memory=0.25)
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.state.fn = "fit"
    for epoch in range(2):
        callback._publish(epoch)
        callback.on_validation_end(trainer, pl.LightningModule())
    assert callback.errors == {1: [0.5, 1.0, 1.0], 2: [0.25 * 0.5 + 0.75, 0.25 + 0.75 * 0.5, 1.0]}


class Rank:
    """Stands for the trainer of one rank; adds up what it was given to add up."""

    def __init__(self, global_rank: int, world_size: int, counts: list[torch.Tensor]) -> None:
        self.global_rank, self.world_size, self.counts, self.strategy = global_rank, world_size, counts, self

    def reduce(self, tensor: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "sum"
        self.counts.append(tensor)
        return torch.stack(self.counts).sum(dim=0)


def test_the_errors_are_those_of_the_models_texts_whatever_the_ranks(
    corpus: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_recogniser("ctc", tmp_path).train()
    frozen = next(model.encoder.parameters()).requires_grad_(False)
    model.encoder.layers[0].eval()
    callback = DifficultyCurriculum(BANDS, corpus["speech"], corpus["noise"], errors_in="letters", batch_size=2)
    random_numbers = torch.random.get_rng_state()
    alone = callback.measure(model, Rank(0, 1, []))
    assert torch.equal(torch.random.get_rng_state(), random_numbers)
    assert not frozen.requires_grad and not model.encoder.layers[0].training and model.encoder.layers[1].training
    shared: list[torch.Tensor] = []
    for rank in range(2):
        together = callback.measure(model, Rank(rank, 2, shared))
    model.eval()
    texts = [str(entry.text) for entry in callback.speech]
    for band, rate in enumerate(alone):
        mixtures = [callback.mixture(index, band) for index in range(5)]
        heard = [hypothesis.text for hypothesis in model.transcribe(mixtures, batch_size=2, verbose=False)]
        assert rate == pytest.approx(jiwer.cer(texts, heard), abs=1e-6)
    assert together == pytest.approx(alone, abs=0.02)  # other batches, other padding


def test_the_mixtures_of_a_band_have_its_snr_and_stay(corpus: dict[str, str]) -> None:
    callback = DifficultyCurriculum(BANDS, corpus["speech"], corpus["noise"])
    for band in range(3):
        mixture = callback.mixture(1, band)
        np.testing.assert_array_equal(mixture, callback.mixture(1, band))
        speech, _ = soundfile.read(Path(corpus["speech"]).with_name("speech1.wav"), dtype="float32")
        measured = active_speech_level_db(speech, RATE) - rms_db(mixture.astype(np.float64) - speech)
        assert BANDS[band] - 0.01 <= measured <= BANDS[band + 1] + 0.01


def test_a_training_without_validation_is_refused(corpus: dict[str, str], tmp_path: Path) -> None:
    bands = {"schedule": "difficulty", "bands_db": BANDS}
    with pytest.raises(ValueError, match="DifficultyCurriculum: measures after validations, but there are none"):
        fit(tmp_path, corpus["noise"], bands, told(corpus), max_epochs=1, limit_val_batches=0)


def test_a_training_that_fails_leaves_no_weights_to_the_next(corpus: dict[str, str], tmp_path: Path) -> None:
    class Failure(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            if trainer.current_epoch == 1:
                assert BAND_WEIGHTS.of(BANDS) != (1.0, 1.0, 1.0)
                raise RuntimeError("out of memory")

    bands = {"schedule": "difficulty", "bands_db": BANDS}
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(tmp_path, corpus["noise"], bands, told(corpus), Failure(), max_epochs=2)
    assert BAND_WEIGHTS.of(BANDS) == (1.0, 1.0, 1.0)


def test_a_config_may_name_the_callback(corpus: dict[str, str]) -> None:
    config = {"_target_": "nemo_noise.training.DifficultyCurriculum", "bands_db": BANDS}
    config |= {"speech_manifest": corpus["speech"], "noise_manifest": corpus["noise"]}
    assert isinstance(Serialization.from_config_dict(config), DifficultyCurriculum)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands_db": [0]}, r"bands_db: is \[0.0\], expected 2 to 65 rising edges"),
        ({"num_utterances": 0}, "num_utterances: is 0, expected 1 or more"),
        ({"errors_in": "phones"}, "errors_in: is 'phones', expected one of"),
        ({"floor": 0}, "floor: is 0, expected above 0, up to 1"),
        ({"memory": 1.0}, "memory: is 1, .*expected below 1"),
    ],
)
def test_a_bad_argument_is_named(corpus: dict[str, str], options: dict, message: str) -> None:
    arguments = {"bands_db": BANDS, "speech_manifest": corpus["speech"], "noise_manifest": corpus["noise"]}
    with pytest.raises(ValueError, match=message):
        DifficultyCurriculum(**arguments | options)


def test_every_arm_of_the_ablation_has_a_noise_mix_that_can_be_built(corpus: dict[str, str]) -> None:
    schedules = {}
    with initialize_config_dir(str(CONFIGS), version_base="1.1"):
        ablation = compose("curricula/curriculum")
    with initialize_config_dir(str(RECIPES), version_base="1.1"):
        for name, arm in arms_of(ablation).items():
            overrides = [*ablation.training_overrides, *arm["overrides"], "data_dir=nowhere"]
            recipe = compose(ablation.recogniser_config, overrides=overrides)
            block = OmegaConf.to_container(recipe.model.train_ds.augmentor.noise_mix, resolve=True)
            block |= {"manifest_path": corpus["noise"]}
            perturbation = NoiseMixPerturbation(**{key: value for key, value in block.items() if key != "prob"})
            schedules[name] = perturbation.curriculum and perturbation.curriculum.snr.range_db(0)
            if name == "difficulty":
                (callback,) = recipe.trainer.callbacks
                assert list(callback.bands_db) == block["curriculum"]["snr_db"]["bands_db"]
                assert (callback.speech_manifest, callback.noise_manifest) == (
                    "nowhere/dev/dev.json",
                    "nowhere/seen.json",
                )
    ranges = {"linear": (20, 20), "accan": (-5, -5), "accan_reversed": (20, 20), "difficulty": (-5, 20)}
    assert schedules == {"uniform": None, **ranges}


def test_a_checkpoint_of_other_bands_is_refused(corpus: dict[str, str]) -> None:
    state = told(corpus).state_dict() | {"bands_db": [0.0, 5.0]}
    with pytest.raises(ValueError, match=r"bands_db: are .*, but \[0.0, 5.0\] in the checkpoint"):
        told(corpus).load_state_dict(state)
