# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise doctor`: versions, extras, devices, and whether this NeMo is as we need it."""

from importlib.metadata import PackageNotFoundError, version

from nemo_noise.command_line.arguments import Json, Verbose
from nemo_noise.command_line.session import session


def doctor(as_json: Json = False, verbose: Verbose = False) -> None:
    """Show versions, extras, the GPU, and what works with this NeMo."""
    with session(as_json=as_json, verbose=verbose) as current:
        from nemo_noise.nemo_patches.table import TABLE

        versions = {name: _version(name) for name in ("nemo-noise", "nemo_toolkit", "torch", "lightning")}
        changes = {change.what: change.is_installed() for change in TABLE}
        lines = [f"{name:<14} {found or 'not installed'}" for name, found in versions.items()]
        lines += [f"{'yes' if is_there else 'NO':<14} {what}" for what, is_there in changes.items()]
        current.result("\n".join(lines), {"versions": versions, "changes": changes})


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
