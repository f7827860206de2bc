# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which search is best on a dev set: greedy and the settings of a grid, or some of them, with errors and time."""

import itertools
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from nemo.collections.asr.models import ASRModel

from nemo_noise import whole_file
from nemo_noise.checks import listed, maybe, number, refuse_unknown, text, whole
from nemo_noise.data.manifests.manifest import ManifestEntry, ManifestError, load_entry
from nemo_noise.evaluation.scoring.text_normalization import normalize_text
from nemo_noise.evaluation.scoring.wer import ErrorCounts, count_errors, sum_errors
from nemo_noise.inference.decoding.search import (
    BONUS_STRATEGIES,
    GREEDY,
    SearchSetting,
    apply_setting,
    encode_speech,
    fast_language_model,
    search,
)
from nemo_noise.recogniser.facts import sample_rate_of

MOST_BEAMS = 4096  # more are no beam but all there is

__all__ = ["SearchGrid", "Trial", "best_by_size", "best_trial", "trials_table", "try_settings", "write_trials"]


@dataclass(frozen=True)
class SearchGrid:
    """The settings to try.

    Args:
        strategy: NeMo's name of the search.
        beam_size: sizes of the beam.
        alpha: weights of the language model.
        beta: bonuses of a token; None for 0, 0.5 and 1 where the search has one.
        max_trials: so many of the combinations, drawn at random; None for all.
        seed: of the drawing.

    Raises:
        ValueError: if a list is empty or there would be no trial.
    """

    strategy: str
    beam_size: Sequence[int]
    alpha: Sequence[float]
    beta: Sequence[float] | None = None
    max_trials: int | None = None
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "SearchGrid":
        """Read the block `grid` of a config; a strategy of null is the empty one, to be chosen for the model.

        Raises:
            ValueError: if an option is unknown or wrong; names it.
        """
        refuse_unknown(given, cls, "grid")
        maybe(text()).check("grid.strategy", given.get("strategy"))
        return cls(**{**given, "strategy": given.get("strategy") or ""})

    def __post_init__(self) -> None:
        listed(whole(1, MOST_BEAMS), "[2, 4, 8]").check("beam_size", self.beam_size)
        listed(number(0), "[0.1, 0.4]").check("alpha", self.alpha)
        maybe(listed(number(), "[0.0, 0.5]")).check("beta", self.beta)
        maybe(whole()).check("max_trials", self.max_trials)
        whole(0).check("seed", self.seed)
        for name in ("beam_size", "alpha", "beta"):
            if getattr(self, name) is not None and not len(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r} must be a list of one value or more.")
        if self.max_trials is not None and self.max_trials < 1:
            raise ValueError(f"max_trials={self.max_trials} must be 1 or more, or null for all combinations.")

    def settings(self, language_model: str | None) -> list[SearchSetting]:
        """All combinations, or those that are drawn, in the order of the grid.

        Args:
            language_model: path, or None; then only alpha 0 is left.
        """
        alphas = self.alpha if language_model is not None else [0.0]
        betas = self.beta or ((0.0, 0.5, 1.0) if self.strategy in BONUS_STRATEGIES else (0.0,))
        all_settings = [
            SearchSetting(self.strategy, size, float(alpha), float(beta), language_model)
            for size, alpha, beta in itertools.product(self.beam_size, alphas, betas)
        ]
        if self.max_trials is None or self.max_trials >= len(all_settings):
            return all_settings
        drawn = random.Random(self.seed).sample(range(len(all_settings)), self.max_trials)  # noqa: S311  no secret
        return [all_settings[index] for index in sorted(drawn)]


class Trial(NamedTuple):
    """One setting, its errors, and how many seconds of audio it does in a second, encoder included."""

    setting: SearchSetting
    errors: ErrorCounts
    search_s: float
    rtfx: float


def try_settings(
    model: ASRModel,
    entries: Sequence[ManifestEntry],
    settings: Sequence[SearchSetting],
    *,
    batch_size: int,
    normalization: Sequence[str] = (),
) -> list[Trial]:
    """Try settings on speech: the encoder runs once, each search on what it said.

    Args:
        model: the recogniser; it is left searching greedily.
        entries: speech with transcripts.
        settings: to try.
        batch_size: utterances at a time, for encoder and searches.
        normalization: steps of `text_normalization`, for reference and hypothesis.

    Returns:
        One trial per setting, in order.

    Raises:
        ManifestError: if an utterance has no transcript.
    """
    rate = sample_rate_of(model)
    for entry in entries:
        if entry.text is None:
            raise ManifestError(f"{entry.source}: has no `text`, expected a transcript to count errors against")
    references = [normalize_text(str(entry.text), normalization) for entry in entries]
    waveforms = [load_entry(entry, rate) for entry in entries]
    audio_s = sum(len(samples) for samples in waveforms) / rate
    with tqdm(total=len(entries), desc="encoder", unit="utterance") as bar:
        encoded = encode_speech(model, waveforms, batch_size=batch_size, progress=bar.update)
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        fast: dict[str, str] = {}
        for setting in tqdm(settings, desc="search", unit="setting"):
            path = setting.language_model
            if path is not None and path not in fast:
                is_fast = Path(path).suffix == ".nemo" or setting.strategy == "pyctcdecode"
                fast[path] = path if is_fast else fast_language_model(model, path, folder)
            apply_setting(model, replace(setting, language_model=fast[path] if path is not None else None))
            search(model, encoded.frames[:1], 1)  # what is built at the first use is not measured
            texts, search_s = search(model, encoded.frames, batch_size)
            pairs = zip(references, (normalize_text(text, normalization) for text in texts), strict=True)
            errors = sum_errors(count_errors(said, written) for said, written in pairs)
            trials.append(Trial(setting, errors, search_s, audio_s / (encoded.encoder_s + search_s)))
    apply_setting(model, GREEDY)
    return trials


def best_trial(trials: Sequence[Trial], min_rtfx: float = 0.0) -> Trial:
    """The trial with the fewest errors among those that are fast enough; of equals the one with the smallest numbers.

    Raises:
        ValueError: if none is fast enough.
    """
    fast = [trial for trial in trials if trial.rtfx >= min_rtfx]
    if not fast:
        fastest = max((trial.rtfx for trial in trials), default=0.0)
        raise ValueError(f"min_rtfx={min_rtfx}: no setting is as fast, the fastest has {fastest:.1f}.")
    return min(fast, key=lambda trial: (trial.errors.errors, trial.errors.character_errors, *_size(trial.setting)))


def best_by_size(trials: Sequence[Trial]) -> list[Trial]:
    """The curve of speed and accuracy: greedy, and for every beam size its best trial."""
    curve = [trial for trial in trials if trial.setting == GREEDY]
    searched = [trial for trial in trials if trial.setting != GREEDY]
    for size in sorted({trial.setting.beam_size for trial in searched}):
        curve.append(best_trial([trial for trial in searched if trial.setting.beam_size == size]))
    return curve


def trials_table(trials: Sequence[Trial]) -> str:
    """Trials as lines of plain text, in their order."""
    lines = [f"{'search':<14}{'beam':>5}{'alpha':>7}{'beta':>7}{'WER %':>9}{'CER %':>9}{'RTFx':>9}"]
    for trial in trials:
        setting, errors = trial.setting, trial.errors
        numbers = f"{setting.beam_size:>5}{setting.alpha:>7.2f}{setting.beta:>7.2f}"
        rates = f"{100 * errors.wer:>9.2f}{100 * errors.cer:>9.2f}{trial.rtfx:>9.1f}"
        lines.append(f"{setting.strategy:<14}{numbers}{rates}")
    return "\n".join(lines)


def write_trials(path: str | Path, trials: Sequence[Trial]) -> None:
    """Write all trials as JSON lines: setting, rates, counts, times."""
    lines = []
    for trial in trials:
        rates = {"wer": trial.errors.wer, "cer": trial.errors.cer, "rtfx": trial.rtfx, "search_s": trial.search_s}
        lines.append(json.dumps({**asdict(trial.setting), **rates, **trial.errors._asdict()}) + "\n")
    whole_file.write_text(path, "".join(lines))


def _size(setting: SearchSetting) -> tuple[int, float, float]:
    """How far a setting is from greedy."""
    return setting.beam_size, setting.alpha, abs(setting.beta)
