# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A file is there whole or as it was, whatever ends the writing."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nemo_noise import whole_file

WRITES_AND_DIES = """
import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("whole_file", sys.argv[1])
whole_file = importlib.util.module_from_spec(spec)
spec.loader.exec_module(whole_file)
with whole_file.writing(sys.argv[2]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    whole_file.write_text(tmp_path / "new" / "a.json", "first")
    whole_file.write_text(tmp_path / "new" / "a.json", "späť")
    assert (tmp_path / "new" / "a.json").read_bytes() == "späť".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fill_the_disk() -> None:
        with whole_file.writing(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill_the_disk()
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file.writing(tmp_path / "a.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_the_old_file_and_the_next_writer_clears_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "model.nemo"
    path.write_text("old")
    command = [sys.executable, "-c", WRITES_AND_DIES, whole_file.__file__, str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    (left,) = [other for other in tmp_path.iterdir() if other != path]
    running = tmp_path / f".model.{platform.node()}-{os.getppid()}.partial.nemo"
    running.write_text("of another process that runs")
    elsewhere = tmp_path / ".model.another-machine-99999999.partial.nemo"
    elsewhere.write_text("of a process of another machine")
    whole_file.write_text(path, "new")
    assert path.read_text() == "new" and not left.exists()
    assert running.exists() and elsewhere.exists()


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    whole_file.write_text(link, "new")
    assert link.is_symlink() and target.read_text() == "new"


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    whole_file.write_text(pipe, "through")
    assert reader.communicate()[0] == b"through"
    assert pipe.is_fifo()


def test_a_name_as_long_as_a_name_may_be_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".json")
    whole_file.write_text(path, "whole")
    assert path.read_text() == "whole"


def test_a_folder_gets_all_its_files_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "a.onnx").write_text("old")
    (folder / "notes.txt").write_text("mine")

    def write(fails: bool) -> None:
        with whole_file.writing_folder(folder) as temporary:
            (temporary / "a.onnx").write_text("new")
            if fails:
                raise OSError(28, "No space left on device")
            (temporary / "b.onnx").write_text("new")

    with pytest.raises(OSError, match="No space"):
        write(fails=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a.onnx": "old", "notes.txt": "mine"}
    write(fails=False)
    contents = {path.name: path.read_text() for path in folder.iterdir()}
    assert contents == {"a.onnx": "new", "b.onnx": "new", "notes.txt": "mine"}
    assert list(tmp_path.iterdir()) == [folder]
