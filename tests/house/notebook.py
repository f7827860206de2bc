# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook docs/tutorial.ipynb, run from an empty folder.

python -m tests.house.notebook    # run it, and keep its outputs in the file
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = REPOSITORY / "docs" / "tutorial.ipynb"
SECONDS = 600  # a limit for a cell on a busy machine; alone all of them take about a minute


def main() -> None:
    """Keep the outputs of a run, without its progress."""
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(run(nbformat.read(NOTEBOOK, as_version=4), Path(folder)), NOTEBOOK)


def run(notebook: Any, folder: Path) -> Any:
    """The notebook with the outputs of a run in a folder; what goes to the standard error is left out."""
    os.environ["PYTHONPATH"] = str(REPOSITORY)  # of the kernel, whose folder is another
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def text_of(notebook: Any) -> str:
    """What its cells have written."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


if __name__ == "__main__":
    main()
