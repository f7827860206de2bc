# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that Hydra configures: `--help` and misspelt options are answered before NeMo is imported."""

import ast
import difflib
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nemo_noise.commented_config import CommentedConfig

__all__ = ["check_arguments"]

WRONG_INPUT, WIDTH = 2, 112


class Program(NamedTuple):
    """What the text of a program says about it."""

    file: Path
    docstring: str
    config_path: str
    config_name: str


def check_arguments(file: str) -> None:
    """Answers `--help`, and refuses misspelt options and configs by near names, in a second.

    It stands above the other imports of a program, and returns where there is nothing to answer; the rest is Hydra's.

    Args:
        file: the `__file__` of a program with NeMo's `hydra_runner`.
    """
    if Path(sys.argv[0]).resolve() != Path(file).resolve():
        return  # imported, not run
    from hydra._internal.utils import get_args_parser  # NeMo's hydra_runner takes the same

    asked, unknown = get_args_parser().parse_known_args()
    if unknown or any((asked.cfg, asked.info, asked.hydra_help, asked.multirun, asked.config_dir)):
        return
    program = _program(Path(file))
    name = asked.config_name or program.config_name
    folder = Path(file).resolve().parent / (asked.config_path or program.config_path)
    if asked.help:
        sys.stdout.write(_help(program, folder, name) + "\n")
        sys.exit(0)
    if problem := _misspelt(folder.resolve(), name, asked.overrides):
        sys.stderr.write(f"error: {problem}\n       python {sys.argv[0]} --help explains all options\n")
        sys.exit(WRONG_INPUT)


def _program(file: Path) -> Program:
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    runner = next(call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "hydra_runner")
    options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in runner.keywords}
    return Program(file, _docstring(text, tree), options["config_path"], options["config_name"])


def _docstring(text: str, tree: ast.Module) -> str:
    """The docstring as it is written, where a backslash at the end of a line is one."""
    first = tree.body[0]
    written = ast.get_source_segment(text, first.value) if isinstance(first, ast.Expr) else None
    return (written or "").strip('"').strip()


def _help(program: Program, folder: Path, name: str) -> str:
    from hydra import initialize_config_dir

    from nemo_noise.commented_config import commented_config

    with initialize_config_dir(str(folder.resolve()), version_base="1.1"):
        found = commented_config(name)
    lines = [program.docstring, "", f"Options, given as key=value, and their defaults (of {name}):", "", found.yaml()]
    if found.missing:
        lines += ["", f"To be given: {', '.join(found.missing)}"]
    if found.choices or found.additions:
        lines += ["", "Parts to choose from:", *_parts(found)]
    lines += ["", "Also: --config-name=NAME another config, --cfg=job the config that your options make, --hydra-help"]
    return "\n".join(lines)


def _parts(found: "CommentedConfig") -> list[str]:
    texts = [
        f"{key}={chosen}, or {', '.join(option for option in options if option != chosen)}"
        for key, (chosen, options) in found.choices.items()
        if len(options) > 1
    ]
    texts += [f"+{group}= {', '.join(options)}" for group, options in found.additions.items()]
    return [
        line for text in texts for line in textwrap.wrap(text, 112, initial_indent="  ", subsequent_indent="      ")
    ]


def _misspelt(folder: Path, name: str, overrides: Sequence[str]) -> str | None:
    """What is wrong with the words of a command line; None where that is not for us to say."""
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(folder), version_base="1.1"):
            return _unknown_config(folder, name) or _unknown_option(name, overrides)
    except (HydraException, OmegaConfBaseException, ValueError):
        return None


def _unknown_config(folder: Path, name: str) -> str | None:
    from hydra.core.global_hydra import GlobalHydra

    loader: Any = GlobalHydra.instance().config_loader()
    if loader.repository.config_exists(name):
        return None
    paths = [Path(str(each.path).removeprefix("file://")) for each in loader.get_search_path().get_path()]
    known = {str(file.relative_to(path).with_suffix("")) for path in paths for file in path.rglob("*.yaml")}
    near = _near(name, known) or sorted(each for each in known if (folder / f"{each}.yaml").exists())
    return f"--config-name={name}: there is no such config in {folder}; there are {', '.join(near)}"


def _unknown_option(name: str, overrides: Sequence[str]) -> str | None:
    from hydra import compose
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    loader: Any = GlobalHydra.instance().config_loader()
    groups = [group for group in loader.list_groups("") if group != "hydra"]
    parsed = [
        each
        for each in OverridesParser.create().parse_overrides(list(overrides))
        if not each.is_delete() and not each.key_or_group.startswith("hydra")
    ]
    chosen = [each for each in parsed if loader.repository.group_exists(each.key_or_group)]
    plain = [each for each in parsed if each not in chosen]
    for each in chosen:
        options = loader.get_group_options(each.key_or_group)
        if isinstance(value := each.value(), str) and value not in options:
            return f"{each.input_line}: there is no part {value}; {_advice(value, options)}"
    composed = compose(name, overrides=[each.input_line for each in chosen])
    config = OmegaConf.to_container(composed, resolve=False)
    for each in plain:
        key, value = each.key_or_group, each.value()
        near = _near(key, groups)
        if near and key not in config and (each.package or value in loader.get_group_options(near[0])):
            right = each.input_line.replace(key, near[0], 1)
            return f"{each.input_line}: there are no parts {key}; did you mean {right}?"
        may_be_new = each.is_add() or each.is_force_add()
        if not may_be_new and not each.package and (wrong := _unknown_key(config, key, value)):
            return f"{each.input_line}: {wrong}"
    return None


def _unknown_key(values: Any, path: str, value: Any) -> str | None:
    inside = ""
    for word in path.split("."):
        if not isinstance(values, dict):
            return None  # a reference, or nothing that has keys: Hydra's message is as good
        names = {str(key): key for key in values}
        if word not in names:
            advice = _advice(f"{inside}{word}", [f"{inside}{name}" for name in names])
            return f"there is no option {inside}{word}; {advice} (+ adds one that NeMo has)"
        inside, values = f"{inside}{word}.", values[names[word]]
    return f"should be a list, as in {path}={values}".replace("'", "") if _is_list_for(values, value) else None


def _is_list_for(values: Any, value: Any) -> bool:
    return isinstance(values, list) and isinstance(value, dict)  # a mapping that Hydra cannot merge


def _advice(word: str, known: Sequence[str]) -> str:
    near = _near(word, known)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known))}"


def _near(word: str, known: Iterable[str]) -> list[str]:
    """The names that differ from a word by a slip or begin with it; what is before their last point does not count."""
    ends = {each.rpartition(".")[2]: each for each in sorted(known)}
    end = word.rpartition(".")[2]
    longer = [each for each in ends if len(end) > 3 and each.startswith(f"{end}_")]
    near = difflib.get_close_matches(end, list(ends), 3, 0.75)
    return [ends[each] for each in dict.fromkeys([*longer, *near])][:3]
