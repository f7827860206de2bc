# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What every effect keeps: length, place of the speech, the same result for the same generator, clear errors."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from nemo_noise.data.acoustics import (
    AutomaticGain,
    Clipping,
    FrameDrops,
    G711Codec,
    GsmCodec,
    MicrophoneResponse,
    OpusCodec,
    PacketLoss,
    TelephoneBand,
)
from nemo_noise.data.acoustics.effect import EFFECTS, Effect, effect
from nemo_noise.data.acoustics.rooms import RoomResponse

RATE = 16000


class DecayingNoise:
    """A room that needs no package: a pulse after 10 ms, then noise that falls by 60 dB in 0.4 s."""

    def draw(self, sample_rate: int, rng: np.random.Generator) -> RoomResponse:
        time_s = np.arange(int(0.5 * sample_rate)) / sample_rate
        response = 0.02 * rng.standard_normal(len(time_s)) * 10.0 ** (-3.0 * time_s / 0.4)
        direct = int(0.01 * sample_rate)
        response[:direct] = 0.0
        response[direct] = 1.0
        return RoomResponse(response, direct, {})


# The options that each effect is tried with; an effect without a line is tried with its defaults.
TRIED: dict[str, list[dict[str, Any]]] = {
    "reverberation": [{"rooms": DecayingNoise(), "drr_db": {"min": 0, "max": 10}}],
    "moving_talker": [{"rooms": DecayingNoise(), "start_drr_db": 10, "end_drr_db": -5}],
    "microphone": [{"gain_db": {"min": -6, "max": 6}}],
    "g711": [{"law": "mu"}, {"law": "a"}],
    "opus": [{"kbit_per_s": {"min": 8, "max": 24}}],
    "clipping": [{"clipped_share": {"min": 0.01, "max": 0.1}}],
    "frame_drops": [{"drop_rate": 0.1}],
    "packet_loss": [{"loss_rate": 0.1, "concealment": way} for way in ("silence", "repeat", "pitch")],
}
MADE = {
    f"{name}{number or ''}": partial(kind, **options)
    for name, kind in EFFECTS.items()
    for number, options in enumerate(TRIED.get(name, [{}]))
}
every_effect = pytest.mark.parametrize("make", MADE.values(), ids=MADE)


def lag(reference: np.ndarray, changed: np.ndarray) -> int:
    """By how many samples the second comes late, where the two are most alike."""
    size = 2 * len(reference)
    alike = np.fft.irfft(np.fft.rfft(changed, size) * np.conj(np.fft.rfft(reference, size)))
    place = int(np.argmax(alike))
    return place if place < len(reference) else place - size


@every_effect
def test_speech_keeps_its_length_and_its_place(make: Callable[[], Effect], speech: np.ndarray) -> None:
    changed, _ = make().apply(speech, RATE, np.random.default_rng(1))
    assert (changed.dtype, changed.shape) == (np.float32, speech.shape)
    assert np.isfinite(changed).all()
    assert not np.array_equal(changed, speech)
    assert lag(speech, changed) == 0


@every_effect
@pytest.mark.parametrize(("rate", "count"), [(16000, 1), (16000, 37), (16000, 4001), (44100, 12345), (8000, 4000)])
def test_any_length_and_rate_gives_the_same_length(make: Callable[[], Effect], rate: int, count: int) -> None:
    made = make()
    wave = (0.1 * np.random.default_rng(0).standard_normal(count)).astype(np.float32)
    assert made.apply(wave, rate, np.random.default_rng(1)).samples.shape == wave.shape


@every_effect
def test_the_same_generator_gives_the_same_sound_and_another_does_not_disturb_it(
    make: Callable[[], Effect], speech: np.ndarray
) -> None:
    first = make().apply(speech, RATE, np.random.default_rng(1))
    used = make()
    used.apply(speech[::-1].copy(), RATE, np.random.default_rng(2))
    again = used.apply(speech, RATE, np.random.default_rng(1))
    assert np.array_equal(first.samples, again.samples)
    assert first.settings == again.settings


@every_effect
def test_silence_stays_silent(make: Callable[[], Effect]) -> None:
    changed, settings = make().apply(np.zeros(1000, np.float32), RATE, np.random.default_rng(1))
    assert not changed.any()
    assert settings == {}


@every_effect
def test_speech_beyond_full_scale_is_scaled_like_the_rest(make: Callable[[], Effect], speech: np.ndarray) -> None:
    # Mixtures may exceed full scale; no effect but clipping and automatic gain may notice.
    made = make()
    if isinstance(made, Clipping | AutomaticGain):
        pytest.skip("this effect is about the level")
    gain = np.float32(64.0 / np.abs(speech).max())
    soft = made.apply(speech * np.float32(0.5 / np.abs(speech).max()), RATE, np.random.default_rng(1)).samples
    loud = made.apply(speech * gain, RATE, np.random.default_rng(1)).samples
    if isinstance(made, OpusCodec | GsmCodec):  # what they make of noise is another wave of like level
        assert np.sqrt(np.mean(loud**2) / np.mean(soft**2)) == pytest.approx(128.0, rel=0.05)
    else:
        assert np.sqrt(np.mean((loud / 128.0 - soft) ** 2) / np.mean(soft**2)) < 0.02


@every_effect
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0, np.float32), "samples: is empty"),
        (np.array([0.1, np.nan], np.float32), "samples: 1 of 2 samples are NaN or infinite"),
        (np.ones((5, 2), np.float32), r"samples: has shape \(5, 2\)"),
        (np.ones(5, np.int16), "samples: has dtype int16"),
    ],
)
def test_what_is_no_speech_is_named(make: Callable[[], Effect], samples: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().apply(samples, RATE, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Clipping(0.9), r"clipped_share: is 0\.9, expected 0 to 0\.5"),
        (lambda: Clipping("much"), "clipped_share: is 'much', expected a number"),
        (lambda: Clipping([]), "clipped_share: is an empty list"),
        (lambda: Clipping({"low": 0.1}), r"clipped_share: has the keys \['low'\], expected exactly min and max"),
        (lambda: Clipping({"min": 0.2, "max": 0.1}), r"clipped_share: min 0\.2 is above max 0\.1"),
        (lambda: Clipping(True), "clipped_share: is True"),
        (lambda: TelephoneBand(3300, 3400), "low_hz: reaches 3300 Hz, expected at least 300 Hz below high_hz"),
        (lambda: G711Codec("b"), "law: is 'b', expected one of"),
        (lambda: OpusCodec(2), "kbit_per_s: is 2, expected 6 to 256"),
        (lambda: MicrophoneResponse(3, num_points=1), "num_points: is 1, expected a whole number from 2 to 32"),
        (lambda: PacketLoss(0.8, mean_burst=1), "mean_burst: is 1, expected at least 4 packets"),
        (lambda: PacketLoss(0.1, concealment="magic"), "concealment: is 'magic', expected one of"),
        (lambda: FrameDrops(1.0), "drop_rate: is 1, expected 0 to 0.9"),
        (lambda: AutomaticGain(attack_s=0), "attack_s: is 0, expected 0.001 to 60"),
    ],
)
def test_an_unusable_option_is_named_at_construction(make: Callable[[], Effect], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_telephone_needs_speech_that_has_its_band() -> None:
    with pytest.raises(ValueError, match="high_hz: is 3400, expected less than half of the 6000"):
        TelephoneBand().apply(np.ones(100, np.float32), 6000, np.random.default_rng(0))


def test_two_effects_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="effect: 'gsm' names GsmCodec already"):
        effect("gsm")(Clipping)
