# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles: the numbers fit each other, engines agree, and the model stays as it was."""

import json
import mmap
import re
import shutil
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from nemo_noise.evaluation.profiling import profile as profiling
from nemo_noise.evaluation.profiling.engines import Engine
from nemo_noise.evaluation.profiling.page import draw_profiles, profile_table, share_rows
from nemo_noise.evaluation.profiling.profile import (
    Profile,
    ProfileOptions,
    module_shares,
    profile_model,
    write_profiles,
)
from nemo_noise.evaluation.transcription.peak_memory import CLEAR, PeakMemory
from tests.evaluation.tiny_models import tiny_ctc
from tests.recognisers import build_recogniser

SMALL = {"batch_sizes": (1, 3), "lengths_s": (1.0,), "repeats": 2, "warmups": 0}


@pytest.fixture(scope="module")
def profile() -> Profile:
    model = tiny_ctc()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    profile = profile_model("tiny", model, ProfileOptions(["transcribe", "encoder", "encoder_onnx"], **SMALL))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not any(module.training for module in model.modules())
    return profile


def test_every_setting_is_measured_and_throughput_is_audio_over_delay(profile: Profile) -> None:
    assert profile["left_out"] == {}
    settings = [(each["engine"], each["batch_size"]) for each in profile["measurements"]]
    assert settings == [(name, batch) for name in ("transcribe", "encoder", "encoder_onnx") for batch in (1, 3)]
    for each in profile["measurements"]:
        audio_s = each["batch_size"] * each["length_s"]
        assert each["rtfx"] == pytest.approx(audio_s / (each["latency_ms"] / 1000))
        assert each["latency_ms_p95"] >= each["latency_ms"] > 0


def test_the_onnx_encoder_agrees_with_the_eager_one(profile: Profile) -> None:
    differences = {each["engine"]: each["difference"] for each in profile["measurements"]}
    assert differences["encoder"] == 0.0
    assert differences["encoder_onnx"] < 1e-4
    assert differences["transcribe"] is None


def test_shares_of_the_model_add_up_and_parts_are_no_more_than_the_whole(profile: Profile) -> None:
    shares = {each["module"]: each["share"] for each in profile["shares"]}
    assert sum(share for name, share in shares.items() if "." not in name) == pytest.approx(1.0, abs=1e-6)
    assert {"preprocessor", "encoder", "decoder", "encoder.layers", "everything else"} <= set(shares)
    assert sum(share for name, share in shares.items() if name.startswith("encoder.")) <= shares["encoder"] * 1.05
    encoder = next(each for each in profile["shares"] if each["module"] == "encoder")
    assert encoder["parameters"] == sum(parameter.numel() for parameter in tiny_ctc().encoder.parameters())


def test_a_slow_module_is_found() -> None:
    class Slow(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            time.sleep(0.1)
            return x

    slow, fast = Slow(), torch.nn.Identity()
    with profiling._stopwatches(
        {"slow": [slow], "fast": [fast], "list": [torch.nn.ModuleList([slow]), slow]}
    ) as seconds:
        for _ in range(2):
            fast(slow(torch.zeros(1)))
    assert seconds["slow"] >= 0.2
    assert seconds["list"] >= 0.2
    assert seconds["fast"] < 0.1


def test_an_engine_that_cannot_run_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(engine: Engine, *_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nand a long trace")

    monkeypatch.setattr(profiling, "open_engine", broken)
    profile = profile_model("tiny", tiny_ctc(), ProfileOptions(["encoder_onnx"], **SMALL))
    assert profile["left_out"] == {"encoder_onnx": "RuntimeError: no such operator"}
    assert profile["measurements"] == []
    assert "encoder_onnx left out, RuntimeError" in profile_table([profile])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_the_compiled_encoder_agrees_with_the_eager_one() -> None:
    profile = profile_model("tiny", tiny_ctc(), ProfileOptions(["encoder", "encoder_compiled"], **SMALL))
    assert profile["left_out"] == {}
    assert all(each["difference"] < 1e-4 for each in profile["measurements"])


def test_a_profile_is_written_as_table_json_and_picture(profile: Profile, tmp_path: Path) -> None:
    other = {**profile, "model": "other"}
    table = profile_table([profile, other])
    assert table.count("| other") == len(profile["measurements"]) + len(profile["shares"])
    write_profiles(tmp_path / "new" / "profile.json", [profile, other], {"device": "cpu"})
    tree = json.loads((tmp_path / "new/profile.json").read_text())
    assert tree["profiles"][0] == profile
    draw_profiles(tmp_path / "new" / "profile.png", [profile, other])
    with Image.open(tmp_path / "new/profile.png") as picture:
        assert picture.size[0] > 1000


def test_names_and_reasons_are_neither_links_nor_cells_nor_escapes(profile: Profile) -> None:
    foreign = "\x1b[2J|<script>\n[x](javascript:alert(1))"
    table = profile_table([{**profile, "model": foreign, "left_out": {"onnx": foreign}}])
    plain = profile_table([{**profile, "left_out": {"onnx": "no"}}])
    assert table.count("\n") == plain.count("\n") and "\x1b" not in table
    assert not re.search(r"(?<!\\)[<\[]", table)
    assert len(re.findall(r"(?<!\\)\|", table)) == len(re.findall(r"(?<!\\)\|", plain))


def test_a_module_that_one_model_lacks_does_not_move_the_others(profile: Profile) -> None:
    bare = {**profile, "shares": [each for each in profile["shares"] if each["module"] != "encoder.layers"]}
    names, (whole, lacking) = share_rows([bare, profile])[0], share_rows([bare, profile])[1][::-1]
    for shares, values in ((profile["shares"], whole), (bare["shares"], lacking)):
        known = {each["module"]: 100 * each["share"] for each in shares}
        assert values == [known.get(name, 0.0) for name in names]
    assert lacking[names.index("encoder.layers")] == 0.0 < whole[names.index("encoder.layers")]


@pytest.mark.skipif(not CLEAR.exists(), reason="the peak of a process is only known under Linux")
def test_the_peak_of_the_process_sees_memory_that_is_given_back() -> None:
    with PeakMemory(torch.device("cpu")) as calm:
        pass
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # an allocator may have as much already, and then nothing grows
    with PeakMemory(torch.device("cpu")) as busy, mmap.mmap(-1, 50_000_000, flags=private) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
    if calm.megabytes is None:
        pytest.skip("this system does not let a process reset its peak")
    assert 40 < busy.megabytes - calm.megabytes < 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engines": ["tensorrt"]}, "engines is .'tensorrt'., should hold some of"),
        ({"engines": []}, "engines is"),
        ({"batch_sizes": [0]}, "batch_sizes is .0., should hold numbers above 0"),
        ({"lengths_s": []}, "lengths_s is"),
        ({"repeats": 0}, "repeats is 0"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProfileOptions(**options)


def test_a_decoder_of_which_a_search_calls_only_parts_has_its_share(
    tmp_path: Path,
) -> None:
    model = build_recogniser("aed", tmp_path)
    shares = {each["module"]: each["share"] for each in module_shares(model, 0.1 * torch.ones(1, 16000), repeats=1)}
    assert shares["transf_decoder"] > 0
    assert sum(share for name, share in shares.items() if "." not in name) == pytest.approx(1.0, abs=1e-6)
