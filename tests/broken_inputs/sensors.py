# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken sensor streams: rates, tables of spreadsheets, arrays."""

import io
from typing import Any

import numpy as np

from tests.broken_inputs.case import Case
from tests.broken_inputs.files import Content
from tests.broken_inputs.recordings import FIRST, sensor, sensors_of


def _table(name: str, content: str | bytes, value: str, hint: str, where: str = "m.csv") -> Case:
    stream = sensor({"file": "m.csv", "rate_hz": 10}, Content("m.csv", content))
    return Case(f"sensor-csv-{name}", sensors_of, stream, where, value, hint, FIRST)


def _array(name: str, values: Any, value: str, hint: str, kept: int | None = None) -> Case:
    buffer = io.BytesIO()
    np.save(buffer, values)
    stream = sensor({"file": "m.npy", "rate_hz": 10}, Content("m.npy", buffer.getvalue()[:kept]))
    return Case(f"sensor-npy-{name}", sensors_of, stream, "m.npy", value, hint, FIRST)


def _rate(name: str, rate_hz: Any, value: str) -> Case:
    stream = sensor({"file": "m.csv", "rate_hz": rate_hz}, Content("m.csv", "1\n"))
    return Case(f"sensor-rate-{name}", sensors_of, stream, "rate_hz", value, "from 0.001 to 1e+06", FIRST)


CASES = [
    _rate("tiny", 1e-300, "1e-300"),
    _rate("huge", 1e300, "1e+300"),
    _rate("of-400-digits", 10**300, "1" + 300 * "0"),
    _rate("true", True, "True"),
    _table("with-semicolons", "1;2\n3;4\n", "semicolons", "expected commas, and points", "m.csv:1"),
    _table("with-decimal-commas", "0,5;1,5\n0,6;1,6\n", "semicolons", "expected commas, and points", "m.csv:1"),
    _table("with-tabs", "1\t2\n3\t4\n", "tabs", "expected commas, and points", "m.csv:1"),
    _table("of-quoted-decimal-commas", '"0,5","1,5"\n"0,6","1,6"\n', "'0,6'", "expected numbers", "m.csv:2"),
    _table("empty", "", "no sample", "at least one"),
    _table("of-a-header-alone", "x,y\n", "no sample", "at least one"),
    _table("with-a-word-in-its-first-sample", "1,x\n2,3\n", "'x'", "a header of words, or numbers", "m.csv:1"),
    _table("with-infinity", "1\ninf\n", "'inf'", "expected finite numbers", "m.csv:2"),
    _table("that-begins-with-infinity", "-Infinity\n1\n", "'-Infinity'", "expected finite numbers", "m.csv:1"),
    _table("with-na", "x\n1\nNA\n", "'NA'", "empty fields", "m.csv:3"),
    _table("with-grouped-digits", "x\n1_000\n", "'1_000'", "expected numbers", "m.csv:2"),
    _table("with-hexadecimals", "x\n0x10\n", "'0x10'", "expected numbers", "m.csv:2"),
    _table("with-numbers-beyond-floats", "x\n1e39\n", "beyond float32", "expected finite ones"),
    _table("with-an-empty-line-within", "1,2\n\n3,4\n", "1 fields", "expected 2", "m.csv:2"),
    _table("with-an-open-quote", '1\n"2\n', "is no table", "expected numbers and commas"),
    _table("in-utf-16", "1\n2\n".encode("utf-16"), "0xff", "saved as UTF-8"),
    _table("with-zero-bytes", b"x\n1\x00\n", r"'1\x00'", "expected numbers", "m.csv:2"),
    _array("empty", np.zeros((0, 3)), "no sample", "at least one"),
    _array("without-channels", np.zeros((3, 0)), "no sample", "at least one"),
    _array("of-three-axes", np.zeros((2, 2, 2)), "[2, 2, 2]", "[samples] or [samples, channels]"),
    _array("of-one-number", np.float32(1), "[]", "[samples] or [samples, channels]"),
    _array("of-words", np.array(["a"]), "[1]", "expected numbers"),
    _array("of-objects", np.array([None]), "cannot be read", "expected numbers"),
    _array("with-infinity", np.array([1.0, np.inf]), "infinite", "expected finite ones"),
    _array("beyond-floats", np.array([1e300]), "beyond float32", "expected finite ones"),
    Case("sensor-npy-is-packed", sensors_of,
         sensor({"file": "m.npy", "rate_hz": 10}, Content("m.npy", b"PK\x03\x04" + bytes(50))), "m.npy",
         "cannot be read", "expected numbers", FIRST),
    _array("cut-off", np.zeros(100), "cannot be read", "expected numbers", kept=200),
]  # fmt: skip
