# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Facts of a model from its configuration, before weights are loaded: sample rate, longest audio, options."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel
from nemo.collections.common.prompts.formatter import PromptFormatter
from nemo.core.classes.common import _get_allowed_target_class

from nemo_noise.archive import read_config
from nemo_noise.checks import maybe, near_names, text
from nemo_noise.foreign_text import printable

__all__ = ["ModelFacts", "check_transcribe_options", "facts_of", "near_pretrained"]

OURS = {
    "audio": "the evaluation gives the audio",
    "batch_size": "give batch_size beside transcribe",
    "num_workers": "the evaluation gives it",
    "verbose": "the evaluation gives it",
    "use_lhotse": "the evaluation gives it",
    "override_config": "give its options one by one",
}
LANGUAGES = ("source_lang", "target_lang", "lang", "language", "taskname")
PROMPT_FORMS = ("role", "slots", "turns")
WHISPER_S = 30.0  # where the configuration leaves the window to its default


@dataclass(frozen=True)
class ModelFacts:
    """Facts of a model: its class, samples per second, longest audio, options of `transcribe`, its family.

    ``is_attention_model`` (an attention encoder-decoder of NeMo), ``sample_rate`` and ``options`` are None where the
    configuration does not give them, ``longest_s`` for any length.
    """

    kind: str
    sample_rate: int | None = None
    longest_s: float | None = None
    options: frozenset[str] | None = None
    is_attention_model: bool | None = None


def facts_of(name: str) -> ModelFacts:
    """Reads the configuration, not the weights, of a `.nemo` file or of a pretrained NeMo model, which is downloaded.

    Raises:
        FileNotFoundError: `name` looks like a path and no such file exists.
        ValueError: the file is no `.nemo`, or no pretrained model has the name.
        TypeError: the model cannot transcribe.
    """
    path = Path(name)
    if path.is_dir():
        raise ValueError(
            f"model {name!r} is a folder: should be a .nemo file; import_whisper.py and import_wav2vec2.py make one "
            "of a Hugging Face folder"
        )
    if path.is_file() or path.suffix == ".nemo" or len(path.parts) > 2:
        config = read_config(path, "model")
    else:
        config = _pretrained_config(name)
    target = str(config.get("target") or "")
    rates = [OmegaConf.select(config, key) for key in ("sample_rate", "preprocessor.sample_rate")]
    rate = next((int(rate) for rate in rates if isinstance(rate, int)), None)
    window_s = OmegaConf.select(config, "preprocessor.window_s")
    longest_s = float(window_s) if isinstance(window_s, int | float) else None
    if longest_s is None and str(OmegaConf.select(config, "preprocessor._target_")).endswith(".WhisperFeatures"):
        longest_s = WHISPER_S
    options, kind = _options(target, config, name), target.rsplit(".", 1)[-1]
    return ModelFacts(kind, rate, longest_s, options, _is_attention_model(target))


def near_pretrained(name: str) -> str:
    """The names of pretrained models that are near a misspelt one, as " (did you mean x?)"; without a network."""
    try:
        listed = ASRModel.list_available_models() or []
        return near_names(name, [model.pretrained_model_name for model in listed])
    except Exception:  # of NeMo: a list that cannot be had answers nothing
        return ""


def _pretrained_config(name: str) -> DictConfig:
    try:
        return ASRModel.from_pretrained(name, return_config=True)
    except Exception as error:  # of the network, of the hub, of NeMo
        reason = printable(str(error).strip().split("\n")[0], 200)
        raise ValueError(
            f"model {name!r} is no .nemo file, and no pretrained model of this name can be had"
            f"{near_pretrained(name)} ({reason}): should be one of the two, "
            "a file of transcripts, or a folder, hub name or size of another system (docs/systems.md)"
        ) from error


def check_transcribe_options(where: str, *, model: str, facts: ModelFacts, options: Mapping[str, Any]) -> None:
    """Refuses options that a model's `transcribe` does not take, or that are not the caller's, by a ValueError.

    ``where`` names the option that holds them, as in "transcribe".
    """
    for option in options:
        if option in OURS:
            raise ValueError(f"{where} holds {option!r}: {OURS[option]}, should be further options of transcribe()")
        if facts.options is not None and option not in facts.options:
            known = sorted(facts.options - set(OURS))
            raise ValueError(
                f"{where} holds {option!r}{near_names(option, known)}, which {model} ({facts.kind}) does not take: "
                f"should be some of {', '.join(known)}; transcribe is for the model, baseline_transcribe for the other"
            )
        if option in LANGUAGES:
            maybe(text()).check(f"{where}.{option}", options[option])


def _is_attention_model(target: str) -> bool | None:
    try:
        return issubclass(_get_allowed_target_class(target), EncDecMultiTaskModel)
    except Exception:  # whatever an import raises; loading the model gives the better error
        return None


def _options(target: str, config: DictConfig, name: str) -> frozenset[str] | None:
    """The arguments of a class's `transcribe` and of all that it passes the others on to."""
    try:
        kind = _get_allowed_target_class(target)
    except Exception:  # whatever an import raises; loading the model gives the better error
        return None
    if not hasattr(kind, "transcribe"):
        raise TypeError(f"model={name} is a {kind.__name__}, which cannot transcribe: give an ASR model")
    named: set[str] = set()
    takes_others = True
    for base in kind.__mro__:
        method = vars(base).get("transcribe")
        if method is None or not takes_others:
            continue
        parameters = inspect.signature(method).parameters.values()
        named |= {one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
        takes_others = any(one.kind is one.VAR_KEYWORD for one in parameters)
        if base is EncDecMultiTaskModel:
            takes_others, slots = False, _prompt_slots(str(config.get("prompt_format") or ""))
            if slots is None:
                return None
            named |= slots
    left_out = {"self", "timestamps"} if kind.__name__ == "WhisperModel" else {"self"}  # whose prompt has none
    return None if takes_others else frozenset(named - left_out)


def _prompt_slots(prompt_format: str) -> set[str] | None:
    try:
        template = PromptFormatter.resolve(prompt_format).TEMPLATE
    except Exception:  # a foreign prompt, which is registered when its module is imported
        return None
    return {slot for turn in template.values() for slot in turn.get("slots", {})} | set(PROMPT_FORMS)
