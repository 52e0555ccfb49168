"""What `speed_gpu` measures: values with gradients and prox of a kernel, and steps of `fit`."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from experiments.timing import interleaved
from kerasreg.optimizers import ProximalAdam
from kerasreg.regularizers import ElasticNet, GroupLasso, as_penalty

L1L2 = keras.regularizers.L1L2(0.01, 0.01)
NET = ElasticNet(strength=0.03, l1_ratio=1 / 3)  # the same function, 0.01·‖w‖₁ + 0.01·‖w‖²
GROUPS = GroupLasso(0.01, groups="outputs")
OURS, KERAS, COPY = "ElasticNet", "Keras L1L2", "copy"


def compiled(function, *arrays):
    """A call that computes the function of the arrays on the device, and waits for it."""
    import jax

    program = jax.jit(function)
    return lambda: jax.block_until_ready(program(*arrays))


def on_arrays(width, calls, settings, track):
    """Seconds of value with gradient, and of the prox, of a square kernel."""
    import jax

    random = np.random.default_rng(0)
    w = jax.device_put(random.normal(size=(width, width)).astype("float32"))
    steps = jax.device_put(random.uniform(0.01, 1, (width, width)).astype("float32"))
    l1 = as_penalty(keras.regularizers.L1(0.01))
    methods = {
        OURS: compiled(jax.value_and_grad(NET), w),
        KERAS: compiled(jax.value_and_grad(L1L2), w),
        "GroupLasso": compiled(jax.value_and_grad(GROUPS), w),
        "prox of L1": compiled(l1.prox, w, steps),
        "prox of groups": compiled(GROUPS.prox, w, steps),
        COPY: compiled(ops.copy, w),
    }
    return interleaved(f"{width} × {width}", methods, settings.repetitions, calls, track)


def with_fit(optimizer, penalty, units, steps, settings):
    """A call of `fit`, one epoch of so many steps, with the penalty on every kernel."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((units[0],))])
    for width, activation in [*((width, "relu") for width in units), (10, "softmax")]:
        model.add(keras.layers.Dense(width, activation, kernel_regularizer=penalty))
    model.compile(optimizer(), "sparse_categorical_crossentropy")
    random, n_samples = np.random.default_rng(0), steps * settings.batch_size
    x = random.normal(size=(n_samples, units[0])).astype("float32")
    y = random.integers(0, 10, n_samples)
    return lambda: model.fit(x, y, batch_size=settings.batch_size, verbose=0)


def fits(settings, track):
    """Seconds of a step of `fit`."""
    l1 = keras.regularizers.L1(1e-4)
    for units, steps in zip(settings.units, settings.steps, strict=True):
        methods = {
            "Adam, L1": with_fit(keras.optimizers.Adam, l1, units, steps, settings),
            "ProximalAdam, L1": with_fit(ProximalAdam, l1, units, steps, settings),
            "Adam, groups": with_fit(keras.optimizers.Adam, GROUPS, units, steps, settings),
            "ProximalAdam, groups": with_fit(ProximalAdam, GROUPS, units, steps, settings),
        }
        name = "-".join(map(str, (units[0], *units, 10)))
        rows = interleaved(name, methods, settings.repetitions, track=track)
        yield rows.assign(seconds=rows["seconds"] / steps)
