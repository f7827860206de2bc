# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A pretrained AED model with dual attention: at first the same words, by greedy and beam search, also from disk."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel, EncDecMultiTaskModel

from nemo_noise.models import (
    DualAttentionMultiTaskModel,
    DualAttentionWhisperModel,
    add_dual_attention,
    import_whisper,
)
from tests.contracts import fill_padding, randomize
from tests.models import test_families
from tests.models.test_families import audio, outputs, texts
from tests.recognisers import WIDTH, build_recogniser, write_plain_aed
from tests.whispers import write_whisper

HIERARCHY = {
    "_target_": "nemo_noise.modules.HierarchicalContextEncoder",
    "feat_in": WIDTH,
    "d_context": 16,
    "num_tokens": 3,
}
SECONDARY: dict[str, dict[str, Any] | None] = {
    "same": None,
    "tokens": {"_target_": "nemo_noise.modules.ContextTokenMemory", "context": HIERARCHY, "d_model": WIDTH},
    "layer": {"_target_": "nemo_noise.modules.EncoderLayerMemory", "layer": 0, "d_encoder": WIDTH, "d_model": WIDTH},
    "types": {"_target_": "nemo_noise.modules.NoiseTypeMemory", "num_types": 4, "d_model": WIDTH},
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained plain AED checkpoint."""
    return write_plain_aed(tmp_path_factory.mktemp("aed"))


def _opened(plain: Path, kind: str, gate: str = "scalar") -> DualAttentionMultiTaskModel:
    """With a secondary attention that acts."""
    model = add_dual_attention(plain, SECONDARY[kind], gate=gate)
    randomize(model.transf_decoder, seed=4)
    with torch.no_grad():
        for attention in model.transf_decoder.dual_attentions:
            attention.mix.fill_(1.5)
    return model.eval()


def _search(model: ASRModel, **decoding: Any) -> None:
    plain = OmegaConf.create(OmegaConf.to_container(model.cfg.decoding))
    model.change_decoding_strategy(OmegaConf.merge(plain, {"beam": {"max_generation_delta": 6}}, decoding))


def _transcripts(model: ASRModel) -> list[str]:
    signals = [signal[:length].numpy().astype(np.float32) for signal, length in zip(*audio(), strict=True)]
    return texts(model.transcribe(signals, batch_size=2, verbose=False))


@pytest.mark.parametrize("kind", SECONDARY)
def test_a_plain_checkpoint_keeps_its_output_and_its_words(kind: str, plain: Path) -> None:
    parent = ASRModel.restore_from(str(plain), map_location="cpu").eval()
    model = add_dual_attention(plain, SECONDARY[kind], gate="head").eval()
    assert torch.equal(outputs(model), outputs(parent))
    for decoding in ({"strategy": "greedy"}, {"strategy": "beam", "beam": {"beam_size": 3}}):
        for recogniser in (parent, model):
            _search(recogniser, **decoding)
        assert _transcripts(model) == _transcripts(parent)


def test_training_starts_as_the_parent_s(plain: Path) -> None:
    parent = ASRModel.restore_from(str(plain), map_location="cpu").train()
    model = add_dual_attention(plain, SECONDARY["tokens"]).train()
    signal, length = audio()
    prompt = {"transcript": torch.arange(4, 9).expand(2, -1), "transcript_length": torch.tensor([5, 4])}
    results = []
    for recogniser in (parent, model):
        torch.manual_seed(0)
        for module in recogniser.encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        results.append(recogniser(input_signal=signal, input_signal_length=length, **prompt)[0])
    assert torch.equal(*results)
    results[1].square().sum().backward()
    assert all(attention.mix.grad.abs() > 0 for attention in model.transf_decoder.dual_attentions)


@pytest.mark.parametrize("kind", SECONDARY)
def test_an_opened_gate_acts_and_comes_back_from_disk(kind: str, plain: Path, tmp_path: Path) -> None:
    parent = ASRModel.restore_from(str(plain), map_location="cpu").eval()
    model = _opened(plain, kind)
    expected = outputs(model)
    assert not torch.allclose(expected, outputs(parent), atol=1e-3)
    model.save_to(str(tmp_path / "dual.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "dual.nemo"), map_location="cpu")
    assert isinstance(restored, DualAttentionMultiTaskModel)
    assert torch.equal(outputs(restored), expected)


@pytest.mark.parametrize("kind", SECONDARY)
@pytest.mark.parametrize("beam_size", [1, 3])
def test_search_with_kept_keys_says_the_same_as_without(kind: str, beam_size: int, plain: Path) -> None:
    model = _opened(plain, kind, gate="channel")
    _search(model, strategy="beam", beam={"beam_size": beam_size}, return_xattn_scores=True)
    kept = _transcripts(model)
    for attention in model.transf_decoder.dual_attentions:
        attention.projections.enabled = False
    assert _transcripts(model) == kept
    assert any(kept)


@pytest.mark.parametrize("kind", SECONDARY)
def test_what_is_beside_an_utterance_in_the_batch_does_not_matter(kind: str, plain: Path) -> None:
    model = _opened(plain, kind)
    signal, length = audio()
    features, frames = model.preprocessor(input_signal=signal, length=length)
    prompt = {"transcript": torch.arange(4, 9).expand(2, -1), "transcript_length": torch.tensor([5, 5])}
    with torch.no_grad():
        expected = model(processed_signal=features, processed_signal_length=frames, **prompt)[0]
        filled = fill_padding(features, frames, float("nan") if kind == "tokens" else 1e3)
        if kind != "tokens":  # NeMo's own encoder does not survive NaN
            actual = model(processed_signal=filled, processed_signal_length=frames, **prompt)[0]
            assert torch.allclose(actual, expected, atol=1e-5)
        alone = {name: value[1:] for name, value in prompt.items()}
        shorter = features[1:, :, : int(frames[1])]
        single = model(processed_signal=shorter, processed_signal_length=frames[1:], **alone)[0]
    assert torch.allclose(single[0], expected[1], atol=1e-4)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", SECONDARY)
def test_a_recipe_starts_from_a_plain_checkpoint_with_its_output(kind: str, named: bool, plain: Path) -> None:
    parent = ASRModel.restore_from(str(plain), map_location="cpu").eval()
    torch.manual_seed(7)
    config = build_recogniser("aed", plain.parent).cfg
    with open_dict(config):
        config.target, config.secondary = "nemo_noise.models.DualAttentionMultiTaskModel", SECONDARY[kind]
        config.transf_decoder.update({"_target_": "nemo_noise.modules.DualAttentionDecoder", "gate": "channel"})
    model = DualAttentionMultiTaskModel(cfg=config).eval()
    assert not torch.allclose(outputs(model), outputs(parent), atol=1e-3)
    start: Any = {"aed": {"path": str(plain)}} if named else str(plain)
    model.maybe_init_from_pretrained_checkpoint(OmegaConf.create({"init_from_nemo_model": start}))
    assert torch.equal(outputs(model.eval()), outputs(parent))
    attention = model.transf_decoder.dual_attentions[0]
    assert torch.equal(attention.secondary.value_net.weight, attention.value_net.weight)


def test_a_new_vocabulary_keeps_the_secondary_memory(plain: Path) -> None:
    model = _opened(plain, "tokens")
    model.transf_decoder.read_secondary("same")
    model._connect_secondary()
    assert {attention.secondary_tokens for attention in model.transf_decoder.dual_attentions} == {3}


def test_models_that_cannot_have_it_are_refused(plain: Path, tmp_path: Path) -> None:
    ctc = tmp_path / "ctc.nemo"
    build_recogniser("ctc", tmp_path).save_to(str(ctc))
    with pytest.raises(ValueError, match="EncDecCTCModel; dual attention can be added to an EncDecMultiTaskModel"):
        add_dual_attention(ctc)
    with pytest.raises(FileNotFoundError, match="nowhere.nemo does not exist"):
        add_dual_attention("nowhere.nemo")
    with pytest.raises(ValueError, match="secondary.layer=7 does not exist; the encoder has layers 0 to 1"):
        add_dual_attention(plain, dict(SECONDARY["layer"] or {}) | {"layer": 7})
    config = build_recogniser("aed", tmp_path).cfg
    with open_dict(config):
        config.transf_decoder["_target_"] = "nemo.collections.asr.modules.transformer.get_nemo_transformer"
    assert isinstance(EncDecMultiTaskModel(cfg=config), EncDecMultiTaskModel)
    with pytest.raises(ValueError, match="a dual-attention model needs nemo_noise.modules.DualAttentionDecoder"):
        DualAttentionMultiTaskModel(cfg=config)


@pytest.mark.parametrize("kind", SECONDARY)
def test_a_whisper_keeps_its_output_and_its_words_until_the_gate_opens(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal, length = audio()  # the window of this Whisper is one second
    for module in (test_families, sys.modules[__name__]):
        monkeypatch.setattr(module, "audio", lambda: (signal[:, :16000], length // 2))
    write_whisper(tmp_path / "hugging_face")
    import_whisper(tmp_path / "hugging_face").save_to(str(tmp_path / "whisper.nemo"))
    parent = ASRModel.restore_from(str(tmp_path / "whisper.nemo"), map_location="cpu").eval()
    width, bands = parent.cfg.size.d_model, parent.cfg.preprocessor.features
    secondary = OmegaConf.to_container(OmegaConf.create(SECONDARY[kind])) if SECONDARY[kind] else None
    if secondary is not None:
        secondary |= {"d_model": width} | ({"d_encoder": width} if kind == "layer" else {})
        secondary |= {"context": HIERARCHY | {"feat_in": bands}} if kind == "tokens" else {}
    model = add_dual_attention(tmp_path / "whisper.nemo", secondary).eval()
    assert isinstance(model, DualAttentionWhisperModel)
    assert torch.equal(outputs(model), outputs(parent))
    assert _transcripts(model) == _transcripts(parent)
    with torch.no_grad():
        for attention in model.transf_decoder.dual_attentions:
            randomize(attention.secondary), attention.mix.fill_(1.5)
    expected = outputs(model)
    assert not torch.allclose(expected, outputs(parent), atol=1e-3)
    model.save_to(str(tmp_path / "dual.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "dual.nemo"), map_location="cpu")
    assert torch.equal(outputs(restored), expected)
    assert _transcripts(restored) == _transcripts(model)
