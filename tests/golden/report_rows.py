# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hypothesis rows that are invented from fixed seeds: no model, no audio."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

Row = dict[str, Any]

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SNRS = (20.0, 10.0, 5.0, 0.0, -5.0)
NOISES = {"street": ["rain", "traffic", "dog"], "factory": ["drill", "press"]}
PLACES = [("dry", "wideband"), ("hall", "wideband"), ("dry", "telephone")]
UTTERANCES = 24


def speech_rows(model: str, error_rate: float, seeds: Sequence[int] = (0, 1), **options: Any) -> list[Row]:
    """Rows with speech of one model: clean, two noise lists at five SNRs, and three places where asked for."""
    return [row for seed in seeds for row in _of_seed(model, error_rate, seed, **options)]


def _of_seed(
    model: str, error_rate: float, seed: int, places: Sequence[tuple[str, str]] = (), utterances: int = UTTERANCES
) -> Iterator[Row]:
    chance = random.Random(f"{model} {seed}")
    for room, channel in places or [("", "")]:
        for number in range(utterances):
            for row in _mixtures(number):
                place = {"room": room, "channel": channel} if places else {}
                yield (
                    row
                    | place
                    | _transcript(row, error_rate, chance, (room, channel))
                    | _identity(model, seed, row, place)
                )


def _mixtures(number: int) -> Iterator[Row]:
    """The mixtures of one utterance."""
    draw = random.Random(number)
    text = " ".join(draw.choice(WORDS) for _ in range(2 + number % 9))
    speaker = {"speaker": f"s{number % 10}", "gender": "fm"[number % 2], "age_group": ["young", "old"][number % 3 > 0]}
    row = {"utterance_id": f"u{number:02d}", "text": text, "duration": 1.0 + 0.25 * (number % 9), **speaker}
    for noise_list, labels in [("", [""]), *NOISES.items()]:
        label = draw.choice(labels)
        for snr_db in SNRS if noise_list else (None,):
            yield {**row, "noise_list": noise_list or None, "noise_label": label or None, "snr_db": snr_db}


def _transcript(row: Row, error_rate: float, chance: random.Random, place: tuple[str, str]) -> Row:
    """Errors that grow with the noise, twice as many in the hall, half as many again by telephone."""
    snr_db, harm = row["snr_db"], {"hall": 2.0, "telephone": 1.5}
    rate = error_rate * (1.0 if snr_db is None else 2.0 + (20.0 - snr_db) / 5.0)
    rate *= harm.get(place[0], 1.0) * harm.get(place[1], 1.0)
    words, confidences = [], []
    for word in row["text"].split():
        draw = chance.random()
        if draw < 0.6 * rate:
            words.append(chance.choice(WORDS))
        elif draw < 0.8 * rate:
            continue
        else:
            words.append(word)
        if draw > 1.0 - 0.2 * rate:
            words.append(chance.choice(WORDS))
        confidences += [round(0.4 + 0.6 * chance.random(), 3)] * (len(words) - len(confidences))
    mean = sum(confidences) / len(confidences) if confidences else 0.1
    return {"pred_text": " ".join(words), "confidence": round(mean, 3), "word_confidence": confidences}


def _identity(model: str, seed: int, row: Row, place: Row) -> Row:
    name = "|".join(str(row[key]) for key in ("utterance_id", "noise_list", "snr_db")) + "|".join(place.values())
    audio = hashlib.sha256(name.encode()).hexdigest()
    return {
        "model": model,
        "seed": seed,
        "trial_id": audio[:16],
        "mixture_sha256": audio,
        "transcribe_s": round(0.01 * row["duration"], 6),
        "latency_s": round(0.02 + 0.001 * len(row["text"]), 6),
        "parameters": 1000 * len(model),
        "peak_memory_mb": 64.5,
    }


def speech_free_rows(model: str, share_with_text: float, seed: int = 0) -> list[Row]:
    """Rows where nobody speaks: noise alone, and digital silence of three lengths."""
    chance, rows = random.Random(model), []
    pieces = [(name, label, 5.0) for name, labels in NOISES.items() for label in labels for _ in range(3)]
    pieces += [("", "", seconds) for seconds in (0.5, 5.0, 30.0)]
    for number, (noise_list, label, seconds) in enumerate(pieces):
        text = " ".join(chance.choice(WORDS) for _ in range(3)) if chance.random() < share_with_text else ""
        rows.append(
            {
                "utterance_id": f"n{number:02d}",
                "condition": "noise_only" if noise_list else "silence",
                "noise_list": noise_list or None,
                "noise_label": label or None,
                "snr_db": None,
                "text": "",
                "pred_text": text,
                "duration": seconds,
                "model": model,
                "seed": seed,
            }
        )
    return rows


def adapted(rows: Sequence[Row], name: str) -> list[Row]:
    """Rows of a model that adapts: the first word is right, every third utterance is as it was."""
    changed = []
    for number, row in enumerate(rows):
        is_adapted = number % 3 > 0
        told = {
            "is_adapted": is_adapted,
            "adaptation_steps": 3 if is_adapted else 0,
            "adaptation_reason": None if is_adapted else "confidence",
            "plain_transcribe_s": row["transcribe_s"],
            "transcribe_s": 4 * row["transcribe_s"],
        }
        first, rest = row["text"].split()[:1], row["pred_text"].split()[1:]
        text = " ".join([*first, *rest]) if is_adapted else row["pred_text"]
        changed.append({**row, **told, "pred_text": text, "model": name, "word_confidence": None})
    return changed


def streamed(rows: Sequence[Row], name: str) -> list[Row]:
    """Rows of a stream: the last word of long utterances is missing."""
    chosen = [row for row in rows if row["utterance_id"] < "u12" and row["seed"] == 0]
    return [
        {**row, "model": name, "pred_text": row["pred_text"].rpartition(" ")[0] or row["pred_text"]} for row in chosen
    ]


def without(rows: Sequence[Row], *fields: str) -> list[Row]:
    """The rows without some fields."""
    return [{key: value for key, value in row.items() if key not in fields} for row in rows]
