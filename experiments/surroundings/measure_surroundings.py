# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's recogniser with and without noise around the speech, and measures both with it.

    python experiments/surroundings/measure_surroundings.py results/surroundings --arms at_once at_once_around
    python experiments/surroundings/measure_surroundings.py --rows experiments/surroundings/rows

The first trains and measures what is not done, one arm after the other, and leaves its rows; the second makes the
table of rows.
"""

import argparse
from pathlib import Path

DEMO = ("demo", "demo_around", "demo_half")  # the demo's recordings and its share of noise alone
AT_ONCE = ("at_once", "at_once_half")  # speech that begins at once, 5 % of noise alone
OFFLINE = ("offline_at_once", "offline_at_once_half")
ALL_ARMS = (*DEMO, *AT_ONCE, *OFFLINE)
PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("folder", type=Path, nargs="?", help="of speech, recognisers and rows")
PARSER.add_argument("--arms", nargs="+", choices=ALL_ARMS, default=list(ALL_ARMS))
PARSER.add_argument("--seeds", type=int, nargs="+", default=[0], help="one training of each arm for every seed")
PARSER.add_argument("--rows", type=Path, help="folder of rows to tabulate, instead of a training")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterator

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported
from nemo.collections.asr.models import EncDecCTCModelBPE

from experiments.surroundings.material import Material, make_material
from nemo_noise import whole_file
from nemo_noise.configuration import config_directory
from nemo_noise.evaluation.card import evaluate
from nemo_noise.evaluation.hypothesis import Hypothesis, read_hypotheses
from nemo_noise.evaluation.questions.comparisons.paired_rates import PairedRates
from nemo_noise.evaluation.questions.comparisons.surroundings import summarize_surroundings
from nemo_noise.evaluation.scoring.tally import ScoringOptions
from nemo_noise.evaluation.transcription.surroundings import SurroundedRun
from nemo_noise.models.training_run import run_training

MIX = "model.train_ds.augmentor.noise_mix"
SIDES = {"around": 1.0, "half": 0.5}  # the share that gets noise for up to a second, by the end of an arm's name
WHOLE_UTTERANCE = (  # an encoder that reads all of it, normalised by all of it
    "model.encoder.feature_normalization=per_feature",
    "model.encoder.att_context_size=[-1,-1]",
    "model.encoder.att_context_style=regular",
    "model.encoder.causal_downsampling=false",
    "model.encoder.conv_norm_type=batch_norm",
    "model.encoder.conv_context_size=null",
)
SECONDS = (0.2, 0.5, 2.0)
TESTED = 120  # utterances of the 240, drawn at random
KEPT = ("utterance_id", "speaker", "condition", "noise_list", "noise_label", "snr_db", "text", "pred_text", "duration",
        "model", "seed", "around_s")  # fmt: skip


def train(arm: str, seed: int, material: Material, folder: Path) -> Path:
    """Trains an arm with a seed: 800 steps, offline 500; what is there is not trained again."""
    name = f"{arm}_{seed}"
    result = folder / f"{name}.nemo"
    if result.exists():
        return result
    sides = SIDES.get(arm.rpartition("_")[2], 0.0)
    around_s = "{min: 0, max: 1}" if sides else "null"
    overrides = [f"{MIX}.around_s={around_s}", f"{MIX}.around_prob={sides}"]
    overrides += [f"{MIX}.noise_only_prob={0.4 if arm in DEMO else 0.05}"]
    overrides += [*(WHOLE_UTTERANCE if arm in OFFLINE else ()), f"trainer.max_steps={500 if arm in OFFLINE else 800}"]
    with initialize_config_dir(str(config_directory() / "recipes" / "demo"), version_base=None):
        cfg = compose("demo_digits", overrides=overrides)
    data = material.demo if arm in DEMO else material.at_once
    with open_dict(cfg):
        cfg.update(data=str(data), step_log=str(folder / f"{name}.steps.jsonl"), save_to=str(result), seed=seed)
    OmegaConf.update(cfg, f"{MIX}.seed", seed)
    cfg.exp_manager.exp_dir = str(folder / "training" / name)
    run_training(EncDecCTCModelBPE, cfg)
    return result


def measure(model: Path, arm: str, seed: int, *, material: Material, folder: Path) -> None:
    """Runs a recogniser on the mixtures without and with noise around them and on noise alone; leaves its rows."""
    card = folder / "cards" / model.stem
    evaluate(
        model,
        speech=material.test,
        noise={"unseen": str(material.noise)},
        output_dir=card,
        model_name=arm,
        device="cpu",
        utterances=TESTED,
        snr_db=["clean", 10, 0],
        noise_only={"crops": 240, "crop_s": 8.0, "silence_s": [5, 60]},
        around_s=list(SECONDS),
        around_trials=None,
        controls=[],
        latency_utterances=0,
        audio_clips=0,
        training_seed=seed,
        batch_size=8,
    )
    rows = [row for name in ("hypotheses", "surroundings") for row in read_hypotheses(card / f"{name}.jsonl")]
    (folder / "rows").mkdir(exist_ok=True)
    write_rows(rows, folder / "rows" / f"{model.stem}.jsonl.gz")


def write_rows(rows: list[Hypothesis], path: Path) -> None:
    """Writes what the tables need of rows, compressed, the same bytes in each run."""
    lines = [{name: row.fields[name] for name in KEPT if row.fields.get(name) is not None} for row in rows]
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as file:
        file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    whole_file.write_bytes(path, packed.getvalue())


def read_rows(folder: Path) -> dict[str, list[Hypothesis]]:
    """The rows of each arm, of all its seeds."""
    rows: dict[str, list[Hypothesis]] = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = Hypothesis.of(json.loads(line), str(path))
                rows[row.model.partition("+")[0]].append(row)
    return {arm: rows[arm] for arm in ALL_ARMS if arm in rows}


def table_of(rows: dict[str, list[Hypothesis]]) -> Iterator[str]:
    """WER by seconds on each side with its difference from none, and text where nobody speaks, in Markdown."""
    heads = ("arm", "seeds", "on each side", "clean", "from 0 s", "unseen noise", "from 0 s", "characters a minute")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for arm, own in rows.items():
        by_length: dict[float, list[Hypothesis]] = defaultdict(list)
        for row in own:
            by_length[float(row.fields.get("around_s", 0.0))].append(row)
        runs = [SurroundedRun(seconds, by_length[seconds]) for seconds in sorted(by_length) if seconds]
        found = summarize_surroundings(runs, by_length[0.0], ScoringOptions())
        alone = [row for row in by_length[0.0] if row.condition.value == "noise_only"]
        minutes = sum(row.duration_s or 0.0 for row in alone) / 60
        rate = f"{sum(len(row.pred_text) for row in alone) / minutes:.1f}" if minutes else ""
        seeds = ", ".join(sorted({row.seed for row in own}))
        for length in found["rows"]:
            cells = [*_cells(length["clean"]), *_cells(length["lists"]["unseen"])]
            yield f"| {arm} | {seeds} | {length['around_s']:g} s | {' | '.join(cells)} | {rate} |"
            rate = ""


def _cells(rates: PairedRates | None) -> tuple[str, str]:
    if rates is None:
        return "", ""
    difference, low, high = (rates[name] for name in ("difference", "difference_low", "difference_high"))
    if difference is None or low is None or high is None:
        return f"{100 * rates['wer']:.1f}", ""
    return f"{100 * rates['wer']:.1f}", f"{100 * difference:+.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def main() -> None:
    """Trains and measures, or tabulates."""
    arguments = PARSER.parse_args()
    if (arguments.folder is None) == (arguments.rows is None):
        PARSER.error("give a folder to work in, or --rows")
    if arguments.rows is not None:
        print("\n".join(table_of(read_rows(arguments.rows))))
        return
    torch.set_num_threads(1)
    folder = arguments.folder.resolve()
    material = make_material(folder / "data")
    for seed in arguments.seeds:
        for arm in arguments.arms:
            model = train(arm, seed, material, folder)
            if not (folder / "rows" / f"{model.stem}.jsonl.gz").exists():
                measure(model, arm, seed, material=material, folder=folder)
    print("\n".join(table_of(read_rows(folder / "rows"))))


if __name__ == "__main__":
    main()
