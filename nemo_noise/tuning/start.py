# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoint that a tuning starts from: its facts before it is loaded, and the model with what is to learn."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel
from nemo.core.classes.common import _get_allowed_target_class
from nemo.core.classes.mixins import adapter_mixins

from nemo_noise.archive import read_config, restore
from nemo_noise.foreign_text import printable
from nemo_noise.recogniser.checkpoint import restore_with_added_parts
from nemo_noise.recogniser.config_facts import near_pretrained
from nemo_noise.recogniser.facts import check_rates
from nemo_noise.recogniser.model_file import save_model
from nemo_noise.tuning.options import Learn, TuningOptions

__all__ = ["Loader", "Start", "parts_that_learn", "restore_start", "start_of"]

LINEAR_ADAPTER = "nemo.collections.common.parts.adapter_modules.LinearAdapter"
WHISPER_S = 30.0  # where the configuration leaves the window to its default
CONTEXT_PARTS = ("encoder.context_encoder.", "encoder.fusions.")


class Loader(str, Enum):
    """NeMo's data loaders."""

    CLASSIC = "classic"
    LHOTSE = "lhotse"  # the only one of attention decoders


@dataclass(frozen=True)
class Start:
    """Facts of a checkpoint from its configuration.

    Attributes:
        name: as the user gives it.
        path: the file; of a pretrained name, and of one with new adapters, where the run keeps it.
        is_pretrained: whether it is the name of a model that NeMo downloads.
        config: of the model.
        kind: its class.
        learn: what is to learn.
    """

    name: str
    path: Path
    is_pretrained: bool
    config: DictConfig
    kind: type
    learn: Learn

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        found = (OmegaConf.select(self.config, key) for key in ("sample_rate", "preprocessor.sample_rate"))
        return int(next((rate for rate in found if rate is not None), 16000))

    @property
    def loader(self) -> Loader:
        """The loader that trains it."""
        return Loader.LHOTSE if issubclass(self.kind, EncDecMultiTaskModel) else Loader.CLASSIC

    @property
    def labels(self) -> list[str] | None:
        """Its characters; None where a tokenizer has the vocabulary."""
        if OmegaConf.select(self.config, "tokenizer") is not None:
            return None
        found = self.config.get("labels") or OmegaConf.select(self.config, "decoder.vocabulary")
        return None if found is None else [str(label) for label in found]

    @property
    def is_whisper(self) -> bool:
        """Whether it is a Whisper, whose audio has a longest length."""
        return self.kind.__name__.endswith("WhisperModel")

    @property
    def longest_s(self) -> float:
        """Seconds of the longest audio that it takes."""
        if not self.is_whisper:
            return float("inf")
        return float(OmegaConf.select(self.config, "preprocessor.window_s") or WHISPER_S)

    @property
    def language(self) -> str:
        """The language of its prompt where a line names none."""
        turns = self.config.get("prompt_defaults") or []
        named = (OmegaConf.select(turn, "slots.source_lang") for turn in turns)
        return str(next((language for language in named if language), "en"))


def start_of(options: TuningOptions) -> Start:
    """The facts of the checkpoint, and whether it can learn what is asked for on this device.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no recogniser, or cannot learn so; names the option and what to do.
    """
    name, path = options.start, Path(options.start).expanduser()
    is_pretrained = not (path.is_file() or path.suffix == ".nemo" or len(path.parts) > 2 or path.is_dir())
    if path.is_dir():
        raise ValueError(
            f"start={printable(name, 200)} is a folder, should be a .nemo file; nemo_noise.models.import_whisper and "
            "import_wav2vec2 make one of a Hugging Face folder"
        )
    config = _pretrained_config(name) if is_pretrained else read_config(path, "start")
    where = f"start={printable(name, 200)}"
    kind = _kind(config, where)
    learn = _learn(config, options.learn, where)
    is_kept = is_pretrained or learn is Learn.ADAPTERS
    start = Start(name, options.folder / "start.nemo" if is_kept else path, is_pretrained, config, kind, learn)
    _check_adapters(start)
    uses_cuda = torch.cuda.is_available() and not str(options.device or "cuda").startswith(("cpu", "mps"))
    if OmegaConf.select(config, "loss.loss_name") == "tdt" and not uses_cuda:
        raise ValueError(
            f"{where} is a TDT model, whose loss NeMo computes on CUDA alone: tune it on a GPU (there is "
            f"{'one here: leave --device out' if torch.cuda.is_available() else 'none here'})"
        )
    return start


def restore_start(start: Start, options: TuningOptions) -> ASRModel:
    """Restores the checkpoint with what is to learn in it; its output is that of the checkpoint."""
    if start.learn is Learn.ADAPTERS and not start.path.is_file():
        save_model(_with_adapters(start, options), start.path)
    elif start.is_pretrained and not start.path.is_file():
        save_model(ASRModel.from_pretrained(start.name, map_location="cpu"), start.path)
    model: ASRModel = restore(start.path, "start", device=torch.device("cpu"), kind=ASRModel)
    check_rates(model, f"start={start.name}")
    return model


def parts_that_learn(start: Start, options: TuningOptions) -> tuple[str, ...] | None:
    """How the names of the parameters that learn begin, as `TrainOnly` takes them; None for all."""
    if start.learn is Learn.CONTEXT:
        return CONTEXT_PARTS
    return (f"*.adapter_layer.{options.adapter['name']}.",) if start.learn is Learn.ADAPTERS else None


def _with_adapters(start: Start, options: TuningOptions) -> ASRModel:
    """The checkpoint with NeMo's linear adapters in its encoder, whose class changes as in NeMo's adapter script.

    They are random but for their last layer, which is zero; the seed of the tuning decides them.
    """
    config = OmegaConf.create(OmegaConf.to_container(start.config, resolve=False))
    assert isinstance(config, DictConfig)
    with open_dict(config):
        config.encoder._target_ = _adapter_class(str(config.encoder._target_)) or config.encoder._target_
    if start.is_pretrained:
        model = ASRModel.from_pretrained(start.name, override_config_path=config, map_location="cpu")
    else:
        model = restore_with_added_parts(Path(start.name).expanduser(), config, added_prefixes=(), map_location="cpu")
    torch.manual_seed(options.seed)
    _add_adapter(model, str(options.adapter["name"]), int(options.adapter["dim"]))
    return model


def _add_adapter(model: ASRModel, name: str, dim: int) -> None:
    """Adds linear adapters to all layers of the encoder, and enables these alone."""
    width = int(model.cfg.encoder.d_model)
    known = set(OmegaConf.to_container(model.cfg.get("adapters") or OmegaConf.create()))
    if {name, f"encoder:{name}"} & known:
        raise ValueError(f"adapter.name={name!r}: the checkpoint has adapters of this name: take another one")
    adapter = OmegaConf.create({"_target_": LINEAR_ADAPTER, "in_features": width, "dim": dim, "norm_position": "pre"})
    model.add_adapter(f"encoder:{name}", cfg=adapter)
    model.set_enabled_adapters(enabled=False)
    model.set_enabled_adapters(f"encoder:{name}", enabled=True)
    model.cfg = model.cfg  # NeMo's way to keep what was changed in it


def _learn(config: DictConfig, asked: Learn | None, where: str) -> Learn:
    has_context = OmegaConf.select(config, "encoder.context") is not None
    if asked is Learn.CONTEXT and not has_context:
        raise ValueError(
            f"learn=context, but {where} has no noise context: give it one by `nemo-noise add`, or take --learn all "
            "or --learn adapters"
        )
    return asked or (Learn.CONTEXT if has_context else Learn.ALL)


def _check_adapters(start: Start) -> None:
    target = str(OmegaConf.select(start.config, "encoder._target_"))
    if start.learn is Learn.ADAPTERS and _adapter_class(target) is None and not target.endswith("Adapter"):
        raise ValueError(
            f"learn=adapters, but NeMo has none for the encoder {target} of start={printable(start.name, 200)}: "
            "take --learn all, or --learn context where it has a noise context"
        )


def _adapter_class(target: str) -> str | None:
    """The class of an encoder that takes NeMo's adapters; None where there is none."""
    kind: Any = _get_allowed_target_class(target)
    found = adapter_mixins.get_registered_adapter(kind)
    return None if found is None else str(found.adapter_class_path)


def _kind(config: DictConfig, where: str) -> type:
    target = str(config.get("target") or "")
    kind: Any = _get_allowed_target_class(target)
    if not (isinstance(kind, type) and issubclass(kind, ASRModel)) or not hasattr(kind, "transcribe"):
        raise ValueError(f"{where} is a {target.rsplit('.', 1)[-1]}, which does not transcribe: give an ASR model")
    return kind


def _pretrained_config(name: str) -> DictConfig:
    load: Callable[..., Any] = ASRModel.from_pretrained
    try:
        return load(name, return_config=True)
    except Exception as error:  # of the network, of the hub, of NeMo
        reason = printable(str(error).strip().split("\n")[0], 200)
        raise ValueError(
            f"start={printable(name, 200)} is no .nemo file here, and no pretrained model of this name can be had"
            f"{near_pretrained(name)} ({reason}): give the path of a .nemo file, or a name of NeMo's"
        ) from error
