"""What more processes gain on one machine: a cross-validation in one, and spread over two.

Each process imports TensorFlow, traces and compiles for itself, and one process uses all cores
already. The first call of two processes starts them; the others find them running, and trace and
compile anew. On several machines the same chunks would run beside each other."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from experiments.digits_calls import build, digits
from experiments.outcome import Outcome, no_progress
from experiments.timing import draw_times, interleaved, summary
from kerasreg.cross_validation import cross_validate
from kerasreg.optimizers import ProximalAdam
from kerasreg.plots import style

QUESTION = "What do more processes gain on one machine?"
SYSTEMS = ("S14",)
CLAIMS = ()
TIMED = ("times", "per_call")
ONE, TWO = "1 process", "2 processes"


@dataclass(frozen=True)
class Settings:
    units: tuple[int, ...] = (64,)
    n_samples: int | None = None  # None: all of digits' training part
    n_strengths: int = 100  # of a chunk; each fold is one
    n_folds: int = 4
    epochs: int = 40
    batch_size: int = 32
    repetitions: int = 2


QUICK = Settings((8,), 64, n_strengths=2, n_folds=2, epochs=1, repetitions=1)


def with_processes(n_jobs, settings):
    """A call of `cross_validate` in so many processes; the same model each time."""
    model = build(settings.units, 1.0)
    x, y, _ = digits(settings.n_samples)
    strengths = [float(s) for s in np.geomspace(1e-5, 1e-1, settings.n_strengths)]
    common = {"strengths": strengths, "folds": settings.n_folds, "epochs": settings.epochs}
    common |= {"loss": "sparse_categorical_crossentropy", "batch_size": settings.batch_size}
    common |= {"optimizer": ProximalAdam(1e-3), "n_jobs": n_jobs, "verbose": 0}
    # Without it there would be as many chunks as processes, and two programs to compare.
    return lambda: cross_validate(model, x, y, chunk_size=settings.n_strengths, **common)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    methods = {ONE: with_processes(1, settings), TWO: with_processes(2, settings)}
    name = f"{settings.n_folds} × {settings.n_strengths} networks, {settings.epochs} epochs"
    times = interleaved(name, methods, settings.repetitions, track=track)
    tables = {"times": times, "per_call": summary(times, ONE)}
    return Outcome(tables, {"speed_processes": draw(times, tables["per_call"])})


def draw(times, calls):
    with style():
        fig = Figure(figsize=(9, 3.2), layout="constrained")
        ax = fig.add_subplot()
        draw_times(ax, times, 1, "seconds a call")
        first = ", ".join(
            f"{row.method} {row.first_call_seconds:.3g} s" for row in calls.itertuples()
        )
        ax.set_title(f"{calls['row'].iloc[0]}; first call: {first}")
        return fig
