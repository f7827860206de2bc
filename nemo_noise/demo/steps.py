# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo, from nothing to a card; a step that has its result is not repeated."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nemo_noise import whole_file
from nemo_noise.child_processes import JobProcesses, RunnerError, only_runner
from nemo_noise.demo.places import Places
from nemo_noise.demo.sizes import NOISE_CONTEXT, RECORDINGS, Size
from nemo_noise.demo.watching import start, wait, watch_trainings
from nemo_noise.progress import fewer_lines

if TYPE_CHECKING:
    from nemo_noise.demo.measurement import Measured

__all__ = ["Demo", "prepare_folder", "run_demo"]

SETTINGS = "demo.json"


@dataclass(frozen=True)
class Demo:
    """A demo that has been run.

    Attributes:
        measured: card, control and numbers.
        places: where everything is.
        seconds: how long this run took.
    """

    measured: "Measured"
    places: Places
    seconds: float


def prepare_folder(folder: Path, size: Size, seed: int) -> Places:
    """Checks all that can be checked before the work, which takes no time.

    Args:
        folder: of the output; made.
        size: of the demo.
        seed: of recordings and trainings.

    Raises:
        ValueError: the speech synthesis is not installed, the seed is negative, or the folder holds another demo.
        OSError: the folder cannot be written.
    """
    places = Places(folder)
    if seed < 0:
        raise ValueError(f"--seed is {seed}, should be 0 or more")
    settings, given = places.folder / SETTINGS, {"size": size.name, "seed": seed}
    if settings.exists():
        found = json.loads(settings.read_text(encoding="utf-8"))
        if found != given:
            raise ValueError(
                f"OUTPUT is {str(folder)!r}, which holds the demo of size {found.get('size')} with seed "
                f"{found.get('seed')}: name another folder, or delete it"
            )
    if not places.result(RECORDINGS).exists() and find_spec("espeakng_loader") is None:
        raise ValueError("the demo synthesises speech with espeak-ng: pip install 'nemo-noise[demo]'")
    whole_file.write_text(settings, json.dumps(given))
    return places


def run_demo(places: Places, size: Size, seed: int, *, note: Callable[[str], object]) -> Demo:
    """Makes recordings, trains and measures, as far as that is not done.

    Args:
        places: of the folder, prepared.
        size: of the demo.
        seed: of recordings and trainings.
        note: gets lines for people.

    Raises:
        ValueError: another demo runs in the folder.
        JobError: a task failed; holds the end of its log.
    """
    begin = time.monotonic()
    last = 2 if len(size.arms) == 1 else 3  # with one arm, recordings and training are one step

    def step(number: int, text: str, *tasks: str) -> None:
        is_done = tasks and all(places.result(task).exists() for task in tasks)
        note(f"[{number}/{last}, {time.monotonic() - begin:.0f} s] {text}{': done before' if is_done else ''}")

    try:
        with only_runner(places.folder) as processes:
            if len(size.arms) == 1:
                step(1, "synthesising speech and noise, then training a small recogniser in the noise", *size.arms)
                _make_and_train(processes, places, size=size, seed=seed)
            else:
                step(1, "synthesising speech and noise", RECORDINGS)
                _make(processes, places, size=size, seed=seed)
                step(2, f"training {len(size.arms)} recognisers on the same data: {', '.join(size.arms)}", *size.arms)
                _train(processes, places, size=size, seed=seed)
            step(last, "transcribing unknown voices, clean and in noise, and noise alone")
            from nemo_noise.demo.measurement import measure

            with fewer_lines(1):
                measured = measure(places, size)
    except RunnerError as error:
        raise ValueError(f"OUTPUT: {error}") from error
    return Demo(measured, places, time.monotonic() - begin)


def _make_and_train(processes: JobProcesses, places: Places, *, size: Size, seed: int) -> None:
    """One child for both, so that NeMo is imported once beside the import here."""
    if places.result(NOISE_CONTEXT).exists():
        return
    job = start(processes, places, size=size, seed=seed, tasks=(RECORDINGS, NOISE_CONTEXT))
    import nemo_noise.demo.measurement  # noqa: F401  takes long; meanwhile the job works

    watch_trainings([job], places, steps=size.steps, what="training")


def _make(processes: JobProcesses, places: Places, *, size: Size, seed: int) -> None:
    if places.result(RECORDINGS).exists():
        return
    job = start(processes, places, size=size, seed=seed, tasks=(RECORDINGS,))
    import nemo_noise.demo.measurement  # noqa: F401  takes long; meanwhile the job works

    wait(job)


def _train(processes: JobProcesses, places: Places, *, size: Size, seed: int) -> None:
    missing = [arm for arm in size.arms if not places.result(arm).exists()]
    if missing:
        jobs = [start(processes, places, size=size, seed=seed, tasks=(arm,)) for arm in missing]
        watch_trainings(jobs, places, steps=size.steps, what="training")
