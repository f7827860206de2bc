# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A tuning from its options to its result: checks, an ordinary NeMo training that resumes, the kept weights."""

import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel
from nemo.core.classes import ModelPT

from nemo_noise import whole_file
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.options import check_output
from nemo_noise.foreign_text import printable
from nemo_noise.models.training_run import fit
from nemo_noise.progress import write_line
from nemo_noise.recogniser.model_file import save_model
from nemo_noise.training.best_in_noise import BestInNoise
from nemo_noise.tuning.curves import draw_curves
from nemo_noise.tuning.material import Material, prepare_material
from nemo_noise.tuning.nemo_command import nemo_command
from nemo_noise.tuning.options import Learn, TuningOptions, default_config
from nemo_noise.tuning.progress_lines import ProgressLines
from nemo_noise.tuning.rehearsal import length_for
from nemo_noise.tuning.result import Tuned, read_result, write_result
from nemo_noise.tuning.start import Start, parts_that_learn, restore_start, start_of
from nemo_noise.tuning.training_config import Length, default_length, rooms_block, training_config
from nemo_noise.tuning.vocabulary import check_characters, check_transcripts

__all__ = ["tune", "tune_by_config"]

RECIPE, CONFIG, RESULT = "recipe.json", "training.yaml", "result.json"
ALONE = ("manifests", "dev", "training", CONFIG, RESULT, "kept.safetensors", "start.nemo", RECIPE)  # of a run


def tune(
    model: str | Path,
    /,
    *,
    train: str | Path | Sequence[str | Path],
    dev: str | Path | Sequence[str | Path],
    noise: Any,
    output: str | Path = "tuned.nemo",
    restart: bool = False,
    **options: Any,
) -> Tuned:
    """Conditions a checkpoint in noise; a call that was interrupted goes on where it was, a finished one is read.

    Args:
        model: a `.nemo` of any family, with or without a noise context, or a pretrained name.
        train: speech with text to learn from: manifests, folders or patterns.
        dev: speech with text that guards clean speech and chooses the weights.
        noise: manifests, folders or patterns; a fifth of the files is kept for dev, unless `dev_noise` is given.
        output: the `.nemo` that is written; the run's state lies beside it, in `tuned.run` of `tuned.nemo`.
        restart: whether what an earlier run of this output left is thrown away.
        options: those of `conf/scripts/tune.yaml`, such as `learn="context"`, `minutes=30`, `steps=2000`,
            `trainer={"precision": "bf16-mixed"}`.

    Returns:
        What it came to.

    Raises:
        ValueError: something given is wrong; names argument, value and remedy.
        FileNotFoundError: something is not there.
    """
    config = default_config()
    unknown = [name for name in options if name not in config]
    if unknown:
        raise TypeError(f"tune() has no option {unknown[0]!r}, expected some of {', '.join(map(str, config))}")
    given = {"start": str(model), "train": _paths(train), "dev": _paths(dev), "noise": _paths(noise)}
    merged = OmegaConf.merge(config, given, {"output": str(output)}, {k: _paths(v) for k, v in options.items()})
    assert isinstance(merged, DictConfig)
    return tune_by_config(merged, restart=restart)


def tune_by_config(config: DictConfig, *, restart: bool = False) -> Tuned:
    """As `tune`, with all options in one config, as `conf/scripts/tune.yaml` has them."""
    options = TuningOptions.of(config)
    if restart:
        _remove(options)
    finished = _finished(options)
    if finished is not None:
        write_line(f"{options.output} is finished, nothing is run; --restart begins anew")
        return finished
    check_output("output", options.output.parent)
    choose_device(options.device)
    rooms_block(options.rooms)
    start = start_of(options)
    _note_choice(start, options)
    check_output("output", options.folder)
    material = prepare_material(options, start, write_line)
    if start.labels is not None:
        check_characters(material.texts, start.labels, write_line)
    _write_recipe(options, material)
    return _Run(start, options, material).finish()


class _Run:
    """The training of one tuning."""

    def __init__(self, start: Start, options: TuningOptions, material: Material) -> None:
        self.start, self.options, self.material = start, options, material
        first = restore_start(start, options)
        check_transcripts(material.texts, first, write_line)
        self.parameters = sum(value.numel() for value in first.parameters())
        self.learning = sum(value.numel() for name, value in first.named_parameters() if _learns(name, start, options))
        self._first: ASRModel | None = first  # the training takes it, a second one restores another
        self.config = self._read_or_made()

    def finish(self) -> Tuned:
        """Trains, saves the kept weights, and writes the result."""
        whole_file.write_text(self._beside(".txt"), nemo_command(self.options, self.config))
        self._explain()
        lines = ProgressLines(steps=int(self.config.trainer.max_steps), minutes=self.options.minutes)
        model = self._fit(lines)
        lines.best.restore(model)
        save_model(model, self.options.output)
        return self._write(lines, model.trainer.global_step)

    def _read_or_made(self) -> DictConfig:
        """The config of the training: that of the run that goes on, or a new one."""
        path = self.options.folder / CONFIG
        if path.is_file():
            read = OmegaConf.load(path)
            assert isinstance(read, DictConfig)
            return read
        length = default_length(self.options, self.material.utterances)
        made = self._made(length)
        if self.options.minutes is not None and self.options.steps is None:
            write_line("measures how long a step takes")
            length = length_for(
                self.options.minutes,
                lambda trainer: self._build(trainer, made),
                made,
                validations=self.options.validations,
            )
            made = self._made(length)
        whole_file.write_text(path, OmegaConf.to_yaml(made))
        return made

    def _made(self, length: Length) -> DictConfig:
        return training_config(
            self.start, self.options, material=self.material, length=length, parameters=self.parameters
        )

    def _explain(self) -> None:
        config, options = self.config, self.options
        write_line(
            f"learns: {self.start.learn.value}, {self.learning:,} of {self.parameters:,} parameters; learning rate "
            f"{config.model.optim.lr:g}, {config.trainer.max_steps} steps of {options.batch_size} utterances"
        )
        write_line(
            f"mixes: {_range(options.snr_db)} dB, {100 * options.clean_share:.0f} % of the utterances stay clean; "
            f"clean WER on dev may rise by {options.tolerance:g} points (guard: {options.guard.value})"
        )

    def _fit(self, lines: ProgressLines) -> ModelPT:
        handler = signal.getsignal(signal.SIGINT)
        trainers: list[pl.Trainer] = []

        def build(trainer: pl.Trainer) -> ModelPT:
            trainers.append(trainer)
            lines.best = next(one for one in trainer.callbacks if isinstance(one, BestInNoise))
            return self._build(trainer, self.config)

        try:
            return fit(build, self.config, [lines])
        except SystemExit:  # Lightning's end of a training that Ctrl-C stopped
            if not (trainers and trainers[0].interrupted):
                raise
            raise KeyboardInterrupt from None
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"batch_size={self.options.batch_size} does not fit into the memory of the device: take "
                f"--batch-size {max(1, self.options.batch_size // 2)} and trainer.accumulate_grad_batches=2"
            ) from error
        finally:
            if callable(handler):
                signal.signal(signal.SIGINT, handler)

    def _build(self, trainer: pl.Trainer, config: DictConfig) -> ModelPT:
        """The model with its data and optimizer, in the order of NeMo's fine-tuning script."""
        model, self._first = self._first or restore_start(self.start, self.options), None
        model.set_trainer(trainer)
        model.setup_training_data(config.model.train_ds)
        model.setup_multiple_validation_data(config.model.validation_ds)
        with open_dict(model.cfg):
            model.cfg.optim = config.model.optim
        model.setup_optimization(config.model.optim)
        return model

    def _write(self, lines: ProgressLines, steps: int) -> Tuned:
        best, options = lines.best, self.options
        if best.best is None:
            raise RuntimeError("the training ended before dev was transcribed once")
        picture = self._beside(".png")
        draw_curves(best.validations, best.best, tolerance=best.tolerance, path=picture)
        tuned = Tuned(
            output=str(options.output),
            start=options.start,
            learn=self.start.learn,
            learning=self.learning,
            parameters=self.parameters,
            steps=steps,
            best=best.best,
            validations=tuple(best.validations),
            stopped_by=lines.stopped_by or self._stopped_by_guard(steps),
            mixtures=self.material.mixtures["mixtures"],
            mixtures_sha256=self.material.mixtures["mixture_set_sha256"],
            speech=options.dev,
            noise=options.noise,
            picture=str(picture),
            command=str(self._beside(".txt")),
        )
        write_result(tuned, _recipe(options), options.folder / RESULT)
        return tuned

    def _stopped_by_guard(self, steps: int) -> str | None:
        """Why a training ended early that no clock stopped."""
        if steps >= int(self.config.trainer.max_steps):
            return None
        return f"clean WER rose by more than {self.options.tolerance:g} points"

    def _beside(self, suffix: str) -> Path:
        return self.options.output.with_suffix(suffix)


def _learns(name: str, start: Start, options: TuningOptions) -> bool:
    parts = parts_that_learn(start, options)
    return parts is None or any(fnmatchcase(name, f"{part}*") for part in parts)


def _range(snr_db: Any) -> str:
    if isinstance(snr_db, Mapping):
        return f"{snr_db['min']:g} to {snr_db['max']:g}"
    return ", ".join(f"{one:g}" for one in snr_db)


def _note_choice(start: Start, options: TuningOptions) -> None:
    if options.learn is not None:
        return
    if start.learn is Learn.CONTEXT:
        write_line("learns the noise context that the model has, and its fusions (--learn all: all of it)")
    else:
        write_line(
            "learns all of the model, as it has no noise context (--learn adapters: small parts; `nemo-noise add` "
            "gives it a context)"
        )


def _recipe(options: TuningOptions) -> dict[str, Any]:
    """What decides the tuning, with the size and time of the checkpoint's file."""
    recipe = json.loads(json.dumps(options.recipe(), default=str))
    path = Path(options.start).expanduser()
    recipe["file"] = [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None
    return dict(recipe)


def _finished(options: TuningOptions) -> Tuned | None:
    """The result that is there already, of the same tuning.

    Raises:
        ValueError: what is there is of another tuning; names the options that differ.
    """
    recipe = options.folder / RECIPE
    if not recipe.is_file():
        there = [path for path in map(options.output.with_suffix, (".nemo", ".txt", ".png")) if path.exists()]
        if there:
            raise ValueError(
                f"output={options.output}: {there[0]} is there and of no tuning: name another, or move it"
            )
        return None
    before, now = json.loads(recipe.read_text(encoding="utf-8")), _recipe(options)
    other = [name for name in now if now[name] != before.get(name)]
    if other:
        shown = "; ".join(f"{name}: {before.get(name)!r}, now {now[name]!r}" for name in other[:3])
        raise ValueError(
            f"output={options.output}: {options.folder}{os.sep} holds a tuning with other options "
            f"({printable(shown, 300)}): name another output, or throw that one away with --restart"
        )
    result = options.folder / RESULT
    return read_result(result) if result.is_file() and options.output.is_file() else None


def _write_recipe(options: TuningOptions, material: Material) -> None:
    """Writes what decides the tuning; what was read must be what an earlier run of it read.

    Raises:
        ValueError: it is not.
    """
    path, recipe = options.folder / RECIPE, _recipe(options) | {"read": material.digests()}
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8")).get("read", {})
        changed = [name for name, digest in recipe["read"].items() if before.get(name) != digest]
        if changed:
            raise ValueError(
                f"{' and '.join(changed)} changed since {options.folder}{os.sep} was begun, which cannot go on: give "
                "what it began with, or begin anew with --restart"
            )
    whole_file.write_text(path, json.dumps(recipe, indent=2) + "\n")


def _remove(options: TuningOptions) -> None:
    """Throws away what a run of this output left, and nothing else."""
    if not (options.folder / RECIPE).is_file():
        return
    for name in ALONE:
        path = options.folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for suffix in (".nemo", ".txt", ".png"):
        options.output.with_suffix(suffix).unlink(missing_ok=True)


def _paths(value: Any) -> Any:
    """Paths as text, and tuples as lists, for a config."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _paths(one) for key, one in value.items()}
    return [_paths(one) for one in value] if isinstance(value, list | tuple) else value
