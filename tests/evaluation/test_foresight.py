# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What would end an evaluation late is found before a model is loaded, and one item never ends it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import ASRModel

from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.report.page import render_report
from nemo_noise.evaluation.transcription import robustness
from nemo_noise.models import import_whisper
from tests.evaluation.tiny_models import SAMPLE_RATE, tiny_ctc, write_lines, write_noise
from tests.whispers import write_whisper


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny CTC model, and a tiny Whisper whose window is one second."""
    folder = tmp_path_factory.mktemp("models")
    tiny_ctc().save_to(str(folder / "ctc.nemo"))
    tiny_ctc(sample_rate=8000).save_to(str(folder / "phone.nemo"))
    write_whisper(folder / "whisper")
    import_whisper(folder / "whisper").save_to(str(folder / "whisper.nemo"))
    return folder


@pytest.fixture
def config(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    """An evaluation of the CTC model on two short utterances; loading weights is an error."""
    config = OmegaConf.load(config_directory() / "scripts" / "noise_robustness.yaml")
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(9000)), SAMPLE_RATE)
    soundfile.write(tmp_path / "b.wav", 0.1 * np.sin(np.arange(4000)), 8000)
    lines = [{"audio_filepath": "a.wav", "text": "one"}, {"audio_filepath": "b.wav", "text": "two", "gender": "f"}]
    few = {"noise_only": {"crops": 0, "silence_s": []}, "snr_db": ["clean"], "noise_lists": {}, "controls": []}
    config.update(model=str(models / "ctc.nemo"), speech=str(write_lines(tmp_path / "s.json", lines)), **few)
    config.update(output_dir=str(tmp_path / "out"), device="cpu", latency_utterances=0, replications=10)
    monkeypatch.setattr(robustness, "load_model", _refuse)
    return config


def _refuse(*_: object) -> None:
    pytest.fail("a model is loaded")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transcribe": {"source_lang": "de"}}, r"holds 'source_lang', which ctc \(EncDecCTCModel\)"),
        ({"transcribe": {"timestamp": True}}, "did you mean timestamps"),
        (
            {"baseline": "whisper.nemo", "transcribe": {"source_lang": "de"}},
            "transcribe holds 'source_lang', which ctc",
        ),
        ({"baseline": "whisper.nemo", "baseline_transcribe": {"target": "de"}}, "baseline_transcribe holds 'target'"),
        ({"model": "whisper.nemo", "transcribe": {"timestamps": True}}, "holds 'timestamps'"),
        ({"baseline": "phone.nemo"}, "'phone' wants 8000 Hz, the first one 16000 Hz"),
        ({"baseline": "missing.nemo"}, "missing.nemo does not exist"),
        ({"group_fields": ["gender", "accent"]}, "group_fields holds 'accent', which no line has"),
        ({"baseline": "missing.csv"}, "missing.csv: no such file of transcripts"),
        (
            {"model": "whisper.nemo", "noise_only": {"crops": 1, "crop_s": 2.0}},
            "crop_s is 2, whisper takes 1",
        ),
        (
            {"model": "whisper.nemo", "noise_only": {"crops": 0, "silence_s": [2]}},
            "silence_s is 2, whisper",
        ),
        ({"fail_if": ["groups.gender.m.clean_wer > 0"]}, "no value at 'groups.gender.m.clean_wer'"),
        ({"fail_if": ["left_outs > 0"]}, "near names: left_out"),
        ({"output_dir": "/proc/none"}, "output_dir is '/proc/none', which cannot be written"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_model_is_loaded(
    config: DictConfig, models: Path, changes: dict, message: str
) -> None:
    files = {name: str(models / changes[name]) for name in ("model", "baseline") if name in changes}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Instrument(OmegaConf.merge(config, changes, files)).hear()


def test_each_model_gets_options_of_its_own(config: DictConfig, models: Path) -> None:
    options = {"transcribe": {"source_lang": "de"}, "baseline_transcribe": {}}
    files = {"model": str(models / "whisper.nemo"), "baseline": str(models / "ctc.nemo")}
    gates = {"fail_if": ["clean.wer > 9", "left_out > 9", "comparison.clean.difference_high > 9"]}
    instrument = Instrument(OmegaConf.merge(config, options, files, gates))
    assert list(instrument.prepare()) == ["whisper", "ctc"]
    assert [instrument.running.transcribe_of(number)[1] for number in (0, 1)] == [{"source_lang": "de"}, {}]


def test_what_is_left_out_and_the_lower_rate_are_said_and_the_run_goes_on(
    config: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    soundfile.write(tmp_path / "quiet.wav", np.zeros(9000), SAMPLE_RATE)
    with Path(config.speech).open("a") as file:
        file.write('{"audio_filepath": "quiet.wav", "text": "three"}\n')
    lists = {"noise_lists": str(write_noise(tmp_path / "noise")), "snr_db": ["clean", 5]}
    instrument = Instrument(OmegaConf.merge(config, lists, {"fail_if": ["noise.mean_wer > 9", "left_out > 0"]}))
    results = instrument.report(instrument.hear())
    (item,) = results["speech"]["left_out"]
    assert item["source"].endswith("s.json:3") and "silent" in item["reason"] and item["name"] == "quiet"
    assert results["models"]["ctc"]["utterances"] == 2 and results["speech"]["resampled_from_hz"] == {"8000": 1}
    said = " ".join(findings(results))
    assert "Left out: 1 of 3 utterances: " in said and "1 of 2 utterances are resampled from 8000 to 16000 Hz" in said
    telephone = "With channels='{telephone: {effects: {telephone_band: {}}}}' speech and noise go"
    assert f"hold noise alone above 4000 Hz. {telephone}" in said
    results["speech"]["has_plain_channel"] = False
    assert "from 8000 to 16000 Hz." in " ".join(findings(results))
    assert "s.json:3 (quiet) is silent" in render_report(results, [])


def test_a_whisper_that_cannot_take_an_utterance_leaves_it_out_for_all(config: DictConfig, models: Path) -> None:
    soundfile.write(Path(config.speech).parent / "long.wav", 0.1 * np.sin(np.arange(16001)), SAMPLE_RATE)
    with Path(config.speech).open("a") as file:
        file.write('{"audio_filepath": "long.wav", "text": "three"}\n')
    instrument = Instrument(OmegaConf.merge(config, {"baseline": str(models / "whisper.nemo")}))
    instrument.prepare()
    plan = instrument.plan(SAMPLE_RATE)
    assert [one.reason for one in plan.examined.left_out] == ["has 16001 samples (1.00 s), a model takes 16000 (1 s)"]
    assert [trial.utterance_id for trial in plan.trials] == ["a", "b"]


def test_a_name_of_no_model_and_a_model_that_cannot_transcribe_are_refused_by_name(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_model(*_: object, **__: object) -> None:
        raise FileNotFoundError("Model stt_xx was not found.\nCheck the list.")

    monkeypatch.setattr(ASRModel, "from_pretrained", no_such_model)
    with pytest.raises(ValueError, match=r"model 'stt_xx' is no .nemo file, and no pretrained .*was not found\.\)"):
        Instrument(OmegaConf.merge(config, {"model": "stt_xx"})).hear()
    other = OmegaConf.create({"target": "nemo.collections.asr.models.EncDecSpeakerLabelModel"})
    monkeypatch.setattr(ASRModel, "from_pretrained", lambda *_, **__: other)
    with pytest.raises(TypeError, match="EncDecSpeakerLabelModel, which cannot transcribe"):
        Instrument(OmegaConf.merge(config, {"model": "titanet"})).hear()
