# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper trains with NeMo's loader and loss: sizes, prompts in the batch, the end token in the loss."""

import copy
import json

import lightning.pytorch as pl
import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner  # noqa: F401  registers the resolver `multiply`

from nemo_noise.configuration import config_directory
from nemo_noise.models import WhisperModel
from nemo_noise.modules import WhisperDecoder, WhisperEncoder
from tests.contracts import check_gradients
from tests.whispers import write_tokenizer

# Parameters of WhisperForConditionalGeneration in transformers, the encoder's positions among them.
SIZES = {
    "tiny_38m": 37_760_640,
    "base_73m": 72_593_920,
    "small_242m": 241_734_912,
    "medium_764m": 763_857_920,
    "large_1543m": 1_543_304_960,
}


def _compose(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(config_directory() / "recipes" / "whisper"), version_base="1.1"):
        return compose("whisper", list(overrides))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    """The recipe, made tiny: two utterances, one of them without a word, and two noises."""
    folder = tmp_path_factory.mktemp("whisper_training")
    rng = np.random.default_rng(0)
    for name, texts in (("speech", ["one two", ""]), ("noise", ["", ""])):
        lines = []
        for number, text in enumerate(texts):
            file = str(folder / f"{name}{number}.wav")
            soundfile.write(file, 0.1 * rng.standard_normal(12000 + 2000 * number), 16000)
            line = {"audio_filepath": file, "duration": 0.75 + 0.125 * number, "text": text}
            lines.append(json.dumps(line | ({"source_lang": "de", "taskname": "translate"} if number else {})))
        (folder / f"{name}.json").write_text("\n".join(lines))
    tokens = write_tokenizer(folder).get_vocab_size()
    return _compose(
        f"model.tokenizer.file={folder}/tokenizer.json",
        f"model.tokenizer.vocabulary_size={tokens}",
        f"model.train_ds.manifest_filepath={folder}/speech.json",
        f"model.validation_ds.manifest_filepath={folder}/speech.json",
        f"model.train_ds.noise_path={folder}/noise.json",
        "model.train_ds.batch_size=2",
        "model.train_ds.num_workers=0",
        "model.validation_ds.num_workers=0",
        "model.size={d_model: 32, n_layers: 2, n_heads: 4}",
        "model.preprocessor.window_s=1.0",
        "model.encoder.max_positions=50",
        "model.transf_decoder.config_dict.max_sequence_length=24",
        "model.optim.sched.warmup_steps=1",
    )


@pytest.mark.parametrize("size", SIZES)
def test_the_sizes_are_those_of_whisper(size: str) -> None:
    model = _compose(f"whisper_size@model.size={size}", "model.tokenizer.file=none").model
    decoder = OmegaConf.to_container(model.transf_decoder.config_dict, resolve=True)
    encoder = {
        key: value for key, value in OmegaConf.to_container(model.encoder, resolve=True).items() if key[0] != "_"
    }
    with torch.device("meta"):
        parts = [WhisperEncoder(**encoder), WhisperDecoder(decoder | {"vocab_size": 51865})]
    assert sum(tensor.numel() for part in parts for tensor in part.state_dict().values()) == SIZES[size]


def test_a_size_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(MissingConfigException, match="whisper_size/huge(.|\n)*medium_764m"):
        _compose("whisper_size@model.size=huge")


def test_batches_hold_the_prompt_of_each_line_and_the_loss_counts_the_end_but_no_padding(recipe: DictConfig) -> None:
    model = WhisperModel(cfg=copy.deepcopy(recipe).model)
    batch = next(iter(model.train_dataloader()))
    tokenizer = model.tokenizer
    written = {
        tuple(tokenizer.ids_to_tokens(ids[:length]))
        for ids, length in zip(batch.prompted_transcript, batch.prompted_transcript_lens, strict=True)
    }
    silent = ("<|startoftranscript|>", "<|de|>", "<|translate|>", "<|notimestamps|>", "<|endoftext|>")
    assert silent in written
    (spoken,) = written - {silent}
    assert spoken[:4] == ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
    assert spoken[-1] == "<|endoftext|>" and spoken[4].startswith("Ġ")
    assert tokenizer.ids_to_text(tokenizer.tokens_to_ids(spoken)) == "one two"

    inputs, labels = batch.get_decoder_inputs_outputs()
    audio = {"input_signal": batch.audio, "input_signal_length": batch.audio_lens}

    def loss(ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        log_probs, *_ = model(**audio, transcript=ids, transcript_length=batch.prompted_transcript_lens - 1)
        return model.loss(log_probs=log_probs, labels=targets)

    expected = loss(inputs, labels)
    assert not torch.isclose(loss(inputs, labels.masked_fill(labels == tokenizer.eos_id, tokenizer.pad_id)), expected)
    is_padding = torch.arange(inputs.shape[1]) >= (batch.prompted_transcript_lens - 1)[:, None]
    assert is_padding.any()
    assert torch.isclose(loss(inputs.masked_fill(is_padding, 7), labels), expected, atol=1e-6)
    check_gradients(model, lambda: loss(inputs, labels))


def test_the_recipe_learns(recipe: DictConfig) -> None:
    arguments = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    trainer = pl.Trainer(max_steps=2, limit_val_batches=1, enable_progress_bar=False, **arguments)
    config = copy.deepcopy(recipe)
    config.model.train_ds.batch_size = 1  # two steps in one epoch: every epoch reads the noise list thousands of times
    model = WhisperModel(cfg=config.model, trainer=trainer)
    before = {name: value.clone() for name, value in model.named_parameters()}
    positions = model.encoder.whisper.embed_positions.weight.clone()
    trainer.fit(model)
    assert trainer.global_step == 2
    assert all(
        value.isfinite().all() and not torch.equal(value, before[name]) for name, value in model.named_parameters()
    )
    assert torch.equal(model.encoder.whisper.embed_positions.weight, positions)


def test_it_learns_two_utterances_by_heart_and_to_be_silent_where_nothing_is_said(recipe: DictConfig) -> None:
    model = WhisperModel(cfg=copy.deepcopy(recipe).model)
    batch = next(iter(model.val_dataloader()))
    inputs, labels = batch.get_decoder_inputs_outputs()
    audio = {"input_signal": batch.audio, "input_signal_length": batch.audio_lens}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for _ in range(100):
        optimizer.zero_grad()
        log_probs, *_ = model(**audio, transcript=inputs, transcript_length=batch.prompted_transcript_lens - 1)
        loss = model.loss(log_probs=log_probs, labels=labels)
        loss.backward()
        optimizer.step()
    texts = {hypothesis.text for _, hypothesis in model.eval().predict_step(batch)}
    assert texts == {"one two", ""}
