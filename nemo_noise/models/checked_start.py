# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The start of a training from checkpoints; a part without a place, or without weights, is an error.

NeMo's ``maybe_init_from_pretrained_checkpoint`` loads what fits and is silent about the rest. Its two loading methods
are replaced while it runs, so all of its options (``include``, ``exclude``, several checkpoints) apply.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from nemo.core.classes import ModelPT
from nemo.utils import logging

from nemo_noise.recogniser.output_settings import different_settings, normalization_of

__all__ = ["start_from_checkpoints"]

STARTS = ("init_from_nemo_model", "init_from_pretrained_model", "init_from_ptl_ckpt")
ALLOWS_PARTS = "init_allow_partial"
ADDED = re.compile(  # what a noise-aware recipe has and a plain checkpoint lacks; it starts as the identity
    r"^encoder\.(context_encoder|fusions)\.|^secondary\.|\.second_sub_layer\.(secondary\.|gate\.|mix$)"
)
COMPUTED = re.compile(r"^preprocessor\.|\.masked_spec_embed$")  # constants of a formula; a vector of training alone
FIXED_POSITIONS = re.compile(r"^encoder\.whisper\.embed_positions\.weight$")
POSITION_TOLERANCE = 0.01  # sinusoids in half precision
CONTEXT = "encoder.context_encoder."
MOST_NAMED = 8


def start_from_checkpoints(model: ModelPT, cfg: DictConfig) -> None:
    """Load ``init_from_nemo_model`` (or another ``init_from_...`` of NeMo) into a new model, and lose nothing.

    A checkpoint that holds nothing of the model but a noise context, as ``pretrain_noise_context.py`` saves, gives
    that context alone.

    Args:
        model: to start.
        cfg: the script's whole config; ``init_allow_partial: true`` turns the errors into warnings.

    Raises:
        ValueError: if a checkpoint holds what the model does not, in another shape, or the model has more than the
            checkpoints and the noise parts that may be added.
    """
    if not any(cfg.get(name) for name in STARTS):
        model.maybe_init_from_pretrained_checkpoint(cfg)
        return
    option = next(name for name in STARTS if cfg.get(name))
    start = _Start(model, option, allows_parts=bool(cfg.get(ALLOWS_PARTS, False)))
    replaced = {"load_state_dict": start.load, "load_part_of_state_dict": start.load_part}
    replaced |= {name: start.noting(getattr(model, name)) for name in ("restore_from", "from_pretrained")}
    for name, method in replaced.items():
        model.__dict__[name] = method
    try:
        model.maybe_init_from_pretrained_checkpoint(cfg)
    finally:
        for name in replaced:
            del model.__dict__[name]
    start.check_missing()


class _Start:
    """What has been loaded into a model so far; ``option`` is the config's key that names the checkpoints."""

    def __init__(self, model: ModelPT, option: str, *, allows_parts: bool) -> None:
        self.model, self.option, self.allows_parts = model, option, allows_parts
        self.own = model.state_dict()
        self.names = {name for name in self.own if not COMPUTED.search(name)}
        self.wanted: set[str] = set()  # names that some checkpoint has to bring
        self.loaded: set[str] = set()
        self.config: DictConfig | None = None  # of the checkpoint that was restored last
        self._load_state_dict = model.load_state_dict

    def noting(self, restore: Any) -> Any:
        """NeMo's method that restores a checkpoint, whose config is kept for the messages."""

        def restored(*arguments: Any, **options: Any) -> Any:
            checkpoint = restore(*arguments, **options)
            self.config = checkpoint.cfg
            return checkpoint

        return restored

    def load_part(
        self,
        state_dict: Mapping[str, Tensor],
        include: Iterable[str],
        exclude: Iterable[str],
        source: str | None = None,
    ) -> None:
        """NeMo's ``load_part_of_state_dict``: names that hold one of ``include`` and none of ``exclude``."""
        include, exclude = list(include), list(exclude)

        def is_chosen(name: str) -> bool:
            return any(part in name for part in include) and not any(part in name for part in exclude)

        chosen = {name: value for name, value in state_dict.items() if is_chosen(name)}
        if not chosen:
            raise ValueError(f"{source}: include={include} and exclude={exclude} leave nothing of it to start from.")
        self._load(chosen, {name for name in self.names if is_chosen(name)})
        logging.info(f"{len(chosen)} of {len(state_dict)} tensors taken from {source}")

    def load(self, state_dict: Mapping[str, Tensor], strict: bool = True) -> Any:
        """A whole checkpoint, or the noise context alone where it holds nothing else."""
        common = self.names & set(state_dict)
        if common and all(name.startswith(CONTEXT) for name in common):
            context = {name: value for name, value in state_dict.items() if name.startswith(CONTEXT)}
            logging.info(f"The checkpoint is a pretrained noise context: {CONTEXT}* is taken, the rest starts anew.")
            return self._load(context, {name for name in self.names if name.startswith(CONTEXT)})
        return self._load(dict(state_dict), set(self.names))

    def _load(self, state: dict[str, Tensor], wanted: set[str]) -> Any:
        self.wanted |= wanted
        lost = [name for name in state if name not in self.own and not COMPUTED.search(name)]
        self._refuse(_grouped(lost, self.own), "of the checkpoint is not in this recipe", plural="are")
        state = {name: self._fitted(name, value) for name, value in state.items()}
        other = [name for name in state if name in self.own and state[name].shape != self.own[name].shape]
        shapes = [f"{name} {list(state[name].shape)}, here {list(self.own[name].shape)}" for name in other]
        self._refuse(shapes, "of the checkpoint has another shape in this recipe", plural="have")
        self.loaded |= set(state)
        self._warn_of_other_output()
        return self._load_state_dict({name: state[name] for name in state if name not in other}, strict=False)

    def _fitted(self, name: str, value: Tensor) -> Tensor:
        """Fixed positions for a window of another length: the same formula, so rows are left out or computed anew.

        Positions that have learned, of either side, stay as they are, and so does anything else.
        """
        own = self.own.get(name)
        if own is None or not FIXED_POSITIONS.search(name) or name in dict(self.model.named_parameters()):
            return value
        if value.dim() != 2 or value.shape[1] != own.shape[1] or value.shape == own.shape:
            return value
        common = min(len(value), len(own))
        if not torch.allclose(value[:common].to(own), own[:common], atol=POSITION_TOLERANCE):
            return value  # refused as another shape
        logging.info(f"{self.option}: {name} has {len(value)} fixed positions in the checkpoint, {len(own)} here.")
        return torch.cat([value[:common].to(own), own[common:]])

    def check_missing(self) -> None:
        missing = [name for name in self.wanted - self.loaded if not ADDED.search(name)]
        self._refuse(_grouped(sorted(missing), self.loaded), "of this recipe is not in the checkpoint", plural="are")

    def _refuse(self, names: list[str], what: str, plural: str) -> None:
        """Raise an error that names what is lost, or warn where parts are allowed."""
        if not names:
            return
        what = what if len(names) == 1 else re.sub(r"\b(is|has)\b", plural, what, count=1)
        further = "" if len(names) <= MOST_NAMED else f" and {len(names) - MOST_NAMED} more"
        problem = f"{self.option}: {'; '.join(names[:MOST_NAMED])}{further} {what}."
        if self.allows_parts:
            logging.warning(f"{problem} {ALLOWS_PARTS}=true: the training goes on without.")
            return
        raise ValueError(
            f"{problem}{self._differences()} Take the sizes of the checkpoint, or let "
            "nemo_noise.models.add_noise_context(checkpoint, ...) do so and save_to a .nemo to start from; name the "
            f"parts to take with include and exclude; or accept it with +{ALLOWS_PARTS}=true."
        )

    def _differences(self) -> str:
        """Settings of encoder and preprocessor that checkpoint and recipe have in common and that differ."""
        if self.config is None:
            return ""
        differing = different_settings(self.config, self.model.cfg)
        return f" {'; '.join(differing)}." if differing else ""

    def _warn_of_other_output(self) -> None:
        has_encoder = any(name.startswith("encoder.") and not name.startswith(CONTEXT) for name in self.loaded)
        if self.config is None or not has_encoder:
            return
        theirs, ours = normalization_of(self.config), normalization_of(self.model.cfg)
        if None not in (theirs, ours) and theirs != ours:
            kept = "null" if theirs == "none" else theirs
            logging.warning(
                f"{self.option}: the checkpoint was trained with the normalisation {theirs}, this "
                f"recipe has {ours}: before any training its output is another one. To keep the checkpoint's, set "
                f"model.encoder.feature_normalization={kept} (with model.preprocessor.normalize=NA)."
            )
        if self._differences():
            logging.warning(
                f"{self.option}: settings differ, so that before any training the output is not the "
                f"checkpoint's:{self._differences()}"
            )


def _grouped(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """Names that one side has alone, cut behind the first part that the other side lacks: `layers.2.*`."""
    known = {".".join(name.split(".")[:depth]) for name in others for depth in range(1, name.count(".") + 2)}
    groups: dict[str, int] = {}
    for name in names:
        parts = name.split(".")
        depth = next((n for n in range(1, len(parts)) if ".".join(parts[:n]) not in known), len(parts))
        cut = ".".join(parts[:depth])
        group = cut if depth == len(parts) else f"{cut}.*"
        groups[group] = groups.get(group, 0) + 1
    return [group if count == 1 else f"{group} ({count} tensors)" for group, count in groups.items()]
