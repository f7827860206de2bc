# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise of training and of dev have no file in common, on any machine the same ones."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from nemo_noise.data.manifests.manifest import ManifestEntry
from nemo_noise.tuning.noise_split import split_noise


def entry(path: str, label: str = "fan", **fields: float) -> ManifestEntry:
    return ManifestEntry(path, fields.get("duration"), None, {"audio_filepath": path, "label": label, **fields}, "n:1")


def test_no_file_is_on_both_sides_and_each_class_with_five_files_is_on_both() -> None:
    entries = [entry(f"/n/{label}/{index}.wav", label) for label in ("fan", "rain", "street") for index in range(10)]
    entries += [entry("/n/fan/0.wav", "fan", offset=1.0)]
    split = split_noise(entries)
    train, dev = ({one.audio_filepath for one in side} for side in split)
    assert not train & dev
    assert len(split.train) + len(split.dev) == len(entries)
    assert len(dev) == 6
    assert {one.fields["label"] for one in split.dev} == {"fan", "rain", "street"}


def test_classes_of_one_file_give_a_fifth_of_all() -> None:
    split = split_noise([entry(f"/n/{index}.wav", f"class {index}") for index in range(12)])
    assert len(split.dev) == 2


def test_the_folder_may_lie_elsewhere() -> None:
    here, there = ([entry(f"/{root}/fan/{index}.wav") for index in range(10)] for root in ("a", "b/c"))
    names = [[Path(one.audio_filepath).name for one in split_noise(lines).dev] for lines in (here, there)]
    assert names[0] == names[1]


def test_one_recording_is_cut_in_two(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(16000 * 20), 16000)
    (train,), (dev,) = split_noise([entry(str(path))])
    assert (train.offset_s, train.duration) == (0.0, 16.0)
    assert (dev.offset_s, dev.duration) == (16.0, 4.0)


def test_a_short_recording_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(16000 * 3), 16000)
    with pytest.raises(ValueError, match=r"one recording of 3\.0 s .*--dev-noise"):
        split_noise([entry(str(path))])
