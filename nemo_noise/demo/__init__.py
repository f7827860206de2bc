# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: speech and noise are synthesised, small recognisers trained and measured; NeMo is imported meanwhile."""
