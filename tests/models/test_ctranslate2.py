# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whispers of faster-whisper: every tensor of CTranslate2's file, and nothing that a foreign one may pretend."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from nemo.collections.asr.models import EncDecCTCModel

import nemo_noise
from nemo_noise.archive.ctranslate2 import read_ctranslate2
from nemo_noise.models import WhisperModel, export_whisper, import_whisper
from nemo_noise.models.hugging_face.folder import read_weights
from nemo_noise.models.whisper.ctranslate2 import read_ctranslate2_whisper, whisper_tensors
from tests.ctranslate2_files import write_ctranslate2, write_model
from tests.evaluation.tiny_models import tiny_ctc
from tests.wav2vecs import write_wav2vec2
from tests.whispers import SHAPE_NAMES, write_whisper


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hugging_face")
    write_whisper(folder)
    return folder


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {name.removeprefix("model."): tensor for name, tensor in read_weights(folder).items()}


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_float32_gives_every_tensor_and_the_same_model(tmp_path: Path, shape: str) -> None:
    write_whisper(tmp_path / "theirs", shape)
    write_ctranslate2(tmp_path / "theirs_ct2", tmp_path / "theirs")
    (ours, same) = (import_whisper(tmp_path / name) for name in ("theirs_ct2", "theirs"))
    state, expected = ours.state_dict(), same.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    for field in ("encoder", "transf_decoder", "preprocessor", "suppress_tokens", "begin_suppress_tokens"):
        assert ours.cfg[field] == same.cfg[field], field
    export_whisper(ours, tmp_path / "back")
    back, before = _tensors(tmp_path / "back"), _tensors(tmp_path / "theirs")
    assert all(torch.equal(back[name], before[name]) for name in before)
    start = json.loads((tmp_path / "back" / "config.json").read_text())["decoder_start_token_id"]
    assert start == ours.tokenizer.bos_id


def _steps(name: str, exact: dict[str, torch.Tensor], kind: str) -> torch.Tensor:
    """Half of what lies between two values of a kind: of a row, of all that is stored together, of a number."""
    tensor = exact[name]
    if kind == "float16":
        return tensor.abs() / 2**11 + 2.0**-24
    if kind == "int8":
        return tensor.flatten(1).abs().amax(1).reshape(-1, *[1] * (tensor.dim() - 1)) / 254
    together = [other for other in exact if re.sub("[qkv]_proj", "", other) == re.sub("[qkv]_proj", "", name)]
    return torch.stack([exact[other].abs().amax() for other in together]).amax() / 2**11


@pytest.mark.parametrize("kind", ["float16", "int16", "int8"])
def test_weights_of_fewer_bits_are_as_near_as_their_steps(tmp_path: Path, theirs: Path, kind: str) -> None:
    write_ctranslate2(tmp_path, theirs, kind)
    _, _, file = read_ctranslate2_whisper(tmp_path)
    found, exact = whisper_tensors(file), _tensors(theirs)
    assert found.keys() == exact.keys() - {"proj_out.weight"}
    for name, tensor in found.items():
        is_stored_whole = kind != "float16" and (exact[name].dim() < 2 or "positions" in name)
        step = torch.zeros(()) if is_stored_whole else _steps(name, exact, kind)
        assert bool(((tensor - exact[name]).abs() <= step * 1.001).all()), name


@pytest.mark.parametrize("size", ["tiny.en", "base"])
def test_published_weights_are_those_of_hugging_face(models_directory: Path, size: str) -> None:
    _, _, file = read_ctranslate2_whisper(models_directory / f"ctranslate2-{size}")
    found, exact = whisper_tensors(file), _tensors(models_directory / f"whisper-{size}")
    assert found.keys() == exact.keys()
    assert all(torch.equal(found[name], exact[name]) for name in found)


def test_a_conversion_of_ctranslate2_itself_is_read(tmp_path: Path, models_directory: Path) -> None:
    converters = pytest.importorskip("ctranslate2.converters", reason="faster-whisper is not installed")
    source = models_directory / "whisper-tiny.en"
    converter = converters.TransformersConverter(str(source), copy_files=["tokenizer.json"])
    converter.convert(str(tmp_path / "int8"), quantization="int8")
    _, _, file = read_ctranslate2_whisper(tmp_path / "int8")
    found, exact = whisper_tensors(file), _tensors(source)
    for name in ("encoder.layers.0.fc1.weight", "decoder.embed_tokens.weight", "encoder.conv1.weight"):
        rows = exact[name].flatten(1)
        error = (found[name].flatten(1) - rows).abs().amax(1)
        assert bool((error <= rows.abs().amax(1) / 254 * 1.001).all()), name


SOME = {"a/weight": np.ones((2, 3), np.float32)}


def _bytes(tmp_path: Path, **options: object) -> bytes:
    write_model(tmp_path / "model.bin", SOME, {"b/weight": "a/weight"}, **options)  # type: ignore[arg-type]
    return (tmp_path / "model.bin").read_bytes()


def test_every_cut_of_a_file_is_refused_with_its_place(tmp_path: Path) -> None:
    whole, path = _bytes(tmp_path), tmp_path / "model.bin"
    assert read_ctranslate2(path).tensor("b/weight").tolist() == [[1.0] * 3] * 2
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"model\.bin(, byte \d+|: version| is empty)"):
            read_ctranslate2(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="1 bytes follow the last alias"):
        read_ctranslate2(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (struct.pack("<I", 6), struct.pack("<I", 7), "version 7 of the format, must be 6"),
        (struct.pack("<II", 2, 3), struct.pack("<II", 2, 2**31), "float32 .2, 2147483648. must have"),
        (struct.pack("<BI", 0, 24), struct.pack("<BI", 9, 24), "is of type 9, must be one of 0 to 5"),
        (struct.pack("<BI", 0, 24), struct.pack("<BI", 0, 2**32 - 1), "has 4294967295 bytes"),
        (struct.pack("<II", 3, 1), struct.pack("<II", 3, 2**32 - 1), "more than the file can hold"),
        (b"a/weight\0\x02", b"a/weight\0\xff", "has 255 dimensions"),
        (b"a/weight\0", b"a/weighta", "must end in its only zero"),
        (b"a/weight\0", b"a/wei\xffht\0", "must be UTF-8"),
        (b"b/weight\0", b"a/weight\0", "must name another variable"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    whole = _bytes(tmp_path)
    assert old in whole
    (tmp_path / "model.bin").write_bytes(whole.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_ctranslate2(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"w": np.ones((2, 3), np.int8)}, "w is int8 .2, 3., and there is no w_scale"),
        ({"w": np.ones((2, 3), np.int8), "w_scale": np.ones(3, np.float32)}, r"w_scale is float32 \[3\], must be"),
        (
            {"w": np.ones((2, 3), np.int8), "w_scale": np.zeros(2, np.float32)},
            "w_scale must hold finite numbers",
        ),
        ({"w": np.array([np.nan], np.float16)}, "tensor w holds nan"),
    ],
)
def test_whole_numbers_need_a_scale_and_values_must_be_finite(
    tmp_path: Path, variables: dict[str, np.ndarray], message: str
) -> None:
    write_model(tmp_path / "model.bin", variables)
    with pytest.raises(ValueError, match=message):
        read_ctranslate2(tmp_path / "model.bin").tensor("w")


def test_a_model_of_another_kind_and_a_tokenizer_of_another_are_refused(tmp_path: Path, theirs: Path) -> None:
    write_ctranslate2(tmp_path, theirs)
    lines = (tmp_path / "vocabulary.txt").read_text().split("\n")
    (tmp_path / "vocabulary.txt").write_text("\n".join([lines[1], lines[0], *lines[2:]]))
    with pytest.raises(ValueError, match="token 0 is .*the tokenizer is that of another Whisper"):
        import_whisper(tmp_path)
    (tmp_path / "vocabulary.txt").write_text("\n".join(lines[:-3]))
    with pytest.raises(ValueError, match=r"has \d+ tokens, the embedding in model.bin"):
        import_whisper(tmp_path)
    write_model(tmp_path / "model.bin", SOME, name="TransformerSpec", revision=7)
    with pytest.raises(ValueError, match="is a TransformerSpec, revision 7; must be a WhisperSpec"):
        import_whisper(tmp_path)


def test_load_gives_a_nemo_model_of_every_folder(tmp_path: Path, theirs: Path) -> None:
    write_ctranslate2(tmp_path / "ct2", theirs)
    write_wav2vec2(tmp_path / "wav2vec2")
    write_wav2vec2(tmp_path / "pretraining", kind="pretraining")
    tiny_ctc().save_to(str(tmp_path / "m.nemo"))
    assert isinstance(nemo_noise.load(tmp_path / "ct2"), WhisperModel)
    assert isinstance(nemo_noise.load(str(theirs)), WhisperModel)
    assert isinstance(nemo_noise.load(tmp_path / "wav2vec2"), EncDecCTCModel)
    assert not nemo_noise.load(tmp_path / "m.nemo", "cpu").training
    with pytest.raises(TypeError, match="without a CTC head"):
        nemo_noise.load(tmp_path / "pretraining")
    with pytest.raises(ValueError, match="is a folder with .*m.nemo.*a folder must hold"):
        nemo_noise.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere.nemo does not exist"):
        nemo_noise.load("nowhere.nemo")
