# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The data of the experiments: speech split by speaker, noises by class, a tokenizer."""
