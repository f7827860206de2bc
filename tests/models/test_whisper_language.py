# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper is prompted in the language and task that its folder and each manifest line name."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.models import WhisperModel, export_whisper, import_whisper
from nemo_noise.models.whisper.languages import slots_of_line
from tests.whispers import write_whisper

GERMAN = {"source_lang": "de", "taskname": "asr"}
TRANSLATED = {"source_lang": "de", "taskname": "translate"}
ENGLISH = {"source_lang": "en", "taskname": "asr"}


def _write(folder: Path, is_multilingual: bool = True, **generation: Any) -> Path:
    write_whisper(folder, is_multilingual=is_multilingual)
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | generation))
    return folder


def _slots(model: WhisperModel) -> dict[str, str]:
    (turn,) = model.prompt.get_default_dialog_slots()
    return dict(turn["slots"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    return import_whisper(_write(tmp_path_factory.mktemp("whisper") / "folder"))


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    return import_whisper(_write(tmp_path_factory.mktemp("english") / "folder", is_multilingual=False))


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *args, **options: said.append(str(message)))
    return said


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., str]:
    def write(*lines: dict[str, Any]) -> str:
        soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(8000), 16000)
        about = {"audio_filepath": str(tmp_path / "a.wav"), "duration": 0.5, "text": "one"}
        (tmp_path / "lines.json").write_text("".join(json.dumps(about | line) + "\n" for line in lines))
        return str(tmp_path / "lines.json")

    return write


def _prompts(model: WhisperModel, run: Callable[[], Any]) -> list[str]:
    """The prompts that a run encodes, as texts."""
    found: list[str] = []
    encode = model.prompt.encode_dialog

    def note(turns: Any) -> Any:
        encoded = encode(turns)
        found.append("".join(model.tokenizer.ids_to_tokens(encoded["context_ids"].tolist())))
        return encoded

    model.prompt.encode_dialog = note
    try:
        run()
    finally:
        del model.prompt.encode_dialog
    return found


def _token_id(folder: Path, token: str) -> int:
    entries = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    return next(entry["id"] for entry in entries if entry["content"] == token)


@pytest.mark.parametrize("name", ["de", "german", "German", "<|de|>", "de-DE", "de_de"])
def test_a_folder_tuned_for_a_language_prompts_it(name: str, tmp_path: Path) -> None:
    assert _slots(import_whisper(_write(tmp_path / "w", language=name))) == GERMAN


def test_a_folder_tuned_to_translate_prompts_that_and_writes_it_back(tmp_path: Path) -> None:
    folder = _write(tmp_path / "w", language="german", task="translate")
    import_whisper(folder).save_to(str(tmp_path / "w.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "w.nemo"), map_location="cpu")
    assert _slots(restored) == TRANSLATED
    export_whisper(restored, tmp_path / "back")
    before, after = (json.loads((path / "generation_config.json").read_text()) for path in (folder, tmp_path / "back"))
    assert after == before
    assert _slots(import_whisper(tmp_path / "back")) == TRANSLATED


def test_a_model_that_was_given_another_language_exports_it(tmp_path: Path) -> None:
    model = import_whisper(_write(tmp_path / "w"))
    model.change_prompt("whisper", [{"role": "user", "slots": GERMAN}])
    assert _slots(model) == GERMAN
    export_whisper(model, tmp_path / "back")
    assert _slots(import_whisper(tmp_path / "back")) == GERMAN
    with pytest.raises(ValueError, match="source_lang='klingon' is no language"):
        model.change_prompt("whisper", [{"role": "user", "slots": {"source_lang": "klingon"}}])
    with pytest.raises(TypeError, match="model is a Linear, must be a WhisperModel"):
        export_whisper(torch.nn.Linear(1, 1), tmp_path / "back")  # type: ignore[arg-type]


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_the_forced_ids_of_older_folders_are_the_prompt(file: str, tmp_path: Path) -> None:
    folder = _write(tmp_path / "w")
    ids = [_token_id(folder, token) for token in ("<|de|>", "<|translate|>", "<|notimestamps|>")]
    if file == "config.json":
        (folder / "generation_config.json").unlink()
    values = json.loads((folder / file).read_text())
    values["forced_decoder_ids"] = [list(pair) for pair in enumerate(ids, start=1)]
    (folder / file).write_text(json.dumps(values))
    assert _slots(import_whisper(folder)) == TRANSLATED
    values["forced_decoder_ids"][0][1] = None  # left open, as in OpenAI's own
    (folder / file).write_text(json.dumps(values))
    assert _slots(import_whisper(folder)) == TRANSLATED | {"source_lang": "en"}


def test_an_english_only_folder_stays_english_and_says_what_it_leaves_out(tmp_path: Path, warnings: list[str]) -> None:
    folder = _write(tmp_path / "w", is_multilingual=False, language="german")
    assert _slots(import_whisper(folder)) == ENGLISH
    assert [text for text in warnings if "language='german'" in text and "only transcribes English" in text]


@pytest.mark.parametrize(
    ("fields", "slots"),
    [
        ({}, ENGLISH),
        ({"lang": "de"}, GERMAN),
        ({"language": "German"}, GERMAN),
        ({"source_lang": "de"}, GERMAN),
        ({"lang": "de-DE", "language": "german"}, GERMAN),
        ({"source_lang": "de", "target_lang": "de"}, GERMAN),
        ({"target_lang": "de"}, GERMAN),
        ({"source_lang": "de", "target_lang": "en"}, TRANSLATED),
        ({"source_lang": "de", "lang": "en"}, TRANSLATED),
        ({"source_lang": "en", "target_lang": "en", "taskname": "asr"}, ENGLISH),
        ({"lang": "", "source_lang": None}, ENGLISH),
        ({"lang": "de", "taskname": "translate"}, TRANSLATED),
        ({"source_lang": "de", "target_lang": "en", "taskname": "ast"}, TRANSLATED | {"taskname": "ast"}),
    ],
)
def test_fields_of_a_line_are_its_prompt(fields: dict[str, Any], slots: dict[str, str], model: WhisperModel) -> None:
    assert slots_of_line(fields, ENGLISH, model.tokenizer) == slots
    assert model.prompt_of(fields) == slots


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lang": "klingon"}, r"lang='klingon' is no language .* 'german'"),
        ({"lang": "transcribe"}, "lang='transcribe' is no language"),
        ({"language": 5}, "language=5 is no language"),
        ({"source_lang": "en", "target_lang": "de"}, "target_lang='de' with source_lang='en': Whisper writes"),
        ({"lang": "de", "language": "en"}, "lang='de', language='en': these fields name two spoken languages"),
        ({"lang": "de", "target_lang": "en", "taskname": "asr"}, "taskname='asr' with .* must be 'translate'"),
        ({"taskname": "sum"}, "taskname='sum' must be one of"),
    ],
)
def test_a_line_that_cannot_be_prompted_is_refused(
    fields: dict[str, Any], message: str, model: WhisperModel, manifest: Callable[..., str]
) -> None:
    with pytest.raises(ValueError, match=message):
        slots_of_line(fields, ENGLISH, model.tokenizer)
    lines = manifest({}, fields)
    for use in (lambda: model.transcribe(lines, verbose=False), lambda: _loader(model, lines)):
        with pytest.raises(ManifestError, match=rf"lines\.json:2: {message}"):
            use()


def _loader(model: WhisperModel, manifest: str) -> Any:
    config = {"manifest_filepath": manifest, "use_lhotse": True, "batch_size": 4, "sample_rate": 16000}
    more = {"shuffle": False, "num_workers": 0, "use_bucketing": False, "lang_field": "source_lang"}
    model.setup_training_data(OmegaConf.create(config | more))
    return model._train_dl


def test_lines_are_transcribed_and_trained_in_their_languages(
    model: WhisperModel, manifest: Callable[..., str]
) -> None:
    lines = manifest({"lang": "de"}, {}, {"source_lang": "de", "target_lang": "en"})
    german, plain = "<|startoftranscript|><|de|><|transcribe|>", "<|startoftranscript|><|en|><|transcribe|>"
    expected = [f"{prompt}<|notimestamps|>" for prompt in (german, plain, german.replace("transcribe", "translate"))]
    assert _prompts(model, lambda: model.transcribe(lines, batch_size=3, verbose=False)) == expected
    trained = Counter(_prompts(model, lambda: list(_loader(model, lines))))  # measured for its length, then encoded
    assert set(trained) == set(expected) and len(set(trained.values())) == 1
    asked = _prompts(model, lambda: model.transcribe(lines, batch_size=3, taskname="translate", verbose=False))
    assert asked[1] == expected[1].replace("transcribe", "translate").replace("startoftranslate", "startoftranscript")


def test_files_and_samples_are_prompted_as_the_model_was_tuned(tmp_path: Path, manifest: Callable[..., str]) -> None:
    tuned = import_whisper(_write(tmp_path / "w", language="german"))
    audio = json.loads(Path(manifest({})).read_text())["audio_filepath"]
    expected = "<|startoftranscript|><|de|><|transcribe|><|notimestamps|>"
    for given in (audio, np.full(8000, 0.1, np.float32), manifest({})):
        assert set(_prompts(tuned, lambda given=given: tuned.transcribe([given], verbose=False))) == {expected}


def test_an_english_only_whisper_leaves_languages_out_and_says_so(
    english: WhisperModel, manifest: Callable[..., str], warnings: list[str]
) -> None:
    lines = manifest({"lang": "en-US"}, {"language": "English"})
    expected = ["<|startoftranscript|><|notimestamps|>"] * 2
    assert _prompts(english, lambda: english.transcribe(lines, batch_size=2, verbose=False)) == expected
    assert not any("only transcribes English" in text for text in warnings)
    lines = manifest({"lang": "de"}, {})
    assert _prompts(english, lambda: english.transcribe(lines, batch_size=2, verbose=False)) == expected
    assert "lang='de' of manifest lines is left out: this Whisper only transcribes English." in warnings
