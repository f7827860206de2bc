# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The rows of tables: hypotheses with the fields that a table needs, compressed, with a SHA-256 each.

python -m experiments.rows hypotheses.jsonl experiments/digits/rows/swapped_0.jsonl.xz --model context+swapped_noise
"""

import argparse
import hashlib
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("hypotheses", type=Path, help="hypotheses.jsonl of a report")
PARSER.add_argument("output", type=Path, help="<arm>_<seed>.jsonl.xz in experiments/<question>/rows")
PARSER.add_argument("--model", help="whose rows to take, where the report has several, as it names them")
PARSER.add_argument("--keep", nargs="*", default=(), help="further fields of the rows")
if __name__ == "__main__":
    PARSER.parse_args()  # --help and misspelt options, before NeMo is imported

from nemo_noise import whole_file
from nemo_noise.evaluation.hypothesis import Hypothesis, by_model, read_hypotheses

__all__ = ["SUMS", "damaged_rows", "pack_rows", "read_rows"]

SUMS = "SHA256SUMS"  # beside the rows, as sha256sum writes and checks it
SUFFIX = ".jsonl.xz"
FIELDS = (
    "utterance_id",
    "speaker",
    "condition",
    "noise_list",
    "noise_label",
    "snr_db",
    "room",
    "channel",
    "duration",
    "text",
    "pred_text",
    "model",
    "seed",
)


def read_rows(path: str | Path) -> list[Hypothesis]:
    """Read a compressed file of rows.

    Raises:
        ValueError: it is no such file, or a line is no row; the message names file:line.
    """
    try:
        lines = lzma.decompress(Path(path).read_bytes()).decode("utf-8").splitlines()
    except lzma.LZMAError as error:
        raise ValueError(f"{path} is not compressed by xz ({error}); python -m experiments.rows writes it") from error
    return [Hypothesis.of(json.loads(line), f"{path}:{number}") for number, line in enumerate(lines, 1)]


def pack_rows(
    hypotheses: str | Path, output: str | Path, *, model: str | None = None, keep: Sequence[str] = ()
) -> Path:
    """Write the fields of hypotheses that a table needs, and the sum of the file beside it.

    Args:
        hypotheses: `hypotheses.jsonl` of a report.
        output: `<arm>_<seed>.jsonl.xz`.
        model: whose rows to take, where the report has several: an arm, a control or a swap.
        keep: further fields.

    Raises:
        ValueError: the output is not named so, a row cannot be read, or `model` does not name one model of them.
    """
    output = Path(output)
    if not output.name.endswith(SUFFIX):
        raise ValueError(f"output={output} should end with {SUFFIX}, as <arm>_<seed>{SUFFIX}")
    models = by_model(read_hypotheses(hypotheses))
    if model is None and len(models) == 1:
        model = next(iter(models))
    if model not in models:
        raise ValueError(f"model={model!r} should be one of {sorted(models)}, those of {hypotheses}")
    names = dict.fromkeys((*FIELDS, *keep))
    lines = []
    for row in models[model]:
        fields = {"utterance_id": row.utterance, "condition": row.condition.value}
        fields |= {name: row.fields[name] for name in names if row.fields.get(name) is not None}
        lines.append(json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n")
    packed = lzma.compress("".join(lines).encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)
    whole_file.write_bytes(output, packed)
    sums = _sums(output.parent) | {output.name: hashlib.sha256(packed).hexdigest()}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    whole_file.write_text(output.parent / SUMS, text)
    return output


def damaged_rows(folder: str | Path) -> list[str]:
    """Name the files of a folder that are not what its sums say: other, absent, or without a sum."""
    folder = Path(folder)
    sums = _sums(folder)
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob(f"*{SUFFIX}")}
    return sorted(name for name in sums.keys() | found.keys() if sums.get(name) != found.get(name))


def _sums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256."""
    if not (folder / SUMS).is_file():
        return {}
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def _main() -> None:
    given = PARSER.parse_args()
    written = pack_rows(given.hypotheses, given.output, model=given.model, keep=given.keep)
    print(f"{written}: {written.stat().st_size:,} bytes, {len(read_rows(written)):,} rows")


if __name__ == "__main__":
    _main()
