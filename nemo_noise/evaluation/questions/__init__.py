# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Questions of the report, one file each: what is run, the answer, its section and sentences; the list is here."""

from nemo_noise.evaluation.questions.comparisons.adaptation import AdaptationQuestion, StreamAdaptationQuestion
from nemo_noise.evaluation.questions.comparisons.comparison import ComparisonQuestion
from nemo_noise.evaluation.questions.comparisons.controls import ControlsQuestion
from nemo_noise.evaluation.questions.comparisons.streaming import StreamingQuestion
from nemo_noise.evaluation.questions.comparisons.surroundings import SurroundingsQuestion
from nemo_noise.evaluation.questions.models.calibration import CalibrationQuestion
from nemo_noise.evaluation.questions.models.context_snr import ContextSnrQuestion
from nemo_noise.evaluation.questions.models.speed import SpeedQuestion
from nemo_noise.evaluation.questions.question import EvaluationQuestion, ModelQuestion, Question
from nemo_noise.evaluation.questions.rates.errors import ErrorsQuestion
from nemo_noise.evaluation.questions.rates.groups import GroupsQuestion
from nemo_noise.evaluation.questions.rates.noise import NoiseQuestion
from nemo_noise.evaluation.questions.rates.places import PlacesQuestion
from nemo_noise.evaluation.questions.rates.seen import SeenQuestion
from nemo_noise.evaluation.questions.texts.silence import SilenceQuestion
from nemo_noise.evaluation.questions.texts.speech import SpeechQuestion
from nemo_noise.evaluation.questions.texts.text_hints import TextHintsQuestion
from nemo_noise.evaluation.questions.texts.utterances import UtterancesQuestion
from nemo_noise.evaluation.questions.texts.words import WordsQuestion

__all__ = ["BY_WEIGHT", "QUESTIONS", "EvaluationQuestion", "ModelQuestion", "Question"]

# In the order of the page.
QUESTIONS: tuple[Question, ...] = (
    NoiseQuestion(),
    PlacesQuestion(),
    SeenQuestion(),
    ComparisonQuestion(),
    ControlsQuestion(),
    AdaptationQuestion(),
    StreamAdaptationQuestion(),
    ErrorsQuestion(),
    WordsQuestion(),
    GroupsQuestion(),
    CalibrationQuestion(),
    SilenceQuestion(),
    SpeedQuestion(),
    StreamingQuestion(),
    SurroundingsQuestion(),
    ContextSnrQuestion(),
    UtterancesQuestion(),
    TextHintsQuestion(),
    SpeechQuestion(),
)
# In the order of sentences, gates and keys.
BY_WEIGHT = tuple(sorted(QUESTIONS, key=lambda question: question.weight))
