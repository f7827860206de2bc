# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The input of a noise context: features at their own level, in the scale that its network expects."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from nemo.core.classes import Serialization
from nemo.utils import logging

from nemo_noise.modules import CausalContextEncoder, ConstantContextEncoder, ContextEncoder
from nemo_noise.modules.context.observed import FeatureScale
from nemo_noise.modules.seam.noise_aware import NoiseAwareMixin

__all__ = ["ContextInputCheck", "context_complaints"]

NOT_NORMALISED = (None, "NA", False)


class ContextInputCheck(Callback, Serialization):
    """Warns before a training whose context cannot read what it is there for; every trainer has one, by entry point.

    A warning and no error: such a model computes what its config asks for, and checkpoints of such models exist.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs every complaint, once."""
        for complaint in context_complaints(pl_module):
            logging.warning(complaint)


def context_complaints(model: nn.Module) -> list[str]:
    """What keeps the noise contexts of a model from working, each with its remedy; none if all is well."""
    encoder: Any = getattr(model, "encoder", None)
    controls = [part for part in model.modules() if isinstance(part, ConstantContextEncoder)]
    in_controls = {id(part) for control in controls for part in control.modules()}
    contexts = [part for part in model.modules() if isinstance(part, ContextEncoder) and id(part) not in in_controls]
    if not contexts or getattr(encoder, "context_features", None) is not None:  # those are made for the context
        return []
    featurizer: Any = getattr(getattr(model, "preprocessor", None), "featurizer", None)
    if not hasattr(featurizer, "normalize"):
        return _streaming(encoder)
    if featurizer.normalize in NOT_NORMALISED:
        return [*_scale(contexts), *_streaming(encoder)]
    return [_normalization(featurizer.normalize, encoder), *_streaming(encoder)]


def _normalization(in_preprocessor: Any, encoder: Any) -> str:
    in_encoder = getattr(encoder, "feature_normalization", None)
    twice = f" and encoder.feature_normalization={in_encoder!r} does so again" if in_encoder is not None else ""
    return (
        f"encoder.context: the preprocessor normalises the features (normalize={in_preprocessor!r}){twice}, so the "
        "context cannot read the level and the colour of the noise. Set model.preprocessor.normalize=NA and "
        "model.encoder.feature_normalization=per_feature (the recogniser then reads the same numbers; running in a "
        "stream), with context.feature_mean=-8.0 and context.feature_std=4.0 where the context has them."
    )


def _scale(contexts: list[ContextEncoder]) -> list[str]:
    scales = {type(context).__name__: getattr(context, "scale", None) for context in contexts}
    return [
        f"encoder.context: feature_mean=0 and feature_std=1, but {name} reads features that are not normalised, "
        "around -8: its network expects numbers around 1. Set context.feature_mean=-8.0 and context.feature_std=4.0."
        for name, scale in scales.items()
        if isinstance(scale, FeatureScale) and scale.mean == 0.0 and scale.std == 1.0
    ]


def _streaming(encoder: Any) -> list[str]:
    if not isinstance(encoder, NoiseAwareMixin):
        return []
    context = encoder.context_encoder
    is_streaming = getattr(encoder, "att_context_style", None) == "chunked_limited"
    if context is None or not is_streaming or isinstance(context, (CausalContextEncoder, ConstantContextEncoder)):
        return []
    return [
        f"encoder.context: {type(context).__name__} needs the whole utterance, so this encoder "
        "(att_context_style=chunked_limited) cannot stream with it. Use a causal context, such as "
        "CausalStatisticsContextEncoder (context@model.encoder.context=causal_statistics)."
    ]
