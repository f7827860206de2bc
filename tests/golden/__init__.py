# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What earlier code wrote: checkpoints, configurations, losses and a report that later code must reproduce."""
