# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Profiling: latency, throughput and memory of a model, by engine and by module."""
