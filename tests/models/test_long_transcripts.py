# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A transcript that the decoder has no positions for is left out, counted and named, in training and validation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf

from nemo.utils import logging

from nemo_noise.models import import_whisper
from tests.models.test_families import texts
from tests.recipe_runs import composed, model_class, on_a_cpu, run, write_corpus
from tests.whispers import write_whisper

AED_RECIPES = ["speech_multitask/noise_aware_fast-conformer_aed", "speech_multitask/dual_attention_fast-conformer_aed"]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings of NeMo's log."""
    messages: list[str] = []
    monkeypatch.setattr(logging, "warning", lambda message, *_, **__: messages.append(str(message)))
    return messages


def _manifest(folder: Path, count: int = 3, long: tuple[int, ...] = (1,), **fields: Any) -> Path:
    """Utterances of a second, of which some have the transcript of a minute."""
    lines = []
    for number in range(count):
        file = folder / f"clip{number}.wav"
        soundfile.write(file, 0.1 * np.random.default_rng(number).standard_normal(16000), 16000)
        text = "one two three four " * (30 if number in long else 1)
        line = {"audio_filepath": str(file), "duration": 1.0, "text": text.strip(), "source_lang": "en"}
        lines.append(json.dumps(line | {"target_lang": "en"} | fields))
    (folder / "lines.json").write_text("\n".join(lines))
    return folder / "lines.json"


@pytest.mark.parametrize("is_iterable", [False, True])
def test_whisper_leaves_it_out_and_names_its_file(is_iterable: bool, tmp_path: Path, said: list[str]) -> None:
    write_whisper(tmp_path / "whisper")
    model, lines = import_whisper(tmp_path / "whisper"), _manifest(tmp_path, count=12, long=tuple(range(1, 12)))
    data = {"manifest_filepath": str(lines), "use_lhotse": True, "batch_size": 2, "shuffle": False, "num_workers": 0}
    data |= {"sample_rate": 16000, "text_field": "text", "use_bucketing": False, "force_iterable_dataset": is_iterable}
    data |= {"force_finite": True}
    model.setup_training_data(OmegaConf.create(data))
    (batch,) = list(model.train_dataloader())
    assert [cut.recording.sources[0].source for cut in batch.cuts] == [str(tmp_path / "clip0.wav")]
    told = [text for text in said if "left out" in text]
    assert len(told) == 9 and "clip1.wav is left out: its prompt and transcript are" in told[0]  # 8 by name, the tenth
    assert "the decoder has 24 positions" in told[0] and "10 left out so far" in told[-1]
    assert model.cfg.train_ds.max_decoder_positions == 24
    assert len(list(model.train_dataloader())) == 1 and len([text for text in said if "left out" in text]) == 9
    for setup, loader in (("setup_validation_data", "val_dataloader"), ("setup_test_data", "test_dataloader")):
        getattr(model, setup)(OmegaConf.create(data))
        assert len(list(getattr(model, loader)())) == 1


def test_a_number_in_the_config_wins_and_transcribing_leaves_nothing_out(tmp_path: Path, said: list[str]) -> None:
    write_whisper(tmp_path / "whisper")
    model, lines = import_whisper(tmp_path / "whisper"), _manifest(tmp_path)
    data = {"manifest_filepath": str(lines), "use_lhotse": True, "batch_size": 4, "shuffle": False, "num_workers": 0}
    data |= {"sample_rate": 16000, "text_field": "text", "use_bucketing": False, "max_decoder_positions": 10000}
    model.setup_training_data(OmegaConf.create(data))
    (batch,) = list(model.train_dataloader())
    assert len(batch.audio) == 3
    assert len(texts(model.transcribe(str(lines), batch_size=4, verbose=False))) == 3
    assert not any("left out" in text for text in said)


@pytest.mark.parametrize("recipe", AED_RECIPES)
def test_an_aed_recipe_trains_past_it(recipe: str, tmp_path: Path, said: list[str]) -> None:
    corpus, lines = write_corpus(tmp_path), _manifest(tmp_path)
    changes = [*on_a_cpu(tmp_path / "exp"), "trainer.strategy=auto", "exp_manager.create_checkpoint_callback=false"]
    changes += ["model.transf_decoder.config_dict.max_sequence_length=64", "model.train_ds.shuffle=false"]
    changes += [f"model.{part}.manifest_filepath={lines}" for part in ("train_ds", "validation_ds")]
    model = run(composed(recipe, corpus, *changes), model_class(recipe))
    assert model.trainer.global_step == 1
    assert any("clip1.wav is left out" in text and "the decoder has 64 positions" in text for text in said)


def test_a_loader_without_prompts_does_not_know_the_length(tmp_path: Path) -> None:
    recipe = "fastconformer/noise_aware_fast-conformer_ctc_char"
    changes = ["model.train_ds.use_lhotse=true", "+model.train_ds.max_decoder_positions=9"]
    config = composed(recipe, write_corpus(tmp_path), *changes)
    with pytest.raises(ValueError, match="max_decoder_positions=9: LhotseSpeechToText.*Dataset makes no prompts"):
        model_class(recipe)(cfg=config.model)
