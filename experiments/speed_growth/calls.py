"""The calls that `speed_growth` measures, the work in them, and the machine's own speeds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from experiments.digits_calls import LOSS, build, digits, strengths_of_path
from experiments.timing import seconds_of
from kerasreg.grid import train_grid
from kerasreg.optimizers import ProximalAdam

#: How often a step reads or writes a number for each weight, at least: the weight forward, for the
#: gradient and for the update, the gradient twice, Adam's two averages twice each, the new weight.
PASSES = 10


def grid_of(
    units: Sequence[int], members: int, samples: int, epochs: int, batch_size: int
) -> Callable[[], Any]:
    """A call of `train_grid` that uses its compiled program again; digits, over and over."""
    x, y, _ = digits(None)
    data = np.resize(x, (samples, x.shape[1])), np.resize(y, samples)
    settings: dict[str, Any] = {"optimizer": ProximalAdam(), "loss": LOSS, "epochs": epochs}
    settings |= {"batch_size": batch_size, "strengths": strengths_of_path(members)}
    model = build(units, 1.0)
    return lambda: train_grid(model, *data, **settings)


def work_of(units: Sequence[int], members: int, samples: int, batch_size: int) -> dict[str, Any]:
    """Sizes, and what an epoch of all members computes and moves.

    Six operations a weight and sample (forward, and both gradients), and PASSES over the weights a
    step.
    """
    widths = [64, *units, 10]
    parameters = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    steps = -(-samples // batch_size)
    return {
        "members": members,
        "parameters": parameters,
        "samples": samples,
        "steps": steps,
        "operations": 6.0 * members * parameters * samples,
        "bytes": 4.0 * PASSES * members * parameters * steps,
    }


def machine_speeds(repetitions: int, size: int = 1024) -> dict[str, float]:
    """Operations a second of a matrix product in float32, bytes a second of a large copy."""
    square = np.ones((size, size), np.float32)
    large = np.zeros(size * size * 16, np.float32)
    other = np.empty_like(large)
    product = [seconds_of(lambda: square @ square) for _ in range(repetitions + 1)]
    copied = [seconds_of(lambda: np.copyto(other, large)) for _ in range(repetitions + 1)]
    return {
        "arithmetic": 2.0 * size**3 / float(np.median(product[1:])),
        "memory": 2.0 * large.nbytes / float(np.median(copied[1:])),
    }
