# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The sites of an encoder at which a fusion may act, and what fits there."""

from collections.abc import Mapping
from typing import NamedTuple

from nemo_noise.modules.context.contract import ContextEncoder, Layout
from nemo_noise.modules.fusion.contract import Fusion

__all__ = ["FEATURES_SITE", "OUTPUT_SITE", "PRE_ENCODE_SITE", "Sites"]

FEATURES_SITE = "features"
PRE_ENCODE_SITE = "pre_encode"
OUTPUT_SITE = "encoder_output"


class Sites(NamedTuple):
    """The sites of one encoder: its features, the subsampling, each of ``num_layers`` layers and its output."""

    num_layers: int
    feat_in: int
    d_model: int
    feat_out: int

    def check(self, fusion: Mapping[int | str, Fusion], context: ContextEncoder) -> None:
        """Refuse fusions that do not fit, naming the argument, its value and what would be right.

        Raises:
            ValueError: if a site does not exist or is there twice, or a fusion fits neither it nor the context.
        """
        names = [str(site) for site in fusion]
        repeated = sorted({site for site in names if names.count(site) > 1})
        if repeated:
            raise ValueError(
                f"fusion: the site {repeated[0]!r} is there as a number and as a text; give each site once."
            )
        for site, module in fusion.items():
            width = self._width(site)
            if module.d_model != width:
                raise ValueError(f"fusion.{site}.d_model={module.d_model} must be {width} at this site.")
            if module.reads_tokens and context.layout == Layout.FRAMES:
                raise ValueError(
                    f"fusion.{site}: {type(module).__name__} reads tokens, but {type(context).__name__} gives a "
                    "context for every frame; use a context of the utterance or of tokens."
                )
            if module.d_context != context.d_context:
                raise ValueError(
                    f"fusion.{site}.d_context={module.d_context} must equal context.d_context={context.d_context}."
                )

    def _width(self, site: int | str) -> int:
        named = {FEATURES_SITE: self.feat_in, PRE_ENCODE_SITE: self.d_model, OUTPUT_SITE: self.feat_out}
        if str(site) in named:
            return named[str(site)]
        if str(site).isdigit() and int(site) < self.num_layers:
            return self.d_model
        raise ValueError(
            f"fusion: the site {site!r} does not exist; use a layer from 0 to {self.num_layers - 1}, "
            f"'{PRE_ENCODE_SITE}', '{FEATURES_SITE}' or '{OUTPUT_SITE}'."
        )
