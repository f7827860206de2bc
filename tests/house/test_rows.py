# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every number of README and docs/results has its rows, or the page says that they were not kept."""

import re
from pathlib import Path

from experiments.rows import damaged_rows
from experiments.tables import pages_with_rows, with_tables

NOT_KEPT = re.compile(r"^Rows not kept; `[^`]+` runs it again\b", re.MULTILINE)
# Pages without measurements of recognisers: indexes, and times of a machine.
WITHOUT_ROWS = {"README.md", "negative.md", "speed.md", "context_probes.md"}


def test_kept_rows_are_what_their_sums_say(repository: Path) -> None:
    folders = sorted((repository / "experiments").glob("*/rows"))
    assert {str(folder.parent.name): damaged_rows(folder) for folder in folders if damaged_rows(folder)} == {}


def test_tables_are_those_of_the_rows(repository: Path) -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in pages_with_rows(repository)}
    changed = [
        str(page.relative_to(repository)) for page, text in texts.items() if with_tables(text, repository) != text
    ]
    assert changed == [], "python -m experiments.tables writes them again"


def test_a_page_of_results_has_rows_or_says_that_they_were_not_kept(repository: Path) -> None:
    pages = sorted((repository / "docs" / "results").glob("*.md"))
    with_rows = pages_with_rows(repository)
    silent = [
        page.name
        for page in pages
        if page.name not in WITHOUT_ROWS
        and page not in with_rows
        and not NOT_KEPT.search(page.read_text(encoding="utf-8"))
    ]
    assert len(pages) > 10 and silent == []


def test_an_index_quotes_numbers_of_the_pages(repository: Path) -> None:
    """A reduction with its interval stands in README and the index as it does in a page of results."""
    quoted = re.compile(r"-?\d+\.\d %? ?\[-?\d+\.\d, -?\d+\.\d\]")
    results = repository / "docs" / "results"
    questions = [page for page in results.glob("*.md") if page.name not in ("README.md", "negative.md")]
    pages = "\n".join(page.read_text(encoding="utf-8") for page in questions)
    indexes = [repository / "README.md", results / "README.md", results / "negative.md"]
    with_rows = {folder.parent for folder in (repository / "experiments").glob("*/rows")}  # tabulated by their scripts
    experiments = [page for page in (repository / "experiments").glob("*/README.md") if page.parent not in with_rows]
    indexes += [*experiments, repository / "experiments" / "README.md"]
    found = [(page, each) for page in indexes for each in quoted.findall(page.read_text(encoding="utf-8"))]
    numbers = [re.sub(r" ?%? ?\[", " [", each) for _, each in found]
    known = re.sub(r" ?%? ?\[", " [", pages)
    unknown = [
        f"{page.relative_to(repository)}: {each}"
        for (page, each), number in zip(found, numbers, strict=True)
        if number not in known and number.split(" ", 1)[1] not in known
    ]
    assert len(found) > 20 and unknown == []
