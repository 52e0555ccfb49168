"""One problem, four solvers.

Lasso, ridge and elastic net by scikit-learn, by Keras's regularizers, by kerasreg's penalty and by
the note's NumPy descents, on the data of the article (S8) and the note (S16). The texts fix both,
so nothing varies with a seed. In double precision, what is left of a difference is the solver's.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn import linear_model

from experiments.linear_parity.figures import draw
from experiments.linear_parity.findings import findings as findings
from experiments.linear_parity.measures import (
    KEYS,
    added,
    compare_known,
    compare_solvers,
    middles,
    net,
)
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets, descent

QUESTION = "Do scikit-learn, Keras and plain NumPy find the same weights, and at which strength?"
SYSTEMS = ("S5", "S8", "S16")
CLAIMS = ("C13",)


@dataclass(frozen=True)
class Settings:
    learning_rate: float = 0.2  # of full-batch steps; they bear 0.45, 2 over S16's curvature
    steps: int = 600  # the slowest error, S16's, shrinks by 6 % a step: to 1e-16
    taught_steps: int = 1000  # S16 as taught, at a learning rate of 0.01: not converged


QUICK = Settings(steps=400)

# alpha is scikit-learn's; l1 and l2 are those of mean squared error + l1·‖w‖₁ + l2·‖w‖².
PROBLEMS = pd.DataFrame(
    [
        ("S8", "lasso", "Lasso", 0.1, 0.2, 0.0, "l1 = 2·alpha"),
        ("S8", "ridge", "Ridge", 0.1, 0.0, 0.001, "l2 = alpha/100 samples"),
        ("S8", "elastic net", "ElasticNet", 0.1, 0.1, 0.05, "l1 = 2·alpha/2, l2 = alpha·(1 − ½)"),
        ("S16", "lasso", "Lasso", 0.05, 0.1, 0.0, "l1 = 2·alpha"),
        ("S16", "ridge", "Ridge", 10.0, 0.0, 0.1, "l2 = alpha/100 samples"),
    ],
    columns=["system", "penalty", "estimator", "alpha", "l1", "l2", "conversion"],
)


def solve(problem, settings, log_dir):
    """Yields (stage, solver, weights with the bias first)."""
    l1, l2, name = problem.l1, problem.l2, f"{problem.system}-{problem.penalty}"
    free = problem.system == "S8"  # the bias, which the note penalizes as a column of ones
    data: Any = datasets.article_regression() if free else datasets.note_line()
    design = data.x if free else np.column_stack([np.ones(len(data.x)), data.x])
    start = np.zeros(11) if free else data.initial_weights
    start = data.second_initial_weights if name == "S16-ridge" else start
    stages = {"optimum": (settings.learning_rate, settings.steps, {"tol": 1e-13})}
    stages["taught"] = (0.01, settings.taught_steps, {})
    for stage, (rate, steps, precision) in stages.items():
        if free or stage == "optimum":
            fit = getattr(linear_model, problem.estimator)(problem.alpha, fit_intercept=free)
            fit.set_params(**precision).fit(design, data.y)
            yield stage, "scikit-learn", np.append([fit.intercept_] * free, fit.coef_)
        if free and stage == "taught":
            continue  # the article has no descent
        pace = {"learning_rate": rate, "steps": steps}
        descended = descent.elastic_net_descent(
            data.x, data.y, l1, l2, start, penalize_bias=not free, **pace
        )
        yield stage, "NumPy", descended.weights
        for solver, penalty in (
            ("Keras", keras.regularizers.L1L2(l1, l2)),
            ("kerasreg", net(l1, l2)),
        ):
            pace |= {"free_bias": free, "log_dir": log_dir and f"{log_dir}/{name}-{stage}-{solver}"}
            yield stage, solver, descent.keras_descent(design, data.y, penalty, start, **pace)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    rows = []
    for problem in track(list(PROBLEMS.itertuples()), "problems"):
        for stage, solver, weights in solve(problem, settings, log_dir):
            for i, weight in enumerate(weights):
                name = f"w{i}" if i else "bias"
                rows.append((problem.system, problem.penalty, stage, name, solver, weight))
    coefficients = pd.DataFrame(rows, columns=[*KEYS, "solver", "value"])
    tables = {"coefficients": coefficients, "differences": compare_solvers(coefficients)}
    tables |= {"known_numbers": compare_known(coefficients), "conversions": PROBLEMS}
    tables |= {"added": added(), "middles": middles()}
    return Outcome(tables, {"linear_parity": draw(coefficients, tables["differences"])})
