# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""N-gram language models: against KenLM's estimator, against their definition, and read by others than ourselves."""

import json
import math
import random
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nemo.collections.asr.parts.submodules.ngram_lm import NGramGPULanguageModel

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.inference.decoding.kneser_ney import FALLBACK_DISCOUNTS, estimate, write_arpa
from nemo_noise.inference.decoding.ngram_training import (
    Estimator,
    TextError,
    Unit,
    UnknownText,
    find_lmplz,
    train_ngram,
)
from tests.inference.ngram_reference import defined_prob, drawn_sentences, log10_prob
from tests.recognisers import build_recogniser

SMALL = ["a b c", "a b d", "b c", "a b c a b c d", "c c c", "d a", "b", "a c b d"]
# What lmplz of KenLM 0.3.0 says of SMALL with `-o 3 --discount_fallback`: n-gram, log10 probability, log10 back-off.
SMALL_BY_LMPLZ = """
<unk> -1.1335388 0|<s> 0 -0.35902193|</s> -0.65641767 0|a -0.79111624 -0.30103|c -0.65641767 -0.30103
a </s> -0.62838894 0|d </s> -0.35298157 0|<s> a -0.41649285 -0.30103|<s> d -0.87526095 -0.30103
a b -0.48032635 -0.30103|b c -0.50822645 -0.30103|c c -0.59661996 -0.30103|c d -0.8172689 -0.30103
d a </s> -0.20925963|<s> b </s> -0.44959176|b c a -0.6964682|<s> a b -0.26725158|a b c -0.27560365
c c c -0.42414778|a b d -0.5760317|c b d -0.19352075|b c d -0.6964682
"""
ORDER = 4


def read_arpa(path: Path) -> dict[str, list[float]]:
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")]
    return {line[1]: [float(line[0]), *map(float, line[2:])] for line in lines if len(line) > 1}


def test_a_small_model_is_that_of_lmplz(tmp_path: Path) -> None:
    write_arpa(estimate([line.split() for line in SMALL], 3), tmp_path / "small.arpa")
    read = read_arpa(tmp_path / "small.arpa")
    assert len(read) == 7 + 17 + 19
    for line in SMALL_BY_LMPLZ.strip().replace("\n", "|").split("|"):
        words = line.split()
        ngram = [word for word in words if not word.lstrip("-").replace(".", "").isdigit()]
        assert read[" ".join(ngram)] == pytest.approx([float(word) for word in words[len(ngram) :]], abs=2e-6), ngram


@pytest.mark.skipif(shutil.which("lmplz") is None, reason="no lmplz on the PATH")
@pytest.mark.parametrize(("num_words", "count", "order"), [(30, 300, 4), (100, 1000, 5), (300, 1000, 3)])
def test_models_are_those_of_the_lmplz_on_the_path(num_words: int, count: int, order: int, tmp_path: Path) -> None:
    sentences = drawn_sentences(num_words, count)
    (tmp_path / "text.txt").write_text("".join(" ".join(sentence) + "\n" for sentence in sentences))
    model: Any = None  # words need no recogniser
    for estimator in (Estimator.OURS, Estimator.LMPLZ):
        path = tmp_path / f"{estimator.value}.arpa"
        train_ngram(
            model, [tmp_path / "text.txt"], path, order=order, unit=Unit.WORD, estimator=estimator, lmplz_memory="64M"
        )
    ours, theirs = read_arpa(tmp_path / "ours.arpa"), read_arpa(tmp_path / "lmplz.arpa")
    assert ours.keys() == theirs.keys()
    assert all(ours[ngram] == pytest.approx(theirs[ngram], abs=2e-6) for ngram in ours)


def test_probabilities_follow_their_definition() -> None:
    sentences = drawn_sentences(6, 40)
    model = estimate(sentences, 3)
    chance = random.Random(0)
    words = [f"w{number}" for number in range(6)]
    contexts = [
        (),
        ("<s>",),
        ("w0",),
        ("w1", "w1"),
        *(tuple(chance.choices(words, k=2)) for _ in range(4)),
        ("<s>", "w0"),
    ]
    for context in contexts:
        for word in (*words[:3], "</s>", "<unk>"):
            expected = defined_prob(sentences, model.discounts, context, word)
            assert log10_prob(model, context, word) == pytest.approx(math.log10(expected), abs=1e-9), (context, word)


def test_discounts_are_estimated_where_there_is_enough_text() -> None:
    sentences = drawn_sentences(30, 300)
    model = estimate(sentences, ORDER)
    assert model.discounts[0] == FALLBACK_DISCOUNTS  # 30 words are too few
    # Chen and Goodman's formula on the highest order, where counts are plain counts.
    marked = [("<s>", *sentence, "</s>") for sentence in sentences]
    counts = Counter(sentence[i : i + 4] for sentence in marked for i in range(len(sentence) - 3))
    n1, n2, n3, n4 = (sum(count == wanted for count in counts.values()) for wanted in (1, 2, 3, 4))
    share = n1 / (n1 + 2 * n2)
    expected = (1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3)
    assert model.discounts[3] == pytest.approx(expected)
    assert model.discounts[3] != FALLBACK_DISCOUNTS


@pytest.mark.parametrize(
    "context", [(), ("<s>",), ("w0",), ("w2", "w7"), ("<s>", "w1", "w3"), ("w9", "w9", "w9"), ("x",)]
)
def test_probabilities_sum_to_one_after_every_context(context: tuple[str, ...]) -> None:
    model = estimate(drawn_sentences(30, 300), ORDER)
    words = [word for (word,) in model.log10_probs[0] if word != "<s>"]
    assert sum(10 ** log10_prob(model, context, word) for word in words) == pytest.approx(1.0, abs=1e-9)


def test_nemo_reads_the_file_as_it_was_meant(tmp_path: Path) -> None:
    sentences = [[chr(100 + int(word[1:])) for word in sentence] for sentence in drawn_sentences(30, 300)]
    model = estimate(sentences, ORDER)
    write_arpa(model, tmp_path / "tokens.arpa")
    nemo = NGramGPULanguageModel.from_file(tmp_path / "tokens.arpa", vocab_size=40)
    for sentence in (["d", "e", "d", "f"], ["|", "e"], ["n"]):
        ids = [ord(token) - 100 for token in sentence]
        scores = nemo.score_sentences(torch.tensor([ids]), bos=True, eos=True)[0].tolist()
        history = ["<s>", *sentence, "</s>"]
        expected = [log10_prob(model, tuple(history[:i]), history[i]) for i in range(1, len(history))]
        assert scores == pytest.approx([value * math.log(10) for value in expected], abs=1e-5)


def test_kenlm_reads_the_file_as_it_was_meant(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    model = estimate(drawn_sentences(30, 300), ORDER)
    write_arpa(model, tmp_path / "words.arpa")
    read = kenlm.Model(str(tmp_path / "words.arpa"))
    for sentence in ("w0 w1 w2", "w5", "w3 w3 w3 w3 w3", "", "w0 never w1"):
        words = ["<s>", *sentence.split(), "</s>"]
        words = [word if (word,) in model.log10_probs[0] else "<unk>" for word in words]
        expected = sum(log10_prob(model, tuple(words[:i]), words[i]) for i in range(1, len(words)))
        assert read.score(sentence) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("order", [0, 1])
def test_an_order_that_is_too_small_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match=f"order={order} must be 2 or more"):
        estimate([["a"]], order)


@pytest.mark.parametrize("word", ["<s>", "</s>", "<unk>", "", "a b"])
def test_what_is_no_word_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="sentence 2: .* is no word"):
        estimate([["a"], [word]], 2)


@pytest.fixture(scope="module")
def recognisers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {family: build_recogniser(family, tmp_path_factory.mktemp(family)) for family in ("ctc", "ctc_bpe")}


@pytest.mark.parametrize("family", ["ctc", "ctc_bpe"])
def test_a_manifest_and_a_text_give_the_model_of_the_recognisers_tokens(
    family: str, recognisers: dict[str, Any], tmp_path: Path
) -> None:
    model = recognisers[family]
    lines = ["one two three", "four five", "one two"]
    (tmp_path / "half.txt").write_text(lines[0] + "\n\n")
    entries = [{"audio_filepath": "a.wav", "text": text} for text in (*lines[1:], "")]
    (tmp_path / "rest.json").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    texts, arpa = [tmp_path / "half.txt", tmp_path / "rest.json"], tmp_path / "lm.arpa"
    assert train_ngram(model, texts, arpa, order=3, estimator=Estimator.OURS) == 3
    if family == "ctc":
        ids = [[" abcdefghijklmnopqrstuvwxyz'".index(letter) for letter in line] for line in lines]
    else:
        ids = [model.tokenizer.text_to_ids(line) for line in lines]
    write_arpa(estimate([[chr(100 + number) for number in line] for line in ids], 3), tmp_path / "expected.arpa")
    assert arpa.read_bytes() == (tmp_path / "expected.arpa").read_bytes()


def test_text_that_the_recogniser_cannot_write_is_refused_or_skipped(
    recognisers: dict[str, Any], tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one\ntwo 2\n", encoding="utf-8")
    for model in recognisers.values():
        with pytest.raises(TextError, match=r"text\.txt:2: .*unknown_text=skip"):
            train_ngram(model, [text], tmp_path / "lm.arpa", order=2)
        assert train_ngram(model, [text], tmp_path / "lm.arpa", order=2, unknown=UnknownText.SKIP) == 1


def test_a_byte_order_mark_and_the_form_of_accents_change_nothing(recognisers: dict[str, Any], tmp_path: Path) -> None:
    files = {"plain.txt": "one two\nth\u00e9 tw\u00f3\n", "mark.txt": "\ufeffone two\nthe\u0301 two\u0301\n"}
    models = []
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        arpa = tmp_path / f"{name}.arpa"
        assert (
            train_ngram(recognisers["ctc"], [tmp_path / name], arpa, order=2, unit=Unit.WORD, estimator=Estimator.OURS)
            == 2
        )
        models.append(arpa.read_bytes())
    assert models[0] == models[1]


def test_tokens_are_found_in_the_form_in_which_the_recogniser_writes_accents(tmp_path: Path) -> None:
    for alphabet, text in (("th\u00e9", "the\u0301\n"), ("the\u0301", "th\u00e9\n")):
        model: Any = SimpleNamespace(tokenizer=None, decoder=SimpleNamespace(vocabulary=list(alphabet)))
        (tmp_path / "text.txt").write_text(text, encoding="utf-8")
        assert (
            train_ngram(model, [tmp_path / "text.txt"], tmp_path / "lm.arpa", order=2, estimator=Estimator.OURS) == 1
        )


def test_a_manifest_is_recognised_by_its_content(recognisers: dict[str, Any], tmp_path: Path) -> None:
    line = json.dumps({"audio_filepath": "a.wav", "text": "one two"})
    learned = []
    for name in ("train.json", "train.manifest", "train.txt", "train"):
        (tmp_path / name).write_text(f"\ufeff\n{line}\n", encoding="utf-8")
        arpa = tmp_path / "lm.arpa"
        train_ngram(recognisers["ctc"], [tmp_path / name], arpa, order=2, unit=Unit.WORD, estimator=Estimator.OURS)
        learned.append(arpa.read_bytes())
    assert b"audio_filepath" not in learned[0]
    assert len(set(learned)) == 1


def test_texts_that_cannot_be_read_are_refused(
    recognisers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latin.txt").write_bytes(b"one\nf\xfcnf\n")
    (tmp_path / "no_text.json").write_text('{"audio_filepath": "a.wav"}\n')
    (tmp_path / "broken.json").write_text("{\n")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "good.txt").write_text("one\n")
    refused: list[tuple[str, type[Exception], str]] = [
        ("latin.txt", TextError, r"latin\.txt:2: is not UTF-8"),
        ("no_text.json", TextError, r"no_text\.json:1: has no `text`"),
        ("broken.json", ManifestError, r"broken\.json:1: is not JSON"),
        ("missing.txt", TextError, r"missing\.txt: no such file"),
        ("empty.txt", TextError, r"empty\.txt: holds no sentence"),
    ]
    for name, error, message in refused:
        with pytest.raises(error, match=message):
            train_ngram(recognisers["ctc"], [tmp_path / name], tmp_path / "lm.arpa", order=2)
    assert not (tmp_path / "lm.arpa").exists()
    monkeypatch.setenv("PATH", "")
    assert find_lmplz() is None
    with pytest.raises(FileNotFoundError, match="no lmplz on the PATH"):
        train_ngram(
            recognisers["ctc"], [tmp_path / "good.txt"], tmp_path / "lm.arpa", order=2, estimator=Estimator.LMPLZ
        )
