# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Exported graphs as systems: the one graph of a CTC model, and the two of an attention model, by onnxruntime."""

import hashlib
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nemo_noise import checks
from nemo_noise.foreign_text import printable
from nemo_noise.inference.graph_description import REMEDY, Spelling, build_features, description_of
from nemo_noise.inference.onnx_session import open_session
from nemo_noise.inference.systems.contract import System, Waveforms
from nemo_noise.inference.systems.kinds import Kind
from nemo_noise.models.hugging_face.folder import read_json
from nemo_noise.models.hugging_face.json_fields import JsonFields
from nemo_noise.recogniser.config_facts import ModelFacts
from nemo_noise.recogniser.facts import longest_s_of
from nemo_noise.recogniser.transcription import Transcript
from nemo_noise.recogniser.waveforms import check_waveforms

__all__ = ["ONNX_OPTIONS", "check_onnx", "open_onnx"]

ONNX_OPTIONS = {"nemo": checks.maybe(checks.text()), "threads": checks.whole(1, 1024)}
SHORTEST_S = 1.0  # NeMo puts digital silence around what is shorter
SEARCH = "search.json"
MOST_TOKENS = 10_000_000


class _OnnxSystem(System):
    """Runs each waveform by itself, on the CPU: a graph of a CTC model does not say where its frames end."""

    kind = Kind.ONNX.value
    is_torch = False
    device = torch.device("cpu")

    def __init__(self, name: str, preprocessor: Mapping[str, Any], where: str) -> None:
        self.name = name
        self.features = build_features(preprocessor, where)
        self.longest_s = longest_s_of(self.features)

    def transcribe(self, waveforms: Waveforms) -> list[Transcript]:
        """As `System.transcribe`."""
        waveforms = check_waveforms(waveforms, "waveforms") if len(waveforms) else []
        with torch.inference_mode():
            return [Transcript(self._text(*self._features_of(waveform))) for waveform in waveforms]

    def _features_of(self, waveform: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Features [1, F, T] and their length [1], of the waveform with NeMo's silence around it."""
        lacking = max(0, int(SHORTEST_S * self.sample_rate) - len(waveform)) if self.longest_s is None else 0
        padded = np.pad(waveform, (lacking // 2, lacking - lacking // 2))
        signal, length = torch.from_numpy(padded)[None], torch.tensor([len(padded)])
        features, frames = self.features(input_signal=signal, length=length)
        return features.numpy(), frames.numpy()

    def _text(self, features: NDArray[Any], length: NDArray[Any]) -> str:
        raise NotImplementedError


class CTCGraph(_OnnxSystem):
    """The graph that NeMo's `model.export()` writes of a CTC model, searched greedily."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        path = Path(name)
        description = description_of(path, options.get("nemo"))
        super().__init__(name, description.preprocessor, f"the description of {printable(name)}")
        self.sample_rate, self.tokens = description.sample_rate, description.tokens
        self.session = open_session(path, options.get("threads", 1))
        if "audio_signal" not in self.session.inputs or any("cache" in port for port in self.session.inputs):
            raise ValueError(
                f"{path} reads {', '.join(self.session.inputs)}, should be the graph of a whole CTC model, which "
                "reads audio_signal and length, as NeMo's model.export() writes it"
            )
        digest = hashlib.sha256(path.read_bytes())
        digest.update(repr(tuple(description)).encode())
        self.fingerprint = digest.hexdigest()[:16]

    def _text(self, features: NDArray[Any], length: NDArray[Any]) -> str:
        scores = self.session({"audio_signal": features, "length": length})[0]  # [1, T, V]
        if scores.ndim != 3 or scores.shape[2] != len(self.tokens) + 1:
            raise ValueError(
                f"{self.name} gives {list(scores.shape)}, should be [1, T, {len(self.tokens) + 1}] for the "
                f"{len(self.tokens)} tokens of its description and the blank: {REMEDY}"
            )
        best = [int(token) for token, _ in groupby(scores[0].argmax(-1).tolist())]
        return Spelling.of(self.tokens).text([self.tokens[token] for token in best if token < len(self.tokens)])


class AttentionGraphs(_OnnxSystem):
    """The folder that `export_attention_model` writes, searched greedily by its `search.json`."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        folder = Path(name)
        search = _search_of(folder)
        super().__init__(name, _preprocessor(search, folder), str(search.file))
        self.sample_rate = search.whole("sample_rate", low=1000, high=768000)
        self.tokens = [str(token) for token in search.values["tokens"]]
        last = len(self.tokens) - 1
        self.prompt = search.whole_numbers("prompt", low=0, high=last)
        self.end, self.padding = (search.whole(field, low=0, high=MOST_TOKENS) for field in ("end", "padding"))
        self.suppressed = search.whole_numbers("suppressed", low=0, high=last)
        self.suppressed_at_start = search.whole_numbers("suppressed_at_start", low=0, high=last)
        self.longest = search.whole("max_sequence_length", high=MOST_TOKENS)
        self.more_than_frames = search.whole("max_generation_delta", low=-MOST_TOKENS, high=MOST_TOKENS)
        threads = options.get("threads", 1)
        self.encoder, self.decoder = (
            open_session(folder / f"{part}.onnx", threads) for part in ("encoder", "decoder")
        )
        digest = hashlib.sha256(search.file.read_bytes())
        for part in ("encoder", "decoder"):
            digest.update((folder / f"{part}.onnx").read_bytes())
        self.fingerprint = digest.hexdigest()[:16]

    def _text(self, features: NDArray[Any], length: NDArray[Any]) -> str:
        states, mask = self.encoder({"audio_signal": features, "length": length})
        written, start = list(self.prompt), len(self.prompt)
        longest = self.longest
        if self.more_than_frames >= 0:
            longest = min(longest, states.shape[1] + self.more_than_frames)
        while len(written) < longest:
            tokens = np.array([written])
            scores = self.decoder({"input_ids": tokens, "encoder_states": states, "encoder_mask": mask})[0][0, -1]
            scores[self.suppressed] = -np.inf
            if len(written) == start:
                scores[self.suppressed_at_start] = -np.inf
            written.append(int(scores.argmax()))
            if written[-1] == self.end:
                break
        said = [token for token in written[start:] if token not in (self.end, self.padding)]
        return Spelling.of(self.tokens).text([self.tokens[token] for token in said if token < len(self.tokens)])


def open_onnx(name: str, device: torch.device, options: Mapping[str, Any]) -> System:
    """Load a graph of a CTC model, or the folder of an attention model's two; they run on the CPU.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: a file, or the description of the graph, is missing.
        ValueError: a file is no such graph, a description does not fit, or an option is unknown or wrong.
    """
    checks.check_options(options, ONNX_OPTIONS, "transcribe")
    if device.type != "cpu":
        raise ValueError(f"device is {device}, and {printable(name)} is an ONNX graph: give device=cpu")
    return AttentionGraphs(name, options) if Path(name).is_dir() else CTCGraph(name, options)


def check_onnx(name: str, options: Mapping[str, Any], *, where: str, shown: str) -> ModelFacts:
    """Check the description of a graph and the options that `where` holds; the graph is not loaded.

    Raises:
        FileNotFoundError: a file, or the description of the graph, is missing.
        ValueError: a description does not fit, or an option is unknown or wrong.
    """
    checks.check_options(options, ONNX_OPTIONS, where)
    path = Path(name)
    preprocessor: Mapping[str, Any]
    if path.is_dir():
        search = _search_of(path)
        preprocessor, rate = _preprocessor(search, path), search.whole("sample_rate", low=1000, high=768000)
    else:
        if not path.is_file():
            raise FileNotFoundError(f"model {printable(name)} does not exist (working directory {Path.cwd()})")
        description = description_of(path, options.get("nemo"))
        preprocessor, rate = description.preprocessor, description.sample_rate
    longest_s = longest_s_of(build_features(preprocessor, f"the description of {printable(shown)}"))
    return ModelFacts("ONNX", rate, longest_s, options=frozenset(ONNX_OPTIONS))


def _search_of(folder: Path) -> JsonFields:
    kind = "an exported attention model"
    search = JsonFields(folder / SEARCH, read_json(folder / SEARCH, kind), kind)
    tokens = search.values.get("tokens")
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
        raise search.refusal("tokens", "must be the texts of all tokens")
    return search


def _preprocessor(search: JsonFields, folder: Path) -> dict[str, Any]:
    preprocessor = search.values.get("preprocessor")
    if not isinstance(preprocessor, dict):
        raise ValueError(
            f"{search.file} has no preprocessor, the features of the model: export it again into {printable(folder)} "
            "(export_attention_model writes them)."
        )
    return preprocessor
