# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of all topics in one; a topic is a module with a list CASES."""

from tests.broken_inputs import (
    acoustics,
    audio,
    checkpoints,
    contexts,
    encoders,
    evaluation,
    evaluation_options,
    hugging_face,
    language_models,
    learning,
    manifests,
    noise_mix,
    noise_mix_types,
    pretraining,
    recordings,
    script_options,
    sensors,
    texts,
    transcripts,
)

TOPICS = (
    *(
        manifests,
        audio,
        recordings,
        sensors,
        noise_mix,
        noise_mix_types,
        acoustics,
        evaluation,
        evaluation_options,
        script_options,
    ),
    *(transcripts, contexts, encoders, checkpoints, hugging_face, language_models, learning, pretraining, texts),
)
CASES = [case for topic in TOPICS for case in topic.CASES]
