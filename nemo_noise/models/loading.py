# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A NeMo recogniser of whatever it is kept in: a `.nemo`, a pretrained name, a folder of another framework."""

from pathlib import Path

import torch

from nemo.collections.asr.models import ASRModel

from nemo_noise.archive.finite_weights import check_model
from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.folder import read_model_config
from nemo_noise.models.wav2vec.checkpoint import import_wav2vec2
from nemo_noise.models.whisper.checkpoint import import_whisper
from nemo_noise.models.whisper.ctranslate2 import is_ctranslate2
from nemo_noise.recogniser.transcription import load_model

__all__ = ["load"]

FOLDERS = (
    "a folder must hold a Whisper or a wav2vec 2.0 with a CTC head in Hugging Face's format (config.json, "
    "model.safetensors), or a Whisper in CTranslate2's (model.bin, vocabulary.txt)"
)


def load(name: str | Path, device: torch.device | str = "cpu") -> ASRModel:
    """Load a recogniser as a NeMo model, in evaluation mode, to transcribe, tune, condition or export.

    ```python
    model = nemo_noise.load("stt_en.nemo")
    model = nemo_noise.load("stt_en_fastconformer_ctc_large")  # a pretrained NeMo model
    model = nemo_noise.load("whisper-tiny")  # a folder of Hugging Face or of faster-whisper
    ```

    Args:
        name: a `.nemo` file, the name of a pretrained NeMo model, or a folder.
        device: where it runs, such as `cuda`.

    Returns:
        The model; of folders a `WhisperModel`, or an `EncDecCTCModel` for wav2vec 2.0. Its output is that of the
        checkpoint.

    Raises:
        FileNotFoundError: there is no such file, or a folder lacks one.
        ValueError: the file may not be restored, the folder is of another kind, or weights are broken.
        TypeError: the model cannot transcribe.
    """
    folder, on = Path(name).expanduser(), torch.device(device)
    if not folder.is_dir():
        return load_model(str(folder if folder.exists() else name), on)
    model = _import(folder)
    check_model(model, f"model={printable(name)}")
    return model.to(on).eval()


def _import(folder: Path) -> ASRModel:
    if is_ctranslate2(folder):
        return import_whisper(folder)
    if not (folder / "config.json").is_file():
        held = ", ".join(sorted(file.name for file in folder.iterdir())[:8]) or "nothing"
        raise ValueError(f"model={printable(folder)} is a folder with {printable(held, 200)}: {FOLDERS}.")
    kind = read_model_config(folder, "a recogniser").values.get("model_type")
    if kind == "whisper":
        return import_whisper(folder)
    if kind != "wav2vec2":
        raise ValueError(
            f"{printable(folder)}/config.json: model_type={printable(repr(kind), 60)} is of no NeMo model here: "
            f"{FOLDERS}. An evaluation takes whatever transformers reads."
        )
    model = import_wav2vec2(folder)
    if not isinstance(model, ASRModel) or not hasattr(model, "transcribe"):
        raise TypeError(
            f"{printable(folder)} is a wav2vec 2.0 without a CTC head, which cannot transcribe: "
            "import_wav2vec2(folder) gives the model to pretrain or to fine-tune."
        )
    return model
