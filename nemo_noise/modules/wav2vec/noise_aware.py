# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""wav2vec 2.0 with a noise context, which reads a spectrogram while the encoder reads the samples."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nemo_noise.modules.context.contract import Context, ContextEncoder, Layout
from nemo_noise.modules.context.layers import valid_frames
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.seam.noise_aware import NoiseAwareMixin, SiteContexts
from nemo_noise.modules.seam.sites import FEATURES_SITE, PRE_ENCODE_SITE
from nemo_noise.modules.wav2vec.encoder import Wav2Vec2Encoder

__all__ = ["NoiseAwareWav2Vec2Encoder"]


class NoiseAwareWav2Vec2Encoder(NoiseAwareMixin, Wav2Vec2Encoder):
    """wav2vec 2.0 with a noise context that reads a spectrogram of the same samples, at their own level.

    Without ``context`` it is ``Wav2Vec2Encoder``; with it a plain checkpoint gives its old output, bit for bit, until
    training moves the fusions. Fusions act at ``pre_encode`` (on the projected frames) and after layers.

    Args:
        context: the context encoder.
        fusion: site -> fusion; a layer's number or ``pre_encode``.
        context_features: what the context encoder reads: from ``input_signal`` [B, T] and ``length`` [B] to features
            [B, D, T'] and their lengths. ``LogMelFeatures``, or NeMo's preprocessor where no ONNX is needed.
        **wav2vec2: arguments of ``Wav2Vec2Encoder``.

    Raises:
        ValueError: if the parts do not fit together.
    """

    reduction_position = None

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        context_features: nn.Module | None = None,
        **wav2vec2: Any,
    ) -> None:
        super().__init__(**wav2vec2)
        if (context is None) != (context_features is None):
            missing = "context" if context is None else "context_features"
            raise ValueError(f"The context needs features to read, and features a reader; {missing} is not given.")
        if FEATURES_SITE in {str(site) for site in fusion or {}}:
            raise ValueError(
                f"fusion: the site {FEATURES_SITE!r} does not exist where samples are read; use {PRE_ENCODE_SITE!r}, "
                f"or a layer from 0 to {len(self.layers) - 1}."
            )
        self.add_noise_context(context, fusion, None)
        self.context_features = context_features

    def _check_context(self, context: ContextEncoder) -> None:
        """A context that reads a spectrogram of its own width, and whole utterances."""
        if context.layout == Layout.FRAMES:
            raise ValueError(
                f"{type(context).__name__} gives a context for every frame, for streams; wav2vec 2.0 reads whole "
                "utterances: use one such as StatisticsContextEncoder."
            )

    def read_context(self, audio_signal: Tensor, length: Tensor) -> Context:
        """The context of whole utterances, from samples [B, 1, T] and how many are valid [B].

        Raises:
            ValueError: if the encoder has no context.
        """
        if self.context_features is None:
            raise ValueError("This encoder has no context encoder; build it with context, fusion, context_features.")
        signal = audio_signal[:, 0].masked_fill(~valid_frames(length, audio_signal.shape[2]), 0.0)
        features, frames = self.context_features(input_signal=signal, length=length)
        return super().read_context(features, frames)

    def encode(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the context once, then encode; shapes are the parent's."""
        if self.context_encoder is None:
            return super().encode(audio_signal, length)
        context, _ = self._read_chunk(audio_signal, length, None)
        self._site_contexts = SiteContexts(context, context)
        try:
            return super().encode(audio_signal, length)
        finally:
            self._site_contexts = None
