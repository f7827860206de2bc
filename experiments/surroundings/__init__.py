# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise around the speech: what a recogniser loses by it that was trained on speech which begins at once."""
