# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation: how many words a model gets wrong in which noise, and whether another one is better."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

from nemo_noise.evaluation.hypothesis import Hypothesis, read_hypotheses, write_hypotheses
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.questions.evidence import Results
from nemo_noise.evaluation.report.page import write_report
from nemo_noise.evaluation.results import collect_results, read_results, summarize
from nemo_noise.evaluation.scoring.comparison import Comparison, compare
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.scoring.wer import count_errors

__all__ = [
    "Comparison",
    "Hypothesis",
    "MixturePlan",
    "Results",
    "ScoringOptions",
    "Summary",
    "collect_results",
    "compare",
    "count_errors",
    "load_plan",
    "read_hypotheses",
    "read_results",
    "summarize",
    "write_hypotheses",
    "write_report",
]
