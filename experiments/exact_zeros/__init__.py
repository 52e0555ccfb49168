"""Seven roads to zero weights, for one L1 problem with a known solution and for a small network.

Keras's l1 under SGD and Adam, Ftrl, the factored weights of spred (arXiv 2210.01212), pruning by
magnitude, and the two proximal optimizers; L2 beside them. Which weights are exactly zero at the
end, how far the objective is from its minimum, what it costs, and what the weights that should
be zero do in the last steps."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.linear_model import Lasso

from experiments.exact_zeros.figures import draw
from experiments.exact_zeros.findings import findings as findings
from experiments.exact_zeros.logistic import steps_to_solution
from experiments.exact_zeros.roads import PROXIMAL, ROADS, Problem, Road
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets

QUESTION = "Which optimizer makes the zeros that L1 promises?"
SYSTEMS = ("S8", "S9")
CLAIMS = ("C1", "C4")
PROBLEMS = {
    "diabetes": Problem(
        units=(1,),
        loss="mean_squared_error",
        strength=0.2,  # scikit-learn's alpha = 0.1
        rates={"SGD": 0.1, "Adam": 0.01, "Ftrl": 1.0},
        epochs=6,
        copies=400,  # 6 epochs of 400 steps
    ),
    "digits": Problem(
        units=(64, 64, 10),
        loss="sparse_categorical_crossentropy",
        strength=1e-3,
        rates={"SGD": 0.1, "Adam": 2e-3, "Ftrl": 0.1},
        epochs=24,
        batch_size=32,
    ),
}
MICROSCOPE = ("subgradient SGD", "subgradient Adam", "proximal SGD", PROXIMAL)


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the split, the initial weights and the order
    problems: dict[str, Problem] = field(default_factory=lambda: PROBLEMS)
    roads: tuple[str, ...] = tuple(ROADS)
    last_steps: int = 60  # that the microscope shows
    logistic_steps: int = 60_000  # at most, on breast cancer


QUICK = Settings(
    seeds=(0, 1),
    roads=(*MICROSCOPE, "L2, Adam"),
    problems={
        "diabetes": replace(PROBLEMS["diabetes"], copies=50),
        "digits": replace(PROBLEMS["digits"], units=(16, 10), epochs=3),
    },
    last_steps=20,
    logistic_steps=300,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    runs, paths = [], []
    n_kept: dict[tuple, int] = {}
    # The road that says how many weights pruning may keep comes first.
    roads = sorted(settings.roads, key=lambda name: name != PROXIMAL)
    cases = [(dataset, road) for dataset in settings.problems for road in roads]
    for dataset, name in track(cases, "roads"):
        problem, road = settings.problems[dataset], None
        for seed in settings.seeds:
            data = getattr(datasets, dataset)(seed=seed)
            x, y = data.x_train, data.y_train
            road = road or Road(name, problem, x)  # one program for all seeds
            logs = log_dir and f"{log_dir}/{dataset}-{name}-{seed}"
            road.train(x, y, seed, n_kept.get((dataset, seed), 1), logs)
            row = {"dataset": dataset, "road": name, "seed": seed}
            row |= road.measures(data)
            n_kept.setdefault((dataset, seed), row["n_nonzero"])
            if dataset == "diabetes":
                weights = road.kernels()[0][:, 0]
                exact, minimum = lasso(x, y, problem.strength)
                row["excess"] = row["objective"] / minimum - 1
                row["right_share"] = np.mean((weights == 0) == (exact == 0))
                row["right_zeros"] = np.mean(weights[exact == 0] == 0)
                if name in MICROSCOPE:
                    null = road.last_steps(x, y, settings.last_steps, np.flatnonzero(exact == 0))
                    row["swing"] = np.abs(null).max()
                    row["share_at_zero"] = np.mean(null == 0)
                    if seed == settings.seeds[0]:
                        paths.append(tidy(null, name))
            runs.append(row)
    tables = {"roads": pd.DataFrame(runs), "last_steps": pd.concat(paths, ignore_index=True)}
    tables["logistic"] = steps_to_solution(settings.logistic_steps, track)
    return Outcome(tables, draw(tables))


def lasso(x, y, strength):
    """scikit-learn's weights, and the least objective; x and y have mean zero."""
    x, y = x.astype("float64"), y.astype("float64")
    weights = Lasso(strength / 2, tol=1e-12, max_iter=10**6, fit_intercept=False).fit(x, y).coef_
    return weights, np.mean((y - x @ weights) ** 2) + strength * np.abs(weights).sum()


def tidy(null, road):
    table = pd.DataFrame(null).rename_axis("step").reset_index()
    return table.melt("step", var_name="weight", value_name="in_steps").assign(road=road)
