# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A state-space encoder: NeMo's Conformer with Mamba-2 mixers in place of attention, in all layers or in most.

Jiang et al., 2024 (ConMamba, arXiv 2407.09732): the convolution module and the two half feed-forwards stay.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from torch import nn

from nemo_noise.checks import choice
from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.mixers.encoder import MixerEncoder
from nemo_noise.modules.mixers.ssm.mixer import BidirectionalMamba2Mixer, Mamba2Mixer

__all__ = ["Direction", "SSMEncoder"]


class Direction(str, Enum):
    """What the mixers read: the past alone, for streams, or past and future, for whole utterances."""

    CAUSAL = "causal"
    BIDIRECTIONAL = "bidirectional"


class SSMEncoder(MixerEncoder):
    """NeMo's Conformer encoder with Mamba-2 mixers, and with a noise context if one is given.

    Args:
        direction: ``bidirectional`` (two mixers a layer, offline) or ``causal`` (one, for streams; what else that
            needs stands in ``MixerEncoder``).
        attention_every: every how many layers one keeps NeMo's attention, for example 4; None for no attention at all.
        d_state: as the further ones: see ``Mamba2Mixer``.
        mixer_conv_kernel_size: its ``conv_kernel_size``.
    """

    causal_choice = "direction='causal'"

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        feature_normalization: str | Mapping[str, float] | None = None,
        *,
        direction: Direction | str = Direction.BIDIRECTIONAL,
        attention_every: int | None = None,
        d_state: int = 64,
        expand: int = 2,
        head_dim: int = 64,
        n_groups: int = 1,
        mixer_conv_kernel_size: int = 4,
        chunk_size: int = 64,
        **conformer: Any,
    ) -> None:
        super().__init__(**conformer)
        self.direction = choice(Direction, direction, "direction")
        is_causal = self.direction is Direction.CAUSAL

        def mixer() -> Mamba2Mixer:
            return Mamba2Mixer(
                self.d_model,
                d_state=d_state,
                expand=expand,
                head_dim=head_dim,
                n_groups=n_groups,
                conv_kernel_size=mixer_conv_kernel_size,
                chunk_size=chunk_size,
            )

        def mixing() -> nn.Module:
            return mixer() if is_causal else BidirectionalMamba2Mixer(mixer(), mixer())

        self.replace_attention(mixing, is_causal=is_causal, attention_every=attention_every, conformer=conformer)
        self.add_noise_context(context, fusion, feature_normalization)
