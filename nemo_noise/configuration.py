# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of our configs, beside the package or in a wheel, and the resolvers that they use."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

DATA_SETS = ("train_ds", "validation_ds", "test_ds")


def config_directory() -> Path:
    """The absolute path of `conf/`; a FileNotFoundError where the package was installed without it."""
    package = Path(__file__).resolve().parent
    candidates = (package / "conf", package.parent / "conf")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"no configs in {candidates[0]} (as in a wheel) or {candidates[1]} (as in a checkout): reinstall nemo-noise"
    )


def lightning_shares_out(*, _root_: "DictConfig") -> bool:
    """Whether Lightning divides the utterances among the processes: not where Lhotse reads them.

    It is the value of Lightning's ``use_distributed_sampler``. NeMo's Lhotse loader gives every process its part, and
    Lightning cannot divide it again: its sampler has no length. OmegaConf fills in ``_root_``, the whole config.

    Raises:
        ValueError: if Lhotse reads the validation or test data alone, whose sampler Lightning would then divide.
    """
    model = _root_.get("model") or {}
    uses_lhotse = {name: bool((model.get(name) or {}).get("use_lhotse")) for name in DATA_SETS}
    if uses_lhotse["train_ds"]:
        return False
    for name in DATA_SETS[1:]:
        if uses_lhotse[name]:
            raise ValueError(
                f"model.{name}.use_lhotse=True beside model.train_ds.use_lhotse=False: Lightning shares out the data "
                "of one loader or of none; take the same for both."
            )
    return True


def on_gpu(*, _root_: "DictConfig") -> bool:
    """Whether the trainer of the config ``_root_`` will use GPUs, by its ``accelerator`` and the machine."""
    import torch  # late: a command lists configs before it needs torch

    accelerator = (_root_.get("trainer") or {}).get("accelerator", "auto")
    return accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
