# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the numbers show, in sentences that claim no more than their intervals allow."""

from nemo_noise.evaluation.questions import BY_WEIGHT
from nemo_noise.evaluation.questions.evidence import Results


def findings(results: Results) -> list[str]:
    """Put the answers to all questions into words, the most important first."""
    return [sentence for question in BY_WEIGHT for sentence in question.in_words(results)]
