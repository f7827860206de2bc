# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Exported graphs as systems: the texts of the model that they were exported from, and what a graph alone lacks."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nemo.collections.asr.models import ASRModel

from nemo_noise.export import export_attention_model, write_graph_description
from nemo_noise.inference.systems import check_system, open_system
from nemo_noise.models import import_whisper
from tests.models.test_dual_attention import _search
from tests.recognisers import build_recogniser, write_plain_aed
from tests.whispers import write_whisper


def waves(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    return [0.1 * generator.standard_normal(length).astype(np.float32) for length in lengths]


def texts(model: ASRModel, waveforms: list[np.ndarray]) -> list[str]:
    found = [model.transcribe([waveform], batch_size=1, verbose=False)[0] for waveform in waveforms]
    return [one.text.strip() for one in found]


@pytest.mark.parametrize("family", ["ctc", "ctc_bpe"])
def test_the_graph_of_a_ctc_model_writes_its_texts(family: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = build_recogniser(family, tmp_path)
    model.save_to(str(tmp_path / "model.nemo"))
    model.export(str(tmp_path / "model.onnx"))
    model = ASRModel.restore_from(str(tmp_path / "model.nemo"), map_location="cpu").eval()
    batch = waves(24000, 16000, 7000)
    by_nemo = open_system(str(tmp_path / "model.onnx"))
    found = [one.text for one in by_nemo.transcribe(batch)]
    assert found == texts(model, batch) and any(found)
    (tmp_path / "model.nemo").rename(tmp_path / "other.nemo")
    with pytest.raises(FileNotFoundError, match="is a graph alone, without its features and tokens: give the .nemo"):
        check_system(str(tmp_path / "model.onnx"), {})
    given = open_system(str(tmp_path / "model.onnx"), "cpu", {"nemo": str(tmp_path / "other.nemo")})
    assert [one.text for one in given.transcribe(batch)] == found
    write_graph_description(model, tmp_path / "model.onnx")
    by_json = open_system(str(tmp_path / "model.onnx"))
    assert [one.text for one in by_json.transcribe(batch)] == found and by_json.sample_rate == 16000


@pytest.mark.parametrize("kind", ["aed", "whisper"])
def test_the_graphs_of_an_attention_model_write_its_texts(kind: str, tmp_path: Path) -> None:
    if kind == "aed":
        model = ASRModel.restore_from(str(write_plain_aed(tmp_path)), map_location="cpu").eval()
        _search(model, strategy="greedy")
        batch = waves(24000, 16000)
    else:
        write_whisper(tmp_path / "whisper")
        model, batch = import_whisper(tmp_path / "whisper"), waves(16000, 9000)
    folder = export_attention_model(model, tmp_path / "onnx")
    assert check_system(str(folder), {}).longest_s == (None if kind == "aed" else 1.0)
    found = [one.text for one in open_system(str(folder)).transcribe(batch)]
    assert found == texts(model, batch) and any(found)
    search = json.loads((folder / "search.json").read_text())
    del search["preprocessor"]
    (folder / "search.json").write_text(json.dumps(search))
    with pytest.raises(ValueError, match="has no preprocessor, the features of the model: export it again"):
        open_system(str(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "should be as write_graph_description writes it"),
        ('{"tokens": [], "sample_rate": 16000, "preprocessor": {}}', "must hold preprocessor, tokens"),
        ('{"tokens": ["a"], "sample_rate": "16", "preprocessor": {}}', "must hold preprocessor, tokens"),
        ('{"tokens": ["a"], "sample_rate": 16000, "preprocessor": {"_target_": "os.system"}}', "os.system"),
    ],
)
def test_a_description_that_is_foreign_is_checked(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        check_system(str(tmp_path / "model.onnx"), {})


def test_what_is_no_graph_or_lies_on_a_gpu_is_refused(tmp_path: Path) -> None:
    model = build_recogniser("ctc", tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"hello")
    write_graph_description(model, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="is no ONNX graph that onnxruntime reads"):
        open_system(str(tmp_path / "model.onnx"))
    with pytest.raises(ValueError, match="device is cuda.*give device=cpu"):
        open_system(str(tmp_path / "model.onnx"), "cuda")
    with pytest.raises(FileNotFoundError, match="missing.onnx does not exist|'missing.onnx' does not exist"):
        check_system("missing.onnx", {})
