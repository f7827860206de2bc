# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The calls of NeMo's own scripts, in their order, on noise-aware models: transcribe, stream, tune, adapt, export.

Their trainings from a recipe are in test_recipes_run.py, their way to our configs in tests/house/test_search_path.py.
"""

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import onnxruntime
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf, open_dict

from nemo.collections.asr.metrics.wer import word_error_rate
from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.models.aed_multitask_models import parse_multitask_prompt
from nemo.collections.asr.parts.submodules.ctc_decoding import CTCDecodingConfig
from nemo.collections.asr.parts.submodules.multitask_decoding import MultiTaskDecoding, MultiTaskDecodingConfig
from nemo.collections.asr.parts.submodules.rnnt_decoding import RNNTDecodingConfig
from nemo.collections.asr.parts.utils.eval_utils import cal_write_wer
from nemo.collections.asr.parts.utils.streaming_utils import CacheAwareStreamingAudioBuffer
from nemo.collections.asr.parts.utils.transcribe_utils import (
    compute_output_filename,
    get_inference_dtype,
    prepare_audio_data,
    restore_transcription_order,
    setup_model,
    write_transcription,
)
from nemo.core.classes.mixins import adapter_mixins
from nemo.utils.exp_manager import exp_manager
from nemo.utils.model_utils import convert_model_config_to_dict_config, import_class_by_path
from nemo.utils.trainer_utils import resolve_trainer_cfg

from nemo_noise.modules import NoiseAwareConformerEncoder, noise_context_of
from tests.contracts import randomize
from tests.recipe_runs import composed, model_class, write_corpus

RECIPES = {
    "ctc": "fastconformer/noise_aware_fast-conformer_ctc_bpe",
    "streaming": "fastconformer/noise_aware_fast-conformer_ctc_bpe_streaming",
    "rnnt": "fastconformer/noise_aware_fast-conformer_transducer_bpe",
    "hybrid": "fastconformer/noise_aware_fast-conformer_hybrid_transducer_ctc_bpe",
    "aed": "speech_multitask/noise_aware_fast-conformer_aed",
}

SHORT = {"beam": {"max_generation_delta": 2}}  # an untrained decoder never ends by itself


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def models(corpus: Path) -> dict[str, Path]:
    """A `.nemo` of each family whose context changes the output."""
    paths = {}
    for family, recipe in RECIPES.items():
        torch.manual_seed(0)
        config = composed(recipe, corpus)
        model = model_class(recipe)(cfg=config.model).eval()
        randomize(model.encoder)
        paths[family] = corpus / f"{family}.nemo"
        model.save_to(str(paths[family]))
    return paths


def transcribe_speech(model_path: Path, manifest: Path, **changes: Any) -> list[dict[str, Any]]:
    """The lines that transcribe_speech.py writes; what it asks of NeMo, in its order."""
    cfg = OmegaConf.create(
        {
            "model_path": str(model_path),
            "audio_dir": None,
            "dataset_manifest": str(manifest),
            "output_filename": str(manifest.with_name(f"{model_path.stem}_written.json")),
            "pred_name_postfix": None,
            "append_pred": False,
            "presort_manifest": True,
            "channel_selector": None,
            "compute_dtype": None,
            "timestamps": None,
            "decoder_type": None,
            "att_context_size": None,
            "prompt": {},
            "model_change": {"conformer": {"self_attention_model": None, "att_context_size": None}},
            "ctc_decoding": OmegaConf.structured(CTCDecodingConfig),
            "rnnt_decoding": OmegaConf.structured(RNNTDecodingConfig(fused_batch_size=-1)),
            "multitask_decoding": OmegaConf.merge(OmegaConf.structured(MultiTaskDecodingConfig), SHORT),
            **changes,
        }
    )
    model, name = setup_model(cfg, torch.device("cpu"))
    model.set_trainer(pl.Trainer(devices=1, accelerator="cpu", logger=False))
    model = model.eval()
    model.to(get_inference_dtype(cfg.compute_dtype, torch.device("cpu")))
    if cfg.att_context_size:
        model.encoder.set_default_att_context_size(cfg.att_context_size)
    _set_decoding(model, cfg)
    files, sorted_manifest = prepare_audio_data(cfg)
    cfg = compute_output_filename(cfg, name)
    with torch.no_grad():
        override = model.get_transcribe_config()
        override.batch_size, override.num_workers = 2, 0
        override.return_hypotheses = bool(cfg.timestamps)
        override.timestamps, override.verbose = cfg.timestamps, False
        if hasattr(override, "prompt"):
            override.prompt = parse_multitask_prompt(OmegaConf.to_container(cfg.prompt))
        written = model.transcribe(audio=sorted_manifest or files, override_config=override, timestamps=cfg.timestamps)
    if cfg.presort_manifest:
        written = restore_transcription_order(cfg.dataset_manifest, written)
    output, field = write_transcription(
        written[0] if isinstance(written, tuple) else written, cfg, name, filepaths=files, timestamps=cfg.timestamps
    )
    cal_write_wer(pred_manifest=output, pred_text_attr_name=field)
    return [json.loads(line) for line in Path(output).read_text().splitlines()]


def _set_decoding(model: Any, cfg: DictConfig) -> None:
    if isinstance(model.decoding, MultiTaskDecoding):
        cfg.decoding = cfg.multitask_decoding
    elif cfg.decoder_type is not None:
        cfg.decoding = cfg.rnnt_decoding if cfg.decoder_type == "rnnt" else cfg.ctc_decoding
    else:
        cfg.decoding = cfg.rnnt_decoding if hasattr(model, "joint") else cfg.ctc_decoding
    if cfg.decoder_type is not None and hasattr(model, "cur_decoder"):
        model.change_decoding_strategy(cfg.decoding, decoder_type=cfg.decoder_type)
    else:
        model.change_decoding_strategy(cfg.decoding)


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("ctc", {"timestamps": True}),
        ("streaming", {"att_context_size": [70, 13]}),
        ("rnnt", {"timestamps": True}),
        ("hybrid", {"decoder_type": "ctc", "timestamps": True}),
        ("hybrid", {"decoder_type": "rnnt"}),
        ("aed", {}),
    ],
    ids=["ctc", "streaming", "rnnt", "hybrid-ctc", "hybrid-rnnt", "aed"],
)
def test_transcribe_speech_and_eval_run(
    family: str, changes: dict[str, Any], dtype: str | None, models: dict[str, Path], corpus: Path
) -> None:
    lines = transcribe_speech(models[family], corpus / "speech_list.json", compute_dtype=dtype, **changes)
    asked = [json.loads(line) for line in (corpus / "speech_list.json").read_text().splitlines()]
    assert [line["audio_filepath"] for line in lines] == [line["audio_filepath"] for line in asked]
    if changes.get("timestamps"):
        assert all({"word", "segment"} <= set(line) for line in lines)
    # speech_to_text_eval.py reads the same lines again
    rate = word_error_rate(hypotheses=[e["pred_text"] for e in lines], references=[e["text"] for e in lines])
    assert np.isfinite(rate)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cache_aware_streaming_is_as_offline(dtype: torch.dtype, models: dict[str, Path], corpus: Path) -> None:
    model = ASRModel.restore_from(str(models["streaming"]), map_location="cpu").to(dtype).eval()
    model.change_decoding_strategy(OmegaConf.structured(CTCDecodingConfig))
    buffer = CacheAwareStreamingAudioBuffer(model=model, online_normalization=False)
    for index in range(2):
        buffer.append_audio_file(str(corpus / f"speech{index}.wav"), stream_id=-1)
    with torch.inference_mode():
        features, lengths = buffer.get_all_audios()
        offline = model.conformer_stream_step(
            processed_signal=features.to(dtype), processed_signal_length=lengths, return_transcription=True
        )[0]
        caches = model.encoder.get_initial_cache_state(batch_size=2, dtype=dtype)
        streamed, best = None, None
        for step, (chunk, chunk_lengths) in enumerate(buffer):
            streamed, _, *caches, best = model.conformer_stream_step(
                processed_signal=chunk.to(dtype),
                processed_signal_length=chunk_lengths,
                cache_last_channel=caches[0],
                cache_last_time=caches[1],
                cache_last_channel_len=caches[2],
                keep_all_outputs=buffer.is_buffer_empty(),
                previous_hypotheses=best,
                previous_pred_out=streamed,
                drop_extra_pre_encoded=model.encoder.streaming_cfg.drop_extra_pre_encoded if step else 0,
                return_transcription=True,
            )
    assert step > 0
    for whole, parts in zip(offline, streamed, strict=True):
        frames = min(len(whole), len(parts))  # a stream may have a frame less, as NeMo's own recipe has
        assert abs(len(whole) - len(parts)) <= 1
        if dtype == torch.float32:
            assert torch.equal(whole[:frames], parts[:frames])


def test_finetuning_with_the_backbone_frozen_trains_the_context_alone(
    models: dict[str, Path], corpus: Path, tmp_path: Path
) -> None:
    """The script reads a config that has never heard of us, and the part comes from our search path."""
    (tmp_path / "own.yaml").write_text(OmegaConf.to_yaml(_finetuning(models["ctc"], corpus, tmp_path)))
    options = f"{{manifest_path: {corpus}/noise_list.json, snr_db: [5], prob: 1.0}}"
    noise = f"+model.train_ds.augmentor={{noise_mix: {options}}}"
    with initialize_config_dir(str(tmp_path), version_base="1.1"):
        cfg = compose("own", ["+training=frozen_backbone", noise])
    trainer = pl.Trainer(**resolve_trainer_cfg(cfg.trainer))
    exp_manager(trainer, cfg.get("exp_manager", None))
    model = ASRModel.restore_from(restore_path=cfg.init_from_nemo_model)
    model.set_trainer(trainer)
    cfg = convert_model_config_to_dict_config(cfg)
    model.setup_training_data(cfg.model.train_ds)
    model.setup_multiple_validation_data(cfg.model.validation_ds)
    model.setup_optimization(cfg.model.optim)
    model.spec_augment = ASRModel.from_config_dict(cfg.model.spec_augment)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert trainer.global_step == 2
    assert changed
    assert all(name.startswith(("encoder.fusions.", "encoder.context_encoder.")) for name in changed)


def _finetuning(model: Path, corpus: Path, folder: Path) -> DictConfig:
    data = {"manifest_filepath": f"{corpus}/speech_list.json", "sample_rate": 16000, "batch_size": 2}
    data |= {"shuffle": False, "num_workers": 0, "use_start_end_token": False}
    trainer = {"devices": 1, "accelerator": "cpu", "max_steps": 2, "logger": False, "enable_checkpointing": False}
    trainer |= {"max_epochs": 1, "enable_progress_bar": False}
    return OmegaConf.create(
        {
            "init_from_nemo_model": str(model),
            "model": {
                "sample_rate": 16000,
                "train_ds": data,
                "validation_ds": data,
                "spec_augment": {"_target_": "nemo.collections.asr.modules.SpectrogramAugmentation", "freq_masks": 1},
                "optim": {"name": "adamw", "lr": 1e-2},
            },
            "trainer": trainer,
            "exp_manager": {"exp_dir": str(folder), "create_checkpoint_callback": False},
        }
    )


def test_adapter_training_keeps_the_context(models: dict[str, Path], corpus: Path, tmp_path: Path) -> None:
    config = ASRModel.restore_from(str(models["ctc"]), return_config=True)
    known = adapter_mixins.get_registered_adapter(import_class_by_path(config.encoder._target_))
    with open_dict(config):
        config.encoder._target_ = known.adapter_class_path
    trainer = pl.Trainer(
        max_steps=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    model = ASRModel.restore_from(str(models["ctc"]), override_config_path=config, trainer=trainer)
    data = _finetuning(models["ctc"], corpus, tmp_path).model
    model.setup_training_data(data.train_ds)
    model.setup_multiple_validation_data(data.validation_ds)
    model.setup_optimization(data.optim)
    strategy = {"_target_": "nemo.core.classes.mixins.adapter_mixin_strategies.ResidualAddAdapterStrategy"}
    adapter = {"_target_": "nemo.collections.common.parts.adapter_modules.LinearAdapter", "in_features": 32, "dim": 4}
    model.add_adapter("encoder:small", OmegaConf.create(adapter | {"adapter_strategy": strategy}))
    model.set_enabled_adapters(enabled=False)
    model.set_enabled_adapters("encoder:small", enabled=True)
    model.freeze()
    model = model.train()
    model.unfreeze_enabled_adapters()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(model)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all("adapter" in name for name in changed)
    assert isinstance(model.encoder, NoiseAwareConformerEncoder)
    assert noise_context_of(model) is not None
    model.save_adapters(str(tmp_path / "adapters.pt"))
    assert (tmp_path / "adapters.pt").stat().st_size > 0


@pytest.mark.parametrize("family", ["ctc", "hybrid"])
def test_export_has_the_stock_inputs_and_agrees(family: str, models: dict[str, Path], tmp_path: Path) -> None:
    """NeMo's export.py sets a GPU; this is what it calls."""
    model = ASRModel.restore_from(str(models[family]), map_location="cpu").eval()
    if family == "hybrid":
        model.set_export_config({"decoder_type": "ctc"})
    model.export(str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    assert [each.name for each in session.get_inputs()] == ["audio_signal", "length"]
    assert [each.name for each in session.get_outputs()] == ["logprobs"]
    features = torch.randn(1, model.cfg.preprocessor.features, 160)
    (found,) = session.run(None, {"audio_signal": features.numpy(), "length": np.array([160])})
    with torch.inference_mode():
        encoded, _ = model.encoder(audio_signal=features, length=torch.tensor([160]))
        expected = (model.ctc_decoder if family == "hybrid" else model.decoder)(encoder_output=encoded)
    assert np.abs(found - expected.numpy()).max() < 1e-4
