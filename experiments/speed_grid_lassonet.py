"""A short path of LassoNet, where it is installed: another method for sparse networks, on PyTorch.

It is measured in a process that has no TensorFlow, for the two may not get on in one.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.speed_grid_processes import in_new_process

LASSONET = "LassoNet"


def lassonet_times(n_models: int, units: Sequence[int], data: Any, **settings: Any) -> dict:
    """Seconds of a path of `n_models` models, and how many steps each of them took.

    Its strengths come one after another, each from the weights of the one before. It stops early
    by default; here it trains each for as many epochs as the others do.

    Returns:
        `n_models`, `steps`, `seconds`, `note`. Without LassoNet numbers are NaN.
    """
    if importlib.util.find_spec("lassonet") is None:
        return {"n_models": n_models, "note": "not installed"}
    found = in_new_process(_path, n_models, tuple(units), data, bare=True, **settings)
    note = "another method, on PyTorch; one after another, epochs as for the others"
    return dict(zip(("seconds", "n_models", "steps"), found, strict=True)) | {"note": note}


def _path(
    n_models: int, units: tuple[int, ...], data: Any, epochs: int, batch_size: int
) -> tuple[float, int, int]:
    x, y, (x_validation, y_validation) = data
    # Its networks are too small to share: on two cores a second thread makes it half as fast.
    importlib.import_module("torch").set_num_threads(1)
    network = importlib.import_module("lassonet").LassoNetClassifier(
        hidden_dims=units,
        lambda_seq=np.geomspace(1e-4, 1e-2, n_models - 1).tolist(),  # and the dense model first
        batch_size=batch_size,
        n_iters=epochs,
        patience=None,
        verbose=0,
        torch_seed=0,
    )
    start = time.perf_counter()
    history = network.path(x, y, X_val=x_validation, y_val=y_validation)
    seconds = time.perf_counter() - start
    return seconds, len(history), epochs * (len(x) // batch_size)  # short last batches are dropped
