# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Models as `.nemo` files that are written whole or not at all."""

from pathlib import Path

from nemo.core.classes import ModelPT
from nemo.utils import AppState
from nemo.utils.get_rank import is_global_rank_zero

from nemo_noise.whole_file import writing

__all__ = ["save_model"]


def save_model(model: ModelPT, path: str | Path) -> None:
    """Saves a model by NeMo's `save_to`; a kill or a full disk leaves the old file, or none.

    All ranks may call it, the first one writes. The folder of the file is made.
    """
    final = Path(path).expanduser()
    if AppState().model_parallel_size is not None:  # several ranks write, by a connector of their own
        model.save_to(str(final))
    elif is_global_rank_zero():
        with writing(final) as temporary:
            model.save_to(str(temporary))
