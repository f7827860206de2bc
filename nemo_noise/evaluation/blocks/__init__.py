# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What sections of the report are made of, as data: texts, tables, charts, numbers as they are written."""
