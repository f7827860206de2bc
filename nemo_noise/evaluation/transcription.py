# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Any NeMo ASR model as one function from waveforms to texts, through its public `transcribe`."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

FINGERPRINTED_CONFIG = (
    *("sample_rate", "labels", "preprocessor", "encoder", "decoder", "joint", "decoding"),
    *("transf_encoder", "transf_decoder", "secondary", "prompt_defaults"),
)


def load_model(name: str, device: torch.device) -> ASRModel:
    """Load a model for inference.

    Args:
        name: path of a `.nemo` file, or the name of a pretrained NeMo model.
        device: where it runs.

    Returns:
        The model in evaluation mode.

    Raises:
        FileNotFoundError: `name` looks like a path and no such file exists.
    """
    path = Path(name)
    if path.is_file():
        model = ASRModel.restore_from(str(path), map_location=device)
    elif path.suffix == ".nemo" or len(path.parts) > 2:
        raise FileNotFoundError(f"model {name!r} does not exist (working directory {Path.cwd()})")
    else:
        model = ASRModel.from_pretrained(name, map_location=device)
    if not hasattr(model, "transcribe"):
        raise TypeError(f"model {name!r} is a {type(model).__name__}, which cannot transcribe: give an ASR model")
    return model.to(device).eval()


def sample_rate_of(model: ASRModel) -> int:
    """Read the sample rate a model was trained for, samples per second.

    Raises:
        ValueError: its configuration does not say.
    """
    for key in ("sample_rate", "preprocessor.sample_rate"):
        value = OmegaConf.select(model.cfg, key)
        if value is not None:
            return int(value)
    raise ValueError(f"{type(model).__name__} has neither cfg.sample_rate nor cfg.preprocessor.sample_rate")


def fingerprint(model: ASRModel) -> str:
    """Hash all that decides what a model writes: its class, weights and the parts of its configuration that act.

    Args:
        model: the model.

    Returns:
        16 hexadecimal digits; the same after saving and restoring.
    """
    digest = hashlib.sha256(type(model).__name__.encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    for key in FINGERPRINTED_CONFIG:
        part = OmegaConf.select(model.cfg, key)
        known = OmegaConf.to_container(part) if OmegaConf.is_config(part) else part
        digest.update(f"{key} {_files_by_content(known)}".encode())
    return digest.hexdigest()[:16]


def _files_by_content(config: Any) -> Any:
    """A configuration with the hash of a language model in place of its path, which changes with the process."""
    if not isinstance(config, dict):
        return config
    known = {key: _files_by_content(value) for key, value in config.items()}
    path = config.get("ngram_lm_model")
    if isinstance(path, str) and Path(path).is_file():
        known["ngram_lm_model"] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return known


def transcribe(
    model: ASRModel, waveforms: Sequence[NDArray[np.float32]], options: Mapping[str, Any] | None = None
) -> list[str]:
    """Transcribe waveforms as one batch.

    NeMo puts digital silence around audio shorter than one second; that is what its users get, so it stays.

    Args:
        model: any NeMo ASR model: CTC, RNNT, TDT, hybrid or attention encoder-decoder.
        waveforms: mono float32 at the model's sample rate. [T] each
        options: further arguments of the model's `transcribe`, such as `source_lang` of a multilingual model.

    Returns:
        One text per waveform, in order.
    """
    logging_level = logging.get_verbosity()
    try:
        output = model.transcribe(
            list(waveforms), batch_size=len(waveforms), num_workers=0, verbose=False, **(options or {})
        )
    finally:
        logging.set_verbosity(logging_level)
        model.eval()  # transcribe() unfreezes encoder and decoder into training mode
    texts = texts_of(output)
    if len(texts) != len(waveforms):
        raise RuntimeError(f"{type(model).__name__}.transcribe gave {len(texts)} texts for {len(waveforms)} waveforms")
    return texts


def texts_of(output: Any) -> list[str]:
    """Reduce what `transcribe` returns to the best text per waveform.

    Args:
        output: strings or hypotheses, lists of them (best first), or a tuple (best hypotheses, all hypotheses).

    Returns:
        One text per waveform.

    Raises:
        TypeError: another type.
    """
    if isinstance(output, tuple):
        return texts_of(output[0])
    if isinstance(output, list):
        return [_best_text(item) for item in output]
    raise TypeError(f"transcribe returned a {type(output).__name__}, expected a list or a tuple of lists")


def _best_text(item: Any) -> str:
    """Take the text of a string, a hypothesis or the first of several."""
    if isinstance(item, str):
        return item
    if isinstance(item, list | tuple) and item:
        return _best_text(item[0])
    if isinstance(getattr(item, "n_best_hypotheses", None), list):
        return _best_text(item.n_best_hypotheses)
    if isinstance(getattr(item, "text", None), str):
        return str(item.text)
    raise TypeError(f"transcribe returned an item of type {type(item).__name__} without a text")
