# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper on NeMo does what Whisper in transformers does: states, logits, greedy and beam search, tokens, files."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf
from torch import Tensor
from transformers import GenerationMixin, WhisperForConditionalGeneration, WhisperProcessor

from nemo.collections.asr.models import ASRModel

from nemo_noise.models import WhisperModel, export_whisper, import_whisper, whisper_config
from tests.whispers import SHAPE_NAMES, write_whisper

TOLERANCE = 1e-4


class Pair(NamedTuple):
    """A Whisper of transformers, the same on NeMo, and the folder it came from."""

    theirs: Any
    ours: WhisperModel
    folder: Path


@pytest.fixture(scope="module", params=SHAPE_NAMES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp(request.param)
    theirs = write_whisper(folder, request.param)
    return Pair(theirs, import_whisper(folder), folder)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("only_narrow")
    theirs = write_whisper(folder, seed=1)
    return Pair(theirs, import_whisper(folder), folder)


def _audio() -> tuple[Tensor, Tensor]:
    signal = torch.randn(3, 16000, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.1], [0.05], [0.2]])
    length = torch.tensor([16000, 12000, 9000])
    return signal.masked_fill(torch.arange(16000) >= length[:, None], 0.0), length


def _features(model: WhisperModel) -> Tensor:
    signal, length = _audio()
    return model.preprocessor(input_signal=signal, length=length)[0]


def _search(pair: Pair, rows: slice = slice(None), **decoding: Any) -> list[list[int]]:
    """Token ids after the prompt, as NeMo's search finds them."""
    model = pair.ours.eval()
    model.change_decoding_strategy(OmegaConf.create(decoding or {"strategy": "greedy"}))
    features = _features(model)[rows]
    with torch.no_grad():
        _, _, states, mask = model(
            processed_signal=features, processed_signal_length=torch.full((len(features),), features.shape[2])
        )
        prompt = model.prompt.encode_dialog(model.prompt.get_default_dialog_slots())["context_ids"]
        hypotheses = model.decoding.decode_predictions_tensor(
            states, mask, prompt.expand(len(features), -1), return_hypotheses=True
        )
    return [hypothesis.y_sequence.tolist() for hypothesis in hypotheses]


def _without_end(ids: Tensor, end: int) -> list[list[int]]:
    return [[number for number in row if number != end] for row in ids.tolist()]


def test_encoder_states_and_logits_are_those_of_transformers(pair: Pair) -> None:
    features, vocabulary_size = _features(pair.ours), pair.theirs.config.vocab_size
    ids = torch.randint(0, vocabulary_size, (3, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = pair.theirs(input_features=features, decoder_input_ids=ids)
        log_probs, lengths, states, mask = pair.ours.eval()(
            processed_signal=features,
            processed_signal_length=torch.full((3,), 100),
            transcript=ids,
            transcript_length=torch.full((3,), 9),
        )
        with pair.ours.log_softmax.with_log_softmax_enabled(False):
            hidden = pair.ours.transf_decoder(
                input_ids=ids,
                decoder_mask=torch.ones_like(ids),
                encoder_embeddings=expected.encoder_last_hidden_state,
                encoder_mask=mask,
            )
            logits = pair.ours.log_softmax(hidden_states=hidden)
    assert expected.logits.std() > 0.5, "logits near zero would agree anyway"
    assert lengths.tolist() == [50, 50, 50] and mask.bool().all()
    assert (states - expected.encoder_last_hidden_state).abs().max() < TOLERANCE
    assert (logits[..., :vocabulary_size] - expected.logits).abs().max() < TOLERANCE
    assert (log_probs[..., :vocabulary_size] - expected.logits.log_softmax(-1)).abs().max() < TOLERANCE


def test_greedy_tokens_are_those_of_generate(pair: Pair) -> None:
    generated = pair.theirs.generate(_features(pair.ours), language="en", task="transcribe", max_new_tokens=20)
    expected = _without_end(generated, pair.ours.tokenizer.eos_id)
    found = _search(pair)
    prompt = pair.ours.prompt.encode_dialog(pair.ours.prompt.get_default_dialog_slots())["context_ids"].tolist()
    assert [row[4:] if row[:4] == prompt else row for row in expected] == found
    assert len({tuple(row) for row in found}) > 1, "utterances must differ"
    assert not {211, 279}.intersection(*map(set, found)), "suppressed tokens"
    assert all(row[0] not in {219, 256} for row in found), "tokens suppressed at the start"


def test_beam_search_finds_the_same_in_a_batch_and_alone_and_with_one_beam_what_greedy_finds(pair: Pair) -> None:
    beam = {"strategy": "beam", "beam": {"beam_size": 3, "len_pen": 0.0}}
    together = _search(pair, **beam)
    assert together == [_search(pair, slice(row, row + 1), **beam)[0] for row in range(3)]
    one = _search(pair, strategy="beam", beam={"beam_size": 1, "len_pen": 0.0})
    greedy = _search(pair)
    assert [row[: len(ids)] for row, ids in zip(one, greedy, strict=True)] == greedy


def test_beam_search_is_that_of_transformers(narrow: Pair) -> None:
    # Up to the last token: NeMo's beam goes one token further than the length it is given.
    prompt = narrow.ours.prompt.encode_dialog(narrow.ours.prompt.get_default_dialog_slots())["context_ids"]
    options = {"max_length": 24, "num_beams": 3, "do_sample": False, "length_penalty": 0.0, "early_stopping": False}
    expected = GenerationMixin.generate(
        narrow.theirs, input_features=_features(narrow.ours), decoder_input_ids=prompt.expand(3, -1), **options
    )[:, 4:]
    found = _search(narrow, strategy="beam", beam={"beam_size": 3, "len_pen": 0.0})
    shared = [row[:12] for row in _without_end(expected, narrow.ours.tokenizer.eos_id)]
    assert [row[:12] for row in found] == shared


def test_a_saved_model_comes_back_exactly_with_its_tokenizer_and_rules(narrow: Pair, tmp_path: Path) -> None:
    narrow.ours.save_to(str(tmp_path / "whisper.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "whisper.nemo"), map_location="cpu")
    assert type(restored) is WhisperModel
    before, after = narrow.ours.state_dict(), restored.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert restored.tokenizer.text_to_ids("one two") == narrow.ours.tokenizer.text_to_ids("one two")
    assert _search(narrow._replace(ours=restored)) == _search(narrow)
    restored.save_to(str(tmp_path / "again.nemo"))
    assert type(ASRModel.restore_from(str(tmp_path / "again.nemo"), map_location="cpu")) is WhisperModel


def test_transcribe_answers_for_files_and_samples_what_transformers_answers(narrow: Pair, tmp_path: Path) -> None:
    signal, length = _audio()
    utterances = [samples[:valid].numpy() for samples, valid in zip(signal, length, strict=True)]
    files = [str(tmp_path / f"{number}.wav") for number in range(3)]
    for file, samples in zip(files, utterances, strict=True):
        soundfile.write(file, samples, 16000, subtype="FLOAT")
    processor = WhisperProcessor.from_pretrained(narrow.folder)
    inputs = processor(utterances, sampling_rate=16000, return_tensors="pt").input_features
    for language, token in (("en", "<|en|>"), ("de", "<|de|>")):
        ids = narrow.theirs.generate(inputs, language=token, task="transcribe", max_new_tokens=20)
        expected = [text.strip() for text in processor.batch_decode(ids, skip_special_tokens=True)]
        for audio in (files, utterances):
            narrow.ours.change_decoding_strategy(OmegaConf.create({"strategy": "greedy"}))
            found = narrow.ours.transcribe(audio, batch_size=3, source_lang=language, verbose=False)
            assert [hypothesis.text for hypothesis in found] == expected
    with pytest.raises(ValueError, match="timestamps=True is not supported"):
        narrow.ours.transcribe(files, timestamps=True, verbose=False)
    with pytest.raises(ValueError, match="source_lang='xx' is no language"):
        narrow.ours.transcribe(utterances, source_lang="xx", verbose=False)


def test_the_way_back_gives_the_same_tensors_config_and_tokenizer(pair: Pair, tmp_path: Path) -> None:
    export_whisper(pair.ours, tmp_path / "back")
    back = WhisperForConditionalGeneration.from_pretrained(tmp_path / "back")
    expected, actual = pair.theirs.state_dict(), back.state_dict()
    assert expected.keys() == actual.keys()
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        ours, origin = (json.loads((folder / name).read_text()) for folder in (tmp_path / "back", pair.folder))
        assert ours == origin, name
    processor = WhisperProcessor.from_pretrained(tmp_path / "back")
    assert processor.feature_extractor.feature_size == pair.theirs.config.num_mel_bins
    again = import_whisper(tmp_path / "back").state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in pair.ours.state_dict().items())


def test_an_english_only_whisper_has_a_prompt_without_language_and_task(tmp_path: Path) -> None:
    theirs = write_whisper(tmp_path, is_multilingual=False)
    ours = import_whisper(tmp_path)
    prompt = ours.prompt.encode_dialog(ours.prompt.get_default_dialog_slots())["context_ids"].tolist()
    assert ours.tokenizer.ids_to_tokens(prompt) == ["<|startoftranscript|>", "<|notimestamps|>"]
    generated = theirs.generate(_features(ours), max_new_tokens=22)
    expected = _without_end(generated, ours.tokenizer.eos_id)
    found = _search(Pair(theirs, ours, tmp_path))
    assert [row[2:] if row[:2] == prompt else row for row in expected] == found
    with pytest.raises(ValueError, match="this Whisper only transcribes English"):
        ours.prompt.encode_dialog([{"role": "user", "slots": {"source_lang": "de", "taskname": "asr"}}])


def test_a_window_that_does_not_fit_the_encoder_is_refused(narrow: Pair) -> None:
    config = whisper_config(narrow.folder)
    config.preprocessor.window_s = 2.0
    with pytest.raises(ValueError, match=r"window_s=2\.0 is 200 frames, but encoder.max_positions=50 needs 100"):
        WhisperModel(cfg=config)
    with pytest.raises(NotImplementedError, match="cannot change its vocabulary"):
        narrow.ours.change_vocabulary("anywhere", "bpe")


def test_silence_alone_gives_finite_scores(narrow: Pair) -> None:
    silence = np.zeros(8000, dtype=np.float32)
    (hypothesis,) = narrow.ours.transcribe([silence], batch_size=1, verbose=False, return_hypotheses=True)
    assert isinstance(hypothesis.text, str)
