# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A model's file is whole or as it was, and one rank writes it."""

from pathlib import Path

import pytest

from nemo_noise.figure_file import save_figure
from nemo_noise.recogniser import model_file
from nemo_noise.recogniser.model_file import save_model
from tests.evaluation.tiny_models import tiny_ctc


def test_a_saved_model_can_be_restored_and_lies_there_alone(tmp_path: Path) -> None:
    model = tiny_ctc()
    save_model(model, tmp_path / "new" / "model.nemo")
    again = type(model).restore_from(str(tmp_path / "new" / "model.nemo"), map_location="cpu")
    assert all((again.state_dict()[name] == value).all() for name, value in model.state_dict().items())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.nemo"]


def test_a_full_disk_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, path = tiny_ctc(), tmp_path / "model.nemo"
    path.write_text("old")

    def half(filename: str, source_dir: str) -> None:
        Path(filename).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model._save_restore_connector, "_make_nemo_file_from_folder", half)
    with pytest.raises(OSError, match="No space"):
        save_model(model, path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_other_ranks_than_the_first_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "is_global_rank_zero", lambda: False)
    save_model(tiny_ctc(), tmp_path / "model.nemo")
    assert list(tmp_path.iterdir()) == []


def test_a_figure_without_a_suffix_is_a_png(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    for name in ("plot", "plot.svg"):
        save_figure(Figure(), tmp_path / name, dpi=50)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot.png", "plot.svg"]
