"""What the prox costs: a step of `fit` with ProximalAdam against Adam, with the same penalty.

A small network, where the number of operations counts, and layers up to 4096 wide, where the
passes over memory do."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.outcome import Outcome, no_progress
from experiments.timing import bar, draw_bars, draw_times, interleaved, pair, summary
from kerasreg.optimizers import ProximalAdam
from kerasreg.plots import style

QUESTION = "What does a step of ProximalAdam cost beside one of Adam?"
SYSTEMS = ("S9",)
CLAIMS = ()
TIMED = ("times", "per_step", "bars")
LIMIT = 1.1  # of Adam's time
ASKED = "`ProximalAdam` ÷ `Adam`, a step of `fit` with the same L1"
LIMITED_BY = (
    "The prox adds operations to each variable's update: where the arithmetic is small their "
    "dispatch is felt, and where weights do not fit into the cache one more pass over them."
)
METHODS = {
    "Adam": (keras.optimizers.Adam, False),
    "ProximalAdam": (ProximalAdam, False),
    "Adam, XLA": (keras.optimizers.Adam, True),
    "ProximalAdam, XLA": (ProximalAdam, True),
}
PAIRS = {"graph": ("ProximalAdam", "Adam"), "XLA": ("ProximalAdam, XLA", "Adam, XLA")}


@dataclass(frozen=True)
class Settings:
    units: tuple[tuple[int, ...], ...] = ((64, 64), (1024,), (4096,))
    steps: tuple[int, ...] = (100, 20, 3)  # of a call of fit
    repetitions: int = 9
    batch_size: int = 32
    strength: float = 1e-4


QUICK = Settings(units=((16,), (32,)), steps=(4, 4), repetitions=2)


def with_fit(optimizer, jit_compile, units, steps, settings):
    """A call of `fit`, one epoch of so many steps, with L1 on every kernel."""
    keras.utils.set_random_seed(0)
    penalty = keras.regularizers.L1(settings.strength)
    model = keras.Sequential([keras.Input((units[0],))])
    for width, activation in [*((width, "relu") for width in units), (10, "softmax")]:
        model.add(keras.layers.Dense(width, activation, kernel_regularizer=penalty))
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer(), loss, jit_compile=jit_compile)
    random, n_samples = np.random.default_rng(0), steps * settings.batch_size
    x = random.normal(size=(n_samples, units[0])).astype("float32")
    y = random.integers(0, 10, n_samples)
    return lambda: model.fit(x, y, batch_size=settings.batch_size, verbose=0)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    measured = []
    for units, steps in zip(settings.units, settings.steps, strict=True):
        methods = {
            name: with_fit(*method, units, steps, settings) for name, method in METHODS.items()
        }
        name = "-".join(map(str, (units[0], *units, 10)))
        rows = interleaved(name, methods, settings.repetitions, track=track)
        measured.append(rows.assign(seconds=rows["seconds"] / steps, steps=steps))
    times = pd.concat(measured, ignore_index=True)
    bars = pd.DataFrame(
        bar(f"{row}\n{program}", *pair(times, row, *names), LIMIT, ASKED, LIMITED_BY)
        for row in times["row"].unique()
        for program, names in PAIRS.items()
    )
    tables = {"times": times, "per_step": summary(times, "Adam"), "bars": bars}
    return Outcome(tables, {"speed_optimizer": draw(times, bars)})


def draw(times, bars):
    with style():
        fig = Figure(figsize=(13, 8), layout="constrained")
        rows = list(times.groupby("row", sort=False))
        grid = fig.add_gridspec(len(rows), 2, width_ratios=(1, 1.15))
        for at, (row, of_row) in enumerate(rows):
            ax = fig.add_subplot(grid[at, 0])
            draw_times(ax, of_row, 1e3, "milliseconds a step")
            ax.set_title(f"Network {row}")
        ax = fig.add_subplot(grid[:, 1])
        draw_bars(ax, bars, "time of ProximalAdam / time of Adam")
        ax.set_title("Against Adam with the same penalty, in the same round")
        return fig
