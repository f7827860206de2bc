# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's Lhotse loader with the `augmentor` block that it would drop: the same perturbations on the same samples."""

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lhotse import CutSet
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from nemo.collections.asr.data.audio_to_text_lhotse_prompted import PromptedAudioToTextLhotseDataset
from nemo.collections.asr.parts.preprocessing import perturb
from nemo.collections.asr.parts.preprocessing.perturb import AudioAugmentor, process_augmentations
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment

from nemo_noise.data.context_audio_in_batches import with_context_audio
from nemo_noise.data.manifests.long_transcripts import POSITIONS, leave_out_long_transcripts
from nemo_noise.data.utterance_notes import ContextAudio, context_note, transcript_note
from nemo_noise.nemo_patches.transcripts import without_transcript

__all__ = ["WRAPPERS", "AugmentedAudio"]

_OURS = "nemo_noise."


class AugmentedAudio:
    """Loads the audio of a batch of cuts as before, then perturbs each utterance without its padding.

    It takes the place of `load_audio` in NeMo's Lhotse data sets (a `lhotse.dataset.AudioSamples`). Everything that
    Lhotse does to a cut (resampling, speed, padding to a minimum) has happened by then, as with NeMo's own loader,
    whose augmentor is also the last that touches the samples.

    Args:
        load_audio: gives audio [B, T], lengths [B], and the cuts if it is fault tolerant.
        augmentor: NeMo's.
        sample_rate: of the audio, samples per second.
        batch_has_cuts: whether the batch holds its cuts, which can carry audio for a noise context.
    """

    def __init__(
        self,
        load_audio: Callable[..., tuple[Any, ...]],
        augmentor: AudioAugmentor,
        sample_rate: int,
        *,
        batch_has_cuts: bool = False,
    ) -> None:
        self.load_audio, self.augmentor, self.sample_rate = load_audio, augmentor, sample_rate
        self.batch_has_cuts = batch_has_cuts

    def __call__(self, cuts: Any, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Returns what `load_audio` returns, with perturbed audio; a ValueError for several channels."""
        audio, lengths, *rest = self.load_audio(cuts, *args, **kwargs)
        if audio.dim() != 2:
            raise ValueError(
                f"augmentor: needs mono audio [B, T], got {list(audio.shape)}; set train_ds.channel_selector"
            )
        utterances, silent = [], []
        for_context: dict[int, ContextAudio] = {}
        for index, (row, length) in enumerate(zip(audio, lengths, strict=True)):
            # Where the cuts do not come back, the data set makes the text of those that it gave: no note.
            with transcript_note() if rest else nullcontext() as transcript, self._context_note() as noted:
                utterances.append(self._perturbed(row[: int(length)]))
            if transcript is not None and transcript.is_emptied:
                silent.append(index)
            if noted:
                for_context[index] = noted[-1]
        if silent or for_context:
            cuts = [without_transcript(cut) if index in silent else cut for index, cut in enumerate(rest[0])]
            cuts = [with_context_audio(cut, for_context[n]) if n in for_context else cut for n, cut in enumerate(cuts)]
            rest[0] = CutSet.from_cuts(cuts)
        return (*_padded(utterances, lengths), *rest)

    def _context_note(self) -> AbstractContextManager[list[ContextAudio] | None]:
        return context_note() if self.batch_has_cuts else nullcontext()

    def __getattr__(self, name: str) -> Any:
        if name == "load_audio":  # a copy that is being unpickled has none yet
            raise AttributeError(name)
        return getattr(self.load_audio, name)

    def _perturbed(self, samples: Tensor) -> Tensor:
        segment = AudioSegment(samples.numpy().copy(), self.sample_rate)
        self.augmentor.perturb(segment)
        return torch.from_numpy(segment.samples)


def _build(wrapped: Callable[..., Any], instance: None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Builds NeMo's loader, puts the augmentor between its data set and its audio, and leaves long transcripts out.

    A block without a perturbation of ours stays NeMo's business, which is to drop it with a warning.
    """
    name = "config" if args or "config" in kwargs else "top_level_config"
    config = args[0] if args else kwargs[name]
    _refuse_nested(config)
    block, positions = config.get("augmentor"), config.get(POSITIONS)
    ours = [key for key, is_ours in (("augmentor", _names_ours(block)), (POSITIONS, POSITIONS in config)) if is_ours]
    if not ours:
        return wrapped(*args, **kwargs)
    rest = copy.deepcopy(config)
    with open_dict(rest):
        for key in ours:
            del rest[key]
    loader = wrapped(rest, *args[1:], **kwargs) if args else wrapped(**{**kwargs, name: rest})
    if positions is not None:
        leave_out_long_transcripts(loader, int(positions), str(config.get("manifest_filepath") or "the Lhotse loader"))
    return _augmented(loader, block, config) if "augmentor" in ours else loader


def _augmented(loader: Any, block: Any, config: DictConfig) -> Any:
    dataset = getattr(loader.dataset, "dataset", loader.dataset)  # tarred data has lhotse's IterableDatasetWrapper
    if not hasattr(dataset, "load_audio"):
        raise ValueError(
            f"augmentor: {type(dataset).__name__} has no load_audio, so that it cannot perturb; "
            "expected one of NeMo's Lhotse data sets for speech recognition"
        )
    augmentor = process_augmentations(OmegaConf.to_container(block, resolve=True))
    dataset.load_audio = AugmentedAudio(
        dataset.load_audio,
        augmentor,
        int(config.get("sample_rate", 16000)),
        batch_has_cuts=isinstance(dataset, PromptedAudioToTextLhotseDataset),
    )
    return loader


def _names_ours(block: Any) -> bool:
    classes = (perturb.perturbation_types.get(name) for name in (block or {}))
    return any(known.__module__.startswith(_OURS) for known in classes if known is not None)


def _refuse_nested(config: DictConfig) -> None:
    """One data set reads the batches of all sub-configs of a multi-config loader, so there is one augmentor."""
    if not config.get("multi_config"):
        return
    for name, nested in config.items():
        if isinstance(nested, Mapping) and name != "augmentor" and _names_ours(nested.get("augmentor")):
            raise ValueError(
                f"{name}.augmentor: a loader with multi_config has one augmentor for all; "
                "put it beside multi_config and not under one of the data sets"
            )


def _padded(utterances: list[Tensor], lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Pads with zeros: [T] each -> [B, T], [B]; perturbations may change the length."""
    padded = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True)
    return padded, torch.tensor([len(samples) for samples in utterances], dtype=lengths.dtype)


WRAPPERS = {
    "nemo.collections.common.data.lhotse.dataloader:get_lhotse_dataloader_from_single_config": _build,
    "nemo.collections.common.data.lhotse.dataloader:get_lhotse_dataloader_from_multi_config": _build,
}
