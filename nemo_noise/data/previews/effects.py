# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What rooms and devices do to your speech: each effect alone and the whole chain, as files and spectrograms."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nemo_noise.data.acoustics.chain import EffectChain
from nemo_noise.data.acoustics.effect import Samples, Settings
from nemo_noise.data.audio.files import write_audio
from nemo_noise.data.manifests.manifest import ManifestEntry, load_entry, write_manifest
from nemo_noise.data.previews.mixtures import draw_spectrograms

__all__ = ["write_effects_preview"]


def write_effects_preview(
    chain: EffectChain,
    entries: Sequence[ManifestEntry],
    out_dir: str | Path,
    *,
    sample_rate: int,
    num_utterances: int = 4,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Applies each effect alone, and then all of them, and writes WAV files, `manifest.json` and `spectrograms.png`.

    Every effect is applied here, whatever its probability: what is rare in training would otherwise not be seen.

    Args:
        chain: the effects.
        entries: speech; utterances are taken at even distances.
        out_dir: folder; made if absent.
        sample_rate: of the training, samples per second.
        num_utterances: rows of the picture.
        seed: of the draws, 0 or more.

    Returns:
        One line per file as in the manifest: audio_filepath (relative), duration, text, speech, effect (`before`, the
        name of the effect, `all`), settings (effect -> what was drawn or measured), gain of the file.

    Raises:
        ValueError: if the chain is empty or num_utterances is below 1.
    """
    if num_utterances < 1:
        raise ValueError(f"num_utterances: is {num_utterances}, expected 1 or more")
    if not chain.steps:
        raise ValueError("chain: is empty, expected at least one effect")
    always = [step._replace(prob=1.0) for step in chain.steps]
    columns = {step.name: EffectChain([step]) for step in always} | {"all": EffectChain(always)}
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.unique(np.linspace(0, len(entries) - 1, num_utterances).round().astype(int))
    lines: list[dict[str, Any]] = []
    rows: list[list[tuple[str, Samples]]] = []
    for row, index in enumerate(chosen.tolist()):
        entry = entries[index]
        speech = load_entry(entry, sample_rate)
        stem = f"{row:02d}_" + re.sub(r"[^A-Za-z0-9]+", "-", Path(entry.audio_filepath).stem).strip("-")[:40]
        made_by: dict[str, tuple[Samples, dict[str, Settings]]] = {"before": (speech, {})}
        for name, part in columns.items():
            made_by[name] = part.apply(speech, sample_rate, [seed, row])
        rows.append([(f"{stem}\n{name}", samples) for name, (samples, _) in made_by.items()])
        for name, (samples, settings) in made_by.items():
            path = folder / f"{stem}_{name}.wav"
            gain = write_audio(path, samples, sample_rate)
            line = {"audio_filepath": path.name, "duration": round(len(samples) / sample_rate, 4), "text": entry.text}
            made = {"speech": entry.source, "effect": name, "settings": _rounded(settings), "gain": round(gain, 4)}
            lines.append({**line, **made})
    write_manifest(folder / "manifest.json", lines)
    draw_spectrograms(rows, folder / "spectrograms.png", sample_rate)
    return lines


def _rounded(settings: dict[str, Settings]) -> dict[str, Settings]:
    """Shortens numbers for the eye; infinite ones become text, which JSON can hold."""
    return {name: {key: _readable(value) for key, value in of.items()} for name, of in settings.items()}


def _readable(value: float | str) -> float | str:
    if isinstance(value, str):
        return value
    return float(f"{value:.4g}") if np.isfinite(value) else str(value)
