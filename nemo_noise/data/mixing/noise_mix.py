# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The NeMo perturbation `noise_mix`: speech plus noise while training, the same for (seed, epoch, utterance)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nemo.collections.asr.parts.preprocessing.perturb import Perturbation
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.checks import refuse_unknown
from nemo_noise.data.acoustics.chain import MixturePart, build_mixture_chains
from nemo_noise.data.curriculum.curriculum import CurriculumSnr, NoiseCurriculum
from nemo_noise.data.draw.clock import EpochClock, note_reader
from nemo_noise.data.draw.distribution import Knob, KnobValue, share
from nemo_noise.data.draw.event_counts import EventCounts
from nemo_noise.data.draw.utterance import Refresh, UtteranceDraw, key_of
from nemo_noise.data.manifests.narrow_band import is_telephone_band
from nemo_noise.data.mixing.context_audio import ContextAudioOptions, gain_between, split_preroll
from nemo_noise.data.mixing.noise_draw import Mixture, NoiseDraw
from nemo_noise.data.mixing.surroundings import NO_SURROUNDINGS, Surroundings, SurroundingsDraw
from nemo_noise.data.mixing.utterance_memory import Known, UtteranceMemory
from nemo_noise.data.noise.sources import NoiseSource, at_rate, draw_source, noise_sources
from nemo_noise.data.signal.full_scale import FullScale
from nemo_noise.data.signal.looping import loop_to_length
from nemo_noise.data.signal.snr import (
    SilenceError,
    add_noise,
    mix_at_snr,
    noise_at_band_snrs,
    noise_at_snr,
    noise_gain,
    snr_bands,
)
from nemo_noise.data.signal.speech_level import SILENCE_DB, active_speech_level_db, checked_signal, rms_db
from nemo_noise.data.utterance_notes import (
    ContextAudio,
    ContextSource,
    empty_transcript,
    note_for_context,
    note_lead_in,
    note_noise,
)

__all__ = ["Mixture", "NoiseDraw", "NoiseMixPerturbation"]

Samples = npt.NDArray[np.float32]
_LOOKED_AT = 20  # utterances of a process
# Streams of random numbers beside the first, so that a knob changes nothing but what it is for.
_SOURCE, _NOISE_ONLY, _BANDS, _EFFECTS, _AROUND, _LENGTH = 1, 2, 3, 4, 5, 6
_SHORTEST_S, _LONGEST_S = 0.1, 600.0  # of noise alone


class NoiseMixPerturbation(Perturbation):
    """Mixes noise into an utterance; registered with NeMo as `noise_mix` for `train_ds.augmentor`, in both loaders.

    The draw depends on (seed, epoch, samples of the utterance) and on nothing else: not on the number of workers, the
    order or the batch. NeMo's own `prob` draws from a generator that differs per worker, so leave it at 1.0 and use
    `mix_prob`; random perturbations listed before this one change the samples and thereby the draw.

    The epoch comes from `nemo_noise.training.epoch.EpochClockCallback`. Silent utterances stay untouched, counted. An
    utterance whose speech or noise an effect has silenced goes on as it is after the effect, without noise, counted.

    Args:
        manifest_path: NeMo manifest or folder of noises, or a list of them; or give `sources`. Unusable recordings
            are left out at the start, see `NoiseList`.
        snr_db: a list of SNRs in dB, or a mapping with `min` and `max`; or give `bands`, or each source has its own.
        seed: 0 or more.
        mix_prob: share of utterances that get noise, 0 to 1.
        refresh: `each_epoch`, or `never` for a validation set that stays the same.
        cache_limit_mb: memory for decoded noise per process, MB.
        decoded_dir: folder for decoded noise that all workers, ranks and later runs map into memory, or None.
        sources: several noise lists and babble, see `noise_sources`.
        bands: SNRs per frequency band, see `snr_bands`.
        noise_only_prob: share of utterances that become noise alone, with an empty transcript; the noise has the level
            that it would have had in the mixture.
        noise_only_s: seconds of noise alone, in any form of `around_s`; None: as long as the utterance would be.
        around_s: seconds before and behind the speech, each drawn by itself: a number, a list, or a mapping with `min`
            and `max`. Noise goes on there, and digital silence around speech that gets no noise; None for nothing.
        around_prob: share of the sides that get any; the others begin or end with the utterance.
        full_scale: what happens to a mixture beyond full scale: `leave`, `scale` or `clip`.
        effects: what happens to speech, noise and mixture, see `build_mixture_chains`; utterances without
            noise stay untouched.
        curriculum: what changes while training, see `NoiseCurriculum`; its `snr_db` stands in for `snr_db`.
        preroll_s: seconds of the same noise that are drawn before each utterance, 0 to 60; not mixed in.
        for_context: what the model's noise context gets from here: `nothing`, the `preroll` in front of the utterance,
            or the `noise` in place of it. The mixtures are the same with all three.
        unknown: keys of the block that are none of these; refused.
    """

    def __init__(
        self,
        manifest_path: str | Path | Sequence[str | Path] | None = None,
        snr_db: Sequence[float] | Mapping[str, float] | None = None,
        *,
        seed: int = 0,
        mix_prob: float = 1.0,
        refresh: str = "each_epoch",
        cache_limit_mb: float = 512.0,
        decoded_dir: str | Path | None = None,
        sources: Sequence[Mapping[str, Any]] | None = None,
        bands: Sequence[Mapping[str, Any]] | None = None,
        noise_only_prob: float = 0.0,
        noise_only_s: KnobValue | None = None,
        around_s: KnobValue | None = None,
        around_prob: float = 1.0,
        full_scale: str = "leave",
        effects: Mapping[str, Sequence[Any]] | None = None,
        curriculum: Mapping[str, Any] | None = None,
        preroll_s: float = 0.0,
        for_context: str = "nothing",
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, type(self), "noise_mix")
        self.draws = UtteranceDraw("noise_mix", seed=seed, refresh=refresh)
        self.mix_prob = share(mix_prob, "mix_prob")
        self.noise_only_prob = share(noise_only_prob, "noise_only_prob")
        self.noise_only_s = None
        if noise_only_s is not None:
            self.noise_only_s = Knob(noise_only_s, "noise_only_s", low=_SHORTEST_S, high=_LONGEST_S)
        self.around = None if around_s is None else SurroundingsDraw(around_s, around_prob)
        self.full_scale = FullScale.of(full_scale)
        self.effects = build_mixture_chains(effects)
        self.counts = EventCounts()
        if bands is not None and snr_db is not None:
            raise ValueError("bands: is given beside snr_db, expected one of the two")
        self.bands = None if bands is None else snr_bands(bands)
        self.context_audio = ContextAudioOptions.of(
            preroll_s, for_context, full_scale=self.full_scale, has_bands=bands is not None
        )
        if (manifest_path is None) == (sources is None):
            raise ValueError("manifest_path, sources: expected exactly one of the two")
        if sources is None:
            sources = [{"manifest_path": manifest_path}]
        self.curriculum = self._curriculum(curriculum, snr_db)
        snrs = CurriculumSnr(self.curriculum) if self.curriculum and self.curriculum.snr else snr_db
        made = noise_sources(
            sources,
            snr_db=snrs,
            sample_rate=16000,
            cache_limit_mb=cache_limit_mb,
            decoded_dir=decoded_dir,
            needs_snr=bands is None,
        )
        if self.curriculum:
            self.curriculum.check(made)
        self._sources = {16000: made}
        self._memory = UtteranceMemory()
        note_reader(self)
        self._looked_at = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Makes the perturbation again in a spawned worker."""
        self.__dict__.update(state)

    def perturb(self, data: AudioSegment) -> None:
        """Adds noise to a mono segment in place.

        Raises:
            ValueError: if the segment is empty, multi-channel or holds NaN, becomes noise alone where its transcript
                cannot be emptied, or has audio for a noise context that the data set does not hand on; ManifestError
                for a bad noise.
        """
        for_context = self._perturb(data)
        if self.context_audio.source is not ContextSource.NOTHING:
            samples = self.context_audio.silence(len(data._samples)) if for_context is None else for_context
            note_for_context(ContextAudio(self.context_audio.source, samples))

    def _perturb(self, data: AudioSegment) -> Samples | None:
        """Adds noise in place; what the noise context gets [P], None of an utterance that stays clean."""
        samples, rate = data._samples, data.sample_rate
        known = self._memory.recall(samples, rate) if _is_mono(samples) else None
        if known is None:
            if rms_db(_checked_segment(data)) < SILENCE_DB:
                self.counts.note("silent speech", f"{_segment_name(data)}: is silent, noise_mix leaves it untouched")
                return None
            self._look_at_band(data, samples, rate)
            known = Known(key_of(samples), active_speech_level_db(samples, rate))
            self._memory.keep(samples, rate, known)
        around, draw = self.draw_with_surroundings(known.key, len(samples), rate)
        note_lead_in(around.before / rate)
        if draw is None:
            data._samples = around.around(samples)
            return None
        note_noise(draw.noise.entry, draw.noise.offset_s, len(draw.noise.samples) / rate)
        if draw.is_noise_only:
            empty_transcript()
        mixture = self.mix(samples, draw, sample_rate=rate, speech_level_db=known.level_db)
        data._samples = self.finish(mixture, draw, rate)
        return self._samples_for_context(mixture, draw, rate)

    def draw(self, samples: Samples, sample_rate: int) -> NoiseDraw | None:
        """What an utterance [T] gets in the current epoch; None for the share 1 - mix_prob that stays clean."""
        return self.draw_by_key(key_of(samples), len(samples), sample_rate)

    def draw_by_key(self, key: int, num_samples: int, sample_rate: int) -> NoiseDraw | None:
        """As `draw`, for an utterance of `num_samples` with a key (`key_of`)."""
        return self.draw_with_surroundings(key, num_samples, sample_rate)[1]

    def draw_with_surroundings(
        self, key: int, num_samples: int, sample_rate: int
    ) -> tuple[Surroundings, NoiseDraw | None]:
        """As `draw_by_key`, and what goes around the utterance, which one that stays clean gets as well."""
        seed = self.draws.seeds(key)
        around = NO_SURROUNDINGS
        if self.around is not None:
            around = self.around.draw(_generator(seed, _AROUND), sample_rate)
        is_noise_only = self.noise_only_prob > 0 and _generator(seed, _NOISE_ONLY).random() < self.noise_only_prob
        rng = _generator(seed)
        mix_prob = self.curriculum.mix_prob(self.mix_prob) if self.curriculum else self.mix_prob
        if rng.random() >= mix_prob and not is_noise_only:
            return around, None
        num_samples += around.total
        if is_noise_only and self.noise_only_s is not None:
            around = NO_SURROUNDINGS
            num_samples = round(self.noise_only_s.draw(_generator(seed, _LENGTH)) * sample_rate)
        source = self._source(sample_rate, seed)
        snr_db = None if source.snr is None else source.snr.draw(rng)
        band_snrs_db = () if self.bands is None else self.bands.draw(_generator(seed, _BANDS))
        labels = self.curriculum.labels() if self.curriculum else None
        size = self.context_audio.preroll_size(sample_rate)
        crop, before = split_preroll(source.noises.crop(rng, num_samples + size, labels), size, sample_rate)
        return around, NoiseDraw(
            crop, snr_db, source.name, band_snrs_db, is_noise_only, (*seed, _EFFECTS), before, around
        )

    def mix(
        self, samples: Samples, draw: NoiseDraw, *, sample_rate: int, speech_level_db: float | None = None
    ) -> Mixture:
        """Mixes what was drawn for an utterance [T], without the effects on the mixture.

        The result has its surroundings, and noise alone the length of its noise. There is no noise where the effects
        leave no speech or no noise (in any band).
        """
        samples, speech_level_db = _as_long_as_noise(samples, draw, sample_rate=sample_rate, level_db=speech_level_db)
        speech = self._changed(MixturePart.SPEECH, samples, draw=draw, sample_rate=sample_rate)
        noise = self._changed(MixturePart.NOISE, draw.noise.samples, draw=draw, sample_rate=sample_rate)
        try:
            return self._added(
                samples, speech, noise, draw=draw, sample_rate=sample_rate, speech_level_db=speech_level_db
            )
        except SilenceError as error:
            source = draw.noise.entry.source
            self.counts.note("without noise", f"{source}: {error}; the utterance goes on without noise")
            left = np.zeros_like(speech) if draw.is_noise_only else speech
            return Mixture(left, left)

    def _added(
        self,
        samples: Samples,
        speech: Samples,
        noise: Samples,
        *,
        draw: NoiseDraw,
        sample_rate: int,
        speech_level_db: float | None,
    ) -> Mixture:
        """Adds noise to speech after the effects on both; `samples` are the speech before them. All [T]."""
        if draw.snr_db is not None and not draw.is_noise_only:
            noise_level_db = draw.noise.level_db if noise is draw.noise.samples else None
            if noise_level_db is None and draw.around.total:
                noise_level_db = rms_db(noise)  # or the level of the speech would be measured with its surroundings
            if speech is samples and speech_level_db is not None and noise_level_db is not None:
                if noise_level_db < SILENCE_DB:
                    raise SilenceError("noise: is silent around and under the speech, expected noise")
                gain = noise_gain(speech_level_db, noise_level_db, draw.snr_db)
                return Mixture(add_noise(speech, noise, gain=gain, snr_db=draw.snr_db), speech)
            return Mixture(mix_at_snr(speech, noise, snr_db=draw.snr_db, sample_rate=sample_rate), speech)
        if draw.snr_db is not None:
            added = noise_at_snr(speech, noise, snr_db=draw.snr_db, sample_rate=sample_rate)
        else:
            added = noise_at_band_snrs(
                speech, noise, edges_hz=self._edges_hz(), snrs_db=draw.band_snrs_db, sample_rate=sample_rate
            )
        left = np.zeros_like(speech) if draw.is_noise_only else speech
        return Mixture((left.astype(np.float64) + added).astype(np.float32), left)

    def finish(self, mixture: Mixture, draw: NoiseDraw, sample_rate: int) -> Samples:
        """Applies the effects on the mixture, then the policy for full scale: [T]."""
        return self.full_scale.apply(
            self._changed(MixturePart.MIXTURE, mixture.samples, draw=draw, sample_rate=sample_rate)
        )

    def check(self) -> None:
        """Decodes every noise, so that a bad one raises its ManifestError now and not in the middle of training."""
        for source in self._sources[16000]:
            source.noises.check()

    def follow(self, clock: EpochClock) -> None:
        """Takes the time from another clock than the one that all perturbations share."""
        self.draws.clock = clock
        if self.curriculum:
            self.curriculum.clock = clock

    def sources(self, sample_rate: int) -> list[NoiseSource]:
        """The sources of noise at a rate."""
        if sample_rate not in self._sources:
            self._sources[sample_rate] = at_rate(self._sources[16000], sample_rate)
        return self._sources[sample_rate]

    def _changed(self, part: MixturePart, samples: Samples, *, draw: NoiseDraw, sample_rate: int) -> Samples:
        chain = self.effects.get(part)
        return samples if chain is None else chain.apply(samples, sample_rate, draw.seed).samples

    def _samples_for_context(self, mixture: Mixture, draw: NoiseDraw, sample_rate: int) -> Samples | None:
        """The noise that is in a mixture, or what goes before it as loud as there, behind the effects: [P]."""
        if self.context_audio.source is ContextSource.NOTHING:
            return None
        noise = mixture.samples - mixture.speech
        if self.context_audio.source is ContextSource.PREROLL:
            source, before = (
                self._changed(MixturePart.NOISE, samples, draw=draw, sample_rate=sample_rate)
                for samples in (draw.noise.samples, draw.before)
            )
            noise = before * gain_between(noise, source)
        return self._changed(MixturePart.MIXTURE, noise, draw=draw, sample_rate=sample_rate)

    def _look_at_band(self, data: AudioSegment, samples: Samples, sample_rate: int) -> None:
        """Logs which of the first utterances of a process lack the upper band, where the noise is alone."""
        self._looked_at += 1
        if self._looked_at <= _LOOKED_AT and is_telephone_band(samples, sample_rate):
            name = _segment_name(data)
            self.counts.note(
                "telephone band",
                f"{name}: holds nothing above 4 kHz, where the noise is alone; put devices (telephone) after it",
            )

    def _edges_hz(self) -> tuple[float, ...]:
        return () if self.bands is None else self.bands.edges_hz

    def _source(self, sample_rate: int, seed: tuple[int, ...]) -> NoiseSource:
        sources = self.sources(sample_rate)
        if len(sources) == 1:
            return sources[0]
        weights = self.curriculum.weights(sources) if self.curriculum else [source.weight for source in sources]
        return draw_source(sources, weights, _generator(seed, _SOURCE))

    def _curriculum(self, config: Mapping[str, Any] | None, snr_db: Any) -> NoiseCurriculum | None:
        if config is None:
            return None
        if self.draws.refresh is Refresh.NEVER:
            raise ValueError("curriculum: is given with refresh: never, but time does not pass there; leave one out")
        made = NoiseCurriculum(config, self.draws.clock)
        if made.snr is not None and (snr_db is not None or self.bands is not None):
            other = "bands" if snr_db is None else "snr_db"
            raise ValueError(f"curriculum.snr_db: is given beside {other}, expected one of the two")
        return made


def _as_long_as_noise(
    samples: Samples, draw: NoiseDraw, *, sample_rate: int, level_db: float | None
) -> tuple[Samples, float | None]:
    """An utterance [T] with its surroundings, or repeated or cut where noise alone has another length; its level."""
    if draw.around.total and level_db is None:
        level_db = active_speech_level_db(samples, sample_rate)
    padded = draw.around.around(samples)
    if len(padded) == len(draw.noise.samples):
        return padded, level_db
    return loop_to_length(samples, len(draw.noise.samples), sample_rate), level_db


def _generator(seed: tuple[int, ...], *stream: int) -> np.random.Generator:
    return np.random.default_rng([*seed, *stream])


def _is_mono(samples: Any) -> bool:
    return isinstance(samples, np.ndarray) and samples.ndim == 1 and samples.dtype == np.float32 and samples.size > 0


def _checked_segment(data: AudioSegment) -> Samples:
    try:
        checked_signal(data._samples, "samples")
    except ValueError as error:
        raise ValueError(f"{_segment_name(data)}: noise_mix cannot use it, {error}") from error
    samples: Samples = data._samples
    return samples


def _segment_name(data: AudioSegment) -> str:
    return str(getattr(data, "_audio_file", None) or "a segment without a file name")
