# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's multi-task AED models (Canary) and Whisper with a decoder that attends to speech and to noise."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor, nn

from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.core.classes.common import _get_allowed_target_class, typecheck

from nemo_noise.archive import read_config
from nemo_noise.archive.class_paths import public_paths, with_target
from nemo_noise.models.decoder_positions import FittingTranscriptsMixin
from nemo_noise.models.whisper.model import WhisperModel
from nemo_noise.modules.dual_attention.decoder import DualAttentionDecoder
from nemo_noise.modules.dual_attention.secondary_memory import SecondaryMemory
from nemo_noise.nemo_patches.search_rules import generator_of
from nemo_noise.nemo_patches.wrapping import replace_on
from nemo_noise.recogniser.checkpoint import restore_with_added_parts

__all__ = ["DualAttentionMixin", "DualAttentionMultiTaskModel", "DualAttentionWhisperModel", "add_dual_attention"]

DECODER_TARGET = "nemo_noise.modules.DualAttentionDecoder"
DECODER_KEYS = ("config_dict", "pre_ln_final_layer_norm")
TARGETS = {  # how the class of a checkpoint ends: the model and the decoder that take its place
    ".EncDecMultiTaskModel": ("nemo_noise.models.DualAttentionMultiTaskModel", DECODER_TARGET),
    ".WhisperModel": (
        "nemo_noise.models.DualAttentionWhisperModel",
        "nemo_noise.modules.DualAttentionWhisperDecoder",
    ),
}


class DualAttentionMixin:
    """Gives an ``EncDecMultiTaskModel`` a decoder that reads a secondary memory beside the speech.

    Prompts, tokenizers, losses, searches, ``transcribe`` and the checkpoint's names are the parent's. The config has
    two things more: a ``transf_decoder`` with dual attention, and ``secondary``, the module that makes what the second
    attention reads; without ``secondary`` it reads the same encoder output as the first.

    Args:
        cfg: config of the model.
        trainer: Lightning's trainer.

    Raises:
        ValueError: if the decoder has no second attention or ``secondary`` does not fit the encoder.
    """

    # what the model brings
    cfg: DictConfig
    encoder: Any
    transf_decoder: DualAttentionDecoder
    log_softmax: nn.Module
    decoding: Any

    def __init__(self, cfg: DictConfig, trainer: Trainer | None = None) -> None:
        super().__init__(cfg=with_target(cfg, type(self)), trainer=trainer)  # type: ignore[call-arg]
        if not isinstance(self.transf_decoder, DualAttentionDecoder):
            raise ValueError(
                f"transf_decoder._target_ is {self.cfg.transf_decoder.get('_target_')}; a dual-attention model needs "
                f"{DECODER_TARGET}."
            )
        self.transf_decoder.start_secondary_from_primary()  # NeMo has just given every Linear new weights
        secondary = self.cfg.get("secondary")
        self.secondary: SecondaryMemory | None = (
            None if secondary is None else EncDecMultiTaskModel.from_config_dict(secondary)
        )
        self._connect_secondary()

    @classmethod
    def from_config_dict(cls, config: DictConfig, trainer: Trainer | None = None) -> Any:
        """As the parent's, but a plain checkpoint, such as `init_from_nemo_model` restores, is built as what it is."""
        config = public_paths(config)
        if str(config.get("target")).endswith(tuple(TARGETS)):
            return _get_allowed_target_class(config.target).from_config_dict(config, trainer)
        return super().from_config_dict(config, trainer)  # type: ignore[misc]

    def _connect_secondary(self) -> None:
        """Connect decoder and search with the secondary memory, again after either is built anew."""
        search = generator_of(self.decoding)
        by_speech = partial(_prepare_by_speech, search._prepare_for_search, self.transf_decoder)
        replace_on(search, "_prepare_for_search", by_speech)
        self.transf_decoder.read_secondary("same" if self.secondary is None else self.secondary.num_tokens)
        layer = None if self.secondary is None else self.secondary.layer
        if layer is not None and layer >= len(self.encoder.layers):
            raise ValueError(
                f"secondary.layer={layer} does not exist; the encoder has layers 0 to {len(self.encoder.layers) - 1}."
            )

    @typecheck()
    def forward(
        self,
        input_signal: Tensor | None = None,
        input_signal_length: Tensor | None = None,
        processed_signal: Tensor | None = None,
        processed_signal_length: Tensor | None = None,
        transcript: Tensor | None = None,
        transcript_length: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        """As the parent's; the secondary memory follows the speech in the encoder states [B, T + M, D].

        The lengths [B] are those of the speech, the mask is [B, T + M].
        """
        audio: dict[str, Tensor | None] = {
            "input_signal": input_signal,
            "input_signal_length": input_signal_length,
            "processed_signal": processed_signal,
            "processed_signal_length": processed_signal_length,
        }
        if self.secondary is None:
            outputs: tuple[Tensor | None, Tensor, Tensor, Tensor] = super().forward(  # type: ignore[misc]
                **audio, transcript=transcript, transcript_length=transcript_length
            )
            return outputs
        with self._secondary_inputs() as inputs:
            _, lengths, states, mask = super().forward(**audio)  # type: ignore[misc]
        memory = self.secondary(**inputs).to(states.dtype)  # [B, M, D]
        states = torch.cat([states, memory], dim=1)
        mask = torch.cat([mask, mask if self.secondary.num_tokens == "frames" else torch.ones_like(memory[..., 0])], 1)
        if transcript is None or transcript_length is None:
            return None, lengths, states, mask
        positions = torch.arange(transcript.shape[1], device=transcript.device)
        hidden = self.transf_decoder(
            input_ids=transcript,
            decoder_mask=(positions < transcript_length[:, None]).to(transcript.dtype),
            encoder_embeddings=states,
            encoder_mask=mask,
        )
        return self.log_softmax(hidden_states=hidden), lengths, states, mask

    def change_decoding_strategy(self, decoding_cfg: DictConfig) -> None:
        """The parent's; the new search counts the speech alone."""
        super().change_decoding_strategy(decoding_cfg)  # type: ignore[misc]
        self._connect_secondary()

    def change_vocabulary(self, *arguments: Any, **options: Any) -> None:
        """The parent's; the new decoder reads the same secondary memory."""
        super().change_vocabulary(*arguments, **options)  # type: ignore[misc]
        self._connect_secondary()

    @contextmanager
    def _secondary_inputs(self) -> Iterator[dict[str, Tensor]]:
        """Collect the encoder's inputs, and the output of the layer that the secondary memory reads."""
        read: dict[str, Tensor] = {}

        def note_inputs(encoder: nn.Module, inputs: Any, named: Mapping[str, Tensor]) -> None:
            read.update(audio_signal=named["audio_signal"], length=named["length"])

        def note_layer(layer: nn.Module, inputs: Any, output: Any) -> None:
            read["hidden"] = output[0] if isinstance(output, tuple) else output

        handles = [self.encoder.register_forward_pre_hook(note_inputs, with_kwargs=True)]
        if self.secondary is not None and self.secondary.layer is not None:
            handles.append(self.encoder.layers[self.secondary.layer].register_forward_hook(note_layer))
        try:
            yield read
        finally:
            for handle in handles:
                handle.remove()


class DualAttentionMultiTaskModel(DualAttentionMixin, FittingTranscriptsMixin, EncDecMultiTaskModel):
    """NeMo's multi-task model (Canary) with dual attention: ``transf_decoder`` is a ``DualAttentionDecoder``."""


class DualAttentionWhisperModel(DualAttentionMixin, WhisperModel):
    """Whisper with dual attention: ``transf_decoder`` is a ``DualAttentionWhisperDecoder``."""


def _prepare_by_speech(
    prepare: Callable[..., Any],
    decoder: DualAttentionDecoder,
    decoder_input_ids: Tensor | None = None,
    encoder_hidden_states: Tensor | None = None,
) -> Any:
    """Start a search of NeMo; the longest text follows from the frames of the speech, without the memory."""
    speech = None if encoder_hidden_states is None else decoder.speech_of(encoder_hidden_states)
    return prepare(decoder_input_ids, speech)


def add_dual_attention(
    checkpoint: str | Path,
    secondary: Mapping[str, Any] | DictConfig | None = None,
    *,
    gate: str = "scalar",
    map_location: str = "cpu",
) -> DualAttentionMultiTaskModel | DualAttentionWhisperModel:
    """Restore a plain AED checkpoint with a second cross-attention; before training the output is unchanged.

    Args:
        checkpoint: a ``.nemo`` of an ``EncDecMultiTaskModel``, such as Canary, or of a ``WhisperModel``.
        secondary: config of a ``SecondaryMemory`` with its ``_target_``; None to read the same encoder output.
        gate: ``scalar``, ``head`` or ``channel``.
        map_location: device of the restored model.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if it is another kind of model, or its weights do not fit.
    """
    path = Path(checkpoint)
    config = read_config(path)
    targets = next((found for end, found in TARGETS.items() if str(config.target).endswith(end)), None)
    if targets is None:
        known = " or ".join(end.removeprefix(".") for end in TARGETS)
        raise ValueError(f"{path}: it is a {config.target}; dual attention can be added to an {known}.")
    changed = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    with open_dict(changed):
        changed.target, changed.secondary, changed.restore_timestamps_model = targets[0], secondary, False
        kept = {key: config.transf_decoder[key] for key in DECODER_KEYS if key in config.transf_decoder}
        changed.transf_decoder = {"_target_": targets[1], "gate": gate, **kept}
    model = restore_with_added_parts(path, changed, added_prefixes=("secondary.",), map_location=map_location)
    assert isinstance(model, DualAttentionMultiTaskModel | DualAttentionWhisperModel)
    return model
