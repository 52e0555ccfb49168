"""The data of `two_gaussians`: two clouds, and real tumours."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from kerasreg import datasets

CENTRE = 2.0  # of the cloud of class 1, in both coordinates; that of class 0 is opposite
BAYES = np.array([0.0, 2 * CENTRE, 2 * CENTRE])  # the log-odds of unit-variance clouds, bias first
N_TUMOURS = 569
FRESH_SEED = 1_000_000  # far from those of the samples


@dataclass(frozen=True)
class Sample:
    """Rows (1, x), times −1 where the class is 0, so that z·w > 0 is right for either class.

    The loss of a row, its negative log-likelihood, is then log(1 + exp(−z·w)).
    """

    z: np.ndarray
    z_fresh: np.ndarray
    initial_weights: np.ndarray


def clouds(seeds, rows, fresh_rows):
    """A sample for each seed; the fresh rows are the same for all, so that losses compare."""
    fresh = cloud_rows(np.random.default_rng(FRESH_SEED), fresh_rows)
    random = [np.random.default_rng(seed) for seed in seeds]
    return [Sample(cloud_rows(each, rows), fresh, each.normal(size=3)) for each in random]


def cloud_rows(random, rows):
    """Half of the rows from each cloud. Seen from its own side, either cloud looks the same."""
    side = np.repeat([1.0, -1.0], [rows - rows // 2, rows // 2])[:, None]
    x = random.normal(size=(rows, 2)) + CENTRE * side
    return signed(x, side)


def tumours(seed, rows):
    """Standardized measurements; the tumours that are not trained on are the fresh ones."""
    few = 0.01  # `datasets` wants a validation part; a small one joins the test
    test = (N_TUMOURS - rows - round(few * N_TUMOURS)) / N_TUMOURS
    data = datasets.breast_cancer(validation=few, test=test, seed=seed)
    fresh = np.concatenate([data.x_validation, data.x_test])
    y_fresh = np.concatenate([data.y_validation, data.y_test])
    random = np.random.default_rng(seed)
    return Sample(
        signed(data.x_train.astype(float), 2.0 * data.y_train[:, None] - 1),
        signed(fresh.astype(float), 2.0 * y_fresh[:, None] - 1),
        random.normal(size=1 + fresh.shape[1]),
    )


def signed(x, side):
    return side * np.column_stack([np.ones(len(x)), x])


def widest(z):
    """The shortest weights with z·w ≥ 1 in all rows: 1 / their length is the margin.

    NaN where there are none, which is where no plane parts the classes. Least distance programming
    by non-negative least squares (Lawson & Hanson, Solving Least Squares Problems, chapter 23).
    """
    rows = np.vstack([z.T, np.ones(len(z))])
    target = np.append(np.zeros(z.shape[1]), 1.0)
    multipliers, distance = nnls(rows, target)
    if distance < 1e-9:
        return np.full(z.shape[1], np.nan)
    rest = rows @ multipliers - target
    return -rest[:-1] / rest[-1]
