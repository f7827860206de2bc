# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The folder in which the mistakes are made: models, speech, noise, and files that are not what they seem."""

import json
import zipfile
from pathlib import Path

import torch

from tests.broken_inputs.files import NOISE, SPEECH, Content, Folder, HuggingFace, Lines, Wave
from tests.recipe_runs import composed, model_class, write_corpus
from tests.recognisers import build_recogniser

LINE = {"audio_filepath": "speech.wav", "duration": 1.0, "text": "one two"}
CTC = "fastconformer/noise_aware_fast-conformer_ctc_bpe"
FILES = (
    SPEECH,
    NOISE,
    Content("text.nemo", "not a model\n"),
    Content("empty.json", ""),
    Content("columns.csv", "name,words\na.wav,one two\n"),
    Content("others.csv", "id,text\nnot an id,one two\n"),
    Content("list.json", json.dumps([LINE])),
    Lines("untold.json", ({"audio_filepath": "speech.wav", "duration": 1.0},)),
    Lines("broken.json", (LINE, '{"audio_filepath": "speech.wav", "duration"')),
    Lines("moved.json", ({**LINE, "audio_filepath": "gone/speech.wav"},)),
    Lines("silent.json", ({"audio_filepath": "silent.wav"},), (Wave("silent.wav", level=0.0),)),
    Lines("telephone.json", ({**LINE, "audio_filepath": "telephone.wav"},), (Wave("telephone.wav", rate=8000),)),
    Folder("nothing", (Content("readme.txt", "no audio"),)),
    Folder("fans", tuple(Wave(f"fan/{number}.wav", 2.0) for number in range(4))),
    Folder("noises", (Wave("hum/0.wav", 2.0),)),
    HuggingFace("whisper"),
    Content("fake.wav", "no sound\n"),
    Lines("fakes.json", ({**LINE, "audio_filepath": "fake.wav"},), ()),
    Folder("fakes", (Content("one.wav", "no sound\n"), Content("two.mp3", "no sound\n"))),
    Lines("chinese.json", ({**LINE, "audio_filepath": "chinese.wav", "text": "你好"},), (Wave("chinese.wav"),)),
    Content("talk.txt", "what was said\n"),
    Content("words.arpa", "one two\n"),
)


def make_folder(folder: Path) -> None:
    """Writes all files."""
    for file in FILES:
        file.make(folder)
    (folder / "whisper" / "model.safetensors").unlink()
    with zipfile.ZipFile(folder / "zip.nemo", "w") as archive:
        archive.writestr("readme.txt", "not a model")
    torch.manual_seed(0)
    build_recogniser("ctc_bpe", folder).save_to(str(folder / "plain.nemo"))
    write_corpus(folder)
    for name, recipe, *changes in (
        ("aware", CTC),
        ("deep", CTC, "model.encoder.n_layers=2"),
        ("context", "noise_context/noise_context_pretraining"),
    ):
        model = model_class(recipe)(cfg=composed(recipe, folder, *changes).model)
        model.save_to(str(folder / f"{name}.nemo"))
