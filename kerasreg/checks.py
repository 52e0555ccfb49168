"""Checks of samples and of settings of `compile`, which many functions share.

What is wrong is said in one line before any work, and not by a traceback from within TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasreg.arguments import invalid_argument, some_of, unknown_to_keras
from kerasreg.losses import METRIC_WORDS, loss_name


def checked_model(model: Any) -> keras.Model:
    if not isinstance(model, keras.Model):
        raise TypeError(
            "Invalid type for argument `model`: expected a keras.Model. "
            f"Received: {type(model).__name__}"
        )
    return model


def check_trainable(model: keras.Model, *, purpose: str = "train") -> None:
    """Raises for a built model that has nothing to train."""
    if not model.trainable_variables:
        raise ValueError(
            f"The model '{model.name}' has no trainable weights. Set `trainable = True` on the "
            f"layers to {purpose}"
        )


# Settings of `compile`


def keras_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """The Keras optimizer behind a name or an instance."""
    try:
        found = keras.optimizers.get(optimizer)
    except (ValueError, TypeError):
        found = None
    if found is None:
        expected = "the name or an instance of a Keras optimizer"
        raise unknown_to_keras("optimizer", expected, optimizer, keras.optimizers)
    return found


def checked_metrics(metrics: Any) -> Any:
    """Metrics as `compile` takes them, a list or a dict by output."""
    if metrics is None:
        return []
    if not isinstance(metrics, list | tuple | Mapping):
        raise invalid_argument("metrics", 'a list such as ["mae"], or a dict by output', metrics)
    for metric in tree.flatten(metrics):
        try:
            if metric not in (None, *METRIC_WORDS):
                keras.metrics.get(metric)
        except (ValueError, TypeError):
            expected = "names of Keras metrics, keras.metrics.Metric or callables"
            raise unknown_to_keras("metrics", expected, metric, keras.metrics) from None
    return metrics if isinstance(metrics, Mapping) else list(metrics)


# Samples


def is_dataset(x: Any) -> bool:
    """Whether samples come as a `tf.data.Dataset`, without importing TensorFlow."""
    return hasattr(x, "element_spec")


def refuse_dataset(name: str, x: Any) -> None:
    """Raises for a dataset where arrays are needed."""
    if is_dataset(x):
        raise invalid_argument(name, "arrays; take a batch: `x, y = next(iter(dataset))`", x)


def checked_samples(
    x: Any, y: Any, sample_weight: Any = None, *, prefix: str = "", numbers: bool = True
) -> tuple[Any, Any, Any]:
    """The data as arrays of their own precision, not empty, of one length, with finite numbers.

    Args:
        x: Inputs, an array or a nested structure of them.
        y: Targets, likewise.
        sample_weight: Weights, likewise, or None.
        prefix: Put before the names of arguments in errors.
        numbers: Whether texts and objects are refused.
    """
    named = {f"{prefix}x": x, f"{prefix}y": y, f"{prefix}sample_weight": sample_weight}
    if x is None:
        raise invalid_argument(f"{prefix}x", "an array of at least one sample", None)
    if y is None:
        raise invalid_argument(f"{prefix}y", "an array of targets", None)
    data = {name: sample_arrays(name, part, numbers=numbers) for name, part in named.items()}
    for name, part in data.items():
        for leaf in _leaves(part):
            as_floatx(name, leaf)  # says what is too large; the precision stays as it is
    lengths = {name: [len(leaf) for leaf in _leaves(part)] for name, part in data.items()}
    if len({length for group in lengths.values() for length in group}) > 1:
        received = ", ".join(
            f"len({name})={'/'.join(map(str, group))}" for name, group in lengths.items() if group
        )
        raise ValueError(
            "Arrays of different length: expected one target and one weight a sample. "
            f"Received: {received}"
        )
    inputs, targets, weights = data.values()
    return inputs, targets, weights


def _leaves(part: Any) -> list[Any]:
    return [leaf for leaf in tree.flatten(part) if leaf is not None]


def sample_arrays(name: str, part: Any, *, numbers: bool = True) -> Any:
    """A nested structure of samples with an array, not empty and finite, in place of each leaf.

    A list of numbers, or of such lists, is one array; a list that has arrays in it is a structure
    of them, as in `fit`.

    Args:
        name: The argument, for messages.
        part: Arrays, tensors, tables, lists of numbers; None stays None.
        numbers: Whether texts and objects are refused.
    """

    def read(inner: Any) -> Any:
        is_list = isinstance(inner, list | tuple)
        if isinstance(inner, dict) or (is_list and any(map(_has_axes, tree.flatten(inner)))):
            return None  # and on to what is in it
        return tree.MAP_TO_NONE if inner is None else sample_array(name, inner, numbers=numbers)

    return None if part is None else tree.traverse(read, part)


def sample_array(name: str, values: Any, *, numbers: bool = True) -> np.ndarray:
    """Samples as an array, not empty and finite."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        raise ValueError(
            f"Invalid value for argument `{name}`: expected an array of numbers, with as many in "
            "each row. Received: rows of different lengths"
        ) from None
    if numbers and (array.dtype.kind not in "fiubV" or array.dtype.names):
        fix = ""
        if hasattr(values, "toarray"):
            fix = f". Pass {name}.toarray()"
        elif array.dtype == object and array.ndim:
            fix = _first_that_is_no_number(array)
        raise ValueError(
            f"{invalid_argument(name, 'an array of numbers', f'array of {array.dtype}')}{fix}"
        )
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"Invalid value for argument `{name}`: expected at least one sample. "
            f"Received: {name}.shape={array.shape}"
        )
    # The sum is not finite if one element is not; the slow look is for the message only.
    if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise ValueError(
                f"Invalid value for argument `{name}`: expected finite numbers. Received: "
                f"{len(bad)} of {array.size} are NaN or infinite, the first at index "
                f"{tuple(int(i) for i in bad[0])}"
            )
    return array


def _first_that_is_no_number(array: np.ndarray) -> str:
    for index, value in np.ndenumerate(array):
        if not isinstance(value, int | float | np.number):
            return f", with {value!r} at index {index}"
    return '. Pass it as np.asarray(…, dtype="float32")'


def as_floatx(name: str, array: np.ndarray) -> np.ndarray:
    """Doubles as Keras's `floatx`; others as they are."""
    floatx = keras.config.floatx()
    if array.dtype != np.float64 or floatx == "float64":
        return array
    with np.errstate(over="ignore"):  # said below
        cast = array.astype(floatx)
    if not np.isfinite(cast.sum(dtype=np.float64)) and not np.isfinite(cast).all():
        largest = np.abs(array).max()
        raise ValueError(
            f"Invalid value for argument `{name}`: expected numbers that {floatx} can hold. "
            f"Received: {largest:.3g} among them. Scale them"
        )
    return cast


def _has_axes(leaf: Any) -> bool:
    return len(getattr(leaf, "shape", ())) > 0


# Samples and the model


def check_inputs(model: keras.Model, x: Any, prefix: str = "") -> None:
    """Raises for arrays that do not fit the inputs of a model whose inputs are known."""
    inputs = tree.flatten(getattr(model, "inputs", None) or [])
    leaves = tree.flatten(x)
    if not inputs:
        return  # a subclassed model: only calling it tells
    if isinstance(x, dict):
        struct = getattr(model, "_inputs_struct", None)
        keys = list(struct) if isinstance(struct, dict) else []
        names = [each._keras_history.operation.name for each in inputs]
        if not any(known and set(known) <= set(x) for known in (keys, names)):
            expected = _expected_inputs(model.name, keys or (names if len(names) > 1 else []))
            raise ValueError(
                f"Invalid value for argument `{prefix}x`: expected {expected}. Received: a dict "
                f"with the keys {some_of(x)}"
            )
        return
    if len(inputs) != len(leaves):
        raise ValueError(
            f"Invalid value for argument `{prefix}x`: expected {len(inputs)} arrays for the "
            f"model's inputs. Received: {len(leaves)}"
        )
    for expected, leaf in zip(inputs, leaves, strict=True):
        shape = tuple(expected.shape)
        # As Keras does, a missing or additional last axis of length 1 is accepted.
        if not any(_fits(s, shape) for s in (leaf.shape, (*leaf.shape, 1), _squeezed(leaf.shape))):
            raise ValueError(
                f"Invalid shape for argument `{prefix}x`: the model '{model.name}' expects "
                f"{shape}. Received: {prefix}x.shape={tuple(leaf.shape)}"
            )


def _expected_inputs(model_name: str, names: list[str]) -> str:
    if not names:
        return f"one array for the model '{model_name}'"
    return f"one array for each input of the model '{model_name}', {some_of(names)}"


def check_targets(model: keras.Model, loss: Any, y: Any, prefix: str = "") -> None:
    """Raises for targets that do not fit the output of a model and one of Keras's losses."""
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    name = loss_name(loss)
    if len(outputs) != 1 or not isinstance(y, np.ndarray) or name is None:
        return  # several outputs, or a loss of the user's own: nothing is known about targets
    output = tuple(outputs[0].shape)
    if name.startswith("sparse_"):
        n_classes = output[-1]
        expected = output[:-1]
        if not _fits(_squeezed(y.shape) if len(y.shape) > len(expected) else y.shape, expected):
            raise ValueError(
                f"Invalid shape for argument `{prefix}y`: the loss {name} expects labels of shape "
                f"{expected}. Received: {prefix}y.shape={y.shape}"
            )
        ignored = getattr(loss, "ignore_class", None)
        labels = y if ignored is None else y[y != ignored]
        if labels.size and (labels.min() < 0 or labels.max() >= n_classes or np.any(labels % 1)):
            raise ValueError(
                f"Invalid value for argument `{prefix}y`: expected whole labels from 0 to "
                f"{n_classes - 1}, for the model has {n_classes} outputs. Received: labels from "
                f"{labels.min()} to {labels.max()}"
            )
        return
    if not any(_fits(s, output) for s in (y.shape, (*y.shape, 1))):
        raise ValueError(
            f"Invalid shape for argument `{prefix}y`: the loss {name} expects the shape of the "
            f"model's output, {output}. Received: {prefix}y.shape={y.shape}"
        )
    if name in ("binary_crossentropy", "categorical_crossentropy") and (y.min() < 0 or y.max() > 1):
        raise ValueError(
            f"Invalid value for argument `{prefix}y`: the loss {name} expects values from 0 to 1. "
            f"Received: values from {y.min()} to {y.max()}"
        )


def check_sample_weight(
    model: keras.Model, loss: Any, sample_weight: Any, prefix: str = ""
) -> None:
    """Raises for weights that do not fit what one of Keras's losses leaves of the output."""
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    if (
        len(outputs) != 1
        or not isinstance(sample_weight, np.ndarray)
        or loss_name(loss) is None
        or len(outputs[0].shape) < 2
    ):
        return
    shape, expected = sample_weight.shape, tuple(outputs[0].shape)[:-1]
    if shape[1:] == (1,) or _fits(shape, expected[: len(shape)]):
        return
    raise ValueError(
        f"Invalid shape for argument `{prefix}sample_weight`: expected one weight a sample, "
        f"({len(sample_weight)},). Received: {prefix}sample_weight.shape={shape}"
    )


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        want is None or got == want for got, want in zip(shape, expected, strict=True)
    )


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
