# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The one door for `.nemo` files: NeMo restores a recogniser only from an archive that was checked.

`nemo_noise.nemo_patches` puts `load` and `register` into NeMo's connector, and `build` before what NeMo builds, so
that `ASRModel.restore_from` and `from_pretrained` pass it too. A configuration that the user gives in place of the
archive's own stays the user's business.
"""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import torch
from omegaconf import DictConfig, OmegaConf

from nemo.core.classes.common import UnsafeTargetError, _get_allowed_target_class
from nemo.core.classes.modelPT import ModelPT
from nemo.utils import logging
from nemo.utils.app_state import AppState
from nemo.utils.msc_utils import is_multistorageclient_url

from nemo_noise.archive.checked_config import REMEDY, TRUST, checked_config, largest_numbers
from nemo_noise.archive.class_paths import public_paths
from nemo_noise.archive.construction_budget import ConstructionBudget
from nemo_noise.archive.contents import MAX_CONFIG_BYTES, ArchiveContents, check_checkpoint, read_contents
from nemo_noise.archive.finite_weights import check_model
from nemo_noise.foreign_text import printable

__all__ = [
    "any_file",
    "build",
    "building_from",
    "is_trusting",
    "load",
    "read_config",
    "register",
    "restore",
    "trusted_checkpoints",
]

_Wrapped = Callable[..., Any]
_Value = TypeVar("_Value")
_trusting: ContextVar[bool] = ContextVar("trusting", default=False)
_archive: ContextVar[str | None] = ContextVar("archive", default=None)  # whose files alone may become artifacts
_OF_RECOGNISERS = ("nemo.collections.asr.", "nemo_noise.")
_OF_TIMESTAMPS = "timestamps_asr_model_config.yaml"  # of the recogniser that NeMo's Canary keeps for time stamps


def is_trusting() -> bool:
    """Whether checkpoints are restored unchecked: inside `trusted_checkpoints`, or by the environment."""
    return _trusting.get() or os.environ.get(TRUST.split("=")[0], "").lower() in ("1", "true", "yes")


def trusted_checkpoints() -> AbstractContextManager[None]:
    """Restore `.nemo` files unchecked inside the block: their maker may run any program as you."""
    return _set_inside(_trusting, True)


def read_config(checkpoint: str | Path, argument: str = "checkpoint") -> DictConfig:
    """Read the configuration inside a `.nemo`, checked and resolved.

    Args:
        checkpoint: the file.
        argument: its option, for messages.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if it is none, or may not be restored from strangers; see `checked_config`.
    """
    where = f"{argument}={printable(checkpoint)}"
    if is_trusting():
        return public_paths(OmegaConf.create(read_contents(checkpoint, where).config_text))
    return checked_config(read_contents(checkpoint, where).config_text, where)


def restore(path: str | Path, argument: str, *, device: torch.device, kind: type[ModelPT]) -> Any:
    """Restore a model with finite weights from a `.nemo` file.

    Args:
        path: the file.
        argument: its option, for messages.
        device: of the model.
        kind: class whose `restore_from` is called.

    Returns:
        The model.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no `.nemo`, may not be restored from strangers, does not fit its own configuration, or has
            weights that are not finite. The message names the file and the cause.
    """
    where = f"{argument}={printable(path)}"
    checkpoint = check_checkpoint(path, argument)
    try:
        model = kind.restore_from(str(checkpoint), map_location=device)
    except Exception as error:  # whatever a constructor meets in a foreign configuration
        reason = printable(error or type(error).__name__, 600)
        if str(checkpoint) in str(error):
            raise ValueError(reason.replace(f"{checkpoint.absolute()}:", f"{where}:", 1)) from error
        raise ValueError(
            f"{where} cannot be restored: {type(error).__name__}: {reason}. Its configuration or its weights are not "
            "those of a model that this NeMo builds; restore and save it with the version that made it."
        ) from error
    check_model(model, where)
    return model


def load(wrapped: _Wrapped, connector: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NeMo's loading, with a checked configuration in place of the archive's."""
    call = inspect.signature(wrapped).bind(*args, **kwargs).arguments
    calling_class, path = call["calling_cls"], str(call["restore_path"])
    if not _is_checked(calling_class):
        return wrapped(*args, **kwargs)
    if is_trusting():
        logging.warning(f"{printable(path)} is restored unchecked, as {TRUST} asks: it may run any program.")
        unchecked = wrapped(*args, **kwargs)
        return public_paths(unchecked) if isinstance(unchecked, DictConfig) else unchecked
    if is_multistorageclient_url(path):
        raise ValueError(f"{printable(path)} cannot be checked where it lies: download it first. {REMEDY}.")
    contents = _contents(connector, path)
    if call.get("override_config_path") is not None:
        return wrapped(**call)
    config = checked_config(contents.config_text, path)
    if connector.model_config_yaml == _OF_TIMESTAMPS and "transf_decoder" in config:
        config.restore_timestamps_model = False  # it would be restored from its own files, and so on
    with _naming(path, calling_class), _building(path, contents.other_bytes, config):
        loaded = _first_error_of(wrapped, {**call, "override_config_path": config})
    if isinstance(loaded, tuple):  # configuration, model, weights that are not in it yet
        _check_types(loaded[2], loaded[1], path)
    return loaded


def build(wrapped: _Wrapped, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NeMo's building of a part or a model, with public class paths in its configuration."""
    call = inspect.signature(wrapped).bind(*args, **kwargs).arguments
    return wrapped(**{**call, "config": public_paths(call["config"])})


@contextmanager
def _naming(path: str, calling_class: type) -> Iterator[None]:
    """Name the archive in an error of the block: in the error of our own models, else in the log."""
    try:
        yield
    except Exception as error:
        if path in str(error):
            raise
        problem = f"{printable(path)} cannot be restored: {type(error).__name__}: {printable(error, 600)}"
        if calling_class.__module__.startswith("nemo_noise."):
            raise ValueError(problem) from error
        logging.error(problem)  # an error of NeMo's own classes keeps its type: others may wait for it
        raise


def _check_types(state: Mapping[str, Any], model: torch.nn.Module, path: str) -> None:
    """Refuse weights of another kind of number than the model's: torch would round them, or drop their half."""
    own = model.state_dict()
    for name, tensor in state.items():
        wanted = own.get(name)
        if wanted is None or not isinstance(tensor, torch.Tensor):
            continue
        if wanted.is_floating_point() != tensor.is_floating_point():
            raise ValueError(
                f"{printable(path)}: tensor {printable(name, 200)} is of type {tensor.dtype}, must be like "
                f"{wanted.dtype}: torch would convert it without a word; use another copy of the file."
            )


def _first_error_of(wrapped: _Wrapped, call: dict[str, Any]) -> Any:
    """NeMo's loading, with the error of the class in the archive, not of the abstract one tried next."""
    try:
        return wrapped(**call)
    except TypeError as error:
        target = call["override_config_path"].get("target")
        if "abstract class" not in str(error) or target is None:
            raise
        return wrapped(**{**call, "calling_cls": _get_allowed_target_class(target)})


def _is_checked(calling_class: type) -> bool:
    """Whether a restore is of a recogniser; those of NeMo's other collections pass unchecked."""
    return calling_class is ModelPT or any(
        parent.__module__.startswith(_OF_RECOGNISERS) for parent in calling_class.__mro__
    )


def _contents(connector: Any, path: str) -> ArchiveContents:
    if connector.model_extracted_dir is None or not Path(connector.model_extracted_dir).is_dir():
        return read_contents(path, path, Path(connector.model_config_yaml).name)
    folder = Path(connector.model_extracted_dir)
    config = folder / connector.model_config_yaml
    if config.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(
            f"{printable(config)} has {config.stat().st_size} bytes; at most {MAX_CONFIG_BYTES} are read."
        )
    return ArchiveContents(config.read_text("utf-8"), (folder / connector.model_weights_ckpt).stat().st_size)


@contextmanager
def building_from(checkpoint: str | Path, config: DictConfig) -> Iterator[None]:
    """Limits what is built inside the block: files of the archive alone, and sizes that its weights can fill.

    Args:
        checkpoint: the `.nemo` whose weights the model gets.
        config: of the model, for messages; it may differ from that in the archive.
    """
    if is_trusting():
        yield
        return
    with _building(str(checkpoint), read_contents(checkpoint, str(checkpoint)).other_bytes, config):
        yield


def any_file() -> AbstractContextManager[None]:
    """Lift, inside the block, the limit of `building_from` on files, for our copies of the archive's own."""
    return _set_inside(_archive, None)


@contextmanager
def _set_inside(variable: ContextVar[_Value], value: _Value) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@contextmanager
def _building(path: str, weight_bytes: int, config: DictConfig) -> Iterator[None]:
    def refusal(much: str) -> str:
        return (
            f"{printable(path)}: the configuration asks for {much} than {weight_bytes} bytes of weights can fill; its "
            f"largest numbers are {largest_numbers(OmegaConf.to_container(config))}. {REMEDY}."
        )

    token, budget = _archive.set(path), ConstructionBudget(weight_bytes, refusal)
    try:
        with budget:
            yield
    except Exception as error:
        if budget.refused is not None:  # Hydra raises another error, NeMo tries another class
            raise UnsafeTargetError(budget.refused) from error
        raise
    finally:
        _archive.reset(token)


def register(wrapped: _Wrapped, connector: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NeMo's registration of a file that the next `save_to` packs, limited to the archive's own."""
    path = _archive.get()
    call = inspect.signature(wrapped).bind(*args, **kwargs).arguments
    source = call["src"]
    if path is None or not source or str(source).startswith("nemo:"):
        return wrapped(*args, **kwargs)
    folder, name = AppState().nemo_file_folder, Path(str(source)).name
    if folder and (Path(folder) / name).is_file():  # archives of before NeMo 1.0 keep the name alone
        return wrapped(**{**call, "src": f"nemo:{name}"})
    if Path(str(source)).exists():
        raise UnsafeTargetError(
            f"{printable(path)}: {printable(call['config_path'])}={printable(source, 120)} is a file of this machine, "
            f"not of the archive; saving the model would take it along. {REMEDY}."
        )
    return wrapped(*args, **kwargs)
