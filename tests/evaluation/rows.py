# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hypothesis rows for the tests of evaluation."""

import random

from nemo_noise.evaluation import Hypothesis
from tests.evaluation.tiny_models import WORDS


def hypothesis(**fields: object) -> Hypothesis:
    """One row, from the fields of its JSON line."""
    return Hypothesis.of(fields)


def cell_row(utterance: str, said: str, heard: str, snr_db: float | None = None, **fields: object) -> Hypothesis:
    """One row of a list called unseen, or of clean speech."""
    noise_list = None if snr_db is None else "unseen"
    base = {"utterance_id": utterance, "text": said, "pred_text": heard, "snr_db": snr_db, "noise_list": noise_list}
    return hypothesis(**{**base, **fields})


def synthetic_rows(
    model: str, error_rate: float, utterances: int = 60, seeds: tuple[int, ...] = (0,)
) -> list[Hypothesis]:
    """Invent rows of a model that errs more in more noise."""
    rows = []
    for seed in seeds:
        chance = random.Random(f"{model}{seed}")
        for utterance in range(utterances):
            said = [random.Random(10 * utterance + word).choice(WORDS) for word in range(5)]
            label = random.Random(utterance).choice(["rain", "dog"])
            cells = [(None, None)] + [(name, snr) for name in ("seen", "unseen") for snr in (20, 10, 0, -5)]
            for noise_list, snr_db in cells:
                rate = error_rate * (1.0 if snr_db is None else 2 + (20 - snr_db) / 6)
                heard = [word if chance.random() > rate else chance.choice([*WORDS, ""]) for word in said]
                rows.append(
                    hypothesis(
                        utterance_id=f"u{utterance}",
                        speaker=f"s{utterance % 10}",
                        text=" ".join(said),
                        pred_text=" ".join(word for word in heard if word),
                        noise_list=noise_list,
                        noise_label=label if noise_list else None,
                        snr_db=snr_db,
                        seed=seed,
                        model=model,
                        duration=2.0,
                    )
                )
    return rows
