# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo: what is checked before them, what is not repeated, what is shown, and how one fails."""

import ast
import io
import subprocess
import sys
import types
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from nemo_noise.child_processes import JobProcesses, only_runner
from nemo_noise.command_line import main
from nemo_noise.demo import steps, watching
from nemo_noise.demo.places import Places
from nemo_noise.demo.sizes import ARMS, FULL, NOISE_CONTEXT, QUICK, RECORDINGS
from nemo_noise.demo.steps import prepare_folder, run_demo
from nemo_noise.demo.watching import Job, JobError, last_lines, watch_trainings
from nemo_noise.progress import progress_to


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nemo-noise", "demo", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(str(end.value.code))


@pytest.fixture
def _no_synthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "find_spec", lambda name: None)


def test_help_explains_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "--help") == 0
    assert "--quick" in capfd.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_no_synthesis")
def test_a_missing_extra_is_one_sentence_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, str(tmp_path / "out")) == 2
    assert capfd.readouterr().err.splitlines() == [
        "error: the demo synthesises speech with espeak-ng: pip install 'nemo-noise[demo]'"
    ]
    assert not (tmp_path / "out" / "data").exists()


@pytest.mark.usefixtures("_no_synthesis")
def test_recordings_that_are_there_need_no_synthesis(tmp_path: Path) -> None:
    recordings = Places(tmp_path).result(RECORDINGS)
    recordings.parent.mkdir()
    recordings.touch()
    assert prepare_folder(tmp_path, FULL, 0).data == recordings.parent


def test_a_folder_holds_one_demo(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a", QUICK, 3)
    prepare_folder(tmp_path / "a", QUICK, 3)
    with pytest.raises(ValueError, match=r"OUTPUT is .*holds the demo of size quick with seed 3.*another folder"):
        prepare_folder(tmp_path / "a", FULL, 3)
    with pytest.raises(ValueError, match="--seed is -1"):
        prepare_folder(tmp_path / "b", FULL, -1)


def test_a_file_is_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert command(monkeypatch, "file") == 2
    assert "OUTPUT is 'file'" in capfd.readouterr().err


@pytest.mark.parametrize("size", [FULL, QUICK], ids=lambda size: size.name)
def test_what_is_done_is_not_done_again(size: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(size, type(FULL))
    places = prepare_folder(tmp_path, size, 0)
    for task in (RECORDINGS, *size.arms):
        places.result(task).parent.mkdir(exist_ok=True)
        places.result(task).touch()
    monkeypatch.setattr(steps, "start", lambda *_, **__: pytest.fail("a task was started"))
    measurement = types.ModuleType("nemo_noise.demo.measurement")
    measurement.measure = lambda places, size: "measured"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nemo_noise.demo.measurement", measurement)
    notes: list[str] = []
    assert run_demo(places, size, 0, note=notes.append).measured == "measured"
    assert all(note.endswith("done before") for note in notes[:-1])
    last = len(notes)  # no number of a step is skipped
    assert last == (2 if size is QUICK else 3)
    assert [note.split(",")[0] for note in notes] == [f"[{number}/{last}" for number in range(1, last + 1)]


def test_a_folder_in_which_a_demo_runs_is_named(tmp_path: Path) -> None:
    places = prepare_folder(tmp_path, QUICK, 0)
    with only_runner(places.folder), pytest.raises(ValueError, match=r"OUTPUT: .*another folder"):
        run_demo(places, QUICK, 0, note=print)


def started(processes: JobProcesses, places: Places, code: str) -> Job:
    places.logs.mkdir(parents=True, exist_ok=True)
    log = places.logs / "arm.log"
    with log.open("ab") as output:
        process = processes.start([sys.executable, "-c", code], output, {})
    return Job((NOISE_CONTEXT,), process, log, (places.result(NOISE_CONTEXT),))


def test_progress_follows_the_step_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nemo_noise.training.step_log  # noqa: F401  takes long, and the task does not wait

    monkeypatch.setattr(watching, "POLL_S", 0.02)
    places = Places(tmp_path)
    code = (
        "import pathlib, time\n"
        f"log = pathlib.Path({str(places.step_log(NOISE_CONTEXT))!r})\n"
        'log.write_text(\'{"step": 30, "of": 100, "loss": 1.25}\\n\'); time.sleep(1.0)\n'
        f"pathlib.Path({str(places.result(NOISE_CONTEXT))!r}).touch()\n"
    )
    stream = io.StringIO()
    with only_runner(tmp_path) as processes, progress_to(stream):
        watch_trainings([started(processes, places, code)], places, steps=100, what="training")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("  30 %  30 of 100 steps  training  loss 1.25  ")
    assert lines[1].startswith(" 100 %  100 of 100 steps")


@pytest.mark.parametrize("code", ["print('the cause'); raise SystemExit(1)", "print('the cause')"])
def test_a_task_without_its_result_fails_with_the_end_of_its_log(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.02)
    places = Places(tmp_path)
    with only_runner(tmp_path) as processes, pytest.raises(JobError, match=r"noise_context failed(.|\n)*the cause"):
        watch_trainings([started(processes, places, code)], places, steps=100, what="training")


def test_the_end_of_a_log_has_no_bars_and_no_colours(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\n10%| 3.2it/s\r20%| 3.2it/s\n\x1b[31mtwo\x1b[0m\n\n" + "x\n" * 13)
    assert last_lines(tmp_path / "log").splitlines() == ["one", "two", *["x"] * 13]


def test_the_arms_differ_in_context_and_fusion_alone(tmp_path: Path) -> None:
    from nemo_noise.demo.job import arm_config

    places, seen = Places(tmp_path), []
    for arm in ARMS:
        config = OmegaConf.to_container(arm_config(places, FULL, seed=5, arm=arm), resolve=False)
        assert isinstance(config, dict)
        assert config["model"]["train_ds"]["augmentor"]["noise_mix"]["seed"] == config["seed"] == 5
        seen.append(config["model"]["encoder"].pop("context"))
        config["model"]["encoder"].pop("fusion")
        for place in ("save_to", "step_log", "exp_manager"):  # where an arm writes
            config.pop(place)
        seen.append(config)
    assert seen[1] == seen[3] == seen[5]
    assert seen[2] is None
    assert "ConstantContextEncoder" in seen[4]["_target_"]


def test_a_module_of_the_demo_that_imports_nemo_imports_it_whole_and_first(repository: Path) -> None:
    for module in sorted((repository / "nemo_noise" / "demo").glob("*.py")):
        imports = [
            node for node in ast.parse(module.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        names = {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
        rooms = ("nemo_noise.data", "nemo_noise.models", "nemo_noise.evaluation")
        if any(name.startswith(("nemo.", *rooms)) for name in names):
            plain = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
            assert "nemo.collections.asr.models" in plain, module


def test_what_supervises_imports_neither_nemo_nor_torch() -> None:
    code = (
        "import sys, nemo_noise.demo.steps\n"
        "assert not {'nemo', 'torch', 'lightning', 'hydra', 'numpy'} & set(sys.modules), 'imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_quick_demo_ends_with_a_card(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="speech synthesis needs the extra `demo`")
    run = [sys.executable, "-m", "nemo_noise", "demo", str(tmp_path / "out put"), "--quick"]
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert len((done.stdout + done.stderr).splitlines()) < 60
    assert (tmp_path / "out put" / "card" / "report.html").is_file()
    summary = OmegaConf.load(tmp_path / "out put" / "card" / "summary.json")
    assert summary["models"][NOISE_CONTEXT]["clean"]["wer"] < 0.5
