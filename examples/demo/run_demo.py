# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""From no data to a report: synthesise, pretrain, train two recognisers, evaluate, transcribe (`make demo`).

python examples/demo/run_demo.py [output folder]

Takes about 10 minutes on two CPU cores. A step that has its result is not repeated; delete the result to repeat it.
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("output", nargs="?", default="demo_output", help="folder for all that is made, else demo_output")
if __name__ == "__main__":
    PARSER.parse_args()  # --help, before anything is imported that takes long


import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from experiments.processes import JobProcesses, RunnerError, only_runner

EXAMPLES = Path(__file__).resolve().parents[1]
PRETRAIN_STEPS, TRAIN_STEPS = 150, 1000
SNRS_DB = "[clean,20,15,10,5,0]"
# The baseline has neither context nor fusion and is else the same.
BASELINE = ["model.encoder.context=null", "model.encoder.fusion=null"]


class Job:
    """A script that runs beside us, its output in a file.

    Args:
        processes: starts it, so that it ends with us.
        name: label of the progress bar.
        script: path below examples/.
        arguments: what follows the script.
        log: file for its output.
    """

    def __init__(self, processes: JobProcesses, name: str, *, script: str, arguments: list[str], log: Path) -> None:
        self.name, self.log = name, log
        # One thread for each: two recognisers train side by side.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with log.open("w", encoding="utf-8") as output:
            command = [sys.executable, str(EXAMPLES / script), *arguments]
            self.process = processes.start(command, output, environment)

    def steps(self) -> int:
        """Counts the training steps in the log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")[-4000:]
        bars = re.findall(r"Epoch (\d+):[^\r\n]*?(\d+)/(\d+) \[", text)
        epoch, step, steps_per_epoch = (int(number) for number in bars[-1]) if bars else (0, 0, 0)
        return epoch * steps_per_epoch + step


def run(jobs: list[Job], total_steps: int) -> None:
    """Waits for the jobs and shows how far each is; stops all and leaves when one fails."""
    bars = [tqdm(total=total_steps, desc=job.name, unit=" steps", position=i) for i, job in enumerate(jobs)]
    try:
        while any(job.process.poll() is None for job in jobs):
            time.sleep(2.0)
            for job, bar in zip(jobs, bars, strict=True):
                bar.update(min(job.steps(), total_steps) - bar.n)
                if job.process.poll() not in (None, 0):
                    raise ChildProcessError(f"{job.name} failed, its last words are in {job.log}:\n{tail(job.log)}")
    finally:
        for job, bar in zip(jobs, bars, strict=True):
            if job.process.poll() is None:
                job.process.terminate()
            bar.close()


def run_here(processes: JobProcesses, script: str, arguments: list[str]) -> None:
    """Waits for a script that prints where we print."""
    code = processes.start([sys.executable, str(EXAMPLES / script), *arguments], None, os.environ).wait()
    if code:
        raise ChildProcessError(f"{script} failed with exit status {code}.")


def tail(log: Path) -> str:
    """Returns the last lines of a log, progress bars left out."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([line for line in lines if "it/s" not in line][-25:])


def synthesize(output: Path, processes: JobProcesses) -> None:
    """Makes speech and noise."""
    if (output / "data" / "unseen.json").exists():
        return
    run_here(processes, "demo/synthesize_data.py", [str(output / "data")])


def pretrain(output: Path, processes: JobProcesses) -> None:
    """Pretrains the noise context; no transcript is read."""
    if (output / "context.nemo").exists():
        return
    data = output / "data"
    arguments = [
        f"--config-path={EXAMPLES / 'demo'}",
        "--config-name=context",
        f"model.train_ds.manifest_filepath={data / 'train.json'}",
        f"model.train_ds.noise_manifest={data / 'seen.json'}",
        "model.train_ds.batch_size=32",
        "model.validation_ds.num_pairs=32",
        f"trainer.max_steps={PRETRAIN_STEPS}",
        f"exp_manager.exp_dir={output / 'pretraining'}",
        "exp_manager.create_tensorboard_logger=false",
        f"+save_to={output / 'context.nemo'}",
    ]
    job = Job(
        processes,
        "context",
        script="asr/pretrain_noise_context.py",
        arguments=arguments,
        log=output / "pretraining.log",
    )
    run([job], PRETRAIN_STEPS)


def train(output: Path, processes: JobProcesses) -> None:
    """Trains the noise-aware recogniser and its baseline side by side, on the same data, noise and number of steps."""
    common = [
        f"--config-path={EXAMPLES / 'demo'}",
        "--config-name=recipe",
        f"data={output / 'data'}",
        f"trainer.max_steps={TRAIN_STEPS}",
    ]
    # The one line that brings the pretrained context.
    pretrained = f"+init_from_nemo_model={{context: {{path: {output / 'context.nemo'}, include: [context_encoder]}}}}"
    arms = {"noise_aware": [pretrained], "baseline": BASELINE}
    waiting = [name for name in arms if not (output / f"{name}.nemo").exists()]
    jobs = []
    for name in waiting:
        arguments = [*common, *arms[name], f"exp_manager.exp_dir={output / name}"]
        log = output / f"{name}.log"
        jobs.append(Job(processes, name, script="asr/speech_to_text_ctc.py", arguments=arguments, log=log))
    run(jobs, TRAIN_STEPS)
    for name in waiting:
        (output / name / "model" / "checkpoints" / "model.nemo").replace(output / f"{name}.nemo")


def evaluate(output: Path, processes: JobProcesses) -> None:
    """Measures both recognisers on unseen speakers, in seen and in unseen noise."""
    data = output / "data"
    arguments = [
        f"model={output / 'noise_aware.nemo'}",
        f"baseline={output / 'baseline.nemo'}",
        f"speech={data / 'test.json'}",
        f"noise_lists={{seen: {data / 'seen.json'}, unseen: {data / 'unseen.json'}}}",
        f"snr_db={SNRS_DB}",
        "batch_size=16",
        f"output_dir={output / 'report'}",
    ]
    run_here(processes, "asr/evaluate_noise_robustness.py", arguments)


def transcribe(output: Path, processes: JobProcesses) -> None:
    """Transcribes one noisy file with both."""
    run_here(processes, "demo/transcribe_noisy_file.py", [str(output)])


def main() -> None:
    """Runs all steps."""
    output = Path(PARSER.parse_args().output).resolve()
    output.mkdir(parents=True, exist_ok=True)
    steps: list[Callable[[Path, JobProcesses], None]] = [synthesize, pretrain, train, evaluate, transcribe]
    begin = time.monotonic()
    try:
        with only_runner(output) as processes:
            for number, step in enumerate(steps, start=1):
                print(f"\n[{number}/{len(steps)}, {time.monotonic() - begin:.0f} s] {step.__doc__}", flush=True)
                step(output, processes)
    except (ChildProcessError, RunnerError) as error:
        sys.exit(f"\nThe demo stopped: {error}\nThe same command goes on from here.")
    print(f"\nDone in {time.monotonic() - begin:.0f} s.\n  report: {output / 'report' / 'report.html'}")
    print(f"  model:  {output / 'noise_aware.nemo'}")


if __name__ == "__main__":
    main()
