# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which parameters of a recogniser adapt: named sets, or patterns of names."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from nemo_noise.modules.mixers.lact.mixer import FastWeightsStart
from nemo_noise.modules.mixers.ssm.mixer import GatedRMSNorm

__all__ = ["PARAMETER_SETS", "choose_parameters"]

NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm, GatedRMSNorm)
CONTEXT = ("encoder.context_encoder.", "encoder.fusions.")
PARAMETER_SETS = ("norms", "context", "fast_weights")


def choose_parameters(model: nn.Module, parameters: Sequence[str]) -> list[str]:
    """The names of the parameters that shall adapt.

    Args:
        model: the recogniser.
        parameters: ``norms`` (scale and shift of all norms in the encoder), ``context`` (noise context and fusions),
            ``fast_weights`` (the starts of LaCT's), or patterns of full names such as ``encoder.layers.0.*``.

    Returns:
        Names, in the model's order.

    Raises:
        ValueError: if one of them names no parameter.
    """
    names = [name for name, _ in model.named_parameters()]
    owners = {"norms": NORMS, "fast_weights": (FastWeightsStart,)}
    chosen: set[str] = set()
    for wanted in parameters:
        if wanted in owners:
            owned = [name for name, module in model.named_modules() if isinstance(module, owners[wanted])]
            found = {name for name in names if name.rpartition(".")[0] in owned and name.startswith("encoder.")}
        elif wanted == "context":
            found = {name for name in names if name.startswith(CONTEXT)}
        else:
            found = {name for name in names if fnmatchcase(name, wanted)}
        if not found:
            raise ValueError(
                f"parameters={wanted!r} names no parameter of this {type(model).__name__}; use one of "
                f"{list(PARAMETER_SETS)}, if the model has such, or a pattern like {names[0]!r}."
            )
        chosen |= found
    return [name for name in names if name in chosen]
