# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the digits experiment: connected digits, noises split by class, a tokenizer.

    python experiments/preparation/prepare_digits.py

Nothing is shared between training and test: other takes of the training speakers (`takes`), a speaker who is not in
training, and noises of other classes. Every test string is there at its natural level and at another one. Options:
experiments/digits/digits_task.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from experiments.preparation.splits import (
    at_two_levels,
    prepare_prompts,
    source_folder,
    split_noises,
    train_tokenizer,
    write_unlabelled,
)
from nemo_noise.data.manifests.manifest import ManifestEntry, read_manifest, write_manifest
from nemo_noise.data.synthesis.connected_digits import build_connected_digits


def prepare(cfg: DictConfig) -> Path:
    """Write everything under `data_dir`, unless it is there; returns the file that marks it as complete."""
    out, done = Path(cfg.data_dir), Path(cfg.data_dir) / "done"
    if done.exists():
        return done
    source = source_folder(cfg)
    clips = [entry for name in cfg.data.speech_manifests for entry in read_manifest(source / name)]
    groups = _by_speaker(clips, set(cfg.data.unseen_speakers))
    length = tuple(cfg.data.digits_per_string)
    takes = {name: range(*bounds) for name, bounds in cfg.data.takes.items()}
    for seed, name, count in ((1, "train", cfg.data.num_train), (2, "dev", cfg.data.num_dev)):
        build_connected_digits(
            groups["seen_speakers"],
            out / name,
            num_utterances=count,
            takes=takes[name],
            speeds=list(cfg.data.speeds) if name == "train" else (1.0,),
            digits_per_string=length,
            seed=seed,
            manifest_name=f"{name}.json",
        )
    lines: list[dict[str, Any]] = []
    for seed, (group, entries) in enumerate(groups.items(), start=3):
        chosen = takes["test"] if group == "seen_speakers" else None
        manifest = build_connected_digits(
            entries, out / group, num_utterances=cfg.data.num_test, takes=chosen, digits_per_string=length, seed=seed
        )
        for number, entry in enumerate(read_manifest(manifest)):
            line = entry.fields | {"audio_filepath": entry.audio_filepath, "group": group}
            lines += at_two_levels(line | {"string": f"{group}_{number}"}, entry, number, cfg)
    write_manifest(out / "test.json", lines)
    words = [entry.fields | {"audio_filepath": entry.audio_filepath} for entry in groups["unseen_speaker"]]
    write_manifest(out / "words.json", words)  # one digit each: what a context should not know
    split_noises(source, out, cfg)
    write_unlabelled(source, out, cfg)
    train_tokenizer(out, "unigram", vocab_size=70)  # so many that pieces are whole words
    if cfg.data.get("prompts", False):
        prepare_prompts(out, [out / "train" / "train.json", out / "dev" / "dev.json", out / "test.json"])
    done.touch()
    return done


def _by_speaker(clips: Sequence[ManifestEntry], unseen: Collection[str]) -> dict[str, list[ManifestEntry]]:
    """The recordings of the speakers who are in training, and of those who are not."""
    speakers = {str(entry.fields["speaker"]) for entry in clips}
    if not unseen or not set(unseen) < speakers:
        raise ValueError(f"unseen_speakers={sorted(unseen)} must be some, not all, of {sorted(speakers)}.")
    groups: dict[str, list[ManifestEntry]] = {"seen_speakers": [], "unseen_speaker": []}
    for entry in clips:
        groups["unseen_speaker" if entry.fields["speaker"] in unseen else "seen_speakers"].append(entry)
    return groups


@hydra_runner(config_path="..", config_name="digits/digits")
def main(cfg: DictConfig) -> None:
    """Prepare, and say where."""
    print(f"{prepare(cfg)}: data are ready")


if __name__ == "__main__":
    main()
