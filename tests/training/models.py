"""Small models, and their training by `fit` and by `train`."""

import keras
import numpy as np
from keras import layers, regularizers

from kerasreg.training import train

RANDOM = np.random.default_rng(0)
N = 75  # two batches of 32 and a short one of 11
X = RANDOM.normal(size=(N, 6)).astype("float32")
Y = RANDOM.integers(0, 3, N)
TARGETS = RANDOM.normal(size=(N, 1)).astype("float32")
IMAGES = RANDOM.normal(size=(N, 8, 8, 1)).astype("float32")
SEQUENCES = RANDOM.normal(size=(N, 5, 3)).astype("float32")
CROSSENTROPY = "sparse_categorical_crossentropy"


def sequential(*stack):
    keras.utils.clear_session()  # the names of layers are compared
    keras.utils.set_random_seed(1)
    return keras.Sequential([make() for make in stack])


def regularized():
    return sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(
            16,
            "relu",
            kernel_regularizer=regularizers.L1(1e-3),
            bias_regularizer=regularizers.L2(1e-2),
            activity_regularizer=regularizers.L1L2(1e-3, 1e-3),
        ),
        lambda: layers.Dense(3, "softmax", activity_regularizer="l2"),
    ), X


def smooth():
    return sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(16, "tanh", kernel_regularizer="l2", activity_regularizer="l2"),
        lambda: layers.Dense(3, "softmax"),
    ), X


def curve(result, quantity="loss", split="train"):
    table = result.curves
    return table[(table["split"] == split) & (table["quantity"] == quantity)]["value"].to_numpy()


def largest_difference(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def trained(build, optimizer="adam", epochs=10, **settings):
    model, x = build()
    settings = {
        "validation_data": (x, Y),
        "jit_compile": False,
        "metrics": ["accuracy"],
        **settings,
    }
    result = train(
        model,
        x,
        Y,
        optimizer=optimizer,
        loss=CROSSENTROPY,
        epochs=epochs,
        shuffle=False,
        **settings,
    )
    return model, result
