# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise card`: the noise section of a model card."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nemo_noise.command_line.arguments import Device, Json, Overrides, Verbose, check_folder, compose, listed
from nemo_noise.command_line.session import session
from nemo_noise.system_name import folder_name

FAILED = 1  # exit status of a gate
# Options of the config that only the command's own options give.
BY_COMMAND = {"model": "SYSTEM", "baseline": "--baseline", "speech": "--speech", "output_dir": "--output"}
NEEDED = (
    ("speech", "--speech", "a manifest, or a folder of speech with its text"),
    ("noise_lists", "--noise", "a folder of noise or a manifest; noise_lists={} for clean speech alone"),
)
# What options of the config are called here, for errors that begin with them.
TYPED = {
    "model": "SYSTEM",
    "noise_lists": "--noise",
    "snr_db": "--snr",
    "streaming_ms": "--streaming",
    "around_s": "--around",
    "text_normalization": "--normalize",
    "fail_if": "--fail-if",
    "batch_size": "--batch-size",
    **{name: f"--{name}" for name in ("baseline", "speech", "rooms", "channels", "utterances", "device")},
}
TEXT_STEPS = "nfkc, lower, lower_turkish, strip_punctuation, letters, whisper_english, whisper_basic"

KINDS = (
    "A .nemo file or pretrained NeMo model, a Hugging Face or faster-whisper folder or name, a .onnx file, or a file "
    "of transcripts (.csv, .tsv, .jsonl)."
)
System = Annotated[str, typer.Argument(metavar="SYSTEM", help=KINDS)]
Speech = Annotated[
    list[str] | None,
    typer.Option(help="Speech with its text: a manifest, a folder, a quoted pattern. May be repeated."),
]
Noise = Annotated[
    list[str] | None,
    typer.Option(help="Noise: a folder (its subfolders are kinds), a manifest, or name=path. May be repeated."),
]
Baseline = Annotated[str | None, typer.Option(help="A second system to compare with, on the same mixtures.")]
Output = Annotated[Path | None, typer.Option(help="Folder for card, report and rows. Default: noise_card/<system>.")]
Snr = Annotated[str | None, typer.Option(help="SNRs in dB, and clean, as in clean,20,10,0. Default: clean, 20 to 0.")]
Rooms = Annotated[
    str | None, typer.Option(help="Rooms beside the dry one: simulated, or a folder of impulse responses; a,b.")
]
Channels = Annotated[str | None, typer.Option(help="Channels beside the plain one: telephone, internet_call; a,b.")]
Streaming = Annotated[str | None, typer.Option(help="Chunks of streams in ms, as in 80,320,1120. Default: none.")]
Around = Annotated[
    str | None, typer.Option(help="Seconds of noise before and behind the speech, as in 0.2,0.5,2. Default: none.")
]
Utterances = Annotated[
    str | None, typer.Option(help="At most so many utterances, drawn at random, or all. Default: 200, quick: 24.")
]
Quick = Annotated[bool, typer.Option("--quick", help="A first look: few utterances and SNRs; the card says so.")]
Normalize = Annotated[
    str | None, typer.Option(help=f"What is done to texts before they are compared: some of {TEXT_STEPS}; a,b.")
]
FailIf = Annotated[
    list[str] | None,
    typer.Option(help="Exit with 1 if this holds, as in 'comparison.clean.difference_high > 0.005'. May be repeated."),
]
Language = Annotated[str | None, typer.Option(help="Language of the speech for the card, as in en.")]
License = Annotated[str | None, typer.Option(help="Licence of the model for the card, as in cc-by-4.0.")]
Dataset = Annotated[str | None, typer.Option(help="Name of the speech for the card, as in 'LibriSpeech test-other'.")]
BatchSize = Annotated[int | None, typer.Option(help="Mixtures at a time. Default: 16.")]


def card(
    system: System,
    overrides: Overrides = None,
    speech: Speech = None,
    noise: Noise = None,
    baseline: Baseline = None,
    output: Output = None,
    snr: Snr = None,
    rooms: Rooms = None,
    channels: Channels = None,
    streaming: Streaming = None,
    around: Around = None,
    utterances: Utterances = None,
    quick: Quick = False,
    normalize: Normalize = None,
    fail_if: FailIf = None,
    language: Language = None,
    license: License = None,  # noqa: A002  the option is called so
    dataset: Dataset = None,
    device: Device = None,
    batch_size: BatchSize = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """How noise-robust is a recogniser? Write the noise section of its model card.

    nemo-noise card my.nemo --speech test.json --noise my_noise/ --baseline stock.nemo

    Any option of conf/scripts/noise_robustness.yaml may follow as key=value. A run that was stopped goes on with the
    same command.
    """
    given: dict[str, Any] = {
        "model": system,
        "baseline": baseline,
        "speech": speech or None,
        "noise_lists": noise or None,
        "output_dir": str(output or Path("noise_card") / folder_name(system)),
        "snr_db": None if snr is None else [_snr(one) for one in listed(snr)],
        "rooms": rooms and listed(rooms),
        "channels": channels and listed(channels),
        "streaming_ms": None if streaming is None else [_milliseconds(one) for one in listed(streaming)],
        "around_s": None if around is None else [_seconds(one) for one in listed(around)],
        "text_normalization": normalize and listed(normalize),
    }
    given |= {"fail_if": fail_if or None, "device": device, "batch_size": batch_size}
    card_fields = {"language": language, "license": license, "dataset": dataset}
    check_folder("--output", Path(given["output_dir"]))
    log = Path(given["output_dir"]) / "nemo-noise.log"
    with session(as_json=as_json, verbose=verbose, log=log, resumes=True, loads=True, names=TYPED) as run:
        settings = _settings(overrides or [], given, card_fields=card_fields, utterances=utterances, quick=quick)
        from nemo_noise.evaluation.card import Evaluation

        evaluation = Evaluation(settings, run.note)
        run.note(evaluation.ahead)
        made = evaluation.run()
        shown = [made.text, "", f"card: {made.path}", f"report: {made.report}", *made.passes, *made.failures]
        run.result("\n".join(shown), made.data)
        if made.failures:
            run.note("\n".join(made.failures) if as_json else "")
            raise typer.Exit(FAILED)


def _settings(
    overrides: list[str],
    given: dict[str, Any],
    *,
    card_fields: Mapping[str, str | None],
    utterances: str | None,
    quick: bool,
) -> dict[str, Any]:
    """The options: those of the config, of a card, of overrides, of the command, each before the ones that follow."""
    from omegaconf import OmegaConf

    from nemo_noise.evaluation.card import CONFIG, card_settings

    given = {name: value for name, value in given.items() if value is not None}
    given |= {} if utterances is None else {"utterances": _count(utterances)}
    config = compose(CONFIG, overrides)
    touched = [re.split("=", override.lstrip("+~"), maxsplit=1)[0] for override in overrides]
    for name in touched:
        if name in BY_COMMAND:
            raise typer.BadParameter(f"{name}=... is no override here: give {BY_COMMAND[name]}")
        if name in given:
            raise typer.BadParameter(f"{name}=... is given twice, as an option of the command too: give one of them")
    for path, value in _leaves(card_settings(quick)):
        if not any(name == path or path.startswith(f"{name}.") for name in touched):
            OmegaConf.update(config, path, value, merge=False)
    for name, field in card_fields.items():
        if field is not None:
            OmegaConf.update(config, f"model_card.{name}", field, merge=False)
    settings = {str(name): value for name, value in dict(OmegaConf.to_container(config)).items()} | given
    for name, option, example in NEEDED:
        if settings[name] == "???":
            raise typer.BadParameter(f"{option} is missing: give {example}")
    return settings


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _milliseconds(text: str) -> float:
    try:
        return float(text.lower().removesuffix("ms"))
    except ValueError:
        should = "milliseconds, as in --streaming 80,320"
        raise typer.BadParameter(f"--streaming holds {text!r}, should be {should}") from None


def _seconds(text: str) -> float:
    try:
        return float(text.lower().removesuffix("s"))
    except ValueError:
        raise typer.BadParameter(f"--around holds {text!r}, should be seconds, as in --around 0.2,0.5,2") from None


def _snr(text: str) -> float | str:
    if text == "clean":
        return text
    try:
        return float(text.lower().removesuffix("db"))
    except ValueError:
        should = "numbers of dB and clean, as in --snr clean,20,10,0"
        raise typer.BadParameter(f"--snr holds {text!r}, should be {should}") from None


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise typer.BadParameter(f"--utterances is {text!r}, should be a whole number, 1 or more, or all")
    return int(text)
