# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Times recognisers against each other: how many seconds of audio each encodes in a second, in one process.

    python examples/benchmarks/measure_recognisers.py conformer=a.nemo mamba=b.nemo [--rounds 6] [--seconds 10]

The models take turns over the same noise, one utterance at a time, and of each the shortest round counts, so that what
else the machine does falls out as far as it can. Times are of the process, not of the clock on the wall; they hold the
features, the encoder and the decoder's linear layer, not the search.
"""

import argparse
from pathlib import Path

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("models", nargs="+", metavar="NAME=FILE", help="all are compared with the first")
PARSER.add_argument("--rounds", type=int, default=6, help="how often they take turns")
PARSER.add_argument("--seconds", type=float, default=10.0, help="of audio")
PARSER.add_argument("--output", type=Path, default=None, help="JSON file for the numbers")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

import json
import time

import torch

from nemo.collections.asr.models import ASRModel

from nemo_noise import whole_file
from nemo_noise.modules import CausalContextEncoder, noise_context_of
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model


def main() -> None:
    """Measure, print, write."""
    options = PARSER.parse_args()
    models = dict(named(argument) for argument in options.models)
    seconds = measure(models, options.rounds, options.seconds)
    first = next(iter(seconds))
    lines = []
    print(f"{options.seconds:g} s of audio, batch of one, {torch.get_num_threads()} threads, ", end="")
    print(f"shortest of {options.rounds} rounds; RTFx: seconds of audio per second")
    print(f"{'model':>28} {'parameters':>12} {'ms':>9} {'RTFx':>9} {'of the first':>13}")
    for name, time_s in seconds.items():
        count = sum(parameter.numel() for parameter in models[name].parameters())
        line = {"model": name, "parameters": count, "seconds": time_s, "rtfx": options.seconds / time_s}
        lines.append(line | {"ratio": time_s / seconds[first], "context_state_bytes": state_bytes(models[name])})
        print(f"{name:>28} {count:12,} {1e3 * time_s:9.1f} {line['rtfx']:9.1f} {lines[-1]['ratio']:11.2f} x")
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        whole_file.write_text(options.output, json.dumps(lines, indent=2) + "\n")


def named(argument: str) -> tuple[str, ASRModel]:
    """The model of `name=file`, on the CPU."""
    name, _, path = argument.partition("=")
    if not path:
        PARSER.error(f"{argument!r} must be a name and a file, as in mamba=model.nemo")
    return name, load_model(path, torch.device("cpu"))


def state_bytes(model: ASRModel) -> int | None:
    """What the context of one stream remembers, in float32; None where there is no causal context."""
    context = noise_context_of(model)
    return 4 * context.state_size if isinstance(context, CausalContextEncoder) else None


@torch.inference_mode()
def measure(models: dict[str, ASRModel], rounds: int, seconds: float) -> dict[str, float]:
    """The shortest time of each, in seconds."""
    shortest = dict.fromkeys(models, float("inf"))
    generator = torch.Generator().manual_seed(0)
    for number in range(rounds + 1):
        for name, model in models.items():
            samples = int(seconds * sample_rate_of(model))
            audio = 0.1 * torch.randn(1, samples, generator=generator)
            start = time.process_time()
            model(input_signal=audio, input_signal_length=torch.tensor([samples]))
            if number:  # the first round allocates
                shortest[name] = min(shortest[name], time.process_time() - start)
    return shortest


if __name__ == "__main__":
    main()
