"""Lines through the note's data, with an L1 or an L2 penalty.

Lasso and ridge by the note's descents (1000 steps of 0.01 with the bias penalized) beside the exact
minimum of the same objective, and beside the one with a free bias, which is what Keras has with a
`kernel_regularizer`: at the note's λ = 0.1, for several strengths, and for 20 further draws of the
noise. All strengths are Keras's and the note's: mean squared error + λ·(sum of moduli or squares).
scikit-learn's `Lasso` has λ / 2 for it, its `Ridge` λ·rows. Keras's models are trained for all
strengths at once, by SGD and, for L1, by kerasreg's proximal SGD too.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.regression_line.figures import draw
from experiments.regression_line.findings import findings as findings
from experiments.regression_line.fits import by_keras, compare_known, lines, note, redrawn

QUESTION = "What does a penalty do to a line, and what to a bias that it should leave alone?"
SYSTEMS = ("S13", "S16")
CLAIMS = ("C1",)


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of further draws of the noise
    strengths: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0)  # the note's is 0.1
    rate: float = 0.01
    steps: int = 1000
    keras_rate: float = 0.1
    keras_steps: int = 600  # the slowest error shrinks by 3 % a step: to 1e-8


QUICK = Settings(seeds=(0, 1), strengths=(0.1, 3.0), keras_steps=100)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    del log_dir  # the models of a grid have no event files
    data = {"note": note()} | {f"noise {seed}": redrawn(seed) for seed in settings.seeds}
    parts = {name: lines(each, settings) for name, each in track(data.items(), "draws")}
    table = pd.concat(parts, names=["data"]).reset_index(level="data").reset_index(drop=True)
    x, y = data["note"].x[:, 0], data["note"].y
    tables = {
        "lines": table,
        "known_numbers": compare_known(data["note"], settings),
        "keras": by_keras(data["note"], settings),
        "points": pd.DataFrame({"x": x, "y": y}),
        "strength_max": pd.DataFrame(
            [
                (name, 2 * abs(np.mean((each.x[:, 0] - each.x.mean()) * (each.y - each.y.mean()))))
                for name, each in data.items()
            ],
            columns=["data", "strength_max"],  # from which on L1 with a free bias leaves no slope
        ),
    }
    return Outcome(tables, {"regression_line": draw(tables)})
