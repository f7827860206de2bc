# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Attention models as ONNX graphs: the same numbers, and the same words by a search that knows nothing of NeMo."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from nemo.collections.asr.models import ASRModel

from nemo_noise.export import export_attention_model
from nemo_noise.models import add_dual_attention, import_whisper
from tests.contracts import randomize
from tests.models.test_dual_attention import SECONDARY, _opened, _search
from tests.models.test_families import audio, texts
from tests.recognisers import build_recogniser, write_plain_aed
from tests.whispers import write_whisper


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plain_aed(tmp_path_factory.mktemp("aed"))


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", ["plain", *SECONDARY])
def test_both_graphs_agree_and_a_search_around_them_writes_the_same_words(
    kind: str, plain: Path, tmp_path: Path
) -> None:
    model = ASRModel.restore_from(str(plain), map_location="cpu") if kind == "plain" else _opened(plain, kind)
    _search(model.eval(), strategy="greedy")
    folder = export_attention_model(model, tmp_path / "onnx")
    assert not any(module.training for module in (model, *model.encoder.modules(), *model.transf_decoder.modules()))
    encoder, decoder = _session(folder / "encoder.onnx"), _session(folder / "decoder.onnx")
    assert [port.name for port in encoder.get_inputs()] == ["audio_signal", "length"]
    known = json.loads((folder / "search.json").read_text())
    signal, length = audio()  # another length than was traced
    with torch.no_grad():
        features, frames = model.preprocessor(input_signal=signal, length=length)
        _, _, states, mask = model(processed_signal=features, processed_signal_length=frames)
    heard = encoder.run(None, {"audio_signal": features.numpy(), "length": frames.numpy()})
    assert (torch.from_numpy(heard[0]) - states)[mask.bool()].abs().max() < 1e-4
    assert np.array_equal(heard[1], mask.numpy())
    expected = texts(model.transcribe([signal[0, : length[0]].numpy()], batch_size=1, verbose=False))[0]
    written = list(known["prompt"])
    memory = [value[:1, :] for value in heard]
    for _ in range(known["max_sequence_length"] - len(known["prompt"])):
        feed = {"input_ids": np.array([written]), "encoder_states": memory[0], "encoder_mask": memory[1]}
        written.append(int(decoder.run(None, feed)[0][0, -1].argmax()))
        if written[-1] == known["end"]:
            break
    said = [token for token in written[len(known["prompt"]) :] if token not in (known["end"], known["padding"])]
    assert model.tokenizer.ids_to_text(said).strip() == expected.strip() and said
    assert len(known["tokens"]) == decoder.run(None, feed)[0].shape[2]
    assert known["frame_s"] == 0.08


def test_a_whisper_with_dual_attention_is_exported(tmp_path: Path) -> None:
    write_whisper(tmp_path / "hugging_face")
    import_whisper(tmp_path / "hugging_face").save_to(str(tmp_path / "whisper.nemo"))
    model = add_dual_attention(tmp_path / "whisper.nemo").eval()
    randomize(model.transf_decoder)
    folder = export_attention_model(model, tmp_path / "onnx")
    known = json.loads((folder / "search.json").read_text())
    signal, length = audio()[0][:, :12000], torch.tensor([12000, 9000])
    with torch.no_grad():
        features, frames = model.preprocessor(input_signal=signal, length=length)
        tokens = torch.tensor([known["prompt"]] * 2)
        expected, _, states, _ = model(
            processed_signal=features,
            processed_signal_length=frames,
            transcript=tokens,
            transcript_length=torch.full((2,), tokens.shape[1]),
        )
    heard = _session(folder / "encoder.onnx").run(None, {"audio_signal": features.numpy(), "length": frames.numpy()})
    assert (torch.from_numpy(heard[0]) - states).abs().max() < 1e-4
    feed = {"input_ids": tokens.numpy(), "encoder_states": heard[0], "encoder_mask": heard[1]}
    (written,) = _session(folder / "decoder.onnx").run(None, feed)
    assert (torch.from_numpy(written) - expected).abs().max() < 1e-3 * expected.abs().max()
    assert known["frame_s"] == 0.02
    (expected_text,) = texts(model.transcribe([audio()[0][0, :16000].numpy()], batch_size=1, verbose=False))
    with torch.no_grad():
        features, frames = model.preprocessor(input_signal=audio()[0][:1, :16000], length=torch.tensor([16000]))
    heard = _session(folder / "encoder.onnx").run(None, {"audio_signal": features.numpy(), "length": frames.numpy()})
    decoder, said = _session(folder / "decoder.onnx"), list(known["prompt"])
    while len(said) < known["max_sequence_length"] and known["end"] not in said[len(known["prompt"]) :]:
        feed = {"input_ids": np.array([said]), "encoder_states": heard[0], "encoder_mask": heard[1]}
        scores = decoder.run(None, feed)[0][0, -1]
        scores[known["suppressed"]] = -np.inf
        scores[known["suppressed_at_start"] if len(said) == len(known["prompt"]) else []] = -np.inf
        said.append(int(scores.argmax()))
    words = [token for token in said[len(known["prompt"]) :] if token != known["end"]]
    assert model.tokenizer.ids_to_text(words).strip() == expected_text.strip() and words and known["suppressed"]


def test_what_is_no_attention_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"EncDecCTCModel is no attention model; NeMo's own model.export\(\)"):
        export_attention_model(build_recogniser("ctc", tmp_path), tmp_path)
