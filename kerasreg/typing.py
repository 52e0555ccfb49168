"""Names in annotations for what has no type that Keras, TensorFlow and JAX share.

A type checker takes most of them for `Any`; a reader learns what is meant.
"""

import os
from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike

Tensor: TypeAlias = Any
"""A tensor of the backend, a Keras variable, or what becomes a tensor: an array or a number."""

Samples: TypeAlias = Any
"""An array of shape `(samples, …)`, or a nested structure (dict, list, tuple) of such arrays."""

SamplesOrDataset: TypeAlias = Any
"""`Samples`, or a batched `tf.data.Dataset`, which yields inputs, targets and sample weights."""

Loss: TypeAlias = Any
"""As for `compile`: the name of a loss, a `keras.losses.Loss`, a callable of
`(y_true, y_pred)`; for several outputs a list of these, or a dict by output."""

Metrics: TypeAlias = Any
"""As for `compile`: a list of names, `keras.metrics.Metric` and callables, or a dict by output."""

Regularizer: TypeAlias = Any
"""A `kerasreg` penalty, a `keras.Regularizer` or a callable of the weights."""

Folder: TypeAlias = str | os.PathLike[str]
"""The path of a folder."""


class Splitter(Protocol):
    """What cuts samples into folds, such as a splitter of scikit-learn."""

    def split(self, x: Any, y: Any, groups: Any, /) -> Iterable[tuple[Any, Any]]:
        """Row numbers of the training part and of the held-out part of each fold."""


Folds: TypeAlias = int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]
"""A number of folds, a splitter, or pairs (train, test) of row numbers or masks."""
