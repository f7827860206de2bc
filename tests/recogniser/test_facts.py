# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Facts of a recogniser: family, vocabulary, sample rate."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf
from torch import nn

from nemo.utils import logging

from nemo_noise.recogniser.facts import Family, family_of, frame_samples, input_s, sample_rate_of, vocabulary_of
from nemo_noise.recogniser.transcription import quiet, verbosity_kept
from tests.recognisers import FAMILIES, build_recogniser

EXPECTED = {"ctc": Family.CTC, "ctc_bpe": Family.CTC, "hybrid_bpe": Family.HYBRID, "aed": Family.ATTENTION}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_family_is_that_of_what_writes_the_text(name: str, tmp_path: Path) -> None:
    model = build_recogniser(name, tmp_path)
    assert family_of(model) is EXPECTED.get(name, Family.TRANSDUCER)
    assert sample_rate_of(model) == 16000 and frame_samples(model) % round(16000 * input_s(model)) == 0
    if name != "aed":
        last = len(vocabulary_of(model)) - 1
        assert model.tokenizer.ids_to_tokens([last]) if "bpe" in name else vocabulary_of(model) == model.cfg.labels


def test_a_module_without_a_decoder_has_no_family() -> None:
    assert family_of(nn.Linear(1, 1)) is Family.NONE


@pytest.mark.parametrize(
    ("config", "preprocessor", "expected"),
    [
        ({"sample_rate": 8000, "preprocessor": {"sample_rate": 16000}}, None, 8000),
        ({"preprocessor": {"sample_rate": 16000}}, None, 16000),
        ({}, SimpleNamespace(_sample_rate=22050), 22050),
    ],
)
def test_the_sample_rate_is_found_in_config_or_preprocessor(config, preprocessor, expected: int) -> None:
    assert sample_rate_of(SimpleNamespace(cfg=OmegaConf.create(config), preprocessor=preprocessor)) == expected


def test_a_recogniser_without_a_sample_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="has neither cfg.sample_rate nor cfg.preprocessor.sample_rate"):
        sample_rate_of(SimpleNamespace(cfg=OmegaConf.create()))


def test_the_verbosity_of_the_log_is_put_back() -> None:
    before = logging.get_verbosity()
    with quiet():
        assert logging.get_verbosity() == logging.ERROR
    assert logging.get_verbosity() == before
    with verbosity_kept():
        logging.set_verbosity(logging.ERROR)
    assert logging.get_verbosity() == before
