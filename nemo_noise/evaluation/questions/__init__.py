# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Questions of the report: what each takes from the results, and how the answer is shown, one file for each."""
