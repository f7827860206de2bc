# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration of a foreign checkpoint, read, resolved and checked before anything is built from it."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nemo_noise.archive.allowed_targets import refusal_of
from nemo_noise.archive.class_paths import public_paths
from nemo_noise.foreign_text import printable

__all__ = ["TRUST", "check_targets", "checked_config", "largest_numbers"]

TRUST = "NEMO_NOISE_TRUST_CHECKPOINTS=1"
REMEDY = f"If you trust who made the file, set {TRUST}: it may then run any program as you"
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_REFERENCES = 200  # each may lead to the next: their number, squared, is time
MAX_REFERENCE = 256  # characters
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_PLAIN_TAGS = {None, "!", *(f"{_YAML}{name}" for name in ("bool", "float", "int", "map", "null", "seq", "str"))}
_TARGET_KEYS = ("_target_", "target", "cls")  # Hydra 1, NeMo's models, Hydra 0
_NODE = re.compile(r"\$\{\.*[A-Za-z_]\w*(?:\.\w+|\[\w+\])*\}")  # ${model.encoder.d_model}: another place in the file
# Blocks of NeMo that write traces and snapshots, the first as soon as the model is built.
_PROFILES = ("chakra_profile", "memory_profile", "nsys_profile")
_OF_THE_SYSTEM = ("/dev/", "/proc/", "/sys/")  # files without an end, or with the environment in them
_PACKED = re.compile(r"nemo:[^/\\\x00]+")
# Names that NeMo gives to transformers' AutoTokenizer; another one would be a folder, or a repository to fetch.
_TOKENIZER_NAMES = {None, "bert-base-cased", "bert-base-uncased", "bert-base-multilingual-cased"}
# Sizes that are allocated outside of torch, or stand for time: lowest, highest.
_RANGES = {
    "sample_rate": (1_000, 768_000),
    "n_fft": (1, 2**16),
    "features": (1, 512),
    "nfilt": (1, 512),
    "window_size": (0, 0.25),
    "window_stride": (0, 0.25),
    "n_window_size": (1, 2**16),
    "n_window_stride": (1, 2**16),
    "frame_splicing": (1, 64),
    "pad_to": (0, 2**16),
}


def checked_config(text: str, where: str) -> DictConfig:
    """Read a configuration that may come from anybody; what was checked is what is built.

    It comes back with every interpolation resolved and our classes by their public paths. ``where`` names the file.

    Raises:
        ValueError: if it is no YAML of plain values, holds aliases, is nested too deep, refers outside of itself (the
            environment, a resolver), or names a target that is not allowed, a file outside of the archive, or a size
            that no recogniser has. The message names the key.
    """
    _check_structure(text, where)
    plain = _parsed(text, where, lambda text: yaml.load(text, Loader=_SAFE_LOADER))  # noqa: S506  it is a safe one
    if not isinstance(plain, dict):
        raise ValueError(f"{where}: the configuration is a {type(plain).__name__}; it must be a mapping.")
    config = _parsed(text, where, OmegaConf.create)
    _check_references(OmegaConf.to_container(config, resolve=False), where)
    try:
        _count(config, where)
        resolved: Any = OmegaConf.to_container(config, resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        raise ValueError(f"{where}: the configuration cannot be resolved ({printable(error, 300)}).") from error
    if "model" in resolved:  # a recipe: NeMo builds this part of it
        resolved = resolved["model"]
        if not isinstance(resolved, dict):
            raise ValueError(f"{where}: model is a {type(resolved).__name__}; it must be a mapping.")
    resolved = public_paths(resolved)
    check_targets(resolved, where)
    for key, value in _leaves(resolved):
        _check_value(key, value, where)
    return OmegaConf.create(resolved)


def _parsed(text: str, where: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{where}: the configuration is no plain YAML ({printable(error, 300)}).") from error


def check_targets(config: Any, where: str) -> None:
    """Refuse a configuration that would build, call or fetch something else than parts of a recogniser.

    Raises:
        ValueError: naming key, target, reason and remedy.
    """
    for key, value in _nodes(config):
        name = key.rsplit(".", 1)[-1]
        reason = None
        if name in _TARGET_KEYS and isinstance(value, str) and (name == "_target_" or "." not in key or "." in value):
            reason = refusal_of(value)
        elif name == "_target_" and not isinstance(value, str | None):
            reason = "is no text"
        elif name == "trust_remote_code" and value not in (False, None):
            reason = "runs the Python of whoever made the tokenizer"
        elif name == "pretrained_model_name" and (not isinstance(value, str | None) or value not in _TOKENIZER_NAMES):
            reason = "would be fetched, or read from a folder outside of the archive"
        elif name in _PROFILES and isinstance(value, dict) and value.get("enabled"):
            reason = "writes files on this machine"
        if reason:
            raise ValueError(f"{where}: {printable(key)}={printable(value, 120)} {printable(reason, 200)}. {REMEDY}.")


def largest_numbers(config: Any, count: int = 3) -> str:
    """The largest whole numbers of a configuration with their keys, for messages."""
    numbers = [
        (value, key) for key, value in _leaves(config) if isinstance(value, int) and not isinstance(value, bool)
    ]
    return ", ".join(f"{printable(key)}={value}" for value, key in sorted(numbers, reverse=True)[:count])


def _check_structure(text: str, where: str) -> None:
    """Refuse aliases, tags and depth by the events of the parser, which build nothing."""
    depth = nodes = 0
    try:
        for event in yaml.parse(text, Loader=_SAFE_LOADER):
            nodes += 1
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1
                raise ValueError(
                    f"{where}: line {line} of the configuration is an alias, *{printable(event.anchor, 40)}; none is "
                    "allowed."
                )
            if getattr(event, "tag", None) not in _PLAIN_TAGS:  # !!pairs are tuples, !!python is a program
                line = event.start_mark.line + 1
                raise ValueError(
                    f"{where}: line {line} of the configuration has the tag {printable(event.tag, 60)}; it is no "
                    "plain YAML."
                )
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                raise ValueError(
                    f"{where}: the configuration is deeper than {MAX_DEPTH} levels or has more than {MAX_NODES} nodes."
                )
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: the configuration is no YAML ({printable(error, 300)}).") from error


def _check_references(config: Any, where: str) -> None:
    """Allow references within the file alone; NeMo resolves an escaped one once it saves it again."""
    references = 0
    for key, value in _leaves(config):
        if not isinstance(value, str) or "${" not in value:
            continue
        references += 1
        if len(value) > MAX_REFERENCE or "${" in _NODE.sub("", value, count=1):
            raise ValueError(
                f"{where}: {printable(key)}={printable(value, 120)} asks for something outside of the file, such as "
                "the environment, or for several things; only a single reference such as ${encoder.d_model} is "
                f"resolved. {REMEDY}."
            )
        if references > MAX_REFERENCES:
            raise ValueError(f"{where}: the configuration has more than {MAX_REFERENCES} references. {REMEDY}.")


def _count(node: DictConfig | ListConfig, where: str, nodes: int = 0) -> int:
    """Count the values of a configuration with references followed; references to references may multiply."""
    keys = node.keys() if isinstance(node, DictConfig) else range(len(node))
    for key in keys:
        value = None if OmegaConf.is_missing(node, key) else node[key]
        if not isinstance(value, DictConfig | ListConfig):
            nodes += 1
        elif not OmegaConf.is_interpolation(node, key):
            nodes = _count(value, where, nodes)
        else:
            block = list(_nodes(OmegaConf.to_container(value, resolve=False)))
            nodes += len(block)
            if nodes > MAX_NODES or any(isinstance(leaf, str) and "${" in leaf for _, leaf in block):
                raise ValueError(f"{where}: {printable(key)} refers to a block with references, or to one too large.")
    return nodes


def _check_value(key: str, value: Any, where: str) -> None:
    if (
        isinstance(value, str)
        and value.startswith("nemo:")
        and (not _PACKED.fullmatch(value) or value[5:] in (".", ".."))
    ):
        raise ValueError(
            f"{where}: {printable(key)}={printable(value, 120)} must be nemo: and a plain name of a member."
        )
    if isinstance(value, str) and "/" in value and _is_of_the_system(value):
        raise ValueError(
            f"{where}: {printable(key)}={printable(value, 120)} is a device, a pipe or a file of the system. {REMEDY}."
        )
    lowest, highest = _RANGES.get(key.rsplit(".", 1)[-1], (None, None))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and lowest is not None and highest is not None and not lowest <= value <= highest:
        raise ValueError(f"{where}: {printable(key)}={value} must be from {lowest} to {highest}. {REMEDY}.")


def _is_of_the_system(value: str) -> bool:
    """Whether a text is the path of something that is no plain file: reading it hangs, or gives secrets away."""
    if len(value) > 4096 or "\0" in value:
        return False
    path = Path(os.path.realpath(value))
    if str(path) == os.devnull or str(path).startswith("/dev/shm/"):  # noqa: S108  manifests may lie there
        return False
    return str(path).startswith(_OF_THE_SYSTEM) or (os.access(path, os.F_OK) and not (path.is_file() or path.is_dir()))


def _leaves(config: Any) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in _nodes(config) if not isinstance(value, dict | list))


def _nodes(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    yield key, node
    named = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in named:
        yield from _nodes(child, f"{key}.{name}" if key else str(name))
