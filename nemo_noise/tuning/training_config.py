# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The config of a tuning as NeMo's fine-tuning script takes one: data sets, optimizer, trainer, callbacks."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from nemo_noise.configuration import config_directory
from nemo_noise.data.acoustics.chain import build_chain
from nemo_noise.evaluation.device import choose_device
from nemo_noise.foreign_text import printable
from nemo_noise.tuning.material import Material
from nemo_noise.tuning.options import Learn, TuningOptions
from nemo_noise.tuning.start import Loader, Start, parts_that_learn

__all__ = ["Length", "default_length", "learning_rate", "rooms_block", "training_config"]

FEWEST_STEPS, MOST_STEPS, PASSES = 400, 20_000, 10
SAVED_PARTS = 50  # of a training, between checkpoints
LR_OF_PARTS = 1e-3  # context, adapters
LR_OF_WHISPER = 1e-5
LR_BY_SIZE = ((5e6, 1e-3), (50e6, 3e-4), (float("inf"), 1e-4))
MOST_WORKERS = 8
AROUND_PROB = 0.5  # of the sides of an utterance; with all of them, speech that begins at once is unlearned


@dataclass(frozen=True)
class Length:
    """How long a tuning is: optimizer steps in all, and from one validation to the next."""

    steps: int
    validate_every: int

    @classmethod
    def of(cls, steps: int, validations: int) -> "Length":
        """About so many steps: a multiple of the steps between validations."""
        every = max(1, steps // validations)
        return cls(every * max(1, round(steps / every)), every)


def default_length(options: TuningOptions, utterances: int) -> Length:
    """The steps that are asked for, or ten times the data within 400 to 20000 steps."""
    a_step = options.batch_size * int(options.trainer.get("accumulate_grad_batches") or 1)
    by_data = min(MOST_STEPS, max(FEWEST_STEPS, PASSES * utterances // a_step))
    return Length.of(options.steps or by_data, options.validations)


def learning_rate(start: Start, options: TuningOptions, parameters: int) -> float:
    """The learning rate that is asked for, or one by what learns and by the size of the model."""
    if options.lr is not None:
        return options.lr
    if start.learn is not Learn.ALL:
        return LR_OF_PARTS
    if start.is_whisper:
        return LR_OF_WHISPER
    return next(rate for size, rate in LR_BY_SIZE if parameters < size)


def training_config(
    start: Start, options: TuningOptions, *, material: Material, length: Length, parameters: int
) -> DictConfig:
    """The whole config; all paths in it are absolute.

    Args:
        start: the checkpoint.
        options: of the tuning.
        material: its manifests.
        length: its steps.
        parameters: of the model.
    """
    config = OmegaConf.create({"name": "tuning", "seed": options.seed})
    is_name = start.is_pretrained and start.learn is not Learn.ADAPTERS
    key = "init_from_pretrained_model" if is_name else "init_from_nemo_model"
    config[key] = start.name if is_name else str(start.path.absolute())
    config.model = _model(start, options, material=material, parameters=parameters)
    config.trainer = _trainer(start, options, length)
    config.exp_manager = _exp_manager(options, length)
    assert isinstance(config, DictConfig)
    return config


def rooms_block(rooms: Any) -> dict[str, Any] | None:
    """The block `rooms` of an augmentor: a file of conf/parts/acoustics, impulse responses, or the block itself.

    Raises:
        ValueError: there is no such file, or the block is wrong.
    """
    if rooms is None:
        return None
    folder = config_directory() / "parts" / "acoustics"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if isinstance(rooms, str) and rooms not in known and Path(rooms).expanduser().is_file():
        block = OmegaConf.load(folder / "recorded_rooms.yaml")
        block.effects.reverberation.rooms.recorded.manifest_path = str(Path(rooms).expanduser().absolute())
    elif isinstance(rooms, str):
        if rooms not in known:
            raise ValueError(
                f"rooms is {printable(repr(rooms), 100)}, should be one of {', '.join(known)}, or a manifest of "
                "impulse responses"
            )
        block = OmegaConf.load(folder / f"{rooms}.yaml")
    else:
        block = OmegaConf.create(rooms)
    missing = OmegaConf.missing_keys(block)
    if missing:
        raise ValueError(f"rooms={rooms!r} needs {sorted(missing)[0]}: give a manifest of impulse responses instead")
    plain: Any = OmegaConf.to_container(block, resolve=True)
    if not isinstance(plain, Mapping) or not isinstance(plain.get("effects"), Mapping):
        raise ValueError(
            f"rooms is {printable(repr(plain), 100)}, should be a block with effects, as in docs/acoustics"
        )
    build_chain(plain["effects"])
    return dict(plain)


def _model(start: Start, options: TuningOptions, *, material: Material, parameters: int) -> dict[str, Any]:
    """The block `model`; its defaults are NeMo's, what the user set in `tune.yaml` or beside goes before."""
    given = {name: dict(options.model.get(name) or {}) for name in ("train_ds", "validation_ds", "optim")}
    common: dict[str, Any] = {"sample_rate": start.sample_rate, "batch_size": options.batch_size}
    if start.labels is not None:
        common["labels"] = start.labels
    if start.loader is Loader.LHOTSE:
        common |= _lhotse(start)
    longest_s = max(options.max_duration_s, 1.0)
    train = common | {"manifest_filepath": str(material.train.absolute()), "max_duration": longest_s}
    train |= {"augmentor": _augmentor(options, material)}
    validation = common | {
        "manifest_filepath": [str(one.absolute()) for one in (material.clean_dev, material.noisy_dev)]
    }
    if start.loader is Loader.LHOTSE:
        train |= {"shard_seed": 0, "seed": options.seed}
    workers = _workers(options)
    for block, number in ((given["train_ds"], workers), (given["validation_ds"], min(2, workers))):
        block["num_workers"] = number if block.get("num_workers") is None else block["num_workers"]
        if block.get("pin_memory") is None:
            block["pin_memory"] = choose_device(options.device).type == "cuda"
    optim = given["optim"]
    if optim.get("lr") is None:
        optim["lr"] = learning_rate(start, options, parameters)
    sched = optim.get("sched")
    if isinstance(sched, Mapping) and "min_lr" in sched and sched["min_lr"] is None:
        optim["sched"] = {**sched, "min_lr": optim["lr"] / 100}
    further = {name: value for name, value in options.model.items() if name not in given}
    return {**further, "train_ds": train | given["train_ds"], "validation_ds": validation | given["validation_ds"],
            "optim": optim}  # fmt: skip


def _augmentor(options: TuningOptions, material: Material) -> dict[str, Any]:
    noise_mix: dict[str, Any] = {
        "prob": 1.0,
        "manifest_path": str(material.train_noise.absolute()),
        "snr_db": options.snr_db,
        "mix_prob": round(1.0 - options.clean_share, 6),
        "seed": options.seed,
    }
    if options.noise_alone:
        noise_mix["noise_only_prob"] = options.noise_alone
    if options.around_s is not None:
        noise_mix |= {"around_s": options.around_s, "around_prob": AROUND_PROB}
    rooms = rooms_block(options.rooms)
    return ({"rooms": rooms} if rooms else {}) | {"noise_mix": noise_mix}


def _lhotse(start: Start) -> dict[str, Any]:
    """What NeMo's loader needs for attention decoders."""
    positions = OmegaConf.select(start.config, "transf_decoder.config_dict.max_sequence_length")
    lhotse = {"use_lhotse": True, "text_field": "text"}
    lhotse["lang_field"] = "source_lang" if start.is_whisper else "target_lang"
    return lhotse | ({"max_decoder_positions": int(positions)} if positions else {})


def _trainer(start: Start, options: TuningOptions, length: Length) -> dict[str, Any]:
    device = choose_device(options.device)
    trainer: dict[str, Any] = {
        "accelerator": "gpu" if device.type == "cuda" else device.type,
        "max_steps": length.steps,
        "max_epochs": -1,
        "val_check_interval": length.validate_every * int(options.trainer.get("accumulate_grad_batches") or 1),
        "check_val_every_n_epoch": None,  # validations count batches, whatever an epoch is
        "num_sanity_val_steps": -1,  # all of dev, before the training
        "enable_checkpointing": False,  # exp_manager does it
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": start.loader is not Loader.LHOTSE,
    }
    given = dict(options.trainer)
    if given.get("precision") is None:
        has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        given["precision"] = "bf16-mixed" if has_bfloat16 else "32-true"
    if device.type == "cuda" and device.index is not None:
        given["devices"] = [device.index]
    trainer |= given
    trainer["callbacks"] = [*_callbacks(start, options), *(given.get("callbacks") or [])]
    return trainer


def _callbacks(start: Start, options: TuningOptions) -> list[dict[str, Any]]:
    parts = parts_that_learn(start, options)
    only = [] if parts is None else [{"_target_": "nemo_noise.training.TrainOnly", "parts": list(parts)}]
    tolerance = round(options.tolerance / 100, 6)
    best = {
        "_target_": "nemo_noise.training.BestInNoise",
        "path": str((options.folder / "kept.safetensors").absolute()),
        "tolerance": tolerance,
    }
    guard = {"_target_": "nemo_noise.training.CleanGuard", "tolerance": tolerance, "action": options.guard.value}
    return [*only, best, guard]


def _exp_manager(options: TuningOptions, length: Length) -> dict[str, Any]:
    manager: dict[str, Any] = {
        "explicit_log_dir": str((options.folder / "training").absolute()),
        "name": "tuning",
        "create_checkpoint_callback": True,
        "resume_if_exists": True,
        "resume_ignore_no_checkpoint": True,
    }
    checkpoints = {
        "monitor": "val_wer",
        "save_top_k": 0,  # BestInNoise keeps the best
        "save_last": True,
        "save_nemo_on_train_end": False,
        "every_n_epochs": None,
        "filename": "tuning-{step}",
    }
    given = dict(options.exp_manager)
    checkpoints |= dict(given.pop("checkpoint_callback_params", None) or {})
    if checkpoints.get("every_n_train_steps") is None:
        checkpoints["every_n_train_steps"] = _save_every(length.steps)
    return manager | given | {"checkpoint_callback_params": checkpoints}


def _save_every(steps: int) -> int:
    """Steps between checkpoints: none behind the last step, whose validation is still to come."""
    every = max(2, steps // SAVED_PARTS)
    while steps % every == 0:
        every += 1
    return every


def _workers(options: TuningOptions) -> int:
    processes = options.trainer.get("devices")
    shared = processes if isinstance(processes, int) and processes > 0 else 1
    return min(MOST_WORKERS, (os.cpu_count() or 1) // (2 * shared))
