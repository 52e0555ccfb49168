"""What L1 and L2 cost to compute, with the matrix algebra that only L2 has, and without it.

A linear model, 1/n·‖y − Xw‖² + λ‖w‖₁ or + λ‖w‖², Keras's scale: scikit-learn's Lasso has α = λ/2,
its Ridge α = n·λ. L2 by its closed form (Cholesky factors for one strength; for a path of 100 one
eigendecomposition), L1 by scikit-learn's coordinate descent, and both by the same accelerated
proximal gradient steps (FISTA) in NumPy, and in Keras with ProximalSGD. Every solution is within
1e-5 of the minimum, as a share of the objective at w = 0, which a duality gap proves. The solvers
run in turn on the same data, on one core, and seconds are processor time: synthetic columns that
correlate by ½, of growing number or length, the line of the note, and four real data sets. One
strength is λ_max/10, where λ_max is the least that makes all of L1's weights zero; a path goes
from λ_max to λ_max/100.
"""

from dataclasses import dataclass

import pandas as pd
from threadpoolctl import threadpool_limits

from experiments.outcome import Outcome, no_progress
from experiments.solve_cost.by_keras import in_keras
from experiments.solve_cost.figures import draw_ratios, draw_times
from experiments.solve_cost.findings import findings as findings
from experiments.solve_cost.measures import (
    NOTE,
    SYNTHETIC,
    by_strength,
    compared,
    equal_steps,
    load,
)

QUESTION = "Does L1 cost more to compute than L2, and why?"
SYSTEMS = ("S16",)
CLAIMS = ("C18",)
TIMED = ("solutions.seconds", "strengths.seconds", "steps.seconds", "keras.seconds")
KEYS = ("data", "n_samples", "n_features", "seed")


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the data, or of their split
    shapes: tuple[tuple[int, int], ...] = (
        *((n, 100) for n in (100, 250, 600, 2000, 10_000)),
        *((600, d) for d in (10, 30, 300, 600)),
        *((200, d) for d in (200, 600, 2000)),
    )
    real: tuple[str, ...] = (NOTE, "diabetes", "wine", "breast_cancer", "digits")
    n_strengths: int = 100
    ratio: float = 0.01  # of the path's smallest and largest strength
    wide: tuple[tuple[int, int], ...] = ((10_000, 100), (600, 600), (200, 10_000))
    shares: tuple[float, ...] = (0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05)  # of λ_max, on these
    keras_data: str = "diabetes"
    keras_steps: int = 200
    keras_repetitions: int = 3


QUICK = Settings(
    seeds=(0, 1),
    shapes=((100, 20), (100, 60), (300, 60), (50, 200)),
    real=(NOTE, "diabetes"),
    n_strengths=10,
    wide=((50, 500),),
    shares=(0.5, 0.1),
    keras_steps=20,
    keras_repetitions=1,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    del log_dir  # hundreds of models at once have no curves to watch
    cases: list[tuple] = [(SYNTHETIC, shape) for shape in settings.shapes]
    cases += [(name, None) for name in settings.real]
    solutions, strengths, steps = [], [], []
    with threadpool_limits(1):
        x, y = load(SYNTHETIC, (50, 10), 0)
        list(compared(x, y, 0, ratio=0.1, n_strengths=2))  # what the first call does once
        for seed in track(settings.seeds, "seeds"):
            for name, shape in cases:
                x, y = load(name, shape, seed)
                key = dict(zip(KEYS, (name, *x.shape, seed), strict=True))
                found = compared(x, y, seed, settings.ratio, settings.n_strengths)
                solutions += [key | row for row in found]
                steps += [key | row for row in equal_steps(x, y, seed)]
            for shape in settings.wide:
                key = dict(zip(KEYS, (SYNTHETIC, *shape, seed), strict=True))
                x, y = load(SYNTHETIC, shape, seed)
                strengths += [key | row for row in by_strength(x, y, settings.shares)]
    tables = {"solutions": pd.DataFrame(solutions), "strengths": pd.DataFrame(strengths)}
    tables["steps"] = pd.DataFrame(steps)
    x, y = load(settings.keras_data, None, 0)
    tables["keras"] = in_keras(x, y, settings, track)
    figures = {"times": draw_times(tables["solutions"]), "ratios": draw_ratios(tables)}
    return Outcome(tables, figures)
