# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a noise context costs at FastConformer-large width: parameters, time beside the encoder's, bytes of a stream.

    python examples/benchmarks/measure_noise_context.py [--rounds 7] [--seconds 10] [--d-context 8]

Every context and every fusion of conf/parts is made as a recipe makes it. Contexts, fusions and the
plain encoder take turns in one process on one thread; of each the shortest time of the process counts. A context and
fusions act beside the encoder, so their time over that of the plain encoder is what they add to it.
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("--rounds", type=int, default=7, help="how often they take turns")
PARSER.add_argument("--seconds", type=float, default=10.0, help="length of the utterance")
PARSER.add_argument("--d-context", type=int, default=64, help="numbers of the context")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

from functools import partial
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from measure_ssm_mixer import take_turns
from omegaconf import OmegaConf
from torch import Tensor, nn

from nemo.core.classes import Serialization

from nemo_noise.configuration import config_directory
from nemo_noise.modules import CausalContextEncoder, ContextEncoder, Fusion

RECIPE = "fastconformer/noise_aware_fast-conformer_ctc_bpe"
CONTEXTS = (
    "statistics",
    "attentive",
    "feature_pyramid",
    "hierarchical",
    "temporal",
    "noise_types",
    "causal_statistics",
)
FUSIONS = ("early_add", "early_concat", "early_film", "early_gated", "early_mixture", "early_cross_attention")


def main() -> None:
    """Measure and print."""
    arguments = PARSER.parse_args()
    made_recipe = partial(recipe, d_context=arguments.d_context)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain = made({**made_recipe("statistics", "early_film"), "context": None, "fusion": None})
    features = torch.randn(1, plain._feat_in, round(100 * arguments.seconds))
    length = torch.tensor([features.shape[2]])
    contexts = {name: made(made_recipe(name, "early_film")["context"]) for name in CONTEXTS}
    fusions = {name: nn.ModuleDict(made(made_recipe("statistics", name)["fusion"])) for name in FUSIONS}
    runs = [partial(encode, plain, features, length)]
    runs += [partial(encode, context, features, length) for context in contexts.values()]
    runs += [partial(fuse, sites, features) for sites in fusions.values()]
    encoder_s, *added_s = take_turns(runs, arguments.rounds)
    print(f"torch {torch.__version__}, one thread, {arguments.seconds:g} s, shortest of {arguments.rounds}")
    print(f"plain encoder: {size(plain) / 1e6:.1f} M parameters, {1e3 * encoder_s:.0f} ms")
    print(f"{'':>24} {'parameters':>11} {'of the time':>12} {'stream':>10}")
    for (name, part), time_s in zip([*contexts.items(), *fusions.items()], added_s, strict=True):
        state = f"{4 * part.state_size} bytes" if isinstance(part, CausalContextEncoder) else "-"
        print(f"{name:>24} {size(part):11,d} {100 * time_s / encoder_s:10.2f} % {state:>10}")


def recipe(context: str, fusion: str, d_context: int) -> dict[str, Any]:
    """The encoder's config with these parts."""
    overrides = [f"context@model.encoder.context={context}", f"fusion@model.encoder.fusion={fusion}"]
    overrides.append(f"model.encoder.context.d_context={d_context}")
    with initialize_config_dir(str(config_directory()), version_base="1.1"):
        config = compose(RECIPE, overrides)
    encoder: dict[str, Any] = OmegaConf.to_container(config.model.encoder, resolve=True)  # type: ignore[assignment]
    return encoder


def made(config: dict[str, Any]) -> Any:
    """What a config stands for, in eval mode; a dictionary of configs gives one of modules."""
    if "_target_" not in config:
        return {str(site): made(part) for site, part in config.items()}
    return Serialization.from_config_dict(OmegaConf.create(config)).eval()


def size(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.inference_mode()
def encode(encoder: ContextEncoder, features: Tensor, length: Tensor) -> None:
    """Run a context encoder, or the recogniser's encoder."""
    encoder(audio_signal=features, length=length)


@torch.inference_mode()
def fuse(sites: dict[str, Fusion], features: Tensor) -> None:
    """Run all fusions of a recipe, each on as many frames as there are at its site."""
    for site, fusion in sites.items():
        frames = features.shape[2] if site == "features" else features.shape[2] // 8
        context = torch.randn(1, 8 if fusion.reads_tokens else 1, fusion.d_context)
        fusion(features=torch.randn(1, frames, fusion.d_model), context=context)


if __name__ == "__main__":
    main()
