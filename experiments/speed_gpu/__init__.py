"""What penalties and proximal steps cost on a GPU, on Keras's JAX backend, beside Keras's own.

ElasticNet against keras.regularizers.L1L2 with the same two coefficients, and against a copy, which
is as fast as the memory allows; the prox of L1 and of groups in Adam's metric against a copy; a
step of `fit` with ProximalAdam against one with Adam and the same penalty. Beside the times stands
what the GPU computes: the prox against NumPy in double precision, and the zeros of a lasso that
ProximalAdam trains there against scikit-learn's. It is run with KERAS_BACKEND=jax on a machine that
has a GPU, and skipped elsewhere."""

from dataclasses import dataclass

import keras
import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.speed_gpu.agreement import agreement
from experiments.speed_gpu.calls import COPY, KERAS, OURS, fits, on_arrays
from experiments.speed_gpu.figures import draw
from experiments.timing import bar, pair, summary

QUESTION = "What do penalties and a proximal step cost on a GPU?"
SYSTEMS = ("S9",)
CLAIMS = ()
TIMED = ("times", "summary", "bars")
OF_KERAS = "Both read the weights and write a gradient, each in one pass."
PROX = "The prox is one more pass over weights that Adam reads with its two averages."
LIMITED_BY = {
    "L1": PROX,
    "groups": "In Adam's metric the prox of a group is a root, found by passes over the group.",
}


@dataclass(frozen=True)
class Settings:
    widths: tuple[int, ...] = (1024, 4096, 16384)  # of square kernels, 4 MB to 1 GB
    calls: tuple[int, ...] = (200, 200, 50)  # in one measurement
    units: tuple[tuple[int, ...], ...] = ((64, 64), (1024,), (4096,), (16384,))
    steps: tuple[int, ...] = (300, 300, 300, 100)  # of a call of fit
    repetitions: int = 11
    batch_size: int = 32
    lasso_steps: int = 20_000


QUICK = Settings((64,), (2,), ((16,),), (4,), repetitions=2, lasso_steps=200)


def missing() -> str:
    """What this machine lacks, "" if nothing."""
    if keras.backend.backend() != "jax":
        return "KERAS_BACKEND=jax"
    import jax

    return "" if jax.default_backend() == "gpu" else "a GPU that JAX can use"


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    del log_dir
    sizes = zip(settings.widths, settings.calls, strict=True)
    kernels = [on_arrays(width, calls, settings, track) for width, calls in sizes]
    steps = list(fits(settings, track))
    times = pd.concat(kernels + steps, ignore_index=True)
    bars = []
    for row in (table["row"].iloc[0] for table in kernels):
        of_keras, of_copy = pair(times, row, OURS, KERAS), pair(times, row, OURS, COPY)
        bars.append(bar(f"{row}: {OURS} ÷ {KERAS}", *of_keras, 1, limited_by=OF_KERAS))
        bars.append(bar(f"{row}: {OURS} ÷ {COPY}", *of_copy, 2, limited_by=OF_KERAS))
    for row in (table["row"].iloc[0] for table in steps):
        for penalty in ("L1", "groups"):
            names = pair(times, row, f"ProximalAdam, {penalty}", f"Adam, {penalty}")
            name = f"{row}: ProximalAdam ÷ Adam, {penalty}"
            bars.append(bar(name, *names, 1.1, limited_by=LIMITED_BY[penalty]))
    tables = {
        "times": times,
        "summary": pd.concat(
            [summary(pd.concat(kernels), COPY), summary(pd.concat(steps), "Adam, L1")]
        ),
        "bars": pd.DataFrame(bars),
        "agreement": agreement(settings.lasso_steps),
    }
    return Outcome(tables, {"speed_gpu": draw(kernels, steps, tables["bars"])})
