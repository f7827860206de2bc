# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's `prob` of a perturbation of ours is refused: its draws differ per worker, and ours have knobs that do not."""

from collections.abc import Callable
from typing import Any

from wrapt import wrap_function_wrapper

from nemo.collections.asr.parts.preprocessing import perturb

__all__ = ["install_probability_check"]

_OURS = "nemo_noise."


def install_probability_check() -> None:
    """Lets NeMo's augmentor, in both loaders, refuse a `prob` between 0 and 1 of a perturbation of ours.

    NeMo takes `prob` out of the block before a perturbation is made, so that only the augmentor sees it. Calling this
    again changes nothing.
    """
    if getattr(perturb.AudioAugmentor.__init__, "_self_wrapper", None) is not _make:
        wrap_function_wrapper(perturb, "AudioAugmentor.__init__", _make)


def _make(wrapped: Callable[..., None], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Makes NeMo's augmentor of pairs (prob, perturbation)."""
    for prob, perturbation in (args[0] if args else kwargs.get("perturbations")) or ():
        kind = type(perturbation)
        if kind.__module__.startswith(_OURS) and prob not in (0.0, 1.0):
            names = [name for name, known in perturb.perturbation_types.items() if known is kind]
            knob = "mix_prob" if hasattr(perturbation, "mix_prob") else "the prob of its effects"
            raise ValueError(
                f"augmentor.{' or '.join(names)}.prob: is {prob!r}, which NeMo draws differently in each worker; "
                f"expected 1.0, and the share in {knob}"
            )
    wrapped(*args, **kwargs)
