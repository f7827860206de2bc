# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Lets every Hydra application of NeMo find our configs, and every NeMo ASR application our classes."""

import importlib
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from wrapt import register_post_import_hook

# Hydra imports its plugins in every application of the environment. One that has nothing to do with NeMo must not pay
# for NeMo's import, so ours waits until, and unless, NeMo's ASR collection is there: its models come last of all that
# we change, so that nothing of NeMo is half imported when they are there.
register_post_import_hook(lambda _: importlib.import_module("nemo_noise"), "nemo.collections.asr.models")


_MOVED = {"ablations": "../experiments"}  # the folders evaluation, inference and corpora are now one


class NemoNoiseSearchPathPlugin(SearchPathPlugin):
    """Appends our recipes and parts to the search path, after the application's own configs."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Adds our folders; see `nemo_noise.configuration` for the two places where they can be.

        Applications that have imported neither NeMo nor us do not get them: groups named `training` or `noise` would
        be guests there (docs/decisions/011).

        Raises:
            FileNotFoundError: if the application names a folder that was moved; names the new one.
        """
        if not {"nemo", "nemo_noise"} & set(sys.modules):
            return
        spec = find_spec("nemo_noise")  # finds the package without running it
        if spec is None or spec.origin is None:
            return
        package = Path(spec.origin).parent
        for candidate in (package / "conf", package.parent / "conf"):
            if candidate.is_dir():
                for entry in search_path.get_path():
                    _refuse_moved(str(entry.path).removeprefix("file://"), candidate)
                for kind in ("recipes", "parts"):
                    search_path.append(provider="nemo_noise", path=f"file://{candidate / kind}")
                return


def _refuse_moved(asked: str, configs: Path) -> None:
    """Names the new place of a folder of an earlier version (`conf/fastconformer`)."""
    path = Path(asked)
    if path.exists() or path.parent.resolve() != configs.resolve():
        return
    found = sorted(configs.glob(f"*/{path.name}")) or [configs / _MOVED.get(path.name, "scripts")]
    raise FileNotFoundError(f"--config-path: {path} is not there any more; its configs are in {found[0]}")


def trainer_callbacks() -> list[Any]:
    """The callbacks that every Lightning trainer gets from us, by entry point, once we are registered with NeMo.

    The hook above does so with NeMo's ASR collection: every trainer of such a process gets them. Where nothing of ours
    is in use they do nothing, so Lightning's line about them is left out. In other processes there are none, and
    nothing is imported.

    It stands here because an entry point imports the package it stands in, and ours imports NeMo.
    """
    if "nemo_noise.nemo_patches.table" not in sys.modules:
        return []
    logging.getLogger("lightning.fabric.utilities.registry").addFilter(_is_not_about_us)
    return importlib.import_module("nemo_noise.training.epoch").trainer_callbacks()


def _is_not_about_us(record: logging.LogRecord) -> bool:
    return "entry point 'nemo_noise'" not in record.getMessage()
