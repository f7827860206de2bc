# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What NeMo's recognisers and our own recipes name stays allowed; nothing else of NeMo is."""

import importlib
import re
from pathlib import Path

import pytest

from nemo_noise.archive.allowed_targets import refusal_of

ASR = "nemo.collections.asr"
# Dotted paths in the configurations of NeMo's examples/asr/conf and of published models.
DEEP_PATHS = [
    f"{ASR}.losses.bce_loss.BCELoss",
    f"{ASR}.losses.ssl_losses.contrastive.ContrastiveLoss",
    f"{ASR}.losses.ssl_losses.mlm.MultiMLMLoss",
    f"{ASR}.models.aed_multitask_models.EncDecMultiTaskModel",
    f"{ASR}.models.ctc_bpe_models.EncDecCTCModelBPE",
    f"{ASR}.models.ctc_models.EncDecCTCModel",
    f"{ASR}.models.hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel",
    f"{ASR}.models.hybrid_rnnt_ctc_bpe_models_prompt.EncDecHybridRNNTCTCBPEModelWithPrompt",
    f"{ASR}.models.hybrid_rnnt_ctc_models.EncDecHybridRNNTCTCModel",
    f"{ASR}.models.label_models.EncDecSpeakerLabelModel",
    f"{ASR}.models.rnnt_bpe_models.EncDecRNNTBPEModel",
    f"{ASR}.models.rnnt_bpe_models_prompt.EncDecRNNTBPEModelWithPrompt",
    f"{ASR}.models.rnnt_models.EncDecRNNTModel",
    f"{ASR}.models.sortformer_diar_models.SortformerEncLabelModel",
    f"{ASR}.models.ssl_models.EncDecDenoiseMaskedTokenPredModel",
    f"{ASR}.models.ssl_models.SpeechEncDecSelfSupervisedModel",
    f"{ASR}.modules.conformer_encoder.ConformerEncoder",
    f"{ASR}.modules.sortformer_modules.SortformerModules",
    f"{ASR}.modules.ssl_modules.MultiSpeakerNoiseAugmentation",
    f"{ASR}.modules.transformer.TransformerEmbedding",
    f"{ASR}.modules.transformer.get_nemo_transformer",
    f"{ASR}.modules.transformer.transformer_encoders.TransformerEncoder",
    f"{ASR}.parts.submodules.adapters.multi_head_attention_adapter_module.RelPositionMultiHeadAttentionAdapter",
    f"{ASR}.parts.submodules.ngram_lm.NGramGPULanguageModel",
    f"{ASR}.parts.submodules.token_classifier.TokenClassifier",
    "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
    "nemo.collections.common.parts.MultiLayerPerceptron",
    "nemo.collections.common.parts.adapter_modules.LinearAdapter",
    "nemo.collections.common.tokenizers.canary_multilingual_tokenizer.CanaryMultilingualTokenizer",
    "nemo.collections.common.tokenizers.canary_tokenizer.CanaryBPETokenizer",
    "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer",
    "nemo.core.classes.mixins.adapter_mixin_strategies.ResidualAddAdapterStrategy",
    "nemo.core.optim.lr_scheduler.CosineAnnealing",
    "torch.optim.AdamW",
]
LOAD_OTHER_CHECKPOINTS = {"ClusteringDiarizer"}


@pytest.mark.parametrize("target", DEEP_PATHS)
def test_what_published_recognisers_name_is_allowed(target: str) -> None:
    assert refusal_of(target) is None


@pytest.mark.parametrize(
    "package", [f"{ASR}.modules", f"{ASR}.losses", f"{ASR}.models", "nemo.collections.common.losses"]
)
def test_every_module_loss_and_model_that_nemo_exports_is_allowed(package: str) -> None:
    from torch import nn

    exported = vars(importlib.import_module(package))
    names = [name for name, value in exported.items() if isinstance(value, type) and issubclass(value, nn.Module)]
    refused = {name for name in names if refusal_of(f"{package}.{name}")}
    assert len(names) > 3 and refused <= LOAD_OTHER_CHECKPOINTS


def test_every_target_of_our_recipes_is_allowed(repository: Path) -> None:
    texts = [
        path.read_text()
        for folder in ("conf", "experiments", "examples")
        for path in (repository / folder).rglob("*.yaml")
    ]
    targets = {
        target for text in texts for target in re.findall(r"(?:_target_|^target): *([\w.]+)", text, re.MULTILINE)
    }
    of_trainers = ("lightning.pytorch.", "nemo_noise.training.", "hydra_plugins.")  # never in a checkpoint
    of_models = {target for target in targets if not target.startswith(of_trainers)}
    assert len(of_models) > 30
    assert {target: refusal_of(target) for target in of_models if refusal_of(target)} == {}


@pytest.mark.parametrize(
    "module", ["parts.utils.diarization_utils", "parts.utils.data_simulation_utils", "parts.utils.manifest_utils"]
)
def test_no_function_of_nemo_is_allowed(module: str) -> None:
    name = f"{ASR}.{module}"
    functions = [key for key, value in vars(importlib.import_module(name)).items() if callable(value)]
    assert functions and all(refusal_of(f"{name}.{key}") for key in functions)


def test_what_reads_files_or_trains_is_not_allowed() -> None:
    assert refusal_of("nemo_noise.data.pairs.context_pairs.ContextPairDataset")
    assert refusal_of("nemo_noise.training.DifficultyCurriculum")
