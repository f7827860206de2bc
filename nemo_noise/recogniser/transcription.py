# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Any NeMo ASR model as one function from waveforms to texts, through its public `transcribe`."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel
from nemo.collections.asr.parts.submodules.ctc_decoding import CTCDecoding
from nemo.utils import logging

from nemo_noise.archive import restore
from nemo_noise.archive.finite_weights import check_model
from nemo_noise.recogniser.facts import check_normalization, check_rates
from nemo_noise.recogniser.waveforms import check_waveforms

FINGERPRINTED_CONFIG = (
    *("sample_rate", "labels", "preprocessor", "encoder", "decoder", "joint", "decoding"),
    *("transf_encoder", "transf_decoder", "secondary", "prompt_defaults"),
)


def load_model(name: str, device: torch.device) -> ASRModel:
    """Loads a `.nemo` file, or a pretrained NeMo model by its name, in evaluation mode.

    Raises:
        FileNotFoundError: `name` looks like a path and no such file exists.
        ValueError: the file may not be restored (see `nemo_noise.archive.restore`), weights are NaN or infinite, or
            rates disagree.
    """
    path = Path(name)
    if path.is_file() or path.suffix == ".nemo" or len(path.parts) > 2:
        model = restore(path, "model", device=device, kind=ASRModel)
    else:
        model = ASRModel.from_pretrained(name, map_location=device)
        check_model(model, f"model={name}")
    if not hasattr(model, "transcribe"):
        raise TypeError(f"model {name!r} is a {type(model).__name__}, which cannot transcribe: give an ASR model")
    check_rates(model, f"model={name}")
    check_normalization(model, f"model={name}")
    return model.to(device).eval()


def fingerprint(model: ASRModel) -> str:
    """Hashes all that decides what a model writes: its class, weights and the parts of its configuration that act.

    16 hexadecimal digits; the same after saving and restoring.
    """
    digest = hashlib.sha256(type(model).__name__.encode())
    add_weights(digest, model.state_dict())
    for key in FINGERPRINTED_CONFIG:
        part = OmegaConf.select(model.cfg, key)
        known = OmegaConf.to_container(part) if OmegaConf.is_config(part) else part
        digest.update(f"{key} {_files_by_content(known)}".encode())
    return digest.hexdigest()[:16]


def add_weights(digest: Any, state: Mapping[str, torch.Tensor]) -> None:
    """Adds names, types, shapes and values of tensors to a hash of `hashlib`."""
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def _files_by_content(config: Any) -> Any:
    """A configuration with the hash of a language model in place of its path, which changes with the process."""
    if not isinstance(config, dict):
        return config
    known = {key: _files_by_content(value) for key, value in config.items()}
    path = config.get("ngram_lm_model")
    if isinstance(path, str) and Path(path).is_file():
        known["ngram_lm_model"] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return known


class Transcript(NamedTuple):
    """The text of one utterance, the confidence of each word if the model keeps any, and further fields of its row."""

    text: str
    word_confidence: list[float] | None = None
    extra: Mapping[str, Any] | None = None


def keep_word_confidence(model: ASRModel, confidence: Mapping[str, Any]) -> None:
    """Makes a model keep the confidence of each word that it writes; one that cannot is left alone, with a warning.

    NeMo 3.0.0 cannot do that for CTC models of characters (it decodes numbers as if they were letters); they keep
    the confidence of each letter, from which `transcripts_of` takes the mean over each word.

    Args:
        model: any NeMo ASR model.
        confidence: NeMo's `confidence_cfg`, such as {method_cfg: {name: max_prob}, aggregation: mean}.
    """
    decoding = OmegaConf.create(OmegaConf.to_container(model.cfg.get("decoding") or OmegaConf.create()))
    if isinstance(model, EncDecMultiTaskModel) and decoding.get("strategy") != "greedy":
        logging.warning(
            f"{type(model).__name__} keeps confidences in greedy search only: decoding.strategy is not greedy"
        )
        return
    try:
        kept = "preserve_token_confidence" if type(model.decoding) is CTCDecoding else "preserve_word_confidence"
        wanted = {"confidence_cfg": {**confidence, kept: True}}
        model.change_decoding_strategy(OmegaConf.merge(decoding, wanted))
    except (AttributeError, TypeError, NotImplementedError, ValueError) as error:
        logging.warning(f"{type(model).__name__} gives no confidences: {error}")


@contextmanager
def verbosity_kept() -> Iterator[None]:
    """Put the verbosity of NeMo's log back after the block: `transcribe` changes it."""
    verbosity = logging.get_verbosity()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence NeMo below ERROR; it repeats itself per setting and batch."""
    with verbosity_kept():
        logging.set_verbosity(logging.ERROR)
        yield


def transcribe(
    model: ASRModel, waveforms: Sequence[NDArray[np.float32]], options: Mapping[str, Any] | None = None
) -> list[Transcript]:
    """Transcribes waveforms as one batch, in order, with the confidences of words where the model keeps them.

    NeMo puts digital silence around audio shorter than one second; that is what its users get, so it stays.

    Args:
        model: any NeMo ASR model: CTC, RNNT, TDT, hybrid or attention encoder-decoder.
        waveforms: mono float32 at the model's sample rate. [T] each; errors are those of `check_waveforms`.
        options: further arguments of the model's `transcribe`, such as `source_lang` of a multilingual model.
    """
    waveforms = check_waveforms(waveforms, "waveforms")
    try:
        with verbosity_kept():
            output = model.transcribe(
                waveforms, batch_size=len(waveforms), num_workers=0, verbose=False, **(options or {})
            )
    finally:
        model.eval()  # transcribe() unfreezes encoder and decoder into training mode
    transcripts = transcripts_of(output)
    if len(transcripts) != len(waveforms):
        raise RuntimeError(
            f"{type(model).__name__}.transcribe gave {len(transcripts)} texts for {len(waveforms)} waveforms"
        )
    return transcripts


def texts_of(output: Any) -> list[str]:
    """The best text per waveform, see `transcripts_of`."""
    return [transcript.text for transcript in transcripts_of(output)]


def transcripts_of(output: Any) -> list[Transcript]:
    """The best hypothesis per waveform of NeMo's `transcribe`; a TypeError for an output of another type.

    Args:
        output: strings or hypotheses, lists of them (best first), or a tuple (best hypotheses, all hypotheses).
    """
    if isinstance(output, tuple):
        return transcripts_of(output[0])
    if isinstance(output, list):
        return [_best(item) for item in output]
    raise TypeError(f"transcribe returned a {type(output).__name__}, expected a list or a tuple of lists")


def _best(item: Any) -> Transcript:
    if isinstance(item, str):
        return Transcript(item)
    if isinstance(item, list | tuple) and item:
        return _best(item[0])
    if isinstance(getattr(item, "n_best_hypotheses", None), list):
        return _best(item.n_best_hypotheses)
    if isinstance(getattr(item, "text", None), str):
        by_word = _confidences(getattr(item, "word_confidence", None))
        return Transcript(str(item.text), by_word or _over_words(item.text, getattr(item, "token_confidence", None)))
    raise TypeError(f"transcribe returned an item of type {type(item).__name__} without a text")


def _over_words(text: str, letter_confidence: Any) -> list[float] | None:
    """Averages the confidences of letters over each word; None where they are not those of the letters."""
    letters = _confidences(letter_confidence)
    if letters is None or len(letters) != len(text):
        return None
    return [float(np.mean(letters[word.start() : word.end()])) for word in re.finditer(r"\S+", text)]


def _confidences(values: Any) -> list[float] | None:
    """Confidences as numbers from 0 to 1; None where one is not a number."""
    if values is None:
        return None
    numbers = [float(value) for value in values]
    return [min(1.0, max(0.0, number)) for number in numbers] if np.isfinite(numbers).all() else None
