# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing of the environment gets from a foreign Hugging Face folder into what is saved or exported."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from nemo.collections.asr.models import ASRModel

from nemo_noise.models import export_whisper, import_wav2vec2, import_whisper
from nemo_noise.models.hugging_face.folder import opaque_text
from tests.wav2vecs import write_wav2vec2
from tests.whispers import write_whisper

SECRET = "worth-a-lot-of-money"
REFERENCE = "${oc.env:NEMO_NOISE_SECRET}"
NOTES = {
    "note": REFERENCE,
    "deep": [{"$": "\\${oc.env:NEMO_NOISE_SECRET}"}, "${oc.decode:${oc.env:X}}"],
    "none": "???",
}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEMO_NOISE_SECRET", SECRET)


def _add(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def _holds_secret(path: Path) -> bool:
    if path.is_dir():
        return any(SECRET.encode() in file.read_bytes() for file in path.rglob("*") if file.is_file())
    with tarfile.open(path) as archive:
        return any(SECRET.encode() in archive.extractfile(member).read() for member in archive if member.isfile())  # type: ignore[union-attr]


def test_a_whisper_keeps_references_as_letters_on_its_way_into_a_nemo_and_back(tmp_path: Path) -> None:
    folder, exported = tmp_path / "whisper", tmp_path / "back"
    write_whisper(folder)
    for name in ("config.json", "generation_config.json"):
        _add(folder / name, **NOTES)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][-1], "content": REFERENCE, "id": 340})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    _add(folder / "config.json", vocab_size=342)
    _widen(folder, 342)
    import_whisper(folder).save_to(str(tmp_path / "whisper.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "whisper.nemo"), map_location="cpu")
    restored.save_to(str(tmp_path / "again.nemo"))
    export_whisper(ASRModel.restore_from(str(tmp_path / "again.nemo"), map_location="cpu"), exported)
    assert not any(_holds_secret(path) for path in (tmp_path / "whisper.nemo", tmp_path / "again.nemo", exported))
    for name in ("config.json", "generation_config.json"):
        written = json.loads((exported / name).read_text())
        assert {key: written[key] for key in NOTES} == NOTES
    assert REFERENCE in (exported / "tokenizer.json").read_text()


def _widen(folder: Path, rows: int) -> None:
    weights = load_file(folder / "model.safetensors")
    name = "model.decoder.embed_tokens.weight"
    tokens = weights[name]
    weights[name] = tokens.new_zeros(rows, tokens.shape[1])
    weights[name][: len(tokens)] = tokens[:rows]
    save_file(weights, folder / "model.safetensors")


def test_a_wav2vec_keeps_nothing_of_strings_that_it_does_not_need(tmp_path: Path) -> None:
    folder = tmp_path / "wav2vec"
    write_wav2vec2(folder)
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        _add(folder / name, **NOTES)
    import_wav2vec2(folder).save_to(str(tmp_path / "wav2vec.nemo"))
    assert not _holds_secret(tmp_path / "wav2vec.nemo")
    _add(folder / "tokenizer_config.json", word_delimiter_token=REFERENCE)
    import_wav2vec2(folder).save_to(str(tmp_path / "wav2vec.nemo"))
    assert not _holds_secret(tmp_path / "wav2vec.nemo")


def test_a_single_dollar_is_a_letter_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "wav2vec"
    write_wav2vec2(folder)
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(
        json.dumps({"$" if token == "Z" else token: n for token, n in vocabulary.items()})
    )
    import_wav2vec2(folder).save_to(str(tmp_path / "wav2vec.nemo"))
    assert "$" in ASRModel.restore_from(str(tmp_path / "wav2vec.nemo"), map_location="cpu").decoder.vocabulary


def test_a_folder_whose_name_is_a_reference_is_refused(tmp_path: Path) -> None:
    write_whisper(tmp_path / REFERENCE)
    with pytest.raises(ValueError, match="rename the folder"):
        import_whisper(tmp_path / REFERENCE)


def test_opaque_text_gives_the_same_content_back() -> None:
    assert json.loads(opaque_text(NOTES)) == NOTES and "$" not in opaque_text(NOTES)


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"]
)
def test_a_link_to_a_file_of_the_machine_is_not_taken_into_the_model(name: str, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "whisper", tmp_path / "mine.json"
    write_whisper(folder)
    (folder / name).replace(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(ValueError, match=rf"{name} is a link out of its folder, expected the file itself"):
        import_whisper(folder)


def test_the_links_of_the_cache_of_the_hub_are_followed(tmp_path: Path) -> None:
    folder, blobs = tmp_path / "models--a--b" / "snapshots" / "1234", tmp_path / "models--a--b" / "blobs"
    folder.parent.mkdir(parents=True)
    blobs.mkdir()
    write_whisper(folder)
    for number, file in enumerate(sorted(folder.iterdir())):
        file.replace(blobs / str(number))
        file.symlink_to(Path("..") / ".." / "blobs" / str(number))
    assert import_whisper(folder).num_weights > 0
