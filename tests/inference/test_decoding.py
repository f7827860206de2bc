# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Beam search with a language model: what NeMo's searches find, and that the setting travels in the `.nemo`."""

import itertools
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel, EncDecCTCModel

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.inference import AdaptationConfig, AdaptedStream, adapt_and_transcribe
from nemo_noise.inference.decoding.kneser_ney import estimate, write_arpa
from nemo_noise.inference.decoding.ngram_training import Estimator, train_ngram
from nemo_noise.inference.decoding.search import (
    GREEDY,
    SearchSetting,
    apply_setting,
    encode_speech,
    fast_language_model,
    save_with_setting,
    search,
    strategies_of,
)
from nemo_noise.nemo_patches import packed_language_model
from nemo_noise.recogniser.transcription import fingerprint
from tests.inference.ngram_reference import log10_prob
from tests.recognisers import LABELS, build_recogniser, noise_aware

FAMILIES = ["ctc", "ctc_bpe", "rnnt_bpe", "tdt_bpe", "hybrid_bpe"]
BEAM = {"ctc": "beam_batch", "ctc_bpe": "beam_batch"}
UNREAL = (math.nan, math.inf)
SENTENCES = "one two three\nfour five six\nseven eight nine zero\none two four\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.manual_seed(3)
    built = {family: build_recogniser(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}
    for family in ("rnnt_bpe", "hybrid_bpe"):
        with open_dict(built[family].cfg):
            built[family].cfg.decoding.beam = {"max_symbols": 2}  # untrained ones never stop by themselves
    return built


@pytest.fixture(scope="module")
def arpas(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("arpa")
    (folder / "text.txt").write_text(SENTENCES)
    for family, model in models.items():
        train_ngram(model, [folder / "text.txt"], folder / f"{family}.arpa", order=3, estimator=Estimator.OURS)
    return {family: str(folder / f"{family}.arpa") for family in models}


@pytest.fixture(scope="module")
def audio() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(length).astype(np.float32) for length in (20000, 28000, 9000)]


def texts_of(model: Any, audio: list[np.ndarray]) -> list[str]:
    output = model.transcribe(audio, batch_size=len(audio), num_workers=0, verbose=False)
    model.eval()
    return [hypothesis.text for hypothesis in (output[0] if isinstance(output, tuple) else output)]


def with_language_model(family: str, arpas: dict[str, str], alpha: float = 0.8) -> SearchSetting:
    return SearchSetting(BEAM.get(family, "malsd_batch"), 3, alpha, 0.0, arpas[family])


def copy_of(path: str, folder: Path) -> str:
    return str(shutil.copy(path, folder / "elsewhere.arpa"))


def spoken(text: str, instead: dict[int, tuple[str, float]]) -> torch.Tensor:
    """Log-probabilities [T, V + 1] that say a text, blanks between; in some places another letter is likely too."""
    probs = torch.full((2 * len(text), len(LABELS) + 1), 1e-4)
    for place, letter in enumerate(text):
        probs[2 * place, LABELS.index(letter)] = 1.0
        probs[2 * place + 1, -1] = 1.0
        if place in instead:
            other, share = instead[place]
            probs[2 * place, LABELS.index(other)] = share
            probs[2 * place, LABELS.index(letter)] = 1.0 - share
    return (probs / probs.sum(dim=1, keepdim=True)).log()


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("family", ["ctc", "ctc_bpe"])
def test_a_ctc_beam_without_language_model_is_greedy(
    family: str, beam_size: int, models: dict[str, Any], audio: list[np.ndarray]
) -> None:
    # NeMo keeps the best alignment of a text, not the sum of all; the best alignment of all texts is the greedy one.
    model = models[family]
    apply_setting(model, GREEDY)
    greedy = texts_of(model, audio)
    apply_setting(model, SearchSetting("beam_batch", beam_size))
    assert texts_of(model, audio) == greedy
    assert any(greedy)


def test_a_ctc_beam_is_the_best_of_all_paths(models: dict[str, Any], tmp_path: Path) -> None:
    model = small(models["ctc"])
    chance = random.Random(0)
    sentences = [[chr(100 + chance.choice([0, 0, 1])) for _ in range(chance.randint(0, 3))] for _ in range(30)]
    ngrams = estimate(sentences, 3)
    write_arpa(ngrams, tmp_path / "ab.arpa")
    alpha, beta = 0.7, 0.4
    apply_setting(model, SearchSetting("beam_batch", 27, alpha, beta, str(tmp_path / "ab.arpa")))
    generator = torch.Generator().manual_seed(0)
    frames = [(2.0 * torch.randn(3, 3, generator=generator)).log_softmax(dim=1) for _ in range(40)]
    found, _ = search(model, frames, 8)
    changed = 0
    for log_probs, text in zip(frames, found, strict=True):
        scores = {}
        for path in itertools.product(range(3), repeat=3):
            labels = [label for label, _ in itertools.groupby(path) if label != 2]
            history = ["<s>", *(chr(100 + label) for label in labels), "</s>"]
            language = sum(log10_prob(ngrams, tuple(history[:i]), history[i]) for i in range(1, len(history)))
            acoustic = sum(float(log_probs[frame, label]) for frame, label in enumerate(path))
            scores[path] = acoustic + alpha * math.log(10) * language + beta * len(labels)
        best = max(scores, key=lambda path: scores[path])
        assert text == "".join("ab"[label] for label, _ in itertools.groupby(best) if label != 2)
        changed += text != "".join("ab"[i] for i, _ in itertools.groupby(log_probs.argmax(dim=1).tolist()) if i != 2)
    assert changed > 3  # the language model mattered


def test_a_language_model_decides_between_words_that_sound_alike(models: dict[str, Any], tmp_path: Path) -> None:
    model = models["ctc"]
    (tmp_path / "text.txt").write_text("the cat sat\nthe cat ran\na cut hurts\n" * 5)
    train_ngram(model, [tmp_path / "text.txt"], tmp_path / "lm.arpa", order=6, estimator=Estimator.OURS)
    frames = [spoken("the cut sat", {5: ("a", 0.4)}), spoken("a cat hurts", {3: ("u", 0.4)})]
    apply_setting(model, GREEDY)
    assert search(model, frames, 2)[0] == ["the cut sat", "a cat hurts"]
    apply_setting(model, SearchSetting("beam_batch", 4, 0.5, 0.0, str(tmp_path / "lm.arpa")))
    assert search(model, frames, 2)[0] == ["the cat sat", "a cut hurts"]


@pytest.mark.parametrize("family", FAMILIES)
def test_searching_what_was_kept_is_transcribing(
    family: str, models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray]
) -> None:
    model = models[family]
    told: list[int] = []
    assert [len(frames) for frames in encode_speech(model, audio, batch_size=2).frames] == [16, 22, 13]
    audio = sorted(audio, key=len)  # so that both make the same batch
    encoded = encode_speech(model, audio, batch_size=3, progress=told.append)
    assert sum(told) == len(audio) and encoded.encoder_s > 0
    assert all(frames.device.type == "cpu" and not frames.requires_grad for frames in encoded.frames)
    greedy = texts_of(model, audio)
    assert search(model, encoded.frames, 3)[0] == greedy
    apply_setting(model, with_language_model(family, arpas))
    found, search_s = search(model, encoded.frames, 3)
    assert found == texts_of(model, audio) != greedy
    assert search_s > 0


@pytest.mark.parametrize("family", ["ctc", "tdt_bpe", "hybrid_bpe"])
def test_the_language_model_travels_in_the_nemo(
    family: str, models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray], tmp_path: Path
) -> None:
    arpa = tmp_path / "moved.arpa"
    arpa.write_bytes(Path(arpas[family]).read_bytes())
    save_with_setting(models[family], with_language_model(family, {family: str(arpa)}), tmp_path / "tuned.nemo")
    expected = texts_of(models[family], audio)
    arpa.unlink()
    restored = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), map_location="cpu").eval()
    assert texts_of(restored, audio) == expected
    restored.change_decoding_strategy(restored.cfg.decoding, verbose=False)  # as transcribe does for time stamps
    assert texts_of(restored, audio) == expected
    if family != "ctc":
        return
    other = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), map_location="cpu")  # NeMo's state is its
    restored.cfg.decoding.beam.ngram_lm_model = copy_of(restored.cfg.decoding.beam.ngram_lm_model, tmp_path)
    assert fingerprint(restored) == fingerprint(other)  # a report resumes in another process
    restored.save_to(str(tmp_path / "again.nemo"))
    again = ASRModel.restore_from(str(tmp_path / "again.nemo"), map_location="cpu").eval()
    assert texts_of(again, audio) == expected


@pytest.mark.slow
def test_a_process_that_knows_only_nemo_gives_the_tuned_words(
    models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray], tmp_path: Path, repository: Path
) -> None:
    save_with_setting(models["ctc_bpe"], with_language_model("ctc_bpe", arpas), tmp_path / "tuned.nemo")
    np.save(tmp_path / "audio.npy", audio[0])
    script = (
        "import sys, numpy; from nemo.collections.asr.models import ASRModel\n"
        "model = ASRModel.restore_from(sys.argv[1] + '/tuned.nemo', map_location='cpu')\n"
        "print('heard', model.transcribe([numpy.load(sys.argv[1] + '/audio.npy')], verbose=False)[0].text)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    assert f"heard {texts_of(models['ctc_bpe'], audio[:1])[0]}" in said.splitlines()


def test_a_model_without_language_model_packs_none(
    models: dict[str, Any], arpas: dict[str, str], tmp_path: Path
) -> None:
    save_with_setting(models["ctc"], with_language_model("ctc", arpas), tmp_path / "with.nemo")
    save_with_setting(models["ctc"], GREEDY, tmp_path / "without.nemo")
    config = ASRModel.restore_from(str(tmp_path / "without.nemo"), return_config=True)
    assert all(OmegaConf.select(config, key) is None for key in packed_language_model.LANGUAGE_MODEL_KEYS)
    config = ASRModel.restore_from(str(tmp_path / "with.nemo"), return_config=True)
    with pytest.raises(FileNotFoundError, match="decoding.beam.ngram_lm_model=nemo:.*only while that is restored"):
        EncDecCTCModel(config)


def test_a_noise_aware_model_keeps_its_setting(
    models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray], tmp_path: Path
) -> None:
    apply_setting(models["ctc"], GREEDY)
    config = OmegaConf.create(OmegaConf.to_container(models["ctc"].cfg))
    config.encoder = {
        **config.encoder,
        "_target_": "nemo_noise.modules.NoiseAwareConformerEncoder",
        **noise_aware(models["ctc"].cfg),
    }
    model = EncDecCTCModel(config).eval()
    save_with_setting(model, with_language_model("ctc", arpas), tmp_path / "tuned.nemo")
    restored = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), map_location="cpu").eval()
    assert texts_of(restored, audio) == texts_of(model, audio)
    apply_setting(restored, GREEDY)
    assert texts_of(restored, audio) != texts_of(model, audio)


@pytest.mark.parametrize("family", ["ctc", "rnnt_bpe", "tdt_bpe"])
def test_adaptation_decodes_with_the_beam_and_the_language_model(
    family: str, models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray]
) -> None:
    model = models[family]
    apply_setting(model, GREEDY)
    greedy = texts_of(model, audio[:1])[0]
    apply_setting(model, with_language_model(family, arpas))
    plain = texts_of(model, audio[:1])[0]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    free: dict[str, Any] = {"min_spoken_frames": 0, "max_spoken_change": 1.0, "max_length_ratio": 1e9}
    eager = AdaptationConfig(**free, max_steps=2, learning_rate=3e-2, min_improvement=0.0)
    (result,) = adapt_and_transcribe(model, audio[:1], eager)
    assert result.plain_text == plain != greedy
    assert result.is_adapted and result.num_steps == 2, result.reason
    assert texts_of(model, audio[:1])[0] == plain
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    (unadapted,) = adapt_and_transcribe(model, audio[:1], AdaptationConfig(max_steps=0))
    assert unadapted.text == plain


def test_adaptation_by_masks_along_a_stream_decodes_with_the_beam_and_without_steps_is_the_beam(
    models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray]
) -> None:
    model = models["ctc"]
    apply_setting(model, with_language_model("ctc", arpas))
    plain = [texts_of(model, [samples])[0] for samples in audio[:2]]
    free: dict[str, Any] = {"min_spoken_frames": 0, "max_spoken_change": 1.0, "max_length_ratio": 1e9}
    for steps in (0, 2):
        masks = AdaptationConfig(
            **free, objective="masked_prediction", max_steps=steps, learning_rate=1e-2, min_improvement=0.0
        )
        with AdaptedStream(model, masks) as stream:
            results = [stream.transcribe(samples) for samples in audio[:2]]
            own = texts_of(model, audio[:1])[0]  # of the weights that are carried on
        assert [result.plain_text for result in results] == plain and [r.num_steps for r in results] == [steps] * 2
        if steps == 0:
            assert [result.text for result in results] == plain and own == plain[0]
    assert [texts_of(model, [samples])[0] for samples in audio[:2]] == plain


@pytest.mark.parametrize("family", ["ctc", "rnnt_bpe"])
def test_nemos_own_format_of_the_language_model_gives_the_same_words(
    family: str, models: dict[str, Any], arpas: dict[str, str], audio: list[np.ndarray], tmp_path: Path
) -> None:
    model = models[family]
    apply_setting(model, with_language_model(family, arpas))
    expected = texts_of(model, audio)
    fast = fast_language_model(model, arpas[family], tmp_path)
    apply_setting(model, with_language_model(family, {family: fast}))
    assert texts_of(model, audio) == expected
    with pytest.raises(ValueError, match=r"cannot be packed into a \.nemo; give the ARPA file"):
        save_with_setting(model, with_language_model(family, {family: fast}), tmp_path / "tuned.nemo")


def test_settings_that_mean_nothing_are_refused(models: dict[str, Any], arpas: dict[str, str], tmp_path: Path) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"strategy": "beam_batch", "beam_size": 0}, "beam_size=0 must be 1 or more"),
        ({"beam_size": 4}, "beam_size=4 must be .* 1 for greedy_batch"),
        ({"strategy": "beam_batch", "beam_size": 2.5}, "beam_size=2.5 must be 1 or more, a whole number"),
        ({"alpha": -0.1}, "alpha=-0.1 must be 0 or more"),
        *(({"alpha": value, "language_model": "lm.arpa"}, f"alpha={value} must be .* finite") for value in UNREAL),
        *(({"strategy": "beam_batch", "beta": value}, f"beta={value} must be finite") for value in UNREAL),
        ({"alpha": 0.5}, "alpha=0.5 weighs a language model, but language_model is None"),
        ({"strategy": "malsd_batch", "beam_size": 2, "beta": 1.0}, "beta=1.0 must be 0: NeMo's malsd_batch"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            SearchSetting(**arguments)
    with pytest.raises(ValueError, match="'malsd_batch' is none of EncDecCTCModel; use one of .*beam_batch"):
        apply_setting(models["ctc"], SearchSetting("malsd_batch", 2))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.arpa: no such file"):
        apply_setting(models["ctc"], SearchSetting("beam_batch", 2, 0.5, 0.0, str(tmp_path / "nowhere.arpa")))
    (tmp_path / "no.arpa").write_text("not an ARPA file\n")
    for path in (tmp_path / "no.arpa", Path(arpas["ctc_bpe"])):
        wrong = models["ctc_bpe"] if path.name == "no.arpa" else small(models["ctc"])
        with pytest.raises(ValueError, match="must be an ARPA file of this recogniser's .* tokens"):
            fast_language_model(wrong, path, tmp_path)
    assert strategies_of(models["tdt_bpe"]) == ("greedy_batch", "malsd_batch")
    with pytest.raises(TypeError, match="Linear has no search that can be set here"):
        strategies_of(torch.nn.Linear(1, 1))  # type: ignore[arg-type]


def small(model: Any) -> EncDecCTCModel:
    """The same with two characters."""
    apply_setting(model, GREEDY)
    config = OmegaConf.create(OmegaConf.to_container(model.cfg))
    config.labels = ["a", "b"]
    config.decoder.update(vocabulary=["a", "b"], num_classes=2)
    return EncDecCTCModel(config).eval()
