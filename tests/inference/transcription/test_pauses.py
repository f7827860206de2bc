# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Long recordings are cut at pauses."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nemo_noise.data.audio.files import load_audio
from nemo_noise.inference.transcription.guards import Guards
from nemo_noise.inference.transcription.pauses import Piece, pieces_of
from nemo_noise.inference.transcription.segments import DropReason
from tests.inference.transcription.beeps import RATE, WORDS, beep, recording, silence


def blocks(samples: npt.NDArray[np.float32], size: int) -> list[npt.NDArray[np.float32]]:
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def cut(samples: npt.NDArray[np.float32], longest_s: float = 10.0, size: int = 3333, rate: int = RATE) -> list[Piece]:
    return list(pieces_of(blocks(samples, size), rate, longest_s=longest_s))


@pytest.fixture
def speech() -> npt.NDArray[np.float32]:
    draw = np.random.default_rng(7)
    words = [WORDS[number] for number in draw.integers(0, 10, 120)]
    return recording(words, draw.uniform(0.05, 0.6, 120).tolist())


def test_pieces_are_short_enough_and_hold_every_sample_where_pauses_are_short(
    speech: npt.NDArray[np.float32],
) -> None:
    pieces = cut(speech)
    assert len(pieces) > 3
    assert all(len(piece.samples) <= 10.0 * RATE for piece in pieces)
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in pieces]), speech)
    assert [piece.start_s for piece in pieces[1:]] == pytest.approx([piece.end_s for piece in pieces[:-1]])


def test_cuts_lie_in_pauses(speech: npt.NDArray[np.float32]) -> None:
    for piece in cut(speech)[:-1]:
        end = round(piece.end_s * RATE)
        assert np.abs(speech[end - 200 : end + 200]).max() < 0.01


@pytest.mark.parametrize("size", [1, 80, 12_345, 10**9])
def test_pieces_do_not_depend_on_the_blocks(size: int) -> None:
    samples = recording(WORDS, [0.2, 0.5, 2.5, 0.1, 0.4, 0.3, 3.1, 0.2, 0.1, 0.3])
    wanted, found = cut(samples, 3.0), cut(samples, 3.0, size)
    assert [(one.start_s, one.end_s, one.active) for one in found] == [
        (one.start_s, one.end_s, one.active) for one in wanted
    ]


def test_a_long_pause_ends_a_piece_and_is_left_out() -> None:
    samples = np.concatenate([silence(5.0), beep("one"), silence(25.0), beep("two"), silence(3.0)])
    first, second = cut(samples)
    assert (first.start_s, first.end_s) == pytest.approx((4.6, 5.7), abs=0.06)
    assert (second.start_s, second.end_s) == pytest.approx((29.9, 31.0), abs=0.06)
    assert first.active[0] == pytest.approx((5.0, 5.3), abs=0.06)


def test_silence_alone_gives_no_piece() -> None:
    assert cut(np.zeros(30 * RATE, np.float32)) == []
    assert cut(silence(30.0)) == []


def test_sound_without_a_pause_is_cut_all_the_same() -> None:
    draw = np.random.default_rng(0)
    loudness = np.repeat(draw.uniform(0.05, 0.3, 6500), RATE // 100)
    noise = (loudness * draw.standard_normal(65 * RATE)).astype(np.float32)
    pieces = cut(noise, 30.0)
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in pieces]), noise)


def test_noise_of_one_level_is_a_pause_or_known_to_be_steady() -> None:
    pieces = cut((0.1 * np.random.default_rng(0).standard_normal(65 * RATE)).astype(np.float32), 30.0)
    assert {Guards().reason_against(piece) for piece in pieces} <= {DropReason.STEADY}


@pytest.mark.parametrize("snr_db", [0, -5])
def test_words_in_noise_louder_than_they_are_not_steady(speech: npt.NDArray[np.float32], snr_db: float) -> None:
    level = np.sqrt(np.square(speech).mean()) * 10 ** (-snr_db / 20)
    noisy = (speech + level * np.random.default_rng(0).standard_normal(len(speech))).astype(np.float32)
    pieces = cut(noisy)
    assert sum(len(piece.samples) for piece in pieces) == len(noisy)
    assert {Guards().reason_against(piece) for piece in pieces} == {None}


def test_a_pause_is_found_in_noise_of_10_db() -> None:
    draw = np.random.default_rng(3)
    words = [WORDS[number] for number in draw.integers(0, 10, 60)]
    clean = recording(words, [0.1] * 19 + [0.5] + [0.1] * 19 + [0.5] + [0.1] * 20)
    level = np.sqrt(np.square(clean).mean()) * 10 ** (-10 / 20)
    noisy = (clean + level * draw.standard_normal(len(clean))).astype(np.float32)
    first = cut(noisy, 9.0)[0]
    assert first.end_s == pytest.approx(20 * 0.3 + 19 * 0.1 + 0.25, abs=0.2)


@pytest.mark.parametrize("snr_db", [None, 20, 10])
def test_no_word_of_real_speech_is_cut(speech_directory: Path, snr_db: float | None) -> None:
    """Digits of several speakers with pauses: every cut is outside of every digit."""
    lines = [json.loads(line) for line in (speech_directory / "digits_dev.json").read_text().splitlines()][:150]
    draw = np.random.default_rng(5)
    parts, spoken, at = [], [], 0
    for line in lines:
        digit = load_audio(speech_directory / line["audio_filepath"], 16000)
        pause = np.zeros(round(16000 * draw.uniform(0.25, 0.7)), np.float32)
        loud = np.flatnonzero(np.abs(digit) > 0.1 * np.abs(digit).max())
        spoken.append((at + loud[0], at + loud[-1]))
        parts += [digit, pause]
        at += len(digit) + len(pause)
    samples = np.concatenate(parts)
    level = 1e-5 if snr_db is None else np.sqrt(np.square(samples).mean()) * 10 ** (-snr_db / 20)
    samples = (samples + level * draw.standard_normal(len(samples))).astype(np.float32)
    pieces = cut(samples, 15.0, 16000, 16000)
    assert len(pieces) >= at / 16000 / 15
    for piece in pieces[:-1]:
        end = round(piece.end_s * 16000)
        assert not any(first < end < last for first, last in spoken), end / 16000
