# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How a function of NeMo is wrapped, or a method of one object replaced; nothing else in the package does either."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from wrapt import wrap_function_wrapper

__all__ = ["PER_INSTANCE", "Wrapper", "exists", "is_wrapped", "replace_on", "replaced_on", "wrap"]

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
PER_INSTANCE = ("_one_step_forward", "_prepare_for_search", "decoding", "forward")  # each has its row in the table


def wrap(where: str, wrapper: Wrapper) -> None:
    """Wraps a function or method, `module:function` or `module:Class.method`; doing so again changes nothing."""
    if not is_wrapped(where, wrapper):
        module, _, name = where.partition(":")
        wrap_function_wrapper(module, name, wrapper)


def is_wrapped(where: str, wrapper: Wrapper) -> bool:
    """Whether `wrap` has been called so, and the function was not wrapped once more."""
    return getattr(_found(where), "_self_wrapper", None) is wrapper


def exists(where: str) -> bool:
    """Whether a module has such a function or method."""
    return _found(where) is not None


def replace_on(host: Any, name: str, replacement: Any) -> None:
    """Replaces a method or part of one object, one of `PER_INSTANCE` (else a ValueError); its class keeps its own."""
    if name not in PER_INSTANCE:
        raise ValueError(f"name: is {name!r}, expected one of {', '.join(PER_INSTANCE)}; give it a row in the table")
    setattr(host, name, replacement)


@contextmanager
def replaced_on(host: Any, name: str, replacement: Any) -> Iterator[None]:
    """As `replace_on`, inside the block alone."""
    is_own, own = name in vars(host), vars(host).get(name)
    replace_on(host, name, replacement)
    try:
        yield
    finally:
        if is_own:
            setattr(host, name, own)
        else:
            delattr(host, name)


def _found(where: str) -> Any:
    module, _, name = where.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
