"""The layers of `exact_zeros`: with a penalty, as a product of two factors, or under a mask."""

from typing import Any

import keras
import numpy as np
from keras import ops


class FactoredDense(keras.layers.Layer):
    """A Dense layer with kernel u ⊙ v; the least l2·(u² + v²) over u·v = w is 2·l2·|w|."""

    def __init__(self, units: int, activation: Any = None, l2: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.activation, self.l2 = units, activation, l2

    def build(self, input_shape: Any) -> None:
        shape, penalty = (input_shape[-1], self.units), keras.regularizers.L2(self.l2)
        self.u = self.add_weight(shape, name="u", regularizer=penalty)
        self.v = self.add_weight(shape, "ones", name="v", regularizer=penalty)
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    @property
    def kernel(self) -> Any:
        return self.u * self.v

    def call(self, inputs: Any) -> Any:
        outputs = ops.matmul(inputs, self.kernel) + self.bias
        return keras.activations.get(self.activation)(outputs)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "activation": self.activation, "l2": self.l2}
        return super().get_config() | own


def layer_of(units: int, activation: str, penalty: str, strength: float) -> Any:
    """A Dense layer under the penalty of a road."""
    if penalty == "factored":
        return FactoredDense(units, activation, l2=strength / 2)
    regularizer = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2}.get(penalty)
    chosen = regularizer(strength) if regularizer else None
    return keras.layers.Dense(units, activation, kernel_regularizer=chosen)


def masked(kernel: Any) -> Any:
    """A mask that the kernel is multiplied by after every step."""
    mask = keras.Variable(np.ones(kernel.shape), trainable=False)
    kernel.constraint = lambda w: w * mask
    return mask
