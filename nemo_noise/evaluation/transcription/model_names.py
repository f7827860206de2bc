# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The names under which tables show a model and its baseline."""

from pathlib import Path

from nemo_noise.foreign_text import printable
from nemo_noise.inference.systems import shown_name

__all__ = ["name_models"]


def name_models(
    model: str, baseline: str | None, *, model_name: str | None, baseline_name: str | None
) -> dict[str, str]:
    """Name one or two systems for tables: by the given names, else by their files, with the folder where those agree.

    Args:
        model: file, folder or pretrained name of the model.
        baseline: the same of the baseline, None for none.
        model_name: name to show, None to take the file's.
        baseline_name: the same for the baseline.

    Returns:
        Path by name, the model first.

    Raises:
        ValueError: both names are equal.
    """
    if baseline is None:
        return {printable(model_name or shown_name(model)): model}
    stems = [shown_name(name) for name in (model, baseline)]
    if stems[0] == stems[1]:
        stems = [f"{Path(name).absolute().parent.name}/{shown_name(name)}" for name in (model, baseline)]
    names = printable(model_name or stems[0]), printable(baseline_name or stems[1])
    if names[0] == names[1]:
        raise ValueError(f"model and baseline are both named {names[0]!r}: set model_name or baseline_name")
    return {names[0]: model, names[1]: baseline}
