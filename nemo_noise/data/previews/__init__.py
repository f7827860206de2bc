# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What training will get, before it is trained with: mixtures, effects and curricula as files and pictures."""
