# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A NeMo ASR model seen from outside: its facts, transcription, state and checkpoints."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported
