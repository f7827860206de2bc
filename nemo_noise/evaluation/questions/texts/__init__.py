# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What was written: words, utterances, text where nobody speaks, ways of writing, and which speech it was."""
