# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Times `noise_mix` against NeMo's own `NoisePerturbation`: the same noise files, the same speech, in one process.

    python examples/benchmarks/measure_noise_mixing.py [--rounds 7] [--utterances 24]

Makes noise files and speech of its own in a temporary folder. The two take turns over the same utterances, and of each
the shortest round counts, so that what else the machine does falls out as far as it can. Times are of the process,
not of the clock on the wall.

NeMo's perturbation reads the whole noise file for each utterance, measures the RMS level of speech and noise and adds
them. Ours adds a crop. Before it mixes an utterance for the first time it hashes it for its draw, checks it and
measures its active level (ITU-T P.56): `first visit` is that, with all noise decoded, as in the first epoch of a
training. `ours` is every later epoch. `cold` is a first visit that decodes each noise when it is first drawn, and
`decoded_dir` the same where another process has decoded it before.
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--rounds", type=int, default=7, help="how often the two take turns")
PARSER.add_argument("--utterances", type=int, default=24, help="in a round")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from nemo.collections.asr.parts.preprocessing.perturb import NoisePerturbation, Perturbation
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data import EPOCH_CLOCK, NoiseMixPerturbation

RATE = 16000
NUM_NOISES = 12
SPEECH_S = (4.0, 16.0)
NOISES = (("wav", 20.0), ("wav", 60.0), ("flac", 60.0))
Samples = npt.NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    options = PARSER.parse_args()
    print(f"{NUM_NOISES} noises of 16 bit, {options.utterances} utterances, ms of the process each, ", end="")
    print(f"shortest of {options.rounds} rounds")
    heads = ["NeMo", "ours", "ratio", "first visit", "ratio", "cold", "decoded_dir"]
    print(f"{'noise':>12} {'speech s':>9}" + "".join(f"{head:>13}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        for suffix, noise_s in NOISES:
            manifest = write_noises(Path(folder) / f"{suffix}_{noise_s:g}", suffix, noise_s)
            for speech_s in SPEECH_S:
                speech = [utterance(index, speech_s) for index in range(options.utterances)]
                times = measure(manifest, speech, options.rounds)
                nemo, ours, visit, cold, mapped = (1e3 * time_s / len(speech) for time_s in times)
                row = [f"{nemo:.2f}", f"{ours:.2f}", f"{nemo / ours:.1f} x", f"{visit:.2f}", f"{nemo / visit:.1f} x"]
                row += [f"{cold:.2f}", f"{mapped:.2f}"]
                print(
                    f"{f'{suffix} {noise_s:g} s':>12} {speech_s:9g}" + "".join(f"{cell:>13}" for cell in row),
                    flush=True,
                )


def measure(manifest: Path, speech: list[Samples], rounds: int) -> tuple[float, ...]:
    """Seconds for all utterances: NeMo's, ours, our first visit, our first visit cold, and with a decoded_dir."""
    nemo = NoisePerturbation(manifest_path=str(manifest), min_snr_db=0, max_snr_db=20, rng=1)
    options = {"manifest_path": manifest, "snr_db": {"min": 0, "max": 20}}
    mapped = {**options, "decoded_dir": manifest.parent / "decoded"}
    NoiseMixPerturbation(**mapped).check()
    ours = NoiseMixPerturbation(**options)
    cold = timed(ours, speech)
    shortest = [float("inf")] * 4
    for number in range(rounds):
        EPOCH_CLOCK.set(number + 1)
        visitor = NoiseMixPerturbation(**options)
        visitor.check()
        takers = (nemo, ours, visitor, NoiseMixPerturbation(**mapped))
        shortest = [min(best, timed(taker, speech)) for best, taker in zip(shortest, takers, strict=True)]
    return shortest[0], shortest[1], shortest[2], cold, shortest[3]


def timed(perturbation: Perturbation, speech: list[Samples]) -> float:
    """Seconds of the process for one round."""
    segments = [AudioSegment(samples.copy(), RATE) for samples in speech]
    begin = time.process_time()
    for segment in segments:
        perturbation.perturb(segment)
    return time.process_time() - begin


def utterance(seed: int, seconds: float) -> Samples:
    """Noise with the envelope of syllables and pauses, [T]."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.random(int(seconds * 5)) ** 3, RATE // 5)
    return (0.1 * envelope * rng.standard_normal(len(envelope))).astype(np.float32)


def write_noises(folder: Path, suffix: str, seconds: float) -> Path:
    """Writes noise files and their manifest."""
    folder.mkdir()
    lines = []
    for index in range(NUM_NOISES):
        noise = 0.1 * np.random.default_rng(100 + index).standard_normal(int(seconds * RATE))
        soundfile.write(folder / f"{index}.{suffix}", np.cumsum(noise) % 1.0 - 0.5, RATE, subtype="PCM_16")
        lines.append(json.dumps({"audio_filepath": f"{folder}/{index}.{suffix}", "duration": seconds, "text": ""}))
    (folder / "noise.json").write_text("\n".join(lines))
    return folder / "noise.json"


if __name__ == "__main__":
    main()
