# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What training will get: a few mixtures as files, the SNR measured on what was written, and spectrograms."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from nemo_noise.checks import whole
from nemo_noise.data.audio.files import load_audio, write_audio
from nemo_noise.data.draw.clock import EPOCH_CLOCK
from nemo_noise.data.draw.utterance import key_of
from nemo_noise.data.manifests.manifest import ManifestEntry, load_entry, write_manifest
from nemo_noise.data.manifests.usable import no_speech
from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
from nemo_noise.data.mixing.surroundings import NO_SURROUNDINGS, Surroundings
from nemo_noise.data.signal.speech_level import active_speech_level_db, rms_db
from nemo_noise.figure_file import save_figure

Samples = npt.NDArray[np.float32]


def write_preview(
    perturbation: NoiseMixPerturbation,
    entries: Sequence[ManifestEntry],
    out_dir: str | Path,
    *,
    sample_rate: int,
    num_utterances: int = 4,
    num_epochs: int = 2,
) -> list[dict[str, Any]]:
    """Mixes some utterances exactly as training would, and writes WAV files, `manifest.json` and `spectrograms.png`.

    Args:
        perturbation: the one to preview.
        entries: speech; utterances are taken at even distances.
        out_dir: folder; made if absent.
        sample_rate: of the training, samples per second.
        num_utterances: rows of the picture.
        num_epochs: mixtures of each utterance, those of epoch 0, 1 ...

    Returns:
        One line per mixture as in the manifest: audio_filepath (relative), duration, lead_in_s, tail_s (before and
        behind the speech), text, speech, noise, source, noise_offset_s, snr_db (wanted), band_snrs_db,
        measured_snr_db (of the file), gain, epoch. Fields of the noise are null where `mix_prob` left an utterance
        clean; snr_db is null where bands have their own; measured_snr_db is null for noise alone and where effects
        or clipping changed the mixture. The text of noise alone is empty.
    """
    for name, number in {"num_utterances": num_utterances, "num_epochs": num_epochs}.items():
        whole(1).check(name, number)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.unique(np.linspace(0, len(entries) - 1, num_utterances).round().astype(int))
    lines: list[dict[str, Any]] = []
    rows: list[list[tuple[str, Samples]]] = []
    for row, index in enumerate(chosen):
        speech = load_entry(entries[index], sample_rate)
        complaint = no_speech(speech, sample_rate)
        if complaint:
            raise ValueError(f"{entries[index].source}: {entries[index].audio_filepath}: {complaint}")
        stem = f"{row:02d}_{_plain(entries[index].audio_filepath)}"
        gain = write_audio(folder / f"{stem}_clean.wav", speech, sample_rate)
        rows.append([(f"{stem}\nclean", speech * np.float32(gain))])
        for epoch in range(num_epochs):
            EPOCH_CLOCK.set(epoch)
            line = _write_mixture(
                perturbation, speech, folder=folder, stem=f"{stem}_epoch{epoch}", sample_rate=sample_rate
            )
            lines.append({"text": entries[index].text, **line, "speech": entries[index].source, "epoch": epoch})
            written = load_audio(folder / line["audio_filepath"], sample_rate)
            rows[-1].append((line["audio_filepath"].removeprefix(stem + "_").removesuffix(".wav"), written))
    write_manifest(folder / "manifest.json", lines)
    draw_spectrograms(rows, folder / "spectrograms.png", sample_rate)
    return lines


def measured_snr_db(
    mixture: Samples, speech: Samples, sample_rate: int, around: Surroundings = NO_SURROUNDINGS
) -> float:
    """Measures the SNR of a mixture by its speech: active speech level minus RMS of the rest; both [T].

    `around` is what both have before and behind the speech: it counts for the noise alone.
    """
    rest = mixture.astype(np.float64) - speech
    return active_speech_level_db(around.within(speech), sample_rate) - rms_db(rest)


def draw_spectrograms(rows: Sequence[Sequence[tuple[str, Samples]]], path: str | Path, sample_rate: int) -> None:
    """Draws a PNG of spectrograms, 80 dB deep under the loudest point of each row, so that rows can be compared.

    Args:
        rows: per row the (title, samples [T]) of its columns.
        path: PNG to write.
        sample_rate: samples per second.
    """
    figure_class = _figure_class()
    columns = max(len(row) for row in rows)
    figure = figure_class(figsize=(4.2 * columns, 2.4 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, row_axes in zip(rows, axes, strict=True):
        pictures = [_log_spectrogram(samples, sample_rate) for _, samples in row]
        top = max(float(picture.max()) for picture in pictures)
        for (title, samples), picture, axis in zip(row, pictures, row_axes, strict=True):
            extent = (0.0, len(samples) / sample_rate, 0.0, sample_rate / 2000)
            axis.imshow(picture, origin="lower", aspect="auto", extent=extent, vmin=top - 80.0, vmax=top)
            axis.set_title(title, fontsize=8)
            axis.set_xlabel("s", fontsize=7)
            axis.set_ylabel("kHz", fontsize=7)
            axis.tick_params(labelsize=7)
    save_figure(figure, path, dpi=110)


def _write_mixture(
    perturbation: NoiseMixPerturbation, speech: Samples, *, folder: Path, stem: str, sample_rate: int
) -> dict[str, Any]:
    """Writes one mixture under a name that holds its measured SNR and its noise."""
    around, draw = perturbation.draw_with_surroundings(key_of(speech), len(speech), sample_rate)
    surrounded = around.around(speech)
    length = len(surrounded) if draw is None else len(draw.noise.samples)
    line: dict[str, Any] = {"audio_filepath": f"{stem}_clean.wav", "duration": round(length / sample_rate, 4)}
    line |= {"lead_in_s": round(around.before / sample_rate, 4), "tail_s": round(around.behind / sample_rate, 4)}
    if draw is None:
        gain = write_audio(folder / line["audio_filepath"], surrounded, sample_rate)
        unmixed = dict.fromkeys(("noise", "source", "noise_offset_s", "snr_db", "band_snrs_db", "measured_snr_db"))
        return {**line, **unmixed, "gain": round(gain, 4)}
    mixture = perturbation.mix(speech, draw, sample_rate=sample_rate)
    finished = perturbation.finish(mixture, draw, sample_rate)
    unnamed = folder / f"{stem}.wav"
    gain = write_audio(unnamed, finished, sample_rate)
    level = "noise_only" if draw.is_noise_only else "changed"
    measured_db = None
    if finished is mixture.samples and not draw.is_noise_only:
        written = load_audio(unnamed, sample_rate) / np.float32(gain)
        measured_db = measured_snr_db(written, mixture.speech, sample_rate, draw.around)
        measured_db = round(measured_db, 2) + 0.0  # no minus zero
        level = f"snr{measured_db:+.2f}dB"
    noise_name = _plain(str(draw.noise.entry.fields.get("label") or draw.noise.entry.audio_filepath))
    line["audio_filepath"] = f"{stem}_{level}_{noise_name}.wav"
    unnamed.replace(folder / line["audio_filepath"])
    return {
        **line,
        **({"text": ""} if draw.is_noise_only else {}),
        "noise": draw.noise.entry.source,
        "source": draw.source,
        "noise_offset_s": round(draw.noise.offset_s, 4),
        "snr_db": None if draw.snr_db is None else round(draw.snr_db, 3),
        "band_snrs_db": [round(snr_db, 3) for snr_db in draw.band_snrs_db],
        "measured_snr_db": measured_db,
        "gain": round(gain, 4),
    }


def _plain(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", Path(path).stem).strip("-")[:40]


def _log_spectrogram(samples: Samples, sample_rate: int) -> npt.NDArray[np.float64]:
    """Power in dB of windows of 25 ms every 10 ms: [T] -> [frequency, frames]."""
    window = hann(min(int(0.025 * sample_rate), len(samples)), sym=False)
    transform = ShortTimeFFT(
        window, hop=max(1, int(0.01 * sample_rate)), fs=sample_rate, mfft=512 if len(window) < 512 else None
    )
    power: npt.NDArray[np.float64] = transform.spectrogram(samples.astype(np.float64))
    return 10.0 * np.log10(power + 1e-12)


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("spectrograms need matplotlib: pip install matplotlib") from error
    return Figure
