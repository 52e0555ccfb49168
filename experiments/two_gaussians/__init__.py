"""L2 logistic regression on two Gaussian clouds, as the lecture teaches it.

Gradient ascent on the log-likelihood, from random weights, for the lecture's 100 steps and on to
100,000, with the penalty and without: does the norm of the weights grow for ever, does the computer
mind, and which λ predicts fresh points best? The steps follow the *sum* of the losses, w ← w +
rate·(Σᵢ(yᵢ − pᵢ)·xᵢ − λ·w), bias included. Keras has the mean loss + strength·‖w‖², where the same
step is rate·rows with `L2(λ / (2·rows))`; one run is repeated with it. A rate of 0.1 on the sum is
large: the first step overshoots, to weights of a length that the random start decides, and from
there the data hardly pull any more. So steps of 0.1 on the mean loss are shown beside them, and as
real data 50 of the breast tumours, whose two classes a plane in their 30 columns always parts. The
100 rows, the unit variances and the standard normal initial weights are our choice.
"""

from dataclasses import dataclass

import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.two_gaussians.ascent import ascend, in_keras, recorded_steps
from experiments.two_gaussians.best_weights import fits_of_many, is_separable, margins
from experiments.two_gaussians.data import clouds, tumours
from experiments.two_gaussians.figures import draw_growth, draw_limits
from experiments.two_gaussians.findings import findings as findings
from experiments.two_gaussians.measures import (
    curves,
    held_out_losses,
    points,
    printed,
)
from experiments.two_gaussians.precision import costs_by_norm, failures

QUESTION = "What does L2 do for logistic weights that nothing else would stop?"
SYSTEMS = ("S2",)
CLAIMS = ("C7", "C8", "C9", "C33", "C42", "C43", "C44")


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the points, the split and the initial weights
    rows: int = 100
    tumour_rows: int = 50
    rate: float = 0.1  # on the sum of the losses, and on their mean
    tumour_rate: float = 0.3  # on the mean; from about 0.5 on it overshoots
    strength: float = 0.1  # the lecture's λ
    taught_steps: int = 100
    steps: int = 100_000
    tumour_steps: int = 20_000
    fresh_rows: int = 40_000  # of the clouds, to test on
    many_rows: int = 100_000  # data that cover the clouds completely
    row_counts: tuple[int, ...] = (20, 50, 100, 200, 500, 1000, 2000)
    samples: int = 100  # of each of these counts
    per_decade: int = 3  # strengths, from 1e-4 to 1e3
    jit_compile: bool = True


QUICK = Settings(
    seeds=(0, 1),
    steps=1000,
    tumour_steps=200,
    fresh_rows=1000,
    many_rows=5000,
    row_counts=(20, 100, 1000),
    samples=5,
    per_decade=1,
    jit_compile=False,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    seeds, n = settings.seeds, settings.rows
    data = {
        "clouds": clouds(seeds, n, settings.fresh_rows),
        "tumours": [tumours(seed, settings.tumour_rows) for seed in seeds],
    }
    cases = [  # data, the loss that the rate is for, the rate on the sum, steps
        ("clouds", "sum", settings.rate, settings.steps),
        ("clouds", "mean", settings.rate / n, settings.steps),
        ("tumours", "mean", settings.tumour_rate / settings.tumour_rows, settings.tumour_steps),
    ]
    parts, paths = [], {}
    for name, loss, rate, last in track(cases, "runs"):
        steps = recorded_steps(last)
        path = paths[name, loss] = ascend(data[name], rate, settings, steps)
        parts.append(curves(path, (name, loss), seeds, steps))
    taught = paths["clouds", "sum"]  # (penalties, seeds, recorded steps, weights)
    at_100 = taught[:, 0, recorded_steps(settings.steps).index(settings.taught_steps)]
    tables = {"runs": pd.concat(parts, ignore_index=True)}
    tables |= {
        "samples": margins(data, seeds),
        "printed": printed(data["clouds"][0], settings),
        "points": points(data["clouds"][0]),
        "separable": is_separable(settings),
        "many_rows": fits_of_many(settings),
        "strengths": held_out_losses(data, settings, track),
        "failures": failures(data["clouds"], taught[0, :, -1], seeds),
        "costs_by_norm": costs_by_norm(data["clouds"][0], taught[0, 0, -1]),
        "keras": in_keras(data["clouds"][0], at_100, settings, log_dir),
    }
    figures = {
        "two_gaussians_growth": draw_growth(tables),
        "two_gaussians_limits": draw_limits(tables),
    }
    return Outcome(tables, figures)
