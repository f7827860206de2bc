# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of dual attention shows a row for every token that was written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from omegaconf import OmegaConf

from nemo_noise.evaluation.plots.attention import draw_attention, observe_attention
from nemo_noise.models import add_dual_attention, import_whisper
from tests.contracts import randomize
from tests.recognisers import WIDTH, build_recogniser
from tests.whispers import write_whisper

TYPES = {"_target_": "nemo_noise.modules.NoiseTypeMemory", "num_types": 4, "d_model": WIDTH}


@pytest.mark.parametrize(("secondary", "columns"), [(TYPES, 4), (None, 13)])
def test_a_picture_holds_what_the_decoder_looked_at(
    secondary: dict[str, Any] | None, columns: int, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    build_recogniser("aed", tmp_path).save_to(str(tmp_path / "plain.nemo"))
    model = add_dual_attention(tmp_path / "plain.nemo", secondary, gate="head").eval()
    randomize(model.transf_decoder)
    with torch.no_grad():
        model.transf_decoder.dual_attentions[0].mix.fill_(1.5)
    decoding = OmegaConf.create(OmegaConf.to_container(model.cfg.decoding))
    model.change_decoding_strategy(OmegaConf.merge(decoding, {"beam": {"max_generation_delta": 6}}))
    samples = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    picture = observe_attention(model, samples, title="noise")
    assert model.cfg.decoding.strategy == "beam", "the search is put back"
    assert picture.speech[0].shape == (len(picture.tokens), 13) and len(picture.tokens) > 3
    assert picture.secondary[0].shape == (len(picture.tokens), columns)
    assert np.allclose(picture.speech[0].sum(axis=1), 1.0, atol=1e-5)
    assert picture.alpha[0].shape == (len(picture.tokens),) and (picture.alpha[0] < 1.0).all()
    assert not any(attention.keeps_maps for attention in model.transf_decoder.dual_attentions)
    draw_attention(picture, tmp_path / "attention.png")
    assert imread(tmp_path / "attention.png").std() > 0.1


def test_a_whisper_is_drawn_over_its_window(tmp_path: Path) -> None:
    write_whisper(tmp_path / "hugging_face")
    import_whisper(tmp_path / "hugging_face").save_to(str(tmp_path / "whisper.nemo"))
    model = add_dual_attention(tmp_path / "whisper.nemo").eval()
    randomize(model.transf_decoder)
    picture = observe_attention(
        model, np.random.default_rng(0).standard_normal(12000).astype(np.float32), title="noise"
    )
    assert picture.seconds == 1.0 and picture.by_frame
    assert picture.speech[0].shape == picture.secondary[0].shape == (len(picture.tokens), 50)


def test_a_model_without_dual_attention_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="EncDecCTCModel has no dual attention"):
        observe_attention(build_recogniser("ctc", tmp_path), np.ones(16000, dtype=np.float32), title="plain")
