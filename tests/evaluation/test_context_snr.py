# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The SNR that a context knows: all of it, or nothing; and both additions once through the script's instrument."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from nemo_noise.evaluation import read_results
from nemo_noise.evaluation.instrument import Instrument
from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.mixtures.plan import MixturePlan, load_plan
from nemo_noise.evaluation.probes.mixture_contexts import MixtureContexts, NoContextError, encode_contexts
from nemo_noise.evaluation.questions.evidence import Subject
from nemo_noise.evaluation.questions.models.context_snr import ContextSnrQuestion, summarize_context_snr
from nemo_noise.evaluation.report.template import render_section
from nemo_noise.evaluation.report.text_table import summary_table
from tests.evaluation.tiny_models import (
    SAMPLE_RATE,
    streaming_encoder,
    tiny_ctc,
    write_lines,
    write_noise,
    write_speech,
)

ROOT = Path(__file__).parents[2]
SNRS = (20.0, 10.0, 0.0, -5.0)


def _heard(knows: float, utterances: int = 40, lists: tuple[str, ...] = ("seen", "unseen"), snrs: Any = SNRS) -> Any:
    """Contexts of 8 numbers that hold the SNR so strongly, and noise."""
    generator = np.random.default_rng(0)
    keys = [(name, snr, f"u{number}") for number in range(utterances) for name in lists for snr in snrs]
    snr_db = np.array([snr for _, snr, _ in keys])
    contexts = generator.standard_normal((len(keys), 8)) + knows * snr_db[:, None]
    fields = [{"speaker": f"s{int(key[2][1:]) % 10}"} for key in keys]
    return MixtureContexts(contexts, snr_db, [key[0] for key in keys], [key[2] for key in keys], fields)


def test_a_context_that_holds_the_snr_gives_it_away() -> None:
    found = summarize_context_snr(_heard(knows=1.0))
    assert found["all"]["r2"] > 0.99 and found["all"]["pearson_r"] > 0.99
    assert found["all"]["mean_absolute_error_db"] < 0.5 and found["all"]["mixtures"] == 320
    assert list(found["by_snr"]) == ["-5", "0", "10", "20"] and list(found["lists"]) == ["seen", "unseen"]
    for snr, band in found["by_snr"].items():
        assert band["low_db"] < band["median_db"] < band["high_db"]
        assert band["median_db"] == pytest.approx(float(snr), abs=0.5) and band["mixtures"] == 80
    assert (found["block"], found["blocks"], found["folds"]) == ("speaker", 10, 5)
    page = render_section(ContextSnrQuestion().section({"tiny": found}, Subject("tiny", None, "")))
    ticks = [f'text-anchor="middle">{tick}</text>' for tick in ("\N{MINUS SIGN}5", "0", "10", "20", "true SNR, dB")]
    assert all(tick in page for tick in ticks) and page.count("<circle") == 4
    assert "5 folds over 10 speakers" in page and "NaN" not in page


def test_noise_knows_nothing_of_the_snr() -> None:
    found = summarize_context_snr(_heard(knows=0.0))
    assert abs(found["all"]["r2"]) < 0.1 and abs(found["all"]["pearson_r"]) < 0.2
    assert found["all"]["mean_absolute_error_db"] > 7


def test_no_utterance_is_learned_from_and_asked_about() -> None:
    heard = _heard(knows=0.0, utterances=30, lists=("seen",), snrs=(0.0, 20.0))
    names = np.array([hash(int(name[1:])) % 30 for name in heard.utterances])
    contexts = np.eye(30)[names]  # names the utterance and nothing else
    snr_db = np.where(names % 2 == 0, 0.0, 20.0)  # so whoever has met the utterance knows the SNR
    heard = heard._replace(contexts=contexts, snr_db=snr_db, fields=[{} for _ in heard.fields])
    found = summarize_context_snr(heard)
    assert found["block"] == "utterance" and found["all"]["r2"] < 0.1


def test_what_cannot_be_estimated_says_why() -> None:
    assert summarize_context_snr(_heard(1.0, utterances=1))["reason"] == (
        "cross-validation needs 2 utterances or more, there is 1"
    )
    assert "only 10 dB" in summarize_context_snr(_heard(1.0, snrs=(10.0,)))["reason"]
    with pytest.raises(ValueError, match="context_snr is 'yes', should be true or false"):
        ContextSnrQuestion(context_snr="yes")  # type: ignore[arg-type]


@pytest.fixture
def plan(tmp_path: Path) -> MixturePlan:
    speech, noise = write_speech(tmp_path / "speech"), {"unseen": write_noise(tmp_path / "noise")}
    return load_plan(
        SAMPLE_RATE, speech, noise, snr_db=["clean", 10, 0], seed=0, noise_only=NoiseOnlyOptions(crops=1, crop_s=0.5)
    )


@pytest.mark.parametrize("is_causal", [True, False])
def test_contexts_are_those_of_the_model_for_every_noisy_mixture(plan: MixturePlan, is_causal: bool) -> None:
    model = tiny_ctc(streaming_encoder(has_context=True, is_causal_context=is_causal), normalize="NA")
    heard = encode_contexts("tiny", model, plan)
    assert heard.contexts.shape == (6, 8) and heard.snr_db.tolist() == [10, 0] * 3
    assert heard.utterances == ["utt0", "utt0", "utt1", "utt1", "utt2", "utt2"]
    seen: list[np.ndarray] = []
    encoder = model.encoder.context_encoder
    handle = encoder.register_forward_hook(lambda _, __, output: seen.append(output[0].detach().numpy()))
    trial = [trial for trial in plan.trials if trial.snr_db == 0][1]
    model.transcribe([plan.render(trial).samples], batch_size=1, num_workers=0, verbose=False)
    handle.remove()
    expected = seen[0][: len(seen[0]) - 1].mean(axis=0) if is_causal else seen[0]  # a frame of padding at the end
    assert np.abs(heard.contexts[3] - expected).max() < (0.05 if is_causal else 1e-4)
    with pytest.raises(NoContextError, match="no context encoder"):
        encode_contexts("plain", tiny_ctc(), plan)


def test_the_instrument_streams_and_asks_contexts_where_asked_and_adds_no_key_else(tmp_path: Path) -> None:
    context = tiny_ctc(streaming_encoder(has_context=True), normalize="NA")
    context.save_to(str(tmp_path / "context.nemo"))
    config = OmegaConf.load(ROOT / "conf/scripts/noise_robustness.yaml")
    speech = write_speech(tmp_path / "speech")
    config.update(model=str(tmp_path / "context.nemo"), device="cpu", speech=str(speech), snr_db=["clean", 10, 0])
    config.update(noise_lists={"unseen": str(write_noise(tmp_path / "noise"))}, output_dir=str(tmp_path / "out"))
    config.update(noise_only={"crops": 0}, replications=20, latency_utterances=1, audio_clips=0, controls=[])
    said = [json.loads(line)["text"] for line in speech.read_text().splitlines()]
    cells = [None, 10, 0]
    lines = [{"audio_filepath": f"utt{n}_{snr}", "pred_text": text} for n, text in enumerate(said) for snr in cells]
    config.update(baseline=str(write_lines(tmp_path / "other.jsonl", lines)))
    plain = OmegaConf.merge(config, {"baseline": None, "output_dir": str(tmp_path / "plain")})
    instrument = Instrument(plain)
    results = instrument.report(instrument.run())
    assert not {"streaming", "context_snr", "surroundings"} & set(results)
    assert not (tmp_path / "plain/streaming.jsonl").exists()
    page = (tmp_path / "plain/report.html").read_text()
    assert "Streaming against offline" not in page and "SNR that the context knows" not in page

    asked = {"baseline": None, "streaming_ms": [160, 80], "streaming_trials": 3, "context_snr": True}
    asked |= {"around_s": [0.1], "around_trials": 3}
    instrument = Instrument(OmegaConf.merge(config, asked))
    results = instrument.report(instrument.run())
    assert read_results(tmp_path / "out/summary.json") == results
    table, estimates = results["streaming"]["context"], results["context_snr"]["context"]
    assert table["not_possible"] == 1 and table["rows"][1]["lists"]["unseen"]["difference"] == 0
    assert estimates["all"]["mixtures"] == 6 and estimates["blocks"] == estimates["folds"] == 3
    page = (tmp_path / "out/report.html").read_text()
    assert "Streaming against offline" in page and "estimated from the context over the true one" in page
    for text in (summary_table(results), (tmp_path / "out/README.md").read_text(), page):
        assert "WER in points against offline: 160 ms +0.0 clean, +0.0 unseen; 80 ms not possible." in text
        assert "Noise around the speech of context, WER in points against none: 0.1 s " in text
        assert "SNR estimated from the context of context by a linear probe: R² " in text
    assert [row["around_s"] for row in results["surroundings"]["context"]["rows"]] == [0, 0.1]
    assert "| context | 0.1 s |" in (tmp_path / "out/README.md").read_text()
    kept = {"from_hypotheses": [str(tmp_path / "out/hypotheses.jsonl")], "output_dir": str(tmp_path / "rebuilt")}
    instrument = Instrument(OmegaConf.merge(config, asked, kept))
    results = instrument.report(instrument.run())
    assert "needs the model" in results["streaming"]["context"]["reason"]
    assert "needs the model" in results["context_snr"]["context"]["reason"]
    assert "needs the model" in results["surroundings"]["context"]["reason"]
    assert "needs the model" in render_section(
        ContextSnrQuestion().section(results["context_snr"], Subject("context", None, ""))
    )
