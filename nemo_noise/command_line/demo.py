# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise demo`: from nothing to a card, without data and without a GPU."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from nemo_noise.command_line.arguments import Json, Verbose, check_folder
from nemo_noise.command_line.session import session

Output = Annotated[
    Path | None, typer.Argument(help="Folder for everything. Default: demo_output, quick: demo_output_quick.")
]
Quick = Annotated[bool, typer.Option("--quick", help="One small recogniser and its card in about a minute.")]
Seed = Annotated[int, typer.Option(help="0 or more: other voices, texts, noises and weights.")]

NEXT = """\
Three things to try next, the first with a recogniser of yours:
  nemo-noise card YOUR.nemo --speech YOUR_SPEECH.json --noise YOUR_NOISE/
  nemo-noise mix --speech {data}/test.json --noise {data}/unseen --snr 0..10 --out noise_preview
  nemo-noise transcribe {model} {data}/test/00000.wav"""
HONESTLY = """\
What this shows: every part works, and how a result is looked at. What it does not: anything about real speech.
The voices are synthetic, the words are ten, and each training takes minutes.
{matched}"""
MATCHED = """\
The arms share data, noise, steps and normalisation. One training each is one draw: another --seed may order
them otherwise. docs/results has real speech and several seeds."""
ALONE = "Without --quick a baseline and a control are trained too."


def demo(
    output: Output = None, quick: Quick = False, seed: Seed = 0, as_json: Json = False, verbose: Verbose = False
) -> None:
    """Synthesise speech and noise, train small recognisers, and show the card: no data, no GPU.

    nemo-noise demo --quick

    In full it takes less than 8 minutes on two cores and trains a noise-aware recogniser, the same without a context,
    and the same with a constant context as a control. A demo that was stopped goes on with the same command.
    """
    from nemo_noise.demo.sizes import FULL, NOISE_CONTEXT, QUICK
    from nemo_noise.demo.steps import prepare_folder, run_demo

    size = QUICK if quick else FULL
    folder = output or Path("demo_output_quick" if quick else "demo_output")
    check_folder("OUTPUT", folder)
    with session(as_json=as_json, verbose=verbose, log=folder / "nemo-noise.log", resumes=True) as current:
        places = prepare_folder(folder, size, seed)
        current.note(f"the demo goes to {folder}; what NeMo writes, to {folder / 'logs'}")
        made = run_demo(places, size, seed, note=current.note)
        model = folder / places.result(NOISE_CONTEXT).name
        given = {"model": shlex.quote(str(model)), "data": shlex.quote(str(folder / "data"))}
        parts = [
            made.measured.card,
            *([f"The control:\n{made.measured.control}"] if made.measured.control else []),
            f"report: {folder / 'card' / 'report.html'}\nmodel:  {model}",
            HONESTLY.format(matched=ALONE if quick else MATCHED),
            NEXT.format(**given),
            f"Done in {made.seconds:.0f} s.",
        ]
        current.result("\n\n".join(parts), {"seconds": made.seconds, "model": str(model), **made.measured.data})
