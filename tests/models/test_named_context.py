# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A noise context by name: its sizes are the checkpoint's, the output stays, and edges have clear errors."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel

import nemo_noise
from nemo_noise import modules
from nemo_noise.models import import_wav2vec2
from nemo_noise.models.asr import STREAMABLE, checkpoint_path
from nemo_noise.models.context_parts import encoder_additions, module_class
from nemo_noise.models.warm_start import add_and_compare, compare, encoder_outputs, made_signals
from nemo_noise.named_parts import Kind, part_options, parts
from tests.recognisers import WIDTH, build_recogniser
from tests.wav2vecs import write_wav2vec2

CAUSAL = "nemo_noise.modules.CausalStatisticsContextEncoder"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    torch.manual_seed(1)
    build_recogniser("ctc", folder).save_to(str(folder / "plain.nemo"))
    return folder / "plain.nemo"


@pytest.fixture(scope="module")
def config(plain: Path) -> DictConfig:
    return ASRModel.restore_from(str(plain), return_config=True)


def changed(config: DictConfig, encoder: dict[str, Any] | None = None, normalize: Any = "per_feature") -> DictConfig:
    other = OmegaConf.create(OmegaConf.to_container(config))
    with open_dict(other):
        other.encoder = OmegaConf.merge(other.encoder, encoder or {})
        other.preprocessor.normalize = normalize
    return other


def additions(config: DictConfig, context: Any = None, fusion: Any = None, options: Any = ()) -> dict[str, Any]:
    return encoder_additions(config, context=context, fusion=fusion, options=options)


def test_the_list_says_which_context_streams() -> None:
    for part in parts(Kind.CONTEXT).values():
        kind = module_class(part_options(Kind.CONTEXT, part.name))
        assert kind is not None and issubclass(kind, STREAMABLE) == part.streams, part.name


@pytest.mark.parametrize("context", parts(Kind.CONTEXT))
def test_every_context_takes_the_sizes_of_the_recogniser(context: str, config: DictConfig) -> None:
    added = additions(config, context)
    encoder = OmegaConf.merge(config.encoder, added, {"_target_": "nemo_noise.modules.NoiseAwareConformerEncoder"})
    model = modules.NoiseAwareConformerEncoder.from_config_dict(encoder)
    assert model.context_encoder.feat_in == WIDTH
    assert added["feature_normalization"] == "per_feature" and added["context"]["d_context"] == 8


@pytest.mark.parametrize("fusion", parts(Kind.FUSION))
def test_every_fusion_takes_the_widths_of_its_sites(fusion: str, config: DictConfig) -> None:
    context = "hierarchical" if "attention" in fusion else None
    added = additions(config, context, fusion, ["context.d_context=12"])
    encoder = OmegaConf.merge(config.encoder, added, {"_target_": "nemo_noise.modules.NoiseAwareConformerEncoder"})
    model = modules.NoiseAwareConformerEncoder.from_config_dict(encoder)
    assert {one.d_context for one in model.fusions.values()} == {12}


def test_names_and_options_change_what_is_added_and_the_default_streams(config: DictConfig) -> None:
    streaming = changed(config, {"att_context_style": "chunked_limited"}, "NA")
    added = additions(streaming, options={"context.d_context": 16, "fusion.0.d_context": 16})
    assert added["context"]["_target_"] == CAUSAL and added["context"]["stride"] == 8
    assert added["context"]["feature_mean"] == -8.0 and "feature_normalization" not in added
    assert [block["d_context"] for block in added["fusion"].values()] == [16, 16]
    normalised = additions(changed(config, normalize="all_features"), "noise_types")
    assert normalised["context"]["context"]["feature_mean"] == 0.0 and "feature_normalization" not in normalised


@pytest.mark.parametrize(
    ("arguments", "should"),
    [
        ({"context": "causal_statistic"}, r"context is 'causal_statistic' \(did you mean causal_statistics"),
        ({"fusion": "early_flim"}, "did you mean early_film"),
        ({"fusion": "nothing"}, "should be one of early_add, "),
        ({"options": ["d_context=64"]}, r"d_context names no option \(did you mean context.d_context"),
        ({"options": ["context.d_contxt=64"]}, r"context: has no option 'd_contxt' \(did you mean d_context"),
        ({"options": ["fusion.5.d_context=64"]}, "there is no '5', there is features, 0"),
        ({"options": ["context"]}, "should be name=value"),
        ({"context": 5}, "context is 5, should be a name"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_there_is(
    arguments: dict[str, Any], should: str, config: DictConfig
) -> None:
    with pytest.raises(ValueError, match=should):
        additions(config, **arguments)


def test_a_checkpoint_and_a_model_in_memory_give_the_same_with_unchanged_output(plain: Path, tmp_path: Path) -> None:
    added = add_and_compare(plain, context=None, fusion=None)
    assert added.same.is_identical and added.same.utterances == 3 and added.moved
    assert added.model.cfg.encoder.context._target_ == CAUSAL
    model = ASRModel.restore_from(str(plain), map_location="cpu")
    signals = made_signals(16000, 1.0)
    before = encoder_outputs(model, signals)
    aware = nemo_noise.add_noise_context(model, context="causal_statistics", fusion="early_film")
    assert compare(before, encoder_outputs(aware, signals)).is_identical
    assert compare(before, encoder_outputs(model, signals)).is_identical  # the plain one is as it was
    assert not hasattr(model.encoder, "context_encoder") and model.cfg.preprocessor.normalize == "per_feature"
    assert aware.state_dict().keys() == added.model.state_dict().keys()
    assert OmegaConf.to_container(aware.cfg.encoder) == OmegaConf.to_container(added.model.cfg.encoder)
    aware.save_to(str(tmp_path / "aware.nemo"))
    again = ASRModel.restore_from(str(tmp_path / "aware.nemo"), map_location="cpu")
    assert compare(before, encoder_outputs(again, signals)).is_identical
    further = nemo_noise.add_noise_context(tmp_path / "aware.nemo", fusion="late_film")  # finding 13 a
    assert set(further.encoder.fusions) == {"features", "0", "encoder_output"}
    assert compare(before, encoder_outputs(further, signals)).is_identical
    for arguments, should in (
        ({}, "has a noise context already"),
        ({"context": "statistics"}, "has a noise context already"),
        ({"fusion": "early_film"}, "fusion has the sites 0, features, but .* has some at 0, features"),
        ({"encoder": {}, "context": "statistics"}, "encoder is given beside context"),
    ):
        with pytest.raises(ValueError, match=should):
            nemo_noise.add_noise_context(aware, **arguments)


def other_encoder(kind: str, folder: Path) -> ASRModel:
    if kind == "wav2vec2":
        write_wav2vec2(folder)
        return import_wav2vec2(folder)
    config = build_recogniser("ctc", folder).cfg
    own = {"_target_": "nemo_noise.modules.SSMEncoder", "head_dim": 16, "direction": "causal"}
    streams = {"causal_downsampling": True, "att_context_style": "chunked_limited", "att_context_size": [16, 1]}
    norms = {"conv_norm_type": "layer_norm", "conv_context_size": "causal"}
    return type(build_recogniser("ctc", folder))(cfg=changed(config, own | streams | norms))


@pytest.mark.parametrize(("kind", "context"), [("wav2vec2", "Statistics"), ("mamba", "CausalStatistics")])
def test_other_encoders_take_what_fits_them(kind: str, context: str, tmp_path: Path) -> None:
    model = other_encoder(kind, tmp_path).eval()
    signals = made_signals(16000, 1.0)
    aware = nemo_noise.add_noise_context(model)
    assert aware.cfg.encoder.context._target_ == f"nemo_noise.modules.{context}ContextEncoder"
    assert compare(encoder_outputs(model, signals), encoder_outputs(aware, signals)).is_identical


@pytest.mark.parametrize(
    ("change", "arguments", "should"),
    [  # findings 13 b and c, then models that take no context
        ({}, {"encoder": {"feature_normalization": "running"}}, "use feature_normalization: per_feature"),
        ({"att_context_style": "chunked_limited"}, {"context": "statistics"}, "needs the whole utterance"),
        ({"_target_": "nemo.collections.asr.modules.ConvASREncoder"}, {}, "a noise context can be added to"),
    ],
)
def test_what_takes_no_context_is_refused(
    change: dict[str, Any], arguments: dict[str, Any], should: str, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ASRModel.restore_from(str(plain), map_location="cpu")
    model.cfg = changed(model.cfg, change)
    with pytest.raises(ValueError, match=should):
        nemo_noise.add_noise_context(model, **arguments)


def test_a_context_on_raw_features_has_their_scale(config: DictConfig) -> None:  # finding 13 d
    added = additions(config, {"_target_": CAUSAL, "feat_in": WIDTH, "d_context": 8, "stride": 8})
    assert "feature_mean" not in added["context"]  # add_noise_context fills it: test_context_input


def test_a_pretrained_name_is_fetched_and_what_is_neither_is_answered(  # finding 13 e
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Mock(return_value=str(plain))
    monkeypatch.setattr(ASRModel, "from_pretrained", fetch)
    assert checkpoint_path("stt_en_fastconformer_ctc_large") == plain
    fetch.side_effect = OSError("no network\nfurther lines")
    with pytest.raises(ValueError, match=r"MODEL=stt_en is neither a file here .*fetched .*\(no network\)"):
        checkpoint_path("stt_en", "MODEL")
    with pytest.raises(ValueError, match="is a folder, must be a .nemo file"):
        checkpoint_path(plain.parent)
    with pytest.raises(FileNotFoundError, match="must be a .nemo file"):
        checkpoint_path("./nowhere.nemo")
    with pytest.raises(TypeError, match="checkpoint is a int"):
        nemo_noise.add_noise_context(5)  # type: ignore[arg-type]
