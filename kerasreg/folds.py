"""Which samples train and which are held out, fold by fold, settled once before any training.

`fold_indices` is what `kerasreg.grid` and `kerasreg.cross_validation` make their folds with.

Folds drawn anew for every strength would compare noise; these are row numbers that every member
of a cross-validation shares.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import ArrayLike

from kerasreg.arguments import in_short, invalid_argument, seed_number
from kerasreg.checks import checked_samples, is_dataset
from kerasreg.losses import resolved_loss
from kerasreg.typing import Folds, Loss, Samples

__all__ = ["fold_indices"]

Fold = tuple[np.ndarray, np.ndarray]

# The representation of a large splitter or an array would fill lines.
_short = partial(in_short, limit=80)

_EXPECTED = (
    "an int >= 2, a scikit-learn splitter, or an iterable of (train, test) pairs of row numbers "
    "or masks"
)


def fold_indices(
    folds: Folds,
    x: Samples,
    y: Samples,
    loss: Loss | None = None,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> list[Fold]:
    """Row numbers of the training part and of the held-out part of each fold.

    A number K cuts the shuffled samples into K parts; part k is held out in fold k, and

        train_k ∪ test_k = {0, …, n − 1},    train_k ∩ test_k = ∅.

    The parts are stratified, each with about the same share of every class, where the targets are
    one class a sample by the loss: whole labels under a sparse categorical cross-entropy, a column
    of 0 and 1 under a binary one, one-hot rows under a categorical one (focal ones included).

    Args:
        folds: An int from 2 to the number of samples (of the smallest class, if stratified), as
            `KFold` or `StratifiedKFold` with `shuffle=True`; a scikit-learn splitter, anything
            with `split(x, y, groups)`; or an iterable of pairs (train, test), each part an array
            of row numbers from 0, or of bools, one a sample. Training rows may repeat, as in a
            bootstrap.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them, of which a
            splitter gets the first.
        y: Targets, likewise. Of one-hot rows a splitter gets the numbers of the classes.
        loss: As for `compile`, or None. With several outputs nothing is stratified.
        groups: For a splitter that keeps groups together: one label a sample, shape `(samples,)`.
        seed: An int from 0 to 2³² − 1, of the shuffling where `folds` is a number. A splitter
            has its own `random_state`.

    Returns:
        One pair (train, test) a fold, flat int32 arrays, neither of them empty. They are sorted
        where `folds` is a number; otherwise in the order given.

    Raises:
        ValueError: For folds that cannot be, with the reason, see above; for an empty part, rows
            outside the data, rows in both parts, rows held out twice in a fold; for groups
            that are missing, of another length, or without a splitter; for data that are empty,
            of different length or not finite.

    Example:

    >>> x, y = np.zeros((6, 2)), np.array([0, 1, 0, 1, 0, 1])
    >>> for train, test in fold_indices(3, x, y, "sparse_categorical_crossentropy"):
    ...     print(train.tolist(), test.tolist())
    [0, 1, 2, 5] [3, 4]
    [0, 1, 3, 4] [2, 5]
    [2, 3, 4, 5] [0, 1]

    References:
        - Kohavi, A study of cross-validation and bootstrap for accuracy estimation and model
          selection (1995), sections 2 and 3: stratified folds have less variance.
    """
    if is_dataset(x):
        raise ValueError("Folds need arrays; a tf.data.Dataset has no rows. Pass x and y")
    x, y, _ = checked_samples(x, y, numbers=False)
    inputs, targets = tree.flatten(x)[0], tree.flatten(y)[0]
    n_samples = len(inputs)
    labels = _labels(y, loss)
    if groups is not None:
        groups = _checked_groups(groups, n_samples)
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        if groups is not None:
            raise ValueError(
                "Argument `groups` needs a splitter that keeps them together. Received: "
                f"folds={folds}. Pass folds=sklearn.model_selection.GroupKFold({folds})"
            )
        return _shuffled(int(folds), n_samples, labels, seed)
    if callable(getattr(folds, "split", None)) and not isinstance(folds, str | bytes | type):
        pairs = _split(folds, inputs, targets if labels is None else labels, groups)
        source = f"the splitter {_short(folds)}"
    else:
        if isinstance(folds, str | bytes | type | dict) or not isinstance(folds, Iterable):
            raise ValueError(
                f"Invalid value for argument `folds`: expected {_EXPECTED}. "
                f"Received: folds={_short(folds)}"
            )
        if groups is not None:
            raise ValueError(
                "Argument `groups` has no place beside pairs of row numbers, which already say "
                "what is held out"
            )
        pairs, source = list(folds), "an iterable"
    if not pairs:
        raise ValueError(
            f"Invalid value for argument `folds`: expected at least one fold. Received: {source} "
            "that yields nothing"
        )
    return [_checked_fold(number, pair, n_samples) for number, pair in enumerate(pairs)]


def _shuffled(n_folds: int, n_samples: int, labels: np.ndarray | None, seed: int) -> list[Fold]:
    from sklearn.model_selection import KFold, StratifiedKFold

    seed = seed_number("seed", seed)
    if not 2 <= n_folds <= n_samples:
        expected = f"an int from 2 to {n_samples}, the number of samples"
        if n_samples < 2:
            expected = f"at least 2 samples to cut into folds, not {n_samples}"
        raise invalid_argument("folds", expected, n_folds)
    splitter = KFold
    if labels is not None:
        classes, members = np.unique(labels, return_counts=True)
        smallest = members.argmin()
        # scikit-learn only warns, and leaves folds in which the class is never held out.
        if n_folds > members[smallest]:
            raise ValueError(
                f"Invalid value for argument `folds`: expected at most {members[smallest]}, for "
                f"the folds are stratified and class {classes[smallest]} has no more samples. "
                f"Received: folds={n_folds}. Without strata: "
                f"folds=sklearn.model_selection.KFold({n_folds}, shuffle=True, random_state={seed})"
            )
        splitter = StratifiedKFold
    pairs = splitter(n_folds, shuffle=True, random_state=int(seed)).split(
        np.zeros(n_samples), labels
    )
    return [(train.astype(np.int32), test.astype(np.int32)) for train, test in pairs]


def _split(splitter: Any, x: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> list[Any]:
    """What a splitter yields; its complaints become one line that names it."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    try:
        return list(splitter.split(x, y, groups))
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        if groups is None and "group" in reason:
            raise ValueError(
                f"Argument `groups` is missing: the splitter {_short(splitter)} needs one label a "
                f"sample. Pass groups, an array of shape ({len(x)},)"
            ) from error
        raise ValueError(
            f"Invalid value for argument `folds`: the splitter {_short(splitter)} cannot split "
            f"these {len(x)} samples: {reason}"
        ) from error


def _checked_fold(number: int, pair: Any, n_samples: int) -> Fold:
    try:
        train, test = pair
    except (TypeError, ValueError):
        raise ValueError(
            f"Invalid value for argument `folds`: expected a pair (train, test) in fold {number}. "
            f"Received: {_short(pair)}"
        ) from None
    train = _rows(f"the training part of fold {number}", train, n_samples)
    test = _rows(f"the held-out part of fold {number}", test, n_samples)
    shared = np.intersect1d(train, test)
    if len(shared):
        raise ValueError(
            f"Invalid value for argument `folds`: expected samples of fold {number} to be either "
            f"trained on or held out. Received: {len(shared)} in both parts, the first is row "
            f"{shared[0]}"
        )
    rows, counts = np.unique(test, return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"Invalid value for argument `folds`: expected each row once in the held-out part of "
            f"fold {number}. Received: row {rows[counts.argmax()]} {counts.max()} times"
        )
    return train, test


def _rows(part: str, values: Any, n_samples: int) -> np.ndarray:
    """Row numbers from row numbers or a mask."""
    start = f"Invalid value for argument `folds`: expected {part} to "
    try:
        rows = np.asarray(values)
    except ValueError:  # lists of different lengths
        rows = np.empty((0, 0), object)
    if rows.ndim != 1:
        raise ValueError(f"{start}be a flat array of row numbers. Received: {_short(values)}")
    if rows.dtype == bool:
        if len(rows) != n_samples:
            raise ValueError(
                f"{start}be a mask of {n_samples} bools, one a sample. Received: {len(rows)}"
            )
        rows = np.flatnonzero(rows)
    if not len(rows):
        raise ValueError(f"{start}have at least one sample. Received: none")
    if rows.dtype.kind not in "iu":
        raise ValueError(
            f"{start}hold whole numbers (ints) or bools. Received: {rows.dtype}, "
            f"the first is {rows[0]}"
        )
    outside = rows[(rows < 0) | (rows >= n_samples)]
    if len(outside):
        raise ValueError(
            f"{start}hold rows from 0 to {n_samples - 1}. Received: {len(outside)} outside, "
            f"the first is {outside[0]}"
        )
    return rows.astype(np.int32)


def _checked_groups(groups: Any, n_samples: int) -> np.ndarray:
    array = np.asarray(groups)
    if array.shape != (n_samples,):
        raise ValueError(
            f"Invalid shape for argument `groups`: expected one label a sample, ({n_samples},). "
            f"Received: groups.shape={array.shape}"
        )
    return array


def _labels(y: Any, loss: Any) -> np.ndarray | None:
    """The class of each sample, or None where the loss and the targets do not say one."""
    losses, targets = tree.flatten(loss), tree.flatten(y)
    if loss is None or len(losses) != 1 or len(targets) != 1:
        return None
    found, target = resolved_loss(losses[0]), targets[0]
    # Keras's classes hold the function in `fn`, so that renamed ones are recognized too.
    function = getattr(found, "fn", getattr(found, "function", None))
    one_column = target.ndim == 1 or target.shape[1:] == (1,)
    if target.dtype.kind not in "fiub":
        return None
    if function is keras.losses.sparse_categorical_crossentropy:
        is_class = one_column and not np.any(target % 1)
        return target.ravel().astype(np.int64) if is_class else None
    zero_or_one = bool(np.isin(target, (0, 1)).all())
    if function in (keras.losses.binary_crossentropy, keras.losses.binary_focal_crossentropy):
        return target.ravel().astype(np.int32) if one_column and zero_or_one else None
    if function in (
        keras.losses.categorical_crossentropy,
        keras.losses.categorical_focal_crossentropy,
    ):
        one_hot = target.ndim == 2 and zero_or_one and (target.sum(axis=1) == 1).all()
        return target.argmax(axis=1) if one_hot else None
    return None
