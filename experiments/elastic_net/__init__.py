"""Elastic net between L1 and L2.

Where columns are near copies of one another L1 keeps some and drops the rest, L2 keeps them all,
and elastic net has both. Zou & Hastie's fourth example (2005, section 5: three groups of five
columns at a correlation of 0.99, 25 columns of noise, 50 rows) and halves of the diabetes data,
where the cholesterols s1 and s2 are correlated at 0.9. From L1 (ratio 1) over elastic net to L2
(ratio 0) and no penalty, each at the strength of least validation error, solved by scikit-learn;
Keras's `l1_l2` with `ProximalSGD` finds the same weights with l1 = 2·α·ratio, l2 = α·(1 − ratio).
Beside it the paper's own elastic net, which rescales the weights.
"""

from dataclasses import dataclass

import pandas as pd

from experiments.elastic_net.by_keras import parity
from experiments.elastic_net.data import grouped, half
from experiments.elastic_net.figures import draw
from experiments.elastic_net.findings import findings as findings
from experiments.elastic_net.measures import features, measured, stability
from experiments.outcome import Outcome, no_progress

QUESTION = "Does elastic net keep what belongs together, where L1 picks one?"
SYSTEMS = ("S5",)
CLAIMS = ("C36",)


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the drawn data, and of the halves
    ratios: tuple[float, ...] = (1.0, 0.99, 0.95, 0.75, 0.5, 0.25, 0.0)  # share of L1
    strengths: int = 20  # over three decades
    least: float = 1e-3  # of the largest strength
    train_rows: int = 50  # as many to choose the strength
    test_rows: int = 400
    folds: int = 5  # of half of the patients
    keras_ratio: float = 0.5
    keras_strengths: int = 8
    keras_halves: int = 3
    keras_steps: int = 800


QUICK = Settings(
    seeds=(0, 1),
    ratios=(1.0, 0.5, 0.0),
    strengths=8,
    keras_strengths=2,
    keras_halves=1,
    keras_steps=100,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    runs, weights = [], []
    for seed in track(settings.seeds, "seeds"):
        for data, draw_sample in (("groups", grouped), ("diabetes", half)):
            sample = draw_sample(seed, settings)
            for row, kept in measured(data, seed, sample, settings):
                runs.append(row)
                weights += [] if kept is None else [kept]
    tables = {"runs": pd.DataFrame(runs)}
    every = pd.concat(weights, ignore_index=True)
    tables |= {"features": features(every), "stability": stability(every)}
    tables["keras"] = parity(settings, log_dir and f"{log_dir}/keras")
    return Outcome(tables, {"elastic_net": draw(tables)})
