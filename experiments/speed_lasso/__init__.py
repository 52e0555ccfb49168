"""What a lasso path costs with Keras's machinery, against a solver made for it.

A hundred strengths down to a thousandth of the largest, by scikit-learn's `lasso_path` with its own
tolerance and by `regularization_path`, all strengths at once in float32, with as many steps along
the whole gradient as it takes to bring the largest duality gap of the path to scikit-learn's. The
gaps are measured for both in float64, as shares of the objective of w = 0. A table has the gap that
float32 cannot go below."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.number_format import plain
from experiments.outcome import Outcome, no_progress
from experiments.speed_lasso.data import alphas_of, design, gaps
from experiments.speed_lasso.paths import OURS, SKLEARN, epochs_to, our_path, their_path
from experiments.timing import bar, draw_times, interleaved, pair
from kerasreg.plots import style

QUESTION = "What does a lasso path cost beside scikit-learn's, at the same duality gap?"
SYSTEMS = ("S1", "S11")
CLAIMS = ()
TIMED = ("times", "bars")
ASKED = "lasso path, {} features, to the same duality gap ÷ scikit-learn's `lasso_path`"
LIMITED_BY = (
    "A step goes along the whole gradient of every strength, while coordinate descent starts each "
    "from the one before and leaves out the columns whose coefficients stay zero."
)


@dataclass(frozen=True)
class Settings:
    designs: tuple[str, ...] = ("independent", "correlated", "diabetes")
    momentum: tuple[float, ...] = (0.9, 0.97, 0.9)
    # Where the search for the number begins: a little below what reached the gap.
    epochs: tuple[int, ...] = (80, 400, 100)
    most_epochs: int = 2000
    size: int = 1000  # samples, and features, of the first two
    correlation: float = 0.7  # of neighbouring features of the second
    n_strengths: int = 100
    repetitions: int = 5
    floor_epochs: int = 3  # times as many, for the gap that float32 leaves
    seed: int = 0


QUICK = Settings(("independent",), (0.9,), (20,), most_epochs=40, size=40, n_strengths=5)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    times, measured, lines = [], [], []
    rows = zip(settings.designs, settings.momentum, settings.epochs, strict=True)
    for name, momentum, start in rows:
        x, y = design(name, settings.size, settings.seed, settings.correlation)
        alphas, row = alphas_of(x, y, settings.n_strengths), f"{name}, {len(x)} × {x.shape[1]}"
        theirs = their_path(x, y, alphas)
        target = gaps(x, y, theirs(), alphas)
        ours = our_path(x, y, alphas, momentum)

        def gap_after(epochs, x=x, y=y, alphas=alphas, ours=ours):
            return gaps(x, y, ours(epochs), alphas)

        largest = target["gap"].max()
        epochs = epochs_to(largest, gap_after, start, settings.most_epochs)
        at_last = gap_after(epochs)
        floor = gap_after(settings.floor_epochs * epochs)
        for method, steps, table in (
            (SKLEARN, None, target),
            (OURS, epochs, at_last),
            (f"{OURS}, {settings.floor_epochs} times as many epochs", None, floor),
        ):
            measured.append(table.assign(row=row, method=method, epochs=steps))
        calls: dict[str, Callable] = {OURS: partial(ours, epochs), SKLEARN: theirs}
        times.append(interleaved(row, calls, settings.repetitions, track=track))
        reached = f"gap {at_last['gap'].max():.1e} ÷ {largest:.1e}"
        asked = "" if name == "diabetes" else ASKED.format(name)
        seconds = pair(times[-1], row, OURS, SKLEARN)
        what = f"{row}\n{epochs} epochs, {reached}"
        lines.append(bar(what, *seconds, 1, asked, LIMITED_BY))
    bars = pd.DataFrame(lines)
    tables = {"times": pd.concat(times, ignore_index=True), "bars": bars}
    paths = pd.concat(measured, ignore_index=True)
    paths["epochs"] = pd.to_numeric(paths["epochs"])
    return Outcome(tables | {"gaps": paths}, {"speed_lasso": draw(tables["times"], bars, paths)})


def draw(times, bars, paths):
    with style():
        rows = list(times["row"].unique())
        fig = Figure(figsize=(13, 1 + 2.6 * len(rows)), layout="constrained")
        axes = fig.subplots(len(rows), 2, squeeze=False)
        for (left, right), row, ratio in zip(axes, rows, bars["value"], strict=True):
            draw_times(left, times[times["row"] == row], 1, "seconds a path, compiled before")
            left.set_title(f"{row.capitalize()}: {plain(ratio)} × scikit-learn's time")
            for method, of_method in paths[paths["row"] == row].groupby("method", sort=False):
                positive = np.maximum(of_method["gap"], 1e-12)
                right.plot(of_method["alpha"], positive, label=method)
            right.set(xscale="log", yscale="log", xlabel="alpha", ylabel="relative gap")
        axes[0, 1].set_title("Duality gap along the path")
        axes[0, 1].legend(loc="lower left")
        return fig
