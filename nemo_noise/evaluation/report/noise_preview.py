# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What training will get, before it is trained with: mixtures and effects as files, pictures and a page with sound."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf

from nemo_noise import whole_file
from nemo_noise.data.acoustics.chain import build_chain
from nemo_noise.data.audio.files import load_audio
from nemo_noise.data.manifests.manifest import read_manifest
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.previews.effects import write_effects_preview
from nemo_noise.data.previews.mixtures import write_preview
from nemo_noise.evaluation.blocks.elements import Card, Clip, Section, Tile, Utterance
from nemo_noise.evaluation.report.audio import make_clips
from nemo_noise.evaluation.report.template import render_page

__all__ = ["NoisePreview", "preview_noise"]

Line = Mapping[str, Any]
PAGE = "index.html"


class NoisePreview(NamedTuple):
    """What was written.

    Attributes:
        mixtures: lines of `manifest.json`, of speech in noise.
        effects: lines of `effects/manifest.json`, of rooms and devices.
        page: the page to listen to.
    """

    mixtures: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    page: Path


def preview_noise(cfg: DictConfig) -> NoisePreview:
    """Writes the preview that `conf/scripts/preview_noise.yaml` describes, checked by `check_script`.

    Rooms and devices come into the folder `effects`, each before and after; without noise there are these alone.

    Raises:
        ValueError: noise, rooms or devices have wrong options; names them.
    """
    speech, folder = read_manifest(cfg.speech_manifest), Path(cfg.output_dir)
    rows = {"sample_rate": cfg.sample_rate, "num_utterances": cfg.num_utterances}
    effects = _effects(cfg)
    changed = write_effects_preview(build_chain(effects), speech, folder / "effects", **rows) if effects else []
    mixtures: list[dict[str, Any]] = []
    if not (effects and OmegaConf.is_missing(cfg.noise_mix, "manifest_path")):
        options = cast(dict[str, Any], OmegaConf.to_container(cfg.noise_mix, resolve=True, throw_on_missing=True))
        options.pop("prob")  # NeMo's own draw, not ours
        perturbation = NoiseMixPerturbation(**options)
        mixtures = write_preview(perturbation, speech, folder, num_epochs=cfg.num_epochs, **rows)
    whole_file.write_text(folder / PAGE, _page(mixtures, changed, folder, cfg.sample_rate))
    return NoisePreview(mixtures, changed, folder / PAGE)


def _effects(cfg: DictConfig) -> dict[str, Any]:
    blocks = [OmegaConf.to_container(part, resolve=True, throw_on_missing=True) for part in (cfg.rooms, cfg.devices)]
    return {name: options for block in blocks for name, options in cast(Any, block).get("effects", {}).items()}


def _page(mixtures: Sequence[Line], effects: Sequence[Line], folder: Path, sample_rate: int) -> str:
    paths = {str(line["audio_filepath"]): folder / line["audio_filepath"] for line in mixtures}
    paths |= {f"effects/{line['audio_filepath']}": folder / "effects" / line["audio_filepath"] for line in effects}
    clips = make_clips({name: load_audio(path, sample_rate) for name, path in paths.items()}, sample_rate)
    sections = []
    if mixtures:
        shown = tuple(_mixture(line, clips) for line in mixtures)
        sections.append(Section("Speech in noise", "mixtures", (Card(shown),)))
    if effects:
        shown = tuple(_effect(line, clips) for line in effects)
        sections.append(Section("Rooms and devices", "effects", (Card(shown),)))
    noisy = [line for line in mixtures if line["noise"] is not None]
    measured = [line["measured_snr_db"] for line in noisy if line["measured_snr_db"] is not None]
    span = f"{min(measured):.1f} to {max(measured):.1f} dB" if measured else "none"
    tiles = [
        Tile("mixtures", str(len(mixtures)), f"{len(mixtures) - len(noisy)} of them clean"),
        Tile("SNR", span, "measured on the files"),
        Tile("effects", str(len({str(line["effect"]) for line in effects} - {"before", "all"})), "rooms and devices"),
    ]
    overview = "What training gets: drawn as in training, and the same in each run. The files lie beside this page."
    return render_page(
        "Noise preview", heading="Noise preview", overview=overview, tiles=tiles, findings=[], sections=sections
    )


def _mixture(line: Line, clips: Mapping[str, Clip]) -> Utterance:
    asked, measured = line["snr_db"], line["measured_snr_db"]
    place = "clean" if line["noise"] is None else "noise alone" if line["text"] == "" else "in noise"
    if asked is not None:
        place += f" at {asked:.1f} dB"
    remark = f"epoch {line['epoch']}" + ("" if measured is None else f", measured {measured:.1f} dB")
    facts = [
        ("text", str(line["text"] or "")),
        ("speech", str(line["speech"])),
        ("noise", str(line["noise"] or "none")),
    ]
    return Utterance(place, remark, tuple(facts), clips.get(str(line["audio_filepath"])))


def _effect(line: Line, clips: Mapping[str, Clip]) -> Utterance:
    facts = (("speech", str(line["speech"])), ("settings", str(line["settings"] or "")))
    return Utterance(
        str(line["effect"]), f"{line['duration']:.1f} s", facts, clips.get(f"effects/{line['audio_filepath']}")
    )
