# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The map of the folders in docs/architecture.md, written from the first lines of the packages.

python -m tests.house.architecture    # write it again
"""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "architecture.md"
BEGIN, END = "<!-- folders: written by python -m tests.house.architecture -->", "<!-- end of folders -->"


def main() -> None:
    """Write the map into the page."""
    PAGE.write_text(with_map(PAGE.read_text(encoding="utf-8"), REPOSITORY), encoding="utf-8")


def with_map(page: str, repository: Path) -> str:
    """The page with the map of a repository between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{folder_map(repository / 'nemo_noise')}{END}{after}"


def folder_map(package: Path) -> str:
    """One row per folder of the package: its path, its first line, its files."""
    rows = ["| Folder | What is in it | Files |", "|---|---|---|"]
    for init in sorted(package.rglob("__init__.py")):
        folder = init.parent
        names = sorted(file.stem for file in folder.glob("*.py") if file.stem not in {"__init__", "__main__"})
        docstring = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
        purpose = re.split(r"\.\s|\.$|\n", docstring)[0]
        path = folder.relative_to(package.parent).as_posix()
        rows.append(f"| `{path}` | {purpose} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
