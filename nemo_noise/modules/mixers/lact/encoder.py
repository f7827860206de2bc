# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A LaCT encoder: NeMo's Conformer with window attention and fast weights that learn from the utterance.

Zhang et al., 2025 ("Test-time training done right", arXiv 2505.23884) for the mixing; the Macaron feed-forwards and
the convolution module stay.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from torch import nn

from nemo_noise.modules.context.contract import ContextEncoder
from nemo_noise.modules.fusion.contract import Fusion
from nemo_noise.modules.mixers.encoder import MixerEncoder
from nemo_noise.modules.mixers.lact.fast_weights import UpdateRule
from nemo_noise.modules.mixers.lact.mixer import BidirectionalLaCTMixer, CausalLaCTMixer

__all__ = ["LaCTEncoder", "NoiseAwareLaCTEncoder", "Order"]


class Order(str, Enum):
    """When fast weights learn: from the whole utterance before they answer, or chunk by chunk after they answered."""

    BIDIRECTIONAL = "bidirectional"
    APPLY_THEN_UPDATE = "apply_then_update"


class LaCTEncoder(MixerEncoder):
    """NeMo's Conformer encoder with LaCT mixers, and with a noise context if one is given.

    Args:
        context: the context encoder, or None.
        fusion: site -> fusion; a layer's number, ``pre_encode`` or ``features``.
        feature_normalization: as in ``NoiseAwareConformerEncoder``.
        order: ``bidirectional`` (offline) or ``apply_then_update`` (causal, for streams; what else that needs stands
            in ``MixerEncoder``).
        window: frames that the attention sees; half of them before and half after, or all before.
        fast_chunk_size: frames after which the fast weights of a causal encoder learn; it must be shorter than the
            utterances.
        fast_heads: heads of the fast weights; ``n_heads`` are those of the attention.
        fast_hidden: hidden width of the network of one head.
        update_rule: ``muon`` (orthogonalised steps) or ``gradient``.
        muon_scale: multiplies an orthogonalised step.
        initial_rate: learning rate of every frame before training; about 0.5 with ``gradient``.
        uses_momentum: whether a step remembers the one before; for ``apply_then_update``.
        **conformer: arguments of NeMo's ``ConformerEncoder``; of those of its attention, ``n_heads`` and
            ``dropout_att`` are used.

    Raises:
        ValueError: if sizes do not fit, or a causal encoder would depend on the future.
    """

    causal_choice = "order='apply_then_update'"

    def __init__(
        self,
        context: ContextEncoder | None = None,
        fusion: Mapping[int | str, Fusion] | None = None,
        feature_normalization: str | Mapping[str, float] | None = None,
        *,
        order: Order | str = Order.BIDIRECTIONAL,
        window: int = 64,
        fast_chunk_size: int = 64,
        fast_heads: int = 4,
        fast_hidden: int = 384,
        update_rule: UpdateRule | str = UpdateRule.MUON,
        muon_scale: float = 1.0,
        initial_rate: float = 0.01,
        uses_momentum: bool = False,
        **conformer: Any,
    ) -> None:
        super().__init__(**conformer)
        self.order = _checked_order(order)
        is_causal = self.order is Order.APPLY_THEN_UPDATE
        parts = {
            "n_heads": conformer.get("n_heads", 4),
            "dropout": conformer.get("dropout_att", 0.0),
            "fast_heads": fast_heads,
            "fast_hidden": fast_hidden,
            "update_rule": update_rule,
            "muon_scale": muon_scale,
            "initial_rate": initial_rate,
            "uses_momentum": uses_momentum,
        }

        def mixer() -> nn.Module:
            if is_causal:
                return CausalLaCTMixer(self.d_model, window=window, chunk_size=fast_chunk_size, **parts)
            return BidirectionalLaCTMixer(self.d_model, window=window, **parts)

        self.replace_attention(mixer, is_causal=is_causal, attention_every=None, conformer=conformer)
        self.add_noise_context(context, fusion, feature_normalization)


NoiseAwareLaCTEncoder = LaCTEncoder  # its name in earlier versions where it had a noise context


def _checked_order(order: Order | str) -> Order:
    try:
        return Order(order)
    except ValueError:
        known = [member.value for member in Order]
        raise ValueError(f"order={order!r} is unknown; use one of {known}.") from None
