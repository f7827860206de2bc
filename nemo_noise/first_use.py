# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""When we are registered with NeMo: with its ASR collection, or at the first checkpoint or configuration it builds.

`import nemo_noise` waits for either, so that it costs nothing. The second is for who imports `nemo.core` alone: a
checkpoint must not be restored before its door is there. NeMo is never imported in the middle of an import of its own.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from wrapt import register_post_import_hook, wrap_function_wrapper

__all__ = ["register_at_first_use"]

COLLECTION = "nemo.collections.asr.models"  # its models come last of all that we change
DOORS = {
    "nemo.core.classes.common": "Serialization.from_config_dict",
    "nemo.core.connectors.save_restore_connector": "SaveRestoreConnector.restore_from",
}


def register_at_first_use() -> None:
    """Waits for NeMo."""
    register_post_import_hook(lambda _: _install(), COLLECTION)
    for name, method in DOORS.items():
        register_post_import_hook(partial(_guard, where=method), name)


def _install() -> None:
    import_module("nemo_noise.nemo_patches.table").install()


def _guard(module: Any, where: str) -> None:
    wrap_function_wrapper(module, where, _first_use(where.rpartition(".")[2]))


def _first_use(name: str) -> Callable[..., Any]:
    is_installed = False

    def first_use(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal is_installed
        if is_installed:
            return wrapped(*args, **kwargs)
        is_installed = True
        import_module(COLLECTION)
        return getattr(instance, name)(*args, **kwargs)  # once more, by what stands there now

    return first_use
