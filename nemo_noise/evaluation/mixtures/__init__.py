# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mixtures: which speech in which noise at which SNR, fixed and hashed."""
