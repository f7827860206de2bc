# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The headline numbers of the report."""

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.blocks import Tile
from nemo_noise.evaluation.report.findings import primary_list
from nemo_noise.evaluation.report.numbers import decibels, interval_of, mean_of, percent, snr_text
from nemo_noise.evaluation.results import Results


def headline_tiles(results: Results) -> list[Tile]:
    """Choose the headline numbers of the model: what was not measured has no tile."""
    summary = results["models"][results["model"]]
    baseline = None if results["baseline"] is None else results["models"][results["baseline"]]
    tiles = []
    primary = primary_list(results)
    if primary is not None:
        block = summary["lists"][primary]
        note = interval_of(block, "mean_wer")
        if baseline is not None and primary in baseline["lists"]:
            note += f"; baseline {percent(baseline['lists'][primary]['mean_wer'])}"
        tiles.append(Tile(f"WER, {primary} noise, {mean_of(results)}", percent(block["mean_wer"]), note))
    if summary["clean"] is not None:
        note = interval_of(summary["clean"], "wer")
        if baseline is not None and baseline["clean"] is not None:
            note += f"; baseline {percent(baseline['clean']['wer'])}"
        tiles.append(Tile("WER on clean speech", percent(summary["clean"]["wer"]), note))
    comparison = results["comparison"]
    if comparison is not None and primary in comparison["lists"]:
        gain = comparison["lists"][primary]
        interval = interval_of(gain, "relative_reduction")
        tiles.append(Tile(f"fewer errors in {primary} noise", percent(gain["relative_reduction"]), interval))
        gained, low, high = map(decibels, Estimate.read(gain, "db_gained"))
        tiles.append(Tile("more noise at equal WER", gained, f"{low} to {high}, {primary} noise"))
    worst = summary["worst"]
    if worst is not None:
        tiles.append(
            Tile("worst cell", percent(worst["wer"]), f"{worst['noise_list']} noise at {snr_text(worst['snr_db'])}")
        )
    if summary["noise_only"] is not None:
        noise_only = summary["noise_only"]["characters_per_minute"]
        tiles.append(Tile("written where nobody speaks", f"{noise_only:.1f}", "characters per minute"))
    if summary["rtfx"] is not None:
        note = str(results["made"].get("hardware") or results["made"].get("device") or "")
        tiles.append(Tile("speed, RTFx", f"{summary['rtfx']:.3g}", note))
    return tiles
