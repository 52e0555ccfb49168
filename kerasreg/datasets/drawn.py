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
    """A draw of the lecture's sparse logistic data, float64. See `sparse_logistic`.

    Args:
        x: Inputs to fit, shape `(n_samples, n_features)`.
        y: Their labels 0.0 or 1.0, shape `(n_samples,)`.
        true_weights: 1, ½, −½ and zeros, shape `(n_features,)`.
        initial_weights: Where the lecture starts, shape `(n_features,)`.
        x_held_out: Further inputs, shape `(n_held_out, n_features)`.
        y_held_out: Their labels, shape `(n_held_out,)`.

    Example:

    >>> data = kerasreg.datasets.sparse_logistic()
    >>> data.true_weights[:4].tolist()
    [1.0, 0.5, -0.5, 0.0]
    >>> data.x.shape, data.y_held_out.shape
    ((50, 50), (2000,))
    """

    x: np.ndarray
    y: np.ndarray
    true_weights: np.ndarray
    initial_weights: np.ndarray
    x_held_out: np.ndarray
    y_held_out: np.ndarray


@dataclass(frozen=True)
class ArticleRegression:
    """The article's regression data, float64. See `article_regression`.

    Args:
        x: Inputs, shape `(100, 10)`.
        y: Targets, shape `(100,)`.
        true_weights: The w of y = Xw, shape `(10,)`.

    Example:

    >>> data = kerasreg.datasets.article_regression()
    >>> data.true_weights.round(1).tolist()
    [93.6, 70.9, 3.2, 63.6, 87.1, 10.5, 70.6, 16.7, 5.2, 54.1]
    """

    x: np.ndarray
    y: np.ndarray
    true_weights: np.ndarray


@dataclass(frozen=True)
class NoteLine:
    """The note's line with noise, float64. See `note_line`.

    Args:
        x: Inputs, shape `(100, 1)`, without a column of ones.
        y: Targets, shape `(100,)`.
        initial_weights: Bias and slope from which the note's lasso starts, shape `(2,)`.
        second_initial_weights: The same for its ridge regression.

    Example:

    >>> line = kerasreg.datasets.note_line()
    >>> line.x.shape, line.initial_weights.shape
    ((100, 1), (2,))
    """

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

        X ~ N(0, 1),  w ~ 100·U(0, 1),  y = Xw

    There is no noise, and all ten features have an effect: nothing to select, nothing to
    overfit.

    Returns:
        An `ArticleRegression`: `x` `(100, 10)`, `y` `(100,)`, `true_weights` `(10,)`.

    Example:

    >>> data = kerasreg.datasets.article_regression()
    >>> float(np.abs(data.x @ data.true_weights - data.y).max().round(6))
    0.0
    """
    from sklearn.datasets import make_regression

    return ArticleRegression(
        *make_regression(n_samples=100, n_features=10, random_state=42, coef=True)
    )


def note_line() -> NoteLine:
    """The note's data: 100 points about a line.

        x ~ 2·U(0, 1),  y = 4 + 3x + N(0, 1)

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
