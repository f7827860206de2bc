# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise add`: a noise context in a checkpoint, whose output is unchanged before training."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_noise.command_line.arguments import Json, Overrides, Verbose, check_folder
from nemo_noise.command_line.session import session

if TYPE_CHECKING:
    from nemo_noise.models.warm_start import Addition

DIFFERENT = 1


def add(
    model: Annotated[str | None, typer.Argument(help="A .nemo file, or the name of a pretrained model.")] = None,
    out: Annotated[Path | None, typer.Argument(help="The .nemo file to write.")] = None,
    options: Overrides = None,
    context: Annotated[
        str | None, typer.Option(help="What describes the noise (see --list). Default: causal_statistics.")
    ] = None,
    fusion: Annotated[
        str | None, typer.Option(help="Where and how it acts (see --list). Default: early_film.")
    ] = None,
    speech: Annotated[
        list[str] | None,
        typer.Option(
            help="Speech to compare the outputs on: manifest, folder or quoted pattern. Default: tones, noise."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT where it exists.")] = False,
    shows_list: Annotated[bool, typer.Option("--list", help="List contexts and fusions, and stop.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Add a noise context and its fusion to a checkpoint, and prove that its output is unchanged.

    Sizes, tokenizer and everything else are the checkpoint's. Train what was added by `nemo-noise tune`.

    nemo-noise add stt_en.nemo noise_aware.nemo --context causal_statistics --fusion early_film context.d_context=16
    """
    if shows_list:
        _show_parts(as_json)
        return
    with session(as_json=as_json, verbose=verbose) as current:
        if model is None or out is None:
            missing = "OUT is" if model else "MODEL and OUT are"
            raise ValueError(f"{missing} missing: nemo-noise add stt_en.nemo noise_aware.nemo (--list: contexts)")
        _check_out(model, out, overwrite=overwrite)
        from nemo_noise.named_parts import Kind, part_options

        for kind, name in ((Kind.CONTEXT, context), (Kind.FUSION, fusion)):
            if name is not None:
                part_options(kind, name)  # refused before NeMo is imported
        current.loads()
        from tempfile import TemporaryDirectory

        from nemo_noise.data.manifests.given import speech_manifests
        from nemo_noise.models.asr import checkpoint_path
        from nemo_noise.models.warm_start import add_and_compare
        from nemo_noise.recogniser.model_file import save_model

        checkpoint = checkpoint_path(model, "MODEL")
        with TemporaryDirectory() as folder:
            manifests = (
                speech_manifests(speech, folder, option="--speech", needs_text=False, note=current.note)
                if speech
                else ()
            )
            added = add_and_compare(checkpoint, manifests, context=context, fusion=fusion, options=options or ())
            save_model(added.model, out)
        current.result(*_report(added, checkpoint.name, str(out)))
    if not added.same.is_identical:
        raise typer.Exit(DIFFERENT)


def _show_parts(as_json: bool) -> None:
    """Lists contexts and fusions; NeMo is not imported."""
    from nemo_noise.named_parts import Kind, describe_parts, parts

    data = {kind.value: {name: part._asdict() for name, part in parts(kind).items()} for kind in Kind}
    typer.echo(json.dumps(data, indent=2) if as_json else describe_parts())


def _check_out(model: str, out: Path, *, overwrite: bool) -> None:
    if out.suffix != ".nemo":
        raise ValueError(f"OUT is {str(out)!r}, should end in .nemo")
    if out.is_dir():
        raise ValueError(f"OUT is {str(out)!r}, a folder: should be a .nemo file")
    if out.exists() and Path(model).exists() and out.samefile(model):
        raise ValueError(f"OUT is {str(out)!r}, which is MODEL: should be another file")
    if out.exists() and not overwrite:
        raise ValueError(f"OUT is {str(out)!r}, which exists: give another name, or --overwrite")
    check_folder("OUT", out.parent)


def _report(added: "Addition", name: str, out: str) -> tuple[str, dict[str, Any]]:
    """What was done, in lines and as data."""
    encoder, same = added.model.cfg.encoder, added.same
    numbers = encoder.context.get("d_context")
    sites = ", ".join(f"layer {site}" if str(site).isdigit() else str(site) for site in encoder.fusion)
    answer = "yes" if same.is_identical else f"NO, it differs by up to {same.largest_difference:.3g}"
    share = added.new_parameters / added.parameters
    lines = [
        f"context: {_class_of(encoder.context)}, {numbers} numbers; fusion: {_kinds(encoder.fusion)} ({sites})",
        "normalisation moved from preprocessor to encoder, so that the context reads the level of the noise",
        f"output identical to {name} on {same.utterances} utterances: {answer} (float32), "
        f"{added.new_parameters:,} new parameters ({share:.2%} of {added.parameters:,})",
        f"saved {out}; train what is new: nemo-noise tune {out} --train ... --dev ... --noise ...",
    ]
    lines = [line for line in lines if added.moved or not line.startswith("normalisation")]
    data = {
        "model": name,
        "output": out,
        "context": _class_of(encoder.context),
        "d_context": numbers,
        "sites": [str(site) for site in encoder.fusion],
        "normalisation_moved": added.moved,
        "utterances": same.utterances,
        "identical": same.is_identical,
        "largest_difference": min(same.largest_difference, 1e38),
        "new_parameters": added.new_parameters,
        "parameters": added.parameters,
    }
    return "\n".join(lines), data


def _class_of(options: Any) -> str:
    return str(options.get("_target_", "")).rpartition(".")[2]


def _kinds(fusion: Any) -> str:
    return ", ".join(sorted({_class_of(options) for options in fusion.values()}))
