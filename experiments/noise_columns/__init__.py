"""Columns of pure noise in a regression, from few columns to four times as many as rows.

100 rows, whose ten real columns get ever more columns of noise: 100 diabetes patients (342 are held
out), and data drawn with four strong and six weak columns in little noise ("strong signal") and in
much ("weak signal"); and data in which each of 400 columns matters a little. R² on training and
held-out rows of least squares (beyond D = N the solution of least norm), of the lasso with a fixed
strength, and of ridge and lasso with the strength that cross-validation finds (leaving out one row
at a time for ridge, a fifth of the rows for the lasso). Strengths are Keras's: mean squared error +
λ·‖w‖², or + λ·‖w‖₁, which is scikit-learn's Ridge(N·λ) or Lasso(λ/2); columns and targets have unit
variance, and the bias is free, so that least squares fits exactly from D = N − 1 on. Then one noise
column at a time (`one_more`), factors of growing weakness (`weak_factors`), new targets at the very
inputs of the training (`same_inputs`), data with many rows a column (`thin`), and one feature whose
range the data cover, on cosines of growing number (`covering`).
"""

from dataclasses import dataclass

import pandas as pd
from threadpoolctl import threadpool_limits

from experiments.noise_columns.by_keras import in_keras
from experiments.noise_columns.covering import covering
from experiments.noise_columns.data import PROBLEMS, drawn
from experiments.noise_columns.factors import one_more, thin, weak_factors
from experiments.noise_columns.figures import draw_sweep
from experiments.noise_columns.findings import findings as findings
from experiments.noise_columns.fits import same_inputs, sweep
from experiments.noise_columns.limit_figure import draw_limits
from experiments.outcome import Outcome, no_progress

QUESTION = "What do columns of noise do to a regression, and what does a penalty do about it?"
SYSTEMS = ("S6",)
CLAIMS = ("C5", "C6", "C14", "C25", "C31", "C40", "C41")


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the split, the columns and the noise
    rows: int = 100
    # Fits are exact from 99 columns on. The lasso takes longer than the rest and gets fewer.
    columns: tuple[int, ...] = (10, 20, 40, 70, 90, 99, 110, 140, 200, 400)
    lasso_columns: tuple[int, ...] = (10, 40, 99, 200, 400)
    fixed_l1: float = 0.1
    fixed_l2: float = 0.1
    keras_columns: int = 110
    keras_steps: int = 2000
    single_columns: int = 20  # added one at a time
    # Weights of the weak factors, in standard errors σ/√N of a weight of least squares.
    weak_sizes: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    thin_rows: int = 2000
    covering_rows: tuple[int, ...] = (100, 400, 1600)


QUICK = Settings(
    seeds=(0, 1),
    columns=(10, 40, 99, 200),
    lasso_columns=(10, 40, 99, 200),
    keras_steps=200,
    single_columns=3,
    weak_sizes=(0.5, 2.0),
    covering_rows=(100, 400),
)


@threadpool_limits.wrap(limits=1)  # small matrices: threads would wait for one another
def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    parts: dict[str, list[pd.DataFrame]] = {}
    for seed in track(settings.seeds, "seeds"):
        found: dict[str, list] = {"covering": covering(seed, settings)}
        for name, problem in PROBLEMS.items():
            data = drawn(problem, seed, settings)
            new = {"fits": sweep(data, settings)}
            if problem.noise:
                new["same_inputs"] = same_inputs(data, settings)
            if problem.has_noise_columns:
                new["one_more"] = one_more(data, settings)
                new["thin"] = thin(problem, seed, settings)
                new["weak_factors"] = weak_factors(problem, data, seed, settings)
            for table, rows in new.items():
                found.setdefault(table, []).extend({"problem": name} | row for row in rows)
        for table, rows in found.items():
            frame = pd.DataFrame(rows).assign(seed=seed)
            parts.setdefault(table, []).append(frame)
    tables = {name: pd.concat(some, ignore_index=True) for name, some in parts.items()}
    tables = {name: table.round(4 if name == "fits" else 6) for name, table in tables.items()}
    problems = [(name, settings.rows, problem.noise) for name, problem in PROBLEMS.items()]
    tables["problems"] = pd.DataFrame(problems, columns=["problem", "n_rows", "noise"])
    first = drawn(PROBLEMS["diabetes"], settings.seeds[0], settings)
    tables["keras"] = pd.DataFrame(in_keras(first, settings, log_dir))
    figures = {"noise_columns": draw_sweep(tables), "noise_columns_limits": draw_limits(tables)}
    return Outcome(tables, figures)
