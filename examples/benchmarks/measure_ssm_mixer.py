# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Times our Mamba-2 mixer against transformers' in plain torch, with the same weights, on one CPU thread.

    python examples/benchmarks/measure_ssm_mixer.py [--rounds 7]

Prints ratios against the peer in the same process: the two take turns, and of every one the shortest time counts, so
that what else the machine does falls out as far as it can. Times are of the process, not of the clock on the wall.
Transformers' mixer as it comes has chunks of 256 frames; the second peer has chunks of 64, as ours.
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--rounds", type=int, default=7, help="how often the mixers take turns")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from transformers.models.mamba2.configuration_mamba2 import Mamba2Config
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer as TransformersMixer

from nemo_noise.modules.mixers.ssm.mixer import Mamba2Mixer

D_MODEL, D_STATE, HEAD_DIM = 256, 64, 64
NUM_FRAMES = (2000, 8000)
STEPS = (0, 1000, 4000)
SHIPPED_CHUNK, EQUAL_CHUNK = 256, 64


def main() -> None:
    """Measure and print."""
    rounds = PARSER.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ours = Mamba2Mixer(D_MODEL, d_state=D_STATE, head_dim=HEAD_DIM).eval()
    peers = {chunk_size: peer(ours, chunk_size) for chunk_size in (SHIPPED_CHUNK, EQUAL_CHUNK)}
    print(f"torch {torch.__version__}, d_model {D_MODEL}, d_state {D_STATE}, one thread, shortest of {rounds}")
    print(f"{'frames':>8} {'pass':>18} {'ours ms':>8} {'/ chunk 256':>12} {'/ chunk 64':>11}")
    shortest = {}
    for num_frames in NUM_FRAMES:
        hidden = torch.randn(1, num_frames, D_MODEL)
        for name, run in (("forward", infer), ("forward, backward", train)):
            mixers = (ours, *peers.values())
            times = take_turns([partial(run, mixer, hidden) for mixer in mixers], rounds)
            shortest[num_frames, name] = times[0]
            ratios = [f"{time_s / times[0]:.2f} x" for time_s in times[1:]]
            print(f"{num_frames:8d} {name:>18} {1e3 * times[0]:8.1f} {ratios[0]:>12} {ratios[1]:>11}", flush=True)
    growth = shortest[NUM_FRAMES[1], "forward"] / shortest[NUM_FRAMES[0], "forward"]
    print(f"forward, {NUM_FRAMES[1]} over {NUM_FRAMES[0]} frames: {growth:.2f} x (linear is 4)")
    print_steps(ours, rounds)


def peer(ours: Mamba2Mixer, chunk_size: int) -> TransformersMixer:
    """Transformers' mixer with our weights."""
    config = Mamba2Config(
        hidden_size=D_MODEL,
        state_size=D_STATE,
        head_dim=HEAD_DIM,
        num_heads=ours.num_heads,
        n_groups=1,
        num_hidden_layers=1,
        chunk_size=chunk_size,
    )
    mixer = TransformersMixer(config, 0).eval()
    mixer.load_state_dict(ours.state_dict(), strict=True)
    return mixer


def infer(mixer: Callable[[Tensor], Tensor], hidden: Tensor) -> None:
    """One forward without a graph."""
    with torch.no_grad():
        mixer(hidden)


def train(mixer: Callable[[Tensor], Tensor], hidden: Tensor) -> None:
    """One forward and backward."""
    mixer(hidden).square().mean().backward()


def take_turns(runs: list[Callable[[], None]], rounds: int) -> list[float]:
    """The shortest time of each run, in seconds of the process; one round first to warm up."""
    shortest = [float("inf")] * len(runs)
    for number in range(rounds + 1):
        for index, run in enumerate(runs):
            start = time.process_time()
            run()
            if number > 0:
                shortest[index] = min(shortest[index], time.process_time() - start)
    return shortest


def print_steps(ours: Mamba2Mixer, rounds: int) -> None:
    """The cost of one frame of a stream after few and after many."""
    states = []
    with torch.no_grad():
        for num_frames in STEPS:
            hidden = torch.randn(1, num_frames + 1, D_MODEL)
            states.append(ours.stream(hidden, ours.initial_state(hidden)).state)
        frame = torch.randn(1, D_MODEL)

        def steps(index: int) -> None:
            state = states[index]
            for _ in range(50):
                _, state = ours.step(frame, state)

        times = take_turns([partial(steps, index) for index in range(len(STEPS))], rounds)
    shown = ", ".join(f"{1e3 * t / 50:.3f} ms after {n}" for t, n in zip(times, STEPS, strict=True))
    print(f"one step of a stream: {shown} frames; state of {4 * ours.state_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
