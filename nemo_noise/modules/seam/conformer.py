# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's Conformer with a noise context, with and without adapters."""

from collections.abc import Mapping
from typing import Any

from nemo.collections.asr.modules.conformer_encoder import ConformerEncoder, ConformerEncoderAdapter
from nemo.core.classes.mixins import adapter_mixins

from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.seam.noise_aware import NoiseAwareMixin

__all__ = ["NoiseAwareConformerEncoder", "NoiseAwareConformerEncoderAdapter"]


class NoiseAwareConformerEncoder(NoiseAwareMixin, ConformerEncoder):
    """NeMo's (Fast)Conformer encoder with a noise context.

    Without ``context`` it is NeMo's encoder; with it, a plain checkpoint gives its old output, bit for bit, until
    training moves the fusions. Inputs and outputs, ONNX graph inputs included, are the parent's.

    Args:
        context: the context encoder.
        fusion: site -> fusion; a layer's number, ``pre_encode``, ``features`` or ``encoder_output``.
        feature_normalization: ``per_feature`` to normalise here instead of in the preprocessor (``normalize: NA``),
            so that the context reads the level of the noise; for streaming, ``running`` to normalise by the moments
            so far, or ``{mean, std}`` to scale all bands by two fixed numbers; None if the preprocessor does it or
            nothing does.
        **conformer: arguments of NeMo's ``ConformerEncoder``.

    Raises:
        ValueError: if the parts do not fit together.
    """

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        feature_normalization: str | Mapping[str, float] | None = None,
        **conformer: Any,
    ) -> None:
        super().__init__(**conformer)
        self.add_noise_context(context, fusion, feature_normalization)


class NoiseAwareConformerEncoderAdapter(NoiseAwareConformerEncoder, ConformerEncoderAdapter):
    """The same encoder when NeMo adapters are added to it."""

    __module__ = "nemo_noise.modules"  # NeMo writes the path into checkpoints: the public one


if adapter_mixins.get_registered_adapter(NoiseAwareConformerEncoder) is None:
    adapter_mixins.register_adapter(
        base_class=NoiseAwareConformerEncoder, adapter_class=NoiseAwareConformerEncoderAdapter
    )
