"""Real data found by their name."""

from __future__ import annotations

from collections.abc import Callable

from kerasreg.arguments import unknown_name
from kerasreg.datasets.bundled import breast_cancer, diabetes, digits, wine
from kerasreg.datasets.downloaded import fashion_mnist, imdb, mnist
from kerasreg.datasets.parts import Dataset


def load(name: str, *, seed: int = 0) -> Dataset:
    """A real data set by its name, a fifth of it (or its usual part) held back for the test.

    Another fifth is for validation. For other shares call the function of that name.

    Args:
        name: `"breast_cancer"`, `"diabetes"`, `"digits"` or `"wine"`, which come with
            scikit-learn; `"mnist"`, `"fashion_mnist"` or `"imdb"`, which Keras downloads.
        seed: Seed of the split, an int >= 0.

    Returns:
        The `Dataset`.

    Raises:
        ValueError: If there is no such data set, naming the nearest, or the seed is out of range.
        FileNotFoundError: If it cannot be downloaded; the message says what to put where.
        OSError: If the file that was downloaded is broken, naming it.

    Example:

    >>> kerasreg.datasets.load("digits", seed=1).x_train.shape
    (1079, 64)
    """
    loaders: dict[str, Callable[..., Dataset]] = {
        "breast_cancer": breast_cancer,
        "diabetes": diabetes,
        "digits": digits,
        "wine": wine,
        "mnist": mnist,
        "fashion_mnist": fashion_mnist,
        "imdb": imdb,
    }
    if not isinstance(name, str) or name not in loaders:
        known = ", ".join(map(repr, loaders))
        raise unknown_name("name", f"one of {known}", name, loaders)
    return loaders[name](seed=seed)
