# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""CTC, transducers, hybrid and AED: a plain checkpoint keeps its output, and comes back from disk as it was."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from omegaconf import OmegaConf, open_dict
from torch import Tensor

from nemo.collections.asr.models import ASRModel
from nemo.utils.model_utils import import_class_by_path

from nemo_noise.models import add_noise_context
from tests.contracts import randomize
from tests.recognisers import FAMILIES, WIDTH, build_recogniser, noise_aware

RESTORE_AND_DIGEST = """
import json, sys
import nemo_noise, torch
from nemo.collections.asr.models import ASRModel
from tests.models.test_families import digest
print("RESULT" + json.dumps({path: digest(ASRModel.restore_from(path, map_location="cpu")) for path in sys.argv[1:]}))
"""


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One untrained checkpoint of every family."""
    folder = tmp_path_factory.mktemp("plain")
    paths = {}
    for family in FAMILIES:
        torch.manual_seed(1)
        paths[family] = folder / f"{family}.nemo"
        build_recogniser(family, folder).save_to(str(paths[family]))
    return paths


def audio() -> tuple[Tensor, Tensor]:
    """Two seconds and one and a half of noise-like sound, [B, T] and lengths [B]."""
    signal = 0.1 * torch.randn(2, 32000, generator=torch.Generator().manual_seed(3))
    signal[1, 24000:] = 0.0
    return signal, torch.tensor([32000, 24000])


def outputs(model: ASRModel) -> Tensor:
    """What the family's head makes of the audio: log-probabilities, or the joint's first column."""
    signal, length = audio()
    model.eval()
    with torch.no_grad():
        if hasattr(model, "transf_decoder"):
            prompt = torch.arange(4, 9).expand(2, -1)
            arguments = {"transcript": prompt, "transcript_length": torch.tensor([5, 5])}
            return model(input_signal=signal, input_signal_length=length, **arguments)[0]
        encoded, *_ = model(input_signal=signal, input_signal_length=length)
        if not hasattr(model, "joint"):
            return encoded
        target, target_length = torch.tensor([[1, 2], [3, 4]]), torch.tensor([2, 2])
        predicted = model.decoder(targets=target, target_length=target_length)[0]
        joint = model.joint.joint(encoded.transpose(1, 2), predicted.transpose(1, 2))
        if hasattr(model, "ctc_decoder"):
            joint = torch.cat([joint.flatten(), model.ctc_decoder(encoder_output=encoded).flatten()])
        return joint


def digest(model: ASRModel) -> list[float]:
    """Numbers that are equal, bit for bit, only if the outputs are."""
    values = outputs(model).double().flatten()
    weights = torch.linspace(0.5, 1.5, len(values), dtype=torch.float64)
    return [float(values.sum()), float((values * weights).sum()), float(values.abs().max())]


def texts(hypotheses: Any) -> list[str]:
    hypotheses = hypotheses[0] if isinstance(hypotheses, tuple) else hypotheses
    return [getattr(hypothesis, "text", hypothesis) for hypothesis in hypotheses]


@pytest.mark.parametrize("normalization", [None, "per_feature"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_plain_checkpoint_keeps_its_output_bit_for_bit(
    family: str, normalization: str | None, plain: dict[str, Path]
) -> None:
    parent = ASRModel.restore_from(str(plain[family]), map_location="cpu")
    model = add_noise_context(plain[family], noise_aware(parent.cfg, normalization))
    assert type(model) is type(parent)
    assert torch.equal(outputs(model), outputs(parent))


@pytest.mark.parametrize("family", FAMILIES)
def test_init_from_nemo_model_keeps_the_output_bit_for_bit(family: str, plain: dict[str, Path]) -> None:
    parent = ASRModel.restore_from(str(plain[family]), map_location="cpu")
    config = ASRModel.restore_from(str(plain[family]), return_config=True)
    fresh_tokenizer = build_recogniser(family, plain[family].parent).cfg  # the one in the checkpoint is unpacked, gone
    with open_dict(config):
        if "tokenizer" in config:
            config.tokenizer = fresh_tokenizer.tokenizer
        added = noise_aware(config) | {"_target_": "nemo_noise.modules.NoiseAwareConformerEncoder"}
        config.encoder = OmegaConf.merge(config.encoder, added)
    model = import_class_by_path(config.target)(cfg=config)
    model.maybe_init_from_pretrained_checkpoint(OmegaConf.create({"init_from_nemo_model": str(plain[family])}))
    assert torch.equal(outputs(model), outputs(parent))


def test_trained_models_come_back_exactly_in_a_fresh_process(
    plain: dict[str, Path], tmp_path: Path, repository: Path
) -> None:
    expected = {}
    for family in FAMILIES:
        config = ASRModel.restore_from(str(plain[family]), return_config=True)
        model = add_noise_context(plain[family], noise_aware(config, "per_feature"))
        randomize(model.encoder.fusions)
        path = str(tmp_path / f"{family}.nemo")
        expected[path] = digest(model)
        model.save_to(path)
    command = [sys.executable, "-c", RESTORE_AND_DIGEST, *expected]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    assert json.loads(result.removeprefix("RESULT")) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_transcribe_answers_one_text_per_utterance(family: str, plain: dict[str, Path]) -> None:
    config = ASRModel.restore_from(str(plain[family]), return_config=True)
    model = add_noise_context(plain[family], noise_aware(config))
    parent = ASRModel.restore_from(str(plain[family]), map_location="cpu")
    signals = [signal[:length].numpy().astype(np.float32) for signal, length in zip(*audio(), strict=True)]
    spoken = texts(model.transcribe(signals, batch_size=2, verbose=False))
    assert len(spoken) == 2
    assert spoken == texts(parent.transcribe(signals, batch_size=2, verbose=False))


@pytest.mark.parametrize("family", FAMILIES)
def test_export_keeps_the_inputs_and_agrees_with_torch(family: str, plain: dict[str, Path], tmp_path: Path) -> None:
    config = ASRModel.restore_from(str(plain[family]), return_config=True)
    model = add_noise_context(plain[family], noise_aware(config, "per_feature")).eval()
    randomize(model.encoder.fusions)
    signal, length = audio()
    with torch.no_grad():
        features, feature_length = model.preprocessor(input_signal=signal, length=length)
        encoded, encoded_length = model.encoder(audio_signal=features, length=feature_length)
        is_ctc = family.startswith("ctc")
        expected = model.decoder(encoder_output=encoded) if is_ctc else encoded.transpose(1, 2)
    (model if is_ctc else model.encoder).export(str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["audio_signal", "length"]
    feed = {"audio_signal": features.numpy(), "length": feature_length.numpy().astype(np.int64)}
    actual = torch.from_numpy(session.run(None, feed)[0])
    actual = actual if is_ctc else actual.transpose(1, 2)
    valid = torch.arange(expected.shape[1]) < encoded_length[:, None]
    assert (actual - expected)[valid].abs().max() < 1e-4


@pytest.mark.parametrize("family", ["rnnt_bpe", "tdt_bpe"])
def test_a_context_added_to_the_encoder_output_is_added_in_the_joint(family: str, plain: dict[str, Path]) -> None:
    """``W_e (h + W c) = W_e h + W_e W c``: the site ``encoder_output`` is fusion before the joint's nonlinearity."""
    config = ASRModel.restore_from(str(plain[family]), return_config=True)
    parts = noise_aware(config)
    add = {"_target_": "nemo_noise.modules.AddFusion", "d_model": WIDTH, "d_context": 16}
    model = add_noise_context(plain[family], parts | {"fusion": {"encoder_output": add}}).eval()
    parent = ASRModel.restore_from(str(plain[family]), map_location="cpu").eval()
    randomize(model.encoder.fusions)
    signal, length = audio()
    with torch.no_grad():
        features, feature_length = model.preprocessor(input_signal=signal, length=length)
        context = model.encoder.noise_context(features, feature_length)
        added = model.encoder.fusions["encoder_output"].shift(context)  # [B, D]
        hidden = parent.encoder(audio_signal=features, length=feature_length)[0].transpose(1, 2)
        predicted = model.decoder(targets=torch.tensor([[1, 2], [3, 4]]), target_length=torch.tensor([2, 2]))[0]
        in_joint = parent.joint.project_encoder(hidden) + (added @ parent.joint.enc.weight.T).unsqueeze(1)
        prediction = parent.joint.project_prednet(predicted.transpose(1, 2))
        expected = parent.joint.joint_after_projection(in_joint, prediction)
        encoded = model.encoder(audio_signal=features, length=feature_length)[0].transpose(1, 2)
        actual = model.joint.joint(encoded, predicted.transpose(1, 2))
        unchanged = parent.joint.joint(hidden, predicted.transpose(1, 2))
    assert (actual - expected).abs().max() < 1e-4 < (actual - unchanged).abs().max()


def test_adding_a_context_names_what_is_wrong(plain: dict[str, Path], tmp_path: Path) -> None:
    config = ASRModel.restore_from(str(plain["ctc"]), return_config=True)
    with pytest.raises(FileNotFoundError, match="nothing.nemo does not exist"):
        add_noise_context(tmp_path / "nothing.nemo", noise_aware(config))
    with pytest.raises(ValueError, match="feature_normalization='all_features'"):
        add_noise_context(plain["ctc"], noise_aware(config, "all_features"))
