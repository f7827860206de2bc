# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`noise_mix` on the training device: a whole batch is mixed when it has arrived there."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from nemo.core.classes import Serialization

from nemo_noise.data.draw.clock import EpochClock
from nemo_noise.data.mixing.device import DeviceMixer
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation

__all__ = ["DeviceNoiseMix"]


class DeviceNoiseMix(Callback, Serialization):
    """Mixes noise into every training batch, in place, before the model reads it.

    For `trainer.callbacks`; leave `noise_mix` out of `train_ds.augmentor`. An utterance gets the noise that the loader
    would give it, if nothing behind `noise_mix` changes it there. The time of a curriculum in steps is exact to the
    batch here: it is the number of optimizer steps done.

    Args:
        noise_mix: the block of `train_ds.augmentor.noise_mix`, without bands, noise alone, effects, `around_s` and
            noises with `sensors`.
        sample_rate: of the model, samples per second.
        bank_limit_mb: for the noises, on the host and on the device, MB.

    Raises:
        ValueError: if the block is not one of `noise_mix`.
    """

    def __init__(self, noise_mix: Mapping[str, Any], sample_rate: int = 16000, bank_limit_mb: float = 2048.0) -> None:
        options = {name: value for name, value in noise_mix.items() if name != "prob"}  # NeMo's own draw
        num_sources = len(options.get("sources") or [None])  # they share the limit evenly, which may not fit them
        self.perturbation = NoiseMixPerturbation(**options | {"cache_limit_mb": bank_limit_mb * num_sources})
        self.clock = EpochClock()
        self.perturbation.follow(self.clock)
        self.sample_rate, self.bank_limit_mb = sample_rate, bank_limit_mb
        self._mixer: DeviceMixer | None = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Mixes the batch; a ValueError if it is none of NeMo's for speech recognition."""
        audio, lengths = _signal(batch)
        if self._mixer is None or self._mixer.device != audio.device:
            self._mixer = DeviceMixer(
                self.perturbation, sample_rate=self.sample_rate, device=audio.device, bank_limit_mb=self.bank_limit_mb
            )
        self.clock.set(trainer.current_epoch, trainer.global_step)
        audio.copy_(self._mixer.mix(audio, lengths).audio)


def _signal(batch: Any) -> tuple[Tensor, Tensor]:
    """Audio [B, T] and lengths [B] of NeMo's batches: a tuple that begins with both, or one with names."""
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        audio, lengths = batch[0], batch[1]
    else:
        audio, lengths = getattr(batch, "audio", None), getattr(batch, "audio_lens", None)
    if not isinstance(audio, Tensor) or not isinstance(lengths, Tensor) or audio.dim() != 2:
        raise ValueError(f"batch: is a {type(batch).__name__}, expected audio [B, T] and lengths [B] first")
    return audio, lengths
