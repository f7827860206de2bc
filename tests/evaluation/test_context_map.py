# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The map of contexts: the plane is that of scikit-learn's PCA, and the picture shows every class."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from nemo_noise.evaluation.plots.context_map import draw_context_map, principal_plane
from nemo_noise.evaluation.probes.probe_sets import ProbeSplit


def test_the_plane_is_that_of_scikit_learn() -> None:
    contexts = np.random.default_rng(0).standard_normal((40, 7)) @ np.diag([5, 3, 1, 1, 1, 1, 0])  # one is constant
    points, shares = principal_plane(contexts)
    pca = PCA(2).fit(StandardScaler().fit_transform(contexts))
    expected = pca.transform(StandardScaler().fit_transform(contexts))
    np.testing.assert_allclose(np.abs(points), np.abs(expected), rtol=1e-6)
    np.testing.assert_allclose(shares, pca.explained_variance_ratio_, rtol=1e-6)


def test_numbers_that_are_constant_but_for_rounding_do_not_count() -> None:
    rng = np.random.default_rng(0)
    varied = rng.standard_normal((750, 8))
    constant = np.full((750, 8), -16.6355)
    points, shares = principal_plane(np.concatenate([varied, constant], axis=1).astype(np.float32))
    expected, expected_shares = principal_plane(varied)
    np.testing.assert_allclose(shares, expected_shares, rtol=1e-3)
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-2)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (5,), (2, 3, 4)])
def test_what_has_no_plane_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected .N, C. with at least 2 of each"):
        principal_plane(np.zeros(shape))


def test_a_picture_shows_every_class_of_every_representation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    samples = (rng.standard_normal((60, 8)) + 6.0 * labels[:, None]).astype(np.float32)
    split = ProbeSplit(samples, labels, rng.uniform(-5, 20, 60))

    def raw(batch: Tensor, lengths: Tensor) -> Tensor:
        return batch

    draw_context_map({"raw": raw, "again": raw}, split, ["rain", "dog", "pink"], path=tmp_path / "map.png")
    picture = imread(tmp_path / "map.png")[..., :3]
    assert picture.shape[0] > picture.shape[1] * 0.7  # two rows
    for colour in ("#1f77b4", "#ff7f0e", "#2ca02c"):
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        assert (np.abs(picture - wanted).max(axis=2) < 0.02).sum() > 200
    with pytest.raises(ValueError, match="classes: are 21, more than 20"):
        draw_context_map({"raw": raw}, split, [str(number) for number in range(21)], path=tmp_path / "map.png")
