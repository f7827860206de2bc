# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise demo`: from nothing to a card, without data and without a GPU."""

from pathlib import Path
from typing import Annotated

import typer

from nemo_noise.command_line.arguments import Json, Verbose
from nemo_noise.command_line.session import session

Output = Annotated[
    Path | None, typer.Argument(help="Folder for everything. Default: demo_output, quick: demo_output_quick.")
]
Quick = Annotated[bool, typer.Option("--quick", help="One small recogniser and its card in about a minute.")]
Seed = Annotated[int, typer.Option(help="0 or more: other voices, texts, noises and weights.")]

NEXT = """\
Next, with a recogniser and noise of your own:
  nemo-noise card YOUR.nemo --speech YOUR_SPEECH.json --noise YOUR_NOISE/
Or with what is here:
  nemo-noise card {model} --speech {data}/test.json --noise {data}/unseen --snr clean,5,-5
  nemo-noise transcribe {model} {data}/test/00000.wav"""
HONESTLY = """\
What this shows: every part works, and how a result is looked at. What it does not: anything about real speech.
The voices are synthetic, the words are ten, and each training takes minutes.
{matched}"""
MATCHED = """\
The arms share data, noise, steps and normalisation. One training each is one draw: another --seed may order
them otherwise. docs/RESULTS.md has real speech and several seeds."""
ALONE = "Without --quick a baseline and a control are trained too."


def demo(
    output: Output = None, quick: Quick = False, seed: Seed = 0, as_json: Json = False, verbose: Verbose = False
) -> None:
    """Synthesise speech and noise, train small recognisers, and show the card: no data, no GPU.

    nemo-noise demo --quick

    In full it takes less than 8 minutes on two cores and trains a noise-aware recogniser, the same without a context,
    and the same with a constant context as a control. A demo that was stopped goes on with the same command.
    """
    from nemo_noise.demo.sizes import FULL, QUICK
    from nemo_noise.demo.steps import prepare_folder, run_demo

    size = QUICK if quick else FULL
    folder = output or Path("demo_output_quick" if quick else "demo_output")
    with session(as_json=as_json, verbose=verbose, log=folder / "nemo-noise.log", resumes=True) as current:
        places = prepare_folder(folder, size, seed)
        current.note(f"the demo goes to {folder}; what NeMo writes, to {folder / 'logs'}")
        made = run_demo(places, size, seed, note=current.note)
        measured, model = made.measured, folder / places.result(size.arms[0]).name
        words = HONESTLY.format(matched=ALONE if quick else MATCHED)
        ahead = NEXT.format(model=model, data=folder / "data")
        files = f"report: {places.card / 'report.html'}\nmodel:  {places.result(size.arms[0])}"
        parts = [measured.card, *([f"Control:\n{measured.control}"] if measured.control else []), files, words, ahead]
        text = "\n\n".join([*parts, f"Done in {made.seconds:.0f} s."])
        current.result(text, {"seconds": made.seconds, "model": str(model), **measured.data})
