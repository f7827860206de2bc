# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of a recogniser that change its output and no weight, read from its config: normalisation before all."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

__all__ = ["different_settings", "normalization_of"]

NONE = (None, "NA", "na", "", False)
TRAINING_ALONE = ("dropout", "stochastic_depth", "dither", "pad_to", "layer_drop", "mask_", "feature_grad_mult")
APART = (
    "_target_",
    "feature_normalization",
    "normalize",
    "sync_max_audio_length",
    "pos_emb_max_len",
    "feat_in",
)


def normalization_of(config: DictConfig) -> Any:
    """How features are normalised before the layers of the encoder read them, by a model's config.

    Returns:
        ``per_feature``, ``running``, ``{mean, std}`` or another of NeMo's, ``none``, or None where the preprocessor
        has no such setting.
    """
    preprocessor, encoder = config.get("preprocessor") or {}, config.get("encoder") or {}
    in_encoder = encoder.get("feature_normalization")
    if in_encoder is not None:
        return OmegaConf.to_container(in_encoder) if OmegaConf.is_config(in_encoder) else in_encoder
    target = str(preprocessor.get("_target_", ""))
    if "normalize" not in preprocessor and not target.endswith("MelSpectrogramPreprocessor"):
        return None
    normalize = preprocessor.get("normalize", "per_feature")  # NeMo's default
    return "none" if normalize in NONE else normalize


def different_settings(checkpoint: DictConfig, recipe: DictConfig) -> list[str]:
    """A clause, with both values, for each setting of preprocessor and encoder that two configs have and that differs.

    Settings that act in training alone are left out.
    """
    clauses = []
    for part in ("preprocessor", "encoder"):
        theirs, ours = checkpoint.get(part) or {}, recipe.get(part) or {}
        for name in theirs:
            skipped = name in APART or str(name).startswith(TRAINING_ALONE)
            if skipped or name not in ours or isinstance(theirs[name], Mapping | DictConfig):
                continue
            if theirs[name] != ours[name]:
                clauses.append(f"model.{part}.{name} is {theirs[name]} in the checkpoint and {ours[name]} here")
    return clauses
