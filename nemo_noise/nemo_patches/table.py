# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""All that we change in NeMo and what it stands on: where, why, and the page that argues for it.

`import nemo_noise` installs it, `python -m nemo_noise.nemo_patches` prints it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import entry_points
from importlib.util import find_spec

from nemo_noise.archive import door
from nemo_noise.nemo_patches import (
    augmentor_probability,
    lhotse_loader,
    packed_language_model,
    registration,
    sensors,
    transcribed_audio,
    transcripts,
)
from nemo_noise.nemo_patches.wrapping import Wrapper, exists, is_wrapped, wrap

__all__ = ["TABLE", "Change", "Moment", "install", "shown"]


class Moment(str, Enum):
    """When a change is made."""

    IMPORT = "import"
    PACKAGE = "package"
    OBJECT = "object"


@dataclass(frozen=True)
class Change:
    """One row.

    Attributes:
        what: what is different.
        where: `module:object` of each place.
        why: what would go wrong without it.
        page: of docs/, which decides or describes it.
        is_installed: whether it is there; of an object, whether NeMo still has what would be replaced.
        moment: with `import nemo_noise`, with the installation of the package, or on single objects when needed.
        install: makes it, at the import; doing so again changes nothing.
    """

    what: str
    where: tuple[str, ...]
    why: str
    page: str
    is_installed: Callable[[], bool]
    moment: Moment = Moment.IMPORT
    install: Callable[[], None] = lambda: None


def install() -> None:
    """Makes all changes of the table that belong to the import; again changes nothing."""
    for change in TABLE:
        change.install()


def shown() -> str:
    """The table as aligned text: state, moment and what; below each the places, the reason and the page."""
    width = max(len(change.what) for change in TABLE)
    lines = [f"{'installed':<10}{'by':<9}{'what':<{width}}  page"]
    for change in TABLE:
        state = "yes" if change.is_installed() else "no"
        lines.append(f"{state:<10}{change.moment.value:<9}{change.what:<{width}}  {change.page}")
        lines += [f"{'':<19}{line}" for line in (*change.where, f"because {change.why}")]
    return "\n".join(lines)


def _wrapped(what: str, wrappers: Mapping[str, Wrapper], *, why: str, page: str) -> Change:
    def install_all() -> None:
        for where, wrapper in wrappers.items():
            wrap(where, wrapper)

    def are_installed() -> bool:
        return all(is_wrapped(where, wrapper) for where, wrapper in wrappers.items())

    return Change(what, tuple(wrappers), why, page, are_installed, install=install_all)


def _on_objects(what: str, where: str, *, name: str, why: str, page: str) -> Change:
    """What `replace_on` replaces on single objects; `where` is NeMo's class, or its method that makes the part."""
    return Change(what, (f"{where} ({name} of an object)",), why, page, lambda: exists(where), Moment.OBJECT)


def _has_entry_point() -> bool:
    return any(point.name == "nemo_noise" for point in entry_points(group="lightning.pytorch.callbacks_factory"))


def _has_plugin() -> bool:
    return find_spec("hydra_plugins.nemo_noise_searchpath") is not None


TABLE = (
    Change(
        "classes of ours may be named by _target_",
        ("nemo.core.classes.common:ALLOWED_TARGET_PREFIXES",),
        "NeMo builds allowed classes alone, and has no call to allow one",
        "decisions/001-registration.md",
        registration.is_prefix_allowed,
        install=registration.register_prefix,
    ),
    Change(
        "perturbations noise_mix, rooms, devices",
        ("nemo.collections.asr.parts.preprocessing.perturb:perturbation_types",),
        "NeMo's augmentor blocks name perturbations by this register",
        "decisions/001-registration.md",
        registration.are_perturbations_registered,
        install=registration.register_perturbations,
    ),
    Change(
        "schedule RelativeCosineAnnealing",
        ("nemo.core.optim.lr_scheduler:AVAILABLE_SCHEDULERS",),
        "optim.sched.name is looked up in this register",
        "training.md",
        registration.is_schedule_registered,
        install=registration.register_schedule,
    ),
    Change(
        "resolvers nemo_noise.*",
        ("omegaconf:OmegaConf.register_new_resolver",),
        "recipes compute what depends on the machine or on Lhotse",
        "training.md",
        registration.are_resolvers_registered,
        install=registration.register_resolvers,
    ),
    _wrapped(
        "a .nemo is checked before it is restored",
        {
            "nemo.core.connectors.save_restore_connector:SaveRestoreConnector.load_config_and_state_dict": door.load,
            "nemo.core.connectors.save_restore_connector:SaveRestoreConnector.register_artifact": door.register,
        },
        why="a foreign archive may name classes, files and sizes that harm",
        page="decisions/008-foreign-checkpoints.md",
    ),
    _wrapped(
        "old paths of our classes are read",
        {"nemo.core.classes.common:Serialization.from_config_dict": door.build},
        why="checkpoints of earlier versions name the file that a class stood in",
        page="decisions/008-foreign-checkpoints.md",
    ),
    _wrapped(
        "a language model inside a .nemo is found and saved",
        packed_language_model.WRAPPERS,
        why="NeMo packs the file, but resolves its path nowhere",
        page="decoding.md",
    ),
    _wrapped(
        "augmentor in NeMo's Lhotse loader",
        lhotse_loader.WRAPPERS,
        why="NeMo drops the block there",
        page="decisions/006-noise-in-lhotse.md",
    ),
    _wrapped(
        "prob of our perturbations must be 0 or 1",
        augmentor_probability.WRAPPERS,
        why="NeMo draws it differently in each worker",
        page="decisions/002-mixing.md",
    ),
    _wrapped(
        "sensors in batches",
        sensors.WRAPPERS,
        why="NeMo's data set reads neither the streams of a line nor those of a noise",
        page="decisions/007-sensors.md",
    ),
    _wrapped(
        "noise alone has an empty transcript",
        transcripts.WRAPPERS,
        why="perturbations see samples only, and noise with words teaches to hallucinate",
        page="data.md",
    ),
    _wrapped(
        "transcribe checks samples, of models with our parts",
        transcribed_audio.WRAPPERS,
        why="NeMo gives a text for NaN, for integers and for nothing",
        page="security.md",
    ),
    Change(
        "callbacks of every Lightning trainer",
        ("pyproject.toml:lightning.pytorch.callbacks_factory",),
        "workers need the epoch, encoders the sensors, in unmodified scripts",
        "training.md",
        _has_entry_point,
        moment=Moment.PACKAGE,
    ),
    Change(
        "conf/ on Hydra's search path; the import itself",
        ("hydra_plugins.nemo_noise_searchpath:NemoNoiseSearchPathPlugin",),
        "NeMo's unmodified scripts find our recipes and build our classes",
        "decisions/001-registration.md",
        _has_plugin,
        moment=Moment.PACKAGE,
    ),
    _on_objects(
        "searches of Whisper: suppressed tokens, caches in order, kept projections",
        "nemo.collections.asr.modules.transformer.transformer_generators:GreedySequenceGenerator._one_step_forward",
        name="_one_step_forward",
        why="NeMo's searches suppress nothing, its beam mixes the caches of a batch, and it projects frames each step",
        page="whisper.md",
    ),
    _on_objects(
        "searches of dual attention: length by the speech alone",
        "nemo.collections.asr.modules.transformer.transformer_generators:GreedySequenceGenerator._prepare_for_search",
        name="_prepare_for_search",
        why="the secondary memory behind the speech would lengthen the text",
        page="dual_attention.md",
    ),
    _on_objects(
        "an encoder streams inside transcribe",
        "nemo.collections.asr.modules:ConformerEncoder.forward",
        name="forward",
        why="features and search must be those of the offline recogniser",
        page="evaluation.md",
    ),
    _on_objects(
        "searches of attention models: another temperature where a text fails Whisper's thresholds",
        "nemo.collections.asr.parts.submodules.multitask_decoding:MultiTaskDecoding.change_strategy",
        name="decoding",
        why="NeMo's greedy search samples always or never, and keeps no probability of no speech",
        page="transcribe.md",
    ),
    _on_objects(
        "frames are recorded before the search",
        "nemo.collections.asr.models:EncDecCTCModel.change_decoding_strategy",
        name="decoding",
        why="many settings of a search are tried on frames that are encoded once",
        page="decoding.md",
    ),
)
