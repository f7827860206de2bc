# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Questions of the report, one file each: what is run, the answer, its section and sentences; the list is here."""

from nemo_noise.evaluation.questions.adaptation import AdaptationQuestion, StreamAdaptationQuestion
from nemo_noise.evaluation.questions.calibration import CalibrationQuestion
from nemo_noise.evaluation.questions.comparison import ComparisonQuestion
from nemo_noise.evaluation.questions.context_snr import ContextSnrQuestion
from nemo_noise.evaluation.questions.controls import ControlsQuestion
from nemo_noise.evaluation.questions.errors import ErrorsQuestion
from nemo_noise.evaluation.questions.groups import GroupsQuestion
from nemo_noise.evaluation.questions.noise import NoiseQuestion
from nemo_noise.evaluation.questions.places import PlacesQuestion
from nemo_noise.evaluation.questions.question import EvaluationQuestion, ModelQuestion, Question
from nemo_noise.evaluation.questions.seen import SeenQuestion
from nemo_noise.evaluation.questions.silence import SilenceQuestion
from nemo_noise.evaluation.questions.speech import SpeechQuestion
from nemo_noise.evaluation.questions.speed import SpeedQuestion
from nemo_noise.evaluation.questions.streaming import StreamingQuestion
from nemo_noise.evaluation.questions.text_hints import TextHintsQuestion
from nemo_noise.evaluation.questions.utterances import UtterancesQuestion
from nemo_noise.evaluation.questions.words import WordsQuestion

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
    ContextSnrQuestion(),
    UtterancesQuestion(),
    TextHintsQuestion(),
    SpeechQuestion(),
)
# In the order of sentences, gates and keys.
BY_WEIGHT = tuple(sorted(QUESTIONS, key=lambda question: question.weight))
