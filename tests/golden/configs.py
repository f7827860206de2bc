# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Our configs as a script gets them: all that a config refers to filled in, nothing of this machine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nemo_noise.configuration import config_directory
from nemo_noise.nemo_patches.registration import register_resolvers

STARTS_A_SCRIPT = re.compile(r"^(defaults|trainer|exp_manager|hydra|output_dir):", flags=re.MULTILINE)
OF_THE_MACHINE = ("nemo_noise.on_gpu", "nemo_noise.lightning_shares_out")


def locate(name: str) -> Path:
    """The file of a config; the one place to change when `conf/` is laid out in another way."""
    return config_directory() / f"{name}.yaml"


def names() -> list[str]:
    """Every config by its folder and name."""
    found = (path.relative_to(config_directory()) for path in config_directory().rglob("*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in found)


def recipes() -> list[str]:
    """Those that a script can be started with."""
    return [name for name in names() if STARTS_A_SCRIPT.search(locate(name).read_text(encoding="utf-8"))]


def parts() -> list[str]:
    """Those that others take in."""
    return sorted(set(names()) - set(recipes()))


def composed(name: str) -> str:
    """A recipe as YAML, keys in order, interpolations resolved; those of missing values stay as they are."""
    path = locate(name)
    with _machine_left_out(), initialize_config_dir(str(path.parent), version_base="1.1"):
        return OmegaConf.to_yaml(OmegaConf.create(_resolved(compose(path.stem))), sort_keys=True)


def content(name: str) -> Any:
    """A part as plain containers; interpolations refer to what takes it in, and stay."""
    return OmegaConf.to_container(OmegaConf.load(locate(name)), resolve=False)


def _resolved(node: DictConfig | ListConfig) -> Any:
    if isinstance(node, ListConfig):
        return [_value(node, index) for index in range(len(node))]
    return {key: _value(node, key) for key in node}


def _value(node: DictConfig | ListConfig, key: Any) -> Any:
    raw = OmegaConf.to_container(node, resolve=False)
    try:
        value = "???" if OmegaConf.is_missing(node, key) else node[key]
    except OmegaConfBaseException:  # of a missing value, or of Hydra's own settings
        value = raw[key]
    value = _resolved(value) if isinstance(value, DictConfig | ListConfig) else value
    return value.replace("${", "\\${") if isinstance(value, str) else value  # shown, not looked up


@contextmanager
def _machine_left_out() -> Iterator[None]:
    """Resolvers that ask the machine give their own names."""
    for resolver in OF_THE_MACHINE:
        answer = f"<{resolver}>"
        OmegaConf.register_new_resolver(resolver, lambda *_, answer=answer: answer, replace=True)
    try:
        yield
    finally:
        register_resolvers()
