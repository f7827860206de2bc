# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whether this installation works: versions, GPU, extras, known traps; nothing heavy is imported in this process.

What may crash (torch, NeMo) is imported by a child process, whose end is an answer too.
"""

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib.metadata import PackageNotFoundError, entry_points, metadata, version
from pathlib import Path
from typing import Any, NamedTuple

from nemo_noise.foreign_text import printable

__all__ = ["EXTRAS", "NEEDED", "Check", "State", "check_installation"]

OLDEST_PYTHON = ((3, 10, 12), (3, 11, 4))  # older ones lack tarfile's filters, with which NeMo unpacks checkpoints
NEEDED = {  # package: what it is, oldest version, versions below which it is still as we know it, how to get it
    "nemo_toolkit": ("NeMo", (3, 0, 0), (3, 1), "pip install 'nemo_toolkit[asr]~=3.0.0'"),
    "torch": ("torch", (2, 6), (), "pip install 'torch>=2.6'"),
    "lightning": ("Lightning", (2,), (), "pip install lightning"),
    "transformers": ("transformers", (5,), (), "pip install 'transformers>=5'"),
    "hydra-core": ("Hydra", (1, 3), (), "pip install hydra-core"),
    "soundfile": ("soundfile", (0, 12), (), "pip install soundfile"),
}
EXTRAS = {  # extra: packages, what it is for
    "mamba": (["mamba-ssm", "causal-conv1d"], "fast kernels of Mamba-2 (needs CUDA's compiler)"),
    "rooms": (["pyroomacoustics"], "simulated rooms"),
    "adapters": (["peft"], "low-rank adapters (LoRA)"),
    "demo": (["espeakng-loader"], "speech of the demo"),
    "faster-whisper": (["faster-whisper", "ctranslate2"], "Whisper in CTranslate2's format as a system"),
    "media": (["av"], "audio of videos and of formats such as m4a"),
    "dev": (["pytest", "onnx"], "tests"),
}
ENTRY_POINTS = "lightning.pytorch.callbacks_factory"
LITTLE_GB, TOO_LITTLE_GB = 10.0, 1.0
_TIMEOUT_S = 300
_TORCH = """
import json, torch
cuda = torch.cuda.is_available()
gpus = []
for index in range(torch.cuda.device_count() if cuda else 0):
    with torch.cuda.device(index):
        free, total = torch.cuda.mem_get_info()
        gpus.append([torch.cuda.get_device_name(), free / 2**30, total / 2**30, torch.cuda.is_bf16_supported()])
mps = torch.backends.mps.is_available()
print("ANSWER" + json.dumps({"cuda": torch.version.cuda, "available": cuda, "gpus": gpus, "mps": mps}))
"""
_NEMO = """
import json
import nemo.collections.asr.models
import nemo_noise.models
from nemo_noise.nemo_patches.table import TABLE
print("ANSWER" + json.dumps({change.what: bool(change.is_installed()) for change in TABLE}))
"""
_IMPORT = "import importlib, sys; importlib.import_module(sys.argv[1]); print('ANSWER{}')"


class State(str, Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # works, and may be better
    BROKEN = "BROKEN"


class Check(NamedTuple):
    """One line of the answer.

    Attributes:
        what: is checked.
        state: how it ended.
        found: what is there.
        remedy: what to do; empty where there is nothing to do.
    """

    what: str
    state: State
    found: str
    remedy: str = ""


def check_installation() -> list[Check]:
    """Checks everything; takes as long as NeMo's import. Nothing raises: what fails is a check that is broken."""
    checks: list[Check] = [_python()]
    checks += [_package(name) for name in NEEDED]
    checks += _traps()
    checks += _torch()
    checks += _nemo()
    checks += [_configs(), _callbacks(), _hydra_plugin()]
    checks += [_onnxruntime(), *map(_extra, _extras())]
    checks += _disks()
    return checks


def _python() -> Check:
    found = sys.version_info[:3]
    fits = any(found[:2] == oldest[:2] and found >= oldest for oldest in OLDEST_PYTHON) or found >= (3, 12)
    oldest = " or ".join(".".join(map(str, one)) for one in OLDEST_PYTHON)
    remedy = "" if fits else f"use Python {oldest} or newer"
    return Check(
        "Python", State.OK if fits else State.BROKEN, f"{platform.python_version()} ({sys.executable})", remedy
    )


def _package(name: str) -> Check:
    title, oldest, below, remedy = NEEDED[name]
    found = _version(name)
    if found is None:
        return Check(title, State.BROKEN, "not installed", remedy)
    numbers = _numbers(found)
    if numbers < oldest:
        return Check(title, State.BROKEN, f"{found}, which is too old", remedy)
    if below and numbers >= below:
        return Check(title, State.BROKEN, f"{found}, newer than what is supported", remedy)
    return Check(title, State.OK, found)


def _traps() -> Iterator[Check]:
    """Packages that break NeMo's import, or torch beside them, and are not needed here."""
    if _version("torchaudio") is not None:
        answer, error = _child(_IMPORT, "torchaudio")
        if answer is None:
            yield Check("torchaudio", State.BROKEN, f"does not fit torch ({error})", "pip uninstall torchaudio")
    apex = _folder_of("apex")
    if apex is not None and not (apex / "amp").is_dir():
        yield Check("apex", State.BROKEN, "is PyPI's apex, not NVIDIA's", "pip uninstall apex")
    if _folder_of("transformer_engine") is not None and _folder_of("transformer_engine_torch") is None:
        answer, error = _child(_IMPORT, "transformer_engine.pytorch")
        if answer is None:
            remedy = "pip uninstall transformer-engine, or pip install 'transformer-engine[pytorch]'"
            yield Check("transformer-engine", State.BROKEN, f"is not complete ({error})", remedy)


def _torch() -> Iterator[Check]:
    if _version("torch") is None:
        return
    answer, error = _child(_TORCH)
    if answer is None:
        yield Check("import torch", State.BROKEN, error, "reinstall torch: https://pytorch.org/get-started/locally")
        return
    has_driver = shutil.which("nvidia-smi") is not None
    if answer["available"]:
        yield Check("CUDA", State.OK, str(answer["cuda"]))
        for number, (name, free, total, has_bf16) in enumerate(answer["gpus"]):
            bf16 = "bf16" if has_bf16 else "no bf16: train with precision 16-mixed or 32"
            yield Check(f"GPU {number}", State.OK, f"{printable(name, 60)}, {free:.0f} of {total:.0f} GB free, {bf16}")
    elif answer["mps"]:
        yield Check("GPU", State.NOTE, "Apple's (mps)", "--device mps; what NeMo does there is not tested here")
    elif has_driver and answer["cuda"] is None:
        remedy = "install torch with CUDA: https://pytorch.org/get-started/locally"
        yield Check("GPU", State.NOTE, "there is NVIDIA's driver, and a torch for CPUs alone", remedy)
    elif has_driver:
        remedy = "look at nvidia-smi and CUDA_VISIBLE_DEVICES: the driver may be older than torch's CUDA"
        yield Check("GPU", State.NOTE, f"torch for CUDA {answer['cuda']} sees none", remedy)
    else:
        yield Check("GPU", State.NOTE, "none, everything runs on the CPU")


def _nemo() -> Iterator[Check]:
    if _version("nemo_toolkit") is None:
        return
    answer, error = _child(_NEMO)
    if answer is None:
        remedy = "see what python -c 'import nemo.collections.asr.models' says; then what is broken above"
        yield Check("import of NeMo", State.BROKEN, error, remedy)
        return
    yield Check("import of NeMo", State.OK, "its ASR models and ours")
    for what, is_installed in answer.items():
        state = State.OK if is_installed else State.BROKEN
        remedy = "" if is_installed else f"reinstall nemo-noise, with NeMo 3.0 ({NEEDED['nemo_toolkit'][3]})"
        yield Check(f"change: {what}", state, "in place" if is_installed else "NOT in place", remedy)


def _configs() -> Check:
    from nemo_noise.configuration import config_directory

    try:
        return Check("configs", State.OK, str(config_directory()))
    except FileNotFoundError as error:
        return Check("configs", State.BROKEN, str(error), "pip install --force-reinstall --no-deps nemo-noise")


def _callbacks() -> Check:
    is_there = any(point.name == "nemo_noise" for point in entry_points(group=ENTRY_POINTS))
    remedy = (
        "" if is_there else "pip install nemo-noise (a path alone is not enough: trainers find it by its entry point)"
    )
    found = "found by every Trainer" if is_there else "not found"
    return Check("callbacks", State.OK if is_there else State.BROKEN, found, remedy)


def _hydra_plugin() -> Check:
    try:
        is_there = importlib.util.find_spec("hydra_plugins.nemo_noise_searchpath") is not None
    except (ImportError, ValueError):
        is_there = False
    found = "recipes are found by NeMo's scripts" if is_there else "not found"
    remedy = "" if is_there else "pip install --force-reinstall --no-deps nemo-noise"
    return Check("Hydra plugin", State.OK if is_there else State.BROKEN, found, remedy)


def _onnxruntime() -> Check:
    found = _version("onnxruntime") or _version("onnxruntime-gpu")
    if found is None:
        return Check("onnxruntime", State.NOTE, "not installed: runs exported models", "pip install onnxruntime")
    return Check("onnxruntime", State.OK, found)


def _extras() -> list[str]:
    """The extras that this version has."""
    try:
        known = metadata("nemo-noise").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return []
    return [name for name in EXTRAS if name in known]


def _extra(name: str) -> Check:
    packages, what = EXTRAS[name]
    missing = [package for package in packages if _version(package) is None]
    if missing:
        return Check(f"extra {name}", State.NOTE, f"not installed: {what}", f"pip install 'nemo-noise[{name}]'")
    versions = ", ".join(f"{package} {_version(package)}" for package in packages)
    return Check(f"extra {name}", State.OK, f"{versions}: {what}")


def _disks() -> Iterator[Check]:
    """Free space where models are kept and where they are unpacked."""
    cache = Path(os.environ.get("HF_HOME") or Path("~/.cache/huggingface").expanduser())
    nemo = Path(os.environ.get("NEMO_CACHE_DIR") or Path("~/.cache/torch/NeMo").expanduser())
    places = {"models of Hugging Face": cache, "models of NeMo": nemo, "temporary files": Path(tempfile.gettempdir())}
    for what, place in places.items():
        there = next((path for path in (place, *place.parents) if path.is_dir()), Path("/"))
        try:
            free = shutil.disk_usage(there).free / 2**30
        except OSError as error:
            yield Check(f"disk: {what}", State.BROKEN, f"{place}: {error}", "make the folder, or name another one")
            continue
        state = State.OK if free >= LITTLE_GB else State.NOTE if free >= TOO_LITTLE_GB else State.BROKEN
        variable = {"models of Hugging Face": "HF_HOME", "models of NeMo": "NEMO_CACHE_DIR"}.get(what, "TMPDIR")
        remedy = "" if state is State.OK else f"make room, or set {variable} to another disk"
        yield Check(f"disk: {what}", state, f"{free:.0f} GB free at {place}", remedy)


def _child(program: str, *arguments: str) -> tuple[dict[str, Any] | None, str]:
    """What a program answers, or None and why it did not."""
    command = [sys.executable, "-c", program, *arguments]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, printable(error, 200)
    lines = done.stdout.splitlines()
    answer = next((line for line in lines if line.startswith("ANSWER")), None)
    if done.returncode == 0 and answer is not None:
        return json.loads(answer.removeprefix("ANSWER")), ""
    return None, _reason(done.stderr.splitlines(), done.returncode)


def _reason(lines: Iterable[str], status: int) -> str:
    """The last line of a traceback; a signal where there is none."""
    last = next((line.strip() for line in reversed(list(lines)) if line.strip()), "")
    return printable(last, 300) if last and status > 0 else f"it was killed by signal {-status}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(found: str) -> tuple[int, ...]:
    """The leading numbers of a version: 2.13.0+cpu is 2, 13, 0."""
    leading = re.match(r"\d+(\.\d+)*", found)
    return tuple(int(part) for part in leading[0].split(".")) if leading else ()


def _folder_of(name: str) -> Path | None:
    """Where a package or module lies, without importing it."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or [])
    return Path(places[0]) if places else Path(str(spec.origin))
