# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The model card: `README.md` with the metadata that Hugging Face's hub reads, filled from the results."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from nemo_noise import whole_file
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.report.noise_section import NoiseSection
from nemo_noise.evaluation.report.noise_tables import as_markdown, inline, tables_of
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.foreign_text import printable

ACTIVE = re.compile(r"[<>\[\]`$&]")
TASK = {"type": "automatic-speech-recognition", "name": "Automatic Speech Recognition"}


@dataclass(frozen=True)
class CardOptions:
    """What the results cannot know.

    Attributes:
        language: ISO 639 code or codes of the speech.
        license: of the model, as the hub spells it: apache-2.0, cc-by-4.0.
        dataset: name of the speech.
        dataset_type: its id on the hub, `owner/name`, or any short name of data that is not there.
        base_model: id on the hub of the model that this one was made from.
        remark: a sentence for the top of the card.
    """

    language: str | list[str] | None = None
    license: str | None = None
    dataset: str | None = None
    dataset_type: str | None = None
    base_model: str | None = None
    remark: str | None = None


def write_model_card(
    path: str | Path, results: Results, options: CardOptions | None = None, *, picture: str | None = None
) -> None:
    """Write the card.

    Args:
        path: the file, usually `README.md`; its folder is created where absent.
        results: from `collect_results`.
        options: what the results cannot know.
        picture: name of the picture beside the card; None for none.
    """
    whole_file.write_text(path, render_model_card(results, options or CardOptions(), picture))


def render_model_card(results: Results, options: CardOptions, picture: str | None = None) -> str:
    """Compose the card.

    Args:
        results: from `collect_results`.
        options: what the results cannot know.
        picture: name of the picture beside the card; None for none.

    Returns:
        Markdown with a YAML head: `model-index` has WERs in per cent, for clean speech and, per noise list, for the
        mean over SNRs and for every SNR.
    """
    summary = results["models"][results["model"]]
    metadata: dict[str, Any] = {
        "language": options.language,
        "license": options.license,
        "base_model": options.base_model,
        "library_name": "nemo",
        "pipeline_tag": TASK["type"],
        "tags": ["automatic-speech-recognition", "noise-robustness", "NeMo"],
        "datasets": [options.dataset_type] if options.dataset_type and "/" in options.dataset_type else None,
        "metrics": ["wer"],
        "model-index": [{"name": results["model"], "results": _model_index(summary, options)}],
    }
    head = _yaml({key: value for key, value in metadata.items() if value is not None})
    return f"---\n{head}---\n\n{_text(results, options, picture)}"


def _yaml(metadata: dict[str, Any]) -> str:
    """Write the head; text that Markdown, HTML or OmegaConf could take for more stands there in escapes."""
    quoted: dict[str, str] = {}

    def harmless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: harmless(item) for key, item in value.items()}
        if isinstance(value, list):
            return [harmless(item) for item in value]
        if not isinstance(value, str) or ((shown := printable(value)) == value and not ACTIVE.search(value)):
            return value
        stand_in = f"foreign-text-{len(quoted)}-"
        text = json.dumps(shown, ensure_ascii=False)
        quoted[stand_in] = ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        return stand_in

    text = str(OmegaConf.to_yaml(OmegaConf.create(harmless(metadata))))
    for stand_in, value in quoted.items():
        text = text.replace(stand_in, value)
    return text


def _model_index(summary: Summary, options: CardOptions) -> list[dict[str, Any]]:
    """List the results as the hub wants them, one per condition."""
    speech = options.dataset or "evaluation speech"
    entries = []
    if summary["clean"] is not None:
        entries.append(_entry(speech, "clean", wer=summary["clean"]["wer"], summary=summary, options=options))
    for name, block in summary["lists"].items():
        over = ", ".join(f"{snr:g}" for snr in block["mean_over_snr_db"])
        entries.append(
            _entry(
                speech,
                f"{name} noise, mean over {over} dB SNR",
                wer=block["mean_wer"],
                summary=summary,
                options=options,
            )
        )
        for snr, cell in block["cells"].items():
            entries.append(
                _entry(speech, f"{name} noise, {snr} dB SNR", wer=cell["wer"], summary=summary, options=options)
            )
    return entries


def _entry(speech: str, condition: str, *, wer: float, summary: Summary, options: CardOptions) -> dict[str, Any]:
    dataset: dict[str, Any] = {
        "name": f"{speech} ({condition})",
        "type": options.dataset_type or speech.lower().replace(" ", "-"),
        "config": condition,
    }
    if summary["mixture_set_sha256"] is not None:
        dataset["args"] = {"mixture_set_sha256": summary["mixture_set_sha256"]}
    metric = {"type": "wer", "value": round(100 * wer, 2), "name": f"WER, {condition}"}
    return {"task": TASK, "dataset": dataset, "metrics": [metric]}


def _text(results: Results, options: CardOptions, picture: str | None) -> str:
    """Write what a reader sees."""
    section = NoiseSection.of(results)
    speech = inline(options.dataset or "the evaluation speech")
    lines = [f"# {inline(section.model)}", "", "## Noise robustness", ""]
    lines += [inline(options.remark), ""] if options.remark else []
    lines += [f"On {speech}: {section.utterances} utterances, {section.words} words in each condition.", ""]
    lines += [f"**{inline(section.verdict)}**", ""] if section.verdict is not None else []
    for number, table in enumerate(tables_of(section)):
        lines += [f"### {table.title}", "", f"{inline(table.note)}.", "", *as_markdown(table), ""]
        lines += [f"![WER over SNR]({picture})", ""] if picture is not None and number == 0 else []
    sentences = findings(results)
    if sentences:
        lines += ["### What the numbers show", "", *[f"- {inline(sentence)}" for sentence in sentences], ""]
    lines += ["### How it was measured", ""]
    lines += [
        f"{inline(section.measured)}. The same mixtures have the SHA-256 `{inline(section.mixture_set_sha256)}`.",
        "",
    ]
    lines += ["All numbers are in `summary.json`, the page is `report.html`."]
    return "\n".join(lines) + "\n"
