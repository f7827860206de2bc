# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""States of an encoder layer by layer, for probes, other tasks and distillation: by frame or pooled."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["LayerFeatures", "layer_features", "pool_features"]


class LayerFeatures(NamedTuple):
    """``frames``: layer -> states [B, T, D], 0 beyond the lengths; ``length``: valid frames [B]."""

    frames: dict[int, Tensor]
    length: Tensor


def layer_features(
    model: nn.Module, signal: Tensor, length: Tensor, *, layers: Sequence[int] | None = None
) -> LayerFeatures:
    """Run the front end and the encoder of a model and keep the states of some layers.

    Works with every encoder that has ``layers`` and keeps the number of frames between them: wav2vec 2.0, Conformer,
    Mamba-2, LaCT, Whisper. The model is put in evaluation mode; no gradient is kept.

    Args:
        model: has ``preprocessor`` and ``encoder``: a recogniser or a model for pretraining.
        signal: samples [B, T].
        length: valid samples [B].
        layers: 0 for what enters the first layer, i for what leaves the i-th; all if not given. Negative ones count
            from the last.

    Returns:
        The states by the number of the layer.

    Raises:
        ValueError: if a layer does not exist.
    """
    encoder: Any = model.get_submodule("encoder")
    count = len(encoder.layers)
    chosen = list(range(count + 1)) if layers is None else [_numbered(layer, count) for layer in layers]
    frames: dict[int, Tensor] = {}

    def keep(number: int, value: Any) -> None:
        frames[number] = value[0] if isinstance(value, tuple) else value

    def keep_entering(_module: nn.Module, positional: Any, named: Any) -> None:
        keep(0, positional if positional else next(iter(named.values())))

    hooks = [encoder.layers[0].register_forward_pre_hook(keep_entering, with_kwargs=True)]
    for number, layer in enumerate(encoder.layers, start=1):
        hooks.append(layer.register_forward_hook(lambda _module, _inputs, output, n=number: keep(n, output)))
    model.eval()
    try:
        with torch.no_grad():
            features, feature_length = model.get_submodule("preprocessor")(input_signal=signal, length=length)
            _, encoded_length = encoder(audio_signal=features, length=feature_length)[:2]
    finally:
        for hook in hooks:
            hook.remove()
    valid = torch.arange(frames[count].shape[1], device=signal.device) < encoded_length[:, None]
    kept = {number: frames[number].masked_fill(~valid.unsqueeze(2), 0.0) for number in chosen}
    return LayerFeatures(kept, encoded_length)


def pool_features(features: LayerFeatures, statistics: Sequence[str] = ("mean",)) -> dict[int, Tensor]:
    """One vector for every utterance and layer.

    Args:
        features: as ``layer_features`` gives them.
        statistics: ``mean`` and ``std`` (population) over the valid frames, and ``max``, side by side in this order.

    Returns:
        Layer -> [B, D times the number of statistics].

    Raises:
        ValueError: if a statistic is unknown.
    """
    unknown = sorted(set(statistics) - {"mean", "std", "max"})
    if unknown or not statistics:
        raise ValueError(f"statistics={list(statistics)} must be some of 'mean', 'std' and 'max'.")
    return {number: _pooled(frames, features.length, statistics) for number, frames in features.frames.items()}


def _pooled(frames: Tensor, length: Tensor, statistics: Sequence[str]) -> Tensor:
    """Statistics of [B, T, D] over the valid frames, side by side."""
    valid = (torch.arange(frames.shape[1], device=frames.device) < length[:, None]).unsqueeze(2)  # [B, T, 1]
    count = length.clamp_min(1).unsqueeze(1)
    mean = frames.masked_fill(~valid, 0.0).sum(dim=1) / count  # [B, D]
    parts = []
    for statistic in statistics:
        if statistic == "mean":
            parts.append(mean)
        elif statistic == "std":
            centred = (frames - mean.unsqueeze(1)).masked_fill(~valid, 0.0)
            parts.append((centred.square().sum(dim=1) / count).sqrt())
        else:
            parts.append(frames.masked_fill(~valid, -torch.inf).amax(dim=1))
    return torch.cat(parts, dim=1)


def _numbered(layer: int, count: int) -> int:
    number = layer + count + 1 if layer < 0 else layer
    if not 0 <= number <= count:
        raise ValueError(f"layers has {layer}, but the encoder has layers 0 (what enters) to {count}.")
    return number
