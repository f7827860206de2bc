# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the digits experiment: connected digits, noises split by class, a tokenizer.

    python examples/digits/prepare_data.py

Nothing is shared between training and test: other takes of the training speakers (`takes`), a speaker who is not in
training, and noises of other classes. Options: conf/ablations/digits.yaml.
"""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from omegaconf import DictConfig

from nemo.collections.common.tokenizers.sentencepiece_tokenizer import create_spt_model
from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.data.audio import write_audio
from nemo_noise.data.connected_digits import build_connected_digits
from nemo_noise.data.manifest import ManifestEntry, load_entry, read_manifest, write_manifest

SAMPLE_RATE = 16000
SEGMENT_S = 5.0  # long recordings of test noise are cut, so that every class can give the same number of files


def prepare(cfg: DictConfig) -> Path:
    """Write everything under `data_dir`, unless it is there; returns the file that marks it as complete."""
    source, out, done = Path(cfg.speech_dir).resolve(), Path(cfg.data_dir), Path(cfg.data_dir) / "done"
    if done.exists():
        return done
    if not (source / "digits_train.json").is_file():
        raise FileNotFoundError(f"speech_dir={source} has no digits_train.json; set NEMO_NOISE_SPEECH to that folder.")
    seen_speakers = read_manifest(source / "digits_train.json")
    unseen_speaker = read_manifest(source / "digits_dev.json")
    takes = {name: range(*bounds) for name, bounds in cfg.data.takes.items()}
    build_connected_digits(
        seen_speakers,
        out / "train",
        cfg.data.num_train,
        takes=takes["train"],
        speeds=list(cfg.data.speeds),
        seed=1,
        manifest_name="train.json",
    )
    build_connected_digits(
        seen_speakers, out / "dev", cfg.data.num_dev, takes=takes["dev"], seed=2, manifest_name="dev.json"
    )
    parts = {"seen_speakers": (seen_speakers, takes["test"]), "unseen_speaker": (unseen_speaker, None)}
    lines: list[dict[str, Any]] = []
    for seed, (group, (entries, chosen)) in enumerate(parts.items(), start=3):
        manifest = build_connected_digits(entries, out / group, cfg.data.num_test, takes=chosen, seed=seed)
        lines += [
            _at_other_level(entry, number, cfg) | {"group": group}
            for number, entry in enumerate(read_manifest(manifest))
        ]
    write_manifest(out / "test.json", lines)
    _split_noises(source, out, cfg)
    _write_unlabelled(source, out, cfg)
    _train_tokenizer(out)
    done.touch()
    return done


def _at_other_level(entry: ManifestEntry, number: int, cfg: DictConfig) -> dict[str, Any]:
    """The manifest line of a test string after its level was changed: another distance, another microphone."""
    gain_db = float(np.random.default_rng([cfg.data.level_seed, number]).uniform(*cfg.data.test_levels_db))
    samples = load_entry(entry, SAMPLE_RATE) * 10 ** (gain_db / 20)
    kept = write_audio(entry.audio_filepath, samples, SAMPLE_RATE)
    return entry.fields | {
        "audio_filepath": entry.audio_filepath,
        "level_db": round(gain_db + 20 * math.log10(kept), 2),
    }


def _split_noises(source: Path, out: Path, cfg: DictConfig) -> None:
    """Write seen.json and unseen.json: no class is in both."""
    unseen_names = {label: name for name, labels in cfg.data.unseen_noises.items() for label in labels}
    seen, unseen = [], defaultdict(list)
    for entry in [e for name in cfg.data.noise_manifests for e in read_manifest(source / name)]:
        label = entry.fields["label"]
        if label in unseen_names:
            unseen[unseen_names[label]] += _segments(entry, unseen_names[label])
        else:
            seen.append(entry)
    missing = set(cfg.data.unseen_noises) - set(unseen)
    if missing:
        raise ValueError(f"unseen_noises: no noise has the labels of {sorted(missing)}")
    each = cfg.data.files_per_unseen_noise
    write_manifest(out / "seen.json", seen)
    write_manifest(out / "unseen.json", [line for lines in unseen.values() for line in _evenly(lines, each)])
    logging.info(f"noises: {len(seen)} seen files, {len(unseen)} unseen classes with at most {each} files each")


def _segments(entry: ManifestEntry, label: str) -> list[dict[str, Any]]:
    """Pieces of a recording, each a manifest line with offset and duration."""
    total = soundfile.info(entry.audio_filepath).duration
    count = max(1, int(total // SEGMENT_S))
    line = {"audio_filepath": entry.audio_filepath, "label": label}
    return [line | {"offset": i * SEGMENT_S, "duration": min(SEGMENT_S, total - i * SEGMENT_S)} for i in range(count)]


def _evenly(lines: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """At most `count` of the lines, spread evenly."""
    chosen = min(count, len(lines))
    return [lines[index * len(lines) // chosen] for index in range(chosen)]


def _write_unlabelled(source: Path, out: Path, cfg: DictConfig) -> None:
    """Write unlabelled.json: the speech on which the context is pretrained; its texts are left out."""
    manifests = [source / name for name in cfg.data.unlabelled_speech] + [out / "train" / "train.json"]
    entries = [entry for manifest in manifests for entry in read_manifest(manifest)]
    kept = [{k: v for k, v in e.fields.items() if k not in ("text", "digits")} for e in entries]
    write_manifest(
        out / "unlabelled.json",
        [line | {"audio_filepath": e.audio_filepath} for line, e in zip(kept, entries, strict=True)],
    )


def _train_tokenizer(out: Path) -> None:
    """A SentencePiece tokenizer whose pieces are whole words."""
    texts = [str(entry.text) for entry in read_manifest(out / "train" / "train.json")]
    folder = out / "tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.txt").write_text("\n".join(texts))
    create_spt_model(
        str(folder / "text.txt"), vocab_size=70, sample_size=-1, do_lower_case=False, output_dir=str(folder)
    )


@hydra_runner(config_path="../../conf/ablations", config_name="digits")
def main(cfg: DictConfig) -> None:
    """Prepare, and say where."""
    print(f"{prepare(cfg)}: data are ready")


if __name__ == "__main__":
    main()
