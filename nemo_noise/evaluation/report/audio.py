# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Sound in the page: a mixture as MP3 and its spectrogram as PNG, both small and inside the HTML."""

import base64
import io
from collections.abc import Mapping

import matplotlib
import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
from matplotlib.image import imsave

from nemo.utils import logging

from nemo_noise.evaluation.blocks.elements import Clip

BUDGET_BYTES = 1_200_000  # of all clips in one page
CLIP_S = 15.0
CLIP_RATES = (8000, 11025, 12000, 16000)  # MP3 knows these; higher ones are taken down
FULL_SCALE = 0.9  # MP3 overshoots a little
IMAGE_WIDTH, IMAGE_BANDS = 420, 96
RANGE_DB, COLOURS = 70.0, 24
WINDOW_S = 0.032


def make_clips(
    waveforms: Mapping[str, npt.NDArray[np.float32]], sample_rate: int, budget_bytes: int = BUDGET_BYTES
) -> dict[str, Clip]:
    """Make clips until the page would get too large.

    Args:
        waveforms: mono samples by any key, the most important first. [T] each
        sample_rate: samples per second.
        budget_bytes: of all clips together; what does not fit is left out and logged.

    Returns:
        Clips by the same keys.
    """
    clips: dict[str, Clip] = {}
    left = budget_bytes
    for key, samples in waveforms.items():
        clip = make_clip(samples, sample_rate)
        left -= len(clip.audio) + len(clip.spectrogram)
        if left < 0:
            logging.warning(f"the page has room for {len(clips)} of {len(waveforms)} audio clips")
            break
        clips[key] = clip
    return clips


def make_clip(samples: npt.NDArray[np.float32], sample_rate: int) -> Clip:
    """Compress the first 15 seconds of a waveform; louder than full scale is turned down, never clipped.

    Args:
        samples: mono. [T]
        sample_rate: samples per second.

    Returns:
        The clip.
    """
    played = np.asarray(samples[: round(CLIP_S * sample_rate)], dtype=np.float64)
    rate = sample_rate if sample_rate in CLIP_RATES else CLIP_RATES[-1]
    if rate != sample_rate:
        played = scipy.signal.resample_poly(played, rate, sample_rate)
    loudest = float(np.abs(played).max(initial=0.0))
    played = played * (FULL_SCALE / loudest) if loudest > FULL_SCALE else played
    buffer = io.BytesIO()
    soundfile.write(buffer, played, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.9)
    return Clip(
        audio=_data_uri("audio/mpeg", buffer.getvalue()),
        spectrogram=_data_uri("image/png", draw_spectrogram(played, rate)),
        seconds=len(played) / rate,
        is_cut=len(samples) > CLIP_S * sample_rate,
    )


def draw_spectrogram(samples: npt.NDArray[np.float64], sample_rate: int) -> bytes:
    """Draw level over time and frequency, 70 dB from the loudest down, low frequencies below.

    Args:
        samples: mono. [T]
        sample_rate: samples per second.

    Returns:
        A PNG of 420 x 96 pixels.
    """
    window = round(WINDOW_S * sample_rate)
    padded = np.pad(samples, (0, max(0, window - len(samples))))
    *_, spectrum = scipy.signal.stft(padded, sample_rate, nperseg=window, noverlap=window - window // 4)
    power = np.abs(spectrum) ** 2  # [F, T]
    rows = np.linspace(0, len(power), IMAGE_BANDS + 1).astype(int)
    columns = np.linspace(0, power.shape[1], IMAGE_WIDTH + 1).astype(int)
    bands = np.stack([power[a : max(b, a + 1)].mean(axis=0) for a, b in zip(rows[:-1], rows[1:], strict=True)])
    cells = [bands[:, a : max(b, a + 1)].mean(axis=1) for a, b in zip(columns[:-1], columns[1:], strict=True)]
    level_db = 10 * np.log10(np.stack(cells, axis=1) + 1e-12)  # [bands, width]
    share = np.clip((level_db - level_db.max()) / RANGE_DB + 1, 0, 1)
    coarse = np.round(share * (COLOURS - 1)) / (COLOURS - 1)  # few colours make a small file
    buffer = io.BytesIO()
    imsave(buffer, coarse[::-1], cmap=matplotlib.colormaps["magma"], vmin=0, vmax=1, format="png")
    return buffer.getvalue()


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
