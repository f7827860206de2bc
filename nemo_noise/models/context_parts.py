# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of a noise context by name, with the sizes of the recogniser that they are added to."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nemo.collections.asr.modules import ConformerEncoder

from nemo_noise import modules
from nemo_noise.checks import near_names, number, refuse_unknown, whole
from nemo_noise.foreign_text import printable
from nemo_noise.named_parts import Kind, part_options
from nemo_noise.recogniser.output_settings import normalization_of

__all__ = ["NOISE_AWARE", "encoder_additions", "encoder_streams", "module_class"]

NUMBERS = 8  # of a context; docs/results: enough, and 64 are not better
MEL_BANDS = 80  # of a context beside an encoder that reads samples
WHISPER_MEAN, WHISPER_STD = 0.0, 0.5  # Whisper's features of speech and of noise are around these
WHISPER_SUBSAMPLING = 2
NOISE_AWARE = {
    "nemo.collections.asr.modules.ConformerEncoder": "nemo_noise.modules.NoiseAwareConformerEncoder",
    "nemo.collections.asr.modules.conformer_encoder.ConformerEncoder": "nemo_noise.modules.NoiseAwareConformerEncoder",
    "nemo_noise.modules.NoiseAwareConformerEncoder": "nemo_noise.modules.NoiseAwareConformerEncoder",
    "nemo_noise.modules.SSMEncoder": "nemo_noise.modules.SSMEncoder",
    "nemo_noise.modules.LaCTEncoder": "nemo_noise.modules.LaCTEncoder",
    "nemo_noise.modules.NoiseAwareLaCTEncoder": "nemo_noise.modules.LaCTEncoder",
    "nemo_noise.modules.Wav2Vec2Encoder": "nemo_noise.modules.NoiseAwareWav2Vec2Encoder",
    "nemo_noise.modules.NoiseAwareWav2Vec2Encoder": "nemo_noise.modules.NoiseAwareWav2Vec2Encoder",
    "nemo_noise.modules.WhisperEncoder": "nemo_noise.modules.NoiseAwareWhisperEncoder",
    "nemo_noise.modules.NoiseAwareWhisperEncoder": "nemo_noise.modules.NoiseAwareWhisperEncoder",
}  # an encoder, and what it becomes with a context
_READS_SAMPLES = "nemo_noise.modules.NoiseAwareWav2Vec2Encoder"
_READS_WINDOWS = "nemo_noise.modules.NoiseAwareWhisperEncoder"
_DEFAULT_CONTEXTS = {_READS_SAMPLES: "statistics", _READS_WINDOWS: "attentive"}  # else the one that streams

Choice: TypeAlias = str | Mapping[str, Any] | DictConfig | None
Options: TypeAlias = Mapping[str, Any] | Iterable[str]


def encoder_additions(config: DictConfig, *, context: Choice, fusion: Choice, options: Options = ()) -> dict[str, Any]:
    """What is added to the encoder of a model's config.

    Args:
        config: of a checkpoint, resolved.
        context: name in `conf/parts/context`, its options with `_target_`, or None for what docs/results
            recommends.
        fusion: the same of `conf/parts/fusion`: by site, its options.
        options: changes, as `{"context.d_context": 64}` or `["context.d_context=64"]`.

    Returns:
        `context`, `fusion`, and where they are needed `feature_normalization` and `context_features`.

    Raises:
        ValueError: a name or an option does not exist; proposes near ones.
    """
    encoder = config.encoder
    target = NOISE_AWARE[encoder.get("_target_")]
    reads_samples = target == _READS_SAMPLES
    added: dict[str, Any] = {}
    normalization = normalization_of(config)
    if encoder.get("context") is None:
        added["context"] = _options_of(Kind.CONTEXT, context or _DEFAULT_CONTEXTS.get(target, "causal_statistics"))
        if not isinstance(context, Mapping | DictConfig) and "d_context" in added["context"]:
            added["context"]["d_context"] = NUMBERS
        if reads_samples:
            added["context_features"] = {"_target_": "nemo_noise.modules.LogMelFeatures", "features": MEL_BANDS}
        elif target == _READS_WINDOWS:
            _set_scale(added["context"], WHISPER_MEAN, WHISPER_STD)
        elif encoder.get("feature_normalization") is None and _can_move(normalization):
            added["feature_normalization"] = normalization
        elif encoder.get("feature_normalization") is None and normalization not in ("none", None):
            _set_scale(added["context"], 0.0, 1.0)
    if encoder.get("context") is None or fusion is not None:
        added["fusion"] = _options_of(Kind.FUSION, fusion or _default_fusion(added, reads_samples=reads_samples))
    return _resolved(added, config, options)


def encoder_streams(config: DictConfig) -> bool:
    """Whether the encoder of a model's config was made for streams."""
    encoder = config.encoder
    return (
        encoder.get("att_context_style") == "chunked_limited"
        or encoder.get("direction") == "causal"
        or encoder.get("order") == "apply_then_update"
    )


def module_class(options: Mapping[str, Any] | DictConfig) -> type | None:
    """The class of ours that a `_target_` names; None for one of the user's."""
    room, _, name = str(options.get("_target_", "")).rpartition(".")
    kind = getattr(modules, name, None) if room.startswith("nemo_noise.modules") else None
    return kind if isinstance(kind, type) else None


def _can_move(normalization: Any) -> bool:
    return normalization in ("per_feature", "running") or isinstance(normalization, Mapping)


def _set_scale(context: dict[str, Any], mean: float, std: float) -> None:
    """Sets the scale of a context, and of one that it wraps, to what its features are around."""
    for name, value in context.items():
        if isinstance(value, dict):
            _set_scale(value, mean, std)
        elif name in ("feature_mean", "feature_std"):
            context[name] = mean if name == "feature_mean" else std


def _options_of(kind: Kind, given: str | Mapping[str, Any] | DictConfig) -> dict[str, Any]:
    if isinstance(given, str):
        return part_options(kind, given)
    if not isinstance(given, Mapping | DictConfig):
        raise ValueError(f"{kind.value} is {printable(repr(given), 60)}, should be a name, or a mapping of options")
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.create(given), resolve=False))


def _default_fusion(added: Mapping[str, Any], *, reads_samples: bool) -> str:
    kind = module_class(added["context"])
    if kind in (modules.HierarchicalContextEncoder, modules.MultimodalContextEncoder):
        return "early_cross_attention"
    return "pre_encode_film" if reads_samples else "early_film"


def _resolved(added: Mapping[str, Any], config: DictConfig, options: Options) -> dict[str, Any]:
    """Fills the references of parts with the sizes of a config."""
    encoder, preprocessor = config.encoder, config.get("preprocessor") or {}
    defaults = inspect.signature(ConformerEncoder).parameters
    features = MEL_BANDS if "context_features" in added else preprocessor.get("features") or encoder.get("feat_in")
    is_whisper = NOISE_AWARE[encoder.get("_target_")] == _READS_WINDOWS
    subsampling = WHISPER_SUBSAMPLING if is_whisper else defaults["subsampling_factor"].default
    sizes = {
        "d_model": encoder.get("d_model"),
        "subsampling_factor": encoder.get("subsampling_factor", subsampling),
        "context": encoder.get("context"),
    }
    tree = OmegaConf.create({"model": {"preprocessor": {"features": features}, "encoder": {**sizes, **added}}})
    for name, value in _pairs(options).items():
        _set(tree, name, value)
    try:
        whole = cast(dict[str, Any], OmegaConf.to_container(tree, resolve=True))["model"]["encoder"]
    except OmegaConfBaseException as error:
        reason = printable(str(error).splitlines()[0], 200)
        raise ValueError(f"context and fusion do not fit this recogniser: {reason}") from error
    _check_options(whole, added)
    return {name: whole[name] for name in added}


def _pairs(options: Options) -> dict[str, Any]:
    if isinstance(options, Mapping):
        return dict(options)
    pairs = {}
    for option in options:
        name, equals, value = option.lstrip("+").partition("=")
        if not equals:
            shown = printable(repr(option), 60)
            raise ValueError(f"options hold {shown}, should be name=value, as in context.d_context=64")
        try:
            pairs[name] = OmegaConf.create(f"value: {value}").value
        except Exception as error:  # whatever YAML meets
            raise ValueError(f"{printable(name, 60)}={printable(repr(value), 60)} is no value in YAML") from error
    return pairs


def _set(tree: DictConfig, name: str, value: Any) -> None:
    kind, _, rest = name.partition(".")
    is_part = kind in ("context", "fusion", "context_features")
    place = OmegaConf.select(tree, f"model.encoder.{kind}") if is_part else None
    if not rest or not isinstance(place, DictConfig):
        near = near_names(name, ("context.d_context", "context.stride", "fusion.0.d_model"))
        raise ValueError(f"{printable(name, 60)} names no option{near}, should be as context.d_context")
    *path, last = rest.split(".")
    for step in path:
        if not isinstance(place, DictConfig) or step not in place:
            known = ", ".join(map(str, place)) if isinstance(place, DictConfig) else "nothing"
            raise ValueError(f"{printable(name, 60)}: there is no {printable(step, 60)!r}, there is {known}")
        place = place[step]
    if not isinstance(place, DictConfig):
        raise ValueError(f"{printable(name, 60)}: there is no such option")
    known = place.get(last)
    if isinstance(known, int) and not isinstance(known, bool):
        whole(1).check(name, value)
    elif isinstance(known, float):
        number().check(name, value)
    place[last] = value


def _check_options(encoder: Mapping[str, Any], added: Mapping[str, Any]) -> None:
    """Refuses options that the classes of the parts do not have."""
    blocks = {"context": encoder["context"]} if "context" in added else {}
    if "fusion" in added:
        blocks |= {f"fusion.{site}": block for site, block in encoder["fusion"].items()}
    for name, block in blocks.items():
        kind = module_class(block) if isinstance(block, Mapping) else None
        takes_more = kind is not None and any(
            parameter.kind is inspect.Parameter.VAR_KEYWORD
            for parameter in inspect.signature(kind).parameters.values()
        )
        if kind is not None and not takes_more:
            refuse_unknown([option for option in block if option != "_target_"], kind, name)
