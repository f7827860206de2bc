# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the sentences experiment: read sentences, noises split by class, a tokenizer.

    python experiments/preparation/prepare_sentences.py

Speakers and noise classes of the test are not in training; sentences may be, as they are the prompts of a test of
pronunciation. Every test sentence is there at its natural level and at another one. Options:
experiments/sentences/sentences.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from experiments.preparation.splits import (
    at_two_levels,
    evenly,
    source_folder,
    split_noises,
    train_tokenizer,
    write_part,
    write_unlabelled,
)
from nemo_noise.data.manifests.manifest import ManifestEntry, read_manifest, write_manifest


def prepare(cfg: DictConfig) -> Path:
    """Write everything under `data_dir`, unless it is there; returns the file that marks it as complete."""
    out, done = Path(cfg.data_dir), Path(cfg.data_dir) / "done"
    if done.exists():
        return done
    source = source_folder(cfg)
    train, others = (read_manifest(source / name) for name in cfg.data.speech_manifests)
    shared = {str(e.fields["speaker"]) for e in train} & {str(e.fields["speaker"]) for e in others}
    if shared:
        raise ValueError(f"speech_manifests={cfg.data.speech_manifests} share the speakers {sorted(shared)}.")
    speakers = sorted({str(entry.fields["speaker"]) for entry in others})
    dev_speakers = set(evenly(speakers, cfg.data.num_dev_speakers))
    dev = [entry for entry in others if entry.fields["speaker"] in dev_speakers]
    test = sorted((e for e in others if e.fields["speaker"] not in dev_speakers), key=lambda e: e.fields["speaker"])
    further = [entry for name in cfg.data.further_training for entry in read_manifest(source / name)]
    write_part(_short(train + further, cfg), out / "train", "train.json", _letters, list(cfg.data.speeds))
    write_part(evenly(_short(dev, cfg), cfg.data.num_dev), out / "dev", "dev.json", _letters)
    manifest = write_part(evenly(_short(test, cfg), cfg.data.num_test), out / "test", "test.json", _letters)
    lines: list[dict[str, Any]] = []
    for number, entry in enumerate(read_manifest(manifest)):
        group = "children" if int(entry.fields["age"]) < cfg.data.adult_age else "adults"
        line = entry.fields | {"audio_filepath": entry.audio_filepath, "group": group}
        lines += at_two_levels(line, entry, number, cfg)
    write_manifest(out / "test.json", lines)
    split_noises(source, out, cfg)
    write_unlabelled(source, out, cfg)
    train_tokenizer(out, cfg.data.tokenizer_type)
    done.touch()
    return done


def _short(entries: list[ManifestEntry], cfg: DictConfig) -> list[ManifestEntry]:
    """The entries that are not longer than a batch can hold; says how many are left out."""
    kept = [entry for entry in entries if float(entry.fields["duration"]) <= cfg.data.longest_s]
    logging.info(f"{len(kept)} of {len(entries)} sentences are at most {cfg.data.longest_s} s long")
    return kept


def _letters(text: str) -> str:
    """Lower case, without punctuation: what the recogniser writes."""
    return " ".join(re.sub(r"[^a-z']", " ", text.lower()).split())


@hydra_runner(config_path="..", config_name="sentences/sentences")
def main(cfg: DictConfig) -> None:
    """Prepare, and say where."""
    print(f"{prepare(cfg)}: data are ready")


if __name__ == "__main__":
    main()
