# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""How noise-robust is a recogniser? The noise section of its model card, in one call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nemo.utils import logging

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation import gates
from nemo_noise.evaluation.instrument import PICTURE, Instrument
from nemo_noise.evaluation.mixtures.named_places import channels_by_name, rooms_by_name
from nemo_noise.evaluation.mixtures.plan import MixturePlan
from nemo_noise.evaluation.report.noise_section import CostRow, ErrorRow, NoiseSection, SpeechFreeRow
from nemo_noise.evaluation.report.noise_tables import text_of
from nemo_noise.system_name import folder_name

__all__ = ["CARD", "QUICK", "Evaluation", "RobustnessCard", "card_settings", "evaluate"]

CONFIG = "noise_robustness"
# Where a card differs from the config: minutes for a first one of a small model. The grid is that of the mean.
CARD: Mapping[str, Any] = {
    "utterances": 200,
    "snr_db": ["clean", 20, 15, 10, 5, 0],
    "grid": "marginal",
    "streaming_trials": 300,
    "around_trials": 300,
}
FIRST_LOOK = "A first look (quick): few utterances and SNRs; take its intervals at their word."
QUICK: Mapping[str, Any] = {
    "utterances": 24,
    "snr_db": ["clean", 10, 0],
    "noise_only": {"crops": 6, "silence_s": [5]},
    "controls": [],
    "latency_utterances": 5,
    "streaming_trials": 60,
    "around_trials": 60,
    "audio_clips": 3,
    "model_card": {"remark": FIRST_LOOK},
}


@dataclass(frozen=True)
class RobustnessCard:
    """The noise section of a model card, and where its files are.

    Attributes:
        section: tables, verdict and how it was measured; rates are fractions.
        failures: the gates of `fail_if` that failed, a sentence each.
        passes: those that passed, likewise.
        folder: holds all files.
    """

    section: NoiseSection
    failures: tuple[str, ...]
    folder: Path
    passes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[ErrorRow, ...]:
        """Word error rates with intervals, by noise list, room or channel, and model."""
        return self.section.errors

    @property
    def speech_free(self) -> tuple[SpeechFreeRow, ...]:
        """Characters a minute where nobody speaks, by noise list and model."""
        return self.section.speech_free

    @property
    def cost(self) -> tuple[CostRow, ...]:
        """Parameters, speed and memory by model."""
        return self.section.cost

    @property
    def verdict(self) -> str | None:
        """The model against the baseline, in one sentence; None without a baseline."""
        return self.section.verdict

    @property
    def report(self) -> Path:
        """The page with curves, sounds and the worst utterances."""
        return self.folder / "report.html"

    @property
    def summary(self) -> Path:
        """All numbers, as JSON."""
        return self.folder / "summary.json"

    @property
    def path(self) -> Path:
        """The card in Hugging Face's format."""
        return self.folder / "README.md"

    @property
    def picture(self) -> Path | None:
        """WER over SNR; None without noise."""
        path = self.folder / PICTURE
        return path if self.section.snrs_db else None

    @property
    def markdown(self) -> str:
        """The card, with the head that the hub reads."""
        return self.path.read_text(encoding="utf-8")

    @property
    def text(self) -> str:
        """Tables and sentences for a terminal."""
        return text_of(self.section)

    @property
    def data(self) -> dict[str, Any]:
        """All of it for JSON; rates are fractions."""
        picture = {} if self.picture is None else {"picture": str(self.picture)}
        files = {"card": str(self.path), "report": str(self.report), "summary": str(self.summary), **picture}
        return {**self.section.data, "failures": list(self.failures), "files": files}


def evaluate(
    system: str | Path,
    *,
    speech: str | Path | Sequence[str | Path],
    noise: str | Path | Sequence[str | Path] | Mapping[str, Any],
    baseline: str | Path | None = None,
    output_dir: str | Path | None = None,
    quick: bool = False,
    **options: Any,
) -> RobustnessCard:
    """Measures how noise-robust a recogniser is, and whether it is more so than another; writes card and report.

    A call that was interrupted goes on where it was.

    Args:
        system: a `.nemo` file, the name of a pretrained model, or any other system that `nemo-noise card` takes.
        speech: manifests, or folders or patterns of audio with its text; several are taken together.
        noise: manifests, or folders or patterns of noise, each a noise list; several by name:
            `{"street": "street/", "office": ["a.json", "b.json"]}`. An empty mapping: clean speech alone.
        baseline: a second system, on the same mixtures.
        output_dir: a folder; None: `noise_card/<name of the system>`.
        quick: whether a first look at few utterances will do.
        options: of `conf/scripts/noise_robustness.yaml`; those of `CARD` and `QUICK` are other than there. `rooms` and
            `channels` may be names, as in `channels=["telephone"]`, and `rooms` a folder of impulse responses.

    Returns:
        The card.

    Raises:
        ValueError: an argument is wrong; names it, its value and what would be right, before a model is loaded.
        FileNotFoundError: a file is missing.
    """
    given: dict[str, Any] = {"model": system, "baseline": baseline, "speech": speech, "noise_lists": noise}
    evaluation = Evaluation({**card_settings(quick), **options, **given, "output_dir": output_dir}, logging.info)
    logging.info(evaluation.ahead)
    return evaluation.run()


def card_settings(quick: bool) -> dict[str, Any]:
    """The options of a card that differ from the config."""
    return {**CARD, **(QUICK if quick else {})}


class Evaluation:
    """One evaluation whose arguments are all checked: what is ahead, then the run.

    Args:
        settings: options of the config by name; what they leave out is as there.
        note: gets a line for each folder that is read.

    Raises:
        ValueError: an option is wrong; names it, its value and what would be right.
        FileNotFoundError: a file is missing.
    """

    def __init__(self, settings: Mapping[str, Any], note: Callable[[str], object]) -> None:
        self._instrument = Instrument(_config(settings), note)
        self._models = self._instrument.prepare()

    @property
    def ahead(self) -> str:
        """How much will be transcribed by what, and what was left out or resampled: a few lines."""
        plan = self._instrument.plan.kept
        return "" if plan is None else "\n".join(_work(plan, list(self._models)))

    def run(self) -> RobustnessCard:
        """Runs all systems, and writes card, picture, report and summary."""
        results = self._instrument.report(self._instrument.run())
        failures, passes = gates.judge_gates(self._instrument.options.fail_if, results)
        section = NoiseSection.of(results)
        return RobustnessCard(section, tuple(failures), self._instrument.output, tuple(passes))


def _config(settings: Mapping[str, Any]) -> DictConfig:
    """The whole config of an evaluation."""
    given = {name: _plain(value) for name, value in settings.items()}
    model, baseline = str(given["model"]), given.get("baseline")
    if baseline is not None and _same(model, str(baseline)):
        raise ValueError(f"baseline is {baseline!r}, the system itself: should be another one, or left out")
    if given.get("output_dir") is None:
        given["output_dir"] = str(Path("noise_card") / folder_name(model))
    manifests = Path(given["output_dir"]) / "manifests"
    if isinstance(given.get("rooms"), str | list):
        given["rooms"] = rooms_by_name(_several(given["rooms"]), manifests)
    if isinstance(given.get("channels"), str | list):
        given["channels"] = channels_by_name(_several(given["channels"]))
    try:
        defaults = OmegaConf.load(config_directory() / "scripts" / f"{CONFIG}.yaml")
        whole = OmegaConf.merge(defaults, {name: value for name, value in given.items() if name not in _WHOLE})
        for name in _WHOLE & given.keys():  # mappings that replace those of the config
            whole[name] = given[name]
    except OmegaConfBaseException as error:
        raise ValueError(f"options: {str(error).splitlines()[0]}") from error
    assert isinstance(whole, DictConfig)
    return whole


_WHOLE = {"noise_lists", "rooms", "channels"}


def _plain(value: Any) -> Any:
    """A value as OmegaConf takes it."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _several(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def _same(first: str, second: str) -> bool:
    return first == second or (Path(first).exists() and Path(second).exists() and Path(first).samefile(second))


def _work(plan: MixturePlan, systems: Sequence[str]) -> list[str]:
    spoken = [trial for trial in plan.trials if not trial.condition.is_speech_free]
    alone = [trial for trial in plan.trials if trial.condition.is_speech_free]
    examined, utterances = plan.examined, len({trial.utterance_id for trial in spoken})
    conditions = len(spoken) // max(1, utterances)
    seconds = examined.seconds * conditions + sum(trial.length_s or 0.0 for trial in alone)
    of = f" of {examined.offered}" if examined.offered > examined.utterances else ""
    pieces = f" and {len(alone)} pieces without speech" if alone else ""
    each = "" if len(systems) == 1 else " each"
    lines = [
        f"{' and '.join(systems)}: {utterances}{of} utterances x {conditions} conditions ({_grid(plan)}){pieces}: "
        f"{len(plan.trials)} mixtures, {_duration(seconds)} of audio{each}"
    ]
    if of:
        lines[0] += "; --utterances all takes all"
    for rate, count in examined.resampled.items():
        lines.append(
            f"{count} of {utterances} utterances resampled from {rate} Hz: above {rate // 2} Hz there is noise alone; "
            "--channels telephone (channels=telephone) puts both into one band"
        )
    for left_out in examined.left_out[:3]:
        lines.append(f"left out: {left_out.source} ({left_out.name}): {left_out.reason}")
    more = len(examined.left_out) - 3
    return [*lines, *([f"left out: {more} more"] if more > 0 else [])]


def _grid(plan: MixturePlan) -> str:
    """The conditions in a few words."""
    snrs = sorted({trial.snr_db for trial in plan.trials if trial.snr_db is not None}, reverse=True)
    parts = ["clean"] if any(trial.condition.value == "clean" for trial in plan.trials) else []
    if snrs:
        parts.append(f"{', '.join(f'{snr:g}' for snr in snrs)} dB in {', '.join(plan.noise_lists)}")
    places = plan.acoustics.places()
    return "; ".join([*parts, *([f"{len(places)} places"] if len(places) > 1 else [])])


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
