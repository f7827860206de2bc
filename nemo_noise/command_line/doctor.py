# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise doctor`: whether this installation works, and the remedy of what does not."""

from typing import TYPE_CHECKING

import typer

from nemo_noise.command_line.arguments import Json, Verbose
from nemo_noise.command_line.session import session

if TYPE_CHECKING:
    from nemo_noise.installation import Check

BROKEN = 1


def doctor(as_json: Json = False, verbose: Verbose = False) -> None:
    """Check versions, the GPU, extras, known traps and what is changed in NeMo; each line has its remedy.

    Exit status: 0 all that is needed works, 1 something is broken. Half a minute, for NeMo's import.

    nemo-noise doctor
    """
    with session(as_json=as_json, verbose=verbose) as current:
        from nemo_noise import __version__
        from nemo_noise.installation import State, check_installation

        checks = check_installation()
        broken = [check for check in checks if check.state is State.BROKEN]
        verdict = (
            "everything that is needed works" if not broken else f"{len(broken)} broken, each with its remedy above"
        )
        lines = [f"nemo-noise {__version__}", *map(_line, _without_fine_changes(checks)), verdict]
        data = {"nemo_noise": __version__, "works": not broken, "checks": [check._asdict() for check in checks]}
        current.result("\n".join(lines), data)
    if broken:
        raise typer.Exit(BROKEN)


def _line(check: "Check") -> str:
    remedy = f"  ->  {check.remedy}" if check.remedy else ""
    return f"{check.state.value:<7} {check.what:<28} {check.found}{remedy}"


def _without_fine_changes(checks: "list[Check]") -> "list[Check]":
    """The checks with one line for all changes in NeMo that are in place."""
    from nemo_noise.installation import Check, State

    fine = [check for check in checks if check.what.startswith("change: ") and check.state is State.OK]
    if not fine:
        return checks
    place = checks.index(fine[0])
    others = [check for check in checks if check not in fine]
    return [*others[:place], Check("changes in NeMo", State.OK, f"{len(fine)} in place"), *others[place:]]
