"""The networks of `fine_tune`: a dense and a convolutional one.

A convolution is trained as what it is, a product of a matrix with every patch of the image: the
same weights and outputs in a fraction of the time, for images as small as these.
"""

import keras
import numpy as np
from keras import layers

DENSE, CONVOLUTIONAL = "dense", "convolutional"
#: Units or filters of the two hidden layers.
WHOLE_UNITS = {DENSE: (128, 64), CONVOLUTIONAL: (24, 48)}


def build(network, units):
    """The network with so many units or filters in its two hidden layers."""
    if network == DENSE:
        return _dense((64,), units)
    first, second = (
        layers.Conv2D(n, 3, activation="relu", name=f"hidden_{at}") for at, n in enumerate(units, 1)
    )
    inside = [first, layers.MaxPooling2D(), second, layers.Flatten()]
    return keras.Sequential([keras.Input((8, 8, 1)), *inside, layers.Dense(10, name="output")])


def images(network, x):
    """Rows of 64 pixels as the network takes them."""
    return x if network == DENSE else x.reshape(-1, 8, 8, 1)


def trained_as(network, units):
    """The network as it is trained; its weights are those of `build`, kernels in other shapes."""
    if network == DENSE:
        return _dense((64,), units)
    return _dense((6, 6, 9), units, layers.MaxPooling2D(), layers.Flatten())


def _dense(shape, units, *between):
    one, two = (layers.Dense(n, "relu", name=f"hidden_{at}") for at, n in enumerate(units, 1))
    return keras.Sequential([keras.Input(shape), one, *between, two, layers.Dense(10)])


def inputs(network, x):
    """Rows of 64 pixels as `trained_as` takes them: for convolutions, patches of 3 × 3 pixels."""
    if network == DENSE:
        return x
    windows = np.lib.stride_tricks.sliding_window_view(x.reshape(-1, 8, 8), (3, 3), axis=(1, 2))
    return windows.reshape(-1, 6, 6, 9)
