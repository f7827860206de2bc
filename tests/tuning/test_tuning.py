# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A tuning of every family: what is frozen stays, the best weights are kept, an interrupted one goes on exactly."""

import json
import os
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file

from nemo.collections.asr.models import ASRModel

from nemo_noise.models import add_noise_context, import_whisper
from nemo_noise.training import CleanGuard
from nemo_noise.tuning import tune
from tests.recognisers import build_recogniser, noise_aware
from tests.tuning.corpus import short, write_corpus
from tests.whispers import write_whisper

FAMILIES = ("ctc", "ctc_bpe", "rnnt_bpe", "hybrid_bpe", "aed", "whisper")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("tuning"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An untrained checkpoint of each family."""
    folder = tmp_path_factory.mktemp("plain")
    paths = {}
    for family in FAMILIES:
        torch.manual_seed(1)
        paths[family] = folder / f"{family}.nemo"
        if family == "whisper":
            write_whisper(folder / "hugging_face")
            import_whisper(folder / "hugging_face").save_to(str(paths[family]))
        else:
            build_recogniser(family, folder).save_to(str(paths[family]))
    return paths


@pytest.fixture(scope="module")
def aware(plain: dict[str, Path]) -> Path:
    """The CTC model with a noise context."""
    path = plain["ctc"].with_name("aware.nemo")
    config = ASRModel.restore_from(str(plain["ctc"]), return_config=True)
    add_noise_context(plain["ctc"], noise_aware(config)).save_to(str(path))
    return path


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(ASRModel.restore_from(str(path), map_location="cpu").state_dict())


def changed(before: Path, after: Path) -> set[str]:
    """Names of the tensors that differ, or that one side lacks."""
    first, second = weights(before), weights(after)
    return {name for name in first.keys() | second.keys() if name not in first or name not in second
            or not torch.equal(first[name], second[name])}  # fmt: skip


@pytest.mark.usefixtures("gains")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_in_noise(family: str, plain: dict[str, Path], corpus: Path, tmp_path: Path) -> None:
    tuned = tune(plain[family], **short(corpus, tmp_path / "tuned.nemo", tolerance=100))
    assert tuned.learn == "all"
    assert [one.step for one in tuned.validations] == [0, 2, 4]
    assert tuned.best.step == 4
    assert any(name.startswith("encoder.") for name in changed(plain[family], tmp_path / "tuned.nemo"))
    assert {path.name for path in tmp_path.iterdir()} == {"tuned.nemo", "tuned.txt", "tuned.png", "tuned.run"}


@pytest.mark.usefixtures("gains")
def test_a_context_learns_alone_and_the_rest_stays_bit_for_bit(aware: Path, corpus: Path, tmp_path: Path) -> None:
    tuned = tune(aware, **short(corpus, tmp_path / "tuned.nemo", tolerance=100))
    assert tuned.learn == "context"
    names = changed(aware, tmp_path / "tuned.nemo")
    assert names
    assert all(name.startswith(("encoder.context_encoder.", "encoder.fusions.")) for name in names)
    assert tuned.learning < tuned.parameters


@pytest.mark.usefixtures("gains")
@pytest.mark.parametrize("family", ["ctc", "rnnt_bpe"])
def test_adapters_are_nemos_own_and_learn_alone(
    family: str, plain: dict[str, Path], corpus: Path, tmp_path: Path
) -> None:
    tune(
        plain[family], **short(corpus, tmp_path / "tuned.nemo", learn="adapters", adapter={"name": "street", "dim": 4})
    )
    model = ASRModel.restore_from(str(tmp_path / "tuned.nemo"), map_location="cpu")
    assert model.get_enabled_adapters() == ["street"]
    names = changed(plain[family], tmp_path / "tuned.nemo")
    assert all(".adapter_layer.street." in name for name in names)
    last = "encoder.layers.1.adapter_layer.street.module.3.weight"
    assert weights(tmp_path / "tuned.nemo")[last].abs().max() > 0  # zero before


def test_a_tuning_that_does_not_help_says_so_and_changes_nothing(
    plain: dict[str, Path], corpus: Path, tmp_path: Path
) -> None:
    tuned = tune(plain["ctc"], **short(corpus, tmp_path / "tuned.nemo", lr=1e-9))
    assert not tuned.has_helped
    assert tuned.sentence().startswith("No gain")
    assert changed(plain["ctc"], tmp_path / "tuned.nemo") == set()


def test_what_is_finished_is_not_repeated_and_other_options_are_refused(
    plain: dict[str, Path], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = short(corpus, tmp_path / "tuned.nemo")
    first = tune(plain["ctc"], **options)
    monkeypatch.setattr(pl.Trainer, "fit", lambda *_, **__: pytest.fail("was trained again"))
    assert tune(plain["ctc"], **options) == first
    (tmp_path / "tuned.run" / "result.json").unlink()  # as by a kill behind the last step
    monkeypatch.undo()
    assert tune(plain["ctc"], **options) == first
    with pytest.raises(ValueError, match=r"clean_share: 0\.15, now 0\.5.*--restart"):
        tune(plain["ctc"], **options, clean_share=0.5)


class Interrupt(pl.Callback):
    """Ctrl-C behind a step."""

    step = 5

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("gains")
def test_an_interrupted_tuning_goes_on_and_equals_the_whole(
    aware: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"steps": 8, "validations": 4, "learn": "all", "lr": 0.01}
    whole = tune(aware, **short(corpus, tmp_path / "whole.nemo", **options))
    interrupted = short(corpus, tmp_path / "cut.nemo", **options)
    plain_init = pl.Trainer.__init__
    with monkeypatch.context() as patched:
        patched.setattr(
            pl.Trainer,
            "__init__",
            lambda self, **given: plain_init(self, **{**given, "callbacks": [*given["callbacks"], Interrupt()]}),
        )
        with pytest.raises(KeyboardInterrupt):
            tune(aware, **interrupted)
    assert not (tmp_path / "cut.nemo").exists()
    resumed = tune(aware, **interrupted)
    assert resumed.validations == whole.validations
    assert resumed.best.step == 8
    kept = [load_file(tmp_path / f"{name}.run" / "kept.safetensors") for name in ("whole", "cut")]
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])


def test_a_training_that_harms_is_stopped(
    plain: dict[str, Path], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_measured = CleanGuard._measured
    monkeypatch.setattr(
        CleanGuard, "_measured", lambda self, trainer: plain_measured(self, trainer) + 0.01 * trainer.global_step
    )
    tuned = tune(plain["ctc"], **short(corpus, tmp_path / "tuned.nemo", guard="stop"))
    assert tuned.steps == 2
    assert "clean WER rose by more than 0.5 points" in str(tuned.stopped_by)


def test_the_result_is_json(plain: dict[str, Path], corpus: Path, tmp_path: Path) -> None:
    tuned = tune(plain["ctc"], **short(corpus, tmp_path / "tuned.nemo", steps=1, validations=1))
    data = json.loads(json.dumps(tuned.as_json(), allow_nan=False, default=str))
    assert data["learn"] == "all"
    assert data["mixtures"] == 3
    assert len(data["mixtures_sha256"]) == 64
    assert data["next"].startswith(f"nemo-noise card {os.fspath(tmp_path / 'tuned.nemo')} --baseline")


@pytest.mark.parametrize("family", ["ctc", "whisper"])  # NeMo's classic loader, and Lhotse's
def test_the_minutes_decide_the_steps(family: str, plain: dict[str, Path], corpus: Path, tmp_path: Path) -> None:
    tuned = tune(plain[family], **short(corpus, tmp_path / "tuned.nemo", steps=None, minutes=0.1))
    planned = OmegaConf.load(tmp_path / "tuned.run" / "training.yaml").trainer.max_steps
    assert 2 <= planned < 400  # what data alone would give
    assert tuned.steps == planned or tuned.stopped_by == "0.1 minutes are over"
