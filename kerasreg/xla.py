"""What XLA cannot compile: which layers, how it says so, and the shapes that a program is for."""

from typing import Any

import keras

from kerasreg.tensorflow_only import tf

# What TensorFlow raises when XLA refuses a program.
REFUSED = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)


def layers_without_xla(model: keras.Model) -> list[str]:
    """Names of the layers that say of themselves that XLA cannot compile them."""
    return [layer.name for layer in model._flatten_layers() if not layer.supports_jit]


def why_refused(error: Any) -> str:
    """The first line of what XLA says; the others name the place in TensorFlow's own code."""
    return str(error.message).strip().splitlines()[0]


def shapes_of(structure: Any) -> tuple[Any, ...]:
    """What a program is compiled for: types and shapes of all arrays, by which it is found again.

    TensorFlow's own way of finding a program takes a tenth of the time of a short epoch.
    """
    leaves = [leaf for leaf in tf.nest.flatten(structure) if leaf is not None]
    return tuple((str(leaf.dtype), *leaf.shape) for leaf in leaves)
