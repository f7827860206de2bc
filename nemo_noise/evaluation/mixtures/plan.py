# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Fixed mixtures: every model gets the same speech in the same noise, and every SNR mixes the same piece of noise.

Which recording, and where in it, is drawn from (seed, utterance, noise list) alone: not from the SNR, the model, the
order of the work or the machine. A hash of the samples proves it.
"""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nemo.utils import logging

from nemo_noise.data.manifests.manifest import ManifestEntry, load_entry, read_manifest, require_audio_files
from nemo_noise.data.manifests.sensors import SensorRecording, read_sensors
from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList
from nemo_noise.data.signal.snr import mix_at_snr
from nemo_noise.evaluation.hypothesis import PLAIN, Condition, Place
from nemo_noise.evaluation.mixtures.acoustics import Acoustics
from nemo_noise.evaluation.mixtures.drawn_utterances import draw_utterances
from nemo_noise.evaluation.mixtures.examination import Examined, LeftOut, check_noises, examine_speech
from nemo_noise.evaluation.mixtures.names import check_list_name, name_utterances
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.preroll import check_preroll, gain_of_noise, noise_before_crop
from nemo_noise.evaluation.mixtures.snr_grid import parse_snr_db
from nemo_noise.evaluation.mixtures.surroundings import noise_around_crop
from nemo_noise.foreign_text import printable

CACHED_UTTERANCES = 64


@dataclass(frozen=True)
class Trial:
    """One thing that a model is asked to transcribe.

    Attributes:
        utterance_id: name of the utterance, of the noise crop or of the silence.
        condition: clean, noisy, noise only or silence.
        noise_list: name of the list, None for clean speech and silence.
        snr_db: SNR in dB, None for clean speech and where nobody speaks.
        entry: manifest line of the speech, None where nobody speaks.
        trial_id: hash of all that decides its audio; equal ids are equal tasks.
        length_s: seconds of noise or silence, None for speech.
        place: the room of the speech and the channel behind the noise.
    """

    utterance_id: str
    condition: Condition
    noise_list: str | None
    snr_db: float | None
    entry: ManifestEntry | None
    trial_id: str
    length_s: float | None = None
    place: Place = PLAIN

    @property
    def claimed_duration_s(self) -> float:
        """Seconds as the manifest claims them, for sorting; 0 where it does not."""
        return (self.entry.duration or 0.0) if self.entry is not None else self.length_s or 0.0


class Mixture(NamedTuple):
    """The audio of a trial: samples [T], float32, not clipped, and where its noise came from.

    `before` is the noise that went before the speech, the pre-roll [P], and `noise` the noise that is in the samples
    [T], behind the channel by itself, where they are asked for.
    """

    samples: NDArray[np.float32]
    noise_file: str | None
    noise_label: str | None
    noise_offset_s: float | None
    before: NDArray[np.float32] | None = None
    noise: NDArray[np.float32] | None = None

    @property
    def sha256(self) -> str:
        """Hash of the samples as little-endian float32."""
        return hashlib.sha256(self.samples.astype("<f4").tobytes()).hexdigest()


class MixturePlan:
    """All trials of an evaluation, and the audio of each.

    Args:
        speech: manifest lines of the speech.
        noise_lists: noise by name.
        snr_db: SNRs in dB, and "clean" for the speech as it is.
        seed: of the draws.
        sample_rate: of the models, samples per second.
        noise_only: how much noise without speech.
        acoustics: rooms and channels; None for dry speech without a channel. Noise alone goes through the first
            channel, silence through none.
        preroll_s: seconds of noise before noisy speech, at most: as many as the recording has before the crop.
        preroll_loops: whether the end of a recording goes before its start, so that there are as many always.
        keeps_noise: whether mixtures hold the noise that is in them as well, silence where there is none.
        examined: what was found in the audio of the speech; what it leaves out has no trials. None: not looked at.

    Attributes:
        left_out: mixtures that turned out not to be possible, by id of their trial; `mixtures_of` fills it.
        around_s: seconds before and behind each mixture with speech, see `surrounded`.
    """

    def __init__(
        self,
        speech: Sequence[ManifestEntry],
        noise_lists: Mapping[str, NoiseList],
        *,
        snr_db: Sequence[float | str],
        seed: int,
        sample_rate: int,
        noise_only: NoiseOnlyOptions,
        acoustics: Acoustics | None = None,
        preroll_s: float = 0.0,
        preroll_loops: bool = False,
        keeps_noise: bool = False,
        examined: Examined | None = None,
    ) -> None:
        self.examined = examined or Examined(utterances=len(speech))
        self.left_out: dict[str, LeftOut] = {}
        self.around_s = 0.0
        self.acoustics, self.preroll_s = acoustics or Acoustics(), check_preroll(preroll_s)
        self.preroll_loops, self.keeps_noise = preroll_loops, keeps_noise
        self.noise_lists = {check_list_name(name): noise_list for name, noise_list in noise_lists.items()}
        self.seed, self.sample_rate, self.noise_only = seed, sample_rate, noise_only
        self._recipes = {name: _digest([e.fields for e in noise.entries]) for name, noise in noise_lists.items()}
        self._noise_labels: dict[tuple[str, str], str] = {}
        self._speech_samples = lru_cache(maxsize=CACHED_UTTERANCES)(self._load_speech)
        unusable = {one.name for one in self.examined.left_out}
        entries = dict(zip(name_utterances(speech), speech, strict=True))
        self._entries = {name: entry for name, entry in entries.items() if name not in unusable}
        empty = sum(not (entry.text or "").strip() for entry in speech)
        if empty:
            logging.warning(
                f"{empty} of {len(speech)} utterances have no text: they count as speech-free, not as words"
            )
        self.trials = self._plan(parse_snr_db(snr_db))
        if not self.trials and not unusable:
            raise ValueError("the plan is empty: give noise_lists, or 'clean' in snr_db")

    @property
    def speech(self) -> list[ManifestEntry]:
        """The lines of the utterances that are evaluated."""
        return list(self._entries.values())

    def surrounded(self, trials: Sequence[Trial], around_s: float) -> "MixturePlan":
        """Plan mixtures once more with time around each, whose trials have ids of their own.

        The noise goes on in its recording, as loud; around clean speech is digital silence. What lies between is the
        mixture bit for bit, unless a channel changes it, which all of it goes through.

        Args:
            trials: of this plan, with speech.
            around_s: seconds on each side.

        Returns:
            The plan of these trials.
        """
        other = copy.copy(self)
        other.around_s, other.left_out = around_s, {}
        named = [(trial, _digest([trial.trial_id, "around_s", around_s])[:32]) for trial in trials]
        other.trials = [replace(trial, trial_id=trial_id) for trial, trial_id in named]
        return other

    def mixtures_of(self, trials: Sequence[Trial]) -> list[tuple[Trial, Mixture]]:
        """Make the audio of trials; one that is not possible is left out, kept in `left_out` and logged once.

        A room or channel may silence speech that is none before it: such a mixture has no SNR.
        """
        made = [(trial, self._possible(trial)) for trial in trials]
        return [(trial, mixture) for trial, mixture in made if mixture is not None]

    def render(self, trial: Trial) -> Mixture:
        """Make the audio of a trial; equal trials give equal samples."""
        mixture = self._rendered(trial)
        if self.keeps_noise and mixture.noise is None:  # clean speech or silence
            return mixture._replace(noise=np.zeros(len(mixture.samples), dtype=np.float32))
        return mixture

    def _rendered(self, trial: Trial) -> Mixture:
        if trial.condition is Condition.SILENCE:
            silence = np.zeros(round(float(trial.length_s or 0.0) * self.sample_rate), dtype=np.float32)
            return Mixture(silence, None, None, None)
        if trial.condition is Condition.CLEAN:
            alone = np.pad(self._speech_in_room(trial), self._around)
            return Mixture(self._behind_channel(alone, trial), None, None, None)
        crop, label = self._crop(trial)
        samples = crop.samples.copy()  # the list keeps its own; a model may write into what it gets
        before, noise = None, crop.samples
        if trial.entry is not None and trial.snr_db is not None:
            try:
                speech = self._speech_in_room(trial)
                samples = mix_at_snr(speech, crop.samples, snr_db=trial.snr_db, sample_rate=self.sample_rate)
            except ValueError as error:
                raise ValueError(f"{trial.entry.source}: with noise {crop.entry.source}: {error}") from error
            noise = samples - speech
            noises = self.noise_lists[str(trial.noise_list)]
            earlier = noise_before_crop(noises, crop, self.preroll_s, loops=self.preroll_loops)
            if len(earlier):  # behind the channel by itself, or losses and levels of the mixture would be others
                before = self._behind_channel(earlier * gain_of_noise(samples, speech, crop.samples), trial)
            if self._around:
                gain = gain_of_noise(samples, speech, crop.samples)
                sides = [side * gain for side in noise_around_crop(noises, crop, self._around)]
                samples, noise = (np.concatenate([sides[0], one, sides[1]]) for one in (samples, noise))
        samples = self._behind_channel(samples, trial)
        kept = self._behind_channel(noise, trial) if self.keeps_noise else None
        noise_file, offset_s = str(crop.entry.fields["audio_filepath"]), round(crop.offset_s, 6)
        return Mixture(samples, noise_file, label, offset_s, before, kept)

    def sensors(self, trial: Trial) -> dict[str, SensorRecording]:
        """Read what was measured beside a trial, by stream; one of the noise goes before one of the speech."""
        sensors = {} if trial.entry is None else read_sensors(trial.entry)
        if trial.noise_list is not None and any(
            "sensors" in entry.fields for entry in self.noise_lists[trial.noise_list].entries
        ):
            crop, _ = self._crop(trial)
            sensors |= read_sensors(crop.entry, crop.offset_s, len(crop.samples) / self.sample_rate)
        return sensors

    def noise_label(self, trial: Trial) -> str | None:
        """Name the kind of noise in a trial; None for clean speech."""
        if trial.noise_list is None:
            return None
        known = self._noise_labels.get((trial.utterance_id, trial.noise_list))
        return known if known is not None else self._crop(trial)[1]

    @property
    def _around(self) -> int:
        """Samples on each side of a mixture with speech."""
        return round(self.around_s * self.sample_rate)

    def _possible(self, trial: Trial) -> Mixture | None:
        try:
            return self.render(trial)
        except ValueError as error:
            source = "noise" if trial.entry is None else trial.entry.source
            cell = "clean" if trial.snr_db is None else f"{trial.noise_list} at {trial.snr_db:g} dB"
            name = f"{trial.utterance_id}, {cell}, {'/'.join(trial.place)}"
            if trial.trial_id not in self.left_out:
                logging.warning(printable(f"a mixture is left out: {name}: {error}"))
            self.left_out[trial.trial_id] = LeftOut(name, source, str(error))
            return None

    def noise_labels(self, noise_list: str) -> list[str]:
        """Name the kinds of noise in a list."""
        return sorted({_label_of(entry) for entry in self.noise_lists[noise_list].entries})

    def _crop(self, trial: Trial) -> tuple[NoiseCrop, str]:
        """Draw the noise of a trial, and name its kind; the SNR has no say."""
        name = str(trial.noise_list)
        drawn_from = f"{self.seed}\0{trial.utterance_id}\0{name}".encode()
        generator = np.random.default_rng(int.from_bytes(hashlib.sha256(drawn_from).digest()[:16], "little"))
        if trial.condition is Condition.NOISE_ONLY:
            num_samples = round(float(trial.length_s or 0.0) * self.sample_rate)
        else:
            num_samples = len(self._speech_samples(trial.utterance_id))
        crop = self.noise_lists[name].crop(generator, num_samples)
        label = _label_of(crop.entry)
        self._noise_labels[trial.utterance_id, name] = label
        return crop, label

    def _speech_in_room(self, trial: Trial) -> NDArray[np.float32]:
        speech = self._speech_samples(trial.utterance_id).copy()
        return self.acoustics.in_room(
            speech, self.sample_rate, trial.place, seed=self.seed, utterance_id=trial.utterance_id
        )

    def _behind_channel(self, samples: NDArray[np.float32], trial: Trial) -> NDArray[np.float32]:
        return self.acoustics.behind_channel(
            samples, self.sample_rate, trial.place, seed=self.seed, utterance_id=trial.utterance_id
        )

    def _load_speech(self, utterance_id: str) -> NDArray[np.float32]:
        return load_entry(self._entries[utterance_id], self.sample_rate)

    def _plan(self, snrs: Sequence[float | None]) -> list[Trial]:
        """List the trials: utterance by utterance, place by place, clean first; then noise alone, then silence."""
        trials = []
        places = self.acoustics.places()
        for (utterance_id, entry), place in product(self._entries.items(), places):
            if None in snrs:
                trials.append(self._trial(utterance_id, Condition.CLEAN, entry=entry, place=place))
            for name, snr_db in product(self.noise_lists, [snr for snr in snrs if snr is not None]):
                noisy = partial(self._trial, noise_list=name, snr_db=snr_db)
                trials.append(noisy(utterance_id, Condition.NOISY, entry=entry, place=place))
        behind = PLAIN._replace(channel=places[0].channel)
        for name, number in product(self.noise_lists, range(self.noise_only.crops)):
            crop = partial(self._trial, noise_list=name, length_s=self.noise_only.crop_s)
            trials.append(crop(f"noise-only-{name}-{number:04d}", Condition.NOISE_ONLY, place=behind))
        for length in self.noise_only.silence_s:
            trials.append(self._trial(f"silence-{length:g}s", Condition.SILENCE, length_s=float(length)))
        return trials

    def _trial(
        self,
        utterance_id: str,
        condition: Condition,
        *,
        noise_list: str | None = None,
        snr_db: float | None = None,
        entry: ManifestEntry | None = None,
        length_s: float | None = None,
        place: Place = PLAIN,
    ) -> Trial:
        """Name a trial by all that decides its audio and its reference."""
        noise_recipe = None if noise_list is None else (noise_list, self._recipes[noise_list], self.seed)
        fields = None if entry is None else entry.fields
        decisive: list[Any] = [utterance_id, condition.value, noise_recipe, snr_db, length_s, fields, self.sample_rate]
        if self.preroll_s and condition is Condition.NOISY:
            decisive.append(["preroll_s", self.preroll_s])
            decisive += [["preroll_loops"]] if self.preroll_loops else []
        if place != PLAIN:
            decisive.append([self.seed, *self.acoustics.recipe(place)])
        return Trial(utterance_id, condition, noise_list, snr_db, entry, _digest(decisive)[:32], length_s, place)


def load_plan(
    sample_rate: int,
    speech_manifest: str | Path | Sequence[str | Path],
    noise_manifests: Mapping[str, str | Path | Sequence[str | Path]],
    *,
    snr_db: Sequence[float | str],
    seed: int = 0,
    noise_only: NoiseOnlyOptions | None = None,
    acoustics: Acoustics | None = None,
    preroll_s: float = 0.0,
    preroll_loops: bool = False,
    keeps_noise: bool = False,
    longest_s: float | None = None,
    utterances: int | None = None,
) -> MixturePlan:
    """Plan an evaluation from manifests; all audio is decoded once, and what cannot be used is left out or refused.

    Args:
        sample_rate: of the models, samples per second; audio at another rate is resampled.
        speech_manifest: NeMo manifest of the speech, or several.
        noise_manifests: manifests of noise by the name of the list.
        snr_db: SNRs in dB, and "clean".
        seed: of the draws.
        noise_only: how much noise without speech; None takes the defaults.
        acoustics: rooms and channels; None for none.
        preroll_s: seconds of noise before noisy speech, at most.
        preroll_loops: whether there are as many always.
        keeps_noise: whether mixtures hold the noise that is in them as well.
        longest_s: the longest speech that the models take, in seconds; None for any.
        utterances: at most so many are evaluated, drawn by `seed`; None for all.

    Returns:
        The plan; utterances that are silent, too long or broken are left out of it, see `examined`.

    Raises:
        ManifestError: a manifest or an audio file is missing, or a noise is broken; the message names file:line.
    """
    several = [speech_manifest] if isinstance(speech_manifest, str | Path) else speech_manifest
    offered = [entry for path in several for entry in read_manifest(path)]
    require_audio_files(offered)
    speech = draw_utterances(offered, utterances, seed)
    noise_lists = {check_list_name(name): NoiseList(path, sample_rate) for name, path in noise_manifests.items()}
    only, entries = noise_only or NoiseOnlyOptions(), dict(zip(name_utterances(speech), speech, strict=True))
    parse_snr_db(snr_db)
    check_noises(noise_lists)
    examined = examine_speech(entries, sample_rate, longest_s, offered=len(offered))
    return MixturePlan(
        speech,
        noise_lists,
        snr_db=snr_db,
        seed=seed,
        sample_rate=sample_rate,
        noise_only=only,
        acoustics=acoustics,
        preroll_s=preroll_s,
        preroll_loops=preroll_loops,
        keeps_noise=keeps_noise,
        examined=examined,
    )


def _label_of(noise: ManifestEntry) -> str:
    return str(noise.fields.get("label") or Path(noise.audio_filepath).stem)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
