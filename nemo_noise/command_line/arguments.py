# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and Hydra's `key=value` among the arguments."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["Device", "Json", "Overrides", "Verbose", "compose", "key_values", "split_overrides"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show what NeMo and Lightning write, instead of logging it.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps. Default: a GPU where there is one.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Any option of the config.")]

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@/]*(=|$)")


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
    known = [str(key) for key in OmegaConf.load(folder / f"{name}.yaml")]
    for override in overrides:
        if not _OVERRIDE.match(override) or "=" not in override:
            raise typer.BadParameter(
                f"{override!r} is neither an option nor key=value; several files are given by the same option again, "
                "or by a quoted pattern: '*.json'"
            )
        key = re.split(r"[=.@]", override.lstrip("+~"))[0]
        if key not in known and not override.startswith("+"):
            near = difflib.get_close_matches(key, known, 3) or known
            raise typer.BadParameter(f"{override!r} names no option; did you mean {', '.join(near)}?")
    try:
        with initialize_config_dir(str(folder), version_base=None):
            return compose_config(name, overrides=list(overrides))
    except HydraException as error:
        raise typer.BadParameter(f"{' '.join(overrides)}: {str(error).splitlines()[0]}") from error
