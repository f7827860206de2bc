# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The options of a tuning, checked before anything is read; `conf/scripts/tune.yaml` explains them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nemo_noise.checks import Rule, choice, listed, mapping, maybe, number, text, whole
from nemo_noise.configuration import config_directory
from nemo_noise.data.mixing.surroundings import SurroundingsDraw
from nemo_noise.data.signal.snr import snr_distribution
from nemo_noise.evaluation.mixtures.snr_grid import parse_snr_db
from nemo_noise.evaluation.scoring.text_normalization import TextStep, parse_steps
from nemo_noise.foreign_text import printable
from nemo_noise.training.clean_guard import Action

__all__ = ["Learn", "TuningOptions", "default_config"]

NAME = "tune"  # of the config in conf/scripts
NEMO = ("model", "trainer", "exp_manager")  # blocks whose keys are NeMo's and Lightning's
Given = str | tuple[str, ...] | dict[str, Any]


class Learn(str, Enum):
    """What learns in a tuning."""

    CONTEXT = "context"
    ADAPTERS = "adapters"
    ALL = "all"


RULES: dict[str, Rule] = {
    "start": text(),
    "adapter": mapping("{name: noise, dim: 32}"),
    "clean_share": number(0, 1),
    "noise_alone": number(0, 1),
    "language": maybe(text()),
    "max_duration_s": number(above=0),
    "dev_snr_db": listed(number(-120, 120), "[10, 0]"),
    "dev_utterances": whole(1),
    "tolerance": number(0, 100),
    "steps": maybe(whole(1)),
    "minutes": maybe(number(above=0)),
    "validations": whole(1),
    "batch_size": whole(1),
    "lr": maybe(number(above=0)),
    "device": maybe(text()),
    "seed": whole(0),
    "output": text(),
}


@dataclass(frozen=True)
class TuningOptions:
    """The options of a tuning; `conf/scripts/tune.yaml` explains each.

    `model`, `trainer` and `exp_manager` are blocks of NeMo's and Lightning's own keys.
    """

    start: str
    train: Given
    dev: Given
    noise: Given
    dev_noise: Given | None
    output: Path
    learn: Learn | None
    adapter: Mapping[str, Any]
    snr_db: Any
    clean_share: float
    noise_alone: float
    around_s: Any
    rooms: Any
    text_normalization: tuple[TextStep, ...]
    language: str | None
    max_duration_s: float
    dev_snr_db: tuple[float, ...]
    dev_utterances: int
    tolerance: float
    guard: Action
    steps: int | None
    minutes: float | None
    validations: int
    batch_size: int
    lr: float | None
    device: str | None
    seed: int
    model: Mapping[str, Any]
    trainer: Mapping[str, Any]
    exp_manager: Mapping[str, Any]

    @classmethod
    def of(cls, config: DictConfig) -> "TuningOptions":
        """Reads and checks a config.

        Raises:
            ValueError: an option is missing, unknown or wrong; names it, its value and what would be right.
        """
        given: dict[str, Any] = {}
        for name in (one.name for one in fields(cls)):
            if OmegaConf.is_missing(config, name):
                raise ValueError(f"{name} is not given: {_HOW[name]}")
            value = config.get(name)
            given[name] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for name, rule in RULES.items():
            rule.check(name, given[name])
        for name in ("train", "dev", "noise", "dev_noise"):
            given[name] = _given(name, given[name])
        given["learn"] = None if given["learn"] is None else choice(Learn, given["learn"], "learn")
        given["guard"] = choice(Action, given["guard"], "guard")
        given["text_normalization"] = _text_steps(given["text_normalization"])
        given["dev_snr_db"] = _dev_snrs(given["dev_snr_db"])
        given["output"] = _output(given["output"])
        snr_distribution(given["snr_db"])
        if given["around_s"] is not None:
            SurroundingsDraw(given["around_s"])
        _check_adapter(given["adapter"])
        if given["noise_alone"] >= 1 or given["clean_share"] >= 1:
            raise ValueError(
                f"clean_share={given['clean_share']:g} and noise_alone={given['noise_alone']:g} leave no noisy speech "
                "to learn from: both should be below 1, as in 0.15 and 0.02"
            )
        return cls(**given)

    @property
    def folder(self) -> Path:
        """Where the run keeps its state, beside the output: `tuned.run` of `tuned.nemo`."""
        return self.output.with_suffix(".run")

    def recipe(self) -> dict[str, Any]:
        """All that decides a tuning, as JSON has it; two tunings with equal ones are the same."""
        plain = {name: value for name, value in asdict(self).items() if name != "output"}
        if self.around_s is None:  # came later: a run from before it goes on
            del plain["around_s"]
        plain["learn"] = None if self.learn is None else self.learn.value
        plain["guard"] = self.guard.value
        plain["text_normalization"] = [step.value for step in self.text_normalization]
        return plain


def default_config() -> DictConfig:
    """The config of a tuning with its defaults."""
    loaded = OmegaConf.load(config_directory() / "scripts" / f"{NAME}.yaml")
    assert isinstance(loaded, DictConfig)
    return loaded


_HOW = {
    "start": "a .nemo file or the name of a pretrained NeMo model",
    "train": "speech with text, as in --train train.json",
    "dev": "speech with text by other speakers, as in --dev dev.json; it chooses the checkpoint and is no test set",
    "noise": "a folder or a manifest of noise, as in --noise my_noise/",
}


def _given(name: str, value: Any) -> Any:
    if value is None and name == "dev_noise":
        return None
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return tuple(map(str, value))
    if isinstance(value, Mapping) and "noise" in name and value:
        return dict(value)
    raise ValueError(f"{name} is {printable(repr(value), 100)}, should be a manifest, a folder, or a list of them")


def _text_steps(value: Any) -> tuple[TextStep, ...]:
    steps = parse_steps([value] if isinstance(value, str) else value)
    if TextStep.LETTERS in steps:
        raise ValueError("text_normalization holds 'letters', which is for scoring: the model would learn letters")
    return steps


def _dev_snrs(value: Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(float(snr) for snr in parse_snr_db(list(value)) if snr is not None)
    except ValueError as error:
        raise ValueError(str(error).replace("snr_db", "dev_snr_db", 1)) from error


def _output(value: str) -> Path:
    path = Path(value).expanduser()
    if path.suffix != ".nemo" or not path.stem:
        raise ValueError(f"output is {printable(repr(value), 200)}, should be a file that ends in .nemo")
    if path.is_dir():
        raise ValueError(f"output={printable(value, 200)} is a folder: name a .nemo file in it")
    return path


def _check_adapter(adapter: Mapping[str, Any]) -> None:
    unknown = set(adapter) - {"name", "dim"}
    if unknown:
        raise ValueError(f"adapter has the unknown key {sorted(unknown)[0]!r}, should be {{name: noise, dim: 32}}")
    whole(1).check("adapter.dim", adapter.get("dim"))
    name = adapter.get("name")
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"adapter.name is {printable(repr(name), 60)}, should be a word of letters, digits and _")
