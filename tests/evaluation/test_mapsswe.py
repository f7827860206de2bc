# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""MAPSSWE against a published example, an implementation written anew from edits, scipy, and its symmetries."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from nemo_noise.evaluation.scoring.mapsswe import SegmentErrors, segment_errors, segment_test

WORD, MISSED, WRONG, EXTRA = ".", "d", "s", "i"
MISSING_EDITS = st.lists(st.sampled_from([WORD, WORD, WORD, MISSED, WRONG]), min_size=1, max_size=14)
EXTRA_EDITS = st.lists(st.sampled_from([WORD, WORD, WORD, EXTRA, WRONG]), min_size=1, max_size=14)
TEXTS = st.lists(st.sampled_from("abc"), max_size=8).map(" ".join)


def heard(edits: list[str]) -> str:
    """What a system that makes these edits writes; words said all differ, so only one alignment is best."""
    words = []
    for index, edit in enumerate(edits):
        words += [f"extra{index}"] if edit == EXTRA else []
        words += [] if edit == MISSED else [f"wrong{index}" if edit == WRONG else f"word{index}"]
    return " ".join(words)


def segments_from_edits(first: list[str], second: list[str], buffer_words: int) -> list[tuple[int, int]]:
    """Write one letter per place of a possible error, and let a regular expression find the buffers between."""
    places = "".join(
        ("x" if EXTRA in pair else "") + ("w" if pair[0] in ".i" and pair[1] in ".i" else "x")
        for pair in zip(first, second, strict=True)
    )
    found = []
    for match in re.finditer(rf"x(?:w{{0,{buffer_words - 1}}}x)*", places):
        words = [0]  # places -> words: an "x" for something inserted is followed by the place of its word
        for pair in zip(first, second, strict=True):
            words.append(words[-1] + 1 + (EXTRA in pair))
        inside = [
            i for i in range(len(first)) if any(match.start() <= place < match.end() for place in _places(words, i))
        ]
        found.append(tuple(sum(edits[i] != WORD for i in inside) for edits in (first, second)))
    return found


def _places(words: list[int], index: int) -> range:
    return range(words[index], words[index + 1])


def test_the_published_example_has_the_published_segments() -> None:
    # D. Jurafsky, J. H. Martin, "Speech and Language Processing", chapter on recognition, section on significance.
    reference = "it was the best of times it was the worst of times it was"
    system_a = "its the best of times it is the worst of times or it was"
    system_b = "it was the best times it won the test of times it was"
    assert segment_errors(reference, system_a, system_b) == [(2, 0), (0, 1), (1, 2), (1, 0)]


@settings(max_examples=200, deadline=None)
@given(MISSING_EDITS, EXTRA_EDITS, st.integers(1, 3))
def test_segments_agree_with_those_read_off_the_edits(first: list[str], second: list[str], buffer_words: int) -> None:
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    reference = " ".join(f"word{index}" for index in range(length))
    ours = segment_errors(reference, heard(first), heard(second), buffer_words=buffer_words)
    assert ours == segments_from_edits(first, second, buffer_words)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_segments_hold_every_error_once_and_swap_with_the_systems(said: str, one: str, other: str) -> None:
    from nemo_noise.evaluation.scoring.wer import count_errors

    segments = segment_errors(said, one, other)
    assert sum(segment.model for segment in segments) == count_errors(said, one).errors
    assert sum(segment.baseline for segment in segments) == count_errors(said, other).errors
    assert segment_errors(said, other, one) == [segment[::-1] for segment in segments]
    assert all(any(segment) for segment in segments)


def test_the_statistic_is_that_of_a_one_sample_t_test_read_from_the_normal_distribution() -> None:
    generator = np.random.default_rng(0)
    segments = [SegmentErrors(*pair) for pair in generator.integers(0, 4, size=(80, 2))]
    ours = segment_test(segments)
    theirs = scipy.stats.ttest_1samp([s.model - s.baseline for s in segments], 0)
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(2 * scipy.stats.norm.sf(abs(theirs.statistic)))
    swapped = segment_test([SegmentErrors(*segment[::-1]) for segment in segments])
    assert (swapped.statistic, swapped.p_value) == (pytest.approx(-ours.statistic), pytest.approx(ours.p_value))


def test_no_difference_has_p_one_and_too_few_segments_have_no_p() -> None:
    same = segment_test([SegmentErrors(1, 1)] * 5)
    assert (same.statistic, same.p_value, same.mean_difference) == (0.0, 1.0, 0.0)
    assert segment_test([]) == (0, None, None, None)
    assert segment_test([SegmentErrors(2, 0)]) == (1, 2.0, None, None)
    assert segment_test([SegmentErrors(1, 0)] * 3) == (3, 1.0, None, None)
    with pytest.raises(ValueError, match="buffer_words is 0"):
        segment_errors("one", "one", "one", buffer_words=0)


@pytest.mark.skipif(shutil.which("sctk") is None, reason="NIST's sctk is not installed (Debian: apt install sctk)")
def test_segments_and_statistic_agree_with_nist_sctk(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    texts: dict[str, list[str]] = {"reference": [], "model": [], "baseline": []}
    for _ in range(120):
        length = int(generator.integers(3, 15))
        missing, extra = (list(generator.choice(list(letters), length)) for letters in ("....ds", "......is"))
        texts["reference"].append(" ".join(f"word{index}" for index in range(length)))
        texts["model"].append(heard(missing))
        texts["baseline"].append(heard(extra))
    for name, lines in texts.items():
        lines = [f"{line} (speaker_{number:04d})" for number, line in enumerate(lines)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    command = ["sctk", "sclite", "-r", tmp_path / "reference", "trn", "-i", "rm", "-o", "sgml", "stdout"]
    aligned = [
        subprocess.run([*command, "-h", tmp_path / name, "trn", name], capture_output=True, check=True).stdout
        for name in ("model", "baseline")
    ]
    command = ["sctk", "sc_stats", "-p", "-t", "mapsswe", "-v", "-n", "-"]
    tested = subprocess.run(command, input=b"".join(aligned), capture_output=True, check=False).stdout.decode()
    found = re.search(r"# segs: (\d+)\).*\(mean: +(\S+)\) .*\(Z Stat: +(\S+)\)", tested)
    assert found, tested
    segments = [one for texts_of_one in zip(*texts.values(), strict=True) for one in segment_errors(*texts_of_one)]
    ours = segment_test(segments)
    assert ours.segments == int(found[1])
    assert (ours.mean_difference, ours.statistic) == pytest.approx((float(found[2]), float(found[3])), abs=1e-3)
