# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Export of attention models: an encoder graph and a decoder graph in ONNX, and the data that a search needs.

NeMo's ``model.export`` exports encoders and CTC models, but no whole attention model. Here the secondary memory is
part of the encoder graph, so the decoder graph and a search around it read one sequence of states.
"""

import json
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel
from nemo.core.classes.common import typecheck

from nemo_noise import whole_file
from nemo_noise.inference.graph_description import describe_graph, write_description
from nemo_noise.nemo_patches.search_rules import generator_of
from nemo_noise.recogniser.facts import frame_samples, sample_rate_of
from nemo_noise.recogniser.state import modes_kept

__all__ = ["export_attention_model", "write_graph_description"]

OPSET = 17


class _EncoderGraph(nn.Module):
    """Features [B, F, T] and their lengths [B] to states [B, S, D] and their mask [B, S]."""

    def __init__(self, model: EncDecMultiTaskModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        _, _, states, mask = self.model(processed_signal=audio_signal, processed_signal_length=length)
        return states, mask


class _DecoderGraph(nn.Module):
    """Tokens so far [B, U], states [B, S, D] and mask [B, S] to log-probabilities of the next tokens [B, U, V]."""

    def __init__(self, model: EncDecMultiTaskModel) -> None:
        super().__init__()
        self.decoder, self.head = model.transf_decoder, model.log_softmax

    def forward(self, input_ids: Tensor, encoder_states: Tensor, encoder_mask: Tensor) -> Tensor:
        hidden = self.decoder(
            input_ids=input_ids,
            decoder_mask=torch.ones_like(input_ids).to(encoder_states.dtype),
            encoder_embeddings=encoder_states,
            encoder_mask=encoder_mask,
        )
        log_probs: Tensor = self.head(hidden_states=hidden)
        return log_probs


def export_attention_model(model: EncDecMultiTaskModel, folder: str | Path) -> Path:
    """Write ``encoder.onnx``, ``decoder.onnx`` and ``search.json`` into a folder.

    The encoder maps ``audio_signal`` [B, F, T] and ``length`` [B], as NeMo's preprocessor gives them, to
    ``encoder_states`` [B, S, D] and ``encoder_mask`` [B, S]. The decoder maps these and ``input_ids`` [B, U] to
    ``log_probs`` [B, U, V]. ``search.json`` holds the default prompt, the tokens by id, the end token, the tokens
    that a search never chooses (or not as the first), the longest text, the seconds of a frame and the configuration
    of the features. The longest text is ``max_sequence_length`` tokens with the prompt, and at most the frames plus
    ``max_generation_delta`` unless that is negative.

    Args:
        model: a multi-task model (Canary-style) or Whisper, with dual attention or without; on the CPU.
        folder: is made if it is not there.

    Returns:
        The folder.

    Raises:
        TypeError: if the model is of another kind.
        ValueError: if the model is not on the CPU.
    """
    if not isinstance(model, EncDecMultiTaskModel):
        raise TypeError(f"{type(model).__name__} is no attention model; NeMo's own model.export() exports it.")
    if model.device.type != "cpu":
        raise ValueError(f"model is on {model.device}; move it to the CPU to export it.")
    with whole_file.writing_folder(folder) as out:
        # the exporter passes arguments by position
        with modes_kept(model), torch.no_grad(), typecheck.disable_checks():
            model.eval()
            _write_graphs(model, out)
        whole_file.write_text(out / "search.json", json.dumps(_search(model), ensure_ascii=False, indent=1))
    return Path(folder)


def write_graph_description(model: ASRModel, graph: str | Path) -> Path:
    """Write what the graph of a CTC model lacks to be a recogniser: its features, its tokens and its sample rate.

    Args:
        model: a CTC model whose `model.export(graph)` was called.
        graph: the ONNX file.

    Returns:
        The JSON beside it, `model.json` of `model.onnx`.

    Raises:
        TypeError: the model is no CTC model.
    """
    path = Path(graph).with_suffix(".json")
    write_description(describe_graph(model), path)
    return path


def _write_graphs(model: EncDecMultiTaskModel, out: Path) -> None:
    """Trace both graphs on a batch of two utterances of unequal length."""
    signal = 0.1 * torch.randn(2, sample_rate_of(model))
    length = torch.tensor([signal.shape[1], signal.shape[1] * 2 // 3])
    features, frames = model.preprocessor(input_signal=signal, length=length)
    encoder, decoder = _EncoderGraph(model).eval(), _DecoderGraph(model).eval()  # the exporter restores this mode
    states, mask = encoder(features, frames)
    tokens = _prompt(model).expand(2, -1).contiguous()
    parts: list[tuple[str, nn.Module, tuple[Tensor, ...], dict[str, dict[int, str]], list[str]]] = [
        (
            "encoder",
            encoder,
            (features, frames),
            {"audio_signal": {0: "batch", 2: "time"}, "length": {0: "batch"}},
            ["encoder_states", "encoder_mask"],
        ),
        (
            "decoder",
            decoder,
            (tokens, states, mask),
            {
                "input_ids": {0: "batch", 1: "tokens"},
                "encoder_states": {0: "batch", 1: "states"},
                "encoder_mask": {0: "batch", 1: "states"},
            },
            ["log_probs"],
        ),
    ]
    for name, part, inputs, axes, outputs in parts:
        results = {"encoder_states": {0: "batch", 1: "states"}, "encoder_mask": {0: "batch", 1: "states"}}
        results |= {"log_probs": {0: "batch", 1: "tokens"}}
        torch.onnx.export(
            part,
            inputs,
            str(out / f"{name}.onnx"),
            input_names=list(axes),
            output_names=outputs,
            dynamic_axes=axes | {output: results[output] for output in outputs},
            opset_version=OPSET,
            dynamo=False,
        )


def _prompt(model: EncDecMultiTaskModel) -> Tensor:
    """The default prompt as ids [U]."""
    ids: Tensor = model.prompt.encode_dialog(turns=model.prompt.get_default_dialog_slots())["context_ids"]
    return ids


def _search(model: EncDecMultiTaskModel) -> dict[str, Any]:
    return {
        "prompt": _prompt(model).tolist(),
        "end": int(model.tokenizer.eos),
        "padding": int(model.tokenizer.pad),
        "suppressed": list(model.cfg.get("suppress_tokens") or []),
        "suppressed_at_start": list(model.cfg.get("begin_suppress_tokens") or []),
        "max_sequence_length": int(model.transf_decoder.max_sequence_length),
        "max_generation_delta": int(generator_of(model.decoding).max_delta_len),
        "frame_s": frame_samples(model) / sample_rate_of(model),
        "sample_rate": sample_rate_of(model),
        "preprocessor": OmegaConf.to_container(model.cfg.preprocessor, resolve=True),
        "tokens": [str(token) for token in model.tokenizer.ids_to_tokens(list(range(model.tokenizer.vocab_size)))],
    }
