# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the language experiment: speech of one language with and without its text, sentences of another.

    python experiments/preparation/prepare_language.py

Sentences without a text, with signs that are neither letters of the language nor punctuation, of another length than
asked for, and those that were there before are left out and counted. Options: experiments/language/language_data.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from experiments.preparation.splits import source_folder, split_noises, train_tokenizer, write_part
from nemo_noise.data.manifests.manifest import ManifestEntry, read_manifest, write_manifest
from nemo_noise.evaluation.scoring.text_normalization import TextStep, normalize_text


def prepare(cfg: DictConfig) -> Path:
    """Write everything under `data_dir`, unless it is there; returns the file that marks it as complete."""
    out, done = Path(cfg.data_dir), Path(cfg.data_dir) / "done"
    if done.exists():
        return done
    source, data = source_folder(cfg), cfg.data
    entries = [entry for name in data.speech_manifests for entry in read_manifest(source / name)]
    lasting = [entry for entry in entries if _fits(entry, cfg)]
    spelt = [entry for entry in lasting if _is_spelt(entry, cfg)]
    kept = list({_letters(str(entry.text)): entry for entry in spelt}.values())  # no sentence is in two parts
    left_out = len(entries) - len(lasting), len(lasting) - len(spelt), len(spelt) - len(kept)
    logging.info(f"{len(kept)} of {len(entries)} sentences; left out for length, signs, repetition: {left_out}")
    drawn = _shuffled(kept, cfg)
    test, rest = drawn[: data.num_test], drawn[data.num_test :]
    write_part(rest[: data.num_dev], out / "dev", "dev.json", _letters)
    write_part(rest[data.num_dev :], out / "train", "train.json", _letters)
    spoken = read_manifest(write_part(test, out / "test", "test.json", _letters))
    said = {"group": data.language}
    lines = [e.fields | said | {"audio_filepath": e.audio_filepath, "sentence": n} for n, e in enumerate(spoken)]
    write_manifest(out / "test.json", lines)
    other = [entry for name in data.other_speech for entry in read_manifest(source / name)]
    heard = _shuffled([entry for entry in other if _fits(entry, cfg)], cfg)
    logging.info(f"{len(heard)} of {len(other)} utterances of the other language; the others are left out for length")
    _write_other(heard[data.num_dev :], out / "other", cfg)
    _write_other(heard[: data.num_dev], out / "other_dev", cfg)
    split_noises(source, out, cfg)
    train_tokenizer(out, "char")
    done.touch()
    return done


def _fits(entry: ManifestEntry, cfg: DictConfig) -> bool:
    return cfg.data.shortest_s <= float(entry.fields["duration"]) <= cfg.data.longest_s


def _shuffled(entries: Sequence[ManifestEntry], cfg: DictConfig) -> list[ManifestEntry]:
    return [entries[index] for index in np.random.default_rng(cfg.data.split_seed).permutation(len(entries))]


def _write_other(entries: Sequence[ManifestEntry], folder: Path, cfg: DictConfig) -> None:
    """Speech of the other language: all of it without text (heard.json), what can be spelt with text (read.json)."""
    spoken = read_manifest(write_part(entries, folder, "read.json", _letters))
    write_manifest(folder / "heard.json", [entry.fields | {"text": ""} for entry in spoken])
    read = [entry.fields for entry in spoken if _is_spelt(entry, cfg)]
    logging.info(f"{len(read)} of {len(spoken)} in {folder.name} have a text in the letters of the language")
    write_manifest(folder / "read.json", read)


def _is_spelt(entry: ManifestEntry, cfg: DictConfig) -> bool:
    """Whether there is a text, in the letters of the language."""
    letters = _letters(entry.text or "")
    return bool(letters) and set(letters) <= {*cfg.data.letters, " "}


def _letters(text: str) -> str:
    """Small letters without punctuation: what the recogniser writes."""
    return normalize_text(text, [TextStep.LOWER, TextStep.STRIP_PUNCTUATION])


@hydra_runner(config_path="..", config_name="language/language")
def main(cfg: DictConfig) -> None:
    """Prepare, and say where."""
    print(f"{prepare(cfg)}: data are ready")


if __name__ == "__main__":
    main()
