# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Times the dual-attention decoder against NeMo's own, token by token as NeMo's searches call it, on one CPU thread.

    python examples/benchmarks/measure_dual_attention.py [--rounds 5]

Prints ratios against NeMo's decoder in the same process: all take turns, and of every one the shortest time counts.
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--rounds", type=int, default=5, help="how often the decoders take turns")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

from functools import partial

import torch
from measure_ssm_mixer import take_turns
from torch import Tensor

from nemo.collections.asr.modules.transformer import get_nemo_transformer
from nemo.collections.asr.modules.transformer.transformer import TransformerDecoderNM

from nemo_noise.modules import DualAttentionDecoder

BATCH, FRAMES, NOISE_TOKENS, TOKENS = 4, 375, 8, 40  # 30 s of speech in frames of 80 ms
SIZE = {"vocab_size": 1024, "hidden_size": 512, "inner_size": 2048, "num_layers": 4, "num_attention_heads": 8}
CONFIG = {**SIZE, "max_sequence_length": 64, "num_token_types": 0, "pre_ln": True}


def main() -> None:
    """Measure and print."""
    rounds = PARSER.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    speech, noise = (
        torch.randn(BATCH, FRAMES, SIZE["hidden_size"]),
        torch.randn(BATCH, NOISE_TOKENS, SIZE["hidden_size"]),
    )
    both = torch.cat([speech, noise], dim=1)
    runs = {
        "NeMo, one attention": partial(write, get_nemo_transformer(config_dict=CONFIG, encoder=False).eval(), speech),
        "dual, 8 noise tokens": partial(write, dual(NOISE_TOKENS, keeps=True), both),
        "dual, 8 noise tokens, nothing kept": partial(write, dual(NOISE_TOKENS, keeps=False), both),
        "dual, same output twice": partial(write, dual("same", keeps=True), speech),
        "dual, same output twice, nothing kept": partial(write, dual("same", keeps=False), speech),
    }
    times = take_turns(list(runs.values()), rounds)
    print(f"torch {torch.__version__}, {SIZE}, batch {BATCH}, {FRAMES} frames, {TOKENS} tokens, one thread")
    for name, time_s in zip(runs, times, strict=True):
        print(f"{name:>40} {1e3 * time_s:9.1f} ms {times[0] / time_s:6.2f} x as fast as NeMo's")


def dual(tokens: int | str, keeps: bool) -> DualAttentionDecoder:
    """A decoder that reads such a memory, with or without kept keys and values."""
    decoder = DualAttentionDecoder(CONFIG, gate_start=1.0, secondary_tokens=tokens).eval()  # type: ignore[arg-type]
    for attention in decoder.dual_attentions:
        attention.projections.enabled = keeps
    return decoder


@torch.inference_mode()
def write(decoder: TransformerDecoderNM, states: Tensor) -> None:
    """Forty tokens, one at a time, with the memories of NeMo's searches; the states are new, as of a new utterance."""
    states, memories = states.clone(), None
    mask, one = torch.ones(states.shape[:2]), torch.ones(BATCH, 1)
    for position in range(TOKENS):
        embedded = decoder.embedding(torch.full((BATCH, 1), 5), start_pos=position)
        memories, _ = decoder.decoder(embedded, one, states, mask, memories, return_mems=True)


if __name__ == "__main__":
    main()
