"""One linear model, trained by `fit` or by a loop, and what its weights have to be."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops, regularizers

from kerasreg.optimizers import (
    ProximalAdagrad,
    ProximalAdam,
    ProximalAdamW,
    ProximalNadam,
    ProximalRMSprop,
    ProximalSGD,
)
from kerasreg.regularizers import ElasticNet
from kerasreg.variables import values_of
from tests.optimizers import proximal_reference as reference
from tests.optimizers.proximal_reference import elastic_prox, least_squares, minimize, no_prox

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax

# A plain graph of TensorFlow starts sooner than an XLA program; test_kinds_of_execution has both.
PROGRAM = False if BACKEND == "tensorflow" else "auto"
RANDOM = np.random.default_rng(0)
N = 16
X = RANDOM.normal(size=(N, 5)).astype("float32")
Y = (X @ [[1.0], [-1.0], [0.0], [0.3], [0.0]] + 0.5).astype("float32")
START = [RANDOM.normal(size=(5, 1)).astype("float32"), np.zeros(1, "float32")]

# Weights of size 1 in float32, each rounded by 6e-8 in some ten steps, and moved by gradients that
# are differences of larger numbers, divided by their own size.
ROUNDING = 2e-6


class Tried(NamedTuple):
    """A proximal optimizer: what the tests make of it, and what they compare it with."""

    make: Callable[..., Any]  # with further arguments of its constructor
    rule: Callable[[], Any]  # of proximal_reference
    rate: float
    lasso: Callable[[], Any]  # what ends at the minimum of a lasso on the diabetes data
    lasso_steps: int


def tried(kind, rule, rate, *, lasso, lasso_steps, **settings):
    """With these settings; `lasso` are those that differ in the test against scikit-learn."""
    return Tried(
        lambda **others: kind(rate, **settings, **others),
        rule,
        rate,
        lambda: kind(**(settings | lasso)),
        lasso_steps,
    )


# All that the tests have to know of an optimizer. Every public one is in here, see test_steps.
OPTIMIZERS = {
    "sgd": tried(ProximalSGD, reference.SGD, 0.1, lasso={"learning_rate": 0.2}, lasso_steps=800),
    "momentum": tried(
        ProximalSGD,
        lambda: reference.SGD(momentum=0.8),
        0.05,
        momentum=0.8,
        lasso={"learning_rate": 0.1},
        lasso_steps=500,
    ),
    "nesterov": tried(
        ProximalSGD,
        lambda: reference.SGD(momentum=0.8, nesterov=True),
        0.05,
        momentum=0.8,
        nesterov=True,
        lasso={"learning_rate": 0.1, "momentum": 0.9},
        lasso_steps=500,
    ),
    "adam": tried(
        ProximalAdam, reference.Adam, 0.05, lasso={"learning_rate": 0.01}, lasso_steps=1500
    ),
    "amsgrad": tried(
        ProximalAdam,
        lambda: reference.Adam(amsgrad=True),
        0.05,
        amsgrad=True,
        lasso={"learning_rate": 0.01},
        lasso_steps=2000,
    ),
    "adamw": tried(
        ProximalAdamW,
        reference.Adam,
        0.05,
        weight_decay=0.0,
        lasso={"learning_rate": 0.01},
        lasso_steps=1500,
    ),
    "nadam": tried(
        ProximalNadam, reference.Nadam, 0.05, lasso={"learning_rate": 0.01}, lasso_steps=1500
    ),
    "rmsprop": tried(
        ProximalRMSprop, reference.RMSprop, 0.02, lasso={"learning_rate": 0.01}, lasso_steps=1500
    ),
    "rmsprop_momentum": tried(
        ProximalRMSprop,
        lambda: reference.RMSprop(momentum=0.5),
        0.02,
        momentum=0.5,
        lasso={"learning_rate": 0.01},
        lasso_steps=1500,
    ),
    "rmsprop_centered": tried(
        ProximalRMSprop,
        lambda: reference.RMSprop(centered=True),
        0.02,
        centered=True,
        # The variance of a gradient that comes to rest is 0, the step size then rate/√ε, and below
        # 2/8 as it must be (8 is twice the largest eigenvalue of the data).
        lasso={"learning_rate": 5e-5},
        lasso_steps=2000,
    ),
    "adagrad": tried(
        ProximalAdagrad, reference.Adagrad, 0.2, lasso={"learning_rate": 0.3}, lasso_steps=1500
    ),
}

PENALTIES = {
    "L1": (regularizers.L1(0.3), elastic_prox(l1=0.3)),
    "L2": (regularizers.L2(0.4), elastic_prox(l2=0.4)),
    "L1L2": (regularizers.L1L2(0.2, 0.3), elastic_prox(l1=0.2, l2=0.3)),
    # λ·(ρ·‖w‖₁ + (1 − ρ)/2·‖w‖²)
    "ElasticNet": (ElasticNet(0.5, l1_ratio=0.6), elastic_prox(l1=0.3, l2=0.1)),
}

L1 = regularizers.L1(0.3)
PROX = [elastic_prox(l1=0.3), no_prox]


def linear(regularizer=L1, start=START):
    dense = layers.Dense(1, kernel_regularizer=regularizer, use_bias=len(start) == 2)
    model = keras.Sequential([keras.Input((len(start[0]),)), dense])
    model.set_weights(start)
    return model


def compiled(optimizer, regularizer=L1, start=START, **settings):
    model = linear(regularizer, start)
    model.compile(optimizer, "mse", **{"jit_compile": PROGRAM, **settings})
    return model


def fit(model, steps=12, x=X, y=Y, batch_size=None, **settings):
    """Steps over all data at once, or over batches one after the other."""
    batch_size = batch_size or len(x)
    model.fit(
        x, y, batch_size=batch_size, epochs=steps, verbose=0, **{"shuffle": False, **settings}
    )
    return weights_of(model)


def weights_of(model):
    return [values_of(v).copy() for v in model.weights]


def expected(name="sgd", steps=12, proxes=PROX, start=START, x=X, y=Y, **settings):
    settings = {"rate": OPTIMIZERS[name].rate, **settings}
    return minimize(
        start, least_squares(x, y), proxes, OPTIMIZERS[name].rule, steps=steps, **settings
    )


def assert_same(weights, others, atol=ROUNDING):
    for one, other in zip(map(np.asarray, weights), map(np.asarray, others), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)
        np.testing.assert_array_equal(one == 0, other == 0)


def assert_identical(weights, others):
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)


def losses_of(model, x, y, with_penalties=True):
    loss = ops.mean(ops.square(model(x) - ops.convert_to_tensor(y)))
    return loss + sum(model.losses) if with_penalties else loss


def custom_loop(model, optimizer, steps=5, x=X, y=Y, with_penalties=True, as_program=False):
    """The loop that a user of this backend would write by hand."""
    if BACKEND == "tensorflow":

        def step():
            with tf.GradientTape() as tape:
                loss = losses_of(model, x, y, with_penalties)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

        step = tf.function(step, autograph=False) if as_program else step
        for _ in range(steps):
            step()
    elif BACKEND == "jax":

        def loss_of(trainable, frozen):
            prediction, _, penalties = model.stateless_call(
                trainable, frozen, x, return_losses=True
            )
            loss = ops.mean(ops.square(prediction - y))
            return loss + sum(penalties) if with_penalties else loss

        def step(trainable, state, frozen):
            gradients = jax.grad(loss_of)(trainable, frozen)
            return optimizer.stateless_apply(state, gradients, trainable)

        step = jax.jit(step) if as_program else step
        trainable = [v.value for v in model.trainable_variables]
        frozen = [v.value for v in model.non_trainable_variables]
        state = [v.value for v in optimizer.variables]
        for _ in range(steps):
            trainable, state = step(trainable, state, frozen)
        for variable, value in zip(model.trainable_variables, trainable, strict=True):
            variable.assign(value)
    else:
        import torch

        for _ in range(steps):
            model.zero_grad()
            losses_of(model, x, y, with_penalties).backward()
            gradients = [variable.value.grad for variable in model.trainable_variables]
            with torch.no_grad():
                optimizer.apply(gradients, model.trainable_variables)
    return weights_of(model)


EMBEDDINGS = [RANDOM.normal(size=(6, 1), scale=0.5).astype("float32")]
IMAGES = RANDOM.normal(size=(N, 6, 6, 1)).astype("float32")
SEQUENCES = RANDOM.normal(size=(N, 4, 3)).astype("float32")


def conv_net(**penalties):
    return [
        keras.Input((6, 6, 1)),
        layers.Conv2D(3, 3, activation="tanh", kernel_regularizer=penalties.get("kernel")),
        layers.Flatten(),
        layers.Dense(1, bias_regularizer=penalties.get("bias")),
    ]


UNKNOWN = (
    "A proximal optimizer cannot know whether these gradients hold those of the penalties: {}. "
    "Build it before the first gradients: `optimizer.build(model.trainable_variables)`"
)

UNBUILT = UNKNOWN.format("it was not built when they were computed")
