# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Audio files of every kind are read whole, also those whose recorder never finished their header."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.audio.blocks import COUNTS, open_audio
from nemo_noise.data.audio.files import load_audio
from tests.broken_inputs.files import Riff

RATE = 16000


def sound(seconds: float = 2.0, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((int(seconds * RATE), channels))


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_16", "IMA_ADPCM", "MS_ADPCM", "ULAW", "PCM_24"])
def test_subtypes_of_recorders_are_read_whole_and_in_part(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", sound(), RATE, subtype=subtype)
    whole = load_audio(tmp_path / "a.wav", RATE)
    assert len(whole) == pytest.approx(2 * RATE, abs=600)  # a last packet may be filled up
    part = load_audio(tmp_path / "a.wav", RATE, offset_s=0.5, duration_s=0.25)
    np.testing.assert_array_equal(part, whole[8000:12000])


@pytest.mark.parametrize(
    "sizes",
    [(0, 0), (0, 36), (0, 8), (0, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF000, 0x7FFFF024), (0x80000000, 36)],
)
def test_a_wave_whose_recorder_was_cut_off_is_read_to_its_end_and_counted(
    tmp_path: Path, sizes: tuple[int, int]
) -> None:
    whole = load_audio(Riff("whole.wav").make(tmp_path), RATE)
    before = COUNTS["data of unknown size"]
    read = load_audio(Riff("open.wav", claimed_bytes=sizes[0], whole_bytes=sizes[1]).make(tmp_path), RATE)
    np.testing.assert_array_equal(read, whole)
    assert COUNTS["data of unknown size"] == before + (sizes != (0, 8))  # libsndfile closes that one by itself


def test_blocks_are_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.flac", sound(channels=2), RATE)
    whole = load_audio(tmp_path / "a.flac", RATE)
    monkeypatch.setattr("nemo_noise.data.audio.blocks._BLOCK_VALUES", 1000)
    np.testing.assert_array_equal(load_audio(tmp_path / "a.flac", RATE), whole)
    with open_audio(tmp_path / "a.flac") as audio:
        assert [len(block) for block in audio.blocks(31900)] == [100]


def test_a_long_file_of_little_sound_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(3600 * 1000), 1000)  # 1 h in some kB
    with pytest.raises(ValueError, match=r"3600 s are too long .* up to 60 s; take parts by `offset` and `duration`"):
        load_audio(tmp_path / "a.flac", RATE, longest_s=60.0)
    assert len(load_audio(tmp_path / "a.flac", RATE, 10.0, 1.0, longest_s=60.0)) == RATE


def test_a_part_of_a_file_that_is_cut_behind_it_is_read(tmp_path: Path) -> None:
    path = Riff("a.wav", claimed_bytes=4 * RATE).make(tmp_path)  # claims 2 s, holds 1 s
    assert len(load_audio(path, RATE, 0.25, 0.5)) == RATE // 2


def test_one_channel_of_many_is_not_taken_for_channels_that_cancel(tmp_path: Path) -> None:
    one_of_seven = np.concatenate([sound(), np.zeros((2 * RATE, 6))], axis=1)
    soundfile.write(tmp_path / "a.wav", one_of_seven, RATE, format="WAVEX", subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav", RATE), one_of_seven[:, 0] / 7, rtol=1e-5)


def test_an_mp3_of_variable_rate_without_its_length_is_refused_and_one_of_constant_rate_is_read(
    tmp_path: Path,
) -> None:
    for mode, is_read in (("VARIABLE", False), ("CONSTANT", True)):
        path = tmp_path / f"{mode}.mp3"
        soundfile.write(path, sound(20.0), RATE, format="MP3", bitrate_mode=mode, compression_level=0.5)
        content = path.read_bytes()
        name = b"Info" if b"Info" in content[:200] else b"Xing"
        path.write_bytes(content[content.index(content[:2], content.index(name)) :])  # without the first frame
        if is_read:
            assert len(load_audio(path, RATE)) == pytest.approx(20 * RATE, rel=0.02)
        else:
            with pytest.raises(ValueError, match=r"MP3 of variable bit rate .* its end would be lost"):
                load_audio(path, RATE)


def test_terminal_escapes_of_names_are_shown_as_letters() -> None:
    with pytest.raises(ValueError, match=r"^\\x1b\[2J\.wav: no such audio file"):
        load_audio("\x1b[2J.wav", RATE)
