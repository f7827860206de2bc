# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Engines: one model run in several ways, each a function of waveforms that can be timed."""

import copy
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import Enum
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nemo.collections.asr.models import ASRModel

from nemo_noise.inference.onnx_session import open_session
from nemo_noise.recogniser.transcription import transcribe

EXAMPLE_S = 2.0
Run = Callable[[], "Tensor | None"]
Prepare = Callable[
    [Tensor], Run
]  # waveforms [B, T] -> what is timed; it returns the encoded frames [B, D, T'], if any


class Engine(str, Enum):
    """A way to run a model: the whole of `transcribe()`, or its encoder alone in one of three forms."""

    TRANSCRIBE = "transcribe"
    ENCODER = "encoder"
    ENCODER_COMPILED = "encoder_compiled"
    ENCODER_ONNX = "encoder_onnx"


def open_engine(engine: Engine, model: ASRModel, *, sample_rate: int, resources: ExitStack) -> Prepare:
    """Make a model ready to run in one way.

    Args:
        engine: which.
        model: in evaluation mode; left as it is.
        sample_rate: of the model, samples per second.
        resources: closed by the caller when the engine is no longer needed.

    Returns:
        A function that takes a batch and returns what is to be timed; features are made before, outside the time.

    Raises:
        Exception: whatever the compiler or the export cannot do.
    """
    if engine is Engine.TRANSCRIBE:
        return lambda waveforms: _transcribing(model, waveforms)
    if engine is Engine.ENCODER_ONNX:
        return _onnx(model, sample_rate=sample_rate, resources=resources)
    encoder = model.encoder
    if engine is Engine.ENCODER_COMPILED:
        encoder = torch.compile(copy.deepcopy(model.encoder))

    def prepare(waveforms: Tensor) -> Run:
        features, lengths = _features(model, waveforms)
        return lambda: _first(encoder(audio_signal=features, length=lengths))

    return prepare


def _transcribing(model: ASRModel, waveforms: Tensor) -> Run:
    sounds: Sequence[np.ndarray] = list(waveforms.cpu().numpy())

    def run() -> None:
        transcribe(model, sounds)

    return run


def _onnx(model: ASRModel, *, sample_rate: int, resources: ExitStack) -> Prepare:
    """Export a copy of the encoder (NeMo's export changes what it exports) and run it on the CPU."""
    if next(model.parameters()).device.type != "cpu":
        raise NotImplementedError("the ONNX encoder is only timed on the CPU")
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
    encoder = copy.deepcopy(model.encoder).eval()
    features, lengths = _features(model, torch.zeros(1, round(EXAMPLE_S * sample_rate)))
    encoder.export(str(folder / "encoder.onnx"), input_example=({"audio_signal": features, "length": lengths},))
    session = open_session(folder / "encoder.onnx", torch.get_num_threads())

    def prepare(waveforms: Tensor) -> Run:
        features, lengths = _features(model, waveforms)
        arrays = {"audio_signal": features.numpy(), "length": lengths.numpy()}
        return lambda: torch.from_numpy(np.asarray(session(arrays)[0]))

    return prepare


@torch.inference_mode()
def _features(model: ASRModel, waveforms: Tensor) -> tuple[Tensor, Tensor]:
    """Features of full-length waveforms: [B, T] -> [B, F, T'], [B]."""
    lengths = torch.full((len(waveforms),), waveforms.shape[1], dtype=torch.int64, device=waveforms.device)
    features, frames = model.preprocessor(input_signal=waveforms, length=lengths)
    return features.clone(), frames.clone()


def _first(outputs: "Tensor | tuple[Tensor, ...]") -> Tensor:
    return outputs if isinstance(outputs, Tensor) else outputs[0]
