# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and Hydra's `key=value` among the arguments."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = [
    "Device",
    "Json",
    "Overrides",
    "Verbose",
    "check_folder",
    "compose",
    "key_values",
    "listed",
    "split_overrides",
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show what NeMo and Lightning write, instead of logging it.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps. Default: a GPU where there is one.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Any option of the config.")]

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@/]*(=|$)")


def check_folder(option: str, folder: Path) -> None:
    """Refuse a folder that cannot be made or written.

    Raises:
        typer.BadParameter: names the option.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        should = "give a folder that can be written"
        raise typer.BadParameter(f"{option} is {str(folder)!r} ({error.strerror}): {should}") from error


def listed(text: str) -> list[str]:
    """The parts of an option such as `a,b`."""
    return [one.strip() for one in text.split(",") if one.strip()]


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files and overrides among the arguments; an existing file is a file, whatever its name."""
    overrides = [each for each in arguments if not Path(each).exists() and "=" in each and _OVERRIDE.match(each)]
    return [each for each in arguments if each not in overrides], overrides


def key_values(arguments: Sequence[str], option: str) -> dict[str, Any]:
    """Values of `key=value`, each written as in YAML: numbers, true, [lists].

    Raises:
        typer.BadParameter: an argument is none, or a key is given twice; `option` names it.
    """
    import yaml

    values: dict[str, Any] = {}
    for argument in arguments:
        key, is_given, value = argument.partition("=")
        if not is_given or not key.strip() or key in values:
            raise typer.BadParameter(f"{option} {argument!r} should be key=value, each key once, as in num_beams=4")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise typer.BadParameter(f"{option} {argument!r}: {value!r} is no value ({error})") from error
    return values


def compose(name: str, overrides: Sequence[str]) -> "DictConfig":
    """A config of `conf/scripts` with overrides in Hydra's grammar.

    Raises:
        typer.BadParameter: an override is none, or names no option; proposes the nearest.
    """
    from hydra import compose as compose_config
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    from nemo_noise.configuration import config_directory

    folder = config_directory() / "scripts"
    config = OmegaConf.load(folder / f"{name}.yaml")
    for override in overrides:
        if not _OVERRIDE.match(override) or "=" not in override:
            raise typer.BadParameter(
                f"{override!r} is neither an option nor key=value; several files are given by the same option again, "
                "or by a quoted pattern: '*.json'"
            )
        if not override.startswith("+"):
            _check_key(override, config)
    try:
        with initialize_config_dir(str(folder), version_base=None):
            return compose_config(name, overrides=list(overrides))
    except HydraException as error:
        should = "should be key=value, in quotes where brackets or spaces are, as in 'snr_db=[clean,10]'"
        raise typer.BadParameter(f"{' '.join(overrides)}: {str(error).splitlines()[0]}; {should}") from error


def _options_of(config: Any) -> list[str]:
    """What may stand first in an override: keys, groups of the defaults that may be chosen, and where they are put."""
    names = [str(key) for key in config if key != "defaults"]
    for entry in config.get("defaults", []):
        chosen = [] if isinstance(entry, str) else [str(group) for group in entry]
        for group in [entry] if isinstance(entry, str) else chosen:
            path, at, package = group.partition("@")
            names += [path.strip("/")] if chosen else []
            names += [package] if at else []
    return names


def _check_key(override: str, config: Any) -> None:
    """Refuse an override of what is not there; names the nearest keys of its block."""
    from omegaconf import OmegaConf

    path, block = re.split(r"[=@]", override.lstrip("+~"), maxsplit=1)[0].split("."), config
    for depth, key in enumerate(path):
        known = [str(name) for name in block] if depth else _options_of(config)
        if key not in known:
            near = [".".join([*path[:depth], one]) for one in difflib.get_close_matches(key, known, 3) or known]
            raise typer.BadParameter(f"{override!r} names no option; did you mean {', '.join(near)}?")
        block = OmegaConf.select(block, key, default=None) if key in block else None
        if not OmegaConf.is_dict(block):
            return  # what is below a value, Hydra refuses
