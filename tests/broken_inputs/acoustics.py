# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken configs of rooms and devices: the range of every argument of every effect, and the chain."""

from typing import Any

import numpy as np

from nemo_noise.data.acoustics.chain import build_chain
from nemo_noise.data.acoustics.perturbation import AcousticsPerturbation
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import RATE, Lines, Missing, Wave


def chain(**effects: Any) -> None:
    """Reads a chain and runs it on a second of noise."""
    samples = np.random.default_rng(0).normal(0.0, 0.1, RATE).astype(np.float32)
    build_chain(effects).apply(samples, RATE, [0])


def _responses(wave: Wave) -> dict[str, Any]:
    lines = Lines("rooms.json", ({"audio_filepath": wave.name},), (wave,))
    return {"rooms": {"recorded": {"manifest_path": lines}}}


def _stated(rt60: Any) -> dict[str, Any]:
    lines = Lines("rooms.json", ({"audio_filepath": "r.wav", "rt60": rt60},), (Wave("r.wav"),))
    return {"rooms": {"recorded": {"manifest_path": lines}}}


def _simulated(**options: Any) -> dict[str, Any]:
    return {"rooms": {"simulated": {"rt60_s": 0.3, **options}}}


CASES = [
    Case(
        "effects-a-list",
        AcousticsPerturbation,
        {"effects": ["clipping"]},
        "effects",
        "['clipping']",
        "expected a mapping",
    ),
    Case("effect-unknown", chain, {"echo": {}}, "effects.echo", "'echo'", "reverberation"),
    Case("effect-a-number", chain, {"clipping": 3}, "effects.clipping", "3", "expected a mapping"),
    Case(
        "effect-probability-2",
        chain,
        {"clipping": {"clipped_share": 0.1, "prob": 2}},
        "effects.clipping.prob",
        "2",
        "0 to 1",
    ),
    Case("effect-option-unknown", chain, {"clipping": {"clip": 0.1}}, "effects.clipping", "'clip'", "clipped_share"),
    Case(
        "effect-option-missing", chain, {"frame_drops": {}}, "effects.frame_drops", "'drop_rate'", "lacks the option"
    ),
    Case(
        "effects-refresh-unknown",
        AcousticsPerturbation,
        {"effects": {}, "refresh": "daily"},
        "refresh",
        "'daily'",
        "each_epoch",
    ),
    Case("effects-seed-negative", AcousticsPerturbation, {"effects": {}, "seed": -3}, "seed", "-3", "0 or more"),
    Case(
        "effects-curriculum-of-unknown-effect",
        AcousticsPerturbation,
        {"effects": {}, "curriculum": {"probs": {"echo": 1}}},
        "curriculum.probs",
        "['echo']",
        "expected effects",
    ),
    Case("clipping-share-2", chain, {"clipping": {"clipped_share": 2}}, "clipped_share", "2", "expected"),
    Case(
        "gain-of-a-word", chain, {"automatic_gain": {"target_db": "loud"}}, "target_db", "'loud'", "expected a number"
    ),
    Case(
        "microphone-of-one-point",
        chain,
        {"microphone": {"gain_db": 3, "num_points": 1}},
        "num_points",
        "1",
        "from 2 to 32",
    ),
    Case(
        "microphone-gain-beyond-range",
        chain,
        {"microphone": {"gain_db": {"min": -90, "max": 0}}},
        "gain_db",
        "-90",
        "-40 to 40",
    ),
    Case(
        "telephone-band-upside-down",
        chain,
        {"telephone_band": {"low_hz": 3000, "high_hz": 1000}},
        "low_hz",
        "3000",
        "below high_hz",
    ),
    Case(
        "telephone-band-above-half-the-rate",
        chain,
        {"telephone_band": {"high_hz": 9000}},
        "high_hz",
        "9000",
        "half of the 16000",
    ),
    Case("law-unknown", chain, {"g711": {"law": "nu"}}, "law", "'nu'", "mu"),
    Case("opus-bit-rate-0", chain, {"opus": {"kbit_per_s": 0}}, "kbit_per_s", "0", "expected"),
    Case("gsm-with-an-option", chain, {"gsm": {"rate": 8000}}, "effects.gsm", "'rate'", "expected none"),
    Case("frames-all-dropped", chain, {"frame_drops": {"drop_rate": 1.0}}, "drop_rate", "1", "0 to 0.9"),
    Case(
        "frame-of-no-length", chain, {"frame_drops": {"drop_rate": 0.1, "frame_ms": 0}}, "frame_ms", "0", "1 to 1000"
    ),
    Case(
        "loss-in-impossible-bursts",
        chain,
        {"packet_loss": {"loss_rate": 0.8, "mean_burst": 1.0}},
        "mean_burst",
        "1",
        "at least 4 packets",
    ),
    Case(
        "loss-of-an-empty-list", chain, {"packet_loss": {"loss_rate": []}}, "loss_rate", "empty list", "at least one"
    ),
    Case(
        "loss-min-above-max",
        chain,
        {"packet_loss": {"loss_rate": {"min": 0.5, "max": 0.1}}},
        "loss_rate",
        "min 0.5",
        "max 0.1",
    ),
    Case(
        "concealment-unknown",
        chain,
        {"packet_loss": {"loss_rate": 0.1, "concealment": "music"}},
        "concealment",
        "'music'",
        "pitch",
    ),
    Case(
        "rooms-of-two-kinds",
        chain,
        {"reverberation": {"rooms": {"simulated": {}, "recorded": {}}}},
        "effects.reverberation.rooms",
        "'simulated'",
        "expected one of",
    ),
    Case("room-without-echo", chain, {"reverberation": _simulated(rt60_s=0)}, "rt60_s", "0", "0.05 to 3"),
    Case(
        "room-too-small-for-its-echo",
        chain,
        {"reverberation": _simulated(rt60_s=3, length_m=1.5)},
        "rt60_s",
        "3 s",
        "larger rooms or shorter",
    ),
    Case("room-of-no-length", chain, {"reverberation": _simulated(length_m=0)}, "length_m", "0", "1.5 to 50"),
    Case(
        "hall-without-an-echo",
        chain,
        {"reverberation": _simulated(length_m=40, width_m=30, height_m=15)},
        "rt60_s",
        "0.3 s",
        "0.46 s or more",
    ),
    Case("rooms-none", chain, {"reverberation": _simulated(num_rooms=0)}, "num_rooms", "0", "1 or more"),
    Case(
        "responses-missing",
        chain,
        {"reverberation": {"rooms": {"recorded": {"manifest_path": Missing("r.json")}}}},
        "r.json",
        "no such manifest",
        "expected",
    ),
    Case(
        "response-silent",
        chain,
        {"reverberation": _responses(Wave("r.wav", level=0.0))},
        "r.wav",
        "silent",
        "expected an impulse response",
        "rooms.json:1",
    ),
    Case(
        "response-of-eight-channels",
        chain,
        {"reverberation": _responses(Wave("r.wav", channels=8))},
        "r.wav",
        "8 channels",
        "one channel per file",
        "rooms.json:1",
    ),
    *(
        Case(
            f"response-is-{name}",
            chain,
            {"reverberation": _responses(wave)},
            "r.wav",
            value,
            "expected an impulse response",
            "rooms.json:1",
        )
        for name, wave, value in (
            ("white-noise", Wave("r.wav", level=0.1), "after its onset"),
            ("a-constant", Wave("r.wav", level=0.0, constant=0.3), "falls by 10 dB only after 0.90 of 1.00 s"),
            ("almost-a-constant", Wave("r.wav", level=1e-4, constant=0.3), "after its onset"),
        )
    ),
    Case(
        "response-with-nan",
        chain,
        {"reverberation": _responses(Wave("r.wav", odd=float("nan")))},
        "r.wav",
        "NaN",
        "expected finite",
        "rooms.json:1",
    ),
    Case(
        "response-cut-off",
        chain,
        {"reverberation": _responses(Wave("r.wav", kept_bytes=9000))},
        "r.wav",
        "is cut off",
        "expected the whole file",
        "rooms.json:1",
    ),
    *(
        Case(
            f"rt60-of-a-response-{name}",
            chain,
            {"reverberation": _stated(value)},
            "rt60",
            repr(value),
            "expected seconds above 0",
            "rooms.json:1",
        )
        for name, value in (("negative", -3.0), ("zero", 0), ("in-words", "0.3 s"), ("true", True), ("1000", 1000.0))
    ),
    Case(
        "reverberation-ratio-of-100-db",
        chain,
        {"reverberation": {**_simulated(), "drr_db": 100}},
        "drr_db",
        "100",
        "-40 to 60",
    ),
    Case(
        "moving-talker-without-a-start",
        chain,
        {"moving_talker": {**_simulated(), "end_drr_db": 0}},
        "effects.moving_talker",
        "'start_drr_db'",
        "lacks the option",
    ),
]
