# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Speech and noise: manifests, audio, what is drawn for an utterance, rooms and devices, mixing.

The names below load at first use: NeMo imports parts of this room in the middle of its own import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported

if TYPE_CHECKING:
    from nemo_noise.data.acoustics.chain import EffectChain, build_chain
    from nemo_noise.data.acoustics.perturbation import AcousticsPerturbation
    from nemo_noise.data.audio.files import load_audio, write_audio
    from nemo_noise.data.corpora.preparation import prepare_corpus
    from nemo_noise.data.draw.clock import EPOCH_CLOCK
    from nemo_noise.data.manifests.manifest import (
        ManifestEntry,
        ManifestError,
        load_entry,
        read_manifest,
        write_manifest,
    )
    from nemo_noise.data.mixing.device import DeviceMixer
    from nemo_noise.data.mixing.noise_mix import NoiseMixPerturbation
    from nemo_noise.data.noise.noise_list import NoiseCrop, NoiseList
    from nemo_noise.data.pairs.context_pairs import ContextPairDataset, collate_context_pairs
    from nemo_noise.data.previews.curriculum import draw_curriculum
    from nemo_noise.data.previews.effects import write_effects_preview
    from nemo_noise.data.previews.mixtures import write_preview
    from nemo_noise.data.signal.snr import mix_at_band_snrs, mix_at_snr
    from nemo_noise.data.signal.speech_level import active_speech_level_db, rms_db

_HOMES = {
    "acoustics.chain": "EffectChain build_chain",
    "acoustics.perturbation": "AcousticsPerturbation",
    "audio.files": "load_audio write_audio",
    "corpora.preparation": "prepare_corpus",
    "draw.clock": "EPOCH_CLOCK",
    "manifests.manifest": "ManifestEntry ManifestError load_entry read_manifest write_manifest",
    "mixing.device": "DeviceMixer",
    "mixing.noise_mix": "NoiseMixPerturbation",
    "noise.noise_list": "NoiseCrop NoiseList",
    "pairs.context_pairs": "ContextPairDataset collate_context_pairs",
    "previews.curriculum": "draw_curriculum",
    "previews.effects": "write_effects_preview",
    "previews.mixtures": "write_preview",
    "signal.snr": "mix_at_band_snrs mix_at_snr",
    "signal.speech_level": "active_speech_level_db rms_db",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "EPOCH_CLOCK",
    "AcousticsPerturbation",
    "ContextPairDataset",
    "DeviceMixer",
    "EffectChain",
    "ManifestEntry",
    "ManifestError",
    "NoiseCrop",
    "NoiseList",
    "NoiseMixPerturbation",
    "active_speech_level_db",
    "build_chain",
    "collate_context_pairs",
    "draw_curriculum",
    "load_audio",
    "load_entry",
    "mix_at_band_snrs",
    "mix_at_snr",
    "prepare_corpus",
    "read_manifest",
    "rms_db",
    "write_audio",
    "write_effects_preview",
    "write_manifest",
    "write_preview",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
