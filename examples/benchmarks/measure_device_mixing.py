# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Times the mixing of whole batches on the training device against `noise_mix` on the host, utterance by utterance.

    python examples/benchmarks/measure_device_mixing.py [--device cuda] [--batch 16] [--rounds 5]

Both mix the same batches with the same draws, in one process, and take turns; the shortest round counts. `first` is a
batch of utterances that were not mixed before (each is hashed, its active level is measured), `later` the same
utterances again. On a GPU, times are of the clock on the wall, on a CPU those of the process. Ratios above 1 are how
many times faster the device is than one core of the host; a loader has several workers beside the training, the device
mixes within it. Where the device is the CPU, it is that one core too.
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--device", help="cuda or cpu; a GPU where there is one")
PARSER.add_argument("--batch", type=int, default=16, help="utterances")
PARSER.add_argument("--rounds", type=int, default=5, help="how often the two take turns")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch

from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data import EPOCH_CLOCK, DeviceMixer, NoiseMixPerturbation
from nemo_noise.evaluation.device import choose_device

RATE = 16000
NUM_NOISES, NOISE_S = 12, 60.0
SPEECH_S = (2.0, 8.0, 16.0)


def main() -> None:
    """Measure and print."""
    options = PARSER.parse_args()
    device = choose_device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, {options.batch} utterances a batch, ms a batch, shortest of {options.rounds} rounds")
    print(f"{'speech s':>9}" + "".join(f"{head:>16}" for head in HEADS))
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_noises(Path(folder))
        for speech_s in SPEECH_S:
            batch = [utterance(seed, speech_s) for seed in range(options.batch)]
            visit, visit_there, later, later_there, error = measure(
                manifest, batch, device=device, rounds=options.rounds
            )
            row = [f"{1e3 * visit:.1f}", f"{1e3 * visit_there:.1f}", f"{visit / visit_there:.1f} x"]
            row += [f"{1e3 * later:.1f}", f"{1e3 * later_there:.1f}", f"{later / later_there:.1f} x", f"{error:.1e}"]
            print(f"{speech_s:9g}" + "".join(f"{cell:>16}" for cell in row), flush=True)


HEADS = ["first: host", "first: device", "ratio", "later: host", "later: device", "ratio", "largest error"]


def measure(manifest: Path, batch: list[np.ndarray], *, device: torch.device, rounds: int) -> tuple[float, ...]:
    """Seconds of the first visit on host and device, of a later one on both, and the largest relative difference."""
    audio = torch.from_numpy(np.stack(batch)).to(device)
    lengths = torch.full((len(batch),), audio.shape[1])
    shortest, error = [float("inf")] * 4, 0.0
    for seed in range(rounds):
        EPOCH_CLOCK.set(seed)
        host = NoiseMixPerturbation(manifest, {"min": 0, "max": 20}, seed=seed)
        there = DeviceMixer(
            NoiseMixPerturbation(manifest, {"min": 0, "max": 20}, seed=seed), sample_rate=RATE, device=device
        )
        host.check()
        there.mix(audio[:1].flip(1), lengths[:1])  # another utterance: starts the device
        on_host = [timed(lambda host=host: [mixed(host, samples) for samples in batch]) for _ in range(2)]
        on_device = [timed(lambda there=there: there.mix(audio, lengths).audio) for _ in range(2)]
        expected, mixed_there = np.stack(on_host[1][1]), on_device[1][1].cpu().numpy()
        error = max(error, float(np.abs(mixed_there - expected).max() / np.abs(expected).max()))
        times = (on_host[0][0], on_device[0][0], on_host[1][0], on_device[1][0])
        shortest = [min(best, seconds) for best, seconds in zip(shortest, times, strict=True)]
    return (*shortest, error)


def mixed(perturbation: NoiseMixPerturbation, samples: np.ndarray) -> np.ndarray:
    """One utterance in noise, [T]."""
    segment = AudioSegment(samples.copy(), RATE)
    perturbation.perturb(segment)
    return segment.samples


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds until the device is done, and the result."""
    if not torch.cuda.is_available():
        begin = time.process_time()
        result = work()
        return time.process_time() - begin, result
    begin = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return time.perf_counter() - begin, result


def utterance(seed: int, seconds: float) -> np.ndarray:
    """Noise with the envelope of syllables and pauses, [T]."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.random(int(seconds * 5)) ** 3, RATE // 5)
    return (0.1 * envelope * rng.standard_normal(len(envelope))).astype(np.float32)


def write_noises(folder: Path) -> Path:
    """Writes noise files and their manifest."""
    lines = []
    for index in range(NUM_NOISES):
        noise = 0.1 * np.random.default_rng(100 + index).standard_normal(int(NOISE_S * RATE))
        soundfile.write(folder / f"{index}.wav", noise, RATE, subtype="PCM_16")
        lines.append(json.dumps({"audio_filepath": f"{index}.wav", "duration": NOISE_S, "text": ""}))
    (folder / "noise.json").write_text("\n".join(lines))
    return folder / "noise.json"


if __name__ == "__main__":
    main()
