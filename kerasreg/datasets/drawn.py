"""The data of three teaching texts on L1 and L2, drawn as their programs draw them.

The lecture teaches logistic regression from scratch, the article regularization with scikit-learn
and Keras, the note linear regression from scratch, dropout and early stopping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasreg.arguments import seed_number, whole_number


@dataclass(frozen=True)
class SparseLogistic:
    """A draw of the lecture's sparse logistic data, float64 (see `sparse_logistic`)."""

    x: np.ndarray
    y: np.ndarray
    true_weights: np.ndarray
    initial_weights: np.ndarray
    x_held_out: np.ndarray
    y_held_out: np.ndarray


@dataclass(frozen=True)
class ArticleRegression:
    """The article's regression data, float64 (see `article_regression`)."""

    x: np.ndarray
    y: np.ndarray
    true_weights: np.ndarray


@dataclass(frozen=True)
class NoteLine:
    """The note's line with noise, float64 (see `note_line`)."""

    x: np.ndarray
    y: np.ndarray
    initial_weights: np.ndarray
    second_initial_weights: np.ndarray


def sparse_logistic(
    n_samples: int = 50, n_features: int = 50, seed: int = 0, *, n_held_out: int = 2000
) -> SparseLogistic:
    """The lecture's classification data, in which three columns matter.

        X ~ U(−5, 5),  w = (1, ½, −½, 0, …, 0),  y = round(σ(Xw + ½·N(0, 1)))

    Rounding makes y = 1 exactly where Xw + ½·N(0, 1) > 0: the scale of w is not in the labels.
    The best logistic weights on endless data are about 3.6·w, so only the direction of fitted
    weights can be compared with the true ones.

    Args:
        n_samples: Rows to fit, >= 1. The lecture has 50.
        n_features: Columns, >= 3. The lecture has 50; more than `n_samples` is wide data.
        seed: Seed of everything drawn, an int >= 0.
        n_held_out: Further rows of the same kind, >= 1.

    Returns:
        A `SparseLogistic`: `x` `(n_samples, n_features)`, `y` `(n_samples,)` of 0.0 and 1.0,
        `true_weights` and `initial_weights` `(n_features,)`, the latter N(0, 1)/√n_features as
        the lecture draws them, and the held-out sample `x_held_out`, `y_held_out`.

    Raises:
        ValueError: If a number is out of range.

    Example:

    >>> data = kerasreg.datasets.sparse_logistic(n_samples=50, n_features=200)
    >>> data.x.shape, data.x_held_out.shape
    ((50, 200), (2000, 200))
    """
    whole_number("n_samples", n_samples, minimum=1)
    whole_number("n_features", n_features, minimum=3)
    seed_number("seed", seed)
    whole_number("n_held_out", n_held_out, minimum=1)
    random = np.random.default_rng(seed)
    true_weights = np.concatenate([[1.0, 0.5, -0.5], np.zeros(n_features - 3)])

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = random.uniform(-5, 5, (n, n_features))
        return x, (x @ true_weights + 0.5 * random.normal(size=n) > 0).astype(np.float64)

    x, y = draw(n_samples)
    initial_weights = random.normal(size=n_features) / np.sqrt(n_features)
    return SparseLogistic(x, y, true_weights, initial_weights, *draw(n_held_out))


def article_regression() -> ArticleRegression:
    """The article's regression: `make_regression(n_samples=100, n_features=10, random_state=42)`.

    There is no noise, and all ten features have an effect: nothing to select, nothing to
    overfit.

    Returns:
        An `ArticleRegression`: `x` `(100, 10)`, `y` `(100,)`, `true_weights` `(10,)`.

    Example:

    >>> data = kerasreg.datasets.article_regression()
    >>> bool(np.allclose(data.x @ data.true_weights, data.y))
    True
    """
    from sklearn.datasets import make_regression

    return ArticleRegression(
        *make_regression(n_samples=100, n_features=10, random_state=42, coef=True)
    )


def note_line() -> NoteLine:
    """The note's data: y = 4 + 3x + N(0, 1) at 100 points x ~ 2·U(0, 1).

    Drawn as the note does after `np.random.seed(0)`: x, the noise, then the two initial weights
    of its descents, first the lasso's.

    Returns:
        A `NoteLine`: `x` `(100, 1)`, `y` `(100,)`, `initial_weights` and
        `second_initial_weights`, each (bias, slope).

    Example:

    >>> kerasreg.datasets.note_line().y[:2].round(3)
    array([6.128, 9.192])
    """
    random = np.random.RandomState(0)
    x = 2 * random.rand(100, 1)
    y = 4 + 3 * x + random.randn(100, 1)
    return NoteLine(x, y[:, 0], random.randn(2, 1)[:, 0], random.randn(2, 1)[:, 0])
