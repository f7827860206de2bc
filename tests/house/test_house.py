# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The repository keeps the rules of the house, and every rule finds a breach where there is one."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import architecture, rules

Rule = Callable[[Path, list[Path]], list[str]]
HEAD = "\n".join([*rules.LICENCE_LINES, '"""One idea."""', ""])
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 61
RECIPE = "defaults: [a]\n" + "".join(f"k{i}: {i}\n" for i in range(31))

SOUND = {
    "docs/README.md": "[map](architecture.md)\n",
    "docs/architecture.md": f"# Map\n\n{architecture.BEGIN}\n{architecture.END}\n",
    "pyproject.toml": '[project]\ndependencies = ["torch"]\noptional-dependencies.rooms = ["pyroomacoustics"]\n',
    "nemo_noise/door.py": HEAD + "import torch\ndef f():\n    import pyroomacoustics\n",
}

# The rule, and a file (path, content) that breaks it.
RULES_AND_BREACHES: list[tuple[Rule, str, str]] = [
    (rules.long_files, "nemo_noise/long.py", "x = 1\n" * 401),
    (rules.long_functions, "nemo_noise/long.py", HEAD + LONG_FUNCTION),
    (rules.names_without_an_idea, "nemo_noise/data/utils.py", HEAD),
    (rules.names_without_an_idea, "conf/common.yaml", "a: 1\n"),
    (rules.missing_heads, "nemo_noise/bare.py", '"""One idea."""\n'),
    (rules.missing_heads, "nemo_noise/mute.py", "\n".join(rules.LICENCE_LINES) + "\n"),
    (rules.long_recipes, "conf/recipe.yaml", RECIPE),
    (rules.long_recipes, "experiments/question/recipe.yaml", RECIPE),
    (rules.long_examples, "examples/asr/train.py", "x = 1\n" * 61),
    (rules.long_examples, "examples/demo/run.py", "x = 1\n" * 201),
    (rules.scattered_patches, "nemo_noise/data/a.py", HEAD + "from wrapt import wrap_function_wrapper\n"),
    (rules.scattered_patches, "nemo_noise/a.py", HEAD + "OmegaConf.register_new_resolver('a', len)\n"),
    (rules.scattered_patches, "nemo_noise/a.py", HEAD + "model.encoder.forward = len\n"),
    (rules.probed_families, "nemo_noise/inference/a.py", HEAD + "x = hasattr(model, 'joint')\n"),
    (rules.open_doors, "nemo_noise/door.py", HEAD + "import torch\nimport pyroomacoustics\n"),
    (rules.open_doors, "nemo_noise/second.py", HEAD + "def f():\n    import pyroomacoustics\n"),
    (rules.undeclared_packages, "nemo_noise/a.py", HEAD + "def f():\n    import grpc.aio\n"),
    (rules.undeclared_packages, "hydra_plugins/a.py", HEAD + "from sklearn.svm import SVC\n"),
    (rules.undeclared_packages, "examples/asr/a.py", HEAD + "import pyroomacoustics, yaml\n"),
    (rules.unused_packages, "pyproject.toml", SOUND["pyproject.toml"] + 'optional-dependencies.serve = ["grpcio"]\n'),
    (rules.unused_packages, "nemo_noise/door.py", HEAD + "import torch\n"),
    (rules.unsafe_calls, "nemo_noise/a.py", HEAD + "x = eval('1')\n"),
    (rules.unsafe_calls, "nemo_noise/a.py", HEAD + "import pickle\n"),
    (rules.unsafe_calls, "examples/a.py", HEAD + "import subprocess\nsubprocess.run('ls', shell=True)\n"),
    (rules.unsafe_calls, "nemo_noise/a.py", HEAD + "import torch\nx = torch.load('a.ckpt')\n"),
    (rules.writes_in_place, "nemo_noise/a.py", HEAD + "from pathlib import Path\nPath('a.json').write_text('{}')\n"),
    (rules.writes_in_place, "nemo_noise/a.py", HEAD + "file = open('a.json', 'w')\n"),
    (rules.writes_in_place, "nemo_noise/a.py", HEAD + "def f(path):\n    return path.open(mode='wb')\n"),
    (rules.writes_in_place, "experiments/a.py", HEAD + "file = open('a.json', 'w')\n"),
    (rules.writes_in_place, "examples/asr/a.py", HEAD + "def f(model):\n    model.save_to('a.nemo')\n"),
    (rules.markup_by_hand, "nemo_noise/a.py", HEAD + "x = f'<td class=\"{HEAD}\">'\n"),
    (rules.markup_by_hand, "nemo_noise/a.py", HEAD + "from html import escape\n"),
    (rules.markup_by_hand, "nemo_noise/a.html", "<p>{{ text | safe }}</p>\n"),
    (rules.machine_paths, "docs/a.md", "see " + "/".join(["", "home", "me", "a.wav"]) + "\n"),
    (rules.stale_map, "nemo_noise/__init__.py", HEAD),
    (rules.unlisted_pages, "docs/unlisted.md", "# A page\n"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in RULES_AND_BREACHES))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_the_rule(rule: Rule, repository: Path) -> None:
    breaches = rule(repository, rules.list_files(repository))
    assert not breaches, "\n".join(["", *breaches])


@pytest.mark.parametrize(
    ("rule", "name", "content"),
    RULES_AND_BREACHES,
    ids=[f"{rule.__name__}-{i}" for i, (rule, _, _) in enumerate(RULES_AND_BREACHES)],
)
def test_the_rule_finds_a_breach(rule: Rule, name: str, content: str, tmp_path: Path) -> None:
    _write_sound_repository(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    assert not rule(tmp_path, rules.list_files(tmp_path))
    (tmp_path / name).write_text(content)
    assert rule(tmp_path, rules.list_files(tmp_path))


def test_a_map_that_lacks_a_file_is_stale(tmp_path: Path) -> None:
    for name in ("nemo_noise", "docs"):
        (tmp_path / name).mkdir()
    (tmp_path / "nemo_noise" / "__init__.py").write_text(HEAD)
    page = tmp_path / "docs" / "architecture.md"
    page.write_text(f"# Map\n\n{architecture.BEGIN}\n{architecture.END}\n")
    page.write_text(architecture.with_map(page.read_text(), tmp_path))
    assert "| `nemo_noise` | One idea | " in page.read_text()
    assert not rules.stale_map(tmp_path, rules.list_files(tmp_path))
    (tmp_path / "nemo_noise" / "unshown.py").write_text(HEAD)
    assert rules.stale_map(tmp_path, rules.list_files(tmp_path))


def test_every_link_of_a_page_leads_somewhere(repository: Path) -> None:
    pages = [repository / name for name in rules.list_files(repository) if name.suffix == ".md"]
    link = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
    missing = [
        f"{page.relative_to(repository)}: {target}"
        for page in pages
        for target in link.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert len(pages) > 20 and not missing


def test_an_optional_package_with_two_doors_is_found(tmp_path: Path) -> None:
    _write_sound_repository(tmp_path)
    (tmp_path / "nemo_noise" / "second.py").write_text(HEAD + "def f():\n    import pyroomacoustics\n")
    assert rules.open_doors(tmp_path, rules.list_files(tmp_path)) == [
        "pyroomacoustics has 2 doors, one is right: nemo_noise/door.py, nemo_noise/second.py"
    ]


def test_scripts_may_import_their_neighbours_and_developers_have_tools_that_nothing_imports(tmp_path: Path) -> None:
    _write_sound_repository(tmp_path)
    for name, content in (("a.py", HEAD + "import b\n"), ("b.py", HEAD)):
        (tmp_path / "examples").mkdir(exist_ok=True)
        (tmp_path / "examples" / name).write_text(content)
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write('optional-dependencies.dev = ["ruff"]\n')
    files = rules.list_files(tmp_path)
    assert rules.undeclared_packages(tmp_path, files) == rules.unused_packages(tmp_path, files) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_torchaudio_is_required_nowhere(name: str, repository: Path) -> None:
    lines = (repository / name).read_text().splitlines()
    required = re.compile(r"""^[\s"']*torchaudio\b""")
    assert required.match('    "torchaudio>=2",')
    assert not [line for line in lines if required.match(line)]


def test_constraints_name_no_file_and_no_local_build(repository: Path) -> None:
    pin = re.compile(r'[a-z0-9-]+==[0-9][0-9a-z.]*(; python_version >= "3\.[0-9]+")?')
    pins = [line for line in (repository / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(pins) > 100
    assert [line for line in pins if not pin.fullmatch(line)] == []


def test_reading_appending_and_whole_files_do_not_write_in_place(tmp_path: Path) -> None:
    (tmp_path / "nemo_noise").mkdir()
    calls = ["open('a')", "open('a', 'rb')", "path.open('a')", "path.read_text()", "whole_file.write_text(path, 'x')"]
    (tmp_path / "nemo_noise" / "a.py").write_text(HEAD + "\n".join(calls))
    assert not rules.writes_in_place(tmp_path, rules.list_files(tmp_path))


def test_every_exception_to_writing_whole_files_is_still_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exceptions = dict(rules.WRITES_IN_PLACE)
    monkeypatch.setattr(rules, "WRITES_IN_PLACE", {})
    found = {breach.split(":")[0] for breach in rules.writes_in_place(repository, rules.list_files(repository))}
    assert found == set(exceptions)


def _write_sound_repository(folder: Path) -> None:
    """Every rule is kept; an optional package is imported late behind one door."""
    for name, content in SOUND.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    page = folder / "docs" / "architecture.md"
    page.write_text(architecture.with_map(page.read_text(), folder))
