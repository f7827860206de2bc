# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""From the hypotheses of all arms and seeds of an ablation to one table, one JSON and one figure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.gain_plot import draw_gains
from experiments.groups import Group
from nemo_noise import whole_file
from nemo_noise.evaluation.blocks.tables import probability
from nemo_noise.evaluation.hypothesis import Hypothesis
from nemo_noise.evaluation.questions.evidence import mean_over
from nemo_noise.evaluation.scoring.bootstrap import holm_adjusted
from nemo_noise.evaluation.scoring.comparison import compare
from nemo_noise.evaluation.scoring.summary import summarize_cells
from nemo_noise.evaluation.scoring.tally import ModelRows, ScoringOptions
from nemo_noise.evaluation.transcription.arms import is_control
from nemo_noise.figure_file import save_figure

__all__ = ["AblationTable"]

PANELS_IN_A_ROW = 3
LEGEND_COLUMNS = 2  # under each panel: many arms would hide the curves


@dataclass(frozen=True)
class AblationTable:
    """What is compared with what.

    Attributes:
        baseline: the arm that all others are compared with.
        groups: name -> group; a table and a panel of the figure for each.
        titles: arm -> what stands in the table; its name if not given.
        noise_list: the noise list of the comparison.
        scoring: how rows are scored and resampled.
        further_columns: column -> arm -> what stands there, behind the errors.
    """

    baseline: str
    groups: Mapping[str, Group]
    titles: Mapping[str, str]
    noise_list: str
    scoring: ScoringOptions
    further_columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def write(self, rows: Mapping[str, Sequence[Hypothesis]], output: str | Path) -> str:
        """Pool the seeds of each arm, compare it with the baseline, write table.md, results.json, wer.png, gain.png.

        Args:
            rows: arm -> the hypotheses of all its seeds, on speech.
            output: folder; made if absent.

        Returns:
            The tables in Markdown.

        Raises:
            ValueError: if the baseline has no rows, or a group holds none.
        """
        if not rows.get(self.baseline):
            raise ValueError(f"baseline={self.baseline!r} has no hypotheses; there are those of {sorted(rows)}.")
        results = {name: self._compare(name, group, rows) for name, group in self.groups.items()}
        folder = Path(output)
        whole_file.write_text(folder / "results.json", json.dumps(results, indent=1))
        text = "\n\n".join(f"{self.groups[name].title}\n\n{self._table(arms)}" for name, arms in results.items())
        whole_file.write_text(folder / "table.md", text + "\n")
        self._draw(results, folder / "wer.png")
        draw_gains(results, self.groups, self.titles, self.noise_list, folder / "gain.png")
        return text

    def _compare(self, name: str, group: Group, rows: Mapping[str, Sequence[Hypothesis]]) -> dict[str, dict[str, Any]]:
        """Arm -> summary, comparison with the baseline and its p-value after Holm's correction over the arms."""
        chosen = {arm: [row for row in arm_rows if group.holds(row)] for arm, arm_rows in rows.items()}
        if not chosen[self.baseline]:
            raise ValueError(f"groups: {name!r} ({dict(group.where)}) holds no row.")
        arms: dict[str, dict[str, Any]] = {
            arm: {"summary": summarize_cells(ModelRows(arm_rows, self.scoring)), "comparison": None}
            for arm, arm_rows in chosen.items()
        }
        others = [arm for arm in arms if arm != self.baseline]
        for arm in others:
            arms[arm]["comparison"] = compare(chosen[arm], chosen[self.baseline], self.scoring)
        p_values = [arms[arm]["comparison"]["lists"][self.noise_list]["p_value"] for arm in others]
        for arm, p_value in zip(others, holm_adjusted(p_values), strict=True):
            arms[arm]["p_holm"] = p_value
        return arms

    def _table(self, arms: Mapping[str, Mapping[str, Any]]) -> str:
        over = mean_over([result["summary"] for result in arms.values()])
        gain = (f"fewer errors than the baseline, {over}", "p (Holm)", "by seed")
        columns = ("arm", "clean", f"mean of {over}", "-5 dB", *gain, *self.further_columns)
        lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        for arm, result in arms.items():
            noisy, clean = result["summary"]["lists"][self.noise_list], result["summary"]["clean"]
            mean, low, high = (100 * noisy[key] for key in ("mean_wer", "mean_wer_low", "mean_wer_high"))
            lowest = f"{100 * noisy['cells']['-5']['wer']:.2f}" if "-5" in noisy["cells"] else ""
            cells = [
                self.titles.get(arm, arm),
                f"{100 * clean['wer']:.2f}",
                f"{mean:.2f} [{low:.2f}, {high:.2f}]",
                lowest,
            ]
            further = [texts.get(arm, "") for texts in self.further_columns.values()]
            lines.append(f"| {' | '.join([*cells, *self._gain(result), *further])} |")
        return "\n".join(lines)

    def _gain(self, result: Mapping[str, Any]) -> list[str]:
        """Relative reduction with its interval, p-value, and the reduction of each seed."""
        if result["comparison"] is None:
            return ["", "", ""]
        block = result["comparison"]["lists"][self.noise_list]
        low, high = block["relative_reduction_low"], block["relative_reduction_high"]
        seeds = ", ".join(f"{100 * value:.1f}" for value in block["relative_reduction_by_seed"].values())
        reduction = f"{100 * block['relative_reduction']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        return [reduction, probability(result["p_holm"]), seeds]

    def _draw(self, results: Mapping[str, Mapping[str, Mapping[str, Any]]], path: Path) -> None:
        """WER over SNR: a panel a group, a line an arm with its interval as a band; controls dashed, without band."""
        columns = min(len(results), PANELS_IN_A_ROW)
        rows = -(-len(results) // columns)
        figure = Figure(figsize=(5 * columns, 4 * rows))
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis in axes.flat[len(results) :]:
            axis.remove()
        for axis, (name, arms) in zip(axes.flat, results.items(), strict=False):
            for arm, result in arms.items():
                cells = result["summary"]["lists"][self.noise_list]["cells"]
                points = sorted((float(snr), cell) for snr, cell in cells.items())
                snrs, rates = [snr for snr, _ in points], [100 * cell["wer"] for _, cell in points]
                style = "--" if is_control(arm) else "o-"
                (line,) = axis.plot(snrs, rates, style, label=self.titles.get(arm, arm), linewidth=1.2, markersize=4)
                if not is_control(arm):
                    lows, highs = ([100 * cell[key] for _, cell in points] for key in ("wer_low", "wer_high"))
                    axis.fill_between(snrs, lows, highs, alpha=0.12, color=line.get_color())
            axis.set(title=self.groups[name].title, xlabel="SNR, dB (active speech level)", ylabel="WER, %")
            axis.grid(alpha=0.3)
        handles, labels = axes[0][0].get_legend_handles_labels()
        legend_rows = -(-len(labels) // (LEGEND_COLUMNS * columns))
        figure.set_figheight(4 * rows + 0.2 * legend_rows)
        figure.legend(handles, labels, fontsize=7, loc="lower center", ncols=LEGEND_COLUMNS * columns)
        figure.tight_layout(rect=(0, 0.2 * legend_rows / figure.get_figheight(), 1, 1))
        save_figure(figure, path, dpi=90)
