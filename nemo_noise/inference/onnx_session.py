# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The door to onnxruntime: an exported graph as a function of named arrays."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]


def open_session(path: str | Path, threads: int = 1) -> Callable[[Arrays], list[NDArray[np.generic]]]:
    """Loads an ONNX file for the CPU, with so many threads inside one operation; an ImportError without onnxruntime.

    Returns:
        A function from arrays by input name to all outputs; arrays that the graph does not read are dropped.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("onnxruntime is not installed: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {each.name for each in session.get_inputs()}

    def run(arrays: Arrays) -> list[NDArray[np.generic]]:
        outputs: list[NDArray[np.generic]] = session.run(None, {k: v for k, v in arrays.items() if k in inputs})
        return outputs

    return run
