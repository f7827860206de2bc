# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""NeMo's own command that trains the same: its fine-tuning script with the values of a config as overrides."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nemo_noise.tuning.options import TuningOptions

__all__ = ["nemo_command", "overrides_of"]

SCRIPT = "examples/asr/speech_to_text_finetune.py"
WHOLE = ("callbacks", "augmentor", "labels", "betas", "manifest_filepath")  # given as one value
NOT_HERE = ("seed", "name")
ABOUT = """\
# The same training by NeMo's own script; NEMO is the folder of NeMo's source code. It reads the manifests of this run
# and writes to a folder of its own. NeMo's script has no seed, so that its order of the data is another one.
"""
PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")  # text that Hydra takes without quotes
WORDS = ("null", "true", "false", "nan", "inf")


def nemo_command(options: TuningOptions, config: DictConfig) -> str:
    """The command for a shell, one override a line, with what to know about it."""
    lines = [f"python $NEMO/{SCRIPT}", *(f"  {shlex.quote(one)}" for one in overrides_of(options, config))]
    return ABOUT + " \\\n".join(lines) + "\n"


def overrides_of(options: TuningOptions, config: DictConfig) -> list[str]:
    """The overrides of that command in Hydra's grammar; `++` sets a key, whether the script's config has it or not."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    plain = {name: value for name, value in plain.items() if name not in NOT_HERE}
    _write_elsewhere(plain, options)
    return [f"{_sign(name)}{name}={_hydra(value)}" for name, value in _leaves(plain)]


def _write_elsewhere(plain: dict[str, Any], options: TuningOptions) -> None:
    """Gives the script's run a folder of its own, and its `.nemo`."""
    folder = options.folder.absolute() / "by_nemo"
    plain["exp_manager"]["explicit_log_dir"] = str(folder)
    plain["exp_manager"]["checkpoint_callback_params"]["save_nemo_on_train_end"] = True
    for callback in plain["trainer"]["callbacks"]:
        if "path" in callback:
            callback["path"] = str(folder / "kept.safetensors")


def _sign(name: str) -> str:
    return "" if name.startswith("init_from_nemo") else "++"


def _leaves(block: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in block.items():
        name = f"{where}{key}"
        if isinstance(value, Mapping) and key not in WHOLE:
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _hydra(value: Any) -> str:
    """A value in the grammar of Hydra's overrides."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if PLAIN.fullmatch(str(value)) and str(value).lower() not in WORDS:
        return str(value)
    return '"' + re.sub(r'(\\*)"', r'\1\1\\"', str(value)) + '"'
