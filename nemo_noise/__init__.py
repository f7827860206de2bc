# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise-aware speech recognition for NVIDIA NeMo; importing it registers it with NeMo, at the first use of that.

`import nemo_noise` alone takes no time: NeMo comes with the first name below, the first room or the user's own import.
"""

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nemo_noise.first_use import register_at_first_use

if TYPE_CHECKING:
    from nemo_noise.evaluation.card import evaluate
    from nemo_noise.inference.transcription.transcribing import transcribe
    from nemo_noise.models import add_noise_context, load
    from nemo_noise.tuning import tune

__version__ = "0.1.0"

_HOMES = {
    "add_noise_context": ("nemo_noise.models", "add_noise_context"),
    "evaluate": ("nemo_noise.evaluation.card", "evaluate"),
    "load": ("nemo_noise.models", "load"),
    "transcribe": ("nemo_noise.inference.transcription.transcribing", "transcribe"),
    "tune": ("nemo_noise.tuning", "tune"),
}

__all__ = ["add_noise_context", "evaluate", "load", "transcribe", "tune"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        near = "".join(f"; did you mean {each}?" for each in get_close_matches(name, _HOMES, 1))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{near}")
    home, own_name = _HOMES[name]
    return getattr(import_module(home), own_name)


register_at_first_use()
