# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What was asked beyond the first table, in sentences: rooms, channels, seen and unseen, streams, context and SNR."""

from collections.abc import Mapping

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.probes.context_snr import ContextSnr
from nemo_noise.evaluation.report.numbers import interval_of, mean_of, percent, points, with_minus
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.axes import AxisValue, Rate
from nemo_noise.evaluation.scoring.places import PlaceDifference
from nemo_noise.evaluation.scoring.streaming import Streaming, StreamingRow


def answer_sentences(results: Results) -> list[str]:
    """Put the answers into words.

    Args:
        results: the results.

    Returns:
        Sentences for the page, the model card and the terminal; none where nothing was asked.
    """
    summary = results["models"][results["model"]]
    places = [
        sentence
        for axis, values in (
            ("room", summary.get("axes", {}).get("room", {})),
            ("channel", summary.get("axes", {}).get("channel", {})),
        )
        for sentence in _axis_sentences(results, axis, values)
    ]
    compared = [(axis, values) for axis, values in results.get("places", {}).items() if len(values) > 1]
    places += [_place_sentence(results, axis, values) for axis, values in compared]
    splits = [
        f"{results['model']} in unseen against seen {axis}s: {_change(one['gap'])} WER, mean of {mean_of(results)}."
        for axis, one in summary.get("split", {}).items()
        if one["gap"] is not None
    ]
    streams = [_streaming_sentence(name, one) for name, one in results.get("streaming", {}).items()]
    return (
        places
        + splits
        + streams
        + [_context_sentence(name, one) for name, one in results.get("context_snr", {}).items()]
    )


def _axis_sentences(results: Results, axis: str, values: Mapping[str, AxisValue]) -> list[str]:
    """Compare every further room or channel with the first."""
    first = next(iter(values), "")
    told = [
        f"{name} {_change(value['difference'])}" for name, value in values.items() if value["difference"] is not None
    ]
    of = f"WER of {results['model']} by {axis}, in points against {first}, mean of {mean_of(results)}"
    return [f"{of}: {'; '.join(told)}."] if told else []


def _place_sentence(results: Results, axis: str, values: Mapping[str, PlaceDifference]) -> str:
    """The model against the baseline in every room or channel."""
    told = []
    for name, one in values.items():
        interval = interval_of(one, "relative_reduction")
        told.append(f"{name} {percent(one['relative_reduction'])} ({interval})")
    names = f"{results['model']} than of {results['baseline']}"
    return f"Fewer errors of {names} by {axis}, mean of {mean_of(results)}: {'; '.join(told)}."


def _change(rate: Rate) -> str:
    """A difference of rates in points, with its interval."""
    value, low, high = Estimate.read(rate, "mean_wer")
    interval = "" if low is None or high is None else f" ({points(low)} to {points(high)})"
    return f"{points(value)} points{interval}"


def _streaming_sentence(name: str, streaming: Streaming) -> str:
    if streaming["reason"] is not None:
        return f"Streaming of {name}: none, {streaming['reason']}."
    told = [_row_clause(row) for row in streaming["rows"] if row["chunk_ms"] is not None]
    return f"Streaming of {name}, WER in points against offline: {'; '.join(told)}."


def _row_clause(row: StreamingRow) -> str:
    if row["reason"] is not None:
        return f"{row['chunk_ms']:g} ms not possible"
    blocks = {} if row["clean"] is None else {"clean": row["clean"]}
    told = [f"{points(block['difference'])} {name}" for name, block in {**blocks, **row["lists"]}.items()]
    return f"{row['chunk_ms']:g} ms {', '.join(told)}"


def _context_sentence(name: str, one: ContextSnr) -> str:
    if one["all"] is None:
        return f"SNR estimated from the context of {name}: none, {one['reason']}."
    found = one["all"]
    r2 = with_minus(f"{found['r2']:.2f}")
    return (
        f"SNR estimated from the context of {name} by a linear probe: R² {r2}, mean absolute error "
        f"{found['mean_absolute_error_db']:.1f} dB ({found['mixtures']} mixtures, {one['folds']} folds)."
    )
