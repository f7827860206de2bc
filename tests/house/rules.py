# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house: each takes a folder and its files and returns a list of sentences, one per breach."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:  # where pytest brings it
    import tomli as tomllib

from tests.house.architecture import with_map

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_RECIPE_LINES = 30
MAX_EXAMPLE_LINES = 60
MAX_PROGRAM_LINES = 200
NAMES_WITHOUT_AN_IDEA = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
LICENCE_LINES = ["# SPDX-FileCopyrightText: 2026 The nemo_noise authors", "# SPDX-License-Identifier: Apache-2.0"]
# Where a user's Python lies.
PROGRAMS = {"nemo_noise", "hydra_plugins", "examples", "experiments"}
# Packages that are imported under another name than they are installed under.
DISTRIBUTIONS = {"hydra": "hydra_core", "nemo": "nemo_toolkit", "sklearn": "scikit_learn", "yaml": "pyyaml"}
# Where a result may be written other than through nemo_noise/whole_file.py, and why.
WRITES_IN_PLACE = {
    "nemo_noise/whole_file.py": "the one that writes",
    "nemo_noise/figure_file.py": "draws into the temporary file of whole_file",
    "nemo_noise/recogniser/model_file.py": "saves into the temporary file of whole_file",
    "nemo_noise/inference/decoding/kneser_ney.py": "streams into the temporary file of whole_file",
    "nemo_noise/inference/decoding/search.py": "a language model in a temporary folder",
    "experiments/jobs.py": "the logs of jobs, which grow",
    "nemo_noise/evaluation/transcription/peak_memory.py": "a switch of the kernel",
}
# Where we change NeMo, and what only that room may do.
PATCHES = "nemo_patches"
REGISTRATIONS = {"register_new_resolver", "register_perturbation", "register_scheduler"}
PER_INSTANCE = {"_one_step_forward", "_prepare_for_search", "decoding", "forward"}
# Where the family of a recogniser is told by its parts.
FACTS = "nemo_noise/recogniser/facts.py"
FAMILY_PARTS = {"joint", "ctc_decoder", "transf_decoder"}
TAG = re.compile(r"</?(?:a|b|body|code|div|h[1-6]|i|img|li|mark|p|pre|script|span|style|svg|t[dhr]|table|ul)[\s/>]")
UNESCAPED = re.compile(r"\|\s*safe\b|\bautoescape\s+false\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|tmp|root|home)/")
TEXT_SUFFIXES = {".py", ".yaml", ".yml", ".toml", ".md", ".txt", ".cfg", ".html", ".json", ".sh", ""}
IGNORED_FOLDERS = {".git", ".venv", "build", "dist", "results", "demo_output", "__pycache__"}


def list_files(root: Path) -> list[Path]:
    """Lists what git tracks or would track, relative to `root`; without git, what lies there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.split("\0") if name]
    else:
        names = [path.relative_to(root) for path in root.rglob("*")]
        names = [name for name in names if not IGNORED_FOLDERS.intersection(name.parts)]
    return sorted({name for name in names if (root / name).is_file()})


def long_files(root: Path, files: list[Path]) -> list[str]:
    lengths = {name: len(_lines(root / name)) for name in files if name.suffix == ".py"}
    return [f"{name}: {n} lines, at most {MAX_FILE_LINES}" for name, n in lengths.items() if n > MAX_FILE_LINES]


def long_functions(root: Path, files: list[Path]) -> list[str]:
    breaches = []
    for name, tree in _modules(root, files):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    breaches.append(
                        f"{name}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"
                    )
    return breaches


def names_without_an_idea(root: Path, files: list[Path]) -> list[str]:
    return [f"{name}: name the idea" for name in files if name.stem.lower() in NAMES_WITHOUT_AN_IDEA]


def missing_heads(root: Path, files: list[Path]) -> list[str]:
    """Finds modules that do not begin with the two licence lines and a sentence on their one idea."""
    breaches = []
    for name, tree in _modules(root, files):
        lines = [line for line in _lines(root / name)[:3] if not line.startswith("#!")]
        if lines[:2] != LICENCE_LINES:
            breaches.append(f"{name}: does not begin with the two SPDX lines")
        if not (ast.get_docstring(tree) or "").strip():
            breaches.append(f"{name}: no docstring that says the file's one idea")
    return breaches


def long_recipes(root: Path, files: list[Path]) -> list[str]:
    breaches = []
    for name in files:
        if name.parts[0] not in ("conf", "experiments") or name.suffix != ".yaml":
            continue
        lines = [line for line in _lines(root / name) if line.strip() and not line.lstrip().startswith("#")]
        if any(line.startswith("defaults:") for line in lines) and len(lines) > MAX_RECIPE_LINES:
            breaches.append(f"{name}: a recipe of {len(lines)} lines, at most {MAX_RECIPE_LINES} and comments")
    return breaches


def long_examples(root: Path, files: list[Path]) -> list[str]:
    breaches = []
    for name in files:
        if name.parts[0] != "examples" or name.suffix != ".py":
            continue
        limit = MAX_EXAMPLE_LINES if name.parts[1] == "asr" else MAX_PROGRAM_LINES
        length = len(_lines(root / name))
        if length > limit:
            breaches.append(f"{name}: {length} lines, at most {limit}")
    return breaches


def open_doors(root: Path, files: list[Path]) -> list[str]:
    """Finds optional packages that our package imports in several files, or on import instead of late."""
    breaches, doors = [], defaultdict(set)
    declared = _declared(root)
    optional = set().union(*declared.values()) - declared[""]
    for name, tree in _modules(root, [name for name in files if name.parts[0] == "nemo_noise"]):
        on_import = {id(node) for node in _statements_on_import(tree)}
        for node in ast.walk(tree):
            names = {each for each in _imported_packages(node) if _distribution(each) in optional}
            for package in names:
                doors[package].add(str(name))
                if id(node) in on_import:
                    breaches.append(f"{name}:{node.lineno}: imports {package} on import; import it where it is used")
    for package, names in doors.items():
        if len(names) > 1:
            breaches.append(f"{package} has {len(names)} doors, one is right: {', '.join(sorted(names))}")
    return breaches


def scattered_patches(root: Path, files: list[Path]) -> list[str]:
    """Finds wrappers and registrations in NeMo and OmegaConf outside the room whose table lists them all."""
    breaches = []
    for name, tree in _modules(root, [name for name in files if name.parts[0] == "nemo_noise"]):
        if name.parts[1] in (PATCHES, "first_use.py"):  # the second installs the first
            continue
        for node in ast.walk(tree):
            if "wrapt" in _imported_packages(node):
                breaches.append(f"{name}:{node.lineno}: imports wrapt; nemo_noise/{PATCHES} wraps, its table says why")
            called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if called in REGISTRATIONS:
                breaches.append(f"{name}:{node.lineno}: calls {called}; nemo_noise/{PATCHES} registers")
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in PER_INSTANCE and not _is_self(target):
                    breaches.append(
                        f"{name}:{node.lineno}: replaces {target.attr}; use replace_on of nemo_noise/{PATCHES}"
                    )
    return breaches


def probed_families(root: Path, files: list[Path]) -> list[str]:
    """Finds questions for the parts of a recogniser that tell its family, asked elsewhere than in its facts."""
    breaches = []
    for name, tree in _modules(root, [name for name in files if name.parts[0] in ("nemo_noise", "examples")]):
        for node in ast.walk(tree):
            asks = isinstance(node, ast.Call) and ast.unparse(node.func) in {"hasattr", "getattr"}
            asked = {one.value for one in node.args if isinstance(one, ast.Constant)} if asks else set()
            if name.as_posix() != FACTS and asked & FAMILY_PARTS:
                breaches.append(f"{name}:{node.lineno}: {ast.unparse(node)}; ask family_of of {FACTS}")
    return breaches


def undeclared_packages(root: Path, files: list[Path]) -> list[str]:
    """Finds imports of packages that pyproject.toml names neither as a dependency nor in an extra."""
    declared = set().union(*_declared(root).values(), *_groups(root).values())
    return [
        f"{name}:{number}: imports {package}, which pyproject.toml does not name"
        for name, number, package in _foreign_imports(root, files)
        if _distribution(package) not in declared
    ]


def unused_packages(root: Path, files: list[Path]) -> list[str]:
    """Finds packages that pyproject.toml asks users for, in an extra or always, and that nothing imports."""
    imported = {_distribution(package) for _, _, package in _foreign_imports(root, files)}
    asked = set().union(*(packages for extra, packages in _declared(root).items() if extra != "dev"))
    return [f"pyproject.toml names {package}, which nothing imports" for package in sorted(asked - imported)]


def unsafe_calls(root: Path, files: list[Path]) -> list[str]:
    """Finds eval, exec, pickle, shells, and loads of more than weights."""
    breaches = []
    for name, tree in _modules(root, files):
        for node in ast.walk(tree):
            for package in _imported_packages(node) & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}:
                breaches.append(f"{name}:{node.lineno}: imports {package}, whose files run code")
            if isinstance(node, ast.Call):
                breaches += [f"{name}:{node.lineno}: {reason}" for reason in _reasons_against(node)]
    return breaches


def writes_in_place(root: Path, files: list[Path]) -> list[str]:
    """Finds results that a kill or a full disk would leave half written, in the package and the scripts."""
    breaches = []
    for name, tree in _modules(root, files):
        is_ours = name.parts[0] in ("nemo_noise", "experiments") or name.parts[:2] == ("examples", "asr")
        if is_ours and name.as_posix() not in WRITES_IN_PLACE:
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _writes_in_place(node)]
            breaches += [f"{name}:{call.lineno}: {ast.unparse(call.func)} writes in place" for call in calls]
    return breaches


def markup_by_hand(root: Path, files: list[Path]) -> list[str]:
    """Finds tags and escaping in code, which are the templates' business, and templates that leave escaping out."""
    breaches = []
    for name, tree in _modules(root, [name for name in files if name.parts[0] == "nemo_noise"]):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and TAG.search(node.value):
                breaches.append(f"{name}:{node.lineno}: writes a tag; give a template the text")
            for package in _imported_packages(node) & {"html", "markupsafe"}:
                breaches.append(f"{name}:{node.lineno}: imports {package}; templates escape")
    for name in files:
        if name.parts[0] == "nemo_noise" and name.suffix in (".html", ".svg"):
            found = UNESCAPED.search((root / name).read_text(encoding="utf-8"))
            breaches += [f"{name}: {found[0]!r} leaves escaping out"] if found else []
    return breaches


def machine_paths(root: Path, files: list[Path]) -> list[str]:
    breaches = []
    for name in files:
        if name.suffix in TEXT_SUFFIXES:
            for number, line in enumerate(_lines(root / name), start=1):
                if MACHINE_PATH.search(line):
                    breaches.append(f"{name}:{number}: a path of one machine: {line.strip()[:80]}")
    return breaches


def stale_map(root: Path, files: list[Path]) -> list[str]:
    """Finds a map of the folders in docs/architecture.md that is not that of the package."""
    page = root / "docs" / "architecture.md"
    if not page.is_file():
        return [f"{page.name} is missing"] if any(name.parts[0] == "nemo_noise" for name in files) else []
    written = page.read_text(encoding="utf-8")
    if written == with_map(written, root):
        return []
    return ["docs/architecture.md: the map of the folders is stale; write it by python -m tests.house.architecture"]


def unlisted_pages(root: Path, files: list[Path]) -> list[str]:
    """Finds pages of docs/ that its README.md does not link to."""
    index = (root / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [name for name in files if name.parts[0] == "docs" and name.suffix == ".md" and name.name != "README.md"]
    links = [(name, str(name.relative_to("docs"))) for name in pages]
    return [f"docs/README.md does not link to {name}" for name, link in links if f"({link})" not in index]


def _is_self(target: ast.Attribute) -> bool:
    return isinstance(target.value, ast.Name) and target.value.id == "self"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _modules(root: Path, files: list[Path]) -> Iterator[tuple[Path, ast.Module]]:
    for name in files:
        if name.suffix == ".py":
            yield name, _tree((root / name).read_text(encoding="utf-8"))


@lru_cache(maxsize=1000)
def _tree(source: str) -> ast.Module:
    """Parses a file once for all rules."""
    return ast.parse(source)


def _imported_packages(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return {node.module.split(".")[0]}
    return set()


def _foreign_imports(root: Path, files: list[Path]) -> Iterator[tuple[Path, int, str]]:
    """Walks the imports of a user's Python that neither Python brings nor we; scripts import their neighbours."""
    for name, tree in _modules(root, [name for name in files if name.parts[0] in PROGRAMS]):
        neighbours = set() if name.parts[0] == "nemo_noise" else {path.stem for path in (root / name).parent.iterdir()}
        for node in ast.walk(tree):
            foreign = _imported_packages(node) - PROGRAMS - neighbours - sys.stdlib_module_names
            yield from ((name, node.lineno, package) for package in sorted(foreign))


def _declared(root: Path) -> dict[str, set[str]]:
    """Reads the names of packages by extra; the dependencies have none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    by_extra = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: set(map(_plain_name, requirements)) for extra, requirements in by_extra.items()}


def _groups(root: Path) -> dict[str, set[str]]:
    """Reads the names of packages by group, which no user is asked for."""
    groups = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("dependency-groups", {})
    return {group: set(map(_plain_name, requirements)) for group, requirements in groups.items()}


def _plain_name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0].lower().replace("-", "_")


def _distribution(package: str) -> str:
    return DISTRIBUTIONS.get(package, package).lower()


def _statements_on_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Walks everything outside functions and outside `if TYPE_CHECKING:`."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            is_typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            if not is_typing and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                pending.append(child)


def _reasons_against(call: ast.Call) -> list[str]:
    called = ast.unparse(call.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    reasons = []
    if called in {"eval", "exec"}:
        reasons.append(f"{called} runs text as code")
    if called in {"os.system", "os.popen", "subprocess.getoutput"} or keywords.get("shell", "False") != "False":
        reasons.append(f"{called} starts a shell; give subprocess a list")
    if called == "torch.load" and keywords.get("weights_only") != "True":
        reasons.append("torch.load without weights_only=True")
    if called in {"np.load", "numpy.load"} and keywords.get("allow_pickle", "False") != "False":
        reasons.append("numpy.load with allow_pickle")
    return reasons


def _writes_in_place(call: ast.Call) -> bool:
    """Whether a call writes a file under its own name, as far as its text shows."""
    function = ast.unparse(call.func)
    method = function.rpartition(".")[2]
    if method == "open":
        arguments = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        modes = [value.value for value in arguments if isinstance(value, ast.Constant)]
        return any(isinstance(mode, str) and re.fullmatch(r"[bt]?[wx][bt+]*", mode) for mode in modes)
    return method in {"write_text", "write_bytes", "savefig", "save_to"} and not function.startswith("whole_file.")
