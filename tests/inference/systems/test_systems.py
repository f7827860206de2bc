# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Systems of every kind: found by what they are, one contract, each with the texts of its maker."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from nemo_noise.inference.systems import Kind, System, TimesWords, check_system, kind_of, open_system, shown_name
from nemo_noise.models import import_whisper
from tests.evaluation.tiny_models import tiny_ctc
from tests.wav2vecs import write_wav2vec2
from tests.whispers import write_whisper


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny system of each kind."""
    folder = tmp_path_factory.mktemp("systems")
    tiny_ctc().save_to(str(folder / "ctc.nemo"))
    write_whisper(folder / "whisper")
    generation = folder / "whisper" / "generation_config.json"  # as published ones have it
    values = json.loads(generation.read_text())
    generation.write_text(json.dumps({name: value for name, value in values.items() if name[0] != "_"}))
    write_wav2vec2(folder / "wav2vec2", shape="large")
    return folder


def waves(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [0.1 * generator.standard_normal(length).astype(np.float32) for length in lengths]


@pytest.mark.parametrize("name", ["ctc.nemo", "whisper", "wav2vec2"])
def test_every_system_keeps_the_contract(folder: Path, name: str) -> None:
    system = open_system(str(folder / name))
    assert isinstance(system, System) and system.name == str(folder / name)
    assert system.sample_rate == 16000 and system.parameter_count and system.device == torch.device("cpu")
    batch = waves(16000, 12000, 15000)
    texts = [one.text for one in system.transcribe(batch)]
    assert [system.transcribe([waveform])[0].text for waveform in batch] == texts
    assert system.transcribe([]) == []
    with pytest.raises(ValueError, match=r"waveforms\[1\] holds 0 samples"):
        system.transcribe([batch[0], batch[0][:0]])
    assert open_system(str(folder / name)).fingerprint == system.fingerprint


def test_faster_whisper_gives_words_in_order_and_is_deterministic(models_directory: Path) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    folder = str(models_directory / "ctranslate2-tiny.en")
    options = {"beam_size": 1, "max_new_tokens": 8, "compute_type": "float32"}
    system = open_system(folder, "cpu", options)
    assert isinstance(system, System) and isinstance(system, TimesWords) and system.parameter_count == 37760256
    loud, silent = waves(16000)[0], np.zeros(16000, np.float32)
    first, second = ([one.text for one in system.transcribe([loud, silent])] for _ in range(2))
    assert first == second and len(first) == 2 and system.transcribe([]) == []
    (words,) = system.transcribe_words([loud])
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert system.fingerprint != open_system(folder, "cpu", options | {"vad_filter": True}).fingerprint


def test_faster_whisper_that_is_not_installed_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    for file in ("config.json", "model.bin", "vocabulary.txt"):
        (tmp_path / file).touch()
    for asked in (open_system, lambda name: check_system(name, {})):
        with pytest.raises(ImportError, match=r"pip install 'nemo-noise\[faster-whisper\]', or .*nemo_noise.load"):
            asked(str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 5}, r"transcribe holds 'beam' \(did you mean beam_size\?\)"),
        ({"compute_type": "int4"}, "transcribe.compute_type is 'int4', should be one of default, auto"),
        ({"language": "german"}, "transcribe.language is 'german', should be a code, as in de"),
        ({"vad_filter": "yes"}, "transcribe.vad_filter is 'yes', should be true or false"),
    ],
)
def test_options_of_faster_whisper_are_checked(tmp_path: Path, options: dict[str, object], message: str) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    for file in ("config.json", "model.bin", "vocabulary.txt"):
        (tmp_path / file).touch()
    with pytest.raises(ValueError, match=message):
        check_system(str(tmp_path), options)


def test_hugging_face_whisper_gives_the_texts_of_transformers_and_of_our_model(folder: Path) -> None:
    theirs = WhisperForConditionalGeneration.from_pretrained(folder / "whisper")
    processor = WhisperProcessor.from_pretrained(folder / "whisper")
    (waveform,) = waves(15000)
    features = processor.feature_extractor([waveform], sampling_rate=16000, return_tensors="pt").input_features
    tokens = theirs.generate(features, language="de", task="translate")
    system = open_system(str(folder / "whisper"), "cpu", {"language": "de", "task": "translate"})
    (text,) = processor.batch_decode(tokens, skip_special_tokens=True)
    assert [one.text for one in system.transcribe([waveform])] == [text.strip()]
    ours = import_whisper(folder / "whisper").transcribe(
        [waveform], source_lang="de", taskname="translate", verbose=False
    )
    assert ours[0].text.strip() == text.strip()


def test_another_option_is_another_fingerprint(folder: Path) -> None:
    plain, german = (open_system(str(folder / "whisper"), "cpu", options) for options in ({}, {"language": "de"}))
    assert german.fingerprint.startswith(f"{plain.fingerprint}+")


def test_words_of_a_ctc_model_lie_in_the_audio_in_order(folder: Path) -> None:
    system = open_system(str(folder / "wav2vec2"))
    assert isinstance(system, TimesWords)
    (waveform,) = waves(16000)
    (words,) = system.transcribe_words([waveform])
    assert " ".join(word.text for word in words) == system.transcribe([waveform])[0].text
    ends = [0.0, *(time for word in words for time in (word.start_s, word.end_s)), 1.0]
    assert words and ends == sorted(ends)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("m.nemo", Kind.NEMO),
        ("stt_en_conformer_ctc_small", Kind.NEMO),
        ("tiny.en", Kind.FASTER_WHISPER),
        ("a/b.onnx", Kind.ONNX),
        ("rows.csv", Kind.TRANSCRIPTS),
        ("hf://nvidia/parakeet-ctc-1.1b", Kind.HUGGING_FACE),
        ("nemo://nvidia/parakeet-ctc-1.1b", Kind.NEMO),
    ],
)
def test_the_kind_is_found_by_the_name(name: str, kind: Kind) -> None:
    assert kind_of(name).kind is kind


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["config.json", "model.safetensors"], Kind.HUGGING_FACE),
        (["config.json", "model.bin", "vocabulary.txt"], Kind.FASTER_WHISPER),
        (["config.json", "pytorch_model.bin"], Kind.HUGGING_FACE),
        (["encoder.onnx", "decoder.onnx", "search.json"], Kind.ONNX),
    ],
)
def test_the_kind_of_a_folder_is_found_by_its_files(tmp_path: Path, files: list[str], kind: Kind) -> None:
    for file in files:
        (tmp_path / file).touch()
    assert kind_of(str(tmp_path)).kind is kind


def test_names_for_tables_keep_dots_that_are_no_suffix() -> None:
    names = ["a/m.nemo", "models/whisper-tiny.en/", "nvidia/parakeet-tdt-0.6b-v2", "hf://o/whisper-tiny", "rows.csv"]
    shown = ["m", "whisper-tiny.en", "parakeet-tdt-0.6b-v2", "whisper-tiny", "rows"]
    assert [shown_name(name) for name in names] == shown


def _config(folder: Path, **changes: object) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["BertModel"]}, "architectures=.*must name a recogniser of transformers"),
        ({"architectures": None}, "architectures=None must name a recogniser"),
        ({"quantization_config": {"bits": 4}}, "quantization_config=.*save the weights in full"),
        ({"transformers_weights": "../x.safetensors"}, "transformers_weights=.*must be model.safetensors"),
        ({"encoder_layers": 3}, r"lacks \d+ tensor\(s\) of WhisperForConditionalGeneration"),
        ({"d_model": 16}, "cannot be read by transformers|lacks"),
        ({"model_type": "no_such"}, "cannot be read by transformers"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_with_its_field(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    write_whisper(tmp_path)
    _config(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        open_system(str(tmp_path))


def test_a_language_of_an_english_whisper_is_refused(tmp_path: Path) -> None:
    write_whisper(tmp_path, is_multilingual=False)
    with pytest.raises(ValueError, match="language is 'de', and .* only transcribes English: leave language"):
        check_system(str(tmp_path), {"language": "de"})


def test_programs_and_pickles_of_a_folder_are_not_run(tmp_path: Path) -> None:
    write_whisper(tmp_path)
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    before = open_system(str(tmp_path)).fingerprint
    _config(tmp_path, auto_map={"AutoConfig": "evil.C"}, attn_implementation="someone/kernel")
    assert open_system(str(tmp_path)).fingerprint == before
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="only pickled weights"):
        open_system(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("whisper", {"beams": 5}, r"transcribe holds 'beams' \(did you mean num_beams\?\), which .* does not take"),
        ("whisper", {"num_beams": 0}, "transcribe.num_beams is 0, should be a whole number"),
        ("wav2vec2", {"language": "de"}, "does not take: should be some of dtype"),
        ("whisper", {"temperature": [0.0, "hot"]}, "transcribe.temperature is"),
        ("ctc.nemo", {"language": "de"}, "transcribe holds 'language'"),
    ],
)
def test_options_are_checked_before_weights_are_read(
    folder: Path, name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_system(str(folder / name), options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("riva://localhost:50051", "systems behind riva:// are not read"),
        ("openai://whisper-1", "systems behind openai:// are not read"),
        ("no/such/folder", "does not exist .*should be a .nemo file"),
        ("https://host/model.onnx.tar", "does not exist"),
        ("", "model is empty"),
        ("whisper-tiny/model.safetensors", "is a file of a model's folder, or weights alone; give the folder"),
        ("whisper-tiny/config.json", "give the folder"),
        ("epoch.ckpt", "weights alone"),
    ],
)
def test_what_is_no_system_is_answered_with_the_kinds(name: str, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        open_system(name)


def test_a_hub_that_does_not_answer_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", refuse)
    with pytest.raises(ValueError, match=r"'owner/name' is no file or folder here, and the hub does not .*no route\)"):
        open_system("owner/name")
