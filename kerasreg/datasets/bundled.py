"""Real data that come with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasreg.arguments import finite_float, seed_number
from kerasreg.datasets.parts import Dataset, part_sizes, split_off, standardized


def digits(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Handwritten digits: 1797 images of 8 × 8 pixels, ten classes.

    Pixels are scaled to [0, 1] and flattened row by row; labels are 0 to 9, each class in the
    same proportion in every part.

    Args:
        validation: Share of the samples for validation, between 0 and 1.
        test: Share of the samples for the test.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 64 features named `pixel_<row>_<column>`: by default 1079 samples to
        train, 359 to validate and 359 to test.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.digits().x_train.shape
    (1079, 64)

    References:
        - Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
          Repository (1998): its test set, as `sklearn.datasets.load_digits` has it.
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
        A `Dataset` with 10 features: by default 266 samples to train, 88 to validate and 88 to
        test.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.diabetes().feature_names[:3]
    ('age', 'sex', 'bmi')

    References:
        - Efron, Hastie, Johnstone & Tibshirani, Least angle regression (2004), table 1, as
          `sklearn.datasets.load_diabetes` has it.
    """
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes()
    parts = _split(loaded.data, loaded.target, validation, test, seed)
    parts = standardized(standardized(parts, "x"), "y")
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
        A `Dataset` with 30 features: by default 341 samples to train, 114 to validate and 114 to
        test.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.breast_cancer().x_test.shape
    (114, 30)

    References:
        - Wolberg, Street & Mangasarian, Breast Cancer Wisconsin (Diagnostic), UCI Machine
          Learning Repository (1995), as `sklearn.datasets.load_breast_cancer` has it.
    """
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer()
    parts = _split(loaded.data, loaded.target.astype(np.int32), validation, test, seed)
    return Dataset(**standardized(parts, "x"), feature_names=tuple(map(str, loaded.feature_names)))


def wine(*, validation: float = 0.2, test: float = 0.2, seed: int = 0) -> Dataset:
    """Italian wines from 13 chemical measurements: 178 samples, three cultivars.

    Features are standardized by the mean and standard deviation of the training part; labels are
    0 to 2, each class in the same proportion in every part.

    Args:
        validation: Share of the samples for validation, between 0 and 1.
        test: Share of the samples for the test.
        seed: Seed of the split, an int >= 0.

    Returns:
        A `Dataset` with 13 features: by default 106 samples to train, 36 to validate and 36 to
        test.

    Raises:
        ValueError: If a share or the seed is out of range, or nothing is left for training.

    Example:

    >>> kerasreg.datasets.wine().feature_names[:2]
    ('alcohol', 'malic_acid')

    References:
        - Forina et al., Wine, UCI Machine Learning Repository, as
          `sklearn.datasets.load_wine` has it.
    """
    from sklearn.datasets import load_wine

    loaded = load_wine()
    parts = _split(loaded.data, loaded.target.astype(np.int32), validation, test, seed)
    return Dataset(**standardized(parts, "x"), feature_names=tuple(map(str, loaded.feature_names)))


def _split(x: Any, y: Any, validation: float, test: float, seed: int) -> dict[str, np.ndarray]:
    """Training, validation and test part by field of `Dataset`, floats as float32.

    Whole numbers are classes, which every part has in the same proportion.
    """
    validation = finite_float("validation", validation, minimum=0, maximum=1)
    test = finite_float("test", test, minimum=0, maximum=1)
    seed_number("seed", seed)
    n_validation, n_test = part_sizes(y, validation=validation, test=test)
    x = x.astype(np.float32)
    y = y if y.dtype.kind == "i" else y.astype(np.float32)
    parts = {}
    for part, size in (("test", n_test), ("validation", n_validation)):
        x, parts[f"x_{part}"], y, parts[f"y_{part}"] = split_off(x, y, size, seed)
    return parts | {"x_train": x, "y_train": y}
