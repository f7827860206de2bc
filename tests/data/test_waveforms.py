# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Samples from Python give the text of the same sound, or are refused in words, by every model with a part of ours."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from nemo_noise.models import add_noise_context, import_wav2vec2, import_whisper
from nemo_noise.recogniser.transcription import transcribe
from nemo_noise.recogniser.waveforms import check_waveform
from tests.recognisers import build_recogniser, noise_aware
from tests.wav2vecs import write_wav2vec2
from tests.whispers import write_whisper

SOUND = (0.1 * np.random.default_rng(0).standard_normal(12000)).astype(np.float32)


def _with(value: float, place: int = 100) -> np.ndarray:
    changed = SOUND.copy()
    changed[place] = value
    return changed


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("int16", (SOUND * 32767).astype(np.int16), TypeError, r"is of type int16, must be float .* divide by 32768"),
    ("int16-tensor", torch.from_numpy(SOUND * 32767).short(), TypeError, r"torch\.int16, .* divide by 32768"),
    ("uint8", (SOUND * 100 + 128).astype(np.uint8), TypeError, r"uint8, .*\(samples - 128\.0\) / 128"),
    ("bool", SOUND > 0, TypeError, "is of type bool, must be float"),
    ("complex", SOUND.astype(np.complex64), TypeError, "is of type complex64, must be float"),
    ("objects", SOUND.astype(object), TypeError, "is of type object, must be float"),
    ("int16-as-float", SOUND * 32767, ValueError, r"has a peak of \d+.*must have a full scale of 1\.0"),
    ("nan", _with(np.nan), ValueError, "holds nan at sample 100; 1 of 12000 samples are not finite"),
    ("infinity", _with(-np.inf, 11999), ValueError, "holds -inf at sample 11999; 1 of 12000"),
    ("nan-tensor", torch.from_numpy(_with(np.nan)), ValueError, "holds nan at sample 100"),
    ("beyond-float32", _with(0).astype(np.float64) + 1e300, ValueError, "1e\\+300 at sample 0; 12000 of 12000"),
    ("no-samples", SOUND[:0], ValueError, "holds 0 samples, must hold at least one"),
    (
        "seven-channels",
        np.stack([SOUND] * 7),
        ValueError,
        r"has the shape \(7, 12000\); it must be mono.*samples\[0\]",
    ),
    ("channels-last", np.stack([SOUND] * 2, axis=1), ValueError, r"has the shape \(12000, 2\); .*samples\[:, 0\]"),
    ("a-row", torch.from_numpy(SOUND)[None], ValueError, r"has the shape \(1, 12000\)"),
    ("one-number", np.array(0.1, np.float32), ValueError, r"has the shape \(\)"),
]
GOOD: list[tuple[str, Callable[[], Any]]] = [
    ("float64", lambda: SOUND.astype(np.float64)),
    ("big-endian", lambda: SOUND.astype(">f4")),
    ("tensor", lambda: torch.from_numpy(SOUND)),
    ("tensor-with-gradient", lambda: torch.from_numpy(SOUND).requires_grad_()),
    ("float64-tensor", lambda: torch.from_numpy(SOUND).double()),
    ("turned-twice", lambda: SOUND[::-1].copy()[::-1]),
    ("read-only", lambda: np.frombuffer(SOUND.tobytes(), np.float32)),
]


@pytest.fixture(scope="module", params=["whisper", "wav2vec", "noise_aware"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "noise_aware":
        plain = build_recogniser("ctc", folder)
        plain.save_to(str(folder / "plain.nemo"))
        return add_noise_context(folder / "plain.nemo", noise_aware(plain.cfg)).eval()
    if request.param == "whisper":
        write_whisper(folder)
        return import_whisper(folder)
    write_wav2vec2(folder)
    return import_wav2vec2(folder)


def _text(model: Any, audio: Any, **options: Any) -> str:
    (found,) = model.transcribe(audio, batch_size=1, verbose=False, **options)
    return str(found.text)


@pytest.mark.parametrize(("samples", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_samples_that_are_no_sound_are_refused(samples: Any, error: type[Exception], message: str, model: Any) -> None:
    with pytest.raises(error, match=rf"audio\[1\] {message}|audio\[1\] .*{message}"):
        model.transcribe([SOUND, samples], batch_size=2, verbose=False)
    with pytest.raises(error, match=rf"waveforms\[0\] .*{message}|waveforms\[0\] {message}"):
        transcribe(model, [samples])
    assert model.training is False


@pytest.mark.parametrize("make", [row[1] for row in GOOD], ids=[row[0] for row in GOOD])
def test_the_same_sound_of_another_type_gives_the_same_text(make: Callable[[], Any], model: Any) -> None:
    expected = _text(model, [SOUND])
    assert _text(model, [make()]) == expected and _text(model, make()) == expected
    assert transcribe(model, [make()])[0].text == expected


def test_one_file_of_several_that_holds_nan_or_two_channels_is_named(model: Any, tmp_path: Path) -> None:
    files = [str(tmp_path / f"{name}.wav") for name in ("good", "bad", "stereo")]
    for file, samples in zip(files, (SOUND, _with(np.nan), np.stack([SOUND] * 2, axis=1)), strict=True):
        soundfile.write(file, samples, 16000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"audio\[1\], .*bad\.wav, holds nan at sample"):
        model.transcribe(files[:2], batch_size=2, verbose=False)
    with pytest.raises(ValueError, match=r"audio\[0\], .*stereo\.wav,.* channels: .*channel_selector=0"):
        model.transcribe([files[2]], batch_size=1, verbose=False)
    assert _text(model, [files[2]], channel_selector=0) == _text(model, [files[0]])
    lines = [json.dumps({"audio_filepath": file, "duration": 0.75, "text": ""}) for file in files[:2]]
    (tmp_path / "lines.json").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"utterance 1 of .*lines\.json holds nan"):
        model.transcribe(str(tmp_path / "lines.json"), batch_size=1, verbose=False)


def test_a_model_of_nemo_alone_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = build_recogniser("ctc", tmp_path)
    assert isinstance(_text(plain, [_with(np.nan)]), str)
    with pytest.raises(ValueError, match=r"waveforms\[0\] holds nan"):
        transcribe(plain, [_with(np.nan)])


def test_a_piece_of_a_stream_may_be_empty() -> None:
    assert len(check_waveform(SOUND[:0], "samples", may_be_empty=True)) == 0
    with pytest.raises(TypeError, match=r"samples is a list, must be a numpy array"):
        check_waveform([0.1, 0.2], "samples")
