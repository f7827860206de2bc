# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The mixtures as files: WAV, a NeMo manifest and a hash, for a system that cannot run here."""

import json
from pathlib import Path
from typing import TypedDict

import soundfile
from tqdm import tqdm

from nemo_noise import whole_file
from nemo_noise.data.manifests.manifest import write_manifest
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.mixtures.lines import describe_mixture, name_mixtures
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.scoring.summary import hash_mixtures


class MixtureSet(TypedDict):
    """What was written; `mixture_set_sha256` is the one that a report on these mixtures shows."""

    mixtures: int
    seconds: float
    sample_rate: int
    seed: int
    mixture_set_sha256: str | None


def export_mixtures(plan: MixturePlan, folder: str | Path) -> MixtureSet:
    """Write every mixture of a plan.

    Args:
        plan: the mixtures.
        folder: gets `audio/<mixture_id>.wav` (mono, 32-bit float, not clipped), `manifest.jsonl` with a line for each
            (what was said is `text`), and `mixtures.json` with the hash.

    Returns:
        What `mixtures.json` holds.
    """
    folder = Path(folder)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    names = name_mixtures(plan.trials)
    lines: list[dict[str, object]] = []
    seconds = 0.0
    for planned in tqdm(plan.trials, desc="export", unit="mixture"):
        for trial, mixture in plan.mixtures_of([planned]):
            audio = f"audio/{names[trial.trial_id]}.wav"
            soundfile.write(folder / audio, mixture.samples, plan.sample_rate, subtype="FLOAT")
            described = describe_mixture(trial, mixture, plan.seed)
            described.pop("offset", None)  # of the utterance in the file that it came from
            where = {"mixture_id": names[trial.trial_id], "audio_filepath": audio}
            duration_s = round(len(mixture.samples) / plan.sample_rate, 4)
            seconds += duration_s
            lines.append({**described, **where, "duration": duration_s})
    write_manifest(folder / "manifest.jsonl", lines)
    written = MixtureSet(
        mixtures=len(lines),
        seconds=seconds,
        sample_rate=plan.sample_rate,
        seed=plan.seed,
        mixture_set_sha256=hash_mixtures([Hypothesis.of({**line, "pred_text": ""}) for line in lines]),
    )
    whole_file.write_text(folder / "mixtures.json", json.dumps(written, indent=2) + "\n")
    return written
