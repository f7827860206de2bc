# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise prepare`: checked manifests of a corpus, or of a folder of one's own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_noise.command_line.arguments import Json, Verbose
from nemo_noise.command_line.session import session

if TYPE_CHECKING:
    from nemo_noise.data.corpora.recordings import Prepared

CORPORA = {
    "librispeech": "read English books; speech; options parts",
    "fleurs": "sentences in 102 languages; speech; options languages, splits, text; --download fetches it",
    "chime4": "tablet in buses, cafes, streets; speech in noise; options track",
    "voices": "LibriSpeech played in rooms, far microphones; speech; options splits, microphones",
    "musan": "music, noise and speech to mix with; noise; options parts",
    "demand": "environments of five minutes, 16 microphones; noise; options channels",
    "speech_folder": "a folder of audio with transcripts (.txt beside, *.trans.txt, metadata.csv, .tsv, Kaldi)",
    "noise_folder": "a folder of noise; labels are its subfolders",
    "folder": "one of the two above, by whether there are transcripts",
}


def prepare(
    corpus: Annotated[str | None, typer.Argument(help="Name of the corpus (see --list).")] = None,
    root: Annotated[Path | None, typer.Argument(help="Its folder, as it is unpacked.")] = None,
    out: Annotated[Path | None, typer.Argument(help="Folder for the manifests and preparation.json.")] = None,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Options of the corpus: parts=[dev-clean].")
    ] = None,
    min_duration: Annotated[float, typer.Option(help="Shortest recording, seconds.", min=0.0)] = 0.1,
    max_duration: Annotated[float | None, typer.Option(help="Longest recording, seconds. Default: any.")] = None,
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="Read headers alone: fast, but cut, silent and NaN files pass.")
    ] = False,
    download: Annotated[bool, typer.Option("--download", help="Fetch it into ROOT first (fleurs).")] = False,
    shows_list: Annotated[bool, typer.Option("--list", help="List the corpora, and stop.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make checked NeMo manifests of a corpus or of your own folder; what is broken is left out, counted and named.

    nemo-noise prepare librispeech /data/LibriSpeech manifests/ parts=[dev-clean]

    nemo-noise prepare folder my_noise/ manifests/
    """
    if shows_list:
        width = max(map(len, CORPORA))
        lines = [f"{name:<{width}}  {what}" for name, what in CORPORA.items()]
        typer.echo(json.dumps(CORPORA, indent=2) if as_json else "\n".join(lines))
        return
    with session(as_json=as_json, verbose=verbose, names={"root": "ROOT"}) as current:
        if corpus is None or root is None or out is None:
            missing = [name for name, value in (("CORPUS", corpus), ("ROOT", root), ("OUT", out)) if value is None]
            names = ", ".join(missing)
            raise ValueError(f"{names} missing: nemo-noise prepare folder my_noise/ manifests/ (--list: the corpora)")
        _check(corpus, root, download=download)
        chosen = _parsed(options or [])
        from nemo_noise.data.corpora.fleurs_download import download_fleurs
        from nemo_noise.data.corpora.preparation import prepare_corpus
        from nemo_noise.evaluation.options import check_output

        check_output("OUT", out)
        if download:
            download_fleurs(root, **{key: chosen[key] for key in ("languages", "splits") if key in chosen})
        prepared = prepare_corpus(
            corpus,
            root,
            out,
            options=chosen,
            min_duration_s=min_duration,
            max_duration_s=max_duration,
            decode=not headers_only,
        )
        current.result(_table(prepared), {name: _data(one) for name, one in sorted(prepared.items())})
        if not any(one.num_lines for one in prepared.values()):
            raise ValueError(f"ROOT is {str(root)!r}: nothing of it can be used, see {out / 'preparation.json'}")


def _check(corpus: str, root: Path, *, download: bool) -> None:
    from nemo_noise.checks import near_names

    if corpus not in CORPORA:
        raise ValueError(f"CORPUS is {corpus!r}{near_names(corpus, CORPORA)}, should be one of {', '.join(CORPORA)}")
    if download and corpus != "fleurs":
        raise ValueError(f"--download fetches fleurs alone, not {corpus}: fetch and unpack it, and give its folder")
    if not root.expanduser().is_dir() and not download:
        what = "a folder of audio" if corpus.endswith("folder") else f"the folder of {corpus}"
        raise ValueError(f"ROOT is {str(root)!r}, should be {what} (working directory {Path.cwd()})")


def _parsed(options: list[str]) -> dict[str, Any]:
    """The options of a corpus."""
    import yaml

    chosen = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise ValueError(f"{option!r} is no option, should be name=value, as in parts=[dev-clean]")
        try:
            chosen[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"{name}={value!r} is no value in YAML, should be as in parts=[dev-clean]") from error
    return chosen


def _table(prepared: "dict[str, Prepared]") -> str:
    lines = []
    for name, one in sorted(prepared.items()):
        lines.append(f"{one.path or name + ': no manifest'}: {one.num_lines} lines, {one.hours:.2f} h")
        for reason, count in sorted(one.left_out.items()):
            lines.append(f"    left out: {count} ({reason}), such as {one.examples[reason][0]}")
    return "\n".join(lines)


def _data(one: "Prepared") -> dict[str, Any]:
    return {
        "manifest": None if one.path is None else str(one.path),
        "lines": one.num_lines,
        "hours": round(one.hours, 3),
        "left_out": one.left_out,
    }
