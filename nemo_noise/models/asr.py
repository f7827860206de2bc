# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context added to a pretrained recogniser.

Only the encoder changes; the class stays NeMo's own, so NeMo's scripts, its export and Riva's schemas work.
"""

import copy
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging
from nemo.utils.model_utils import wrap_training_step

from nemo_noise import modules
from nemo_noise.archive import check_checkpoint, read_config
from nemo_noise.foreign_text import printable
from nemo_noise.models.context_parts import (
    NOISE_AWARE,
    Choice,
    Options,
    encoder_additions,
    encoder_streams,
    module_class,
)
from nemo_noise.recogniser.checkpoint import restore_with_added_parts
from nemo_noise.recogniser.config_facts import near_pretrained
from nemo_noise.recogniser.output_settings import normalization_of
from nemo_noise.training.context_input import context_complaints

__all__ = ["add_noise_context", "check_takes_context", "checkpoint_path"]

STREAMABLE = (modules.CausalContextEncoder, modules.ConstantContextEncoder)
ADDED = ("context_encoder.", "fusions.", "context_features.")


def add_noise_context(
    checkpoint: ASRModel | str | Path,
    encoder: Mapping[str, Any] | DictConfig | None = None,
    map_location: str = "cpu",
    *,
    context: Choice = None,
    fusion: Choice = None,
    options: Options = (),
) -> ASRModel:
    """A recogniser with a noise context in its encoder; before training the output is unchanged.

        add_noise_context("stt_en.nemo", context="causal_statistics", fusion="early_film").save_to("aware.nemo")

    A warning names each input of the context that the result lacks (``nemo_noise.training.context_input``).

    Args:
        checkpoint: a `.nemo` file, the name of a pretrained model, or a model, which stays as it is. Its encoder is
            NeMo's Conformer or one of ours; one that has a context takes further fusions.
        encoder: what is added to the encoder's config, in place of the names below: `context`, `fusion` and, if the
            context has to see the level of the noise, `feature_normalization: per_feature`; the normalisation then
            moves from the preprocessor into the encoder. `feature_mean` and `feature_std` of a context follow the
            normalisation if left out.
        map_location: device of the restored model.
        context: name of a context in `conf/parts/context`; None for causal statistics of eight numbers, which
            stream. Sizes come from the checkpoint, and the normalisation moves where it can.
        fusion: name of a fusion in `conf/parts/fusion`; None for early FiLM.
        options: changes of their options, as `{"context.d_context": 64}`.

    Returns:
        The recogniser, of the class that the checkpoint names.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if its encoder takes no context or has one already, its normalisation is another one, the
            context cannot stream as the encoder does, its weights do not fit, or a name does not exist.
    """
    if encoder is not None and not (context is None and fusion is None and not options):
        raise ValueError("encoder is given beside context, fusion or options: give the one or the others.")
    own, shown, path = _opened(checkpoint)
    check_takes_context(own, shown)
    if encoder is None:
        _refuse_what_is_there(own, shown, context=context, fusion=fusion)
        encoder = encoder_additions(own, context=context, fusion=fusion, options=options)
    config = _with_noise_context(own, encoder, shown)
    if path is None:
        model = _copied_with_encoder(cast(ASRModel, checkpoint), config, shown)
    else:
        prefixes = tuple(f"encoder.{part}" for part in ADDED)
        model = restore_with_added_parts(path, config, added_prefixes=prefixes, map_location=map_location)
    for complaint in context_complaints(model):
        logging.warning(complaint)
    return model


def checkpoint_path(name: str | Path, argument: str = "checkpoint") -> Path:
    """The `.nemo` file that a path or the name of a pretrained model stands for, fetched where it is not here yet.

    Raises:
        FileNotFoundError: if a path is not there.
        ValueError: if it is a folder, or no such model can be fetched.
    """
    path, shown = Path(name).expanduser(), f"{argument}={printable(name, 200)}"
    if path.is_dir():
        raise ValueError(
            f"{shown} is a folder, must be a .nemo file; nemo_noise.models.import_whisper and import_wav2vec2 read "
            "folders of Hugging Face."
        )
    if path.exists() or path.suffix == ".nemo" or len(path.parts) > 2 or str(name).startswith("."):
        return check_checkpoint(path, argument)
    try:
        return Path(ASRModel.from_pretrained(str(name), return_model_file=True))
    except Exception as error:  # of NeMo, of the hub, of the network
        reason = printable(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__, 200)
        raise ValueError(
            f"{shown} is neither a file here ({Path.cwd()}) nor a pretrained model that can be fetched"
            f"{near_pretrained(str(name))} ({reason}); "
            "must be a .nemo file or a name such as stt_en_fastconformer_ctc_large."
        ) from error


def _opened(checkpoint: ASRModel | str | Path) -> tuple[DictConfig, str, Path | None]:
    """The resolved config, what messages call it, and the file, if it is one."""
    if isinstance(checkpoint, str | Path):
        path = checkpoint_path(checkpoint)
        return read_config(path), str(path), path
    if not isinstance(checkpoint, ASRModel):
        shown = f"checkpoint is a {type(checkpoint).__name__}"
        raise TypeError(f"{shown}, must be a .nemo file, the name of a pretrained model, or an ASR model of NeMo.")
    config = OmegaConf.create(OmegaConf.to_container(checkpoint.cfg, resolve=True))
    return cast(DictConfig, config), f"the {type(checkpoint).__name__}", None


def check_takes_context(config: DictConfig, shown: str) -> None:
    """Refuse a model that cannot transcribe, and one whose encoder takes no noise context.

    Raises:
        ValueError: names the model, called `shown`, and what takes a context.
    """
    target = (config.get("encoder") or {}).get("_target_")
    if target not in NOISE_AWARE:
        raise ValueError(
            f"{shown}: its encoder is {target}; a noise context can be added to {next(iter(NOISE_AWARE))}."
        )


def _refuse_what_is_there(config: DictConfig, shown: str, *, context: Choice, fusion: Choice) -> None:
    """Refuses to add nothing, or a second context, to an encoder that has one."""
    own = config.encoder.get("context")
    if own is not None and (context is not None or fusion is None):
        raise ValueError(
            f"the encoder of {shown} has a noise context already ({own.get('_target_')}): tune "
            "it as it is, or name a further fusion alone."
        )


def _with_noise_context(config: DictConfig, encoder: Mapping[str, Any] | DictConfig, shown: str) -> DictConfig:
    own, given = config.encoder.get("context"), encoder.get("context")
    if own is not None and given is not None:
        raise ValueError(
            f"context={given.get('_target_')!r}, but the encoder of {shown} has a noise context already "
            f"({own.get('_target_')}): restore it as it is, or add the context to the plain checkpoint."
        )
    _refuse_sites_twice(config, encoder, shown)
    changed = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    with open_dict(changed):
        target = NOISE_AWARE[config.encoder.get("_target_")]
        changed.encoder = OmegaConf.merge(changed.encoder, encoder, {"_target_": target})
        if given is not None and module_class(changed.encoder) is modules.NoiseAwareWhisperEncoder:
            changed.preprocessor.frame_count = modules.FrameCount.AUDIO.value  # the context reads no silence behind
        if encoder.get("feature_normalization") is not None:
            _move_normalization(config, changed, shown)
        if given is not None:
            _refuse_utterance_context_in_stream(config, given, shown)
            _scale_context(changed, is_chosen="feature_mean" in given or "feature_std" in given)
    return changed


def _refuse_sites_twice(config: DictConfig, encoder: Mapping[str, Any] | DictConfig, shown: str) -> None:
    theirs = {str(site) for site in config.encoder.get("fusion") or {}}
    twice = sorted(theirs & {str(site) for site in encoder.get("fusion") or {}})
    if twice:
        raise ValueError(
            f"fusion has the sites {', '.join(twice)}, but {shown} has some at {', '.join(sorted(theirs))}: use other "
            "sites, such as those of late_film."
        )


def _move_normalization(config: DictConfig, changed: DictConfig, shown: str) -> None:
    """Move the normalisation from the preprocessor into the encoder."""
    given = OmegaConf.to_container(OmegaConf.create({"given": changed.encoder.feature_normalization}))["given"]
    trained = normalization_of(config)
    if given != trained:
        can_move = trained in ("per_feature", "running") or isinstance(trained, Mapping)
        own = config.encoder.get("feature_normalization")
        where, value = "encoder.feature_normalization", own
        if own is None:
            where, value = "preprocessor.normalize", (config.get("preprocessor") or {}).get("normalize")
        raise ValueError(
            f"feature_normalization={given!r}, but {shown} was trained with {where}={value!r}; "
            + (f"use feature_normalization: {trained}." if can_move else "leave feature_normalization out.")
        )
    changed.preprocessor.normalize = "NA"


def _refuse_utterance_context_in_stream(config: DictConfig, context: Mapping[str, Any], shown: str) -> None:
    kind = module_class(context)
    needs_utterance = kind is not None and not issubclass(kind, STREAMABLE)
    if encoder_streams(config) and needs_utterance:
        raise ValueError(
            f"context={context.get('_target_')!r} needs the whole utterance, but the encoder of {shown} streams "
            "(att_context_style=chunked_limited); use a causal context such as CausalStatisticsContextEncoder "
            "(causal_statistics)."
        )


def _scale_context(changed: DictConfig, *, is_chosen: bool) -> None:
    """Give a context the scale of features that are not normalised, where its config leaves it out."""
    context, kind = changed.encoder.context, module_class(changed.encoder.context)
    has_scale = kind is not None and "feature_mean" in inspect.signature(kind).parameters
    is_raw = (changed.get("preprocessor") or {}).get("normalize", "per_feature") in (None, "NA", False)
    if has_scale and is_raw and not is_chosen:
        context.feature_mean, context.feature_std = -8.0, 4.0


def _copied_with_encoder(model: ASRModel, config: DictConfig, shown: str) -> ASRModel:
    """A copy of a model whose encoder is that of another config, with the weights of the old one."""
    old = model.encoder
    encoder = ASRModel.from_config_dict(config.encoder)
    keys = encoder.load_state_dict(old.state_dict(), strict=False)
    lost = [key for key in keys.missing_keys if not key.startswith(ADDED)]
    if keys.unexpected_keys or lost:
        raise ValueError(f"{shown} does not fit its own config: unexpected {keys.unexpected_keys}, missing {lost}.")
    first = next(old.parameters())
    encoder.to(device=first.device, dtype=first.dtype).train(old.training)
    learns = {name: parameter.requires_grad for name, parameter in old.named_parameters()}
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(learns.get(name, True))
    copied = _copied(model, {id(old): encoder})
    copied.cfg = config
    copied.preprocessor = _preprocessor_like(model.preprocessor, config)
    return copied


def _preprocessor_like(old: Any, config: DictConfig) -> Any:
    """The preprocessor of a config, set as the old one, of which a copy would still call the old `forward`."""
    preprocessor = ASRModel.from_config_dict(config.preprocessor)
    for name in ("dither", "pad_to"):
        if hasattr(getattr(old, "featurizer", None), name):
            setattr(preprocessor.featurizer, name, getattr(old.featurizer, name))
    device = next((buffer.device for buffer in old.buffers()), None)
    return preprocessor.to(device).train(old.training)


def _copied(model: ASRModel, replaced: dict[int, Any]) -> ASRModel:
    """A copy of a model, with other objects in place of those of some ids.

    The trainer stays with the model that it trains, and NeMo's wrapper of the training step, which cannot be copied,
    is put on anew.
    """
    trainer, wrapped = model._trainer, model.__dict__.pop("training_step", None)
    model._trainer = None
    try:
        copied: ASRModel = copy.deepcopy(model, replaced)
    finally:
        model._trainer = trainer
        if wrapped is not None:
            model.training_step = wrapped
    if wrapped is not None:
        copied.training_step = wrap_training_step(copied.training_step)
    return copied
