# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context added to a pretrained recogniser with a (Fast)Conformer encoder.

Only the encoder changes; the class stays NeMo's own, so NeMo's scripts, its export and Riva's schemas work.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise import modules
from nemo_noise.archive import read_config
from nemo_noise.recogniser.checkpoint import restore_with_added_parts
from nemo_noise.recogniser.output_settings import normalization_of
from nemo_noise.training.context_input import context_complaints

__all__ = ["add_noise_context"]

CONFORMER_TARGETS = (
    "nemo.collections.asr.modules.ConformerEncoder",
    "nemo.collections.asr.modules.conformer_encoder.ConformerEncoder",
)
NOISE_AWARE_TARGET = "nemo_noise.modules.NoiseAwareConformerEncoder"
STREAMABLE = (modules.CausalContextEncoder, modules.ConstantContextEncoder)
ADDED_PREFIXES = ("encoder.context_encoder.", "encoder.fusions.")


def add_noise_context(
    checkpoint: str | Path, encoder: Mapping[str, Any] | DictConfig, map_location: str = "cpu"
) -> ASRModel:
    """Restore a plain checkpoint with a noise context in its encoder; before training the output is unchanged.

    A warning names each input of the context that the result lacks (``nemo_noise.training.context_input``).

    Args:
        checkpoint: a `.nemo` file with a Conformer encoder; one that has a context takes further fusions.
        encoder: what is added to the encoder's config: `context`, `fusion` and, if the context has to see the level
            of the noise, `feature_normalization: per_feature`; the normalisation then moves from the preprocessor
            into the encoder. `feature_mean` and `feature_std` of a context follow the normalisation if left out.
        map_location: device of the restored model.

    Returns:
        The recogniser, of the class that the checkpoint names.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if its encoder is no Conformer or has a context already, its normalisation is another one, the
            context cannot stream as the encoder does, or its weights do not fit.
    """
    path = Path(checkpoint)
    noise_aware_config = _with_noise_context(read_config(path), encoder, path)
    model = restore_with_added_parts(
        path, noise_aware_config, added_prefixes=ADDED_PREFIXES, map_location=map_location
    )
    for complaint in context_complaints(model):
        logging.warning(complaint)
    return model


def _with_noise_context(config: DictConfig, encoder: Mapping[str, Any] | DictConfig, path: Path) -> DictConfig:
    target = config.encoder.get("_target_")
    if target not in (*CONFORMER_TARGETS, NOISE_AWARE_TARGET):
        raise ValueError(f"{path}: its encoder is {target}; a noise context can be added to {CONFORMER_TARGETS[0]}.")
    own, given = config.encoder.get("context"), encoder.get("context")
    if own is not None and given is not None:
        raise ValueError(
            f"context={given.get('_target_')!r}, but the encoder of {path} has a noise context already "
            f"({own.get('_target_')}): restore it as it is, or add the context to the plain checkpoint."
        )
    changed = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    with open_dict(changed):
        changed.encoder = OmegaConf.merge(changed.encoder, encoder, {"_target_": NOISE_AWARE_TARGET})
        if encoder.get("feature_normalization") is not None:
            _move_normalization(config, changed, path)
        if given is not None:
            _refuse_utterance_context_in_stream(config, given, path)
            _scale_context(changed)
    return changed


def _move_normalization(config: DictConfig, changed: DictConfig, path: Path) -> None:
    """Move the normalisation from the preprocessor into the encoder."""
    given = OmegaConf.to_container(OmegaConf.create({"given": changed.encoder.feature_normalization}))["given"]
    trained = normalization_of(config)
    if given != trained:
        can_move = trained in ("per_feature", "running") or isinstance(trained, Mapping)
        own = config.encoder.get("feature_normalization")
        where, value = "encoder.feature_normalization", own
        if own is None:
            where, value = "preprocessor.normalize", (config.get("preprocessor") or {}).get("normalize")
        raise ValueError(
            f"feature_normalization={given!r}, but {path} was trained with {where}={value!r}; "
            + (f"use feature_normalization: {trained}." if can_move else "leave feature_normalization out.")
        )
    changed.preprocessor.normalize = "NA"


def _refuse_utterance_context_in_stream(config: DictConfig, context: Mapping[str, Any], path: Path) -> None:
    kind = _context_class(context)
    needs_utterance = kind is not None and not issubclass(kind, STREAMABLE)
    if config.encoder.get("att_context_style") == "chunked_limited" and needs_utterance:
        raise ValueError(
            f"context={context.get('_target_')!r} needs the whole utterance, but the encoder of {path} streams "
            "(att_context_style=chunked_limited); use a causal context such as CausalStatisticsContextEncoder."
        )


def _scale_context(changed: DictConfig) -> None:
    """Give a context the scale of features that are not normalised, where its config leaves it out."""
    context, kind = changed.encoder.context, _context_class(changed.encoder.context)
    has_scale = kind is not None and "feature_mean" in inspect.signature(kind).parameters
    is_raw = (changed.get("preprocessor") or {}).get("normalize", "per_feature") in (None, "NA", False)
    if has_scale and is_raw and "feature_mean" not in context and "feature_std" not in context:
        context.feature_mean, context.feature_std = -8.0, 4.0


def _context_class(context: Mapping[str, Any]) -> type | None:
    """The class of a context of ours by its target; None for one of the user's."""
    room, _, name = str(context.get("_target_", "")).rpartition(".")
    kind = getattr(modules, name, None) if room.startswith("nemo_noise.modules") else None
    return kind if isinstance(kind, type) else None
