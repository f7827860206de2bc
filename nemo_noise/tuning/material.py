# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a tuning reads: speech and noise of training and dev as manifests of its own, checked before it begins."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from nemo_noise.data.manifests.given import noise_manifests, speech_manifests
from nemo_noise.data.manifests.manifest import (
    ManifestEntry,
    ManifestError,
    read_manifest,
    require_audio_files,
    write_manifest,
)
from nemo_noise.data.manifests.usable import find_unusable, no_noise, usable_entries
from nemo_noise.data.mixing.surroundings import SurroundingsDraw
from nemo_noise.evaluation.mixtures.export import MixtureSet, export_mixtures
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import load_plan
from nemo_noise.evaluation.scoring.text_normalization import normalize_text
from nemo_noise.foreign_text import printable
from nemo_noise.tuning.noise_split import NoiseSplit, split_noise
from nemo_noise.tuning.options import TuningOptions
from nemo_noise.tuning.start import Loader, Start

__all__ = ["Material", "prepare_material"]

LANGUAGES = ("source_lang", "lang", "language")
NAMED = 3  # lines in one message
LOOKED_AT = 50  # headers of audio files
Note = Callable[[str], object]


@dataclass(frozen=True)
class Material:
    """Manifests of a tuning, and what is in them.

    Attributes:
        train: speech to train with.
        train_noise: noise to train with.
        clean_dev: clean dev speech.
        noisy_dev: the same speech in noise that is not trained on, as files.
        mixtures: what `noisy_dev` holds, with its hash.
        utterances: of `train`.
        dev_words: of `clean_dev`.
        texts: all different transcripts.
    """

    train: Path
    train_noise: Path
    clean_dev: Path
    noisy_dev: Path
    mixtures: MixtureSet
    utterances: int
    dev_words: int
    texts: frozenset[str]

    def digests(self) -> dict[str, str]:
        """Hashes of what is read, by option."""
        read = {"train": self.train, "dev": self.clean_dev, "noise": self.train_noise, "noisy dev": self.noisy_dev}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in read.items()}


def prepare_material(options: TuningOptions, start: Start, note: Note) -> Material:
    """Writes the manifests of a tuning and the mixtures of dev below its folder.

    Args:
        options: of the tuning.
        start: the checkpoint.
        note: gets lines about what was found and left out.

    Raises:
        ValueError: something given is not there or cannot be used; names the option.
    """
    folder = options.folder / "manifests"
    split = _noise(options, folder, note)
    train = _speech("train", options.train, options=options, start=start, folder=folder, note=note)
    dev = _speech("dev", options.dev, options=options, start=start, folder=folder, note=note)
    _check_apart("dev", train, dev)
    _note_speakers(train, dev, note)
    chosen = _some(dev, options.dev_utterances)
    if len(chosen) < len(dev):
        note(f"dev: {len(chosen)} of {len(dev)} utterances, always the same ones (dev_utterances)")
    _write(folder / "train.json", train)
    _write(folder / "clean.json", chosen)
    _write(folder / "train_noise.json", split.train)
    _write(folder / "dev_noise.json", split.dev)
    mixtures = _mix_dev(options, start, folder=folder, note=note)
    words = sum(len((entry.text or "").split()) for entry in chosen)
    if words and 100.0 / words > max(options.tolerance, 0.1):
        note(f"dev: holds {words} words, so that one word is {100 / words:.1f} points: more dev speech decides better")
    return Material(
        train=folder / "train.json",
        train_noise=folder / "train_noise.json",
        clean_dev=folder / "clean.json",
        noisy_dev=folder / "noisy.json",
        mixtures=mixtures,
        utterances=len(train),
        dev_words=words,
        texts=frozenset(entry.text or "" for entry in [*train, *dev]),
    )


def _noise(options: TuningOptions, folder: Path, note: Note) -> NoiseSplit:
    noises = _noise_entries("noise", options.noise, folder=folder, note=note)
    if options.dev_noise is None:
        split = split_noise(noises)
        note(f"noise: {_count(split.train)} to train with, {_count(split.dev)} for dev")
        return split
    dev = _noise_entries("dev_noise", options.dev_noise, folder=folder, note=note)
    _check_apart("dev_noise", noises, dev)
    return NoiseSplit(noises, dev)


def _noise_entries(option: str, given: Any, *, folder: Path, note: Note) -> list[ManifestEntry]:
    lists = noise_manifests(given, folder / option, option=option, note=note)
    entries = [entry for manifests in lists.values() for path in manifests for entry in read_manifest(path)]
    require_audio_files(entries)
    return usable_entries(entries, find_unusable(entries, no_noise), option)


def _speech(
    option: str, given: Any, *, options: TuningOptions, start: Start, folder: Path, note: Note
) -> list[ManifestEntry]:
    """The usable lines of an option, as the model's loader needs them."""
    manifests = speech_manifests(given, folder / option, option=option, note=note)
    entries = [entry for path in manifests for entry in read_manifest(path)]
    require_audio_files(entries)
    without = [entry for entry in entries if not (entry.text or "").strip()]
    if without:
        raise ManifestError(
            f"{option}: {len(without)} of {len(entries)} lines have no text ({_sources(without)}): give a transcript "
            "to each, or take these lines out; text where nobody speaks is trained by --noise-alone"
        )
    around_s = 0.0 if options.around_s is None else SurroundingsDraw(options.around_s).longest_s
    longest_s = min(options.max_duration_s, start.longest_s - around_s)
    known = [_complete(entry, options, start) for entry in entries]
    fitting = [entry for entry in known if (entry.duration or 0.0) <= longest_s]
    if not fitting:
        raise ManifestError(
            f"{option}: all {len(entries)} utterances are longer than max_duration_s={longest_s:g} "
            f"({_sources(entries)}): cut them, or raise max_duration_s"
        )
    nameless = sum(not any(entry.fields.get(key) for key in LANGUAGES) for entry in entries)
    if start.loader is Loader.LHOTSE and options.language is None and nameless:
        note(f"{option}: {nameless} of {len(entries)} lines name no language: {start.language} is taken (--language)")
    if len(fitting) < len(known):
        note(f"{option}: {len(known) - len(fitting)} of {len(known)} utterances are longer than {longest_s:g} s")
    _note_rates(option, fitting, sample_rate=start.sample_rate, note=note)
    return fitting


def _complete(entry: ManifestEntry, options: TuningOptions, start: Start) -> ManifestEntry:
    """A line with its duration, its text normalised, and the languages that an attention decoder is prompted with."""
    fields = dict(entry.fields)
    duration = entry.duration
    if duration is None:
        try:
            duration = float(soundfile.info(entry.audio_filepath).duration) - entry.offset_s
        except soundfile.SoundFileError as error:
            raise ManifestError(f"{entry.source}: {entry.audio_filepath}: cannot be read ({error})") from error
    text = normalize_text(entry.text or "", options.text_normalization) if options.text_normalization else entry.text
    fields |= {"duration": round(duration, 6), "text": text}
    if start.loader is Loader.LHOTSE:
        fields = _languages(fields, options.language, start) | fields
    return ManifestEntry(entry.audio_filepath, duration, text, fields, entry.source)


def _languages(fields: Mapping[str, Any], given: str | None, start: Start) -> dict[str, str]:
    """Source and target language of a line that does not name them."""
    named = next((fields[key] for key in LANGUAGES if fields.get(key)), None)
    language = str(given or named or start.language)
    return {"source_lang": language, "target_lang": str(fields.get("target_lang") or language)}


def _mix_dev(options: TuningOptions, start: Start, *, folder: Path, note: Note) -> MixtureSet:
    """Writes the noisy dev set: each utterance at each SNR, in noise for dev."""
    plan = load_plan(
        start.sample_rate,
        folder / "clean.json",
        {"dev_noise": folder / "dev_noise.json"},
        snr_db=options.dev_snr_db,
        seed=options.seed,
        noise_only=NoiseOnlyOptions(crops=0, silence_s=()),
    )
    made = export_mixtures(plan, options.folder / "dev")
    mixed = read_manifest(options.folder / "dev" / "manifest.jsonl")
    _write(folder / "noisy.json", mixed)
    left_out = len(plan.examined.left_out) + len(plan.left_out)
    more = f"; {left_out} cannot be mixed and are left out" if left_out else ""
    snrs = ", ".join(f"{snr:g}" for snr in options.dev_snr_db)
    note(f"noisy dev: {made['mixtures']} mixtures at {snrs} dB, {str(made['mixture_set_sha256'])[:12]}{more}")
    return made


def _check_apart(option: str, train: Sequence[ManifestEntry], dev: Sequence[ManifestEntry]) -> None:
    """Refuses dev audio that is trained with."""
    seen = {(Path(entry.audio_filepath).resolve(), entry.offset_s) for entry in train}
    both = [entry for entry in dev if (Path(entry.audio_filepath).resolve(), entry.offset_s) in seen]
    if both:
        other = "train" if option == "dev" else "noise"
        raise ManifestError(
            f"{option}: {len(both)} of {len(dev)} recordings are in {other} as well ({_sources(both)}): what was "
            f"trained with proves nothing; give others{', or leave --dev-noise out' if option == 'dev_noise' else ''}"
        )


def _note_speakers(train: Sequence[ManifestEntry], dev: Sequence[ManifestEntry], note: Note) -> None:
    """A line about voices of dev that are trained with."""
    seen, heldout = (
        {str(entry.fields["speaker"]) for entry in side if entry.fields.get("speaker")} for side in (train, dev)
    )
    if seen & heldout:
        note(
            f"dev: {len(seen & heldout)} of {len(heldout)} speakers are in train as well: weights that are chosen "
            "on them may be worse for other voices"
        )


def _some(entries: Sequence[ManifestEntry], count: int) -> list[ManifestEntry]:
    """At most so many of the lines, always the same ones."""
    if len(entries) <= count:
        return list(entries)
    drawn = sorted(np.random.default_rng(0).choice(len(entries), count, replace=False))
    return [entries[index] for index in drawn]


def _note_rates(option: str, entries: Sequence[ManifestEntry], *, sample_rate: int, note: Note) -> None:
    """A line about the first files that have another sample rate than the model."""
    first = entries[:LOOKED_AT]
    try:
        rates = [int(soundfile.info(entry.audio_filepath).samplerate) for entry in first]
    except soundfile.SoundFileError as error:
        raise ManifestError(f"{option}: an audio file cannot be read: {error}") from error
    lower = [rate for rate in rates if rate < sample_rate]
    if lower:
        note(
            f"{option}: {len(lower)} of the first {len(first)} files have {min(lower)} Hz and are resampled to "
            f"{sample_rate} Hz: above {min(lower) // 2000:g} kHz there will be noise alone"
        )


def _write(path: Path, entries: Iterable[ManifestEntry]) -> None:
    write_manifest(path, entries)


def _sources(entries: Sequence[ManifestEntry]) -> str:
    more = ", ..." if len(entries) > NAMED else ""
    return printable(", ".join(entry.source for entry in entries[:NAMED]) + more)


def _count(entries: Sequence[ManifestEntry]) -> str:
    files = len({entry.audio_filepath for entry in entries})
    return f"{files} file{'' if files == 1 else 's'}"
