# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise mix`: what training will get, as WAV files, pictures and a page with sound."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_noise.command_line.arguments import Json, Overrides, Verbose, compose
from nemo_noise.command_line.session import session

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nemo_noise.evaluation.report.noise_preview import NoisePreview

NUMBER = r"[+-]?\d+(?:\.\d+)?"


def mix(
    options: Overrides = None,
    speech: Annotated[
        list[str] | None, typer.Option(help="Speech: a manifest, a folder or a quoted pattern; texts are not needed.")
    ] = None,
    noise: Annotated[
        list[str] | None, typer.Option(help="Noise: a manifest, a folder (labels are subfolders) or a quoted pattern.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("noise_preview"),
    snr: Annotated[
        str, typer.Option(help="SNRs in dB: a range such as -5..20, or choices such as 0,10,20.")
    ] = "0..20",
    rooms: Annotated[
        str | None, typer.Option(help="What is in front of the noise, such as simulated_rooms (conf/parts/acoustics).")
    ] = None,
    devices: Annotated[str | None, typer.Option(help="What is behind it, such as telephone or microphones.")] = None,
    utterances: Annotated[int, typer.Option(help="How many utterances are mixed.", min=1, max=1000)] = 4,
    epochs: Annotated[int, typer.Option(help="How many mixtures of each, as in epochs 0, 1 ...", min=1, max=1000)] = 2,
    sample_rate: Annotated[int, typer.Option(help="Of the training, Hz.", min=1000, max=384_000)] = 16000,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Mix some speech with noise exactly as training would, to listen to before you train.

    Rooms and devices are shown apart, each of their effects before and after.

    nemo-noise mix --speech my_speech/ --noise my_noise/ --snr -5..20 --devices telephone noise_mix.mix_prob=0.85
    """
    with session(as_json=as_json, verbose=verbose, log=None) as current:
        if not speech or not (noise or rooms or devices):
            missing = "--noise (or --rooms, --devices)" if speech else "--speech"
            raise ValueError(f"{missing} is missing: nemo-noise mix --speech my_speech/ --noise my_noise/")
        snr_db = _snr(snr)
        for option, name in (("--rooms", rooms), ("--devices", devices)):
            _check_acoustics(option, name)
        from nemo_noise.data.manifests.given import noise_manifests, speech_manifests
        from nemo_noise.evaluation.options import check_output
        from nemo_noise.evaluation.report.noise_preview import preview_noise
        from nemo_noise.evaluation.script_options import check_script

        check_output("--out", out)
        groups = [f"acoustics@{place}={name}" for place, name in (("rooms", rooms), ("devices", devices)) if name]
        cfg = compose("preview_noise", [*groups, *(options or ())])
        made = out / "manifests"
        spoken = speech_manifests(speech, made, option="--speech", needs_text=False, note=current.note)
        lists = noise_manifests(noise, made, option="--noise", note=current.note) if noise else {}
        _fill(
            cfg,
            speech_manifest=_one(spoken, made),
            output_dir=str(out),
            sample_rate=sample_rate,
            num_utterances=utterances,
            num_epochs=epochs,
            manifests=[str(path) for paths in lists.values() for path in paths],
            snr_db=snr_db,
        )
        preview = preview_noise(check_script("preview_noise", cfg))
        current.result(_table(preview), _data(preview, out))


def _fill(cfg: "DictConfig", *, manifests: list[str], snr_db: Any, **values: Any) -> None:
    """Puts what was given into the config, whatever characters are in it."""
    from omegaconf import OmegaConf, open_dict

    with open_dict(cfg):
        for name, value in values.items():
            cfg[name] = value
        if manifests and OmegaConf.is_missing(cfg.noise_mix, "manifest_path"):
            cfg.noise_mix.manifest_path = manifests
        if OmegaConf.is_missing(cfg.noise_mix, "snr_db"):
            cfg.noise_mix.snr_db = snr_db


def _one(manifests: tuple[str, ...], folder: Path) -> str:
    """One manifest of several."""
    if len(manifests) == 1:
        return manifests[0]
    from nemo_noise.data.manifests.manifest import read_manifest, write_manifest

    path = folder / "all_speech.json"
    write_manifest(path, [entry for manifest in manifests for entry in read_manifest(manifest)])
    return str(path)


def _snr(text: str) -> Any:
    """The SNRs of training, as `noise_mix` takes them."""
    span = re.fullmatch(rf"\s*({NUMBER})\s*(?:\.\.|:)\s*({NUMBER})\s*", text)
    if span:
        low, high = sorted((float(span[1]), float(span[2])))
        return {"min": low, "max": high}
    if re.fullmatch(rf"\s*{NUMBER}(\s*,\s*{NUMBER})*\s*", text):
        return [float(one) for one in text.split(",")]
    raise ValueError(f"--snr is {text!r}, should be a range in dB such as -5..20, or choices such as 0,10,20")


def _check_acoustics(option: str, name: str | None) -> None:
    from nemo_noise.checks import near_names
    from nemo_noise.configuration import config_directory

    known = sorted(path.stem for path in (config_directory() / "parts" / "acoustics").glob("*.yaml"))
    if name is not None and name not in known:
        raise ValueError(f"{option} is {name!r}{near_names(name, known)}, should be one of {', '.join(known)}")


def _table(preview: "NoisePreview") -> str:
    lines = []
    for line in preview.effects:
        lines.append(f"{line['effect']:<24}  effects/{line['audio_filepath']}")
    for line in preview.mixtures:
        asked, measured = line["snr_db"], line["measured_snr_db"]
        what = "clean" if line["noise"] is None else "noise alone" if line["text"] == "" else "changed by effects"
        level = what if asked is None or measured is None else f"{asked:.1f} dB ({measured:.1f} measured)"
        lines.append(f"{level:<24}  {line['audio_filepath']}")
    return "\n".join([*lines, f"listen: {preview.page}"])


def _data(preview: "NoisePreview", out: Path) -> dict[str, Any]:
    return {"output": str(out), "page": str(preview.page), "mixtures": preview.mixtures, "effects": preview.effects}
