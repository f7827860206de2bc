# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation prompts a Whisper in the language of each manifest line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from nemo_noise.data.manifests.manifest import ManifestError
from nemo_noise.evaluation.mixtures.plan import MixturePlan, NoiseOnlyOptions, load_plan
from nemo_noise.evaluation.transcription.arms import Arm
from nemo_noise.evaluation.transcription.robustness import RunOptions, run_arm
from nemo_noise.models import WhisperModel, import_whisper
from nemo_noise.recogniser.transcription import Transcript, transcribe
from tests.whispers import write_whisper

SILENCE = NoiseOnlyOptions(crops=0, silence_s=(0.5,))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    write_whisper(tmp_path_factory.getbasetemp() / "prompted_whisper")
    return import_whisper(tmp_path_factory.getbasetemp() / "prompted_whisper")


def _plan(folder: Path, *lines: dict[str, Any]) -> MixturePlan:
    written = []
    for number, line in enumerate(lines):
        samples = 0.1 * np.random.default_rng(number).standard_normal(6000 + 500 * number)
        soundfile.write(folder / f"{number}.wav", samples, 16000)
        written.append(json.dumps({"audio_filepath": f"{number}.wav", "text": "one", **line}))
    (folder / "speech.json").write_text("\n".join(written) + "\n")
    return load_plan(16000, folder / "speech.json", {}, snr_db=["clean"], noise_only=SILENCE)


def test_each_line_is_transcribed_in_its_language_and_one_without_in_that_of_the_options(
    model: WhisperModel, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, {"lang": "de"}, {}, {"language": "German", "taskname": "translate"}, {"source_lang": "de"})
    prompts: dict[int, tuple[str | None, str | None]] = {}

    def answers(model: Any, waveforms: Sequence[Any], options: Any) -> list[Transcript]:
        prompts.update({len(one): (options.get("source_lang"), options.get("taskname")) for one in waveforms})
        return transcribe(model, waveforms, options)

    options = RunOptions(batch_size=4, transcribe={"source_lang": "en"}, latency_utterances=1)
    rows = run_arm(Arm("whisper", model, transcribes=answers), plan, tmp_path / "rows.jsonl", options=options)
    assert len(rows) == 5
    german, translated, english = ("de", "asr"), ("de", "translate"), ("en", "asr")
    expected = [german, english, translated, german, ("en", None)]
    assert prompts == dict(zip((6000, 6500, 7000, 7500, 8000), expected, strict=True))


def test_a_line_that_cannot_be_prompted_ends_the_run_before_anything_is_transcribed(
    model: WhisperModel, tmp_path: Path
) -> None:
    plan = _plan(tmp_path, {}, {"lang": "klingon"})
    with pytest.raises(ManifestError, match=r"speech\.json:2: lang='klingon' is no language of this Whisper"):
        run_arm(Arm("whisper", model), plan, tmp_path / "rows.jsonl", options=RunOptions(batch_size=1))
    assert not (tmp_path / "rows.jsonl").exists()
