# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Noise-aware speech recognition for NVIDIA NeMo; importing this package registers it with NeMo."""

from nemo.core.classes import common as _nemo_common

__version__ = "0.1.0"


def _register() -> None:
    """Make our classes, perturbations, sensors, schedules and resolvers known to NeMo; safe to call again."""
    if "nemo_noise." not in _nemo_common.ALLOWED_TARGET_PREFIXES:
        _nemo_common.ALLOWED_TARGET_PREFIXES.append("nemo_noise.")
    from nemo.collections.asr.parts.preprocessing import perturb

    from nemo_noise.archive.door import install as install_archive_door
    from nemo_noise.configuration import register_resolvers
    from nemo_noise.data.acoustics.perturbation import AcousticsPerturbation
    from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
    from nemo_noise.data.sensors_in_batches import install_sensors
    from nemo_noise.nemo_patches.augmentor_probability import install_probability_check
    from nemo_noise.nemo_patches.lhotse_loader import install_augmentor
    from nemo_noise.nemo_patches.packed_language_model import install as install_packed_language_model
    from nemo_noise.recogniser.waveforms import install_waveform_check
    from nemo_noise.training.optim import register_schedules

    named = {"noise_mix": NoiseMixPerturbation, "rooms": AcousticsPerturbation, "devices": AcousticsPerturbation}
    for name, perturbation in named.items():
        if name not in perturb.perturbation_types:
            perturb.register_perturbation(name, perturbation)
    install_archive_door()
    install_augmentor()
    install_probability_check()
    install_packed_language_model()
    install_sensors()
    install_waveform_check()
    register_resolvers()
    register_schedules()


_register()
