# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How large the demo is: minutes, or one minute."""

from dataclasses import dataclass
from typing import Any

__all__ = ["ARMS", "BASELINE", "CONSTANT", "FULL", "NOISE_CONTEXT", "QUICK", "RECORDINGS", "SIZES", "Size"]

RECORDINGS = "recordings"  # the task that makes speech and noise; the others are the arms
NOISE_CONTEXT, BASELINE, CONSTANT = "noise_context", "baseline", "constant_context"
# What an arm changes in the recipe; all else is the same: data, noise, order, steps, normalisation.
ARMS: dict[str, tuple[str, ...]] = {
    NOISE_CONTEXT: (),
    BASELINE: ("model.encoder.context=null", "model.encoder.fusion=null"),
    CONSTANT: ("context@model.encoder.context=constant_causal_statistics",),
}


@dataclass(frozen=True)
class Size:
    """What is made, trained and measured.

    Attributes:
        name: of the size.
        train_voices, test_voices: synthetic voices; none is in both.
        train_utterances, test_utterances: digit strings.
        noises_per_class: recordings of each noise class.
        arms: the recognisers; keys of `ARMS`.
        steps: optimiser steps of each.
        training: further overrides of the recipe.
        evaluation: options of the evaluation.
    """

    name: str
    train_voices: int
    train_utterances: int
    test_voices: int
    test_utterances: int
    noises_per_class: int
    arms: tuple[str, ...]
    steps: int
    training: tuple[str, ...]
    evaluation: dict[str, Any]


FULL = Size(
    name="full",
    train_voices=40,
    train_utterances=2000,
    test_voices=12,
    test_utterances=72,
    noises_per_class=8,
    arms=(NOISE_CONTEXT, BASELINE, CONSTANT),
    steps=800,
    training=(),
    evaluation={"snr_db": ["clean", 20, 10, 0], "noise_only": {"crops": 20, "crop_s": 10.0, "silence_s": [5]}},
)
# One recogniser without checkpoints and validations, and a first look at it.
QUICK = Size(
    name="quick",
    train_voices=40,
    train_utterances=800,
    test_voices=8,
    test_utterances=40,
    noises_per_class=4,
    arms=(NOISE_CONTEXT,),
    steps=200,
    training=(
        "exp_manager=null",
        "model.train_ds.augmentor.noise_mix.noise_only_prob=0.25",
        "model.train_ds.num_workers=1",
        "+trainer.limit_val_batches=0",
        "model.optim.sched.warmup_steps=30",
    ),
    evaluation={
        "snr_db": ["clean", 10, 0],
        "noise_only": {"crops": 6, "crop_s": 10.0, "silence_s": [5]},
        "controls": [],
        "latency_utterances": 0,
        "audio_clips": 2,
    },
)
SIZES = {size.name: size for size in (FULL, QUICK)}
