# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What `mkdocs build` does beyond its configuration: the order of the pages, the reference, links out of docs/."""

import re
from pathlib import Path
from typing import Any

from api_pages import api_pages
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from notebook_page import notebook_page
from option_tables import commands_page, scripts_page

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
INDEX = DOCS / "README.md"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_config(config: Any) -> Any:
    """The order of the pages is that of docs/README.md, which GitHub shows as well."""
    generated = {"Reference": ["reference/commands.md", "reference/scripts.md", {"Python": _api_names()}]}
    index = INDEX.read_text(encoding="utf-8")
    config["nav"] = [{"Overview": "README.md"}]
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0].strip()
        pages = re.findall(r"^\| \[[^]]+\]\(([^)#]+)\)", section, re.MULTILINE)
        config["nav"].append({title: [_as_page(each) for each in pages] + generated.pop(title, [])})
    if generated:
        raise PluginError(f"docs/README.md has no section {', '.join(generated)}, where generated pages stand")
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are made from code, configs and notebooks."""
    pages = {"reference/commands.md": commands_page(), "reference/scripts.md": scripts_page(REPOSITORY)}
    pages |= {f"reference/{room}.md": text for room, text in api_pages(REPOSITORY / "nemo_noise").items()}
    for notebook in DOCS.rglob("*.ipynb"):
        name = notebook.relative_to(DOCS).as_posix()
        pages[_as_page(name)] = notebook_page(notebook.read_text(encoding="utf-8"))
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to files of the repository outside docs/ lead to where it is hosted; notebooks are pages here."""
    folder = (DOCS / page.file.src_uri).parent

    def replaced(found: re.Match[str]) -> str:
        target = found[2]
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = Path(folder, target).resolve()
        if path.is_relative_to(DOCS) or not path.is_relative_to(REPOSITORY) or not path.exists():
            return f"{found[1]}{_as_page(target)}{found[3]}"  # mkdocs names what leads nowhere
        kind = "tree" if path.is_dir() else "blob"
        return f"{found[1]}{config['repo_url'].rstrip('/')}/{kind}/main/{path.relative_to(REPOSITORY)}{found[3]}"

    return LINK.sub(replaced, markdown)


def _api_names() -> list[str]:
    return [f"reference/{room}.md" for room in api_pages(REPOSITORY / "nemo_noise")]


def _as_page(name: str) -> str:
    return re.sub(r"\.ipynb$", ".md", name)
