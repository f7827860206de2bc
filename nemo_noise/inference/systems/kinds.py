# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Which kind of system a name means: found by its form, by the files of a folder, or by those on the hub."""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from nemo_noise.foreign_text import printable
from nemo_noise.system_name import shown_name

__all__ = ["FASTER_WHISPER_SIZES", "TRANSCRIPT_SUFFIXES", "Kind", "Named", "kind_of", "shown_name"]

TRANSCRIPT_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json")
# As faster-whisper names them; the repositories are its own.
FASTER_WHISPER_SIZES = (
    *("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium"),
    *("large-v1", "large-v2", "large-v3", "large", "large-v3-turbo", "turbo"),
    *("distil-large-v2", "distil-medium.en", "distil-small.en", "distil-large-v3", "distil-large-v3.5"),
)
PARTS_OF_FOLDERS = ("config.json", "tokenizer.json", "vocab.json", "vocabulary.json", "search.json")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
HUB_TIMEOUT_S = 10.0
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# Services, not weights: their names are kept.
SERVICES = ("riva://", "openai://")
KINDS = """should be a .nemo file, or one of
  the name of a pretrained NeMo model, such as stt_en_fastconformer_ctc_large
  a Hugging Face folder (config.json, model.safetensors), or owner/name on the hub
  a faster-whisper (CTranslate2) folder (config.json, model.bin), its owner/name on the hub, or a size such as tiny.en
  a .onnx file of a CTC model with its .nemo or .json beside it, or a folder of export_attention_model.py
  transcripts of another system: .csv, .tsv, .jsonl (in an evaluation)
where more than one fits, nemo://, hf:// or faster-whisper:// before a name chooses"""


class Kind(str, Enum):
    """A kind of system; the values are what errors and reports call it."""

    NEMO = "NeMo model"
    HUGGING_FACE = "Hugging Face model"
    FASTER_WHISPER = "faster-whisper model"
    ONNX = "ONNX graph"
    TRANSCRIPTS = "file of transcripts"


SCHEMES = {"nemo://": Kind.NEMO, "hf://": Kind.HUGGING_FACE, "faster-whisper://": Kind.FASTER_WHISPER}


class Named(NamedTuple):
    """A kind, and the path or name without the scheme that chose it."""

    kind: Kind
    source: str


def kind_of(name: str) -> Named:
    """Find which kind of system a name means.

    1. `nemo://`, `hf://` and `faster-whisper://` say it.
    2. The suffix of a file: `.nemo`, `.onnx`, or that of transcripts.
    3. The files of a folder.
    4. A size of faster-whisper, such as `tiny.en`.
    5. `owner/name`: the files of the repository, in the hub's cache or on the hub. Where it holds a `.nemo`, as
       NVIDIA's do, it is a NeMo model, also with safetensors beside it.
    6. Any other name is that of a pretrained NeMo model.

    Raises:
        FileNotFoundError: it looks like a folder, and there is none.
        ValueError: it is none of these, or is a service; lists what there is.
    """
    if not name.strip():
        raise ValueError(f"model is empty; {KINDS}")
    for scheme in SERVICES:
        if name.startswith(scheme):
            raise ValueError(
                f"model {printable(repr(name), 200)}: systems behind {scheme} are not read: "
                "export the mixtures (export_mixtures), and give its transcripts as .csv, .tsv or .jsonl"
            )
    for scheme, kind in SCHEMES.items():
        if name.startswith(scheme):
            return Named(kind, name.removeprefix(scheme))
    path = Path(name).expanduser()
    if path.is_dir():
        return Named(_of_folder(path), str(path))
    if path.name in PARTS_OF_FOLDERS or path.suffix in (".safetensors", ".bin", ".pt", ".pth", ".ckpt"):
        raise ValueError(
            f"model {printable(repr(name), 200)} is a file of a model's folder, or weights alone; give the folder; it "
            f"{KINDS}"
        )
    if path.suffix.lower() in TRANSCRIPT_SUFFIXES:
        return Named(Kind.TRANSCRIPTS, name)
    if path.suffix == ".onnx":
        return Named(Kind.ONNX, str(path))
    if path.is_file() or path.suffix == ".nemo":
        return Named(Kind.NEMO, str(path))
    if name in FASTER_WHISPER_SIZES:
        return Named(Kind.FASTER_WHISPER, name)
    if "://" in name or len(path.parts) > 2 or name.startswith((".", "~")) or name.endswith("/"):
        raise FileNotFoundError(
            f"model {printable(repr(name), 200)} does not exist (working directory {Path.cwd()}); {KINDS}"
        )
    return Named(_of_hub(name) if HUB_NAME.fullmatch(name) else Kind.NEMO, name)


def _of_folder(folder: Path) -> Kind:
    kind = _of_files(file.name for file in folder.iterdir())
    if kind is Kind.NEMO:
        files = sorted(file.name for file in folder.glob("*.nemo"))
        raise ValueError(
            f"model {printable(repr(str(folder)), 200)} is a folder, should be a .nemo file: the file in it, such as "
            f"{printable(folder / files[0])}"
        )
    if kind is None:
        held = ", ".join(sorted(file.name for file in folder.iterdir())[:8]) or "nothing"
        raise ValueError(
            f"model {printable(repr(str(folder)), 200)} is a folder of no known system (it holds "
            f"{printable(held, 200)}); {KINDS}"
        )
    return kind


def _of_files(names: Iterable[str]) -> Kind | None:
    files = set(names)
    if any(file.endswith(".nemo") for file in files):
        return Kind.NEMO
    if {"encoder.onnx", "decoder.onnx"} <= files:
        return Kind.ONNX
    if "config.json" not in files:
        return None
    if any(weights in files for weights in WEIGHTS):
        return Kind.HUGGING_FACE
    if "model.bin" in files and any(file.startswith("vocabulary.") for file in files):
        return Kind.FASTER_WHISPER
    # Weights that are pickled alone: the door refuses them, and says what to do.
    return Kind.HUGGING_FACE if any(file.endswith((".bin", ".pt", ".h5", ".msgpack")) for file in files) else None


@lru_cache
def _of_hub(name: str) -> Kind:
    """The kind of a repository: in the cache without the hub, else by the list of files that the hub gives."""
    cached = try_to_load_from_cache(name, "config.json")
    if isinstance(cached, str):
        kind = _of_files(file.name for file in Path(cached).parent.iterdir())
        if kind is not None:
            return kind
    try:
        files = HfApi().model_info(name, timeout=HUB_TIMEOUT_S).siblings or []
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ValueError(
            f"model {printable(repr(name), 200)} is no file or folder here, and no repository on the hub "
            f"({_reason(error)}); {KINDS}"
        ) from error
    except Exception as error:  # of the network, of the hub
        raise ValueError(
            f"model {printable(repr(name), 200)} is no file or folder here, and the hub does not answer "
            f"({_reason(error)}); {KINDS}"
        ) from error
    kind = _of_files(file.rfilename for file in files)
    if kind is None:
        raise ValueError(f"model {printable(repr(name), 200)} on the hub holds no known system; {KINDS}")
    return kind


def _reason(error: Exception) -> str:
    return printable(str(error).strip().split("\n")[0], 160)
