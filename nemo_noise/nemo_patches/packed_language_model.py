# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A language model inside a `.nemo`: NeMo packs the file but does not find it again; this makes it do so.

NeMo's searches open the path in `ngram_lm_model`. A registered file is packed into the archive by `save_to`, and the
path becomes `nemo:<name>`; NeMo resolves such paths only in a model's constructor, and in none for this one.
NeMo also writes whatever was registered once into the configuration it saves, so that is looked up anew before.
"""

import atexit
import glob
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from nemo.core.classes import modelPT
from nemo.utils import logging
from nemo.utils.app_state import AppState

from nemo_noise.archive.door import any_file
from nemo_noise.arpa import check_arpa, is_kenlm_binary
from nemo_noise.whole_file import is_running

__all__ = ["LANGUAGE_MODEL_KEYS", "WRAPPERS", "pack"]

LANGUAGE_MODEL_KEYS = tuple(
    f"{head}.{block}.ngram_lm_model" for head in ("decoding", "aux_ctc.decoding") for block in ("beam", "greedy")
)
_IN_ARCHIVE = "nemo:"
_PREFIXES = re.compile(r"^([0-9a-f]{32}_)+(?=.)")  # NeMo puts one before the name each time it saves


def pack(model: modelPT.ModelPT, keys: Iterable[str] = LANGUAGE_MODEL_KEYS) -> None:
    """Makes sure that the next `save_to` takes along the language models that a model's searches name, and no others.

    Args:
        model: whose configuration names them; a FileNotFoundError if one is not there.
        keys: where they are named, the others are left as they are. A `.nemo` stays a path: NeMo packs none.
    """
    for key in keys:
        if getattr(model, "artifacts", None):
            model.artifacts.pop(key, None)
        path = OmegaConf.select(model.cfg, key)
        if path is not None and Path(path).suffix == ".nemo":
            logging.warning(f"{key}={path} stays a path: NeMo packs no .nemo into another; give the ARPA file.")
        elif path is not None:
            model.register_artifact(key, str(path))


def _initialise(wrapped: Callable[..., None], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """NeMo's own constructor, after which comes the search; in between, the file gets a path that can be opened."""
    wrapped(*args, **kwargs)
    for key in LANGUAGE_MODEL_KEYS:
        named = OmegaConf.select(instance.cfg, key)
        if isinstance(named, str) and named.startswith(_IN_ARCHIVE):
            unpacked = _unpacked(key, named)
            if not is_kenlm_binary(unpacked):
                check_arpa(unpacked, argument=key)  # before the search opens it: the archive may be foreign
            with any_file():
                instance.register_artifact(key, str(unpacked))


def _save(wrapped: Callable[..., None], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """NeMo's own `save_to`; what was packed once gives way to what the searches name by now, or to nothing."""
    packed = [key for key in LANGUAGE_MODEL_KEYS if key in (getattr(instance, "artifacts", None) or {})]
    named = {key: OmegaConf.select(instance.cfg, key) for key in packed}
    pack(instance, [key for key in packed if not str(named[key]).startswith(_IN_ARCHIVE)])
    wrapped(*args, **kwargs)


def _unpacked(key: str, named: str) -> Path:
    """A copy of a file of the archive that stays until the process ends; NeMo's own goes before the model is ready."""
    name = Path(named.removeprefix(_IN_ARCHIVE)).name
    folder = AppState().nemo_file_folder
    source = Path(folder) / name if folder else None
    if source is None or not source.is_file():
        raise FileNotFoundError(
            f"{key}={named} names a file inside a .nemo, which can be found only while that is restored: give the "
            "path of a language model, or null."
        )
    own_folder = tempfile.mkdtemp(dir=_folder())  # without the prefix, names are no longer unique
    return Path(shutil.copy(source, Path(own_folder) / _PREFIXES.sub("", name)))


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Where the copies of this process lie; those of processes that were killed are removed."""
    begin = f"nemo_noise_language_models_{platform.node()}-"
    for left in Path(tempfile.gettempdir()).glob(f"{glob.escape(begin)}*"):
        process = left.name.removeprefix(begin).partition("_")[0]
        if process.isdigit() and not is_running(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{begin}{os.getpid()}_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


WRAPPERS = {
    "nemo.core.classes.modelPT:ModelPT.__init__": _initialise,
    "nemo.core.classes.modelPT:ModelPT.save_to": _save,
}
