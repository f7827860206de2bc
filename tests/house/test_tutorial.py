# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook runs as it stands, and what is saved of its outputs is fit to be shown."""

from pathlib import Path
from typing import Any

import pytest

from tests.house.rules import MACHINE_PATH

nbformat: Any = pytest.importorskip("nbformat", reason="the notebook needs nbformat, nbclient and ipykernel")


def test_the_saved_outputs_are_there_without_errors_and_without_paths_of_a_machine(repository: Path) -> None:
    from tests.house.notebook import text_of

    notebook = nbformat.read(repository / "docs" / "tutorial.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.get("name", output.output_type) for cell in code for output in cell.outputs}
    assert kinds <= {"stdout", "execute_result", "display_data"}
    assert "identical: True" in text_of(notebook)
    assert MACHINE_PATH.findall(text_of(notebook)) == []


@pytest.mark.slow
def test_the_notebook_runs_from_an_empty_folder_and_training_in_noise_helps(repository: Path, tmp_path: Path) -> None:
    from tests.house.notebook import run, text_of

    notebook = run(nbformat.read(repository / "docs" / "tutorial.ipynb", as_version=4), tmp_path)
    assert "identical: True" in text_of(notebook)
    assert "In noise, tuned makes" in text_of(notebook)
    assert list(tmp_path.iterdir()) == []
