"""Checks of training data: what is wrong is said in one line before the first step."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import tree

from kerasreg.regularizers.validation import invalid_argument

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "kerasreg.training needs the TensorFlow backend, for its loop is written with "
        f"tf.GradientTape. Received: the backend '{keras.backend.backend()}'. Set "
        "KERAS_BACKEND=tensorflow, or use model.fit with kerasreg.callbacks.RegularizationMonitor"
    )
import tensorflow as tf


class Arrays(NamedTuple):
    """Inputs, targets and optional sample weights, each possibly nested, as arrays."""

    x: Any
    y: Any
    sample_weight: Any

    @property
    def n_samples(self) -> int:
        return int(tree.flatten(self.x)[0].shape[0])


def each_array(function: Callable[[Any], Any], data: Arrays) -> Arrays:
    return Arrays(*tree.map_structure(function, tuple(data), none_is_leaf=False))


def training_arrays_or_dataset(
    model: keras.Model, loss: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any
) -> Any:
    if not isinstance(x, tf.data.Dataset):
        if y is None:
            raise invalid_argument("y", "an array of targets", y)
        return _on_device(checked_arrays(model, loss, x, y, sample_weight, class_weight))
    for name, value in (("y", y), ("sample_weight", sample_weight), ("class_weight", class_weight)):
        if value is not None:
            raise ValueError(
                f"Argument `{name}` has no place beside a tf.data.Dataset, which yields "
                "(x, y) or (x, y, sample_weight)"
            )
    return _checked_dataset("x", x)


def validation_arrays_or_dataset(model: keras.Model, loss: Any, validation_data: Any) -> Any:
    if validation_data is None:
        return None
    if isinstance(validation_data, tf.data.Dataset):
        return _checked_dataset("validation_data", validation_data)
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise ValueError(
            "Invalid value for argument `validation_data`: expected (x, y), (x, y, sample_weight) "
            f"or a tf.data.Dataset. Received: {type(validation_data).__name__}"
        )
    x, y, sample_weight = (*validation_data, None)[:3]
    return _on_device(checked_arrays(model, loss, x, y, sample_weight, prefix="validation "))


def _checked_dataset(name: str, dataset: Any) -> Any:
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise ValueError(
            f"Invalid value for argument `{name}`: expected a dataset of (x, y) or "
            f"(x, y, sample_weight). Received elements: {spec}"
        )
    if int(dataset.cardinality()) in (0, tf.data.INFINITE_CARDINALITY):
        raise ValueError(
            f"Invalid value for argument `{name}`: expected a dataset with at least one batch and "
            "an end. Use `dataset.take(n)` on one that repeats"
        )
    return dataset


def _on_device(arrays: Arrays) -> Arrays:
    """The arrays as tensors, once, so that no epoch copies them."""
    return each_array(tf.convert_to_tensor, arrays)


def checked_arrays(
    model: keras.Model,
    loss: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    prefix: str = "",
) -> Arrays:
    """Arrays that fit the model and the loss.

    Args:
        model: The model; if it is built its input and output shapes are compared.
        loss: What `compile` takes; targets are compared with it if it is one of Keras's losses
            and the model has one output.
        x: As for `fit`.
        y: As for `fit`.
        sample_weight: As for `fit`.
        class_weight: As for `fit`, turned into sample weights.
        prefix: Put before the names of arguments in errors.

    Raises:
        ValueError: For empty arrays, arrays of different length, values that are not finite,
            shapes that do not fit, labels outside the classes, both kinds of weights at once.
    """
    arrays = Arrays(
        tree.map_structure(lambda leaf: _array(f"{prefix}x", leaf), x),
        tree.map_structure(lambda leaf: _array(f"{prefix}y", leaf), y),
        None
        if sample_weight is None
        else tree.map_structure(lambda leaf: _array(f"{prefix}sample_weight", leaf), sample_weight),
    )
    lengths = {
        name: [len(leaf) for leaf in tree.flatten(part) if leaf is not None]
        for name, part in zip(("x", "y", "sample_weight"), arrays, strict=True)
    }
    if len({length for group in lengths.values() for length in group}) > 1:
        received = ", ".join(
            f"len({prefix}{name})={'/'.join(map(str, group))}"
            for name, group in lengths.items()
            if group
        )
        raise ValueError(
            "Arrays of different length: expected one target and one weight a sample. "
            f"Received: {received}"
        )
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` exclude each other: multiply them "
                "into one `sample_weight`"
            )
        arrays = arrays._replace(sample_weight=_class_weights(arrays.y, class_weight))
    _check_inputs(model, arrays.x, prefix)
    _check_targets(model, loss, arrays.y, prefix)
    return arrays


def _array(name: str, values: Any) -> Any:
    if values is None:
        return None
    array = np.asarray(values)
    if array.dtype.kind not in "fiubV":
        raise invalid_argument(name, "an array of numbers", f"array of {array.dtype}")
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"Invalid value for argument `{name}`: expected at least one sample. "
            f"Received: {name}.shape={array.shape}"
        )
    if array.dtype.kind == "f":
        # The sum is not finite if one element is not; the slow look is for the message only.
        if not np.isfinite(array.sum(dtype=np.float64)) and not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))
            raise ValueError(
                f"Invalid value for argument `{name}`: expected finite numbers. Received: "
                f"{len(bad)} of {array.size} are NaN or infinite, the first at index "
                f"{tuple(int(i) for i in bad[0])}"
            )
        if array.dtype == np.float64:
            return array.astype(keras.config.floatx())
    return array


def _class_weights(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """Sample weights from class weights; classes that are not named weigh 1."""
    if not isinstance(y, np.ndarray):
        raise ValueError(
            "Argument `class_weight` needs a single array of targets. Pass `sample_weight`"
        )
    one_hot = y.ndim == 2 and y.shape[1] > 1
    labels = y.argmax(axis=1) if one_hot else y.reshape(-1)
    if len(labels) != len(y):
        raise ValueError(
            f"Argument `class_weight` needs one label a sample. Received: y.shape={y.shape}"
        )
    weights = np.ones(len(y), keras.config.floatx())
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        want is None or got == want for got, want in zip(shape, expected, strict=True)
    )


def _check_inputs(model: keras.Model, x: Any, prefix: str) -> None:
    inputs = tree.flatten(getattr(model, "inputs", None) or [])
    leaves = tree.flatten(x)
    if not inputs:
        return  # a subclassed model: only calling it tells
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
                f"{shape}. Received: {prefix}x.shape={leaf.shape}"
            )


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape


def _check_targets(model: keras.Model, loss: Any, y: Any, prefix: str) -> None:
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    name = _loss_name(loss)
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


def _loss_name(loss: Any) -> str | None:
    """The name of one of Keras's own losses, or None."""
    try:
        found = keras.losses.get(loss)
    except (ValueError, TypeError):
        return None
    if not getattr(found, "__module__", type(found).__module__).startswith("keras."):
        return None
    return found.name if isinstance(found, keras.losses.Loss) else found.__name__
