# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mixtures with a pre-roll: the same mixtures as without, and the noise of their recordings before them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from nemo_noise.configuration import config_directory
from nemo_noise.data.manifests.manifest import load_entry, read_manifest
from nemo_noise.evaluation.hypothesis import Condition
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.acoustics import parse_acoustics
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.transcription.arms import arms_of
from nemo_noise.evaluation.transcription.preroll import after_preroll
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.modules import NoiseTypeMemory
from tests.contracts import randomize
from tests.evaluation.tiny_models import SAMPLE_RATE, streaming_encoder, tiny_ctc, write_noise, write_speech

SECONDS = 0.25


def _plan(folder: Path, preroll_s: float) -> MixturePlan:
    speech, noise = write_speech(folder / "speech"), write_noise(folder / "noise")
    only = NoiseOnlyOptions(crops=1, crop_s=0.5)
    return load_plan(
        SAMPLE_RATE, speech, {"unseen": noise}, snr_db=["clean", 10, 0], seed=3, noise_only=only, preroll_s=preroll_s
    )


def test_a_pre_roll_is_the_noise_before_the_crop_as_loud_and_changes_no_mixture(tmp_path: Path) -> None:
    without, plan = _plan(tmp_path, 0), _plan(tmp_path, SECONDS)
    recordings = {
        e.fields["audio_filepath"]: load_entry(e, SAMPLE_RATE) for e in read_manifest(tmp_path / "noise/noise.json")
    }
    lengths = []
    for trial, bare in zip(plan.trials, without.trials, strict=True):
        mixture, expected = plan.render(trial), without.render(bare)
        assert np.array_equal(mixture.samples, expected.samples) and expected.before is None
        assert (trial.trial_id == bare.trial_id) == (trial.condition is not Condition.NOISY)
        if mixture.before is None:
            assert trial.condition is not Condition.NOISY or mixture.noise_offset_s == 0
            continue
        lengths.append(len(mixture.before))
        end = round(mixture.noise_offset_s * SAMPLE_RATE)
        noise = recordings[mixture.noise_file][end - len(mixture.before) : end]
        clean = next(plan.render(t).samples for t in plan.trials if t.utterance_id == trial.utterance_id)
        crop = recordings[mixture.noise_file][end:]
        added = mixture.samples - clean
        if len(crop) >= len(added):  # not looped
            gain = np.dot(added, crop[: len(added)]) / np.dot(crop[: len(added)], crop[: len(added)])
            np.testing.assert_allclose(mixture.before, gain * noise, rtol=1e-3, atol=1e-6)
    assert lengths and max(lengths) <= SECONDS * SAMPLE_RATE


def test_a_channel_with_a_memory_does_the_same_to_a_mixture_whatever_went_before(tmp_path: Path) -> None:
    speech, noise = write_speech(tmp_path / "speech"), write_noise(tmp_path / "noise")
    drops = {"drop_rate": 0.2, "frame_ms": 20}
    effects = {"clipping": {"clipped_share": 0.05}, "frame_drops": drops, "automatic_gain": {}}
    acoustics = parse_acoustics(None, {"device": {"effects": effects}})
    heard = []
    for seconds in (0.0, SECONDS):
        plan = load_plan(
            SAMPLE_RATE,
            speech,
            {"unseen": noise},
            snr_db=[5],
            seed=3,
            noise_only=NoiseOnlyOptions(crops=0),
            acoustics=acoustics,
            preroll_s=seconds,
        )
        heard.append([plan.render(trial) for trial in plan.trials])
    assert all(np.array_equal(bare.samples, one.samples) for bare, one in zip(*heard, strict=True))
    assert any(one.before is not None for one in heard[1])


def _model(has_context: bool) -> Any:
    model = tiny_ctc(streaming_encoder(has_context), normalize="NA").eval()
    if has_context:
        randomize(model.encoder.fusions)
    return model


def test_a_model_with_a_context_hears_it_and_any_other_hears_the_speech_alone(tmp_path: Path) -> None:
    without, plan = _plan(tmp_path, 0), _plan(tmp_path, SECONDS)
    signal, length = torch.randn(2, 16000), torch.tensor([16000, 16000])
    before = [np.random.default_rng(0).standard_normal(4000).astype(np.float32), None]
    for has_context in (True, False):
        model = _model(has_context)
        # as that of a second attention: it uses a context and reads no pre-roll
        model.memory = NoiseTypeMemory(2, 8)
        outputs = model(input_signal=signal, input_signal_length=length)[0]
        with after_preroll(model, before):
            heard = model(input_signal=signal, input_signal_length=length)[0]
        assert torch.allclose(heard[0], outputs[0], atol=1e-4) != has_context
        assert torch.allclose(heard[1], outputs[1], atol=1e-4)
        with after_preroll(model, [None, None]):
            assert torch.equal(model(input_signal=signal, input_signal_length=length)[0], outputs)
    options = RunOptions(batch_size=3, latency_utterances=1)
    texts = {}
    for name, one in (("with", plan), ("without", without)):
        (arm,) = arms_of("plain", _model(False), [])
        rows = run_arm(arm, one, tmp_path / f"{name}.jsonl", options=options)
        texts[name] = [row.pred_text for row in rows]
        told = [row.fields.get("preroll_samples", 0) for row in rows]
        assert any(told) == (name == "with")
    assert texts["with"] == texts["without"]


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), "1", True])
def test_a_bad_length_is_named(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ValueError, match=f"preroll_s is {value!r}, should be seconds"):
        _plan(tmp_path, value)


@pytest.mark.parametrize(
    "other", ["streaming_ms=[160]", "around_s=[0.5]", "export_mixtures=mixtures", "context_snr=true"]
)
def test_what_would_not_hear_it_is_refused(other: str) -> None:
    with initialize_config_dir(str(config_directory() / "scripts"), version_base="1.1"):
        cfg = compose("noise_robustness", ["model=m.nemo", "speech=s.json", "noise_lists={}", "preroll_s=1.5", other])
    with pytest.raises(ValueError, match=f"preroll_s is 1.5 beside {other.split('=')[0]}, should be one of the two"):
        Instrument(cfg)
