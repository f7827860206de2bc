# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Beam search with a language model, by NeMo's own searches: a setting, what it is tried on, the `.nemo` it goes to.

What the encoder gives is kept, so that many settings can be tried on it; the weights of a search are those of NeMo:
score = recogniser + alpha * language model + beta * number of tokens, in natural logarithms.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from omegaconf import OmegaConf, open_dict
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.parts.submodules.ngram_lm import NGramGPULanguageModel
from nemo.collections.asr.parts.utils.batched_beam_decoding_utils import BlankLMScoreMode, PruningMode

from nemo_noise.arpa import check_arpa, is_kenlm_binary
from nemo_noise.checks import is_number
from nemo_noise.foreign_text import printable
from nemo_noise.nemo_patches import packed_language_model
from nemo_noise.nemo_patches.wrapping import replaced_on
from nemo_noise.recogniser.facts import TRANSDUCERS, Family, family_of, vocabulary_of
from nemo_noise.recogniser.model_file import save_model
from nemo_noise.recogniser.transcription import quiet, transcribe

__all__ = [
    "BONUS_STRATEGIES",
    "GREEDY",
    "EncodedSpeech",
    "SearchSetting",
    "apply_setting",
    "encode_speech",
    "fast_language_model",
    "save_with_setting",
    "search",
    "strategies_of",
]

GREEDY_STRATEGY = "greedy_batch"
CTC_STRATEGIES = (GREEDY_STRATEGY, "beam_batch", "pyctcdecode")
RNNT_STRATEGIES = (GREEDY_STRATEGY, "malsd_batch", "maes_batch")
TDT_STRATEGIES = (GREEDY_STRATEGY, "malsd_batch")
MALSD_MODES = {"blank_lm_score_mode": BlankLMScoreMode.LM_WEIGHTED_FULL, "pruning_mode": PruningMode.LATE}
WORD_STRATEGY = "pyctcdecode"  # reads words, all others tokens
BONUS_STRATEGIES = ("beam_batch", WORD_STRATEGY)


@dataclass(frozen=True)
class SearchSetting:
    """One search.

    Args:
        strategy: NeMo's name of it, see `strategies_of`.
        beam_size: hypotheses that are kept; 1 for greedy.
        alpha: weight of the language model.
        beta: bonus of every token (of every word with pyctcdecode); of CTC beams only.
        language_model: path of an ARPA file (or of NeMo's `.nemo` of one), None for none.

    Raises:
        ValueError: if a number is out of range, or has no effect.
    """

    strategy: str = GREEDY_STRATEGY
    beam_size: int = 1
    alpha: float = 0.0
    beta: float = 0.0
    language_model: str | None = None

    def __post_init__(self) -> None:
        is_whole = isinstance(self.beam_size, int) and self.beam_size >= 1
        if not is_whole or (self.strategy == GREEDY_STRATEGY and self.beam_size != 1):
            raise ValueError(
                f"beam_size={self.beam_size} must be 1 or more, a whole number, and 1 for {GREEDY_STRATEGY}."
            )
        if not is_number(self.alpha) or self.alpha < 0:
            raise ValueError(f"alpha={self.alpha!r} must be 0 or more, and finite.")
        if not is_number(self.beta):
            raise ValueError(f"beta={self.beta!r} must be finite, a number.")
        if self.alpha > 0 and self.language_model is None:
            raise ValueError(f"alpha={self.alpha} weighs a language model, but language_model is None.")
        if self.beta and self.strategy not in BONUS_STRATEGIES:
            raise ValueError(f"beta={self.beta} must be 0: NeMo's {self.strategy} has no bonus for tokens.")


GREEDY = SearchSetting()


class EncodedSpeech(NamedTuple):
    """What the searches of a recogniser work on, on the CPU, and the seconds that the encoder took.

    ``frames`` are, per utterance, CTC log-probabilities [T, V + 1] or a transducer's encodings [T, D].
    """

    frames: list[Tensor]
    encoder_s: float


def strategies_of(model: ASRModel) -> tuple[str, ...]:
    """The searches that can be set here; a hybrid model is a transducer, a TypeError for other families."""
    family = family_of(model)
    if family in TRANSDUCERS:
        return TDT_STRATEGIES if model.joint.num_extra_outputs > 0 else RNNT_STRATEGIES
    if family is Family.CTC and hasattr(model, "decoding"):
        return CTC_STRATEGIES
    raise TypeError(
        f"{type(model).__name__} has no search that can be set here; use a CTC model, an RNNT or a TDT. Attention "
        "decoders have their own beam in decoding.beam."
    )


def apply_setting(model: ASRModel, setting: SearchSetting) -> None:
    """Let a recogniser search so from now on, also in `transcribe`.

    Args:
        model: CTC, RNNT, TDT, or a hybrid model.
        setting: how.

    Raises:
        ValueError: if it has no such search, or the language model is none of its tokens (of words for pyctcdecode);
            the message names file and line.
        FileNotFoundError: if the language model is not there.
    """
    known = strategies_of(model)
    if setting.strategy not in known:
        raise ValueError(f"strategy={setting.strategy!r} is none of {type(model).__name__}; use one of {list(known)}.")
    path = setting.language_model
    if path is not None:
        _check_language_model(model, path, setting.strategy)
    decoding = OmegaConf.to_container(model.cfg.decoding, resolve=True)
    blocks = {name: dict(decoding.get(name) or {}) for name in ("greedy", "beam")}
    for block in blocks.values():
        block.update(ngram_lm_model=None, ngram_lm_alpha=0.0)
    deprecated = {name: None for name in ("beam_alpha", "kenlm_path") if name in blocks["beam"]}
    blocks["beam"].update(beam_size=setting.beam_size, return_best_hypothesis=True, **deprecated)
    if "beam_batch" in known:
        blocks["beam"]["beam_beta"] = setting.beta  # NeMo's own default is 1
    else:
        # NeMo writes the names of its defaults into a .nemo where it reads their values: "LATE" for "late".
        blocks["beam"].update({key: _value(blocks["beam"].get(key, default)) for key, default in MALSD_MODES.items()})
    chosen = blocks["greedy" if setting.strategy == GREEDY_STRATEGY else "beam"]
    chosen.update(ngram_lm_model=None if path is None else str(Path(path).absolute()), ngram_lm_alpha=setting.alpha)
    chosen_config = OmegaConf.create(decoding | {"strategy": setting.strategy, **blocks})
    with quiet():
        with nullcontext() if path is None else _named(model, path):
            model.change_decoding_strategy(chosen_config, verbose=False)
        with open_dict(model.cfg):
            model.cfg.decoding.beam.update(OmegaConf.create(blocks["beam"]))


def encode_speech(
    model: ASRModel,
    waveforms: Sequence[npt.NDArray[np.float32]],
    *,
    batch_size: int,
    progress: Callable[[int], None] = lambda count: None,
    options: dict[str, Any] | None = None,
) -> EncodedSpeech:
    """Runs all of a recogniser but its search, once; afterwards its search is greedy.

    The public `transcribe` is run and what reaches the search is recorded: padding and all else are as in use.

    Args:
        model: in evaluation mode.
        waveforms: mono at the model's rate, [T] each; those of like length share a batch.
        batch_size: waveforms at a time.
        progress: called with how many waveforms were just done.
        options: further arguments of the model's `transcribe`.
    """
    apply_setting(model, GREEDY)
    frames: list[Tensor] = [torch.empty(0)] * len(waveforms)
    order = sorted(range(len(waveforms)), key=lambda index: len(waveforms[index]))
    encoder_s = 0.0
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        began = time.perf_counter()
        with _recording_frames(model) as recorder, quiet():
            transcribe(model, [waveforms[index] for index in chosen], options)
        encoder_s += time.perf_counter() - began - recorder.search_s
        for index, encoded in zip(chosen, recorder.frames, strict=True):
            frames[index] = encoded
        progress(len(chosen))
    return EncodedSpeech(frames, encoder_s)


def search(model: ASRModel, frames: Sequence[Tensor], batch_size: int) -> tuple[list[str], float]:
    """Runs the search, as it is set, on the frames of `encode_speech`; returns the texts in order and its seconds."""
    device = next(model.parameters()).device
    texts = [""] * len(frames)
    order = sorted(range(len(frames)), key=lambda index: len(frames[index]))
    search_s = 0.0
    with quiet():
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = pad_sequence([frames[index] for index in chosen], batch_first=True).to(
                device
            )  # [B, T, V + 1 or D]
            lengths = torch.tensor([len(frames[index]) for index in chosen], device=device)
            began = time.perf_counter()
            if family_of(model) in TRANSDUCERS:
                found = model.decoding.rnnt_decoder_predictions_tensor(
                    batch.transpose(1, 2), lengths, return_hypotheses=True
                )
            else:
                found = model.decoding.ctc_decoder_predictions_tensor(batch, lengths, return_hypotheses=True)
            search_s += time.perf_counter() - began
            for index, hypotheses in zip(chosen, found, strict=True):
                best = hypotheses[0] if isinstance(hypotheses, list) else hypotheses
                texts[index] = best.text
    return texts, search_s


def fast_language_model(model: ASRModel, arpa: str | Path, folder: str | Path) -> str:
    """Writes an ARPA file of tokens in NeMo's own format, which loads much faster, and returns its path.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none, or not one of this recogniser's tokens.
    """
    _check_language_model(model, arpa, "beam_batch")
    with quiet(), _named(model, arpa):
        language_model = NGramGPULanguageModel.from_file(arpa, vocab_size=len(vocabulary_of(model)))
    path = Path(folder) / "language_model.nemo"
    language_model.save_to(str(path))
    return str(path)


def save_with_setting(model: ASRModel, setting: SearchSetting, path: str | Path) -> None:
    """Save a recogniser that searches so when it is restored; the language model travels inside.

    Args:
        model: the recogniser; it searches so from now on.
        setting: how; its language model must be an ARPA file, since NeMo packs no `.nemo` into another.
        path: the `.nemo` to write.

    Raises:
        ValueError: if the language model is a `.nemo`.
    """
    if setting.language_model is not None and Path(setting.language_model).suffix == ".nemo":
        raise ValueError(f"language_model={setting.language_model} cannot be packed into a .nemo; give the ARPA file.")
    apply_setting(model, setting)
    block = "greedy" if setting.strategy == GREEDY_STRATEGY else "beam"
    packed_language_model.pack(model, [f"decoding.{block}.ngram_lm_model"])
    save_model(model, path)


def _check_language_model(model: ASRModel, path: str | Path, strategy: str) -> None:
    if Path(path).suffix == ".nemo" and strategy != WORD_STRATEGY:
        if not Path(path).is_file():
            raise FileNotFoundError(f"language_model={path}: no such file; train one with train_ngram.py.")
    elif strategy != WORD_STRATEGY:
        check_arpa(path, vocabulary_size=len(vocabulary_of(model)))
    elif not (Path(path).is_file() and is_kenlm_binary(path)):
        check_arpa(path)


@contextmanager
def _named(model: ASRModel, path: str | Path) -> Iterator[None]:
    """NeMo's errors about a language model, many without a message, with its path."""
    try:
        yield
    except (AssertionError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, OSError) as error:
        reason = f" ({type(error).__name__}: {printable(error, longest=200)})" if str(error) else ""
        raise ValueError(
            f"language_model={path} is no language model of the {len(vocabulary_of(model))} tokens of this "
            f"{type(model).__name__}{reason}: train one for it with train_ngram.py."
        ) from error


def _value(member: Any) -> Any:
    return getattr(member, "value", member)


class _FrameRecorder:
    """Stands before a recogniser's search and records what reaches it."""

    def __init__(self, decoding: Any) -> None:
        self._decoding = decoding
        self.frames: list[Tensor] = []
        self.search_s = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoding, name)

    def ctc_decoder_predictions_tensor(
        self, decoder_outputs: Tensor, decoder_lengths: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        self._record(decoder_outputs, decoder_lengths)
        decode = self._decoding.ctc_decoder_predictions_tensor
        return self._timed(partial(decode, decoder_outputs, decoder_lengths, *args, **kwargs))

    def rnnt_decoder_predictions_tensor(
        self, encoder_output: Tensor, encoded_lengths: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        self._record(encoder_output.transpose(1, 2), encoded_lengths)
        decode = self._decoding.rnnt_decoder_predictions_tensor
        return self._timed(partial(decode, encoder_output, encoded_lengths, *args, **kwargs))

    def _record(self, frames: Tensor, lengths: Tensor) -> None:
        self.frames += [one[: int(length)].float().cpu().clone() for one, length in zip(frames, lengths, strict=True)]

    def _timed(self, decode: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = decode()
        self.search_s += time.perf_counter() - began
        return found


@contextmanager
def _recording_frames(model: ASRModel) -> Iterator[_FrameRecorder]:
    recorder = _FrameRecorder(model.decoding)
    with replaced_on(model, "decoding", recorder):
        yield recorder
