# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A system by its name: which kind it is, what can be checked before its weights are read, and the system itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from nemo_noise.inference.decoding.fallback import FALLBACK_OPTIONS
from nemo_noise.inference.decoding.guarded_transcription import GUARD_OPTIONS, check_guards
from nemo_noise.inference.systems.contract import System
from nemo_noise.inference.systems.faster_whisper import check_faster_whisper, open_faster_whisper
from nemo_noise.inference.systems.hugging_face import check_hugging_face, open_hugging_face
from nemo_noise.inference.systems.kinds import Kind, kind_of
from nemo_noise.inference.systems.nemo_model import open_nemo
from nemo_noise.inference.systems.onnx_graphs import check_onnx, open_onnx
from nemo_noise.recogniser.config_facts import ModelFacts, check_transcribe_options, facts_of

__all__ = ["check_system", "open_system"]


def open_system(name: str, device: torch.device | str = "cpu", options: Mapping[str, Any] | None = None) -> System:
    """Open a recogniser of any kind, see `kinds.kind_of` for how its kind is found.

    Args:
        name: a file, a folder, or the name of a pretrained model; docs/systems.md lists all kinds.
        device: where it runs, such as `cuda`.
        options: of its kind, such as `beam_size` of faster-whisper or `source_lang` of a NeMo model; they are part of
            the fingerprint. What is left out is the default of its maker.

    Returns:
        The system.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ImportError: the package that runs it is not installed; names what to install.
        ValueError: it is of no kind, is broken, or an option is unknown or wrong.
    """
    kind, source = kind_of(name)
    on = torch.device(device)
    if kind is Kind.TRANSCRIPTS:
        raise ValueError(f"model={name} is a file of transcripts, which transcribes nothing: an evaluation scores it")
    if kind is Kind.NEMO:
        return open_nemo(source, on, options)
    if kind is Kind.HUGGING_FACE:
        return open_hugging_face(source, on, options)
    if kind is Kind.FASTER_WHISPER:
        return open_faster_whisper(source, on, options or {})
    return open_onnx(source, on, options or {})


def check_system(
    name: str, options: Mapping[str, Any], *, where: str = "transcribe", shown: str | None = None
) -> ModelFacts:
    """Check what can be checked without weights: the kind, its files, its options.

    Args:
        name: as in `open_system`.
        options: likewise.
        where: the option that holds them, for messages.
        shown: the name for messages; None for `name`.

    Returns:
        The facts of the system: samples per second, longest audio, options.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ImportError: the package that runs it is not installed.
        ValueError: as `open_system`.
        TypeError: a NeMo model cannot transcribe.
    """
    kind, source = kind_of(name)
    if kind is Kind.NEMO:
        facts = _with_guards(facts_of(source), options, where=where, shown=shown or name)
        check_transcribe_options(where, model=shown or name, facts=facts, options=options)
        return facts
    if kind is Kind.HUGGING_FACE:
        return check_hugging_face(source, options, where=where, shown=shown or name)
    if kind is Kind.FASTER_WHISPER:
        return check_faster_whisper(source, options, where=where, shown=shown or name)
    if kind is Kind.ONNX:
        return check_onnx(source, options, where=where, shown=shown or name)
    raise ValueError(f"model={name} is a file of transcripts, which has no options and is read by itself")


def _with_guards(facts: ModelFacts, options: Mapping[str, Any], *, where: str, shown: str) -> ModelFacts:
    """The facts of a NeMo model with the guards that it has among its options, after those that are given are checked.

    Raises:
        ImportError: the VAD's package is not installed.
        ValueError: a guard is wrong, or the model cannot do it.
    """
    check_guards(
        options,
        where=where,
        is_attention_model=facts.is_attention_model is not False,
        shown=f"{shown} ({facts.kind})",
        sample_rate=facts.sample_rate,
    )
    if facts.options is None:
        return facts
    left_out = () if facts.is_attention_model is not False else FALLBACK_OPTIONS
    return replace(facts, options=facts.options | GUARD_OPTIONS.keys() - set(left_out))
