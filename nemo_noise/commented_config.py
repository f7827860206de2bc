# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A composed Hydra config as YAML, with the comments of all the files that it is made of."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

__all__ = ["CommentedConfig", "commented_config", "comments_of"]

WIDTH, COMMENT_COLUMN = 112, 34
_FLOW_CHARACTERS = 40  # a mapping of plain values that is no longer stands in one line


@dataclass(frozen=True)
class CommentedConfig:
    """A config and what its files say about it.

    Attributes:
        config: as Hydra composes it, with interpolations and ??? as they are written.
        comments: by the path of a key, such as `trainer.devices`.
        choices: by override, such as `context@model.encoder.context`, the chosen part and all that there are.
        additions: by group, parts that a plus adds, such as those of `+training=`.
    """

    config: DictConfig
    comments: Mapping[str, str]
    choices: Mapping[str, tuple[str | None, Sequence[str]]] = field(default_factory=dict)
    additions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The paths of all that only the user knows."""
        return list(_missing(OmegaConf.to_container(self.config, resolve=False), ""))

    def yaml(self) -> str:
        """The config as YAML with its comments, wrapped."""
        plain = OmegaConf.to_container(self.config, resolve=False)
        return "\n".join(line for top in _entries(plain, "", self.comments) for line in top)


def commented_config(name: str, overrides: Sequence[str] = ()) -> CommentedConfig:
    """Composes a config in the Hydra that is initialised, and collects the comments of its files."""
    loader = GlobalHydra.instance().config_loader()
    defaults = loader.compute_defaults_list(name, list(overrides), RunMode.RUN)
    folders = [str(each.path).removeprefix("file://") for each in loader.get_search_path().get_path()]
    comments: dict[str, str] = {}
    for part in defaults.defaults:
        file = _file(part.config_path, folders)
        if file is not None and not str(part.package).startswith("hydra"):
            comments |= comments_of(file.read_text(encoding="utf-8"), part.package or "")
    choices = {
        key: (chosen, tuple(loader.get_group_options(key.split("@")[0])))
        for key, chosen in defaults.overrides.known_choices.items()
        if not key.startswith("hydra/")
    }
    config = compose(name, overrides=list(overrides))
    return CommentedConfig(config, comments, dict(sorted(choices.items())), _additions(loader, config, folders))


def _additions(loader: Any, config: DictConfig, folders: Sequence[str]) -> dict[str, Sequence[str]]:
    """The groups whose parts change a whole recipe: they say where they belong by themselves."""
    if "trainer" not in config:
        return {}
    found = {}
    for group in sorted(set(loader.list_groups("")) - {"base", "hydra"}):
        options = loader.get_group_options(group, ObjectType.CONFIG)
        files = [_file(f"{group}/{option}", folders) for option in options]
        texts = [file.read_text(encoding="utf-8") for file in files if file is not None]
        is_recipe = any("- /base/" in text or "\nexp_manager:" in text for text in texts)
        if texts and not is_recipe and all("@package _global_" in text for text in texts):
            found[group] = options
    return found


def _file(config_path: str | None, folders: Sequence[str]) -> Path | None:
    found = (Path(folder) / f"{config_path}.yaml" for folder in folders if folder and "://" not in folder)
    return next((path for path in found if path.is_file()), None)


def comments_of(text: str, package: str = "") -> dict[str, str]:
    """What stands behind each key of a YAML text, else above it, by its path below the package."""
    lines, found = text.splitlines(), {}
    for path, key, value in _keys(yaml.compose(text, Loader=yaml.SafeLoader), package):
        row = key.start_mark.line
        end = value.end_mark if value.end_mark.line == row else key.end_mark
        behind = lines[row][end.column :].lstrip(": ")
        if behind.startswith("#"):
            found[path] = behind.lstrip("# ")
        elif above := _above(lines, row, key.start_mark.column):
            found[path] = above
    return found


def _above(lines: Sequence[str], row: int, column: int) -> str:
    """The comment lines directly above a key and as far to the right; the head of a file is none of a key."""
    first = row
    while first > 0 and lines[first - 1].startswith(" " * column + "#"):
        first -= 1
    return " ".join(line.strip("# ") for line in lines[first:row]) if first > 0 else ""


def _keys(node: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        inner = f"{path}.{key.value}" if path else str(key.value)
        yield inner, key, value
        yield from _keys(value, inner)


def _missing(values: Any, path: str) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _missing(value, f"{path}{name}.")
        elif value == "???":
            yield f"{path}{name}"


def _entries(values: Any, path: str, comments: Mapping[str, str]) -> Iterator[list[str]]:
    """The lines of each key of a mapping."""
    indent = "  " * (path.count(".") + 1 if path else 0)
    for name, value in values.items():
        inner = f"{path}.{name}" if path else str(name)
        if isinstance(value, dict) and not _is_short(value, inner, comments):
            yield _commented(f"{indent}{name}:", comments.get(inner, ""))
            yield from _entries(value, inner, comments)
        else:
            yield _commented(f"{indent}{name}: {_flow(value)}", comments.get(inner, ""))


def _is_short(values: Mapping[str, Any], path: str, comments: Mapping[str, str]) -> bool:
    is_plain = not any(isinstance(value, (dict, list)) for value in values.values())
    return (
        is_plain and len(_flow(values)) <= _FLOW_CHARACTERS and not any(f"{path}.{key}" in comments for key in values)
    )


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _commented(code: str, comment: str) -> list[str]:
    """A line of YAML and its comment, which goes on below itself where it is long."""
    if not comment:
        return [code]
    column = max(COMMENT_COLUMN, len(code) + 2)
    if column > WIDTH - 40:
        return [code, *(f"{'':{COMMENT_COLUMN}}# {line}" for line in textwrap.wrap(comment, WIDTH - COMMENT_COLUMN))]
    first, *more = textwrap.wrap(comment, WIDTH - column)
    return [f"{code:{column}}# {first}", *(f"{'':{column}}# {line}" for line in more)]
