# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Options as Markdown tables: of the commands from the application, of the scripts from the comments in their YAML."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer
import yaml


class Option(NamedTuple):
    """An option of a config: dotted name, default as it is written, the comments at it."""

    name: str
    default: str
    meaning: str


def commands_page() -> str:
    """Every command of `nemo-noise` with its options, as typer has them."""
    from nemo_noise.command_line.application import application

    group: Any = typer.main.get_command(application())
    parts = ["# Commands", "The text of `nemo-noise COMMAND --help`, which also has it in a terminal."]
    for name, command in sorted(group.commands.items()):
        parts += [f"## {name}", _paragraphs(command.help or "")]
        rows = [row for parameter in command.params if (row := _row_of_parameter(parameter))]
        parts.append(_table(("option", "default", "meaning"), rows))
    return "\n\n".join(parts) + "\n"


def scripts_page(repository: Path) -> str:
    """The options of every config in `conf/scripts`, with the script that reads it."""
    scripts = {
        found[1]: script.relative_to(repository)
        for script in sorted((repository / "examples").rglob("*.py"))
        if (found := re.search(r'conf/scripts", config_name="(\w+)"', script.read_text(encoding="utf-8")))
    }
    parts = [
        "# Options of scripts",
        "Given as `name=value`, in Hydra's grammar; a command that takes `KEY=VALUE` takes those of its config.",
    ]
    for path in sorted((repository / "conf" / "scripts").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        parts += [f"## {path.stem}", description(text)]
        if path.stem in scripts:
            parts.append(f"`python {scripts[path.stem]} name=value ...`")
        rows = [(f"`{each.name}`", _code(each.default), _cell(each.meaning)) for each in options(text)]
        parts.append(_table(("option", "default", "meaning"), rows))
    return "\n\n".join(parts) + "\n"


def description(text: str) -> str:
    """The comment at the head of a config."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(("# @package", "# SPDX")):
            lines.append(line.lstrip("# "))
    return " ".join(lines)


def options(text: str) -> list[Option]:
    """The keys of a config in the order of the file; blocks are walked into, Hydra's own keys left out."""
    lines = text.splitlines()
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), 0)
    return list(_options_of(yaml.compose(text), lines, head=head, prefix=""))


def _options_of(node: Any, lines: list[str], *, head: int, prefix: str) -> Iterator[Option]:
    for key, value in node.value:
        if not prefix and key.value in ("hydra", "defaults"):
            continue
        name = f"{prefix}{key.value}"
        is_block = isinstance(value, yaml.MappingNode) and not value.flow_style
        end = key.end_mark if is_block else value.end_mark
        above = []
        for line in reversed(lines[head : key.start_mark.line]):
            if not line.lstrip().startswith("#"):
                break
            above.append(line.strip().lstrip("# "))
        beside = lines[end.line][end.column :].partition("#")[2].strip()
        meaning = " ".join([*reversed(above), beside]).strip()
        if is_block:
            if meaning:
                yield Option(name, "", meaning)
            yield from _options_of(value, lines, head=head, prefix=f"{name}.")
        else:
            yield Option(name, _source(lines, value), meaning)


def _source(lines: list[str], node: Any) -> str:
    start, end = node.start_mark, node.end_mark
    if start.line == end.line:
        return lines[start.line][start.column : end.column]
    parts = lines[start.line][start.column :], *lines[start.line + 1 : end.line], lines[end.line][: end.column]
    return " ".join(part.strip() for part in parts)


def _row_of_parameter(parameter: Any) -> tuple[str, str, str] | None:
    if getattr(parameter, "hidden", False) or parameter.name == "help":
        return None
    names = [*parameter.opts, *parameter.secondary_opts]
    if not parameter.opts[0].startswith("-"):
        names = [parameter.metavar or parameter.name.upper()]
    if parameter.required:
        default = "required"
    elif parameter.default in (None, False, [], ()) or callable(parameter.default):
        default = ""
    else:
        default = _code(str(getattr(parameter.default, "value", parameter.default)))
    return ", ".join(_code(name) for name in names), default, _cell(parameter.help or "")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _paragraphs(text: str) -> str:
    """Help of typer as Markdown: a block behind a backspace keeps its lines, an indented one is code."""
    blocks = [block.strip("\n") for block in re.split(r"\n\s*\n", text)]
    shown = []
    for block in blocks:
        kept = block.removeprefix("\b").strip("\n")
        is_code = block.startswith("\b") or all(line.startswith((" ", "nemo-noise ")) for line in kept.splitlines())
        shown.append(f"```\n{kept}\n```" if is_code else _cell(kept, is_table=False))
    return "\n\n".join(shown)


def _cell(text: str, *, is_table: bool = True) -> str:
    """Text of a help as Markdown: markup of rich goes, what HTML would take for tags is escaped."""
    plain = re.sub(r"\[/?(?:bold|italic|dim|cyan|green|yellow|red)\]", "", text)
    plain = plain.replace("<", "&lt;")
    return plain.replace("|", "\\|").replace("\n", " ") if is_table else plain


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""
