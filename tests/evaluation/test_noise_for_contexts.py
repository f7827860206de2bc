# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise-aware Whispers in the evaluation: controls, a pre-roll of full length, the true noise; each to its mixture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

import nemo_noise
from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.hypothesis import Condition
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.transcription.arms import Control, arms_of
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.models import WhisperModel, import_whisper
from tests.contracts import randomize
from tests.evaluation.tiny_models import SAMPLE_RATE, write_noise, write_speech
from tests.whispers import write_whisper


def _plan(folder: Path, **options: Any) -> MixturePlan:
    speech, noise = write_speech(folder / "speech"), write_noise(folder / "noise")
    only = NoiseOnlyOptions(crops=1, crop_s=1.25, silence_s=(0.5,))
    return load_plan(SAMPLE_RATE, speech, {"unseen": noise}, snr_db=["clean", 5], seed=3, noise_only=only, **options)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    folder = tmp_path_factory.mktemp("whisper")
    write_whisper(folder)
    config = OmegaConf.create(OmegaConf.to_container(import_whisper(folder).cfg))
    config.preprocessor.window_s, config.encoder.max_positions = 2.0, 100
    model: Any = nemo_noise.add_noise_context(WhisperModel(cfg=config), context="statistics")
    randomize(model.encoder.fusions)
    return model.eval()


def test_mixtures_hold_their_noise_if_asked_and_stay_the_same(tmp_path: Path) -> None:
    plain, plan = _plan(tmp_path), _plan(tmp_path, keeps_noise=True)
    clean = {t.utterance_id: plain.render(t).samples for t in plain.trials if t.condition is Condition.CLEAN}
    for trial, other in zip(plan.trials, plain.trials, strict=True):
        mixture, expected = plan.render(trial), plain.render(other)
        assert trial.trial_id == other.trial_id and np.array_equal(mixture.samples, expected.samples)
        assert expected.noise is None and mixture.noise is not None
        assert len(mixture.noise) == len(mixture.samples)
        speech = clean.get(trial.utterance_id, np.zeros_like(mixture.samples))
        np.testing.assert_allclose(speech + mixture.noise, mixture.samples, atol=1e-6)


def test_a_looped_pre_roll_is_as_long_as_asked_and_ends_where_the_crop_begins(tmp_path: Path) -> None:
    short, looped = _plan(tmp_path, preroll_s=1.5), _plan(tmp_path, preroll_s=1.5, preroll_loops=True)
    for trial, other in zip(short.trials, looped.trials, strict=True):
        mixture, longer = short.render(trial), looped.render(other)
        assert np.array_equal(mixture.samples, longer.samples)
        if trial.condition is not Condition.NOISY:
            assert longer.before is None
            continue
        assert longer.before is not None and len(longer.before) == 1.5 * SAMPLE_RATE
        if mixture.before is not None:
            assert np.array_equal(longer.before[-len(mixture.before) :], mixture.before)


class _Recorded:
    """The contexts and the first frames that an encoder got, by a hook."""

    def __init__(self, model: WhisperModel) -> None:
        self.contexts: list[Tensor] = []
        self.features: list[Tensor] = []
        self._handles = [
            model.encoder.context_encoder.register_forward_hook(lambda _, __, output: self.contexts.append(output)),
            model.encoder.whisper.conv1.register_forward_pre_hook(lambda _, inputs: self.features.append(inputs[0])),
        ]

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()


@pytest.mark.parametrize("kind", ["noise", "preroll", "utterance"])
def test_each_mixture_gets_the_context_that_is_its_own(kind: str, whisper: WhisperModel, tmp_path: Path) -> None:
    options = {"noise": {"keeps_noise": True}, "preroll": {"preroll_s": 0.5, "preroll_loops": True}, "utterance": {}}
    plan = _plan(tmp_path, **options[kind])
    (arm,) = arms_of("whisper", whisper, [])
    recorded = _Recorded(whisper)
    rows = run_arm(arm, plan, tmp_path / "rows.jsonl", options=RunOptions(batch_size=3, latency_utterances=0))
    recorded.close()
    assert [row.trial_id for row in rows] == [trial.trial_id for trial in plan.trials]
    contexts = torch.cat(recorded.contexts)
    fused = whisper.encoder.fusions["features"]
    mean = torch.cat(recorded.features).mean(dim=(1, 2))  # tells the utterances apart
    for trial in plan.trials:
        mixture = plan.render(trial)
        if len(mixture.samples) < SAMPLE_RATE and kind != "noise":
            continue  # NeMo puts silence around it, which the context reads
        heard = {"noise": mixture.noise, "preroll": mixture.before, "utterance": mixture.samples}[kind]
        own, frames = _features(whisper, mixture.samples)
        if kind != "preroll":
            expected = whisper.encoder.noise_context(*_features(whisper, heard))
        else:
            before, before_frames = _features(whisper, np.zeros(0, np.float32) if heard is None else heard)
            both = torch.cat([before[:, :, : int(before_frames)], own[:, :, : int(frames)]], dim=2)
            expected = whisper.encoder.noise_context(both, before_frames + frames)
        entered = fused(features=own.transpose(1, 2), context=expected.unsqueeze(1)).transpose(1, 2)
        place = (mean - entered.mean()).abs().argmin()  # where this utterance was in all that the encoder got
        assert torch.allclose(contexts[place], expected[0], atol=1e-3), trial


def _features(model: WhisperModel, samples: Any) -> tuple[Tensor, Tensor]:
    signal = torch.from_numpy(samples)[None]
    signal = signal if signal.shape[1] else torch.zeros(1, 1)
    features, frames = model.preprocessor(input_signal=signal, length=torch.tensor([len(samples)]))
    return features, frames


def test_controls_run_for_a_whisper_with_a_context_and_not_for_one_without(
    whisper: WhisperModel, tmp_path: Path
) -> None:
    controls = [Control.SHUFFLED_CONTEXT, Control.SWAPPED_NOISE, Control.SWAPPED_TALKER]
    plan = _plan(tmp_path, keeps_noise=True)
    arms = arms_of("whisper", whisper, controls)
    assert [arm.name for arm in arms] == ["whisper", *(f"whisper+{control.value}" for control in controls)]
    options = RunOptions(batch_size=4)
    rows = [run_arm(arm, plan, tmp_path / "rows.jsonl", options=options) for arm in arms[:2]]
    assert len(rows[0]) == len(plan.trials) > len(rows[1]) > 0  # noise alone has no neighbour
    write_whisper(tmp_path / "plain")
    assert len(arms_of("plain", import_whisper(tmp_path / "plain"), controls)) == 1


@pytest.mark.parametrize("other", ["streaming_ms=[160]", "context_snr=true", "preroll_s=1.0"])
def test_the_true_noise_goes_with_nothing_else(other: str) -> None:
    given = ["model=m.nemo", "speech=s.json", "noise_lists={}", "context_reads=noise", other]
    with initialize_config_dir(str(config_directory() / "scripts"), version_base="1.1"):
        cfg = compose("noise_robustness", given)
    name = other.split("=")[0]
    with pytest.raises(ValueError, match=f"context_reads is noise beside {name}, should be one of the two"):
        Instrument(cfg)
