"""Checks of training data: what is wrong is said in one line before the first step."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import tree

from kerasreg.arguments import finite_float, invalid_argument, some_of
from kerasreg.checks import (
    as_floatx,
    check_inputs,
    check_sample_weight,
    check_targets,
    checked_samples,
)
from kerasreg.tensorflow_only import tf


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
        return checked_arrays(model, loss, x, y, sample_weight, class_weight)
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
    return checked_arrays(model, loss, x, y, sample_weight, prefix="validation ")


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


def on_device(data: Any) -> Any:
    """Arrays as tensors, once, so that no epoch copies them; a dataset or None as it is."""
    return each_array(tf.convert_to_tensor, data) if isinstance(data, Arrays) else data


def build_for(model: keras.Model, x: Any) -> None:
    """Builds a model that is not built, for batches of samples such as `x`, of any length.

    Called with an array of one row, a Sequential model would from then on expect one row.
    """
    if not model.built:
        model(
            keras.tree.map_structure(
                lambda leaf: keras.KerasTensor(
                    (None, *leaf.shape[1:]), keras.backend.standardize_dtype(leaf.dtype)
                ),
                x,
            )
        )


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
    samples = checked_samples(x, y, sample_weight, prefix=prefix)
    names = (f"{prefix}{name}" for name in Arrays._fields)
    arrays = Arrays(*(_in_floatx(*named) for named in zip(names, samples, strict=True)))
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` exclude each other: multiply them "
                "into one `sample_weight`"
            )
        arrays = arrays._replace(sample_weight=_class_weights(model, arrays.y, class_weight))
    check_inputs(model, arrays.x, prefix)
    check_targets(model, loss, arrays.y, prefix)
    check_sample_weight(model, loss, arrays.sample_weight, prefix)
    return arrays


def _in_floatx(name: str, part: Any) -> Any:
    return tree.map_structure(
        lambda leaf: None if leaf is None else as_floatx(name, leaf), part, none_is_leaf=False
    )


def _class_weights(model: keras.Model, y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """Sample weights from class weights; classes that are not named weigh 1."""
    if not isinstance(y, np.ndarray):
        raise ValueError(
            "Argument `class_weight` needs a single array of targets. Pass `sample_weight`"
        )
    if not isinstance(class_weight, Mapping):
        raise invalid_argument("class_weight", "a dict of weights by label", class_weight)
    one_hot = y.ndim == 2 and y.shape[1] > 1
    labels = y.argmax(axis=1) if one_hot else y.reshape(-1)
    if len(labels) != len(y):
        raise ValueError(
            f"Argument `class_weight` needs one label a sample. Received: y.shape={y.shape}"
        )
    outputs = tree.flatten(getattr(model, "outputs", None) or [])
    n_classes = max(outputs[0].shape[-1] or 0, 2) if len(outputs) == 1 else 0
    weights = np.ones(len(y), keras.config.floatx())
    for label, weight in class_weight.items():
        of_class = labels == label
        # A class that the model knows may be without samples.
        if not np.any(of_class) and label not in range(n_classes):
            known = np.unique(labels)
            raise ValueError(
                "Invalid value for argument `class_weight`: expected labels of the targets, "
                f"{some_of(known.tolist())}. Received: the label {label!r}"
            )
        weights[of_class] = finite_float(f"class_weight[{label!r}]", weight, minimum=0)
    return weights
