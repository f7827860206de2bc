# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Language models that a search cannot use: other files, and ARPA files that are whole but for one line."""

import gzip
from types import SimpleNamespace

from nemo_noise.inference.decoding.search import SearchSetting, apply_setting
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import Content, Missing

RECOGNISER = SimpleNamespace(decoder=SimpleNamespace(vocabulary=["a", "b"]), decoding=None)
ARPA = """\\data\\
ngram 1=5
ngram 2=4

\\1-grams:
-99\t<s>\t-0.3
-1\t</s>
-1\t<unk>
-0.5\td\t-0.3
-0.6\te\t-0.3

\\2-grams:
-0.4\t<s> d
-0.4\td e
-0.4\te </s>
-0.4\td </s>

\\end\\
"""
KENLM = b"mmap lm http://kheafield.com/code format version 5\n\x00" + bytes(100)
REPAIR = "train one for it with train_ngram.py"


def searched(arpa: str, strategy: str = "beam_batch") -> None:
    apply_setting(RECOGNISER, SearchSetting(strategy, 4, 0.5, 0.0, arpa))  # type: ignore[arg-type]


def _line(id: str, before: str, after: str, line: int, value: str, name: str = "language_model") -> Case:  # noqa: A002
    assert ARPA.count(before) == 1, before
    changed = Content("l.arpa", ARPA.replace(before, after))
    return Case(f"arpa-{id}", searched, {"arpa": changed}, name, value, REPAIR, f"l.arpa:{line}")


def _file(id: str, content: bytes | str, value: str, hint: str = REPAIR) -> Case:  # noqa: A002
    return Case(f"arpa-{id}", searched, {"arpa": Content("l.arpa", content)}, "language_model", value, hint)


FILES = [
    Case("arpa-missing", searched, {"arpa": Missing("l.arpa")}, "language_model", "no such file", "train_ngram.py"),
    Case(
        "arpa-fast-missing", searched, {"arpa": Missing("l.nemo")}, "language_model", "no such file", "train_ngram.py"
    ),
    _file("of-nothing", "", "is empty"),
    _file("of-spaces", " \n\n", "is empty"),
    _file("of-kenlms-binary", KENLM, "KenLM binary", "give the text"),
    _file("packed-by-gzip", gzip.compress(ARPA.encode()), "packed by gzip", "unpack it"),
    _file("with-a-byte-order-mark", b"\xef\xbb\xbf" + ARPA.encode(), "byte-order mark of UTF-8", "without one"),
    _file("in-utf-16", ARPA.encode("utf-16"), "byte-order mark of UTF-16", "without one"),
    _file("of-bytes", b"\\data\\\nngram 1=5\nngram 2=4\n\n\\1-grams:\n-1\t\xff\xfe\n" + bytes(50), "is no UTF-8"),
    _file("of-another-text", "hello\n", "'hello'", "not with \\data\\"),
    _file("cut-off-in-its-header", ARPA[:20], "is no count"),
    _file("cut-off-in-its-first-section", ARPA[:68], "header counts 5"),
    _file("cut-off-in-its-last-section", ARPA[:-20], "header counts 4"),
    _file("cut-off-before-its-end", ARPA[:-7], "ends without \\end\\"),
    Case(
        "arpa-of-words-cut-off",
        searched,
        {"arpa": Content("l.arpa", ARPA[:-20]), "strategy": "pyctcdecode"},
        "language_model",
        "the header counts 4",
        REPAIR,
    ),
]
COUNTS = [
    _line("that-claims-a-billion", "ngram 2=4", "ngram 2=1000000000", 4, "1000000005"),
    _line("that-claims-more-than-there-is", "ngram 2=4", "ngram 2=5", 18, "4 n-grams"),
    _line("that-claims-less-than-there-is", "ngram 2=4", "ngram 2=3", 16, "stands where"),
    _line("that-claims-nothing", "ngram 2=4", "ngram 2=0", 3, "ngram 2=0"),
    _line("that-claims-below-nothing", "ngram 2=4", "ngram 2=-4", 3, "'ngram 2=-4'"),
    _line("without-an-order", "ngram 2=4", "ngram 3=4", 3, "ngram 3=4"),
    _line("with-an-order-twice", "ngram 2=4", "ngram 1=4", 3, "ngram 1=4"),
    _line("of-one-order", "ngram 2=4\n", "", 3, "1 orders"),
    _line("without-a-line-behind-its-header", "=4\n\n", "=4\n", 4, "'\\\\1-grams:'"),
    _line("without-a-section", "\\2-grams:\n", "", 12, "stands where"),
    _line("with-sections-in-another-order", "\\1-grams:", "\\2-grams:", 5, "'\\\\2-grams:'"),
]
NUMBERS = [
    _line("with-nan", "-0.5\td", "nan\td", 9, "nan", "probability"),
    _line("with-infinity", "-0.5\td", "inf\td", 9, "inf", "probability"),
    _line("with-minus-infinity", "-0.5\td", "-inf\td", 9, "-inf", "probability"),
    _line("with-a-probability-above-one", "-0.5\td", "0.5\td", 9, "0.5", "probability"),
    _line("with-a-backoff-of-nan", "e\t-0.3", "e\tnan", 10, "nan", "backoff"),
    _line("with-a-number-in-words", "-0.6\te", "few\te", 10, "'few'", "probability"),
    _line("with-spaces-for-tabs", "-0.6\te\t-0.3", "-0.6 e -0.3", 10, "1 columns"),
    _line("with-many-columns", "-0.6\te\t-0.3", "-0.6\te\t-0.3\t7", 10, "4 columns"),
]
WORDS = [
    _line("of-words", "-0.6\te\t", "-0.6\teight\t", 10, "'eight'"),
    _line("of-letters", "-0.6\te\t", "-0.6\ta\t", 10, "'a'"),
    _line("of-a-token-beyond", "-0.6\te\t", "-0.6\tf\t", 10, "token 2"),
    _line("with-a-word-too-many", "d e", "d e e", 14, "3 words"),
    _line("with-a-word-too-few", "d e", "d", 14, "1 words"),
    _line("with-a-token-twice", "-0.6\te\t", "-0.6\td\t", 10, "line 9"),
    _line("with-a-pair-twice", "d e", "<s> d", 14, "line 13"),
    _line("without-a-beginning", "<s>\t", "e\t", 10, "line 6"),
    _line("without-an-end", "-1\t</s>\n", "-1\t<UNK>\n", 7, "'<UNK>'"),
    _line("with-the-unknown-in-a-pair", "d e", "d <unk>", 14, "<unk>"),
    _line("with-the-beginning-last", "d e", "d <s>", 14, "<s>"),
]
CASES = [*FILES, *COUNTS, *NUMBERS, *WORDS]
