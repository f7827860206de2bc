# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mistakes of the first hour, typed as a user types them, and what the answers must name."""
