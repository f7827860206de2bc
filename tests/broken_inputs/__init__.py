# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken inputs at the project's public doors, one table per topic, and what their errors must say."""
