# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A state-space encoder: NeMo's Conformer with Mamba-2 mixers in place of attention, in all layers or in most.

Jiang et al., 2024 (ConMamba, arXiv 2407.09732): the convolution module and the two half feed-forwards stay.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from torch import nn

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
        context: the context encoder, or None.
        fusion: site -> fusion; a layer's number, ``pre_encode`` or ``features``.
        feature_normalization: as in ``NoiseAwareConformerEncoder``.
        direction: ``bidirectional`` (two mixers a layer, offline) or ``causal`` (one, for streams; what else that
            needs stands in ``MixerEncoder``).
        attention_every: every how many layers one keeps NeMo's attention, for example 4; None for no attention at all.
        d_state: size of the state of one channel.
        expand: inner width of a mixer over ``d_model``.
        head_dim: channels that share a decay.
        n_groups: sets of input and output vectors that the heads of a mixer share.
        mixer_conv_kernel_size: frames of the small convolution inside a mixer.
        chunk_size: frames that a mixer computes as one matrix; speed only.
        **conformer: arguments of NeMo's ``ConformerEncoder``.

    Raises:
        ValueError: if sizes do not fit, or a causal encoder would depend on the future.
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
        self.direction = _checked_direction(direction)
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


def _checked_direction(direction: Direction | str) -> Direction:
    try:
        return Direction(direction)
    except ValueError:
        known = [member.value for member in Direction]
        raise ValueError(f"direction={direction!r} is unknown; use one of {known}.") from None
