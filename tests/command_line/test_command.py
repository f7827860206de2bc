# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The command as a whole: help, misspelt words, errors, the log, Ctrl-C."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from nemo_noise.command_line import main
from nemo_noise.command_line.session import session
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.progress import progress, progress_to


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    run = [sys.executable, "-m", "nemo_noise", *arguments]
    return subprocess.run(run, check=False, capture_output=True, text=True, env=environment)


def test_the_help_imports_neither_nemo_nor_torch() -> None:
    code = (
        "import sys; sys.argv = ['nemo-noise', '--help']\n"
        "from nemo_noise.command_line import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'nemo', 'torch', 'lightning', 'hydra'} & set(sys.modules), 'imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "near"), [(["doctr"], "'doctor'"), (["doctor", "--jsn"], "--json"), (["doctor", "x"], "x")]
)
def test_a_misspelt_word_is_answered_with_a_near_one(arguments: list[str], near: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert near in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tune", "a.nemo", "--steps", "many"], "--steps is 'many'"),
        (["mix", "--utterances=0"], "--utterances is '0'"),
        (["card", "a.nemo", "--snr", "ten"], "--snr holds 'ten'"),
        (["tune"], "MODEL is missing: nemo-noise tune"),
        (["doctor", "--jsn"], "--json"),
    ],
)
def test_wrong_words_name_their_value_and_are_an_object_too_for_json(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["nemo-noise", *arguments, "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    shown = capfd.readouterr()
    answer = json.loads(shown.out)
    assert end.value.code == 2
    assert answer["type"] == "usage"
    assert said in answer["error"]
    assert answer["error"] in shown.err


def test_an_error_begins_with_what_was_typed_where_the_option_is_called_otherwise_below(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit), session(names={"noise_lists": "--noise"}):
        raise ValueError("noise_lists.hum is 'hum', which is not there")
    assert capfd.readouterr().err.startswith("error: --noise: noise_lists.hum is 'hum'")


def test_every_room_imports_nemo_whole_before_anything_of_ours(repository: Path) -> None:
    """Else an import of one module would register us in its middle."""
    for room in sorted((repository / "nemo_noise").glob("*/__init__.py")):
        if room.parent.name in ("command_line", "demo"):
            continue  # they import NeMo late, and the demo's modules each for themselves: tests/demo
        first = next(node for node in ast.parse(room.read_text()).body if isinstance(node, ast.Import))
        assert [name.name for name in first.names] == ["nemo.collections.asr.models"], room


@pytest.mark.parametrize("module", ["archive.door", "nemo_patches.registration"])
def test_each_module_may_be_imported_first(module: str) -> None:
    code = (
        f"import nemo_noise.{module}\nfrom nemo_noise.nemo_patches.table import TABLE\n"
        "assert all(change.is_installed() for change in TABLE)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_others_write_is_in_the_log_and_the_result_alone_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with session(log=tmp_path / "deep" / "run.log") as current:
        print("chatter of a library")
        subprocess.run([sys.executable, "-c", "print('of a child')"], check=True)
        current.note("a note \x1b[31m")
        current.result("a table", {})
    shown = capfd.readouterr()
    assert shown.out == "a table\n"
    assert shown.err == "a note \\x1b[31m\n"
    assert {"chatter of a library", "of a child"} <= set((tmp_path / "deep" / "run.log").read_text().splitlines())


def test_the_wait_for_nemo_is_announced_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for is_loaded in (False, True):
        if is_loaded:
            monkeypatch.setitem(sys.modules, "nemo.collections.asr", sys)
        else:
            monkeypatch.delitem(sys.modules, "nemo.collections.asr", raising=False)
        with session() as current:
            current.loads()
        assert ("loading NeMo" in capfd.readouterr().err) != is_loaded


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("snr_db is 1, should be 2"), 2),
        (ImportError("m4a needs PyAV: pip install 'nemo-noise[media]'"), 2),
        (ImportError("cannot import name 'a'"), 3),
        (KeyError("a"), 3),
    ],
)
def test_an_error_is_one_message_and_a_status(
    error: Exception, status: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end, session(log=tmp_path / "log", as_json=True):
        raise error
    shown = capfd.readouterr()
    assert end.value.exit_code == status
    assert str(error) in shown.err
    assert "Traceback" not in shown.err
    assert "Traceback" in (tmp_path / "log").read_text()
    assert json.loads(shown.out)["error"] == str(error)


def test_the_log_is_named_where_another_library_raised(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), session(log=tmp_path / "theirs.log"):
        json.loads("{")
    assert "details: " in capfd.readouterr().err
    with pytest.raises(typer.Exit), session(log=tmp_path / "ours.log"):
        read_manifest(tmp_path / "absent.json")
    assert "details: " not in capfd.readouterr().err


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["nemo-noise", "card", "my model.nemo"])
    with pytest.raises(typer.Exit) as end, session(log=tmp_path / "log", resumes=True):
        raise KeyboardInterrupt
    assert end.value.exit_code == 130
    assert "nemo-noise card 'my model.nemo'" in capfd.readouterr().err


def test_progress_without_a_terminal_is_one_line_each_tenth() -> None:
    stream = io.StringIO()
    with progress_to(stream), progress(200, "whisper", done=20) as bar:
        for _ in range(180):
            bar.update()
    lines = stream.getvalue().splitlines()
    assert [line.split(" %")[0].strip() for line in lines] == [str(tenth) for tenth in range(20, 101, 10)]
    assert lines[0].startswith("  20 %  40 of 200 utt  whisper")
    assert lines[0].endswith("left")
    assert not lines[-1].endswith("left")
