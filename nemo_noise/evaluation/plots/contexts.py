# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a noise context at work: the features it reads, its values, and what the recogniser makes of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.figure_file import save_figure
from nemo_noise.modules import attention_maps, noise_context_of
from nemo_noise.modules.context.contract import Layout
from nemo_noise.recogniser.facts import sample_rate_of

__all__ = ["ContextPicture", "draw_contexts", "observe_context"]

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ContextPicture:
    """What happened inside a recogniser while it read one recording.

    Attributes:
        title: what stands above.
        seconds: length of the recording.
        features: as the context read them [D, T].
        context: [C, S] for every frame of the recogniser, [C, M] for tokens, [C, 1] for the utterance.
        layout: which of these it is.
        changes: for every site, the size of what the fusion changed relative to what was there [T'].
        maps: for every cross-attention, the weights of the null token and the tokens, mean over heads [1 + M, T'].
    """

    title: str
    seconds: float
    features: FloatArray
    context: FloatArray
    layout: Layout
    changes: dict[str, FloatArray]
    maps: dict[str, FloatArray]


@torch.inference_mode()
def observe_context(model: ASRModel, samples: npt.NDArray[np.float32], title: str) -> ContextPicture:
    """Run a recogniser with a noise context on one recording and record what happens.

    Args:
        model: in evaluation mode.
        samples: [T] at the sample rate of the model.
        title: for the picture.

    Returns:
        The picture.

    Raises:
        ValueError: if the model has no noise context.
    """
    encoder = model.encoder
    if noise_context_of(model) is None:
        raise ValueError(f"model: {type(model).__name__} has no noise context; give one with encoder.context.")
    signal = torch.from_numpy(samples).to(model.device).unsqueeze(0)
    length = torch.tensor([len(samples)], device=model.device)
    features, frames = model.preprocessor(input_signal=signal, length=length)
    changes: dict[str, FloatArray] = {}
    handles = [
        fusion.register_forward_hook(_recorder(changes, site), with_kwargs=True)
        for site, fusion in encoder.fusions.items()
    ]
    try:
        with attention_maps(encoder) as maps:
            encoder(audio_signal=features, length=frames)
    finally:
        for handle in handles:
            handle.remove()
    share = int(frames) / features.shape[2]  # the rest is padding
    read = encoder.read_context(features, frames)
    context = read.tokens()[0].float().cpu().numpy()  # [1, C], [S, C] or [M, C]
    if read.layout is Layout.FRAMES:
        context = _heard(context, share)
    return ContextPicture(
        title=title,
        seconds=len(samples) / sample_rate_of(model),
        features=features[0, :, : int(frames)].float().cpu().numpy(),
        context=context.T,
        layout=read.layout,
        changes={site: _heard(change, share) for site, change in changes.items()},
        maps={name: _heard(map_[0].mean(dim=0).float().cpu().numpy(), share).T for name, map_ in maps.items()},
    )


def draw_contexts(pictures: Sequence[ContextPicture], path: str | Path) -> None:
    """Draw recordings side by side: features, context, how much every fusion changed, and attention maps.

    Args:
        pictures: one column each, at least one.
        path: PNG to write.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not pictures:
        raise ValueError("pictures: is empty, expected at least one recording")
    names = list(pictures[0].maps)
    rows: list[Callable[[Axes, ContextPicture], None]]
    rows = [_draw_features, _draw_context, _draw_changes, *(partial(_draw_map, name=name) for name in names)]
    figure = Figure(figsize=(5.0 * len(pictures), 2.4 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(pictures), squeeze=False)
    for column, picture in enumerate(pictures):
        axes[0][column].set_title(picture.title, fontsize=9)
        for row, draw in enumerate(rows):
            draw(axes[row][column], picture)
    save_figure(figure, path, dpi=110)


def _heard(frames: FloatArray, share: float) -> FloatArray:
    """The frames [T, ...] that are no padding."""
    return frames[: math.ceil(len(frames) * share)]


def _recorder(changes: dict[str, FloatArray], site: str) -> Callable[..., None]:
    """A forward hook that writes the relative change of one fusion into ``changes``."""

    def record(module: nn.Module, inputs: Any, named: dict[str, torch.Tensor], output: torch.Tensor) -> None:
        before = named["features"][0]  # [T, D]
        change = (output[0] - before).norm(dim=1) / before.norm(dim=1).clamp_min(1e-6)
        changes[site] = change.float().cpu().numpy()

    return record


def _draw_features(axis: Axes, picture: ContextPicture) -> None:
    axis.imshow(picture.features, origin="lower", aspect="auto", extent=(0, picture.seconds, 0, len(picture.features)))
    axis.set(ylabel="band", xlabel="s")


def _draw_context(axis: Axes, picture: ContextPicture) -> None:
    widths = {Layout.FRAMES: picture.seconds, Layout.TOKENS: picture.context.shape[1], Layout.UTTERANCE: 1.0}
    extent = (0, widths[picture.layout], 0, len(picture.context))
    top = float(np.abs(picture.context).max()) or 1.0
    axis.imshow(picture.context, origin="lower", aspect="auto", extent=extent, cmap="coolwarm", vmin=-top, vmax=top)
    labels = {Layout.FRAMES: "s", Layout.TOKENS: "token", Layout.UTTERANCE: "whole utterance"}
    axis.set(ylabel="context", xlabel=labels[picture.layout])


def _draw_changes(axis: Axes, picture: ContextPicture) -> None:
    for site, change in picture.changes.items():
        axis.plot(np.linspace(0, picture.seconds, len(change)), 100 * change, label=site)
    axis.set(ylabel="changed, %", xlabel="s", xlim=(0, picture.seconds))
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7, title="fusion at", title_fontsize=7)


def _draw_map(axis: Axes, picture: ContextPicture, name: str) -> None:
    map_ = picture.maps[name]
    extent = (0, picture.seconds, -0.5, len(map_) - 0.5)
    axis.imshow(map_, origin="lower", aspect="auto", extent=extent, vmin=0.0, cmap="magma")
    axis.set(ylabel=f"{name.removeprefix('fusions.')}: token (0: none)", xlabel="s")
