# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How to adapt at test time, and when to leave it: the options of `adaptation.py` with their ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nemo_noise.checks import choice, is_number, mapping, refuse_unknown
from nemo_noise.inference.adaptation.objectives import Objective

__all__ = ["AdaptationConfig"]

NOT_NEGATIVE = (
    *("max_steps", "max_seconds", "learning_rate", "min_improvement", "min_duration_s", "min_spoken_frames"),
    *("max_spoken_change", "mask_share", "mask_span_s"),
)


@dataclass(frozen=True)
class AdaptationConfig:
    """How to adapt, and when to leave it.

    Args:
        parameters: what adapts: ``norms``, ``context``, ``fast_weights``, or patterns of parameter names.
        objective: ``entropy``, ``entropy_and_confusion`` or ``masked_prediction``.
        max_steps: steps per utterance at most; 0 for none.
        max_seconds: no step begins later than this after the first, in seconds; None for no limit. A limit makes
            results depend on the speed of the machine.
        learning_rate: of Adam.
        temperature: softens the emissions before the objective.
        confusion_weight: share of the confusion in ``entropy_and_confusion``.
        batch_statistics: share of the utterance's own mean and variance in the encoder's batch norms, from 0 to 1; it
            needs no steps.
        mask_share: of ``masked_prediction``: spans times their length over the length of the utterance.
        mask_span_s: of ``masked_prediction``: length of a span in seconds; half the utterance at most.
        patience: stop after as many steps without improvement.
        min_improvement: of the objective, relative; less is none.
        min_duration_s: shorter utterances are left alone, in seconds.
        min_spoken_frames: so are those with fewer frames whose likeliest class is not blank.
        max_spoken_change: the share of such frames may change by no more.
        max_length_ratio: the adapted text may be so many times as long as the other, or the other than it.
        anchor: of a stream only: how far the weights go back to their start after every segment, from 0 (they stay)
            to 1 (all the way: every segment by itself).
        transcribe: further arguments of the model's ``transcribe``; None for none.

    Raises:
        ValueError: if a number is out of its range.
    """

    parameters: Sequence[str] = ("norms",)
    objective: Objective | str = Objective.ENTROPY_AND_CONFUSION
    max_steps: int = 10
    max_seconds: float | None = None
    learning_rate: float = 3e-4
    temperature: float = 2.5
    confusion_weight: float = 0.7
    batch_statistics: float = 0.0
    mask_share: float = 0.3
    mask_span_s: float = 0.3
    patience: int = 2
    min_improvement: float = 1e-3
    min_duration_s: float = 1.0
    min_spoken_frames: int = 5
    max_spoken_change: float = 0.2
    max_length_ratio: float = 2.0
    anchor: float = 0.1
    transcribe: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Any, where: str = "adaptation") -> "AdaptationConfig":
        """Reads a block of a config; a ValueError names the block ``where`` and the option."""
        mapping("{parameters: [norms], max_steps: 5}").check(where, given)
        refuse_unknown(given, cls, where)
        try:
            return cls(**given)
        except ValueError as error:
            raise ValueError(f"{where}.{error}") from error

    def __post_init__(self) -> None:
        if self.transcribe is None:
            object.__setattr__(self, "transcribe", {})
        mapping("{source_lang: de}").check("transcribe", self.transcribe)
        choice(Objective, self.objective, "objective")
        is_list = isinstance(self.parameters, Sequence) and not isinstance(self.parameters, str)
        if not (is_list and self.parameters and all(isinstance(name, str) for name in self.parameters)):
            raise ValueError(f"parameters={self.parameters!r} must be a list of names, such as ['norms'].")
        if not isinstance(self.max_steps, int):
            raise ValueError(f"max_steps={self.max_steps!r} must be a whole number, 0 or more.")
        for name in NOT_NEGATIVE:
            value = getattr(self, name)
            if value is None and name == "max_seconds":
                continue
            if not is_number(value, low=0.0):
                raise ValueError(f"{name}={value!r} must be 0 or more, and finite.")
        for name in ("temperature", "mask_span_s"):
            if not is_number(getattr(self, name)) or getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be above 0, and finite.")
        for name in ("patience", "max_length_ratio"):
            if not is_number(getattr(self, name), low=1.0):
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 1, and finite.")
        if not is_number(self.mask_share, high=1.0) or self.mask_share <= 0:
            raise ValueError(f"mask_share={self.mask_share!r} must be above 0 and at most 1.")
        for name in ("confusion_weight", "batch_statistics", "anchor"):
            if not is_number(getattr(self, name), 0.0, 1.0):
                raise ValueError(f"{name}={getattr(self, name)!r} must be from 0 to 1.")
        for name in ("patience", "min_spoken_frames"):
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{name}={getattr(self, name)!r} must be a whole number.")
