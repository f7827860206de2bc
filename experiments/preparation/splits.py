# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What every experiment prepares alike: noises split by class, test levels, unlabelled speech, a tokenizer."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from omegaconf import DictConfig
from tqdm import tqdm

from nemo.collections.common.tokenizers.canary_tokenizer import CanaryTokenizer
from nemo.collections.common.tokenizers.sentencepiece_tokenizer import create_spt_model
from nemo.utils import logging

from nemo_noise import whole_file
from nemo_noise.data.audio.files import change_speed, write_audio
from nemo_noise.data.manifests.manifest import ManifestEntry, load_entry, read_manifest, write_manifest

SAMPLE_RATE = 16000
SEGMENT_S = 5.0  # long recordings of test noise are cut, so that every class can give the same number of files


def source_folder(cfg: DictConfig) -> Path:
    """The folder of the speech; an error that says how to name it if it is not there."""
    source = Path(cfg.speech_dir).resolve()
    missing = [name for name in cfg.data.speech_manifests if not (source / name).is_file()]
    if missing:
        raise FileNotFoundError(f"speech_dir={source} has no {missing[0]}; set NEMO_NOISE_SPEECH to that folder.")
    return source


def at_two_levels(line: dict[str, Any], entry: ManifestEntry, number: int, cfg: DictConfig) -> list[dict[str, Any]]:
    """A test utterance as it is, and a copy at another level: another distance, another microphone."""
    gain_db = float(np.random.default_rng([cfg.data.level_seed, number]).uniform(*cfg.data.test_levels_db))
    samples = load_entry(entry, SAMPLE_RATE) * 10 ** (gain_db / 20)
    path = Path(entry.audio_filepath).with_suffix(".varied.flac")
    kept = write_audio(path, samples, SAMPLE_RATE)
    varied = {"audio_filepath": str(path), "level_db": round(gain_db + 20 * math.log10(kept), 2), "level": "varied"}
    return [line | {"level": "natural"}, line | varied]


def write_part(
    entries: Sequence[ManifestEntry],
    folder: Path,
    name: str,
    text: Callable[[str], str],
    speeds: Sequence[float] = (1.0,),
) -> Path:
    """Decode once, at every speed: a training that decodes Opus in each epoch waits for it. Returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, entry in enumerate(tqdm(entries, desc=name)):
        samples = load_entry(entry, SAMPLE_RATE)
        for speed in speeds:
            changed = change_speed(samples, speed)
            file = f"{number:05d}_{round(100 * speed)}.flac"
            write_audio(folder / file, changed, SAMPLE_RATE)
            said = {"text": text(entry.text or ""), "duration": round(len(changed) / SAMPLE_RATE, 4)}
            kept = {key: entry.fields[key] for key in ("speaker", "age", "gender") if key in entry.fields}
            lines.append({"audio_filepath": file, **said, **kept, "speed": speed})
    write_manifest(folder / name, lines)
    return folder / name


def split_noises(source: Path, out: Path, cfg: DictConfig) -> None:
    """Write seen.json and unseen.json: no class is in both."""
    classes = {name: labels for name, labels in cfg.data.unseen_noises.items() if labels is not None}
    unseen_names = {label: name for name, labels in classes.items() for label in labels}
    seen: list[ManifestEntry] = []
    unseen: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in [e for name in cfg.data.noise_manifests for e in read_manifest(source / name)]:
        label = entry.fields["label"]
        if label in unseen_names:
            unseen[unseen_names[label]] += _segments(entry, unseen_names[label])
        else:
            seen.append(entry)
    missing = set(classes) - set(unseen)
    if missing:
        raise ValueError(f"unseen_noises: no noise has the labels of {sorted(missing)}")
    each = cfg.data.files_per_unseen_noise
    write_manifest(out / "seen.json", seen)
    write_manifest(out / "unseen.json", [line for lines in unseen.values() for line in evenly(lines, each)])
    logging.info(f"noises: {len(seen)} seen files, {len(unseen)} unseen classes with at most {each} files each")


def write_unlabelled(source: Path, out: Path, cfg: DictConfig) -> None:
    """Write unlabelled.json: the speech on which the context is pretrained; its texts are left out."""
    manifests = [source / name for name in cfg.data.unlabelled_speech] + [out / "train" / "train.json"]
    entries = [entry for manifest in manifests for entry in read_manifest(manifest)]
    kept = [{k: v for k, v in e.fields.items() if k not in ("text", "digits")} for e in entries]
    write_manifest(
        out / "unlabelled.json",
        [line | {"audio_filepath": e.audio_filepath} for line, e in zip(kept, entries, strict=True)],
    )


def train_tokenizer(out: Path, tokenizer_type: str, vocab_size: int = 64) -> None:
    """A SentencePiece tokenizer of the training texts; ``char`` takes all letters and no more than that."""
    texts = [str(entry.text) for entry in read_manifest(out / "train" / "train.json")]
    folder = out / "tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    whole_file.write_text(folder / "text.txt", "\n".join(texts))
    create_spt_model(
        str(folder / "text.txt"),
        vocab_size=vocab_size,
        sample_size=-1,
        do_lower_case=False,
        tokenizer_type=tokenizer_type,
        output_dir=str(folder),
    )


def prepare_prompts(out: Path, manifests: Sequence[Path]) -> None:
    """What Canary's prompt asks for: a tokenizer of its special tokens, and languages in every line."""
    special = ["<|startofcontext|>", "<|emo:undefined|>", "<|en|>"]
    special += [f"<|{off}{name}|>" for name in ("itn", "timestamp", "diarize", "pnc") for off in ("", "no")]
    CanaryTokenizer.build_special_tokenizer(special, str(out / "special"))
    for manifest in manifests:
        lines = [entry.fields for entry in read_manifest(manifest)]
        write_manifest(manifest, [line | {"source_lang": "en", "target_lang": "en"} for line in lines])


def evenly(lines: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` of the lines, spread evenly."""
    chosen = min(count, len(lines))
    return [lines[index * len(lines) // chosen] for index in range(chosen)]


def _segments(entry: ManifestEntry, label: str) -> list[dict[str, Any]]:
    """Pieces of a recording, each a manifest line with offset and duration."""
    total = soundfile.info(entry.audio_filepath).duration
    count = max(1, int(total // SEGMENT_S))
    line = {"audio_filepath": entry.audio_filepath, "label": label}
    return [line | {"offset": i * SEGMENT_S, "duration": min(SEGMENT_S, total - i * SEGMENT_S)} for i in range(count)]
