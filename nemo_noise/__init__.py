# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise-aware speech recognition for NVIDIA NeMo; importing this package registers it with NeMo."""

from nemo.core.classes import common as _nemo_common

__version__ = "0.1.0"


def _register() -> None:
    """Make our classes known to NeMo, with `noise_mix` as an augmentation and our schedule; safe to call again."""
    if "nemo_noise." not in _nemo_common.ALLOWED_TARGET_PREFIXES:
        _nemo_common.ALLOWED_TARGET_PREFIXES.append("nemo_noise.")
    from nemo.collections.asr.parts.preprocessing import perturb

    from nemo_noise.data.mixing import NoiseMixPerturbation

    if "noise_mix" not in perturb.perturbation_types:
        perturb.register_perturbation("noise_mix", NoiseMixPerturbation)
    from nemo_noise.training.optim import register_schedules

    register_schedules()


_register()
