# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Devices: band edges, quantisation errors, bit rates, clipped shares, gains and losses are the asked ones."""

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
    packet_loss,
)
from nemo_noise.data.acoustics.packet_loss import draw_losses

RATE = 16000


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.1, rate: int = RATE) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def gain_db(effect: object, hertz: float) -> float:
    wave = tone(hertz)
    middle = slice(RATE // 4, 3 * RATE // 4)
    changed = effect.apply(wave, RATE, np.random.default_rng(0)).samples
    return 20 * np.log10(np.sqrt(np.mean(changed[middle] ** 2)) / np.sqrt(np.mean(wave[middle] ** 2)))


def test_the_telephone_band_has_its_edges() -> None:
    line = TelephoneBand()
    for inside in (400, 1000, 2000, 3300):
        assert gain_db(line, inside) == pytest.approx(0.0, abs=0.1)
    for edge in (300, 3400):
        assert gain_db(line, edge) == pytest.approx(-6.0, abs=0.2)
    for outside in (100, 220, 3480, 5000, 7500):
        assert gain_db(line, outside) < -58.0


def test_a_microphone_has_the_response_that_was_drawn() -> None:
    microphone = MicrophoneResponse({"min": -6, "max": 6}, low_edge_hz=100, high_edge_hz=6000)
    impulse = np.zeros(RATE, np.float32)
    impulse[RATE // 2] = 1.0
    changed, settings = microphone.apply(impulse, RATE, np.random.default_rng(3))
    spectrum_db = 20 * np.log10(np.abs(np.fft.rfft(changed)))
    hertz = np.fft.rfftfreq(RATE, 1 / RATE)
    drawn_db = microphone.response_db(hertz, RATE, np.random.default_rng(3))
    band = slice(150, 7000)
    difference = spectrum_db[band] - drawn_db[band]
    assert np.ptp(difference) < 1.5  # one gain for all, which keeps the RMS
    assert np.ptp(drawn_db[band]) > 4.0
    assert drawn_db[50] == pytest.approx(drawn_db[100] - 12.0, abs=0.01)
    assert np.argmax(np.abs(changed)) == RATE // 2
    assert settings["heard_from_hz"] < 150.0


def g711_mu_by_the_formula(samples: np.ndarray) -> np.ndarray:
    """The segments of ITU-T G.711 written down from its definition: 8 chords of 16 steps, bias 33 of 8192."""
    magnitude = np.minimum(np.abs(np.round(samples * 32768.0)).astype(int) >> 2, 8158) + 33
    chord = np.floor(np.log2(magnitude)).astype(int) - 5
    step = (magnitude >> (chord + 1)) & 15
    decoded = (((2 * step + 33) << chord) - 33) * 4
    return np.sign(samples) * decoded / 32768.0


def test_mu_law_knows_the_steps_of_its_formula_and_takes_a_near_one(speech: np.ndarray) -> None:
    wave = np.clip(speech * 3.0, -0.98, 0.98)
    coded, settings = G711Codec().apply(wave, 8000, np.random.default_rng(0))
    steps = np.unique(g711_mu_by_the_formula(np.arange(-32768, 32768) / 32768.0).astype(np.float32))
    assert len(steps) == 255  # plus and minus zero are one
    assert np.isin(coded, steps).all()
    # The formula takes the other neighbour where a sample lies on the border of two steps.
    assert np.mean(coded == g711_mu_by_the_formula(wave.astype(np.float64)).astype(np.float32)) > 0.94
    assert np.abs(coded - wave).max() < 1 / 32  # the widest step is 1/32 of full scale
    assert settings["kbit_per_s"] == pytest.approx(64.0)


@pytest.mark.parametrize(("law", "level_db"), [("mu", 0.0), ("mu", -10.0), ("mu", -20.0), ("a", 0.0), ("a", -10.0)])
def test_g711_keeps_about_37_db_over_a_wide_range_of_levels(speech: np.ndarray, law: str, level_db: float) -> None:
    wave = speech * np.float32(0.9 / np.abs(speech).max() * 10 ** (level_db / 20))
    error = G711Codec(law).apply(wave, 8000, np.random.default_rng(0)).samples - wave
    snr_db = 10 * np.log10(np.sum(wave**2) / np.sum(error**2))
    assert snr_db == pytest.approx(36.7, abs=1.2)


@pytest.mark.parametrize("codec", [G711Codec(), GsmCodec()])
def test_telephone_codecs_keep_nothing_above_4_khz(codec: object, rng: np.random.Generator) -> None:
    wave = (0.1 * rng.standard_normal(RATE)).astype(np.float32)
    power = np.abs(np.fft.rfft(codec.apply(wave, RATE, rng).samples)) ** 2
    assert power[4200:].sum() < 1e-4 * power[:3600].sum()


def test_gsm_sends_13_kbit_per_second_and_nearly_keeps_the_level(speech: np.ndarray, rng: np.random.Generator) -> None:
    coded, settings = GsmCodec().apply(speech, RATE, rng)
    assert settings["kbit_per_s"] == pytest.approx(13.2, abs=0.1)
    assert 10 * np.log10(np.mean(coded**2) / np.mean(speech**2)) == pytest.approx(-1.5, abs=0.5)  # it takes a little


def test_opus_has_about_the_asked_bit_rate_and_errs_less_with_more(speech: np.ndarray) -> None:
    errors = []
    for asked in (8, 16, 32, 64):
        coded, settings = OpusCodec(asked).apply(np.tile(speech, 3), RATE, np.random.default_rng(0))
        assert settings["kbit_per_s"] == pytest.approx(asked, rel=0.35)
        errors.append(float(np.mean((coded - np.tile(speech, 3)) ** 2)))
    assert errors == sorted(errors, reverse=True)


def test_clipping_cuts_the_asked_share_and_nothing_else(speech: np.ndarray, rng: np.random.Generator) -> None:
    cut, settings = Clipping(0.05).apply(speech, RATE, rng)
    ceiling = np.float32(settings["ceiling"])
    assert np.mean(np.abs(speech) > ceiling) == pytest.approx(0.05, abs=1e-4)
    below = np.abs(speech) < ceiling
    np.testing.assert_array_equal(cut[below], speech[below])
    np.testing.assert_allclose(np.abs(cut[~below]), ceiling, rtol=1e-6)


def test_clipping_nothing_changes_nothing(speech: np.ndarray, rng: np.random.Generator) -> None:
    np.testing.assert_array_equal(Clipping(0.0).apply(speech, RATE, rng).samples, speech)


def level_db(wave: np.ndarray) -> float:
    return 10 * np.log10(np.mean(wave.astype(float) ** 2))


@pytest.mark.parametrize("amplitude", [0.005, 0.1, 0.9])
def test_automatic_gain_brings_a_steady_tone_to_its_target(amplitude: float, rng: np.random.Generator) -> None:
    changed = AutomaticGain(target_db=-23).apply(tone(440, 2.0, amplitude), RATE, rng).samples
    assert level_db(changed[RATE:]) == pytest.approx(-23.0, abs=0.1)


def test_automatic_gain_amplifies_no_more_than_it_may(rng: np.random.Generator) -> None:
    soft = tone(440, 1.0, 0.002)
    changed = AutomaticGain(target_db=-20, max_gain_db=12).apply(soft, RATE, rng).samples
    assert level_db(changed) - level_db(soft) == pytest.approx(12.0, abs=0.1)


def test_automatic_gain_has_its_time_constants(rng: np.random.Generator) -> None:
    wave = np.concatenate([tone(500, 3.0, 0.3), tone(500, 3.0, 0.03), tone(500, 3.0, 0.3)])
    changed = AutomaticGain(target_db=-20, attack_s=0.1, release_s=0.5).apply(wave, RATE, rng).samples
    gains = 20 * np.log10(np.abs(changed[8::16]) / np.maximum(np.abs(wave[8::16]), 1e-9))  # at peaks of the tone

    def at(second: float) -> float:
        return float(np.median(gains[int((second - 0.005) * 1000) : int((second + 0.005) * 1000)]))

    steady, risen = at(2.9), at(5.9)
    assert risen - steady == pytest.approx(20.0, abs=0.3)
    assert (at(3.5) - steady) / (risen - steady) == pytest.approx(1 - np.exp(-1), abs=0.03)
    assert (risen - at(6.1)) / (risen - steady) == pytest.approx(1 - np.exp(-1), abs=0.05)


def test_automatic_gain_stands_still_below_its_gate(rng: np.random.Generator) -> None:
    wave = np.concatenate([tone(500, 1.0, 0.1), tone(500, 2.0, 1e-4), tone(500, 1.0, 0.1)])
    _, settings = AutomaticGain(target_db=-20, gate_db=-60).apply(wave, RATE, rng)
    assert settings["highest_gain_db"] - settings["lowest_gain_db"] < 0.5


@pytest.mark.parametrize(("loss_rate", "mean_burst"), [(0.05, 1.5), (0.1, 3.0), (0.3, 2.0)])
def test_losses_have_the_asked_share_and_bursts(loss_rate: float, mean_burst: float) -> None:
    is_lost = draw_losses(200_000, loss_rate=loss_rate, mean_burst=mean_burst, rng=np.random.default_rng(1))
    bursts = np.count_nonzero(np.diff(is_lost.astype(int)) == 1) + int(is_lost[0])
    assert is_lost.mean() == pytest.approx(loss_rate, rel=0.05)
    assert is_lost.sum() / bursts == pytest.approx(mean_burst, rel=0.05)


def test_the_first_packet_is_lost_as_often_as_any() -> None:
    first = [draw_losses(1, loss_rate=0.2, mean_burst=4.0, rng=np.random.default_rng(seed))[0] for seed in range(2000)]
    assert np.mean(first) == pytest.approx(0.2, abs=0.03)


def test_independent_losses_do_not_come_in_bursts() -> None:
    is_lost = draw_losses(100_000, loss_rate=0.2, mean_burst=1 / 0.8, rng=np.random.default_rng(1))
    assert np.mean(is_lost[1:][is_lost[:-1]]) == pytest.approx(0.2, abs=0.02)


def test_dropped_frames_are_silent_and_the_rest_is_untouched(speech: np.ndarray, rng: np.random.Generator) -> None:
    changed, settings = FrameDrops(0.2, frame_ms=20).apply(speech, RATE, rng)
    frames, before = changed.reshape(-1, 320), speech.reshape(-1, 320)
    dropped = ~frames.any(axis=1)
    assert dropped.mean() == pytest.approx(float(settings["dropped_share"]))
    assert 0.1 < dropped.mean() < 0.35
    np.testing.assert_array_equal(frames[~dropped], before[~dropped])


@pytest.mark.parametrize("concealment", ["silence", "repeat", "pitch"])
def test_packets_that_arrive_stay_as_they_are(speech: np.ndarray, concealment: str) -> None:
    effect = PacketLoss(0.2, mean_burst=2, packet_ms=20, concealment=concealment)
    changed, settings = effect.apply(speech, RATE, np.random.default_rng(4))
    silent = PacketLoss(0.2, mean_burst=2, packet_ms=20, concealment="silence")
    is_lost = ~silent.apply(speech, RATE, np.random.default_rng(4)).samples.reshape(-1, 320).any(axis=1)
    assert is_lost.mean() == pytest.approx(float(settings["lost_share"]))
    arrived, before = changed.reshape(-1, 320)[~is_lost], speech.reshape(-1, 320)[~is_lost]
    np.testing.assert_array_equal(arrived[:, 64:], before[:, 64:])  # 4 ms of cross-fade after a gap


def test_pitch_concealment_continues_a_voice_where_silence_leaves_a_hole() -> None:
    time_s = np.arange(2 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 125 * k * time_s) / k for k in range(1, 10)).astype(np.float32) * np.float32(0.1)
    errors = {}
    for concealment in ("silence", "repeat", "pitch"):
        effect = PacketLoss(0.1, mean_burst=1.2, packet_ms=10, concealment=concealment)
        heard = effect.apply(voice, RATE, np.random.default_rng(0)).samples
        errors[concealment] = float(np.mean((heard - voice)[RATE // 10 :] ** 2))
    assert errors["pitch"] < 0.1 * errors["silence"]


def test_concealment_is_heard_at_full_level_for_10_ms_and_gone_after_60(monkeypatch: pytest.MonkeyPatch) -> None:
    is_lost = np.zeros(50, dtype=bool)
    is_lost[20:30] = True
    monkeypatch.setattr(packet_loss, "draw_losses", lambda *_, **__: is_lost)
    voice = tone(200)
    heard = PacketLoss(0.2, packet_ms=20, concealment="pitch").apply(voice, RATE, np.random.default_rng(0)).samples
    start = 20 * 320
    np.testing.assert_allclose(heard[start : start + 160], voice[start : start + 160], atol=2e-3)
    assert np.abs(heard[start + 860 : start + 940]).max() == pytest.approx(0.01, abs=0.004)  # 54 to 59 ms
    assert not heard[start + 960 : 30 * 320].any()
    np.testing.assert_array_equal(heard[30 * 320 + 64 :], voice[30 * 320 + 64 :])
