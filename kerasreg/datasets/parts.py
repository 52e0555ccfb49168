"""Real data in a training, a validation and a test part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Real data in three parts.

    Args:
        x_train, x_validation, x_test: Inputs of shape `(n_samples, n_features)`, float32.
        y_train, y_validation, y_test: Targets of shape `(n_samples,)`: float32 values of a
            regression, int32 labels of a classification.
        feature_names: One name a feature.

    Example:

    >>> data = kerasreg.datasets.wine()
    >>> data.x_train.shape, data.x_validation.shape, data.x_test.shape
    ((106, 13), (36, 13), (36, 13))
    >>> np.unique(data.y_train).tolist()
    [0, 1, 2]
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...]


def part_sizes(y: np.ndarray, **shares: float) -> list[int]:
    """How many samples the parts have that take shares of them, by the names of their arguments.

    Raises:
        ValueError: If one of them, or the training part that is left, would have fewer samples
            than there are classes (whole numbers are classes).
    """
    sizes = [round(share * len(y)) for share in shares.values()]
    n_classes = len(np.unique(y)) if y.dtype.kind == "i" else 1
    if min(*sizes, len(y) - sum(sizes)) >= n_classes:
        return sizes
    names = " and ".join(f"`{name}`" for name in shares)
    problem = f"Invalid value for argument {names}: expected a share that leaves"
    if len(shares) > 1:
        problem = f"Invalid values for arguments {names}: expected shares that leave"
    received = ", ".join(f"{name}={share}" for name, share in shares.items())
    raise ValueError(
        f"{problem} at least {n_classes} of {len(y)} samples in each part. Received: {received}"
    )


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


def standardized(parts: dict[str, np.ndarray], which: str) -> dict[str, np.ndarray]:
    """The parts with `which` (x or y) brought to mean 0 and deviation 1 of the training part."""
    train = parts[f"{which}_train"].astype(np.float64)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return {
        name: ((part - mean) / deviation).astype(np.float32) if name.startswith(which) else part
        for name, part in parts.items()
    }
