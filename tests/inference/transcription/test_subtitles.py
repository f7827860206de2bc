# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Output files: what a strict reader gets back, whatever the text."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_noise.inference.transcription.formats import OutputFormat, render
from nemo_noise.inference.transcription.pauses import Span
from nemo_noise.inference.transcription.segments import Segment, TranscribedFile, Word, one_line
from nemo_noise.inference.transcription.subtitles import COLUMNS, Cue, cues_of

HOSTILE = [
    "a\n\nb",
    "1\n00:00:00,000 --> 00:00:01,000\nfake",
    "a --> b",
    "\x1b[31mred\x1b[0m",
    "<v Bob>x</v> & <i>",
    "tab\tseparated\r\nlines\u2028and\u2029more",
    "NOTE hidden\n\nWEBVTT",
    "x" * 200,
    "我们今天讨论噪声环境下的语音识别问题以及它的解决方法和实验结果还有很多其他的问题",
    "오늘 우리는 소음 환경에서의 음성 인식에 대해 이야기합니다 그리고 결과",
    "-" * 90 + ">",
    "\ud800 half",
]


def segment(text: str, start_s: float = 1.0, end_s: float = 9.0, *, timed: bool = False) -> Segment:
    text = one_line(text)
    tokens = text.split()
    step = (end_s - start_s) / max(1, len(tokens))
    words = tuple(Word(one, start_s + step * k, start_s + step * (k + 0.8), 0.5) for k, one in enumerate(tokens))
    return Segment(start_s, end_s, text, words if timed else None, (Span(start_s, end_s),))


def file(*segments: Segment) -> TranscribedFile:
    return TranscribedFile("talk.wav", "a system", 100.0, segments)


def read_srt(content: str) -> list[Cue]:
    """A strict reader: numbers in order, one time line, one or two lines of text, an empty line."""
    cues = []
    pattern = r"(\d+)\n(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})\n([^\n]+)(?:\n([^\n]+))?\n\n"
    place = 0
    while place < len(content):
        found = re.compile(pattern).match(content, place)
        assert found, content[place:]
        assert int(found[1]) == len(cues) + 1
        cues.append(Cue(_seconds(found.groups()[1:5]), _seconds(found.groups()[5:9]), _lines(found[10], found[11])))
        place = found.end()
    return cues


def read_vtt(content: str) -> list[Cue]:
    assert content.startswith("WEBVTT\n\n")
    pattern = r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})\n([^\n]+)(?:\n([^\n]+))?"
    cues = []
    for block in content.removeprefix("WEBVTT\n\n").split("\n\n")[:-1]:
        found = re.fullmatch(pattern, block)
        assert found, block
        assert "<" not in block
        assert re.fullmatch(r"([^&]|&amp;|&lt;)*", block)
        text = [line.replace("&lt;", "<").replace("&amp;", "&") for line in _lines(found[9], found[10])]
        cues.append(Cue(_seconds(found.groups()[:4]), _seconds(found.groups()[4:8]), tuple(text)))
    return cues


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds, thousandths = map(int, parts)
    return 3600 * hours + 60 * minutes + seconds + thousandths / 1000


def _lines(first: str, second: str | None) -> tuple[str, ...]:
    return (first,) if second is None else (first, second)


def width(line: str) -> int:
    return sum(2 if ord(letter) > 0x1100 and letter not in "…" else 1 for letter in line)


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_breaks_no_format(text: str, timed: bool) -> None:
    transcribed = file(segment(text, timed=timed), segment("the end", 20.0, 21.0))
    for cues in (
        read_srt(render(transcribed, OutputFormat.SRT)),
        read_vtt(render(transcribed, OutputFormat.VTT)),
    ):
        shown = "".join("".join(cue.lines) for cue in cues)
        assert shown.replace(" ", "") == (one_line(text) + "theend").replace("-->", "->").replace(" ", "")
    rows = render(transcribed, OutputFormat.TSV).splitlines()
    assert rows[0] == "start\tend\ttext"
    assert rows[1:] == [f"1000\t9000\t{one_line(text)}", "20000\t21000\tthe end"]
    assert render(transcribed, OutputFormat.TXT).splitlines() == [one_line(text), "the end"]
    assert json.loads(render(transcribed, OutputFormat.JSON))["segments"][0]["text"] == f" {one_line(text)}"
    for kind in OutputFormat:
        assert "\x1b" not in render(transcribed, kind)
        render(transcribed, kind).encode()


@given(st.lists(st.tuples(st.text(max_size=300), st.floats(0, 30), st.booleans()), max_size=6))
def test_subtitles_are_readable_whatever_is_said(said: list[tuple[str, float, bool]]) -> None:
    at, segments = 0.0, []
    for text, seconds, timed in said:
        if one_line(text):
            segments.append(segment(text, at, at + seconds, timed=timed))
            at += seconds
    cues = cues_of(segments)
    for cue, following in zip(cues, [*cues[1:], None], strict=False):
        assert 1 <= len(cue.lines) <= 2
        assert cue.start_s < cue.end_s
        assert following is None or cue.end_s <= following.start_s + 1e-9
    for cue in cues:
        if all(letter.isascii() for line in cue.lines for letter in line):
            assert max(map(len, cue.lines)) <= COLUMNS


def test_cues_end_at_pauses_and_stay_long_enough() -> None:
    words = [Word("one", 0.0, 0.2), Word("two", 0.3, 0.5), Word("three", 3.0, 3.2), Word("four", 3.3, 3.5)]
    spoken = Segment(0.0, 3.5, "one two three four", tuple(words))
    assert cues_of([spoken]) == [Cue(0.0, 1.0, ("one two",)), Cue(3.0, 4.0, ("three four",))]


def test_a_long_sentence_becomes_balanced_cues_of_two_lines() -> None:
    text = " ".join(["seven words of five letters are here"] * 5)
    cues = cues_of([segment(text, 0.0, 15.0)])
    assert all(max(map(len, cue.lines)) <= COLUMNS for cue in cues)
    assert all(cue.end_s - cue.start_s <= 7.0 for cue in cues)
    assert " ".join(" ".join(cue.lines) for cue in cues) == text


def test_estimated_times_leave_pauses_out() -> None:
    spoken = Segment(0.0, 30.0, "first half second half", None, (Span(0.0, 2.0), Span(28.0, 30.0)))
    first, second = cues_of([spoken])
    assert (first.lines, second.lines) == (("first half",), ("second half",))
    assert first.end_s <= 2.5
    assert second.start_s == pytest.approx(28.0, abs=0.3)


def test_json_has_the_keys_of_whisper() -> None:
    data = json.loads(render(file(segment("one two", timed=True)), OutputFormat.JSON))
    assert data["text"] == "one two"
    assert data["segments"][0]["words"][0] == {"word": " one", "start": 1.0, "end": 4.2, "probability": 0.5}
    assert {"id", "start", "end", "text", "compression_ratio"} <= set(data["segments"][0])


def test_an_hour_and_its_end_are_written_right() -> None:
    assert "01:00:00,000 --> 01:00:01,000" in render(file(segment("late", 3599.9996, 3601.0)), OutputFormat.SRT)
