# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mixing of whole batches on the training device, for loaders that cannot keep up with it."""

from nemo_noise.data.mixing.device.mixer import DeviceMixer, DeviceMixture, NoiseBank

__all__ = ["DeviceMixer", "DeviceMixture", "NoiseBank"]
