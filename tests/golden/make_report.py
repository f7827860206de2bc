# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden reports anew: ``python -m tests.golden.make_report``; the diff is what a reviewer reads."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.golden.report_cases import CASES, write_case, write_old_case

FOLDER = Path(__file__).parent / "report"
OLD_SUMMARY = Path(__file__).parents[1] / "evaluation" / "summary_schema_1.json"
FILES = ("summary.json", "page.txt", "card.md", "table.txt", "gates.json")


def make(name: str, folder: Path) -> None:
    """Writes the files of one report."""
    if name == "version_1":
        write_old_case(OLD_SUMMARY, folder)
    else:
        write_case(name, folder)


def main() -> None:
    """Writes all of them."""
    for name in [*CASES, "version_1"]:
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as made:
            make(name, Path(made))
            for file in FILES:
                (FOLDER / name / file).write_bytes((Path(made) / file).read_bytes())


if __name__ == "__main__":
    main()
