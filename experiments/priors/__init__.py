"""Penalties as priors: which prior, how wide, and what the posterior believes beside its mode.

For ten objectives that the texts and their programs minimize, logistic regression on breast cancer
(a column of ones and ten means) and linear regression on diabetes, 20 times 80 % of the rows: the
minimum that scikit-learn finds, the width of the prior that its weights reveal (the slope of the
log likelihood at the minimum is w/variance under a Gaussian prior and sign(w)/b under a Laplace
prior), the width by formula, and the mode of that posterior by scipy's optimizer (`scales`). A
squared error is a likelihood only together with the noise, here the residual variance σ² of least
squares. Then samples from the posterior of diabetes (`posteriors`): five chains of the Gibbs
sampler of the Bayesian lasso for the Laplace prior, direct draws for a Gaussian prior of the same
variance and for a flat one, which is least squares. `check` compares the sampler with an integral
in one dimension, `keras` the mode with a model trained with Keras's regularizers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from experiments.outcome import Outcome, no_progress
from experiments.priors.by_keras import in_keras
from experiments.priors.figures import draw
from experiments.priors.findings import findings as findings
from experiments.priors.gibbs import check
from experiments.priors.objectives import OBJECTIVES, Sample
from experiments.priors.posterior import histograms, posteriors
from experiments.priors.scales import scales

QUESTION = "Which prior is a penalty, and does one who minimizes it believe in zeros?"
SYSTEMS = ("S7",)
CLAIMS = ("C11",)


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the rows that are left out, and of the chains
    strength: float = 0.1  # of L1 in Keras, for the samples: mean squared error + λ·‖w‖₁
    chains: int = 5
    draws: int = 2000
    burn_in: int = 300
    keras_steps: int = 1500


QUICK = Settings(seeds=(0, 1), draws=200, burn_in=50, keras_steps=300)


@threadpool_limits.wrap(limits=1)  # small matrices: threads would wait for one another
def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    rows = []
    for seed in track(settings.seeds, "seeds"):
        samples = {name: Sample.drawn(name, seed) for name in ("breast cancer", "diabetes")}
        rows += [{"seed": seed} | scales(each, samples[each.data]) for each in OBJECTIVES]
    diabetes = [Sample.drawn("diabetes", seed) for seed in settings.seeds]
    summary, weights, draws = posteriors(diabetes, settings)
    tables = {
        "scales": pd.DataFrame(rows),
        "posteriors": pd.DataFrame(summary),
        "weights": pd.DataFrame(weights),
        "histograms": pd.DataFrame(histograms(draws, diabetes[0].names)),
        "check": pd.DataFrame(check(diabetes[0], settings)),
        "keras": pd.DataFrame(in_keras(diabetes[0], settings, log_dir)),
    }
    tables = {name: table.map(shortened) for name, table in tables.items()}
    return Outcome(tables, {"priors": draw(tables)})


def shortened(cell):
    """A float with five digits."""
    return float(f"{cell:.5g}") if isinstance(cell, float | np.floating) else cell
