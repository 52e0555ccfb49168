"""A short path of LassoNet, as a program of its own: it runs where LassoNet and PyTorch are.

It is given the file of the data and the settings, and prints seconds, models, steps of a model and
versions as JSON. It imports nothing of kerasreg and of its experiments.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from importlib import metadata

import numpy as np


def path(file: str, n_models: int, units: list[int], epochs: int, batch_size: int) -> dict:
    """Trains `n_models` models, each from the weights of the one before; the first is dense.

    LassoNet stops early by default; here it trains each for `epochs` epochs.
    """
    data = np.load(file, allow_pickle=False)
    # Its networks are too small to share: on two cores a second thread makes it half as fast.
    importlib.import_module("torch").set_num_threads(1)
    network = importlib.import_module("lassonet").LassoNetClassifier(
        hidden_dims=tuple(units),
        lambda_seq=np.geomspace(1e-4, 1e-2, n_models - 1).tolist(),
        batch_size=batch_size,
        n_iters=epochs,
        patience=None,
        verbose=0,
        torch_seed=0,
    )
    validation = {"X_val": data["x_validation"], "y_val": data["y_validation"]}
    start = time.perf_counter()
    history = network.path(data["x"], data["y"], **validation)
    return {
        "seconds": time.perf_counter() - start,
        "models": len(history),
        "steps": epochs * (len(data["x"]) // batch_size),  # short last batches are dropped
        "versions": ", ".join(f"{each} {metadata.version(each)}" for each in ("lassonet", "torch")),
    }


if __name__ == "__main__":
    print(json.dumps(path(sys.argv[1], **json.loads(sys.argv[2]))))
