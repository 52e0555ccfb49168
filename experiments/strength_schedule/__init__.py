"""Schedules of λ, by the callback in `fit`, against one that is constant, at equal shares of zeros.

From zero to λ over the first half (warm-up), zero for the first half (late), from four λ down to λ
over the first half (annealed), and zero in the last quarter (released), the only one that does not
end at λ. On few digits, networks under L1 and under group lasso (of pixels and of hidden units); on
a linear regression whose other columns are noise, L1, which is convex, and MCP, which is not. All
strengths, seeds and penalties are members of one model that nothing connects, trained by `fit` with
`StrengthSchedule`; ordinary networks beside it end in the same weights. Accuracies at equal shares
of zeros are read off between two strengths of the same seed.
"""

from dataclasses import dataclass, field

import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.strength_schedule.by_keras import ordinary
from experiments.strength_schedule.data import networks, regressions
from experiments.strength_schedule.figures import draw_gains, draw_prices, draw_schedules
from experiments.strength_schedule.measures import equal_zeros, measured, minima, summary
from experiments.strength_schedule.members import Members
from experiments.strength_schedule.plan import schedules
from experiments.strength_schedule.verdicts import verdicts

QUESTION = "Does it help to change λ during training?"
SYSTEMS: tuple[str, ...] = ()
CLAIMS: tuple[str, ...] = ()

#: By data and penalty, up to where the model begins to fail; as many for both penalties.
STRENGTHS: dict[str, dict[str, tuple[float, ...]]] = {
    "digits": {
        "l1": (5e-4, 1e-3, 2e-3, 3e-3, 6e-3, 1.2e-2),
        "group_lasso": (5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 8e-3),
    },
    "regression": {
        "l1": (0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9),
        "mcp": (0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9),
    },
}


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the data and the initial weights
    regressions: int = 4  # for each of the seeds, with seeds of their own
    strengths: dict = field(default_factory=lambda: STRENGTHS)
    n_train: int = 100  # digits, of 1797; 1079 are for the test
    units: int = 16
    n_rows: int = 60  # of the regression
    n_columns: int = 40
    n_true: int = 8
    correlation: float = 0.7  # of neighbouring columns
    epochs: int = 12
    # Few long epochs are faster. By data: so many that the convex problem is at its minimum.
    steps: tuple[int, int] = (16, 32)
    learning_rates: tuple[float, float] = (0.03, 0.1)


QUICK = Settings(
    seeds=(0, 1),
    strengths={
        "digits": {"l1": (1e-3, 8e-3), "group_lasso": (1e-3, 4e-3)},
        "regression": {"l1": (0.2, 0.7), "mcp": (0.2, 0.7)},
    },
    n_train=50,
    regressions=1,
    units=4,
    epochs=4,
    steps=(2, 2),
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    plan, runs, tables = schedules(settings.epochs), [], {}
    both = {"digits": networks(settings), "regression": regressions(settings)}
    for name, data in track(both.items(), "data"):
        members = Members(data, settings.strengths[name], settings)
        trained = members.fit(plan)
        runs += [measured(members, trained[some], name, some) for some in plan]
        if members.classifies:
            found = ordinary(members, plan, trained, settings, log_dir)
            tables["ordinary_models"], tables["curves"] = found
        else:
            tables["minima"] = minima(members, trained)
    tables["runs"] = pd.concat(runs, ignore_index=True)
    tables["summary"] = summary(tables["runs"])
    tables["equal_zeros"] = equal_zeros(tables["runs"])
    tables["verdicts"] = verdicts(tables)
    figures = {
        "schedules": draw_schedules(tables["curves"]),
        "prices": draw_prices(tables["runs"]),
        "gains": draw_gains(tables["equal_zeros"]),
    }
    return Outcome(tables, figures)
