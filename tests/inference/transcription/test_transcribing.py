# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Files of any format and length become texts with times."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
import torch
from omegaconf import open_dict

from nemo_noise.data.audio.mono_stream import open_mono
from nemo_noise.inference.systems.contract import TimedWord
from nemo_noise.inference.systems.nemo_model import NeMoSystem
from nemo_noise.inference.transcription.guards import NO_GUARDS
from nemo_noise.inference.transcription.segments import DropReason, TranscribedFile
from nemo_noise.inference.transcription.transcribing import transcribe
from nemo_noise.recogniser.transcription import Transcript
from tests.inference.transcription.beep_system import BeepSystem, TextBeepSystem
from tests.inference.transcription.beeps import RATE, WORD_S, WORDS, recording, silence
from tests.recognisers import build_recogniser

STRING = [WORDS[number] for number in np.random.default_rng(2).integers(0, 10, 40)]
PAUSES = np.random.default_rng(3).uniform(0.2, 0.9, 40).tolist()


def write(path: Path, words: Sequence[str] = STRING, pauses_s: Sequence[float] = PAUSES, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, recording(words, pauses_s, rate), rate)
    return path


def write_media(path: Path, samples: npt.NDArray[np.float32], rate: int, codec: str) -> None:
    """By PyAV: [channels, T]."""
    av = pytest.importorskip("av")
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def test_a_recording_that_is_cut_into_pieces_gives_the_text_and_times_of_all_words(tmp_path: Path) -> None:
    (file,) = transcribe(BeepSystem(), write(tmp_path / "a.wav"), max_segment_s=5.0)
    assert file.text.split() == STRING
    words = [word for segment in file.segments for word in segment.words or ()]
    starts = np.concatenate([[0.0], np.cumsum(np.array(PAUSES) + WORD_S)[:-1]])
    assert [word.start_s for word in words] == pytest.approx(starts.tolist(), abs=0.05)
    assert [word.end_s for word in words] == pytest.approx((starts + WORD_S).tolist(), abs=0.05)
    assert all(word.confidence == 0.9 for word in words)


def test_the_text_depends_neither_on_the_batch_nor_on_the_other_files(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}.wav", STRING[number : number + 9], PAUSES[:9]) for number in range(6)]
    alone = [transcribe(BeepSystem(), file)[0] for file in files]
    for batch_size in (1, 4):
        assert transcribe(BeepSystem(), files, batch_size=batch_size, max_segment_s=3.0) is not None
        assert [one.text for one in transcribe(BeepSystem(), files, batch_size=batch_size)] == [
            one.text for one in alone
        ]


def test_batches_hold_pieces_of_like_length(tmp_path: Path) -> None:
    lengths = [2, 9, 1, 8, 3, 7]
    files = [write(tmp_path / f"{n}.wav", STRING[:length], PAUSES[:length]) for n, length in enumerate(lengths)]
    system = BeepSystem()
    transcribe(system, files, batch_size=2)
    run = [length for batch in system.batches for length in batch]
    assert run == sorted(run)
    assert len(system.batches) == 3


def test_a_system_without_times_gives_segments_with_those_of_its_pieces(tmp_path: Path) -> None:
    words, pauses = ["one", "two", "three", "four"], [0.3, 4.0, 0.3, 0.5]
    (file,) = transcribe(TextBeepSystem(), write(tmp_path / "a.wav", words, pauses))
    assert [one.text for one in file.segments] == ["one two", "three four"]
    assert file.segments[0].words is None
    assert (file.segments[1].start_s, file.segments[1].end_s) == pytest.approx((4.9, 5.8), abs=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.m4a", "aac", 44100), ("a.mp4", "aac", 48000), ("a.webm", "libopus", 48000), ("a.aac", "aac", 16000)],
)
def test_media_files_are_transcribed_as_wav_is(name: str, codec: str, rate: int, tmp_path: Path) -> None:
    mono = recording(STRING, PAUSES, rate)
    write_media(tmp_path / name, np.stack([mono, mono]), rate, codec)
    (file,) = transcribe(BeepSystem(), tmp_path / name)
    assert file.error is None
    assert file.text.split() == STRING
    assert any("2 channels were averaged" in remark for remark in file.remarks)


def test_a_channel_can_be_chosen(tmp_path: Path) -> None:
    left, right = recording(["one", "two"], [0.5, 0.5]), recording(["three", "four"], [0.5, 0.5])
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), RATE)
    for channel, text in ((1, "one two"), (2, "three four")):
        assert transcribe(BeepSystem(), tmp_path / "a.wav", channel=channel)[0].text == text
    (file,) = transcribe(BeepSystem(), tmp_path / "a.wav", channel=3)
    assert "channel is 3, the file has 2 channels" in str(file.error)


def test_channels_of_opposite_sign_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    mono = recording(["one", "two"], [0.5, 0.5])
    soundfile.write(tmp_path / "a.wav", np.stack([mono, -mono], axis=1), RATE)
    assert "cancel each other" in str(transcribe(BeepSystem(), tmp_path / "a.wav")[0].error)
    assert transcribe(BeepSystem(), tmp_path / "a.wav", channel=2)[0].text == "one two"


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_a_stream_is_the_resampled_recording(rate: int, tmp_path: Path) -> None:
    samples = recording(STRING[:20], PAUSES[:20], rate)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    with open_mono(tmp_path / "a.wav", 16000) as stream:
        found = np.concatenate(list(stream.blocks()))
    wanted = soxr.resample(samples, rate, 16000, quality="HQ")
    assert len(found) == pytest.approx(len(wanted), abs=2)
    size = min(len(found), len(wanted))
    np.testing.assert_allclose(found[:size], wanted[:size], atol=1e-3)


def test_what_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing of the kind")
    (tmp_path / "empty.mp3").write_bytes(b"")
    write(tmp_path / "whole.wav", ["one"], [0.4])
    files = [tmp_path / "broken.wav", tmp_path / "empty.mp3", tmp_path / "whole.wav"]
    broken, empty, whole = transcribe(BeepSystem(), files, formats=["txt"], note=notes.append)
    assert "broken.wav" in str(broken.error)
    assert "the file is empty" in str(empty.error)
    assert whole.text == "one"
    assert (tmp_path / "whole.txt").read_text() == "one\n"
    assert not (tmp_path / "broken.txt").exists()
    assert notes[-1].startswith("2 of 3 failed:") and "broken.wav" in notes[-1]


def test_a_file_that_breaks_keeps_what_was_before(tmp_path: Path) -> None:
    samples = recording(STRING, PAUSES)
    samples[20 * RATE] = math.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    (file,) = transcribe(BeepSystem(), tmp_path / "a.wav", max_segment_s=4.0, formats=["json"])
    assert "NaN" in str(file.error)
    assert file.text.split() == STRING[: len(file.text.split())]
    assert len(file.text.split()) > 5


def test_outputs_that_are_there_are_left_alone(tmp_path: Path) -> None:
    system, audio = BeepSystem(), write(tmp_path / "a.wav", ["one"], [0.4])
    transcribe(system, audio, formats=["txt", "json"])
    (tmp_path / "a.txt").write_text("mine\n")
    notes: list[str] = []
    (file,) = transcribe(system, audio, formats=["txt", "json"], note=notes.append)
    assert file.is_old and len(system.batches) == 1
    assert (tmp_path / "a.txt").read_text() == "mine\n"
    assert "--overwrite" in notes[0]
    transcribe(system, audio, formats=["txt", "json"], overwrite=True)
    assert (tmp_path / "a.txt").read_text() == "one\n"
    other = BeepSystem()
    other.name = "another"
    with pytest.raises(ValueError, match="is of the system 'beeps'"):
        transcribe(other, audio, formats=["json"])


def test_recordings_of_one_name_keep_their_suffix(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", ["one"], [0.4])
    write(tmp_path / "in" / "a.flac", ["two"], [0.4])
    write(tmp_path / "in" / "deep" / "a.wav", ["three"], [0.4])
    transcribe(BeepSystem(), tmp_path / "in", formats=["txt"], output_dir=tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")): path.read_text() for path in (tmp_path / "out").rglob("*.txt")}
    assert found == {"a.wav.txt": "one\n", "a.flac.txt": "two\n", "deep/a.txt": "three\n"}


def test_a_pattern_that_has_outputs_of_an_earlier_run_takes_the_audio_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", ["one"], [0.4])
    for _ in range(2):
        files = transcribe(BeepSystem(), f"{tmp_path}/*", formats=["txt", "srt", "vtt", "tsv", "json"])
        assert [Path(file.path).name for file in files] == ["a.wav"]


def test_parts_of_a_manifest_have_the_times_of_their_file(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", ["one", "two", "three"], [0.7, 0.7, 0.7])
    lines = [{"audio_filepath": "a.wav", "offset": start, "duration": 1.0} for start in (0.0, 1.0, 2.0)]
    (tmp_path / "m.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    files = transcribe(BeepSystem(), tmp_path / "m.json", formats=["srt"])
    assert [file.text for file in files] == ["one", "two", "three"]
    assert [file.segments[0].start_s for file in files] == pytest.approx([0.0, 1.0, 2.0], abs=0.05)
    assert len({path for file in files for path in file.outputs}) == 3


class Looping(TextBeepSystem):
    def transcribe(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Transcript]:
        return [Transcript("thank you for watching " * 20) for _ in waveforms]


class Doubtful(TextBeepSystem):
    def transcribe(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Transcript]:
        return [Transcript("you", extra={"no_speech_prob": 0.9, "avg_logprob": -1.5}) for _ in waveforms]


def test_what_is_left_out_is_said_and_marked(tmp_path: Path) -> None:
    audio = write(tmp_path / "a.wav", ["one", "two"], [0.4, 0.4])
    for system, reason in ((Looping(), DropReason.LOOP), (Doubtful(), DropReason.NO_SPEECH)):
        notes: list[str] = []
        (file,) = transcribe(system, audio, formats=["json"], overwrite=True, note=notes.append)
        assert file.text == ""
        (dropped,) = json.loads((tmp_path / "a.json").read_text())["dropped"]
        assert dropped["reason"] == reason.value and dropped["text"]
        assert any(reason.value in line for line in notes)


def test_silence_is_not_transcribed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", silence(3.0), RATE)
    system = Looping()
    (file,) = transcribe(system, tmp_path / "a.wav")
    assert file.text == "" and file.error is None


class Untimed(BeepSystem):
    def transcribe_words(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[list[TimedWord]]:
        raise TypeError("of another family")

    def transcribe(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> list[Transcript]:
        return [Transcript("text") for _ in waveforms]


def test_a_model_of_a_family_without_times_gives_text(tmp_path: Path) -> None:
    (file,) = transcribe(Untimed(), write(tmp_path / "a.wav", ["one"], [0.4]))
    assert (file.text, file.segments[0].words) == ("text", None)


def test_times_are_those_of_real_digits(speech_directory: Path, tmp_path: Path) -> None:
    """Ten seconds and more apart, digits are placed within 0.1 s of where they are, by the pieces alone."""
    lines = [json.loads(line) for line in (speech_directory / "digits_dev.json").read_text().splitlines()][:12]
    parts, starts, at = [], [], 0
    for line in lines:
        samples, rate = soundfile.read(speech_directory / line["audio_filepath"], dtype="float32")
        loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
        starts.append((at + loud[0]) / rate)
        parts += [samples, silence(3.0, rate)]
        at += len(samples) + 3 * rate
    soundfile.write(tmp_path / "a.wav", np.concatenate(parts), rate)
    (file,) = transcribe(Untimed(), tmp_path / "a.wav")
    assert [one.start_s for one in file.segments] == pytest.approx(starts, abs=0.1)


def test_options_are_checked_before_the_system_is_opened(tmp_path: Path) -> None:
    audio = write(tmp_path / "a.wav", ["one"], [0.4])
    limited = BeepSystem()
    limited.longest_s = 30.0
    with pytest.raises(ValueError, match="max_segment_s is 60, but beeps takes 30 s"):
        transcribe(limited, audio, max_segment_s=60.0)
    for wrong, name in (
        ({"batch_size": 0}, "batch_size"),
        ({"formats": ["doc"]}, "format"),
        ({"channel": 0}, "channel"),
    ):
        with pytest.raises(ValueError, match=name):
            transcribe(limited, audio, **wrong)


def test_a_record_is_a_value(tmp_path: Path) -> None:
    (file,) = transcribe(BeepSystem(), write(tmp_path / "a.wav", ["one"], [0.4]))
    assert isinstance(file, TranscribedFile)
    assert replace(file, path="b").text == "one"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Half an hour at 16 kHz is 115 MB as samples; a few pieces are held."""
    import tracemalloc

    peaks = []
    for minutes in (12, 30):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", 16000, 1, "PCM_16") as file:
            minute = recording(STRING, [1.2] * 40, 16000)
            for _ in range(minutes):
                file.write(minute)
        tracemalloc.start()
        (found,) = transcribe(BeepSystem(), path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found.text.split()) == minutes * 40
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 100e6


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_words_of_a_nemo_model_have_times_within_their_audio(seconds: float, tmp_path: Path) -> None:
    """NeMo puts silence around what is shorter than a second; its times are those of the audio all the same."""
    torch.manual_seed(3)
    model = build_recogniser("ctc_bpe", tmp_path)
    with open_dict(model.cfg):
        model.cfg.preprocessor.window_stride = 0.01
    system = NeMoSystem("tiny", model)
    draw = np.random.default_rng(0)
    loudness = np.repeat(draw.uniform(0.01, 0.3, round(20 * seconds)), 800)
    samples = (loudness * draw.standard_normal(len(loudness))).astype(np.float32)
    (words,) = system.transcribe_words([samples])
    assert words
    assert all(0.0 <= word.start_s <= word.end_s <= seconds for word in words)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    (file,) = transcribe(system, tmp_path / "a.wav", guards=NO_GUARDS, with_confidence=True)
    assert file.segments[0].words is not None
