"""Where the regularizers of a built model have their places, and what they are called there."""

from typing import Any, NamedTuple

import keras

from kerasreg.regularizers.gate import without_gate
from kerasreg.regularizers.keras_builtin import as_given
from kerasreg.variables import owned_variables

# Arguments of Keras's layers by the name of the variable. No stem gives them: the kernel of
# DepthwiseConv2D is called `kernel` and has `depthwise_regularizer`.
_ARGUMENTS = {
    "kernel": ("kernel_regularizer", "depthwise_regularizer"),
    "recurrent_kernel": ("recurrent_regularizer",),
    "depthwise_kernel": ("depthwise_regularizer",),
    "pointwise_kernel": ("pointwise_regularizer",),
    "embeddings": ("embeddings_regularizer",),
    "bias": ("bias_regularizer",),
    "gamma": ("gamma_regularizer",),
    "beta": ("beta_regularizer",),
    "alpha": ("alpha_regularizer",),
}
_NO_KERNELS = ("bias", "gamma", "beta", "alpha")


class Place(NamedTuple):
    """A weight, its name like `dense/kernel`, its layer, and the argument of its regularizer.

    `argument` is both the name of an argument of the layer's constructor and of the layer's
    attribute; None where the layer has none, as one of the user's own that calls `add_weight`.
    """

    name: str
    variable: keras.Variable
    layer: keras.layers.Layer
    argument: str | None

    @property
    def is_kernel(self) -> bool:
        """Whether the weight multiplies what comes in: no offset, no scale."""
        if self.variable.name in _ARGUMENTS:
            return self.variable.name not in _NO_KERNELS
        return len(self.variable.shape) >= 2


def places(model: keras.Model) -> list[Place]:
    """The places of all weights of a built model that can be trained, frozen ones among them.

    In the order of `model.variables`.

    Raises:
        ValueError: If the model is not built, so that it has no variables yet.
    """
    found = {}
    layers = model._flatten_layers()
    for name, variable, owner, is_weight in owned_variables(model):
        if not is_weight:
            continue
        # A wrapper may hold the weight of the layer that it wraps as its own.
        holders = [
            layer for layer in layers if any(variable is own for own in layer._trainable_variables)
        ]
        layer, argument = next(
            (
                (holder, argument)
                for holder in holders
                for argument in _ARGUMENTS.get(variable.name, ())
                if hasattr(holder, argument)
            ),
            (owner, None),
        )
        found[id(variable)] = Place(name, variable, layer, argument)
    return [found[id(variable)] for variable in model.variables if id(variable) in found]


def described(regularizer: Any) -> str:
    """A regularizer in a table: `L1(l1=0.1)`, the name of a function, empty for None."""
    regularizer = without_gate(regularizer)
    if regularizer is None:
        return ""
    if not isinstance(regularizer, keras.Regularizer):
        return getattr(regularizer, "__name__", type(regularizer).__name__)
    try:
        config = regularizer.get_config()
    except NotImplementedError:  # Keras asks for it only when a model is saved
        return type(regularizer).__name__
    settings = ", ".join(f"{name}={as_given(value)!r}" for name, value in config.items())
    return f"{type(regularizer).__name__}({settings})"
