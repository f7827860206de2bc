# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Attention decoders that write while the speech arrives, plain and with dual attention."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from nemo.collections.asr.models import ASRModel

from nemo_noise.data.audio.files import write_audio
from nemo_noise.data.manifests.manifest import read_manifest, write_manifest
from nemo_noise.inference import AlignedStream, AlignedStreamingConfig, transcribe_aligned
from nemo_noise.models import add_dual_attention
from tests.models.test_dual_attention import SECONDARY, _opened, _search
from tests.models.test_families import texts
from tests.recognisers import build_recogniser, write_plain_aed

RATE = 16000


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plain_aed(tmp_path_factory.mktemp("aed"))


def _speech(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    swell = np.repeat(rng.uniform(0.0, 0.3, int(10 * seconds)), RATE // 10)
    return (swell * rng.standard_normal(len(swell))).astype(np.float32)


def _model(plain: Path, kind: str) -> Any:
    model = ASRModel.restore_from(str(plain), map_location="cpu") if kind == "plain" else _opened(plain, kind)
    _search(model, strategy="greedy")
    return model.eval()


def _config(**options: Any) -> AlignedStreamingConfig:
    given = {"chunk_s": 0.8, "left_s": 60.0, "right_s": 0.0, "stops_repetition": False} | options
    return AlignedStreamingConfig(**given)


@pytest.mark.parametrize("policy", ["alignatt", "waitk"])
@pytest.mark.parametrize("kind", ["plain", *SECONDARY])
def test_given_all_audio_a_stream_says_what_the_offline_search_says(kind: str, policy: str, plain: Path) -> None:
    model, speech = _model(plain, kind), _speech()
    offline = texts(model.transcribe([speech], batch_size=1, verbose=False))[0]
    model.eval()
    (whole,) = transcribe_aligned(model, [speech], config=_config(policy=policy, chunk_s=30.0))
    (waited,) = transcribe_aligned(model, [speech], config=_config(policy=policy, waitk_lagging=50))
    assert whole.text == waited.text == offline
    assert len(whole.token_ids) > 10
    assert set(whole.arrived_s) == {4.0} and whole.lagging_s > 1.0


@pytest.mark.parametrize("kind", ["plain", "tokens", "layer"])
def test_wait_k_writes_one_token_for_every_chunk_until_the_speech_is_over(kind: str, plain: Path) -> None:
    stream = AlignedStream(_model(plain, kind), _config(policy="waitk", waitk_lagging=2))
    speech, told = _speech(), []
    for start in range(0, len(speech), RATE // 5):
        stream.feed(speech[start : start + RATE // 5])
        told.append(len(stream._tokens()))
    assert sorted(set(told)) == [0, 1, 2, 3]  # chunks end at 0.8, 1.6, 2.4, 3.2; the last belongs to finish()
    assert stream.finish().arrived_s[:3] == (1.6, 2.4, 3.2)


def test_align_att_waits_while_the_attention_looks_at_the_newest_frames(plain: Path) -> None:
    speech = _speech()
    model = _model(plain, "tokens")
    (eager,) = transcribe_aligned(model, [speech], config=_config(alignatt_threshold=0))
    (patient,) = transcribe_aligned(model, [speech], config=_config(alignatt_threshold=1000))
    assert eager.arrived_s[0] == 0.8 and set(patient.arrived_s) == {4.0}
    assert sum(arrived == 0.8 for arrived in eager.arrived_s) <= 8  # max_tokens_per_s
    assert eager.lagging_s < patient.lagging_s


def test_how_the_audio_is_cut_into_pieces_does_not_matter(plain: Path) -> None:
    model, speech, transcripts = _model(plain, "tokens"), _speech(), []
    for piece in (len(speech), 1600, 777):
        stream = AlignedStream(model, _config(right_s=0.24, left_s=1.6, alignatt_threshold=2))
        for start in range(0, len(speech), piece):
            stream.feed(speech[start : start + piece])
        transcripts.append(stream.finish())
    assert transcripts[0] == transcripts[1] == transcripts[2]
    assert len(stream._audio) <= (1.6 + 2 * 0.8 + 0.24) * RATE  # what no chunk hears any more is forgotten


@pytest.mark.parametrize("policy", ["alignatt", "waitk"])
def test_a_stream_that_is_longer_than_its_window_goes_on_to_the_end(policy: str, plain: Path) -> None:
    model = _model(plain, "plain")
    config = _config(policy=policy, left_s=0.8, alignatt_threshold=0, max_tokens_per_s=1.3)
    (streamed,) = transcribe_aligned(model, [_speech(12.0)], config=config)
    told = sorted(set(streamed.arrived_s))
    assert told == pytest.approx([0.8 * step for step in range(1, 15)] + [12.0])  # every chunk says something
    late = _config(policy=policy, left_s=0.8, alignatt_threshold=0, waitk_lagging=4)
    assert transcribe_aligned(model, [_speech(6.0)], config=late)[0].arrived_s[0] == pytest.approx(3.2)


def test_a_text_that_reaches_the_decoder_s_limit_is_told(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("nemo_noise.inference.streaming.aligned.logging.warning", told.append)
    stream = AlignedStream(_model(plain, "plain"), _config(alignatt_threshold=0, max_tokens_per_s=100.0))
    stream.feed(_speech(4.0))
    stream.finish()
    assert len(told) == 1 and "longest text, 64 tokens with the prompt, is reached after" in told[0]


@pytest.mark.parametrize("samples", [1, 159, 1600, 8000])
def test_very_short_audio_does_not_end_in_an_error(samples: int, plain: Path) -> None:
    for config in (_config(), _config(num_sink_frames=8), _config(chunk_s=0.56, num_sink_frames=8)):
        (transcript,) = transcribe_aligned(_model(plain, "plain"), [_speech(1.0)[:samples]], config=config)
        assert transcript.duration_s == samples / RATE


def test_the_model_is_left_as_it_was(plain: Path) -> None:
    model = _model(plain, "tokens")
    _search(model, strategy="beam", beam={"beam_size": 2})
    model.encoder.train()
    strategy = model.decoding
    before = {name: value.clone() for name, value in model.state_dict().items()}
    transcribe_aligned(model, [_speech(1.5)], config=_config())
    assert model.decoding is strategy and model.encoder.training and not model.transf_decoder.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_stream_without_audio_says_nothing(plain: Path) -> None:
    stream = AlignedStream(_model(plain, "plain"))
    transcript = stream.finish()
    assert transcript.text == "" and transcript.duration_s == 0.0 and np.isnan(transcript.lagging_s)
    with pytest.raises(RuntimeError, match="start another AlignedStream"):
        stream.feed(_speech(0.1))


def test_bad_input_is_named(plain: Path, tmp_path: Path) -> None:
    model = _model(plain, "plain")
    for options, complaint in (
        ({"policy": "hasty"}, "policy='hasty' is unknown; use one of \\['alignatt', 'waitk'\\]"),
        ({"chunk_s": 0.0}, "chunk_s=0.0 must be positive"),
        ({"right_s": -1.0}, "right_s=-1.0 must not be negative"),
    ):
        with pytest.raises(ValueError, match=complaint):
            AlignedStreamingConfig(**options)
    with pytest.raises(ValueError, match=r"chunk_s=0.01 is less than a frame of 0.08 s"):
        AlignedStream(model, AlignedStreamingConfig(chunk_s=0.01))
    with pytest.raises(ValueError, match="attention_layer=4 does not exist; there are 1"):
        AlignedStream(model, AlignedStreamingConfig(attention_layer=4))
    with pytest.raises(ValueError, match=r"prompt: \['tongue'\] are no slots"):
        AlignedStream(model, prompt={"tongue": "en"})
    with pytest.raises(ValueError, match=r"shape \(2, 100\); it must be mono, \[T\]"):
        AlignedStream(model).feed(np.zeros((2, 100), np.float32))
    with pytest.raises(TypeError, match="EncDecCTCModel cannot stream by attention"):
        AlignedStream(build_recogniser("ctc", tmp_path))


def test_a_pretrained_decoder_streams_as_its_parent_until_the_gate_opens(plain: Path) -> None:
    speech = [_speech(3.0, seed) for seed in (1, 2)]
    config = _config(alignatt_threshold=2)
    parent = transcribe_aligned(_model(plain, "plain"), speech, config=config)
    for secondary in SECONDARY.values():
        model = add_dual_attention(plain, secondary).eval()
        _search(model, strategy="greedy")
        assert transcribe_aligned(model, speech, config=config) == parent


def test_the_script_writes_the_lines_again_with_what_was_said(
    plain: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_audio(tmp_path / "speech.wav", _speech(2.0), RATE)
    write_manifest(tmp_path / "speech.json", [{"audio_filepath": "speech.wav", "duration": 2.0, "text": "nine"}])
    config = OmegaConf.load(repository / "conf/scripts/transcribe_aed_streaming.yaml")
    paths = {"model": str(plain), "manifest": str(tmp_path / "speech.json"), "output": str(tmp_path / "said.json")}
    config = OmegaConf.merge(config, paths, {"device": "cpu", "streaming": {"chunk_s": 30, "stops_repetition": False}})
    path = repository / "examples/asr/transcribe_aed_streaming.py"
    spec = importlib.util.spec_from_file_location("transcribe_aed_streaming", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(config)
    (said,) = read_manifest(tmp_path / "said.json")
    assert said.fields["pred_text"] and said.fields["lagging_s"] == pytest.approx(1.0, abs=1.0)
    printed = capsys.readouterr().out
    assert "1 utterances" in printed and "WER streaming" in printed and "WER offline" in printed
