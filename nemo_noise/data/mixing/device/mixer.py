# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise for a whole batch on the training device: one bank of recordings there, crops gathered from it, one sum."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nemo_noise.data.draw.utterance import key_of
from nemo_noise.data.manifests.sensors import describes_streams
from nemo_noise.data.mixing.device.batch_levels import batch_levels_db
from nemo_noise.data.mixing.noise_mix import NoiseDraw, NoiseMixPerturbation
from nemo_noise.data.mixing.utterance_memory import Known, UtteranceMemory, fingerprints_of_batch
from nemo_noise.data.noise.noise_list import NoiseList
from nemo_noise.data.signal.full_scale import FullScale
from nemo_noise.data.signal.snr import noise_gain
from nemo_noise.data.signal.speech_level import rms_db
from nemo_noise.data.utterance_notes import ContextSource

__all__ = ["DeviceMixer", "DeviceMixture", "NoiseBank"]


class DeviceMixture(NamedTuple):
    """Mixtures [B, T], zero beyond their lengths, and what each utterance got; None for those that stay clean."""

    audio: Tensor
    draws: list[NoiseDraw | None]


class NoiseBank:
    """All recordings of noise lists end to end on a device.

    Args:
        samples: [N].
        starts: where the recording of a manifest line begins, by its source.
    """

    def __init__(self, samples: Tensor, starts: Mapping[str, int]) -> None:
        self.samples, self.starts = samples, starts

    @classmethod
    def of(cls, lists: Sequence[NoiseList], device: torch.device, limit_mb: float) -> "NoiseBank":
        """Decodes everything and moves it to the device.

        Raises:
            ValueError: if it takes more than `limit_mb`; ManifestError for a bad recording.
        """
        parts, starts, size = [], {}, 0
        for noises in lists:
            for index, entry in enumerate(noises.entries):
                if entry.source in starts:  # of two sources
                    continue
                recording = torch.from_numpy(noises.load(index).copy())
                starts[entry.source] = size
                size += len(recording)
                if 4e-6 * size > limit_mb:
                    raise ValueError(
                        f"bank_limit_mb: is {limit_mb:g}, but the noises take more ({entry.source} does not fit); "
                        "expected 0.23 GB per hour at 16 kHz"
                    )
                parts.append(recording)
        return cls(torch.cat(parts).to(device) if parts else torch.zeros(1, device=device), starts)

    def gather(self, starts: Sequence[int], num_samples: int) -> Tensor:
        """Crops of one length from places of the bank, zero beyond its end, [B, num_samples]."""
        missing = max(starts) + num_samples - len(self.samples)
        if missing > 0:  # a batch longer than the last recording: zeros follow it from now on
            self.samples = torch.nn.functional.pad(self.samples, (0, missing))
        return self.samples.unfold(0, num_samples, 1)[torch.tensor(starts, device=self.samples.device)]


class DeviceMixer:
    """Does to a batch what `noise_mix` does to each of its utterances, with the same draws.

    The draws come from the same generators and the same keys, so that noise, place and SNR of an utterance are those
    of the loader. The first time an utterance comes, its samples are hashed on the host and its active level is
    measured on the device; after that both are remembered. Babble and loops of short noises are made on the host.

    Args:
        perturbation: without bands, noise alone, effects, surroundings and sensors of its noises.
        sample_rate: of the batch, samples per second.
        device: where the batch will lie.
        bank_limit_mb: for the noises, on the host and on the device.

    Raises:
        ValueError: if the perturbation has what cannot be done here, or the noises do not fit.
    """

    def __init__(
        self,
        perturbation: NoiseMixPerturbation,
        *,
        sample_rate: int,
        device: torch.device,
        bank_limit_mb: float = 2048.0,
    ) -> None:
        given = {"bands": perturbation.bands is not None, "noise_only_prob": perturbation.noise_only_prob > 0}
        given |= {"effects": bool(perturbation.effects), "around_s": perturbation.around is not None}
        given["preroll_s"] = perturbation.context_audio.preroll_s > 0.0
        given["for_context"] = perturbation.context_audio.source is not ContextSource.NOTHING
        lists = [source.noises for source in perturbation.sources(sample_rate) if isinstance(source.noises, NoiseList)]
        given["sensors"] = any(
            describes_streams(entry.fields.get("sensors")) for noises in lists for entry in noises.entries
        )
        for name, is_given in given.items():
            if is_given:
                raise ValueError(f"{name}: cannot be done on the device, leave it out or mix in the loader")
        self.perturbation, self.sample_rate, self.device = perturbation, sample_rate, device
        self.bank = NoiseBank.of(lists, device, bank_limit_mb)
        for noises in lists:
            noises.measure_by_blocks()
        self._memory = UtteranceMemory()

    def mix(self, audio: Tensor, lengths: Tensor) -> DeviceMixture:
        """Mixes a batch: float32, padded with anything, [B, T], and its lengths in samples, [B].

        Raises:
            ValueError: if the audio is not float32 [B, T].
        """
        if audio.dim() != 2 or audio.dtype != torch.float32:
            raise ValueError(f"audio: is {audio.dtype} {list(audio.shape)}, expected torch.float32 [B, T]")
        sizes = [int(length) for length in lengths.tolist()]
        inside = torch.arange(audio.shape[1], device=audio.device) < lengths.to(audio.device)[:, None]  # [B, T]
        speech = audio.masked_fill(~inside, 0.0)
        draws: list[NoiseDraw | None] = []
        gains: list[float] = []
        for known, size in zip(self._known(speech, sizes), sizes, strict=True):
            draw = None
            if known is not None and known.level_db > -float("inf"):
                draw = self.perturbation.draw_by_key(known.key, size, self.sample_rate)
            draws.append(draw)
            gains.append(0.0 if draw is None or known is None else _gain(draw, known.level_db))
        noise = self._noise(draws, audio.shape[1])  # [B, T]
        factors = torch.tensor(gains, dtype=torch.float32, device=audio.device)[:, None]
        mixtures = torch.addcmul(speech, noise, factors).masked_fill_(~inside, 0.0)
        if self.perturbation.full_scale is not FullScale.LEAVE:  # clean utterances are left in any case
            mixed = torch.tensor([draw is not None for draw in draws], device=audio.device)[:, None]
            mixtures = torch.where(mixed, _full_scale(mixtures, self.perturbation.full_scale), speech)
        return DeviceMixture(mixtures, draws)

    def _known(self, speech: Tensor, sizes: list[int]) -> list[Known | None]:
        """Key and level of each utterance; None where it is empty."""
        filled = [index for index, size in enumerate(sizes) if size > 0]
        if not filled:
            return [None] * len(sizes)
        fingerprints = fingerprints_of_batch(speech[filled], [sizes[index] for index in filled], self.sample_rate)
        prints = dict(zip(filled, fingerprints, strict=True))
        found = {index: self._memory.recall_fingerprint(fingerprint) for index, fingerprint in prints.items()}
        fresh = [index for index, known in found.items() if known is None]
        if fresh:
            lengths = [sizes[index] for index in fresh]
            levels_db = batch_levels_db(speech[fresh], lengths, self.sample_rate)
            on_host = speech[fresh].cpu().numpy()
            for index, row, length, level_db in zip(fresh, on_host, lengths, levels_db, strict=True):
                known = Known(key_of(row[:length]), level_db)
                self._memory.keep_fingerprint(prints[index], known)
                found[index] = known
        return [found.get(index) for index in range(len(sizes))]

    def _noise(self, draws: Sequence[NoiseDraw | None], num_samples: int) -> Tensor:
        """The crops of a batch [B, num_samples]: from the bank, or from the host where they are made anew."""
        starts, made = [0] * len(draws), {}
        for index, draw in enumerate(draws):
            if draw is None:
                continue
            if draw.noise.level_db is None:  # a loop, babble or the loudest place of a recording
                made[index] = torch.from_numpy(draw.noise.samples.copy())
            else:
                starts[index] = self.bank.starts[draw.noise.entry.source]
                starts[index] += round(draw.noise.offset_s * self.sample_rate)
        noise = self.bank.gather(starts, num_samples)
        for index, samples in made.items():
            noise[index, : len(samples)] = samples.to(self.device)
        return noise


def _gain(draw: NoiseDraw, speech_level_db: float) -> float:
    if draw.snr_db is None:
        raise ValueError("snr_db: is missing, expected one SNR for all bands")
    noise_level_db = draw.noise.level_db
    return noise_gain(
        speech_level_db, rms_db(draw.noise.samples) if noise_level_db is None else noise_level_db, draw.snr_db
    )


def _full_scale(mixtures: Tensor, policy: FullScale) -> Tensor:
    if policy is FullScale.CLIP:
        return mixtures.clamp(-1.0, 1.0)
    if policy is FullScale.SCALE:
        return mixtures / mixtures.abs().amax(dim=1, keepdim=True).clamp_min(1.0)
    return mixtures
