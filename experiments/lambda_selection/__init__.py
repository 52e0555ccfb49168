"""How much penalty: what cross-validation chooses, and what another λ costs.

L1 and L2 for a linear and a logistic unit, each on data with many rows and on data with few. For
20 random splits 5-fold cross-validation chooses λ by two rules; models trained on all training
rows say what each choice, no penalty, a fixed λ and the best λ in hindsight reach on test data,
and how norm, degrees of freedom and sensitivity to noise fall with λ. λ is Keras's, of the mean
loss. Without a penalty the logistic loss of separable rows has no minimum: λ = 0 is then where the
same steps end. `precision` bounds how far the models of the first split are above their minima; at
the smallest λ the steps end short of them, which flatters small λ on few rows.
"""

from dataclasses import dataclass, field

import pandas as pd

from experiments.lambda_selection.choices import choices, cross_validated, redraws
from experiments.lambda_selection.data import Problem
from experiments.lambda_selection.figures import draw
from experiments.lambda_selection.findings import findings as findings
from experiments.lambda_selection.grids import Task
from experiments.lambda_selection.measures import measured, precision
from experiments.outcome import Outcome, no_progress

QUESTION = "Which λ, and what does it cost to choose wrongly?"
SYSTEMS = ("S12", "S14")
CLAIMS = ("C2", "C10", "C21", "C22", "C30", "C32", "C35", "C44", "C45")

# Steps and momentum that end within 1 % of the minimum from about λ = 0.007 on: see `precision`.
PROBLEMS = {
    "diabetes, 300 rows": Problem("diabetes", rows=300, steps=240, momentum=0.9),
    "diabetes, 60 rows, 45 products": Problem(
        "diabetes", rows=60, steps=600, momentum=0.98, products=True, few=True
    ),
    "tumours, 300 rows": Problem("breast_cancer", rows=300, steps=600, momentum=0.97),
    "tumours, 40 rows": Problem("breast_cancer", rows=40, steps=800, momentum=0.95, few=True),
}


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the split, its folds and the noise
    problems: dict[str, Problem] = field(default_factory=lambda: PROBLEMS)
    n_folds: int = 5
    redraws: int = 4  # of the folds of the first split
    # By penalty, the exponents of the first and the last power of ten. The last leaves nothing.
    decades: dict[str, tuple[float, float]] = field(
        default_factory=lambda: {"l1": (-3.0, 0.375), "l2": (-3.5, 2.5)}
    )
    per_decade: int = 6
    share_of_steps: float = 1.0
    jit_compile: bool = True


QUICK = Settings(
    seeds=(0, 1),
    redraws=1,
    problems={name: PROBLEMS[name] for name in list(PROBLEMS)[1:3]},
    decades={"l1": (-3.0, 0.0), "l2": (-3.0, 1.0)},
    per_decade=1,
    share_of_steps=0.02,
    jit_compile=False,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    paths, fits, gaps = {}, {}, {}
    cases = [(name, penalty) for name in settings.problems for penalty in settings.decades]
    tasks = {name: Task(problem, settings) for name, problem in settings.problems.items()}
    for name, penalty in track(cases, "problems"):
        task = tasks[name]
        logs = log_dir and f"{log_dir}/{name}-{penalty}".replace(", ", "-").replace(" ", "-")
        found = task.cross_validate(penalty, logs and f"{logs}/folds")
        paths[name, penalty] = cross_validated(found, settings, task.drawn)
        trained = task.train_on_all(penalty, logs and f"{logs}/all-rows")
        fits[name, penalty] = measured(task, penalty, trained)
        gaps[name, penalty] = precision(task, trained)
    keys = ["problem", "penalty"]
    about = [(name, p.rows, p.few, p.is_logistic) for name, p in settings.problems.items()]
    tables = {
        name: pd.concat(parts, names=keys).reset_index(keys).reset_index(drop=True)
        for name, parts in (("paths", paths), ("fits", fits), ("precision", gaps))
    }
    tables["problems"] = pd.DataFrame(about, columns=["problem", "rows", "few", "is_logistic"])
    tables |= {"choices": choices(tables), "redraws": redraws(tables["paths"])}
    return Outcome(tables, draw(tables))
