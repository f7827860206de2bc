# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcribe speech, noise alone, silence and short phrases, with guards and without; every arm the same mixtures.

    python experiments/invented_text/measure.py DATA SYSTEM ARM ROWS.jsonl

DATA is a folder with kathleen.json, noise_esc10.json, digits_dev.json and speechocean_dev.json. ARM is one of plain,
fallback, defaults (of faster-whisper) and vad, which transcribes nothing: it notes the seconds of speech that the
detector finds. A run that was stopped goes on.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
SNRS: Sequence[float | str] = ("clean", 10, 5, 0)
CROPS, SILENCES_S = 20, (1, 5, 10, 30)
BATCH = 8
FALLBACK = {"temperature": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]}
INT8 = {"compute_type": "int8", "cpu_threads": 1, "language": "en"}
ARMS: Mapping[str, Mapping[str, Any]] = {"plain": {}, "fallback": FALLBACK, "defaults": INT8, "vad": {}}


class Piece(NamedTuple):
    """One thing to transcribe: what is known of it, and its samples [T]."""

    fields: dict[str, Any]
    samples: NDArray[np.float32]


def pieces(data: Path, sentences: int, phrases: int) -> Iterator[Piece]:
    """Phrases first, then noise, silence and sentences as the project's evaluation mixes them."""
    from nemo_noise.data.manifests.manifest import load_entry, read_manifest
    from nemo_noise.data.noise.noise_list import NoiseList
    from nemo_noise.evaluation.mixtures.lines import describe_mixture
    from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
    from nemo_noise.evaluation.mixtures.plan import MixturePlan

    for entry in [*_digits(data, phrases // 2), *_shortest(data, phrases - phrases // 2)]:
        samples = load_entry(entry, SAMPLE_RATE)
        name = Path(entry.audio_filepath).stem
        fields = {
            "utterance_id": name,
            "condition": "phrase",
            "text": entry.text,
            "duration": len(samples) / SAMPLE_RATE,
        }
        yield Piece(fields, samples)
    speech = {entry.text: entry for entry in reversed(read_manifest(data / "kathleen.json"))}  # the first of each text
    plan = MixturePlan(
        list(reversed(speech.values()))[:sentences],
        {"esc10": NoiseList(data / "noise_esc10.json", SAMPLE_RATE)},
        snr_db=SNRS,
        seed=0,
        sample_rate=SAMPLE_RATE,
        noise_only=NoiseOnlyOptions(crops=CROPS, silence_s=SILENCES_S),
    )
    trials = sorted(plan.trials, key=lambda trial: not trial.condition.is_speech_free)
    for trial, mixture in (pair for one in trials for pair in plan.mixtures_of([one])):
        described = describe_mixture(trial, mixture, 0)
        kept = ("utterance_id", "condition", "text", "snr_db", "noise_label", "mixture_sha256")
        fields = {name: described[name] for name in kept if name in described}
        yield Piece({**fields, "duration": len(mixture.samples) / SAMPLE_RATE}, mixture.samples)


def _digits(data: Path, count: int) -> list[Any]:
    from nemo_noise.data.manifests.manifest import read_manifest

    entries = read_manifest(data / "digits_dev.json")
    return entries[:: max(1, len(entries) // count)][:count]


def _shortest(data: Path, count: int) -> list[Any]:
    from nemo_noise.data.manifests.manifest import read_manifest

    entries = read_manifest(data / "speechocean_dev.json")
    return sorted(entries, key=lambda entry: (len((entry.text or "").split()), entry.duration or 0.0))[:count]


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, transcribes and writes rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the manifests")
    parser.add_argument("system", help="as `nemo-noise card` takes it")
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("rows", type=Path, help="JSON lines, of which those that are there stay")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--phrases", type=int, default=40)
    given = parser.parse_args(arguments)
    import torch  # late: the help needs neither it nor NeMo

    from nemo_noise import whole_file
    from nemo_noise.inference.systems import open_system
    from nemo_noise.inference.voice_activity import VoiceActivity
    from nemo_noise.recogniser.transcription import Transcript

    torch.set_num_threads(1)
    lines = given.rows.read_text(encoding="utf-8").splitlines() if given.rows.is_file() else []
    todo = list(pieces(given.data, given.sentences, given.phrases))
    if given.arm == "vad":
        detector = VoiceActivity()

        def transcribe(waveforms: Sequence[NDArray[np.float32]]) -> list[Transcript]:
            return [Transcript("", None, {"vad_speech_s": round(detector.speech_s(one), 3)}) for one in waveforms]
    else:
        transcribe = open_system(given.system, "cpu", ARMS[given.arm]).transcribe
    for start in range(len(lines), len(todo), BATCH):
        batch = todo[start : start + BATCH]
        began = time.process_time()
        transcripts = transcribe([piece.samples for piece in batch])
        cpu_s = round((time.process_time() - began) / len(batch), 4)
        for piece, one in zip(batch, transcripts, strict=True):
            row = {"arm": given.arm, **piece.fields, "pred_text": one.text, "cpu_s": cpu_s, **(one.extra or {})}
            lines.append(json.dumps(row, ensure_ascii=False))
        whole_file.write_text(given.rows, "\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
