# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for: the real speech, if it is there, and the same random numbers each time."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]
# Tests share the machine with each other and with training runs; set before torch is imported by anyone.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# What a property takes on a busy machine is none of its facts.
settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def speech_directory() -> Path:
    directory = Path(os.environ.get("NEMO_NOISE_SPEECH", REPOSITORY.parent / "shared" / "speech"))
    if not (directory / "digits_train.json").is_file():
        pytest.skip(f"no real speech in {directory}: set NEMO_NOISE_SPEECH to the folder with digits_train.json")
    return directory


@pytest.fixture(scope="session")
def models_directory() -> Path:
    """Real Whisper weights, in Hugging Face's format and in CTranslate2's."""
    directory = Path(os.environ.get("NEMO_NOISE_MODELS", REPOSITORY.parent / "models"))
    if not (directory / "whisper-tiny.en" / "model.safetensors").is_file():
        pytest.skip(f"no real Whisper in {directory}: set NEMO_NOISE_MODELS to the folder with whisper-tiny.en")
    return directory


def pytest_collectstart() -> None:
    """What modules build while they are imported is the same whichever others are collected."""
    import torch

    torch.manual_seed(20260)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    import torch

    torch.manual_seed(20260)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch

    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
