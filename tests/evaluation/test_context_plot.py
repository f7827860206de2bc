# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The picture shows what happened: contexts of every layout, changes of every fusion, attention maps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.evaluation.plots.contexts import draw_contexts, observe_context
from tests.contracts import randomize
from tests.evaluation.tiny_models import ENCODER, SAMPLE_RATE, tiny_ctc


def _encoder(context: str, fusion: str, **arguments: Any) -> dict[str, Any]:
    context_config = {"_target_": f"nemo_noise.modules.{context}", "feat_in": 16, "d_context": 12, **arguments}
    fusion_config = {"_target_": f"nemo_noise.modules.{fusion}", "d_model": 32, "d_context": 12}
    target = {"_target_": "nemo_noise.modules.NoiseAwareConformerEncoder"}
    return {
        **ENCODER,
        **target,
        "context": context_config,
        "fusion": {"pre_encode": fusion_config, "1": fusion_config},
    }


@pytest.mark.parametrize(
    ("context", "fusion", "arguments", "columns"),
    [
        ("StatisticsContextEncoder", "FiLMFusion", {}, 1),
        ("TemporalContextEncoder", "GatedFusion", {"stride": 4}, 25),
        ("HierarchicalContextEncoder", "CrossAttentionFusion", {"num_tokens": 5}, 5),
    ],
)
def test_a_picture_holds_what_the_recogniser_did(
    context: str, fusion: str, arguments: dict[str, int], columns: int, tmp_path: Path
) -> None:
    model = tiny_ctc(_encoder(context, fusion, **arguments)).eval()
    samples = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    untrained = observe_context(model, samples, "noise")
    assert set(untrained.changes) == {"pre_encode", "1"}
    assert not any(change.any() for change in untrained.changes.values()), "an untrained fusion changes nothing"
    randomize(model.encoder.fusions)
    picture = observe_context(model, samples, "noise")
    assert picture.context.shape == (12, columns) and picture.features.shape[0] == 16
    assert all((change > 0).all() for change in picture.changes.values())
    has_maps = fusion == "CrossAttentionFusion"
    assert len(picture.maps) == (2 if has_maps else 0)
    for map_ in picture.maps.values():
        assert map_.shape[0] == 1 + columns and np.allclose(map_.sum(axis=0), 1.0, atol=1e-5)
    draw_contexts([picture, untrained], tmp_path / "context.png")
    assert imread(tmp_path / "context.png").std() > 0.1


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="EncDecCTCModel has no noise context"):
        observe_context(tiny_ctc(), np.ones(SAMPLE_RATE, dtype=np.float32), "plain")
    with pytest.raises(ValueError, match="pictures: is empty"):
        draw_contexts([], tmp_path / "context.png")
