# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A curriculum that follows the learner: errors are measured per SNR band, half-solved bands are drawn more often.

What changes by the clock alone (linear, stepwise, cosine, ACCAN) needs no callback: `nemo_noise.data.curriculum`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from nemo.collections.asr.metrics.wer import word_error_rate_detail
from nemo.core.classes import Serialization
from nemo.utils import logging

from nemo_noise.checks import choice
from nemo_noise.data.curriculum.band_weights import BAND_WEIGHTS
from nemo_noise.data.curriculum.snr_schedule import read_bands
from nemo_noise.data.draw.distribution import finite, share
from nemo_noise.data.manifests.manifest import ManifestError, load_entry, read_manifest, require_audio_files
from nemo_noise.data.manifests.usable import find_unusable, no_speech, usable_entries
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.signal.snr import mix_at_snr
from nemo_noise.recogniser.state import modes_kept
from nemo_noise.recogniser.transcription import texts_of, verbosity_kept

__all__ = ["DifficultyCurriculum", "difficulty_weights"]

Samples = npt.NDArray[np.float32]


class ErrorUnit(str, Enum):
    """What errors are counted in."""

    WORDS = "words"
    LETTERS = "letters"


class DifficultyCurriculum(Callback, Serialization):
    """Measures the error rate in every SNR band after each validation, and publishes weights for the next epoch.

    For `curriculum: {snr_db: {schedule: difficulty, bands_db: [...]}}` of `noise_mix`. The same utterances are mixed
    with the same noise every time, at an SNR drawn once within each band, and transcribed by the model as it is. What
    was measured in an epoch acts from the next epoch on; it is part of the checkpoint. Ranks share the utterances and
    add their counts, so that all publish the same weights.

    Args:
        bands_db: edges of the bands, rising, dB; the same as in `noise_mix`.
        speech_manifest: speech with text that is not trained on.
        noise_manifest: noises, or a list of manifests; of the classes of the training.
        num_utterances: of the speech, at even distances in the manifest.
        errors_in: `words` or `letters`.
        floor: weight of a band that is solved or hopeless, of a band with 50 % errors it is 1; above 0, up to 1.
        memory: share of what was measured before in the error rate that counts, 0 to below 1.
        sample_rate: of the model, samples per second.
        batch_size: of the transcription.
        seed: of the mixtures.

    Raises:
        ValueError: if an argument is out of its range; ManifestError for bad manifests.
    """

    def __init__(
        self,
        bands_db: Sequence[float],
        speech_manifest: str,
        noise_manifest: str | Sequence[str],
        *,
        num_utterances: int = 32,
        errors_in: ErrorUnit | str = ErrorUnit.WORDS,
        floor: float = 0.1,
        memory: float = 0.5,
        sample_rate: int = 16000,
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        self.bands_db = read_bands(list(bands_db), "bands_db")
        if num_utterances < 1:
            raise ValueError(f"num_utterances: is {num_utterances}, expected 1 or more")
        self.errors_in = choice(ErrorUnit, errors_in, "errors_in")
        if not 0.0 < finite(floor, "floor") <= 1.0:
            raise ValueError(f"floor: is {floor:g}, expected above 0, up to 1")
        if share(memory, "memory") == 1.0:
            raise ValueError("memory: is 1, so that nothing measured would count, expected below 1")
        entries = [entry for entry in read_manifest(speech_manifest) if entry.text]
        if not entries:
            raise ManifestError(f"{speech_manifest}: has no line with text, expected some to measure errors on")
        require_audio_files(entries)
        chosen = np.unique(np.linspace(0, len(entries) - 1, num_utterances).round().astype(int))
        speech = [entries[index] for index in chosen]
        self.speech = usable_entries(speech, find_unusable(speech, no_speech), "utterances")
        self.noises = NoiseList(noise_manifest, sample_rate)
        self.floor, self.memory = floor, memory
        self.sample_rate, self.batch_size, self.seed = sample_rate, batch_size, seed
        self.errors: dict[int, list[float]] = {}  # from which epoch on: error rate of each band
        self._epoch = 0
        self._resumed_epoch: int | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the checkpoint of an earlier fit; a ValueError if nothing will be validated."""
        self._resumed_epoch = None
        if stage == "fit" and not trainer.enable_validation:
            raise ValueError(
                "DifficultyCurriculum: measures after validations, but there are none; give a validation set and "
                "trainer.limit_val_batches above 0"
            )

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Takes the epoch in which the checkpoint continues."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._resumed_epoch = int(checkpoint["epoch"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes before the first iterator exists."""
        self._publish(trainer.current_epoch if self._resumed_epoch is None else self._resumed_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Publishes for each further epoch."""
        self._publish(trainer.current_epoch)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measures for the next epoch, and logs."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        measured = self.measure(pl_module, trainer)
        before = self._errors_at(self._epoch)
        if before is not None:
            measured = [
                self.memory * old + (1.0 - self.memory) * new for old, new in zip(before, measured, strict=True)
            ]
        self.errors[self._epoch + 1] = measured
        weights = difficulty_weights(measured, self.floor)
        for band, (error, weight) in enumerate(zip(measured, weights, strict=True)):
            bounds = f"{self.bands_db[band]:g} to {self.bands_db[band + 1]:g} dB"
            logging.info(
                f"DifficultyCurriculum: {bounds}: {error:.3f} errors in {self.errors_in.value}, weight {weight:.3f}"
            )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leaves no weights to another training."""
        if stage == "fit":
            BAND_WEIGHTS.clear()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leaves none either when the training failed: Lightning then skips the teardown."""
        BAND_WEIGHTS.clear()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {
            "bands_db": list(self.bands_db),
            "errors": {epoch: list(rates) for epoch, rates in self.errors.items()},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with what was measured; a ValueError if other bands were measured."""
        if state_dict["bands_db"] != list(self.bands_db):
            ours, theirs = list(self.bands_db), state_dict["bands_db"]
            raise ValueError(f"bands_db: are {ours}, but {theirs} in the checkpoint, expected the same")
        self.errors = {int(epoch): list(rates) for epoch, rates in state_dict["errors"].items()}
        if self._resumed_epoch is not None:  # strategies that restore late come after on_fit_start
            self._publish(self._resumed_epoch)

    def measure(self, model: LightningModule, trainer: Trainer) -> list[float]:
        """Error rate of the model in each band, by all ranks together."""
        mine = range(trainer.global_rank, len(self.speech), trainer.world_size)
        texts = [str(self.speech[index].text) for index in mine]
        counts = torch.zeros(len(self.bands_db) - 1, 2, dtype=torch.float64)  # errors, words
        for band in range(len(counts)) if texts else ():
            found = _transcribe(model, [self.mixture(index, band) for index in mine], self.batch_size)
            rate, words, *_ = word_error_rate_detail(found, texts, use_cer=self.errors_in is ErrorUnit.LETTERS)
            counts[band] = torch.tensor([rate * words, words])
        total = trainer.strategy.reduce(counts.to(model.device, torch.float32), reduce_op="sum")
        rates: list[float] = (total[:, 0] / total[:, 1]).tolist()
        return rates

    def mixture(self, index: int, band: int) -> Samples:
        """An utterance in noise at an SNR of a band, always the same, [T]."""
        rng = np.random.default_rng([self.seed, band, index])
        speech = load_entry(self.speech[index], self.sample_rate)
        noise = self.noises.crop(rng, len(speech)).samples
        snr_db = rng.uniform(self.bands_db[band], self.bands_db[band + 1])
        return mix_at_snr(speech, noise, snr_db=snr_db, sample_rate=self.sample_rate)

    def _publish(self, epoch: int) -> None:
        self._epoch = epoch
        errors = self._errors_at(epoch)
        if errors is None:
            BAND_WEIGHTS.clear()
        else:
            BAND_WEIGHTS.set(self.bands_db, difficulty_weights(errors, self.floor))

    def _errors_at(self, epoch: int) -> list[float] | None:
        known = [since for since in self.errors if since <= epoch]
        return self.errors[max(known)] if known else None


def difficulty_weights(errors: Sequence[float], floor: float) -> list[float]:
    """Weights of SNR bands that sum to 1, in proportion to `floor + (1 - floor) 4 e (1 - e)`.

    Most for half of all words wrong; the floor is for a band that is solved (e = 0) or hopeless (e = 1 or more).
    """
    rates = np.clip(np.asarray(errors, dtype=np.float64), 0.0, 1.0)
    weights = floor + (1.0 - floor) * 4.0 * rates * (1.0 - rates)
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares


def _transcribe(model: Any, waveforms: list[Samples], batch_size: int) -> list[str]:
    """Texts of waveforms [T] each; not by `transcribe`, whose inference mode may leave tensors that cannot train."""
    config = model.get_transcribe_config()
    config.batch_size, config.num_workers, config.use_lhotse, config.verbose = batch_size, 0, False, False
    texts: list[str] = []
    with _as_it_was(model), torch.no_grad():
        for output in model.transcribe_generator(waveforms, config):
            texts += texts_of(output)
    return texts


@contextmanager
def _as_it_was(model: torch.nn.Module) -> Iterator[None]:
    learning = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        with verbosity_kept(), modes_kept(model), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for parameter, is_learning in learning:
            parameter.requires_grad_(is_learning)
