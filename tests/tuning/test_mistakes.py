# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a stranger gets wrong is answered before the checkpoint is loaded, with the option and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nemo_noise.tuning import tune, tuning
from tests.recognisers import build_recogniser
from tests.tuning.corpus import short, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_corpus(tmp_path_factory.mktemp("mistakes"))
    for family in ("ctc", "tdt_bpe"):
        build_recogniser(family, folder).save_to(str(folder / f"{family}.nemo"))
    lines = [json.loads(line) for line in (folder / "train.json").read_text().splitlines()]
    write(folder / "silent.json", [line | {"text": ""} for line in lines])
    write(folder / "long.json", [line | {"duration": 30.0} for line in lines])
    write(folder / "gone.json", [line | {"audio_filepath": "gone.wav"} for line in lines])
    write(folder / "capitals.json", [line | {"text": "One, two."} for line in lines])
    write(folder / "chinese.json", [line | {"text": "你好"} for line in lines])
    (folder / "broken.json").write_text("[1, 2]")
    (folder / "empty").mkdir()
    (folder / "hugging_face").mkdir()
    (folder / "there.nemo").write_bytes(b"of someone else")
    (folder / "text.nemo").write_text("no model")
    return folder


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(map(json.dumps, lines)))


# id: (what differs from a good call, what the error must hold); paths are those of the corpus
MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no such model": ({"start": "sst.nemo"}, ("sst.nemo", "does not exist")),
    "a folder as model": ({"start": "hugging_face"}, ("start=", "folder", "import_whisper")),
    "no model inside": ({"start": "text.nemo"}, ("start=", "text.nemo")),
    "TDT without a GPU": ({"start": "tdt_bpe.nemo"}, ("TDT", "CUDA")),
    "context without one": ({"learn": "context"}, ("learn=context", "nemo-noise add", "--learn all")),
    "misspelt learn": ({"learn": "adapter"}, ("learn='adapter'", "adapters")),
    "misspelt guard": ({"guard": "halt"}, ("guard='halt'", "blend", "stop")),
    "a side below none": ({"around_s": -1}, ("around_s", "-1", "0 to 60")),
    "output without suffix": ({"output": "tuned"}, ("output", "'", ".nemo")),
    "output is another's": ({"output": "there.nemo"}, ("output=", "there.nemo", "another")),
    "output cannot be written": ({"output": "train.json/tuned.nemo"}, ("output", "folder")),
    "train is missing": ({"train": "trian.json"}, ("train", "trian.json")),
    "train has no text": ({"train": "silent.json"}, ("train: 6 of 6 lines have no text", "--noise-alone")),
    "train is too long": ({"train": "long.json"}, ("train: all 6 utterances", "max_duration_s=20")),
    "train lacks its audio": ({"train": "gone.json"}, ("gone.json:1", "no such file")),
    "train is no manifest": ({"train": "broken.json"}, ("broken.json:1",)),
    "dev is train": ({"dev": "train.json"}, ("dev: 6 of 6", "are in train as well")),
    "capitals": (
        {"train": "capitals.json"},
        ("O", "--normalize lower,strip_punctuation"),
    ),
    "another language": ({"train": "chinese.json"}, ("cannot write", "language")),
    "noise is empty": ({"noise": "empty"}, ("noise", "folder without audio")),
    "noise is missing": ({"noise": "nois"}, ("noise", "nois")),
    "dev noise is noise": ({"dev_noise": "noise"}, ("dev_noise: 6 of 6", "are in noise as well")),
    "SNRs reversed": ({"snr_db": {"min": 20, "max": -5}}, ("snr_db", "20")),
    "SNR is a text": ({"dev_snr_db": ["ten"]}, ("dev_snr_db", "ten")),
    "percent as share": ({"clean_share": 15}, ("clean_share is 15", "1 at most")),
    "nothing noisy": ({"clean_share": 1.0}, ("clean_share=1", "below 1")),
    "no steps": ({"steps": 0}, ("steps is 0",)),
    "no minutes": ({"minutes": -5}, ("minutes is -5",)),
    "device is not there": ({"device": "cuda:7"}, ("device is 'cuda:7'",)),
    "device is none": ({"device": "gpu"}, ("device is 'gpu'", "cuda")),
    "rooms unknown": ({"rooms": "simulated_room"}, ("rooms is 'simulated_room'", "simulated_rooms")),
    "letters are for scoring": ({"text_normalization": ["letters"]}, ("text_normalization", "letters")),
    "adapter without width": ({"learn": "adapters", "adapter": {"dim": 0}}, ("adapter.dim is 0",)),
}
PATHS = ("start", "train", "dev", "noise", "dev_noise", "output")


@pytest.mark.skipif(torch.cuda.is_available(), reason="some of these are no mistakes on a GPU")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_before_the_checkpoint_is_loaded(
    mistake: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "restore_start", _never)
    differing, hints = MISTAKES[mistake]
    given = {name: str(corpus / value) if name in PATHS else value for name, value in differing.items()}
    if mistake == "output without suffix":
        given["output"] = str(tmp_path / "tuned")
    start = given.pop("start", str(corpus / "ctc.nemo"))
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        tune(start, **short(corpus, tmp_path / "tuned.nemo") | given)
    assert all(hint in str(error.value) for hint in hints), str(error.value)


def test_an_option_that_does_not_exist_is_named(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"no option 'step', .*steps"):
        tune(str(corpus / "ctc.nemo"), **short(corpus, tmp_path / "tuned.nemo"), step=3)


def _never(*_: Any) -> Callable[..., Any]:
    raise AssertionError("the checkpoint was loaded")
