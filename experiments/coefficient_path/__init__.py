"""How the weights move with the strength: diabetes, ten measurements, and a network for digits.

Paths of 100 strengths for L1, elastic net, MCP and L2 beside scikit-learn's, the order in which
L1's weights enter beside that of least angle regression (Efron, Hastie, Johnstone & Tibshirani,
2004, figures 1 and 3), and the same path for bootstrap resamples of the patients. Then what is left
of a network, and how well it reads, for L1, L2 and groups of units. Linear models are in double
precision, so that what is left of a difference is the solver's.
"""

from dataclasses import dataclass

import pandas as pd
from sklearn.datasets import load_diabetes

from experiments.coefficient_path.bands import draw_networks, draw_shrinking
from experiments.coefficient_path.figures import draw_lars, draw_paths
from experiments.coefficient_path.findings import findings as findings
from experiments.coefficient_path.lars import entries, knots, lasso_corners
from experiments.coefficient_path.measures import compared, differences, shrinkage
from experiments.coefficient_path.models import (
    PENALTIES,
    bootstrap,
    course,
    path,
    resampled_paths,
)
from experiments.coefficient_path.networks import NETWORKS, network_paths
from experiments.outcome import Outcome, no_progress

QUESTION = "How do the weights move as the penalty grows?"
SYSTEMS = ("S11",)
CLAIMS = ("C15", "C20")


@dataclass(frozen=True)
class Settings:
    n_strengths: int = 100  # of a path; with 3 decades a step of 7 %
    l2_strengths: int = 36  # of the resamples under L2, 5 a decade: its path is smooth
    steps: int = 800  # of Nesterov's momentum at rate 1/L, from zero, all patients in each
    resamples: int = 25  # of the patients, with replacement
    splits: tuple[int, ...] = (0, 1, 2)  # of the digits: a quarter is for the test
    seeds: tuple[int, ...] = (0, 1)  # of the network's initial weights
    networks: tuple[str, ...] = tuple(NETWORKS)
    network_strengths: int = 16  # 3 a decade
    hidden_units: int = 64
    epochs: int = 20
    jit_compile: bool = True


QUICK = Settings(
    n_strengths=10,
    l2_strengths=8,
    steps=100,
    resamples=2,
    splits=(0,),
    seeds=(0,),
    networks=("l1", "l2"),
    network_strengths=4,
    hidden_units=8,
    epochs=2,
    jit_compile=False,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    x, y = standardized_diabetes()
    coefficients, courses, shrunk = {}, {}, {}
    for penalty in track(list(PENALTIES), "paths"):
        grid = path(penalty, x, y, settings, log_dir and f"{log_dir}/path-{penalty}")
        coefficients[penalty] = compared(penalty, grid, x, y)
        courses[penalty] = course(grid, settings)
    tables = {"lasso_corners": lasso_corners(x, y)}
    rows = bootstrap(len(x), settings.resamples)
    for penalty in track(["l1", "l2"], "resamples"):
        logs = log_dir and f"{log_dir}/resamples-{penalty}"
        grid = resampled_paths(penalty, x, y, rows, settings, logs)
        shrunk[penalty] = shrinkage(grid)
        if penalty == "l1":
            tables["entries"] = entries(grid, rows, x, y)
    for name, parts in (
        ("coefficients", coefficients),
        ("convergence", courses),
        ("resamples", shrunk),
    ):
        table = pd.concat(parts, names=["penalty"]).reset_index("penalty")
        tables[name] = table.reset_index(drop=True)
    tables["differences"] = differences(tables["coefficients"], x, y)
    tables["knots"] = knots(tables["coefficients"], x, y)
    tables["networks"] = network_paths(settings, track, log_dir)
    drawn = {
        "paths": draw_paths(tables),
        "lars": draw_lars(tables),
        "shrinking": draw_shrinking(tables),
        "networks": draw_networks(tables["networks"]),
    }
    return Outcome(tables, drawn)


def standardized_diabetes():
    """442 patients; columns and target have mean 0 and standard deviation 1."""
    x, y = load_diabetes(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
