# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tuning a search: what is tried, what is chosen, and the two scripts from texts to a tuned model."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.data.manifests.manifest import ManifestError, read_manifest
from nemo_noise.evaluation.decoding_tuning import (
    SearchGrid,
    Trial,
    best_by_size,
    best_trial,
    trials_table,
    try_settings,
)
from nemo_noise.evaluation.plots.decoding import draw_trials
from nemo_noise.evaluation.scoring.wer import ErrorCounts
from nemo_noise.inference.decoding.search import GREEDY, SearchSetting
from nemo_noise.recogniser.transcription import transcribe
from tests.evaluation.tiny_models import tiny_ctc, write_lines, write_speech


def trial(size: int, alpha: float, errors: int, rtfx: float, beta: float = 0.0) -> Trial:
    lm = "lm.arpa" if alpha else None
    setting = GREEDY if size == 1 else SearchSetting("beam_batch", size, alpha, beta, lm)
    return Trial(setting, ErrorCounts(errors, 0, 0, 100, 2 * errors, 500), 1.0, rtfx)


TRIALS = [
    trial(1, 0, 20, 90),
    trial(2, 0.5, 12, 40),
    trial(2, 1.0, 15, 40),
    trial(4, 0.5, 10, 20),
    trial(4, 1.0, 10, 20),
]


def test_the_grid_is_all_combinations_or_some_of_them_drawn() -> None:
    grid = SearchGrid("beam_batch", [2, 4], [0.0, 0.5], [0.0, 1.0])
    settings = grid.settings("lm.arpa")
    assert len(set(settings)) == 8
    assert {setting.alpha for setting in grid.settings(None)} == {0.0} and len(grid.settings(None)) == 4
    some = SearchGrid("beam_batch", [2, 4], [0.0, 0.5], [0.0, 1.0], 3, 1).settings("lm.arpa")
    assert len(set(some)) == 3 and set(some) < set(settings)
    assert some == SearchGrid("beam_batch", [2, 4], [0.0, 0.5], [0.0, 1.0], 3, 1).settings("lm.arpa")
    assert {setting.beta for setting in SearchGrid("beam_batch", [2], [0.5]).settings("lm.arpa")} == {0.0, 0.5, 1.0}
    assert {setting.beta for setting in SearchGrid("malsd_batch", [2], [0.5]).settings("lm.arpa")} == {0.0}
    with pytest.raises(ValueError, match=r"beam_size=\[\] must be a list"):
        SearchGrid("beam_batch", [], [0.5])
    with pytest.raises(ValueError, match="max_trials=0 must be 1 or more"):
        SearchGrid("beam_batch", [2], [0.5], max_trials=0)


def test_the_best_has_the_fewest_errors_and_of_equals_the_smallest_numbers() -> None:
    assert best_trial(TRIALS) == TRIALS[3]
    assert best_trial(TRIALS, min_rtfx=30) == TRIALS[1]
    assert best_trial(TRIALS, min_rtfx=50).setting == GREEDY
    with pytest.raises(ValueError, match=r"min_rtfx=99: no setting is as fast, the fastest has 90\.0"):
        best_trial(TRIALS, min_rtfx=99)
    assert best_by_size(TRIALS) == [TRIALS[0], TRIALS[1], TRIALS[3]]


def test_the_table_and_the_picture_show_every_trial(tmp_path: Path) -> None:
    lines = trials_table(TRIALS).splitlines()
    assert len(lines) == 1 + len(TRIALS)
    assert lines[1].split() == ["greedy_batch", "1", "0.00", "0.00", "20.00", "8.00", "90.0"]
    assert lines[2].split() == ["beam_batch", "2", "0.50", "0.00", "12.00", "4.80", "40.0"]
    draw_trials(tmp_path / "plots" / "trials.png", TRIALS)
    draw_trials(tmp_path / "trials.svg", TRIALS)
    assert (tmp_path / "plots" / "trials.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "trials.svg").read_text().count("<!-- beam 4 -->") == 2  # legend and curve


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_ctc()


def test_the_encoder_runs_once_for_all_settings(model: Any, tmp_path: Path) -> None:
    entries = read_manifest(write_speech(tmp_path, count=3))
    ran: list[int] = []
    hook = model.encoder.register_forward_hook(lambda *_: ran.append(1))
    trials = try_settings(
        model, entries, [GREEDY, SearchSetting("beam_batch", 2), SearchSetting("beam_batch", 3)], batch_size=2
    )
    hook.remove()
    assert len(ran) == 2  # batches
    assert [each.errors for each in trials] == [trials[0].errors] * 3  # no language model: NeMo's beam is greedy
    assert trials[0].errors.words == 9 and all(each.rtfx > 0 for each in trials)
    silent = write_lines(tmp_path / "silent.json", [{"audio_filepath": "utt0.wav"}])
    with pytest.raises(ManifestError, match=r"silent\.json:1: has no `text`"):
        try_settings(model, read_manifest(silent), [GREEDY], batch_size=2)


def test_the_scripts_lead_from_texts_to_a_tuned_model(
    model: Any, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speech = str(write_speech(tmp_path, count=3))
    model.save_to(str(tmp_path / "model.nemo"))
    monkeypatch.chdir(tmp_path)
    run(repository, "train_ngram", model="model.nemo", texts=[speech], output="lm.arpa", order=5)
    assert (tmp_path / "lm.arpa").read_text().startswith("\\data\\\nngram 1=")
    grid = {"beam_size": [2, 4], "alpha": [0.5, 1.0], "beta": [0.0]}
    files = {"model": "model.nemo", "dev": speech, "test": speech, "language_model": "lm.arpa", "output": "tuned.nemo"}
    run(repository, "tune_decoding", **files, device="cpu", grid=grid)
    said = capsys.readouterr().out
    assert said.count("greedy_batch") >= 3 and "tuned.nemo: SearchSetting(" in said
    rows = [json.loads(line) for line in (tmp_path / "tuned_decoding" / "trials.jsonl").read_text().splitlines()]
    assert [(row["strategy"], row["beam_size"]) for row in rows] == [
        ("greedy_batch", 1),
        *[("beam_batch", 2)] * 2,
        *[("beam_batch", 4)] * 2,
    ]
    assert (tmp_path / "tuned_decoding" / "trials.png").is_file()
    (tmp_path / "lm.arpa").unlink()
    tuned = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), map_location="cpu").eval()
    word_errors = ("substitutions", "deletions", "insertions")
    best = min(rows, key=lambda row: (sum(row[kind] for kind in word_errors), row["character_errors"]))
    assert tuned.cfg.decoding.strategy == best["strategy"] and tuned.cfg.decoding.beam.beam_size == best["beam_size"]
    assert isinstance(transcribe(tuned, [np.zeros(16000, dtype=np.float32)])[0].text, str)


def run(repository: Path, name: str, **changes: Any) -> None:
    """Run an example with its configuration and these changes."""
    config = OmegaConf.merge(OmegaConf.load(repository / "conf" / "scripts" / f"{name}.yaml"), changes)
    spec = importlib.util.spec_from_file_location(name, repository / "examples" / "asr" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(config)
