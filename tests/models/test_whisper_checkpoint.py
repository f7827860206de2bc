# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A folder that is no Whisper says what is wrong with it; shards and models made from a recipe work as well."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import open_dict
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration

from nemo_noise.models import WhisperModel, export_whisper, import_whisper, load_whisper_weights, whisper_config
from tests.whispers import write_whisper


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_whisper(tmp_path / "whisper")
    return tmp_path / "whisper"


def _edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_folder_that_is_none_or_holds_another_model_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing/config.json does not exist: a Whisper's"):
        import_whisper(tmp_path / "nothing")
    _edit(folder / "config.json", scale_embedding=True)
    with pytest.raises(ValueError, match="scale_embedding=True must be False"):
        import_whisper(folder)
    _edit(folder / "config.json", model_type="bert")
    with pytest.raises(ValueError, match="model_type='bert' must be 'whisper'"):
        import_whisper(folder)


def test_tensors_that_are_missing_of_another_shape_or_unknown_are_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = "model.decoder.layers.1.encoder_attn.v_proj.weight"
    ours = "transf_decoder._decoder.layers.1.second_sub_layer.value_net.weight"
    save_file({key: tensor for key, tensor in weights.items() if key != name}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=rf"lacks 1 tensor\(s\), such as {ours}"):
        import_whisper(folder)
    save_file(weights | {name: torch.zeros(32, 16)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=rf"has other shapes in 1 tensor\(s\), such as {ours}"):
        import_whisper(folder)
    save_file(weights | {"model.decoder.layers.1.surprise.weight": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"none of a Whisper: model.decoder.layers.1.surprise.weight"):
        import_whisper(folder)
    save_file(weights | {"proj_out.weight": torch.zeros(2, 2)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="proj_out.weight differs from the token embedding"):
        import_whisper(folder)


def test_pickled_weights_alone_are_refused_and_no_weights_are_missed(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="has no model.safetensors"):
        import_whisper(folder)
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    with pytest.raises(ValueError, match=r"only pickled weights \(pytorch_model.bin\), whose loading can run code"):
        import_whisper(folder)


def test_a_missing_or_foreign_tokenizer_and_other_features_are_named(folder: Path) -> None:
    _edit(folder / "preprocessor_config.json", hop_length=128)
    with pytest.raises(ValueError, match="hop_length=128 must be 160"):
        import_whisper(folder)
    _edit(folder / "preprocessor_config.json", hop_length=160)
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace("<|startoftranscript|>", "<|beginoftranscript|>"))
    with pytest.raises(ValueError, match=r"no tokenizer of Whisper: it lacks \['<\|startoftranscript\|>'\]"):
        import_whisper(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no tokenizer.json. With vocab.json"):
        import_whisper(folder)


def test_shards_give_the_same_model_and_one_that_is_missing_is_named(folder: Path) -> None:
    expected = import_whisper(folder).state_dict()
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards = {key: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, key in enumerate(weights)}
    for shard in set(shards.values()):
        save_file({key: tensor for key, tensor in weights.items() if shards[key] == shard}, folder / shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    actual = import_whisper(folder).state_dict()
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="names model-00002-of-00002.safetensors"):
        import_whisper(folder)


def test_a_model_that_never_was_in_a_folder_goes_into_one(folder: Path, tmp_path: Path) -> None:
    config = whisper_config(folder)
    with open_dict(config):
        del config["hugging_face"]
    ours = WhisperModel(cfg=config).eval()
    export_whisper(ours, tmp_path / "back")
    theirs = WhisperForConditionalGeneration.from_pretrained(tmp_path / "back").eval()
    features, ids = torch.randn(2, 80, 100), torch.tensor([[0, 1, 2], [3, 0, 5]])
    with torch.no_grad():
        expected = theirs(input_features=features, decoder_input_ids=ids).logits.log_softmax(-1)
        arguments = {"transcript": ids, "transcript_length": torch.tensor([3, 3])}
        actual, *_ = ours(processed_signal=features, processed_signal_length=torch.tensor([100, 100]), **arguments)
    assert (actual[..., : expected.shape[2]] - expected).abs().max() < 1e-4


def test_parts_that_a_plain_whisper_has_not_are_told_to_the_import_and_refused_by_the_export(folder: Path) -> None:
    model = import_whisper(folder)
    model.transf_decoder.added = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"lacks 2 tensor\(s\), such as transf_decoder.added.weight"):
        load_whisper_weights(model, folder)
    load_whisper_weights(model, folder, is_added=lambda name: ".added." in name)
    with pytest.raises(ValueError, match=r"no place in a plain Whisper: transf_decoder.added.weight"):
        export_whisper(model, folder)


def test_the_script_imports_and_exports(
    folder: Path, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = str(repository / "examples" / "asr" / "import_whisper.py")
    for arguments in ([f"folder={folder}", "output=whisper.nemo"], ["model=whisper.nemo", "output=back"]):
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(script, run_name="__main__")
    expected, actual = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "back"))
    assert expected.keys() == actual.keys() and all(torch.equal(expected[name], actual[name]) for name in expected)
