"""Small data sets: four real ones, and those that the texts draw.

Nothing is downloaded: the real data come with scikit-learn. `load` finds them by name, and those
of `kerasreg.downloaded_datasets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasreg.arguments import finite_float, seed_number, unknown_name, whole_number

__all__ = [
    "ArticleRegression",
    "Dataset",
    "NoteLine",
    "SparseLogistic",
    "article_regression",
    "breast_cancer",
    "diabetes",
    "digits",
    "load",
    "note_line",
    "sparse_logistic",
    "wine",
]


@dataclass(frozen=True)
class Dataset:
    """Real data in three parts.

    Args:
        x_train, x_validation, x_test: Inputs of shape `(n_samples, n_features)`, float32.
        y_train, y_validation, y_test: Targets of shape `(n_samples,)`: float32 values of a
            regression, int32 labels of a classification.
        feature_names: One name a feature.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...]


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


def digits(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Handwritten digits: 1797 images of 8 × 8 pixels, ten classes.

    Pixels are scaled to [0, 1] and flattened row by row; labels are 0 to 9, each class in the
    same proportion in every part.

    Args:
        validation: Share of the samples for validation, between 0 and 1.
        test: Share of the samples for the test.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 64 features named `pixel_<row>_<column>`.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.digits().x_train.shape
    (1079, 64)
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    parts = _split(loaded.data / 16, loaded.target.astype(np.int32), validation, test, seed)
    return Dataset(**parts, feature_names=tuple(loaded.feature_names))


def diabetes(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Diabetes progression after a year from ten measurements: 442 patients, a regression.

    Features *and targets* are standardized by the mean and standard deviation of the training
    part, so that a mean squared error near 1 is no better than guessing the mean.

    Args:
        validation: Share of the samples for validation, between 0 and 1.
        test: Share of the samples for the test.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 10 features.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.diabetes().feature_names[:3]
    ('age', 'sex', 'bmi')
    """
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes()
    parts = _split(loaded.data, loaded.target, validation, test, seed)
    parts = _standardized(_standardized(parts, "x"), "y")
    return Dataset(**parts, feature_names=tuple(loaded.feature_names))


def breast_cancer(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Breast tumours from 30 measurements of cell nuclei: 569 samples, two classes.

    Features are standardized by the mean and standard deviation of the training part; label 0
    is malignant, 1 benign, in the same proportion in every part.

    Args:
        validation: Share of the samples for validation, between 0 and 1.
        test: Share of the samples for the test.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 30 features.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.breast_cancer().x_test.shape
    (114, 30)
    """
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer()
    parts = _split(loaded.data, loaded.target.astype(np.int32), validation, test, seed)
    return Dataset(**_standardized(parts, "x"), feature_names=tuple(map(str, loaded.feature_names)))


def wine(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Italian wines from 13 chemical measurements: 178 samples, three cultivars.

    Features are standardized by the mean and standard deviation of the training part; labels are
    0 to 2, each class in the same proportion in every part.

    Args:
        validation: Share of the samples for validation, between 0 and 1.
        test: Share of the samples for the test.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 13 features.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.wine().feature_names[:2]
    ('alcohol', 'malic_acid')
    """
    from sklearn.datasets import load_wine

    loaded = load_wine()
    parts = _split(loaded.data, loaded.target.astype(np.int32), validation, test, seed)
    return Dataset(**_standardized(parts, "x"), feature_names=tuple(map(str, loaded.feature_names)))


def load(name: str, *, seed: int = 0) -> Dataset:
    """A real data set by its name, a fifth of it (or its usual part) held back for the test.

    Args:
        name: `"breast_cancer"`, `"diabetes"`, `"digits"` or `"wine"`, which come with
            scikit-learn; `"mnist"`, `"fashion_mnist"` or `"imdb"`, which Keras downloads.
        seed: Seed of the split, an int >= 0.

    Returns:
        The `Dataset`.

    Raises:
        ValueError: If there is no such data set.
        FileNotFoundError: If it cannot be downloaded; the message says what to put where.

    Example:

    >>> kerasreg.datasets.load("digits", seed=1).x_train.shape
    (1079, 64)
    """
    bundled = {load.__name__: load for load in (breast_cancer, diabetes, digits, wine)}
    if isinstance(name, str) and name in bundled:
        return bundled[name](seed=seed)
    from kerasreg import downloaded_datasets as downloads

    downloaded = {
        load.__name__: load for load in (downloads.mnist, downloads.fashion_mnist, downloads.imdb)
    }
    if not isinstance(name, str) or name not in downloaded:
        known = ", ".join(repr(known) for known in [*bundled, *downloaded])
        raise unknown_name("name", f"one of {known}", name, [*bundled, *downloaded])
    return downloaded[name](seed=seed)


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


def split_off(
    x: np.ndarray, y: np.ndarray, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Takes `size` random rows off: x without them, these rows of x, and the same for y.

    Whole numbers are classes, which both parts have in the same proportion.
    """
    from sklearn.model_selection import train_test_split

    classes = y if y.dtype.kind == "i" else None
    parts: tuple[Any, Any, Any, Any] = train_test_split(
        x, y, test_size=size, stratify=classes, random_state=seed
    )
    return parts


def _split(x: Any, y: Any, validation: float, test: float, seed: int) -> dict[str, np.ndarray]:
    """Training, validation and test part by field of `Dataset`, floats as float32.

    Whole numbers are classes, which every part has in the same proportion.
    """
    validation = finite_float("validation", validation, minimum=0, maximum=1)
    test = finite_float("test", test, minimum=0, maximum=1)
    seed_number("seed", seed)
    n_validation, n_test = round(validation * len(x)), round(test * len(x))
    n_classes = len(np.unique(y)) if y.dtype.kind == "i" else 1
    if min(n_validation, n_test, len(x) - n_validation - n_test) < n_classes:
        raise ValueError(
            "Invalid values for arguments `validation` and `test`: expected shares that leave "
            f"at least {n_classes} of {len(x)} samples in each part. "
            f"Received: validation={validation}, test={test}"
        )
    x = x.astype(np.float32)
    y = y if y.dtype.kind == "i" else y.astype(np.float32)
    parts = {}
    for part, size in (("test", n_test), ("validation", n_validation)):
        x, parts[f"x_{part}"], y, parts[f"y_{part}"] = split_off(x, y, size, seed)
    return parts | {"x_train": x, "y_train": y}


def _standardized(parts: dict[str, np.ndarray], which: str) -> dict[str, np.ndarray]:
    """The parts with `which` (x or y) brought to mean 0 and deviation 1 of the training part."""
    train = parts[f"{which}_train"].astype(np.float64)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return {
        name: ((part - mean) / deviation).astype(np.float32) if name.startswith(which) else part
        for name, part in parts.items()
    }
