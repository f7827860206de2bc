# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The profile of a model: delay, throughput and memory over batch sizes and lengths, and what takes the time."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise import whole_file
from nemo_noise.checks import listed, number, text, whole
from nemo_noise.evaluation.profiling.engines import Engine, Prepare, open_engine
from nemo_noise.evaluation.transcription.peak_memory import PeakMemory
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import transcribe

SCHEMA_VERSION = 1
LOUDNESS = 0.1
REASON_CHARACTERS = 160
MOST_WAVEFORMS, LONGEST_S, MOST_REPEATS = 65_536, 3600.0, 100_000


@dataclass(frozen=True)
class ProfileOptions:
    """What is measured.

    Attributes:
        engines: ways to run the model, see `Engine`.
        batch_sizes: waveforms per batch.
        lengths_s: seconds of each waveform.
        repeats: timed runs of each combination; the median counts.
        warmups: runs before those.
        seed: of the noise that is transcribed.
    """

    engines: Sequence[Engine | str] = tuple(Engine)
    batch_sizes: Sequence[int] = (1, 4, 16)
    lengths_s: Sequence[float] = (2.0, 5.0, 10.0)
    repeats: int = 7
    warmups: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        listed(text(), "[transcribe, encoder]").check("engines", self.engines)
        listed(whole(high=MOST_WAVEFORMS), "[1, 4, 16]").check("batch_sizes", self.batch_sizes)
        listed(number(high=LONGEST_S), "[2, 5, 10]").check("lengths_s", self.lengths_s)
        for name in ("repeats", "warmups", "seed"):
            whole(0, MOST_REPEATS if name != "seed" else None).check(name, getattr(self, name))
        known = [engine.value for engine in Engine]
        unknown = [engine for engine in self.engines if engine not in known]
        if unknown or not self.engines:
            raise ValueError(f"engines is {list(self.engines)}, should hold some of {known}")
        for name in ("batch_sizes", "lengths_s"):
            values = getattr(self, name)
            if not values or any(not value > 0 for value in values):
                raise ValueError(f"{name} is {list(values)}, should hold numbers above 0")
        if self.repeats < 1 or self.warmups < 0:
            raise ValueError(f"repeats is {self.repeats} and warmups {self.warmups}, should be 1 and 0 or more")


class Measurement(TypedDict):
    """One combination; `rtfx` is seconds of audio per second, `difference` the largest one to the eager encoder."""

    engine: str
    batch_size: int
    length_s: float
    latency_ms: float
    latency_ms_p95: float
    rtfx: float
    peak_memory_mb: float | None
    difference: float | None


class ModuleShare(TypedDict):
    """One module inside `transcribe()`: parameters and its share of the time; names with a dot are parts."""

    module: str
    parameters: int
    share: float


class Profile(TypedDict):
    """All of one model; `left_out` says why an engine is missing."""

    schema_version: int
    model: str
    parameters: int
    measurements: list[Measurement]
    shares: list[ModuleShare]
    left_out: dict[str, str]


def profile_model(name: str, model: ASRModel, options: ProfileOptions) -> Profile:
    """Measure a model on noise; the texts do not matter.

    Args:
        name: for tables.
        model: any NeMo ASR model, in evaluation mode.
        options: what is measured.

    Returns:
        The profile. An engine that cannot run this model is left out, with the reason.
    """
    rate = sample_rate_of(model)
    sizes = [(batch, length) for length in options.lengths_s for batch in options.batch_sizes]
    measurements: list[Measurement] = []
    left_out: dict[str, str] = {}
    encoded: dict[tuple[int, float], Tensor] = {}
    with tqdm(total=len(options.engines) * len(sizes), desc=name, unit="setting") as progress:
        for engine in map(Engine, options.engines):
            progress.set_postfix_str(engine.value)
            try:
                with ExitStack() as resources, torch.inference_mode():
                    prepare = open_engine(engine, model, sample_rate=rate, resources=resources)
                    for batch, length in sizes:
                        waveforms = _noise(
                            batch, length, rate=rate, seed=options.seed, device=next(model.parameters()).device
                        )
                        measurements.append(
                            _measure(engine, prepare, waveforms, length_s=length, options=options, encoded=encoded)
                        )
                        progress.update()
            except Exception as error:  # compilers and exporters raise anything; the others should still be measured
                reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
                left_out[engine.value] = reason[:REASON_CHARACTERS]
                logging.warning(f"{name}: {engine.value} left out ({left_out[engine.value]})")
                measurements = [each for each in measurements if each["engine"] != engine.value]
    return Profile(
        schema_version=SCHEMA_VERSION,
        model=name,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        measurements=measurements,
        shares=module_shares(
            model, _noise(options.batch_sizes[-1], options.lengths_s[-1], rate=rate, seed=options.seed)
        ),
        left_out=left_out,
    )


def module_shares(model: ASRModel, waveforms: Tensor, repeats: int = 3) -> list[ModuleShare]:
    """Find out which modules take the time of `transcribe()`: the model's own, and those of its encoder.

    Args:
        model: any NeMo ASR model.
        waveforms: what is transcribed. [B, T]
        repeats: runs after one that does not count.

    Returns:
        Shares, the largest first among the model's own; "everything else" is search, tokens and moving data. The parts
        of the encoder (`encoder.layers`) follow, as shares of the same total.
    """
    modules = {name: child for name, child in model.named_children() if _counts(child)}
    for name, child in model.encoder.named_children() if "encoder" in modules else ():
        modules[f"encoder.{name}"] = child
    sounds = list(waveforms.numpy())
    watched: dict[str, Sequence[nn.Module]] = {name: [module] for name, module in modules.items()}
    with _stopwatches(watched) as called:
        transcribe(model, sounds)
    for name, module in modules.items():  # a search may call the parts of a decoder, and not the decoder
        watched[name] = [module] if called[name] else list(module.modules())
    with _stopwatches(watched) as seconds:
        start = time.perf_counter()
        for _ in range(repeats):
            transcribe(model, sounds)
        total = time.perf_counter() - start
    shares = [
        ModuleShare(module=name, parameters=_parameters(module), share=seconds[name] / total)
        for name, module in modules.items()
        if seconds[name] > 0
    ]
    own = sorted((each for each in shares if "." not in each["module"]), key=lambda each: -each["share"])
    parts = sorted((each for each in shares if "." in each["module"]), key=lambda each: -each["share"])
    rest = ModuleShare(module="everything else", parameters=0, share=max(0.0, 1 - sum(each["share"] for each in own)))
    return [*own, rest, *parts]


def write_profiles(path: str | Path, profiles: Sequence[Profile], made: Mapping[str, Any]) -> None:
    """Write profiles as JSON.

    Args:
        path: the file; its folder is created where absent.
        profiles: of one or more models.
        made: hardware, versions and configuration.
    """
    tree = {"profiles": list(profiles), "made": dict(made)}
    whole_file.write_text(path, json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _measure(
    engine: Engine,
    prepare: Prepare,
    waveforms: Tensor,
    *,
    length_s: float,
    options: ProfileOptions,
    encoded: dict[tuple[int, float], Tensor],
) -> Measurement:
    """Time one engine on one batch, and compare what it encodes with the eager encoder."""
    run = prepare(waveforms)
    output = run()
    for _ in range(options.warmups):
        run()
    times = []
    with PeakMemory(waveforms.device) as memory:
        for _ in range(options.repeats):
            _synchronize(waveforms.device)
            start = time.perf_counter()
            run()
            _synchronize(waveforms.device)
            times.append(time.perf_counter() - start)
    size = (len(waveforms), length_s)
    if engine is Engine.ENCODER and output is not None:
        encoded[size] = output.clone()
    known = encoded.get(size)
    difference = None if output is None or known is None else float((output - known).abs().max())
    median = float(np.median(times))
    return Measurement(
        engine=engine.value,
        batch_size=len(waveforms),
        length_s=length_s,
        latency_ms=1000 * median,
        latency_ms_p95=1000 * float(np.percentile(times, 95)),
        rtfx=len(waveforms) * length_s / median,
        peak_memory_mb=memory.megabytes,
        difference=difference,
    )


@contextmanager
def _stopwatches(watched: Mapping[str, Sequence[nn.Module]]) -> Iterator[dict[str, float]]:
    """Count the seconds inside the forward of the modules of each name; one within another counts once."""
    seconds = dict.fromkeys(watched, 0.0)
    with ExitStack() as hooks:
        for name, modules in watched.items():
            started: list[float] = []
            for each in modules:
                hooks.callback(each.register_forward_pre_hook(_start(started), with_kwargs=True).remove)
                hooks.callback(each.register_forward_hook(_stop(started, seconds, name), with_kwargs=True).remove)
        yield seconds


def _start(started: list[float]) -> Any:
    def hook(module: nn.Module, *_: Any) -> None:
        if not started:
            _synchronize(_device(module))
        started.append(time.perf_counter())

    return hook


def _stop(started: list[float], seconds: dict[str, float], name: str) -> Any:
    def hook(module: nn.Module, *_: Any) -> None:
        if len(started) == 1:
            _synchronize(_device(module))
            seconds[name] += time.perf_counter() - started[0]
        started.pop()

    return hook


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _device(module: nn.Module) -> torch.device:
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _counts(module: nn.Module) -> bool:
    """Whether a child takes part in recognition: losses and metrics do not."""
    return not type(module).__module__.startswith(("nemo.collections.asr.losses", "nemo.collections.asr.metrics"))


def _noise(batch: int, length_s: float, *, rate: int, seed: int, device: torch.device | None = None) -> Tensor:
    """White noise: [B, T]."""
    generator = torch.Generator().manual_seed(seed)
    return (LOUDNESS * torch.randn(batch, round(length_s * rate), generator=generator)).to(device)
