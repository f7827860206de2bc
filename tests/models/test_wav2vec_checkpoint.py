# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""wav2vec 2.0 from Hugging Face folders: transformers' logits and texts; what does not fit is named."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor

from nemo.collections.asr.models import ASRModel, EncDecCTCModel

from nemo_noise.models import Wav2Vec2PretrainingModel, import_wav2vec2
from tests.wav2vecs import SHAPE_NAMES, TOKENS, write_wav2vec2

TOLERANCE = 1e-4


def _audio(num_samples: int = 20000) -> np.ndarray:
    return (0.2 + 0.3 * np.random.default_rng(0).standard_normal(num_samples)).astype(np.float32)


def _edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("does_normalize", [True, False])
@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_ctc_logits_and_texts_are_those_of_transformers(shape: str, does_normalize: bool, tmp_path: Path) -> None:
    theirs = write_wav2vec2(tmp_path, "ctc", shape, does_normalize)
    ours = import_wav2vec2(tmp_path)
    assert isinstance(ours, EncDecCTCModel) and len(ours.decoder.vocabulary) == 31
    signal = _audio()
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
    values = extractor(signal, sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        logits = theirs(values).logits[0]  # [T, V]
        arguments = {"input_signal": torch.from_numpy(signal)[None], "input_signal_length": torch.tensor([20000])}
        log_probs, frames, _ = ours(**arguments)
    expected = logits.log_softmax(dim=1)[:, [*range(1, 32), 0]]  # the blank is their <pad>, the first; ours the last
    assert frames.tolist() == [len(expected)]
    assert (log_probs[0] - expected).abs().max() < TOLERANCE
    tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    text = tokenizer.decode(logits.argmax(dim=1), group_tokens=True).lower()
    (hypothesis,) = ours.transcribe([signal], verbose=False)
    assert "".join(hypothesis.text.split()) == "".join(text.split()) != ""


def test_a_recogniser_comes_back_from_disk_and_its_labels_fit_nemo_s_transcripts(tmp_path: Path) -> None:
    write_wav2vec2(tmp_path / "folder", "ctc", "large")
    ours = import_wav2vec2(tmp_path / "folder")
    expected = ["<s>", "</s>", "<unk>", " ", *"etaonihsrdlumwcfgypbvk'xjqz"]
    assert list(ours.decoder.vocabulary) == list(ours.cfg.labels) == expected
    ours.save_to(str(tmp_path / "ours.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "ours.nemo"), map_location="cpu")
    arguments = {"input_signal": torch.from_numpy(_audio())[None], "input_signal_length": torch.tensor([20000])}
    assert torch.equal(restored.eval()(**arguments)[0], ours(**arguments)[0])


@pytest.mark.parametrize("kind", ["plain", "pretraining"])
def test_without_a_ctc_head_it_becomes_a_model_to_pretrain_on(kind: str, tmp_path: Path) -> None:
    theirs = write_wav2vec2(tmp_path, kind, "base", does_normalize=False)
    ours = import_wav2vec2(tmp_path)
    assert isinstance(ours, Wav2Vec2PretrainingModel)
    body = theirs if kind == "plain" else theirs.wav2vec2
    signal = torch.from_numpy(_audio())[None]
    with torch.no_grad():
        expected = body(signal).last_hidden_state
        states, _ = ours(input_signal=signal, input_signal_length=torch.tensor([20000]))
    assert (states.transpose(1, 2) - expected).abs().max() < TOLERANCE
    if kind == "pretraining":
        assert torch.equal(ours.contrast.quantizer.vars, theirs.quantizer.codevectors)
        assert torch.equal(ours.contrast.project_q.weight, theirs.project_q.weight)


def test_checkpoints_with_the_old_names_of_weight_norm_load_as_well(tmp_path: Path) -> None:
    write_wav2vec2(tmp_path, "ctc", "base")
    expected = import_wav2vec2(tmp_path).state_dict()
    weights, start = load_file(tmp_path / "model.safetensors"), "wav2vec2.encoder.pos_conv_embed.conv."
    for old, current in (("weight_g", "original0"), ("weight_v", "original1")):
        weights[start + old] = weights.pop(f"{start}parametrizations.weight.{current}")
    save_file(weights, tmp_path / "model.safetensors")
    actual = import_wav2vec2(tmp_path).state_dict()
    assert all(torch.equal(expected[name], actual[name]) for name in expected)


def test_another_hop_gives_more_frames_of_the_same_weights(tmp_path: Path) -> None:
    write_wav2vec2(tmp_path, "ctc", "base")
    usual, fine = import_wav2vec2(tmp_path), import_wav2vec2(tmp_path, frame_hop=160)
    arguments = {"input_signal": torch.from_numpy(_audio())[None], "input_signal_length": torch.tensor([20000])}
    assert [int(model(**arguments)[1]) for model in (usual, fine)] == [62, 123]
    assert all(torch.equal(value, fine.state_dict()[name]) for name, value in usual.state_dict().items())


def test_what_is_missing_too_much_or_another_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing/config.json does not exist: a wav2vec 2.0's"):
        import_wav2vec2(tmp_path / "nothing")
    write_wav2vec2(tmp_path, "ctc", "base")
    weights = load_file(tmp_path / "model.safetensors")
    name = "wav2vec2.encoder.layers.1.attention.q_proj.weight"
    ours = "encoder.layers.1.attention.q_proj.weight"
    save_file({key: tensor for key, tensor in weights.items() if key != name}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=rf"lacks 1 tensor\(s\), such as {ours}"):
        import_wav2vec2(tmp_path)
    save_file(weights | {name: torch.zeros(32, 16)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=rf"has other shapes in 1 tensor\(s\), such as {ours}"):
        import_wav2vec2(tmp_path)
    save_file(weights | {"wav2vec2.adapter.proj.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"has too many, by 1 tensor\(s\), such as encoder.adapter.proj.weight"):
        import_wav2vec2(tmp_path)
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(TOKENS[1:])}))
    with pytest.raises(ValueError, match=r"vocab.json must number 32 tokens from 0"):
        import_wav2vec2(tmp_path)
    _edit(tmp_path / "config.json", add_adapter=True)
    with pytest.raises(ValueError, match="add_adapter=True must be False"):
        import_wav2vec2(tmp_path)
    _edit(tmp_path / "config.json", model_type="hubert")
    with pytest.raises(ValueError, match="model_type='hubert' must be 'wav2vec2'"):
        import_wav2vec2(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"never opened")
    with pytest.raises(ValueError, match=r"only pickled weights \(pytorch_model.bin\)"):
        import_wav2vec2(tmp_path)


def test_the_script_imports(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav2vec2(tmp_path / "folder", "ctc", "base")
    monkeypatch.chdir(tmp_path)
    script = str(repository / "examples" / "asr" / "import_wav2vec2.py")
    monkeypatch.setattr(sys, "argv", [script, "folder=folder", "output=ours.nemo"])
    runpy.run_path(script, run_name="__main__")
    restored = ASRModel.restore_from(str(tmp_path / "ours.nemo"), map_location="cpu")
    expected = import_wav2vec2(tmp_path / "folder").state_dict()
    assert all(torch.equal(value, restored.state_dict()[name]) for name, value in expected.items())


@pytest.mark.parametrize("does_normalize", [True, False])
def test_the_features_that_transformers_5_writes_are_obeyed(does_normalize: bool, tmp_path: Path) -> None:
    write_wav2vec2(tmp_path, "ctc", does_normalize=does_normalize)
    _edit(tmp_path / "preprocessor_config.json", sampling_rate=8000)
    old = import_wav2vec2(tmp_path)
    features = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "processor_config.json").write_text(json.dumps({"feature_extractor": features}))
    both = import_wav2vec2(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    for ours in (old, both, import_wav2vec2(tmp_path)):
        assert ours.cfg.encoder.normalizes_waveform is does_normalize
        assert ours.cfg.sample_rate == ours.preprocessor._sample_rate == 8000
        assert ours.transcribe([_audio()], verbose=False)[0].text == old.transcribe([_audio()], verbose=False)[0].text
