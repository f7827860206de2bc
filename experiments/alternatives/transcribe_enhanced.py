# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcribe exported mixtures after an enhancement: the transcripts are a system of their own for the card.

    python experiments/alternatives/transcribe_enhanced.py MIXTURES SYSTEM ENHANCEMENT TRANSCRIPTS.csv

MIXTURES is a folder by `export_mixtures`, SYSTEM anything that `nemo-noise card` takes, ENHANCEMENT one of none,
rnnoise, webrtc, spectral_gating (`pip install --group enhancement`).
"""

import argparse
import csv
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from nemo_noise import whole_file
from nemo_noise.progress import progress

Samples = NDArray[np.float32]
BATCH = 8
RNNOISE_HZ = 48_000
WEBRTC_HZ = 16_000
FULL_SCALE = 32_767


def rnnoise(samples: Samples, sample_rate: int) -> Samples:
    """RNNoise (Valin, 2018) by its own library; it runs at 48 kHz and is a frame of 10 ms late. [T]."""
    from pyrnnoise.rnnoise import FRAME_SIZE, create, destroy, process_mono_frame

    at_48_khz = np.clip(soxr.resample(samples, sample_rate, RNNOISE_HZ), -1, 1)
    frames = np.pad(at_48_khz, (0, FRAME_SIZE + -len(at_48_khz) % FRAME_SIZE)).reshape(-1, FRAME_SIZE)
    state = create()
    try:
        enhanced = [process_mono_frame(state, (frame * FULL_SCALE).astype(np.int16))[0] for frame in frames]
    finally:
        destroy(state)
    late = np.concatenate(enhanced).astype(np.float32) / FULL_SCALE
    back = soxr.resample(late[FRAME_SIZE : FRAME_SIZE + len(at_48_khz)], RNNOISE_HZ, sample_rate)
    return np.asarray(back[: len(samples)], dtype=np.float32)


def webrtc(samples: Samples, sample_rate: int) -> Samples:
    """WebRTC's noise suppression at its strongest level, without gain control. [T]."""
    from webrtc_noise_gain import AudioProcessor

    processor = AudioProcessor(0, 4)
    at_16_khz = np.clip(soxr.resample(samples, sample_rate, WEBRTC_HZ), -1, 1)
    frame = WEBRTC_HZ // 100
    padded = np.pad(at_16_khz, (0, -len(at_16_khz) % frame))
    pieces = (padded * FULL_SCALE).astype(np.int16).reshape(-1, frame)
    enhanced = b"".join(bytes(processor.Process10ms(piece.tobytes()).audio) for piece in pieces)
    back = soxr.resample(np.frombuffer(enhanced, np.int16).astype(np.float32) / FULL_SCALE, WEBRTC_HZ, sample_rate)
    return np.asarray(back[: len(samples)], dtype=np.float32)


def spectral_gating(samples: Samples, sample_rate: int) -> Samples:
    """Spectral gating with a threshold that follows the noise, as noisereduce has it by default. [T].

    Digital silence comes out of it as NaN, and is silence again here.
    """
    from noisereduce import reduce_noise

    return np.nan_to_num(np.asarray(reduce_noise(y=samples, sr=sample_rate), dtype=np.float32))


def none(samples: Samples, sample_rate: int) -> Samples:
    """Nothing: the baseline on the same files."""
    return samples


ENHANCEMENTS: dict[str, Callable[[Samples, int], Samples]] = {
    "none": none,
    "rnnoise": rnnoise,
    "webrtc": webrtc,
    "spectral_gating": spectral_gating,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, transcribes and writes the transcripts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mixtures", type=Path, help="folder with manifest.jsonl")
    parser.add_argument("system", help="model to transcribe with")
    parser.add_argument("enhancement", choices=ENHANCEMENTS)
    parser.add_argument("transcripts", type=Path, help="CSV file to write")
    parser.add_argument("--listen", type=Path, help="folder for the enhanced audio")
    given = parser.parse_args(arguments)
    import torch  # late: the help needs neither it nor NeMo

    from nemo_noise.data.manifests.manifest import load_entry, read_manifest
    from nemo_noise.inference.systems import open_system

    entries = read_manifest(given.mixtures / "manifest.jsonl")
    system = open_system(given.system, torch.device("cpu"))
    enhance = ENHANCEMENTS[given.enhancement]
    rows, enhancing_s, audio_s = [], 0.0, 0.0
    entries = sorted(entries, key=lambda entry: entry.duration or 0.0)
    with progress(len(entries), f"{given.enhancement}, {system.name}") as bar:
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            waveforms = [load_entry(entry, system.sample_rate) for entry in batch]
            began = time.perf_counter()
            enhanced = [enhance(samples, system.sample_rate) for samples in waveforms]
            enhancing_s += time.perf_counter() - began
            audio_s += sum(map(len, waveforms)) / system.sample_rate
            for entry, samples, transcript in zip(batch, enhanced, system.transcribe(enhanced), strict=True):
                name = entry.fields["mixture_id"]
                rows.append((name, transcript.text))
                if given.listen is not None:
                    given.listen.mkdir(parents=True, exist_ok=True)
                    soundfile.write(given.listen / f"{name}.wav", samples, system.sample_rate, subtype="FLOAT")
            bar.update(len(batch))
    written = io.StringIO()
    csv.writer(written).writerows([("mixture_id", "pred_text"), *rows])
    whole_file.write_text(given.transcripts, written.getvalue())
    print(f"{given.transcripts}: {len(rows)} mixtures; enhancement: {enhancing_s:.1f} s for {audio_s:.1f} s of audio")


if __name__ == "__main__":
    main()
