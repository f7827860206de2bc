# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""ARPA files that are right pass the check, quickly; what lacks a part is refused by what it lacks."""

import io
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from nemo.collections.asr.models import EncDecCTCModel

from nemo_noise.arpa import ArpaError, check_arpa
from nemo_noise.inference.decoding.ngram_training import Estimator, Unit, train_ngram
from nemo_noise.inference.decoding.search import (
    GREEDY,
    SearchSetting,
    apply_setting,
    fast_language_model,
    save_with_setting,
)
from tests.broken_inputs.language_models import ARPA, KENLM
from tests.recognisers import build_recogniser

SENTENCES = "one two three\nfour five six\nseven eight nine zero\none two four\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_recogniser("ctc", tmp_path_factory.mktemp("ctc"))


def _arpa(folder: Path, text: str | bytes) -> Path:
    (folder / "l.arpa").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "l.arpa"


@pytest.mark.parametrize(
    "text",
    [
        ARPA,
        ARPA.replace("\n", "\r\n"),
        ARPA + "\n\nand what stands behind the end\n",
        ARPA.replace("\\2-grams:", "\n\n\\2-grams:"),
        ARPA.replace("-0.5\td", "0\td").replace("e\t-0.3", "e\t0.3"),
        ARPA.replace("-1\t<unk>\n", "").replace("1=5", "1=4"),
    ],
    ids=["plain", "crlf", "with-an-epilogue", "with-empty-lines", "with-certainty", "without-unknown"],
)
def test_a_right_file_passes(text: str, tmp_path: Path) -> None:
    check_arpa(_arpa(tmp_path, text), vocabulary_size=2)
    check_arpa(_arpa(tmp_path, text))


def test_tokens_that_the_file_lacks_need_an_unknown(tmp_path: Path) -> None:
    without = ARPA.replace("-1\t<unk>\n", "").replace("1=5", "1=4")
    check_arpa(_arpa(tmp_path, ARPA), vocabulary_size=9)
    with pytest.raises(ArpaError, match=r"l\.arpa:9: lacks the unigram <unk>, which stands for the 7 tokens"):
        check_arpa(_arpa(tmp_path, without), vocabulary_size=9)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("-0.4\td e", "-0.4\te e", None),
        ("-0.4\te </s>", "-0.4\te d", None),
        ("-99\t<s>\t-0.3\n", "", r"l\.arpa:9: lacks the unigram <s>"),
        ("-0.6\te\t-0.3\n", "", r"l\.arpa:14: this 2-gram begins with one of order 1 that is not there"),
    ],
)
def test_what_longer_ones_begin_with_and_back_off_to_must_be_there(
    before: str, after: str, message: str | None, tmp_path: Path
) -> None:
    text = ARPA.replace(before, after)
    text = text if after else text.replace("1=5", "1=4")
    if message is None:
        check_arpa(_arpa(tmp_path, text), vocabulary_size=2)
        return
    with pytest.raises(ArpaError, match=message):
        check_arpa(_arpa(tmp_path, text), vocabulary_size=2)


def test_a_model_of_words_is_checked_as_one_and_a_kenlm_binary_left_to_kenlm(tmp_path: Path, model: Any) -> None:
    (tmp_path / "text.txt").write_text(SENTENCES)
    words, tokens = tmp_path / "words.arpa", tmp_path / "tokens.arpa"
    train_ngram(model, [tmp_path / "text.txt"], words, order=3, unit=Unit.WORD, estimator=Estimator.OURS)
    train_ngram(model, [tmp_path / "text.txt"], tokens, order=4, estimator=Estimator.OURS)
    check_arpa(words)
    check_arpa(tokens, vocabulary_size=len(model.decoder.vocabulary))
    for use in (
        lambda path: apply_setting(model, SearchSetting("beam_batch", 4, 0.5, 0.0, str(path))),
        lambda path: fast_language_model(model, path, tmp_path),
    ):
        with pytest.raises(ArpaError, match=r"words\.arpa:\d+: 'eight' is a word, .*unit=token, or strategy=pyct"):
            use(words)
    binary = _arpa(tmp_path, KENLM)
    apply_setting(model, SearchSetting("pyctcdecode", 4, 0.5, 0.0, str(binary)))
    apply_setting(model, GREEDY)


def test_a_fast_model_of_other_tokens_is_named(tmp_path: Path, model: Any) -> None:
    fast = Path(fast_language_model(model, _arpa(tmp_path, ARPA), tmp_path))
    apply_setting(model, SearchSetting("beam_batch", 4, 0.5, 0.0, str(fast)))
    other = build_recogniser("ctc_bpe", tmp_path)
    with pytest.raises(
        ValueError, match=r"language_model\.nemo is no language model of the \d+ tokens of this EncDec"
    ):
        apply_setting(other, SearchSetting("beam_batch", 4, 0.5, 0.0, str(fast)))


def test_a_claim_of_a_billion_takes_no_time_and_a_changed_file_is_read_again(tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(ArpaError, match="claims 1000000005 n-grams, .* bytes or more, but the file has"):
        check_arpa(_arpa(tmp_path, ARPA.replace("ngram 2=4", "ngram 2=1000000000")), vocabulary_size=2)
    assert time.process_time() - began < 1.0
    check_arpa(_arpa(tmp_path, ARPA), vocabulary_size=2)
    with pytest.raises(ArpaError, match="nan"):
        check_arpa(_arpa(tmp_path, ARPA.replace("-0.5\td", "nan\td")), vocabulary_size=2)


def test_a_broken_model_inside_a_nemo_is_refused_before_the_search_opens_it(tmp_path: Path, model: Any) -> None:
    setting = SearchSetting("beam_batch", 4, 0.5, 0.0, str(_arpa(tmp_path, ARPA)))
    save_with_setting(model, setting, tmp_path / "tuned.nemo")
    apply_setting(model, GREEDY)
    with tarfile.open(tmp_path / "tuned.nemo") as archive, tarfile.open(tmp_path / "hostile.nemo", "w") as out:
        for member in (found for found in archive if found.isfile()):
            data = archive.extractfile(member).read()  # type: ignore[union-attr]
            if member.name.endswith("l.arpa"):
                data = data.replace(b"ngram 2=4", b"ngram 2=1000000000")
            info = tarfile.TarInfo(member.name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    assert (
        EncDecCTCModel.restore_from(str(tmp_path / "tuned.nemo"), map_location="cpu").cfg.decoding.strategy
        == "beam_batch"
    )
    with pytest.raises(ArpaError, match=r"decoding\.beam\.ngram_lm_model=.*l\.arpa:4: claims 1000000005 n-grams"):
        EncDecCTCModel.restore_from(str(tmp_path / "hostile.nemo"), map_location="cpu")
