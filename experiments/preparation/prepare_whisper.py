# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make the data of the Whisper experiments: read speech as Whisper writes it, pieces without speech, noises by class.

    python experiments/preparation/prepare_whisper.py

Talkers and noise classes of the test are not in training. Training utterances have silence of random length around
them, which the mixing fills with noise. Options: experiments/whisper/whisper_data.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from experiments.preparation.splits import SAMPLE_RATE, evenly, source_folder, split_noises
from nemo_noise.data.audio.files import change_speed, write_audio
from nemo_noise.data.manifests.manifest import ManifestEntry, load_entry, read_manifest, write_manifest

_FIELDS = ("speaker", "age", "gender")
_DIGITS = {"zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
Samples = NDArray[np.float32]


def prepare(cfg: DictConfig) -> Path:
    """Write everything under `data_dir`, unless it is there; returns the file that marks it as complete."""
    out, done = Path(cfg.data_dir).resolve(), Path(cfg.data_dir).resolve() / "done"
    if done.exists():
        return done
    source = source_folder(cfg)
    rng = np.random.default_rng(cfg.data.seed)
    train, others = (read_manifest(source / name) for name in cfg.data.speech_manifests)
    speakers = sorted({str(entry.fields["speaker"]) for entry in others})
    dev_speakers = set(evenly(speakers, cfg.data.num_dev_speakers))
    others = [entry for entry in others if _length_s(entry) <= cfg.data.longest_s]
    dev = [entry for entry in others if entry.fields["speaker"] in dev_speakers]
    test = sorted((e for e in others if e.fields["speaker"] not in dev_speakers), key=lambda e: e.fields["speaker"])

    split_noises(source, out, cfg)
    for name, folder in cfg.data.rooms.items():
        responses = [e for e in read_manifest(source / cfg.data.rooms_manifest) if folder in e.audio_filepath]
        write_manifest(out / f"rooms_{name}.json", responses)
    write_manifest(out / "talkers.json", train)  # of the babble in training
    shutil.copyfile(cfg.tokenizer, out / "tokenizer.json")
    lines = _training_speech([e for e in train if _length_s(e) <= cfg.data.longest_s], out, cfg, rng)
    lines += _phrases_of(source, out, cfg.data.phrase_training, cfg.data.num_phrase_training)
    lines += _without_speech(out, cfg, rng, count=round(cfg.data.share_without_speech * len(lines)))
    write_manifest(out / "train.json", lines)
    write_manifest(out / "dev.json", [_line(e) for e in evenly(dev, cfg.data.num_dev)])
    is_phrase = [len(str(entry.text).split()) <= 2 for entry in test]
    sentences = [entry for entry, short in zip(test, is_phrase, strict=True) if not short and not _is_number(entry)]
    write_manifest(out / "test.json", [_line(e) for e in evenly(sentences, cfg.data.num_test)])
    phrases = [_line(entry) for entry, short in zip(test, is_phrase, strict=True) if short]
    phrases += _phrases_of(source, out, cfg.data.phrase_test, cfg.data.num_phrase_test)
    write_manifest(out / "phrases.json", phrases)
    native = [_line(e, text=str(e.text)) for e in evenly(read_manifest(source / cfg.data.native), cfg.data.num_native)]
    write_manifest(out / "native.json", native)
    _babble(dev, out, cfg, rng)
    done.touch()
    return done


def _training_speech(
    entries: Sequence[ManifestEntry], out: Path, cfg: DictConfig, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Utterances at every speed, with silence around them, within the window."""
    lines = []
    for number, entry in enumerate(entries):
        samples = load_entry(entry, SAMPLE_RATE)
        for speed in cfg.data.speeds:
            changed = change_speed(samples, speed)
            free = int(cfg.data.window_s * SAMPLE_RATE) - len(changed)
            if free < 0:
                continue
            around = [min(free // 2, int(rng.uniform(0.0, cfg.data.around_s) * SAMPLE_RATE)) for _ in range(2)]
            padded = np.pad(changed, around)
            file = out / "train" / f"{number:05d}_{round(100 * speed)}.flac"
            lines.append(_written(file, padded, _as_written(str(entry.text)), entry.fields))
    logging.info(f"{len(lines)} training utterances")
    return lines


def _without_speech(out: Path, cfg: DictConfig, rng: np.random.Generator, *, count: int) -> list[dict[str, Any]]:
    """Pieces of the training's noises, and of digital silence, with an empty text."""
    noises = [load_entry(entry, SAMPLE_RATE) for entry in read_manifest(out / "seen.json")]
    lines = []
    for number in range(count):
        length = int(rng.uniform(1.0, cfg.data.window_s) * SAMPLE_RATE)
        if rng.random() < cfg.data.share_of_silence:
            piece = np.zeros(length, np.float32)
        else:
            noise = noises[int(rng.integers(len(noises)))]
            start = int(rng.integers(len(noise)))
            piece = np.take(noise, np.arange(start, start + length), mode="wrap")
            level_db = rng.uniform(-50.0, -10.0)
            piece = piece * np.float32(10 ** (level_db / 20) / (np.sqrt(np.mean(np.square(piece))) + 1e-9))
        lines.append(_written(out / "train" / f"noise_{number:05d}.flac", piece, "", {"speaker": "none"}))
    return lines


def _phrases_of(source: Path, out: Path, manifest: str, count: int) -> list[dict[str, Any]]:
    """Genuine short phrases: single words, from another corpus."""
    return [
        _written(
            out / "phrases" / f"{Path(manifest).stem}_{number:04d}.flac",
            load_entry(entry, SAMPLE_RATE),
            _as_written(str(entry.text)),
            entry.fields,
        )
        for number, entry in enumerate(evenly(read_manifest(source / manifest), count))
    ]


def _babble(entries: Sequence[ManifestEntry], out: Path, cfg: DictConfig, rng: np.random.Generator) -> None:
    """Write babble of the dev talkers into unseen.json, and the same played backwards, which has no words."""
    length = int(cfg.data.window_s * SAMPLE_RATE)
    speakers = sorted({str(entry.fields["speaker"]) for entry in entries})
    forwards: list[dict[str, Any]] = []
    backwards: list[dict[str, Any]] = []
    for number in range(cfg.data.num_babble):
        mixed = np.zeros(length, np.float32)
        for speaker in speakers:
            own = [entry for entry in entries if str(entry.fields["speaker"]) == speaker]
            voice = np.concatenate([load_entry(own[i], SAMPLE_RATE) for i in rng.permutation(len(own))[:8]])
            voice = np.take(voice, np.arange(length) + int(rng.integers(len(voice))), mode="wrap")
            mixed += voice / np.float32(np.sqrt(np.mean(np.square(voice))) + 1e-9)
        mixed *= np.float32(0.05 / np.sqrt(np.mean(np.square(mixed))))
        for name, samples, lines in (("babble", mixed, forwards), ("reversed babble", mixed[::-1].copy(), backwards)):
            file = out / "babble" / f"{name.replace(' ', '_')}_{number:02d}.flac"
            lines.append(_written(file, samples, None, {}) | {"label": name})
    known = [entry.fields | {"audio_filepath": entry.audio_filepath} for entry in read_manifest(out / "unseen.json")]
    wordless = [line for line in known if line["label"] not in cfg.data.mixed_classes]
    write_manifest(out / "unseen.json", [line for line in known if line["label"] in cfg.data.mixed_classes] + forwards)
    write_manifest(out / "wordless.json", wordless + backwards)


def _written(file: Path, samples: Samples, text: str | None, fields: Any) -> dict[str, Any]:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_audio(file, samples, SAMPLE_RATE)
    line: dict[str, Any] = {"audio_filepath": str(file), "duration": round(len(samples) / SAMPLE_RATE, 4)}
    if text is not None:
        line |= {"text": text, "source_lang": "en"}
    return line | {key: fields[key] for key in _FIELDS if key in fields}


def _line(entry: ManifestEntry, text: str | None = None) -> dict[str, Any]:
    """A line of test speech, which stays where it is."""
    kept = {key: entry.fields[key] for key in _FIELDS if key in entry.fields}
    if "age" in kept:
        kept["group"] = "children" if int(kept["age"]) < 18 else "adults"
    written = text if text is not None else _as_written(str(entry.text))
    return {
        "audio_filepath": str(Path(entry.audio_filepath).resolve()), "duration": _length_s(entry),
        "text": written, "source_lang": "en",
    } | kept  # fmt: skip


def _is_number(entry: ManifestEntry) -> bool:
    """Whether a text is digits alone, which Whisper writes as `0351` and its normaliser then as `351`."""
    return set(str(entry.text).split()) <= _DIGITS


def _length_s(entry: ManifestEntry) -> float:
    return float(entry.fields["duration"])


def _as_written(text: str) -> str:
    """Writes a transcript of small letters as Whisper would: a capital at the start and for I, a full stop."""
    words = ["I" if word == "i" else "I" + word[1:] if word.startswith("i'") else word for word in text.split()]
    joined = " ".join(words)
    return joined[:1].upper() + joined[1:] + "." if joined else ""


@hydra_runner(config_path="..", config_name="whisper/whisper_data")
def main(cfg: DictConfig) -> None:
    """Prepare, and say where."""
    print(f"{prepare(cfg)}: data are ready")


if __name__ == "__main__":
    main()
