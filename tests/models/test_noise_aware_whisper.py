# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context in an imported Whisper: output unchanged, other windows, what its arms train on, the way back."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lhotse import CutSet
from omegaconf import OmegaConf
from torch import Tensor

from nemo.collections.asr.models import ASRModel

import nemo_noise
from nemo_noise.data.context_audio_in_batches import ContextAudioBatch, context_audio_of
from nemo_noise.data.utterance_notes import ContextSource
from nemo_noise.models import WhisperModel, export_whisper, import_whisper, start_from_checkpoints
from nemo_noise.models.warm_start import compare, encoder_outputs, made_signals
from nemo_noise.training import LowRankAdapters, SensorListener
from tests.contracts import randomize
from tests.recipe_runs import composed, write_corpus
from tests.whispers import write_whisper

RECIPE = "whisper/noise_aware_whisper"
NOISE_MIX = "model.train_ds.augmentor.noise_mix"
NO_CONTEXT = ("model.encoder.context=null", "model.encoder.fusion=null")
MOMENTS = ("context@model.encoder.context=moments", "model.encoder.context.feature_std=0.5")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    folder = tmp_path_factory.mktemp("whisper")
    write_whisper(folder)
    model = import_whisper(folder).eval()
    model.__dict__["path"] = folder / "plain.nemo"
    model.save_to(str(folder / "plain.nemo"))
    return model


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("context", ["attentive", "statistics", "moments", "causal_statistics", "constant_attentive"])
def test_a_context_by_name_leaves_the_output_and_reads_the_audio_alone(
    context: str, plain: WhisperModel, tmp_path: Path
) -> None:
    aware = nemo_noise.add_noise_context(plain.path, context=context, fusion="hybrid_film")
    signals = made_signals(16000, 0.7)
    assert compare(encoder_outputs(plain, signals), encoder_outputs(aware, signals)).is_identical
    assert aware.cfg.preprocessor.frame_count == "audio" and plain.preprocessor.frame_count == "window"
    inner = aware.cfg.encoder.context.get("context", aware.cfg.encoder.context)
    assert inner.get("feature_std", 0.5) == 0.5 and inner.get("stride", 2) == 2 and inner.d_context == 8
    randomize(aware.encoder.fusions)
    changed = encoder_outputs(aware, signals)
    assert not compare(encoder_outputs(plain, signals), changed).is_identical
    aware.save_to(str(tmp_path / "aware.nemo"))
    again = ASRModel.restore_from(str(tmp_path / "aware.nemo"), map_location="cpu")
    assert compare(changed, encoder_outputs(again, signals)).is_identical
    (hypothesis,) = again.transcribe([signals[0]], verbose=False)
    assert isinstance(hypothesis.text, str)


def test_without_names_it_is_the_attentive_context_of_the_utterance(plain: WhisperModel) -> None:
    aware = nemo_noise.add_noise_context(plain)
    assert type(aware.encoder.context_encoder).__name__ == "AttentiveContextEncoder"
    assert set(aware.encoder.fusions) == {"features", "0"} and plain.encoder.state_dict().keys() < set(
        aware.encoder.state_dict()
    )
    with pytest.raises(Exception, match="site 'pre_encode' does not exist in Whisper"):
        nemo_noise.add_noise_context(plain, fusion="pre_encode_film")


def test_a_context_that_would_read_the_silence_behind_the_audio_is_refused(plain: WhisperModel) -> None:
    config = OmegaConf.create(OmegaConf.to_container(nemo_noise.add_noise_context(plain).cfg))
    config.preprocessor.frame_count = "window"
    with pytest.raises(ValueError, match="should be preprocessor.frame_count=audio"):
        WhisperModel(cfg=config)


def test_a_folder_of_hugging_face_cannot_hold_a_context(plain: WhisperModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its encoder has a noise context, which a Hugging Face folder cannot hold"):
        export_whisper(nemo_noise.add_noise_context(plain), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def _another_window(plain: WhisperModel, positions: int) -> WhisperModel:
    config = OmegaConf.create(OmegaConf.to_container(plain.cfg))
    config.preprocessor.window_s, config.encoder.max_positions = positions / 50, positions
    return WhisperModel(cfg=config)


@pytest.mark.parametrize("positions", [25, 100])
def test_a_checkpoint_starts_a_model_with_another_window(positions: int, plain: WhisperModel) -> None:
    model = _another_window(plain, positions)
    own = model.encoder.whisper.embed_positions.weight.clone()
    start_from_checkpoints(model, OmegaConf.create({"init_from_nemo_model": str(plain.path)}))
    started, theirs = model.state_dict(), plain.state_dict()
    assert torch.allclose(started["encoder.whisper.embed_positions.weight"], own, atol=1e-6)
    assert all(torch.equal(value, theirs[name]) for name, value in started.items() if "embed_positions" not in name)


def test_positions_of_another_formula_are_no_positions_for_another_window(plain: WhisperModel, tmp_path: Path) -> None:
    other = ASRModel.restore_from(str(plain.path), map_location="cpu")
    other.encoder.whisper.embed_positions.weight.add_(1.0)
    other.save_to(str(tmp_path / "other.nemo"))
    with pytest.raises(ValueError, match=r"embed_positions.weight \[50, 32\], here \[25, 32\] of the checkpoint has"):
        start_from_checkpoints(
            _another_window(plain, 25), OmegaConf.create({"init_from_nemo_model": str(tmp_path / "other.nemo")})
        )


def _batch(corpus: Path, *changes: str) -> tuple[WhisperModel, Any]:
    options = ["model.train_ds.batch_size=4", "model.train_ds.shuffle=false", *changes]
    model = WhisperModel(cfg=composed(RECIPE, corpus, *options).model)
    batch = next(iter(model.train_dataloader()))
    order = sorted(range(len(batch.audio)), key=lambda row: [cut.id for cut in batch.cuts][row])
    cuts = list(batch.cuts)
    batch.audio, batch.cuts = batch.audio[order], CutSet.from_cuts([cuts[row] for row in order])
    assert len({cut.id for cut in cuts}) == 4
    return model, batch


def _carried(corpus: Path, for_context: str, *changes: str) -> tuple[Tensor, ContextAudioBatch | None]:
    options = [f"{NOISE_MIX}.preroll_s=0.5", f"{NOISE_MIX}.mix_prob=1.0", f"{NOISE_MIX}.for_context={for_context}"]
    _, batch = _batch(corpus, *options, *changes)
    return batch.audio, context_audio_of(batch)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_carry_the_noise_before_an_utterance_and_the_noise_in_it(num_workers: int, corpus: Path) -> None:
    workers = f"model.train_ds.num_workers={num_workers}"
    audio, nothing = _carried(corpus, "nothing", workers)
    with_preroll, preroll = _carried(corpus, "preroll", workers)
    with_noise, noise = _carried(corpus, "noise", workers)
    assert torch.equal(audio, with_preroll) and torch.equal(audio, with_noise)  # the mixtures are the same
    assert nothing is None and preroll is not None and noise is not None
    assert preroll.source is ContextSource.PREROLL and preroll.length.tolist() == [8000] * 4
    assert noise.source is ContextSource.NOISE and noise.length.tolist() == [32000] * 4
    clean, silence = _carried(corpus, "noise", f"{NOISE_MIX}.mix_prob=0.0", workers)
    assert silence is not None and not silence.signal.any() and silence.length.tolist() == [32000] * 4
    assert (clean + noise.signal - audio).abs().max() < 1e-5  # the noise in the mixture, to the sample
    _, none = _carried(corpus, "preroll", f"{NOISE_MIX}.mix_prob=0.0", workers)
    assert none is not None and none.length.tolist() == [0] * 4


def test_the_listener_gives_both_to_the_context_for_the_batch(corpus: Path) -> None:
    options = [f"{NOISE_MIX}.preroll_s=0.5", f"{NOISE_MIX}.mix_prob=1.0", *MOMENTS]
    contexts = {}
    for source in ("nothing", "preroll", "noise"):
        model, batch = _batch(corpus, *options, f"{NOISE_MIX}.for_context={source}")
        torch.manual_seed(0)
        randomize(model.encoder.context_encoder)
        features, frames = model.preprocessor(input_signal=batch.audio, length=batch.audio_lens)
        listener = SensorListener()
        listener.on_train_batch_start(pl.Trainer(logger=False), model, batch)
        contexts[source] = model.encoder.noise_context(features, frames)
        listener.on_train_batch_end(pl.Trainer(logger=False), model)
        alone = model.encoder.noise_context(features, frames)
        assert torch.equal(alone, contexts[source]) == (source == "nothing")
        carried = context_audio_of(batch)
        if source == "noise" and carried is not None:
            theirs, length = model.preprocessor(input_signal=carried.signal, length=carried.length)
            assert torch.equal(contexts[source], model.encoder.noise_context(theirs, length))


def test_an_oracle_without_a_context_is_an_error(corpus: Path) -> None:
    model, batch = _batch(corpus, *NO_CONTEXT, f"{NOISE_MIX}.for_context=noise")
    with pytest.raises(ValueError, match="has no encoder with a noise context"):
        SensorListener().on_train_batch_start(pl.Trainer(logger=False), model, batch)


def _trained(corpus: Path, *changes: str, callbacks: Any = ()) -> WhisperModel:
    arguments: dict[str, Any] = {"accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False}
    trainer = pl.Trainer(
        max_steps=2, limit_val_batches=0, enable_progress_bar=False, callbacks=list(callbacks), **arguments
    )
    model = WhisperModel(cfg=composed(RECIPE, corpus, *changes).model, trainer=trainer)
    trainer.fit(model)
    return model


def test_adapters_of_low_rank_learn_alone_and_leave_a_plain_whisper(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    torch.manual_seed(0)
    before = WhisperModel(cfg=composed(RECIPE, corpus, *NO_CONTEXT).model).state_dict()
    torch.manual_seed(0)
    model = _trained(corpus, *NO_CONTEXT, callbacks=[LowRankAdapters(rank=4)])
    after = model.state_dict()
    assert after.keys() == before.keys()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {f"encoder.whisper.layers.{n}.self_attn.{part}_proj.weight" for n in range(3) for part in "qv"}
    assert all(value.requires_grad for value in model.parameters()) and not hasattr(model, "peft_config")
    model.save_to(str(tmp_path / "merged.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "merged.nemo"), map_location="cpu")
    assert all(torch.equal(value, after[name]) for name, value in restored.state_dict().items())
    with pytest.raises(ValueError, match="targets='nothing' fits no linear layer"):
        _trained(corpus, *NO_CONTEXT, callbacks=[LowRankAdapters(targets="nothing")])
    with pytest.raises(ValueError, match="rank=0, scale=1.0, dropout=0.0; expected"):
        LowRankAdapters(rank=0)
