# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Options of `noise_mix` that are of another kind than they should be: a number for a folder, a text for a list."""

from typing import Any

from tests.broken_inputs.case import Case
from tests.broken_inputs.files import NOISE
from tests.broken_inputs.noise_mix import noise_mix


def mix_of(**options: Any) -> dict[str, Any]:
    return {"manifest_path": NOISE, **options}


def sources_of(*sources: Any) -> dict[str, Any]:
    return {"sources": list(sources)}


CASES = [
    Case("decoded-dir-a-number", noise_mix, mix_of(decoded_dir=5), "decoded_dir", "5", "expected a folder"),
    Case("noise-list-of-nothing", noise_mix, {"manifest_path": [NOISE, None]}, "manifest_path", "None", "the paths"),
    Case("effects-a-text", noise_mix, mix_of(effects="room"), "effects", "'room'", "expected a mapping"),
    Case("effects-a-number", noise_mix, mix_of(effects={"speech": 5}), "effects.speech", "5", "expected a list"),
    Case("effects-one-without-list", noise_mix, mix_of(effects={"speech": {"_target_": "a"}}), "effects.speech",
         "{'_target_': 'a'}", "expected a list"),
    Case("effect-of-no-class", noise_mix, mix_of(effects={"noise": [{"_target_": "no.such.Thing"}]}),
         "effects.noise[0]", "no.such.Thing", "expected the _target_ of a class"),
    Case("source-named-by-number", noise_mix, sources_of({"manifest_path": NOISE, "name": 5}), "sources[0].name", "5",
         "in quotes"),
    Case("babble-of-a-city", noise_mix, sources_of({"manifest_path": NOISE, "talkers": 10**9}), "talkers",
         "1000000000", "1000 at most"),
]  # fmt: skip
