# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the language experiment: speech of one language without text, sentences of another with it.

    python examples/experiments/prepare_language.py

Sentences with signs that are neither letters of the language nor punctuation, those of another length than asked for,
and those that were there before are left out and counted. Options: conf/ablations/language.yaml.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from preparation import source_folder, split_noises, train_tokenizer, write_part

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.data.manifest import ManifestEntry, read_manifest, write_manifest
from nemo_noise.evaluation.scoring.text_normalization import TextStep, normalize_text


def prepare(cfg: DictConfig) -> Path:
    """Write everything under `data_dir`, unless it is there; returns the file that marks it as complete."""
    out, done = Path(cfg.data_dir), Path(cfg.data_dir) / "done"
    if done.exists():
        return done
    source, data = source_folder(cfg), cfg.data
    entries = [entry for name in data.speech_manifests for entry in read_manifest(source / name)]
    lasting = [entry for entry in entries if _fits(entry, cfg)]
    spelt = [entry for entry in lasting if set(_letters(str(entry.text))) <= {*data.letters, " "}]
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
    other = [entry for name in data.unlabelled_speech for entry in read_manifest(source / name)]
    heard = _shuffled([entry for entry in other if _fits(entry, cfg)], cfg)
    logging.info(f"{len(heard)} of {len(other)} utterances without text; the others are left out for length")
    write_part(heard[data.num_dev :], out / "other", "other.json", _untold)
    write_part(heard[: data.num_dev], out / "other_dev", "other_dev.json", _untold)  # for the loss only
    split_noises(source, out, cfg)
    train_tokenizer(out, "char")
    done.touch()
    return done


def _fits(entry: ManifestEntry, cfg: DictConfig) -> bool:
    return cfg.data.shortest_s <= float(entry.fields["duration"]) <= cfg.data.longest_s


def _shuffled(entries: Sequence[ManifestEntry], cfg: DictConfig) -> list[ManifestEntry]:
    return [entries[index] for index in np.random.default_rng(cfg.data.split_seed).permutation(len(entries))]


def _untold(_: str) -> str:
    """The text of speech that is heard without it."""
    return ""


def _letters(text: str) -> str:
    """Small letters without punctuation: what the recogniser writes."""
    return normalize_text(text, [TextStep.LOWER, TextStep.STRIP_PUNCTUATION])


@hydra_runner(config_path="../../conf/ablations", config_name="language")
def main(cfg: DictConfig) -> None:
    """Prepare, and say where."""
    print(f"{prepare(cfg)}: data are ready")


if __name__ == "__main__":
    main()
