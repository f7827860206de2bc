# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The table of `measure.py`'s rows: error rates, text where nobody speaks, phrases kept, seconds of CPU.

    python experiments/invented_text/summary.py [ROWS.jsonl.xz ...]

A file is named MODEL-ARM_0.jsonl.xz. The arm vad is the detector's: each other arm is shown with it, too.
Only pieces that all arms of a model have are counted.
"""

import argparse
import json
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("rows", type=Path, nargs="*", help="files <model>-<arm>_0.jsonl.xz; those kept here if none")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

from nemo_noise.evaluation.scoring.text_normalization import normalize_text
from nemo_noise.evaluation.scoring.wer import count_errors, sum_errors

Row = Mapping[str, Any]
STEPS = ("lower", "strip_punctuation")
SPEECH_FREE = ("noise_only", "silence")
COLUMNS = (
    *("arm", "clean", "10 dB", "5 dB", "0 dB", "speech-free pieces with text", "characters a minute"),
    *("phrases kept", "WER of phrases", "longest text", "CPU, s"),
)


def read_rows(path: Path) -> dict[tuple[str, str], Row]:
    """Rows by what they are of."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {(row["utterance_id"], f"{row['condition']} {row.get('snr_db')}"): row for row in rows}


def with_detector(rows: Sequence[Row], detected: Sequence[Row]) -> list[Row]:
    """Rows as `vad_filter` gives them: no text, and no time of the recogniser, where nobody speaks."""
    found: list[Row] = []
    for row, voice in zip(rows, detected, strict=True):
        is_silent = voice["vad_speech_s"] == 0
        cpu_s = voice["cpu_s"] + (0.0 if is_silent else row["cpu_s"])
        found.append({**row, "cpu_s": cpu_s, "pred_text": "" if is_silent else row["pred_text"]})
    return found


def error_rate(rows: Sequence[Row]) -> str:
    """The word error rate in %; a dash without rows."""
    if not rows:
        return "-"
    pairs = [[normalize_text(row[name], STEPS) for name in ("text", "pred_text")] for row in rows]
    counts = sum_errors(count_errors(*pair) for pair in pairs)
    return f"{100 * counts.wer:.1f}"


def line_of(name: str, rows: Sequence[Row]) -> str:
    """One line of the table."""
    spoken = [row for row in rows if row["condition"] in ("clean", "noisy")]
    rates = [error_rate([row for row in spoken if row.get("snr_db") == snr]) for snr in (None, 10, 5, 0)]
    free = [row for row in rows if row["condition"] in SPEECH_FREE]
    phrases = [row for row in rows if row["condition"] == "phrase"]
    written = sum(bool(row["pred_text"].strip()) for row in free)
    minutes = sum(row["duration"] for row in free) / 60
    letters = sum(len(row["pred_text"].strip()) for row in free) / minutes if minutes else 0.0
    kept = sum(bool(row["pred_text"].strip()) for row in phrases)
    longest = max((len(row["pred_text"]) for row in rows), default=0)
    cells = [name, *rates, f"{written} of {len(free)}", f"{letters:.1f}", f"{kept} of {len(phrases)}"]
    cells += [error_rate(phrases), str(longest), f"{sum(row['cpu_s'] for row in rows):.0f}"]
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table for each model."""
    folder = Path(__file__).parent / "rows"
    paths = PARSER.parse_args(arguments).rows or sorted(folder.glob("*.jsonl.xz"))
    by_model: dict[str, dict[str, dict[tuple[str, str], Row]]] = {}
    for path in paths:
        model, _, arm = path.name.removesuffix("_0.jsonl.xz").rpartition("-")
        by_model.setdefault(model, {})[arm] = read_rows(path)
    for model, arms in by_model.items():
        shared = set.intersection(*(set(rows) for rows in arms.values()))
        keys = [key for key in next(iter(arms.values())) if key in shared]
        print(f"\n{model}, {len(keys)} pieces\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        detected = [arms["vad"][key] for key in keys] if "vad" in arms else None
        for arm, rows in arms.items():
            if arm == "vad":
                continue
            chosen = [rows[key] for key in keys]
            print(line_of(arm, chosen))
            if detected is not None:
                print(line_of(f"{arm} + vad", with_detector(chosen, detected)))


if __name__ == "__main__":
    main()
