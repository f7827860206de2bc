# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise tune`: conditions a checkpoint in noise, under a guard of clean speech."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from nemo_noise.command_line.arguments import Device, Json, Verbose, compose, listed, split_overrides
from nemo_noise.command_line.session import session

if TYPE_CHECKING:
    from nemo_noise.tuning import Tuned

GAIN_MISSED = 1
# What options of the config are called here, for errors that begin with them.
TYPED = {
    "start": "MODEL",
    "snr_db": "--snr",
    "text_normalization": "--normalize",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in ("train", "dev", "noise", "dev_noise", "output", "learn", "clean_share", "noise_alone", "rooms")
    },
    **{name: f"--{name}" for name in ("tolerance", "guard", "steps", "minutes", "lr", "language", "seed", "device")},
    "dev_snr_db": "--dev-snr",
    "batch_size": "--batch-size",
}

Model = Annotated[str, typer.Argument(help="A .nemo file of any family, or the name of a pretrained NeMo model.")]
Further = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Any option of conf/scripts/tune.yaml.")
]
Train = Annotated[list[str] | None, Option(help="Speech with text to learn from: manifest or folder; repeatable.")]
Dev = Annotated[list[str] | None, Option(help="Speech with text that chooses the weights; no test set; repeatable.")]
Noise = Annotated[list[str] | None, Option(help="Noise: folder or manifest; repeatable. A fifth is kept for dev.")]
DevNoise = Annotated[list[str] | None, Option(help="Noise for dev in place of that fifth; repeatable.")]
Output = Annotated[str | None, Option("--output", "-o", help="The .nemo to write. Default: tuned.nemo.")]
Learns = Annotated[
    str | None, Option(help="context, adapters or all. Default: the context where the model has one, else all.")
]
Snr = Annotated[str | None, Option(help="SNRs to learn from, dB: a range or choices 0,5,10. Default: -5..20.")]
CleanShare = Annotated[float | None, Option(help="Share of the utterances that stays clean, 0 to 1. Default: 0.15.")]
NoiseAlone = Annotated[
    float | None, Option(help="Share that becomes noise alone without text, 0 to 1, such as 0.05. Default: 0.")
]
Rooms = Annotated[
    str | None, Option(help="Rooms before the noise: simulated_rooms, or a manifest of impulse responses.")
]
DevSnr = Annotated[str | None, Option(help="SNRs of noisy dev, dB. Default: 10,0.")]
Tolerance = Annotated[float | None, Option(help="Points of WER that clean speech may lose. Default: 0.5.")]
Guard = Annotated[
    str | None, Option(help="Where it loses more: blend (half of the way back) or stop. Default: blend.")
]
Steps = Annotated[int | None, Option(help="Optimizer steps. Default: 10 times the data, 400 to 20000.")]
Minutes = Annotated[float | None, Option(help="End in so many minutes; chooses the steps. Default: no limit.")]
BatchSize = Annotated[int | None, Option(help="Utterances in a batch. Default: 16.")]
Rate = Annotated[float | None, Option(help="Peak of the learning rate. Default: by what learns, and by the size.")]
Normalize = Annotated[str | None, Option(help="What is done to texts of train and dev: lower,strip_punctuation.")]
Language = Annotated[str | None, Option(help="Of lines that name none, for attention decoders, such as en.")]
Seed = Annotated[int | None, Option(help="Of all random draws. Default: 0.")]
Restart = Annotated[bool, Option("--restart", help="Throw away what an earlier run of this output left.")]
RequireGain = Annotated[bool, Option("--require-gain", help="Exit with 1 where dev has no fewer errors in noise.")]


def tune(
    model: Model,
    overrides: Further = None,
    train: Train = None,
    dev: Dev = None,
    noise: Noise = None,
    dev_noise: DevNoise = None,
    output: Output = None,
    learn: Learns = None,
    snr: Snr = None,
    clean_share: CleanShare = None,
    noise_alone: NoiseAlone = None,
    rooms: Rooms = None,
    dev_snr: DevSnr = None,
    tolerance: Tolerance = None,
    guard: Guard = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    normalize: Normalize = None,
    language: Language = None,
    seed: Seed = None,
    restart: Restart = False,
    require_gain: RequireGain = False,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Condition a checkpoint that you run already: its noise context, adapters, or all of it.

    Clean speech is guarded, noisy dev chooses the weights. The same command goes on where it was stopped.

    Example: nemo-noise tune stt.nemo --train train.json --dev dev.json --noise my_noise/ -o tuned.nemo
    """
    given = locals()
    given |= {"start": model, "snr_db": _snrs("--snr", snr), "dev_snr_db": _snrs("--dev-snr", dev_snr)}
    given |= {"text_normalization": normalize and listed(normalize)}
    config = compose("tune", _overrides(overrides or []))
    for name in config:
        if given.get(str(name)) is not None and name != "model":
            config[name] = given[str(name)]
    folder = Path(str(config.output)).expanduser().with_suffix(".run")
    log = folder / "nemo-noise.log" if _may_be(folder) else None
    with session(as_json=as_json, verbose=verbose, log=log, resumes=True, loads=True, names=TYPED) as current:
        from nemo_noise.tuning import tune_by_config

        if current.log is not None:
            current.note(f"log: {current.log}")
        tuned = tune_by_config(config, restart=restart)
        current.result(_told(tuned), tuned.as_json())
        if require_gain and not tuned.has_helped:
            raise typer.Exit(GAIN_MISSED)


def _told(tuned: "Tuned") -> str:
    """The result for people."""
    stopped = [f"Stopped at step {tuned.steps}: {tuned.stopped_by}."] if tuned.stopped_by else []
    files = f"saved {tuned.output}; curves: {tuned.picture}; NeMo's own command: {tuned.command}"
    following = "Next, on speech that chose nothing, and best in noise that nothing learned from:"
    return "\n".join([*stopped, tuned.sentence(), files, following, tuned.next_command()])


def _overrides(arguments: list[str]) -> list[str]:
    """The overrides among the arguments behind the model, which are all of them."""
    files, overrides = split_overrides(arguments)
    if files:
        raise typer.BadParameter(
            f"{files[0]!r} is one argument too many: one model is tuned; several manifests are --train a.json --train "
            "b.json"
        )
    return overrides


def _snrs(option: str, text: str | None) -> Any:
    """A range `-5..20` or choices `0,5,10` of dB."""
    if text is None:
        return None
    low, is_range, high = text.partition("..")
    try:
        if is_range and option == "--snr":
            return {"min": float(low), "max": float(high)}
        return [float(one) for one in text.split(",")]
    except ValueError:
        example = "a range of dB such as -5..20, or choices such as 0,5,10" if option == "--snr" else "dB such as 10,0"
        raise typer.BadParameter(f"{option} is {text!r}, should be {example}") from None


def _may_be(folder: Path) -> bool:
    """Whether a folder is there or can be made; where it cannot, the error is the tuning's business."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True
