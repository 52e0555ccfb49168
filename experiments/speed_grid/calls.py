"""The calls that `speed_grid` measures in new processes."""

from typing import Any

from experiments.digits_calls import strengths_of_path, with_fit, with_folds, with_path
from experiments.timing import seconds_of

FIT, PATH, CV = "model.fit", "regularization_path", "cross_validate"
RANGE = "regularization_path, strengths=None"


def first_call(method: str, n_strengths: int, n_folds: int, **settings: Any) -> float:
    """Seconds of the first call of a method in this process, tables included."""
    call = {
        FIT: lambda: with_fit(**settings),
        PATH: lambda: with_path(strengths_of_path(n_strengths), **settings),
        RANGE: lambda: with_path(None, n_strengths=n_strengths, **settings),
        CV: lambda: with_folds(strengths_of_path(n_strengths), n_folds, **settings),
    }[method]()
    return seconds_of(call)
