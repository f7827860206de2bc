# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sound in the page: what is decoded again is what was mixed, and the page stays small."""

import base64
import io

import numpy as np
import soundfile
from PIL import Image

from nemo_noise.evaluation.blocks.elements import Clip
from nemo_noise.evaluation.report.audio import IMAGE_BANDS, IMAGE_WIDTH, make_clip, make_clips

RATE = 16000


def tone(frequency_hz: float, seconds: float, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def decode(clip: Clip) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(base64.b64decode(clip.audio.removeprefix("data:audio/mpeg;base64,"))))


def picture(clip: Clip) -> np.ndarray:
    content = base64.b64decode(clip.spectrogram.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=float)


def test_a_clip_plays_the_same_tone_for_as_long() -> None:
    clip = make_clip(tone(1000, 1.0), RATE)
    samples, rate = decode(clip)
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(np.argmax(spectrum) * rate / len(samples) - 1000) < 10
    assert abs(len(samples) / rate - clip.seconds) < 0.15
    assert (clip.seconds, clip.is_cut) == (1.0, False)


def test_loud_audio_is_turned_down_and_not_clipped() -> None:
    samples, _ = decode(make_clip(tone(500, 1.0, level=4.0), RATE))
    assert np.percentile(np.abs(samples), 99) <= 1.0
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    near = spectrum[np.abs(np.fft.rfftfreq(len(samples), 1 / RATE) - 500) < 60].sum()
    assert near / spectrum.sum() > 0.98  # a clipped sine has a tenth of its power elsewhere


def test_long_audio_is_cut_and_unusual_rates_are_resampled() -> None:
    clip = make_clip(tone(440, 16.0, rate=22050), 22050)
    assert clip.is_cut and clip.seconds == 15.0
    assert decode(clip)[1] == RATE
    assert len(clip.audio) < 150_000


def test_the_spectrogram_shows_high_tones_above_and_late_sounds_on_the_right() -> None:
    samples = np.concatenate([np.zeros(RATE, np.float32), tone(6000, 1.0)])
    image = picture(make_clip(samples, RATE))
    assert image.shape == (IMAGE_BANDS, IMAGE_WIDTH)
    row, column = np.unravel_index(np.argmax(image), image.shape)
    assert abs(row / IMAGE_BANDS - (1 - 6000 / (RATE / 2))) < 0.05
    assert image[:, IMAGE_WIDTH * 3 // 4 :].max() > image[:, : IMAGE_WIDTH // 4].max() + 50
    assert column > IMAGE_WIDTH * 0.45


def test_silence_and_a_few_samples_make_a_clip() -> None:
    for samples in (np.zeros(RATE, np.float32), tone(300, 0.001)):
        assert picture(make_clip(samples, RATE)).shape == (IMAGE_BANDS, IMAGE_WIDTH)


def test_clips_stop_before_the_page_gets_too_large() -> None:
    waveforms = {str(number): tone(200 + number, 0.5) for number in range(5)}
    one = make_clip(waveforms["0"], RATE)
    budget = round(2.5 * (len(one.audio) + len(one.spectrogram)))
    assert list(make_clips(waveforms, RATE, budget)) == ["0", "1"]
