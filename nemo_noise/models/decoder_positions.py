# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A multi-task model whose loaders leave out transcripts that its decoder has no positions for."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from nemo_noise.data.manifests.long_transcripts import POSITIONS

__all__ = ["FittingTranscriptsMixin"]


class FittingTranscriptsMixin:
    """Gives the data of an ``EncDecMultiTaskModel`` the number of positions of its decoder; a seam of NeMo's model.

    Without it a transcript that is too long ends the training at its batch, and no error names the file.
    """

    default_positions = 512  # of NeMo's decoder

    def setup_training_data(self, train_data_config: DictConfig | None) -> None:
        """NeMo's, with the positions."""
        super().setup_training_data(self._with_positions(train_data_config))  # type: ignore[misc]

    def setup_validation_data(self, val_data_config: DictConfig | None) -> None:
        """NeMo's, with the positions."""
        super().setup_validation_data(self._with_positions(val_data_config))  # type: ignore[misc]

    def setup_test_data(self, test_data_config: DictConfig | None) -> None:
        """NeMo's, with the positions."""
        super().setup_test_data(self._with_positions(test_data_config))  # type: ignore[misc]

    def _with_positions(self, config: Any) -> Any:
        if config is None or POSITIONS in config:
            return config
        given = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else dict(config)
        return OmegaConf.create(given | {POSITIONS: self._positions()})

    def _positions(self) -> int:
        # NeMo sets up the data before it builds the decoder, so the config has them
        decoder = self.cfg.transf_decoder.get("config_dict") or {}  # type: ignore[attr-defined]
        return int(decoder.get("max_sequence_length") or self.default_positions)
