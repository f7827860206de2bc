# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context for a pretrained recogniser: any NeMo ASR checkpoint whose encoder is a (Fast)Conformer.

The recogniser's class stays NeMo's own (CTC, transducer, hybrid, AED); only its encoder changes. So NeMo's scripts,
export and Riva's schemas keep working.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel

from nemo_noise.archive import read_config
from nemo_noise.models.warm_start import restore_with_added_parts

__all__ = ["add_noise_context"]

CONFORMER_TARGETS = (
    "nemo.collections.asr.modules.ConformerEncoder",
    "nemo.collections.asr.modules.conformer_encoder.ConformerEncoder",
)
NOISE_AWARE_TARGET = "nemo_noise.modules.NoiseAwareConformerEncoder"
ADDED_PREFIXES = ("encoder.context_encoder.", "encoder.fusions.")


def add_noise_context(
    checkpoint: str | Path, encoder: Mapping[str, Any] | DictConfig, map_location: str = "cpu"
) -> ASRModel:
    """Restore a plain checkpoint with a noise context in its encoder; before training the output is unchanged.

    Args:
        checkpoint: a `.nemo` file with a Conformer encoder.
        encoder: what is added to the encoder's config: `context`, `fusion` and, if the context shall hear the level
            of the noise, `feature_normalization: per_feature`; the normalisation then moves from the preprocessor
            into the encoder.
        map_location: device of the restored model.

    Returns:
        The recogniser, of the class that the checkpoint names.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if its encoder is no Conformer, its normalisation is another one, or its weights do not fit.
    """
    path = Path(checkpoint)
    noise_aware_config = _with_noise_context(read_config(path), encoder, path)
    return restore_with_added_parts(path, noise_aware_config, ADDED_PREFIXES, map_location)


def _with_noise_context(config: DictConfig, encoder: Mapping[str, Any] | DictConfig, path: Path) -> DictConfig:
    """The config of the checkpoint with the noise-aware encoder in place of the plain one."""
    target = config.encoder.get("_target_")
    if target not in (*CONFORMER_TARGETS, NOISE_AWARE_TARGET):
        raise ValueError(f"{path}: its encoder is {target}; a noise context can be added to {CONFORMER_TARGETS[0]}.")
    changed = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    with open_dict(changed):
        changed.encoder = OmegaConf.merge(changed.encoder, encoder, {"_target_": NOISE_AWARE_TARGET})
        normalization = changed.encoder.get("feature_normalization")
        if normalization is not None and config.preprocessor.get("normalize") != normalization:
            raise ValueError(
                f"feature_normalization={normalization!r}, but {path} was trained with preprocessor.normalize="
                f"{config.preprocessor.get('normalize')!r}; leave feature_normalization out."
            )
        if normalization is not None:
            changed.preprocessor.normalize = "NA"
    return changed
