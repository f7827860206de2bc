# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Chains from configs, and `rooms` and `devices` in NeMo's augmentor: the same for (seed, epoch, utterance)."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, Dataset

from nemo.collections.asr.parts.preprocessing.perturb import AudioAugmentor, process_augmentations
from nemo.collections.asr.parts.preprocessing.segment import AudioSegment
from nemo.utils import logging

from nemo_noise.data.acoustics.chain import build_chain
from nemo_noise.data.acoustics.effect import EFFECTS
from nemo_noise.data.acoustics.perturbation import AcousticsPerturbation
from nemo_noise.data.draw import utterance as utterance_draw
from nemo_noise.data.draw.clock import EPOCH_CLOCK, EpochClock

RATE = 16000
PARTS = sorted((Path(__file__).parents[3] / "conf" / "parts" / "acoustics").glob("*.yaml"))
PARTS = [part for part in PARTS if part.stem != "none"]
DEVICES = {
    "microphone": {"prob": 0.5, "gain_db": {"min": -6, "max": 6}},
    "clipping": {"prob": 0.5, "clipped_share": 0.05},
    "packet_loss": {"prob": 0.5, "loss_rate": 0.1},
}


def utterance(seed: int, count: int = 8000) -> np.ndarray:
    return (0.1 * np.random.default_rng(100 + seed).standard_normal(count)).astype(np.float32)


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    lines = []
    for number in range(3):
        rng = np.random.default_rng(number)
        response = rng.standard_normal(4000) * 10.0 ** (-3.0 * np.arange(4000) / (0.05 * (number + 1) * RATE)) * 0.1
        response[50] = 1.0
        soundfile.write(tmp_path / f"{number}.wav", response, RATE, subtype="FLOAT")
        lines.append(json.dumps({"audio_filepath": f"{number}.wav"}))
    (tmp_path / "rir.json").write_text("\n".join(lines) + "\n")
    return tmp_path / "rir.json"


def augmentor(responses: Path, noise_manifest: Path, **options: object) -> AudioAugmentor:
    reverberation = {"prob": 0.5, "rooms": {"recorded": {"manifest_path": str(responses)}}}
    blocks = {
        "rooms": {"prob": 1.0, "seed": 3, "effects": {"reverberation": reverberation}, **options},
        "noise_mix": {"prob": 1.0, "manifest_path": str(noise_manifest), "snr_db": [10], "mix_prob": 0.5, "seed": 3},
        "devices": {"prob": 1.0, "seed": 4, "effects": DEVICES, **options},
    }
    return process_augmentations(OmegaConf.create(blocks))


class Utterances(Dataset[torch.Tensor]):
    def __init__(self, augmentor: AudioAugmentor) -> None:
        self.augmentor = augmentor

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        segment = AudioSegment(utterance(index), RATE)
        self.augmentor.perturb(segment)
        return torch.from_numpy(segment.samples)


def one_epoch(made: AudioAugmentor, epoch: int, order: list[int], num_workers: int) -> torch.Tensor:
    EPOCH_CLOCK.set(epoch)
    random.seed(num_workers)
    loader = DataLoader(Utterances(made), batch_size=2, sampler=order, num_workers=num_workers)
    return torch.cat(list(loader))[torch.argsort(torch.tensor(order))]


def test_rooms_noise_and_devices_depend_on_neither_workers_nor_order(responses: Path, noise_manifest: Path) -> None:
    made = augmentor(responses, noise_manifest)
    forwards = one_epoch(made, 1, list(range(8)), 0)
    shuffled = one_epoch(augmentor(responses, noise_manifest), 1, [5, 0, 7, 2, 1, 6, 3, 4], 2)
    assert torch.equal(forwards, shuffled)
    assert not torch.equal(forwards, one_epoch(made, 2, list(range(8)), 0))
    assert torch.equal(forwards, one_epoch(made, 1, list(range(8)), 0))


def test_refresh_never_keeps_the_effects_in_every_epoch() -> None:
    made = process_augmentations({"devices": {"prob": 1.0, "effects": DEVICES, "refresh": "never"}})
    assert torch.equal(one_epoch(made, 0, list(range(8)), 0), one_epoch(made, 5, list(range(8)), 0))


def test_each_effect_reaches_its_share_of_utterances_and_effects_are_drawn_apart() -> None:
    chain = build_chain(
        {"clipping": {"prob": 0.3, "clipped_share": 0.1}, "frame_drops": {"prob": 0.6, "drop_rate": 0.1}}
    )
    applied = [chain.apply(utterance(0, 400), RATE, [0, 0, key]).settings for key in range(600)]
    clipped = np.array(["clipping" in one for one in applied])
    dropped = np.array(["frame_drops" in one for one in applied])
    assert clipped.mean() == pytest.approx(0.3, abs=0.06)
    assert dropped.mean() == pytest.approx(0.6, abs=0.06)
    assert abs(np.corrcoef(clipped, dropped)[0, 1]) < 0.12


def test_taking_an_effect_out_leaves_the_draws_of_the_others() -> None:
    both = build_chain(
        {"clipping": {"clipped_share": {"min": 0.0, "max": 0.2}}, "opus": {"kbit_per_s": {"min": 8, "max": 64}}}
    )
    alone = build_chain({"clipping": None, "opus": {"kbit_per_s": {"min": 8, "max": 64}}})
    settings = [chain.apply(utterance(0), RATE, [1, 2, 3]).settings for chain in (both, alone)]
    assert settings[0]["opus"]["asked_kbit_per_s"] == settings[1]["opus"]["asked_kbit_per_s"]
    assert list(settings[1]) == ["opus"]


def test_effects_act_in_the_order_of_the_config() -> None:
    cut_then_band = {"clipping": {"clipped_share": 0.3}, "telephone_band": {}}
    forwards = build_chain(cut_then_band).apply(utterance(0), RATE, [0])
    backwards = build_chain(dict(reversed(cut_then_band.items()))).apply(utterance(0), RATE, [0])
    assert list(forwards.settings) == ["clipping", "telephone_band"]
    assert not np.array_equal(forwards.samples, backwards.samples)


def test_an_effect_may_occur_twice_under_two_names() -> None:
    chain = build_chain({"g711": {}, "second_line": {"effect": "g711", "law": "a"}})
    assert list(chain.apply(utterance(0), RATE, [0]).settings) == ["g711", "second_line"]


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ([], r"effects: is \[\], expected a mapping"),
        ({"echo": {}}, "effects.echo: there is no effect 'echo', expected one of automatic_gain, clipping, "),
        ({"clipping": 3}, "effects.clipping: is 3, expected a mapping"),
        ({"clipping": {}}, "effects.clipping: lacks the option 'clipped_share'"),
        ({"clipping": {"share": 1}}, "effects.clipping: has no option 'share', expected clipped_share"),
        ({"gsm": {"share": 1}}, "effects.gsm: has no option 'share', expected none"),
        ({"clipping": {"clipped_share": 3}}, r"effects\.clipping: clipped_share: is 3, expected 0 to 0\.5"),
        ({"gsm": {"prob": 2}}, r"effects\.gsm\.prob: is 2, expected 0 to 1"),
        ({"reverberation": {"rooms": "large"}}, r"effects\.reverberation\.rooms: is 'large', expected one of"),
        ({"reverberation": {"rooms": {"recorded": {}}}}, r"rooms\.recorded: lacks the option 'manifest_path'"),
        (
            {"reverberation": {"rooms": {"recorded": {"manifest_path": "absent.json"}}}},
            r"effects\.reverberation\.rooms\.recorded: absent\.json: no such manifest",
        ),
    ],
)
def test_an_unusable_config_is_named(effects: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AcousticsPerturbation(effects)


@pytest.mark.parametrize(
    ("options", "message"), [({"seed": -1}, "seed: is -1"), ({"refresh": "often"}, "refresh: is 'often'")]
)
def test_an_unusable_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AcousticsPerturbation({}, **options)


def test_unusable_speech_is_named_with_its_file_and_the_effect() -> None:
    segment = AudioSegment(np.array([0.1, np.nan], np.float32), RATE, audio_file="bad.wav")
    with pytest.raises(ValueError, match="bad.wav: gsm: samples: 1 of 2 samples are NaN"):
        AcousticsPerturbation({"gsm": {}}).perturb(segment)


def test_a_silent_utterance_stays_as_it_is_and_is_counted() -> None:
    perturbation = AcousticsPerturbation({"gsm": {}})
    segment = AudioSegment(np.zeros(100, np.float32), RATE)
    perturbation.perturb(segment)
    assert not segment.samples.any()
    assert perturbation.counts == {"silent speech": 1}


def test_a_clock_that_nobody_sets_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", said.append)
    monkeypatch.setattr(utterance_draw, "EPOCH_CLOCK", EpochClock())
    perturbation = AcousticsPerturbation({"clipping": {"clipped_share": 0.1}})
    for index in (0, 1, 0, 1, 0):
        perturbation.perturb(AudioSegment(utterance(index, 400), RATE))
    assert len(said) == 1
    assert "EpochClockCallback" in said[0]


@pytest.mark.parametrize("part", PARTS, ids=lambda path: path.stem)
def test_the_parts_in_conf_are_usable(part: Path, responses: Path) -> None:
    options = OmegaConf.load(part)
    for effect in options.effects.values():
        recorded = effect.get("rooms", {}).get("recorded")
        if recorded is not None:
            recorded.manifest_path = str(responses)
    chosen = OmegaConf.to_container(options, resolve=True, throw_on_missing=True)
    assert chosen.pop("prob") == 1.0
    chain = AcousticsPerturbation(**chosen).chain
    assert chain.steps
    assert all(type(step.effect) in EFFECTS.values() for step in chain.steps)
    if not any("simulated" in str(effect) for effect in chosen["effects"].values()):
        assert chain.apply(utterance(0), RATE, [0]).samples.shape == (8000,)


def test_the_parts_fit_into_a_recipe_in_front_of_the_noise_and_behind_it(tmp_path: Path) -> None:
    parts = ["simulated_rooms@model.train_ds.augmentor.rooms", "telephone@model.train_ds.augmentor.devices"]
    (tmp_path / "recipe.yaml").write_text(
        "defaults:\n  - /base/data\n"
        f"  - /acoustics/{parts[0]}\n"
        "  - /noise/noise_mix@model.train_ds.augmentor.noise_mix\n"
        f"  - /acoustics/{parts[1]}\n"
        f"hydra:\n  searchpath: [file://{PARTS[0].parents[1]}]\n"
    )
    with initialize_config_dir(str(tmp_path), version_base=None):
        augmentors = compose("recipe").model.train_ds.augmentor
    assert list(augmentors) == ["rooms", "noise_mix", "devices"]
    assert list(augmentors.devices.effects) == ["telephone_band", "g711", "gsm"]
