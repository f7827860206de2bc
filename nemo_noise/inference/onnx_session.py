# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to onnxruntime: an exported graph as a function of named arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemo_noise.foreign_text import printable

Arrays = Mapping[str, NDArray[np.generic]]


class Session:
    """A loaded graph: called with arrays by input name, it returns all outputs; what it does not read is dropped.

    Attributes:
        inputs: names, in order.
        outputs: names, in order.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = tuple(str(each.name) for each in session.get_inputs())
        self.outputs = tuple(str(each.name) for each in session.get_outputs())

    def __call__(self, arrays: Arrays) -> list[NDArray[np.generic]]:
        """Run the graph."""
        outputs: list[NDArray[np.generic]] = self._session.run(
            None, {name: array for name, array in arrays.items() if name in self.inputs}
        )
        return outputs


def open_session(path: str | Path, threads: int = 1) -> Session:
    """Loads an ONNX file for the CPU, with so many threads inside one operation.

    Raises:
        ImportError: onnxruntime is not installed.
        ValueError: the file is no graph that it reads.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("onnxruntime is not installed: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return Session(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except Exception as error:  # of classes that onnxruntime does not name
        raise ValueError(f"{path} is no ONNX graph that onnxruntime reads: {printable(error, 200)}") from error
