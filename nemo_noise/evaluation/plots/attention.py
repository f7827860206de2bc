# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of dual attention at work: where each token looked in speech and in noise, and which it believed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from nemo_noise.figure_file import save_figure
from nemo_noise.models import DualAttentionMultiTaskModel, DualAttentionWhisperModel
from nemo_noise.modules import AttentionMaps, DualCrossAttention, attention_maps_of
from nemo_noise.recogniser.facts import frame_samples, sample_rate_of

__all__ = ["AttentionPicture", "draw_attention", "observe_attention"]

FloatArray = npt.NDArray[np.floating]
DualModel = DualAttentionMultiTaskModel | DualAttentionWhisperModel


@dataclass(frozen=True)
class AttentionPicture:
    """What a decoder looked at while it wrote one text.

    Attributes:
        title: what stands above.
        seconds: what the maps over the speech span: the recording, or Whisper's window.
        features: as the encoder read them [F, T].
        tokens: the U tokens that were written.
        speech: for every layer, weights over the speech, mean over heads [U, S].
        secondary: for every layer, weights over the secondary memory, mean over heads [U, M].
        alpha: for every layer, the share of the speech in each token, mean over heads or channels [U].
        by_frame: whether the secondary memory has a token for each frame of the speech.
    """

    title: str
    seconds: float
    features: FloatArray
    tokens: Sequence[str]
    speech: list[FloatArray]
    secondary: list[FloatArray]
    alpha: list[FloatArray]
    by_frame: bool


@torch.inference_mode()
def observe_attention(
    model: DualModel, samples: npt.NDArray[np.float32], *, title: str, prompt: Mapping[str, Any] | None = None
) -> AttentionPicture:
    """Let a model transcribe one recording greedily and write down what its decoder looks at.

    Args:
        model: in evaluation mode.
        samples: [T] at the sample rate of the model.
        title: for the picture; the text is put behind it.
        prompt: options of the model's `transcribe`, such as `source_lang`; None for its defaults.

    Returns:
        The picture.

    Raises:
        ValueError: if the model has no dual attention, or writes nothing.
    """
    if not isinstance(model, DualModel):
        raise ValueError(
            f"model: {type(model).__name__} has no dual attention; see nemo_noise.models.add_dual_attention."
        )
    with _greedy(model), _recorded(model) as steps:
        (hypothesis,) = model.transcribe(
            [samples], batch_size=1, return_hypotheses=True, verbose=False, **(prompt or {})
        )
    tokens = model.tokenizer.ids_to_tokens([int(token) for token in hypothesis.y_sequence])
    if not tokens:
        raise ValueError(f"model: writes nothing for {title!r}; there is no attention to draw.")
    first = steps[0][0].alpha.shape[1] - 1  # the last token of the prompt asks for the first of the text
    layers = [_joined([step[layer] for step in steps], first, len(tokens)) for layer in range(len(steps[0]))]
    signal = torch.from_numpy(samples).to(model.device).unsqueeze(0)
    features, frames = model.preprocessor(
        input_signal=signal, length=torch.tensor([len(samples)], device=model.device)
    )
    return AttentionPicture(
        title=f"{title}: {hypothesis.text}",
        seconds=layers[0][0].shape[1] * frame_samples(model) / sample_rate_of(model),
        features=features[0, :, : int(frames)].float().cpu().numpy(),
        tokens=tokens,
        speech=[layer[0] for layer in layers],
        secondary=[layer[1] for layer in layers],
        alpha=[layer[2] for layer in layers],
        by_frame=model.secondary is None or model.secondary.num_tokens == "frames",
    )


def draw_attention(picture: AttentionPicture, path: str | Path) -> None:
    """Draw the spectrogram, and for every layer both maps and the gate, a row for each token.

    Args:
        picture: what happened.
        path: PNG to write.
    """
    num_layers, height = len(picture.speech), 0.16 * len(picture.tokens) + 1.0
    figure = Figure(figsize=(13.0, 2.4 + num_layers * height), layout="constrained")
    grid = figure.add_gridspec(
        1 + num_layers,
        3,
        width_ratios=(4.0, 4.0 if picture.by_frame else 1.2, 0.8),
        height_ratios=(2.0, *[height] * num_layers),
    )
    spectrogram = figure.add_subplot(grid[0, 0])
    extent = (0.0, picture.seconds, 0.0, float(len(picture.features)))
    spectrogram.imshow(picture.features, origin="lower", aspect="auto", extent=extent)
    spectrogram.set(ylabel="band", xlabel="s")
    spectrogram.set_title(picture.title, fontsize=9, loc="left")
    rows = range(len(picture.tokens))
    for layer in range(num_layers):
        speech, secondary, gate = (figure.add_subplot(grid[1 + layer, column]) for column in range(3))
        for axis, map_, by_time in (
            (speech, picture.speech[layer], True),
            (secondary, picture.secondary[layer], picture.by_frame),
        ):
            right = picture.seconds if by_time else map_.shape[1] - 0.5
            left = 0.0 if by_time else -0.5
            axis.imshow(map_, aspect="auto", cmap="magma", vmin=0.0, extent=(left, right, len(rows) - 0.5, -0.5))
            axis.set_xlabel("s" if by_time else "token of the noise")
        speech.set_yticks(rows, picture.tokens, fontsize=6)
        speech.set_title(f"layer {layer}: speech", fontsize=8)
        secondary.set_yticks([])
        secondary.set_title("second attention", fontsize=8)
        gate.barh(rows, picture.alpha[layer], color="tab:blue")
        gate.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0.0, max(1.0, float(picture.alpha[layer].max()))), yticks=[])
        gate.set_title("share of speech", fontsize=8)
    save_figure(figure, path, dpi=110)


def _joined(steps: list[AttentionMaps], first: int, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The maps of all steps of a search, cut to the tokens of the text: [U, S], [U, M] and [U]."""
    rows = slice(first, first + count)
    speech, secondary = (
        torch.cat([getattr(step, name)[0].mean(dim=0) for step in steps])[rows] for name in ("primary", "secondary")
    )
    alpha = torch.cat([step.alpha[0].mean(dim=1) for step in steps])[rows]
    return speech.float().cpu().numpy(), secondary.float().cpu().numpy(), alpha.float().cpu().numpy()


@contextmanager
def _recorded(model: DualModel) -> Iterator[list[list[AttentionMaps]]]:
    """For every call of the decoder, the maps of its layers."""
    steps: list[list[AttentionMaps]] = []

    def record(attention: DualCrossAttention, inputs: Any, output: Any) -> None:
        if attention is attentions[0]:
            steps.append([])
        assert attention.last_maps is not None
        steps[-1].append(attention.last_maps)

    with attention_maps_of(model.transf_decoder) as attentions:
        handles = [attention.register_forward_hook(record) for attention in attentions]
        try:
            yield steps
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def _greedy(model: DualModel) -> Iterator[None]:
    """Search greedily inside, as before afterwards."""
    before = OmegaConf.create(OmegaConf.to_container(model.cfg.decoding))
    model.change_decoding_strategy(OmegaConf.merge(before, {"strategy": "greedy"}))
    try:
        yield
    finally:
        model.change_decoding_strategy(before)
