# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's `prob` of a perturbation of ours is refused: its draws differ per worker, and ours have knobs that do not."""

from collections.abc import Callable
from typing import Any

from nemo_noise.nemo_patches.registration import perturbation_names

__all__ = ["WRAPPERS"]

_OURS = "nemo_noise."


def _make(wrapped: Callable[..., None], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for prob, perturbation in (args[0] if args else kwargs.get("perturbations")) or ():
        kind = type(perturbation)
        if kind.__module__.startswith(_OURS) and prob not in (0.0, 1.0):
            knob = "mix_prob" if hasattr(perturbation, "mix_prob") else "the prob of its effects"
            names = " or ".join(perturbation_names(kind))
            raise ValueError(
                f"augmentor.{names}.prob: is {prob!r}, which NeMo draws differently in each worker; expected 1.0, and "
                f"the share in {knob}"
            )
    wrapped(*args, **kwargs)


WRAPPERS = {"nemo.collections.asr.parts.preprocessing.perturb:AudioAugmentor.__init__": _make}
