"""L1 logistic regression by subgradient descent, as the lecture teaches it.

Its run, on its square data and on data with more columns than rows, beside the same steps in Keras
and scikit-learn's exact solution: where the descent really ends, which of the three true columns it
finds, what the printed cost says, and what the penalty does for unseen data.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.wide_logistic.figures import draw_costs, draw_weights
from experiments.wide_logistic.findings import findings as findings
from experiments.wide_logistic.measures import descent_measures, fit_measures, repeated, solved
from kerasreg import datasets, descent

QUESTION = "Does L1 with plain gradient descent find the few columns that matter?"
SYSTEMS = ("S1",)
CLAIMS = ("C1", "C4", "C6", "C12", "C46", "C47")


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the data; 95 % of them allow one exception
    keras_seeds: tuple[int, ...] = (0, 1, 2)  # few, for Keras repeats the same steps
    shapes: tuple[tuple[int, int], ...] = ((50, 50), (50, 200))  # the lecture's, square; and wide
    ample: tuple[int, int] = (400, 1600)  # as wide, with eight times the rows
    strengths: tuple[float, float] = (2.0, 10.0)  # the lecture's, as the steps and the rate
    steps: int = 5000
    learning_rate: float = 0.001


QUICK = Settings(seeds=(0, 1), keras_seeds=(0,), steps=500, ample=(100, 400))
KEYS = ["n_samples", "n_features", "seed", "penalty", "strength", "method"]


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    fits, descents, costs, weights = [], [], [], []
    pace: dict[str, Any] = {"learning_rate": settings.learning_rate, "steps": settings.steps}
    kept = np.unique(np.geomspace(1, settings.steps, 40).astype(int))
    for seed in track(settings.seeds, "seeds"):
        for n, d in settings.shapes:
            data = datasets.sparse_logistic(n, d, seed)
            x, y, start = data.x, data.y, data.initial_weights
            free = descent.logistic_l1_descent(x, y, 0.0, start, **pace)
            found = {("none", 0.0, "descent"): free.weights}
            for strength in settings.strengths:
                taught = descent.logistic_l1_descent(x, y, strength, start, **pace)
                solution = solved(data, "l1", strength)
                _, minimum = descent.logistic_costs(x, y, solution, strength)
                found["l1", strength, "descent"] = taught.weights
                found["l1", strength, "exact"] = solution
                found["l2", strength, "exact"] = solved(data, "l2", strength)
                step = settings.learning_rate * strength
                row = {"n_features": d, "strength": strength, "seed": seed, "minimum": minimum / n}
                row |= descent_measures(taught, solution, minimum, step)
                if n == d and seed in settings.keras_seeds:  # the lecture's shape
                    logs = log_dir and f"{log_dir}/strength-{strength:g}-seed-{seed}"
                    in_keras = repeated(data, strength, settings, logs)
                    found["l1", strength, "Keras"] = in_keras
                    row["keras_difference"] = np.abs(in_keras - taught.weights).max()
                descents.append(row)
                if (d, strength, seed) == (n, settings.strengths[-1], settings.seeds[0]):
                    null = np.flatnonzero(solution == 0)[:3]  # three that should come to rest
                    tail = pd.DataFrame(taught.path[-60:, null] / step, columns=null)
                    tail.insert(0, "step", range(settings.steps - 59, settings.steps + 1))
                for i in kept:
                    pair = taught.printed_cost[i], taught.followed_cost[i] / n
                    costs.append((d, strength, seed, i, *np.round(pair, 5)))
            for key, w in found.items():
                fits.append((n, d, seed, *key, *fit_measures(w, data).values()))
                if seed == settings.seeds[0] and key[0] == "l1":
                    rows = zip(range(d), data.true_weights, w, strict=True)
                    weights += [(d, *key[1:], *row) for row in rows]
        data = datasets.sparse_logistic(*settings.ample, seed)
        # The noise of the gradient, which the strength has to exceed, grows as the root of n.
        strength = settings.strengths[-1] * np.sqrt(settings.ample[0] / settings.shapes[0][0])
        measures = fit_measures(solved(data, "l1", strength), data)
        fits.append((*settings.ample, seed, "l1", strength, "exact", *measures.values()))
    tables = {
        "fits": pd.DataFrame(fits, columns=[*KEYS, *measures]),
        "descents": pd.DataFrame(descents),
        "costs": pd.DataFrame(
            costs, columns=["n_features", "strength", "seed", "step", "printed", "followed"]
        ),
        "rattling": tail.melt("step", var_name="feature", value_name="value_in_steps"),
        "weights": pd.DataFrame(
            weights, columns=["n_features", "strength", "method", "feature", "true", "value"]
        ),
    }
    figures = {"wide_logistic_weights": draw_weights(tables["weights"], tables["fits"])}
    figures["wide_logistic_costs"] = draw_costs(tables)
    return Outcome(tables, figures)
