# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""All commands in one application, and what becomes of their errors."""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import typer

from nemo_noise.command_line.add import add
from nemo_noise.command_line.card import card
from nemo_noise.command_line.demo import demo
from nemo_noise.command_line.doctor import doctor
from nemo_noise.command_line.mix import mix
from nemo_noise.command_line.prepare import prepare
from nemo_noise.command_line.session import STOPPED, WRONG_INPUT
from nemo_noise.command_line.transcribe import transcribe
from nemo_noise.command_line.tune import tune
from nemo_noise.foreign_text import printable

__all__ = ["main"]

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # click's, which typer has a copy of
COMMANDS = (add, card, demo, doctor, mix, prepare, transcribe, tune)


def application() -> typer.Typer:
    """The application; a command is named as its function."""
    app = typer.Typer(
        name="nemo-noise",
        help="How noise-robust is my recogniser, and what makes it better?",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version)
    for command in COMMANDS:
        app.command()(command)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        from nemo_noise import __version__

        typer.echo(f"nemo-noise {__version__}")
        raise typer.Exit


def _version(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=_show_version, help="Show the version."),
) -> None:
    """Has the option alone."""


def main() -> None:
    """Runs the command that `sys.argv` names, and exits.

    Exit status: 0 fine; 1 a gate failed; 2 something given is wrong; 3 an error of the program; 130 stopped by Ctrl-C.
    """
    try:
        status = application()(prog_name="nemo-noise", args=sys.argv[1:], standalone_mode=False)
    except UsageError as error:
        _explain(error, as_json="--json" in sys.argv)
        status = WRONG_INPUT
    except typer.Abort:
        status = STOPPED
    sys.exit(status if isinstance(status, int) else 0)


def _explain(error: Any, *, as_json: bool) -> None:
    """Writes what is wrong with the words of a command line in one line, whatever the width of the terminal."""
    if type(error).__name__ == "NoArgsIsHelpError":
        text = "a command is missing"
        shown = error.format_message()
    else:
        text = printable(_what_is_wrong(error))
        names = [command.__name__ for command in COMMANDS if sys.argv[1:2] == [command.__name__]]
        shown = f"error: {text}\n       {' '.join(['nemo-noise', *names])} --help explains all options"
    typer.echo(shown, err=True)
    if as_json:
        typer.echo(json.dumps({"error": text, "type": "usage"}, indent=2, ensure_ascii=False))


def _what_is_wrong(error: Any) -> str:
    """The message, with the value that was given; what our commands raise names all of it."""
    text, parameter = str(error.message), getattr(error, "param", None)
    if isinstance(error, typer.BadParameter) and parameter is None:
        return text
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        return f"{str(parameter.name).upper()} is missing: {error.ctx.get_usage().partition(': ')[2]}"
    if (
        not isinstance(error, typer.BadParameter)
        or parameter is None
        or (value := _given(parameter.opts, sys.argv)) is None
    ):
        return str(error.format_message())
    name, should = parameter.opts[-1], text.removeprefix("Input ").partition(", unable")[0]
    return f"{name} is {value!r}, {should}"


def _given(names: Sequence[str], arguments: Sequence[str]) -> str | None:
    """The last value of an option among the arguments."""
    values = [after for name, after in pairwise(arguments) if name in names]
    values += [
        value for name, is_given, value in (one.partition("=") for one in arguments) if is_given and name in names
    ]
    return values[-1] if values else None
