"""The networks of `weight_decay`: one model that holds all strengths and seeds as its members."""

import keras
import numpy as np
from keras import ops

OPTIMIZERS: dict = {
    "SGD": (keras.optimizers.SGD, {}),
    "SGD, momentum": (keras.optimizers.SGD, {"momentum": 0.9}),
    "Adam": (keras.optimizers.Adam, {}),
}
PENALTIES = ("l2", "weight decay")


def initial_weights(settings):
    """Keras's initial weights of one network a seed, the same for every strength."""
    networks = []
    for seed in settings.seeds:
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(settings.hidden_units), keras.layers.Dense(10)]
        networks.append(keras.Sequential([keras.Input((64,)), *layers]).get_weights())
    stacked = [np.stack(members) for members in zip(*networks, strict=True)]
    return [np.broadcast_to(w, (len(settings.decays), *w.shape)) for w in stacked]


def network(settings, name, penalty):
    """One two-layer network for all members (axes l, of the strengths, and s, of the seeds)."""
    members = (len(settings.decays), len(settings.seeds))
    decays = np.reshape(settings.decays, (-1, 1, 1, 1)).astype("float32")

    def l2(kernel):  # keras.regularizers.L2(decay / 2), with a decay of its own for each member
        return ops.sum(decays / 2 * ops.square(kernel))

    look = {"bias_axes": "lso", "kernel_regularizer": l2 if penalty == "l2" else None}
    # Smooth: at the kinks of ReLU the rounding of two runs that should be the same grows.
    hidden = keras.layers.EinsumDense(
        "bsi,lsio->blso", (*members, settings.hidden_units), activation="tanh", **look
    )
    output = keras.layers.EinsumDense("blsi,lsio->blso", (*members, 10), **look)
    model = keras.Sequential([keras.Input((members[1], 64)), hidden, output])
    kind, options = OPTIMIZERS[name]
    if penalty == "l2":
        optimizer = kind(**options)
    else:  # with Adam, this is AdamW: kernel ← kernel − learning_rate·weight_decay·kernel
        optimizer = kind(**options, weight_decay=0.0)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.weight_decay = decays
    optimizer.build(model.trainable_variables)
    return model, optimizer, [ops.convert_to_numpy(v).copy() for v in optimizer.variables]
