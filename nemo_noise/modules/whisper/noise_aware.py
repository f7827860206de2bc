# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's encoder with a noise context, which reads the audio of the window and leaves the silence behind it out."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.seam.noise_aware import NoiseAwareMixin, SiteContexts
from nemo_noise.modules.seam.sites import FEATURES_SITE, OUTPUT_SITE, PRE_ENCODE_SITE
from nemo_noise.modules.whisper.encoder import WhisperEncoder

__all__ = ["NoiseAwareWhisperEncoder"]


class NoiseAwareWhisperEncoder(NoiseAwareMixin, WhisperEncoder):
    """Whisper's encoder with a noise context.

    Without ``context`` it is ``WhisperEncoder``; with it a plain checkpoint gives its old output, bit for bit, until
    training moves the fusions. Fusions act at ``features``, after layers and at ``encoder_output``.

    The encoder reads the whole window, silence included. The context reads the first ``length`` frames of it alone;
    ``WhisperFeatures(frame_count="audio")`` gives the frames of the audio.

    Args:
        context: the context encoder, or None for a plain encoder.
        fusion: site -> fusion, as in ``NoiseAwareMixin.add_noise_context``.
        **whisper: arguments of ``WhisperEncoder``.

    Raises:
        ValueError: if a site does not exist, a width does not fit, or one of context and fusion is missing.
    """

    reduction_position = None

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        **whisper: Any,
    ) -> None:
        super().__init__(**whisper)
        if PRE_ENCODE_SITE in {str(site) for site in fusion or {}}:
            raise ValueError(
                f"fusion: the site {PRE_ENCODE_SITE!r} does not exist in Whisper, whose positions come between; use "
                f"{FEATURES_SITE!r}, a layer from 0 to {len(self.layers) - 1}, or {OUTPUT_SITE!r}."
            )
        self.add_noise_context(context, fusion, None)

    def encode(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the context once, then encode; shapes are the parent's, ``length`` [B] is the context's."""
        if self.context_encoder is None:
            return super().encode(audio_signal, length)
        context, _ = self._read_chunk(audio_signal, length, None)
        self._site_contexts = SiteContexts(context, context)
        try:
            states, frames = super().encode(self._fuse_features(audio_signal, context), length)
        finally:
            self._site_contexts = None
        return self._fuse_output((states,), context)[0], frames
