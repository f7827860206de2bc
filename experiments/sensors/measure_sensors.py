# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Do sensors tell the noise better than the audio alone? On *simulated* speech in a simulated car, in minutes.

    python experiments/sensors/measure_sensors.py --seeds 0 1 2

The car: an engine with harmonics and the hiss of the road, each with a level of its own. The accelerometer (200 Hz)
follows the engine's low harmonics, the level meter (4 Hz) the level of the whole noise within 2 dB. Asked for are the
engine's frequency and the noise under the speech, in eight bands, in two ways: by ridge regression from statistics of
what each arm has, and by a context encoder trained with one linear layer on the mean of its tokens. Arms: audio alone;
audio and sensors; and the control, trained and tested with the sensors of another utterance.
"""

import argparse
from pathlib import Path

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one training of each arm for every seed")
PARSER.add_argument("--steps", type=int, default=150, help="of a training")
PARSER.add_argument("--utterances", type=int, default=300, help="of training; half as many are tested")
PARSER.add_argument("--output", type=Path, help="JSON with all numbers")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

import json
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor

import nemo_noise  # noqa: F401  registers with NeMo
from experiments.sensors.simulated_car import BANDS, LEVEL_HZ, RATE, SHAKING_HZ, Drive, Samples, drive
from nemo_noise import whole_file
from nemo_noise.modules import (
    MultimodalContextEncoder,
    SensorStream,
    SensorTokens,
    StatisticsContextEncoder,
    with_sensors,
)

ARMS = ("audio", "audio+sensors", "audio+shuffled sensors")
BATCH_SIZE = 32


def listener() -> MultimodalContextEncoder:
    """A small context encoder with two streams."""
    streams = {
        "accelerometer": SensorTokens(channels=1, rate_hz=SHAKING_HZ, d_hidden=48, token_s=1.0),
        "level": SensorTokens(channels=1, rate_hz=LEVEL_HZ, d_hidden=48, mean=-28.0, std=8.0),
    }
    return MultimodalContextEncoder(
        BANDS, 32, streams=streams, stream_dropout=0.0, d_hidden=48, num_layers=1, feature_mean=-8.0, feature_std=4.0
    )


def rows_of(data: Drive, rows: Tensor, arm: str) -> dict[str, SensorStream]:
    """The streams that an arm reads with these utterances."""
    if arm == "audio":
        return {}
    if arm == "audio+shuffled sensors":  # those of another utterance, always the same other one
        rows = (rows + len(data.features) // 2) % len(data.features)
    return {name: SensorStream(*(part[rows] for part in stream)) for name, stream in data.sensors.items()}


def encoder_errors(arm: str, seed: int, train: Drive, test: Drive, steps: int) -> Tensor:
    """Train one arm; squared errors of the test utterances in units of the targets' variance, [N, targets]."""
    torch.manual_seed(seed)
    context, readout = listener(), nn.Linear(32, train.targets.shape[1])
    mean, deviation = train.targets.mean(dim=0), train.targets.std(dim=0)
    optimizer = torch.optim.AdamW([*context.parameters(), *readout.parameters()], lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)

    def predicted(data: Drive, rows: Tensor) -> Tensor:
        length = torch.full((len(rows),), data.features.shape[2])
        with with_sensors(context, rows_of(data, rows, arm)):
            return readout(context(audio_signal=data.features[rows], length=length).mean(dim=1))

    for _ in range(steps):
        rows = torch.randint(len(train.features), (BATCH_SIZE,))
        loss = (predicted(train, rows) - (train.targets[rows] - mean) / deviation).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    context.eval()
    with torch.no_grad():
        chunks = torch.arange(len(test.features)).split(64)  # type: ignore[no-untyped-call]
        found = torch.cat([predicted(test, rows) for rows in chunks])
    return (found - (test.targets - mean) / deviation).square()


def known_to(arm: str, data: Drive) -> Tensor:
    """What an arm has, without learning: statistics of every band, mean features of every stream [N, F]."""
    length = torch.full((len(data.features),), data.features.shape[2])
    audio = StatisticsContextEncoder(BANDS, 1, quantiles=(0.1,)).statistics(data.features, length)
    heard = rows_of(data, torch.arange(len(data.features)), arm)
    streams = cast(Mapping[str, SensorTokens], listener().streams)
    return torch.cat([audio, *(streams[name].features(stream)[0].mean(dim=1) for name, stream in heard.items())], 1)


def ridge_errors(arm: str, train: Drive, test: Drive) -> Tensor:
    """The same errors of a ridge regression; its weight is the best of some on a fifth of the training."""
    known, asked = known_to(arm, train).double(), known_to(arm, test).double()
    centre, spread = known.mean(dim=0), known.std(dim=0).clamp_min(1e-6)
    known, asked = (known - centre) / spread, (asked - centre) / spread
    mean, deviation = train.targets.mean(dim=0), train.targets.std(dim=0)
    targets = ((train.targets - mean) / deviation).double()

    def solved(rows: slice, weight: float) -> Tensor:
        inputs = known[rows]
        return torch.linalg.solve(inputs.T @ inputs + weight * torch.eye(inputs.shape[1]), inputs.T @ targets[rows])

    fifth = len(known) // 5
    weights = [float(weight) for weight in np.logspace(-1, 4, 11)]
    held_out = [
        (known[:fifth] @ solved(slice(fifth, None), weight) - targets[:fifth]).square().mean(0) for weight in weights
    ]
    best = torch.stack(held_out).argmin(dim=0)  # one weight for every target
    solutions = torch.stack([solved(slice(None), weight) for weight in weights])  # [weights, F, targets]
    chosen = torch.stack([solutions[int(index), :, column] for column, index in enumerate(best)], dim=1)
    return (asked @ chosen - (test.targets - mean) / deviation).square()


def compared(way: str, table: dict[str, list[Tensor]]) -> dict[str, dict[str, float]]:
    """R2 of every arm and its gain over audio alone, with intervals; printed, too."""
    result = {}
    for target, columns in {"engine": slice(0, 1), "noise bands": slice(1, None)}.items():
        per_arm = {arm: torch.stack(table[arm])[:, :, columns].mean(dim=2).double().numpy() for arm in ARMS}
        for arm, squared in per_arm.items():
            gain = per_arm["audio"] - squared  # [seeds, N]
            low, high = interval(gain)
            numbers = {"R2": 1 - squared.mean(), "gain": gain.mean(), "low": low, "high": high}
            result[f"{target}: {arm}"] = numbers
            by_seed = ", ".join(f"{1 - row.mean():.3f}" for row in squared)
            print(
                f"{way}, {target}, {arm}: R2 {numbers['R2']:.3f} ({by_seed}), "
                f"against audio {numbers['gain']:+.3f} [{low:+.3f}, {high:+.3f}]",
                flush=True,
            )
    return result


def interval(differences: Samples, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over seeds and utterances [seeds, N]; both are drawn again."""
    rng = np.random.default_rng(seed)
    num_seeds, count = differences.shape
    means = []
    for _ in range(2000):
        table = differences[rng.integers(num_seeds, size=num_seeds)][:, rng.integers(count, size=count)]
        means.append(table.mean())
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Train, test, print and write."""
    options = PARSER.parse_args()
    torch.set_num_threads(1)
    preprocessor = AudioToMelSpectrogramPreprocessor(
        sample_rate=RATE, features=BANDS, normalize="NA", dither=0.0, pad_to=0
    )
    test = drive(options.utterances // 2, 10_000, preprocessor)
    trains = {seed: drive(options.utterances, seed, preprocessor) for seed in options.seeds}
    result = {}
    for way in ("ridge", "encoder"):
        table: dict[str, list[Tensor]] = {arm: [] for arm in ARMS}
        for seed, train in trains.items():
            for arm in ARMS:
                is_ridge = way == "ridge"
                squared = (
                    ridge_errors(arm, train, test)
                    if is_ridge
                    else encoder_errors(arm, seed, train, test, options.steps)
                )
                table[arm].append(squared)
        result[way] = compared(way, table)
    if options.output:
        whole_file.write_text(options.output, json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
