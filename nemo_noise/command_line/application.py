# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""All commands in one application, and what becomes of their errors."""

import sys

import typer

from nemo_noise.command_line.add import add
from nemo_noise.command_line.card import card
from nemo_noise.command_line.demo import demo
from nemo_noise.command_line.doctor import doctor
from nemo_noise.command_line.mix import mix
from nemo_noise.command_line.prepare import prepare
from nemo_noise.command_line.transcribe import transcribe
from nemo_noise.command_line.tune import tune

__all__ = ["main"]

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


def _version(version: bool = typer.Option(False, "--version", is_eager=True, help="Show the version.")) -> None:
    if version:
        from nemo_noise import __version__

        typer.echo(f"nemo-noise {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs the command that `sys.argv` names, and exits.

    Exit status: 0 fine; 1 a gate failed; 2 something given is wrong; 3 an error of the program; 130 stopped by Ctrl-C.
    """
    application()(prog_name="nemo-noise", args=sys.argv[1:])
