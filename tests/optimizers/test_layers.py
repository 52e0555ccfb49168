"""Layers of all kinds: frozen, shared, tied, with sparse gradients, in nested models."""

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

from kerasreg.optimizers import (
    ProximalAdam,
    ProximalSGD,
)
from kerasreg.variables import values_of
from tests.optimizers import proximal_reference as reference
from tests.optimizers.linear_model import (
    BACKEND,
    EMBEDDINGS,
    IMAGES,
    L1,
    OPTIMIZERS,
    PROGRAM,
    PROX,
    SEQUENCES,
    START,
    N,
    X,
    Y,
    assert_identical,
    assert_same,
    compiled,
    conv_net,
    custom_loop,
    expected,
    fit,
    weights_of,
)
from tests.optimizers.proximal_reference import elastic_prox, minimize


def test_variable_without_penalty_moves_as_under_keras():
    for ours, theirs in (
        (ProximalSGD(0.05, momentum=0.8, nesterov=True), keras.optimizers.SGD(0.05, 0.8, True)),
        (ProximalAdam(0.05), keras.optimizers.Adam(0.05)),
    ):
        # Under PyTorch, Keras steps all variables of its own optimizers in one call.
        atol = 1e-6 if BACKEND == "torch" else 0
        assert_same(fit(compiled(ours, None)), fit(compiled(theirs, None)), atol)


def test_frozen_layers_stay_and_the_others_move():
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4, kernel_regularizer=regularizers.L1(1.0), trainable=False),
            layers.Dense(1, kernel_regularizer=regularizers.L1(0.3)),
        ]
    )
    model.compile(ProximalSGD(0.1), "mse", jit_compile=PROGRAM)
    before = weights_of(model)
    after = fit(model)
    assert_identical(before[:2], after[:2])
    hidden = X @ before[0] + before[1]
    assert_same(after[2:], expected(start=before[2:], x=hidden))


def test_shared_layer():
    shared = layers.Dense(1, use_bias=False, kernel_regularizer=L1)
    inputs = [keras.Input((5,)), keras.Input((5,))]
    model = keras.Model(inputs, layers.Add()([shared(i) for i in inputs]))
    model.set_weights(START[:1])
    model.compile(ProximalAdam(0.05), "mse", jit_compile=PROGRAM)
    other = np.roll(X, 1, axis=0)
    model.fit([X, other], Y, batch_size=N, epochs=12, verbose=0)
    wanted = expected("adam", proxes=PROX[:1], start=START[:1], x=X + other)
    assert_same(weights_of(model), wanted)


@keras.saving.register_keras_serializable(package="test_optimizers")
class Transposed(layers.Layer):
    """Uses the kernel of a Dense layer the other way round."""

    def __init__(self, dense, **settings):
        super().__init__(**settings)
        self.dense = dense

    def call(self, inputs):
        return ops.matmul(inputs, ops.transpose(self.dense.kernel))


def test_tied_weights():
    inputs = keras.Input((5,))
    encoder = layers.Dense(3, use_bias=False, kernel_regularizer=regularizers.L1(0.05))
    model = keras.Model(inputs, Transposed(encoder)(encoder(inputs)))
    start = [np.random.default_rng(1).normal(size=(5, 3), scale=0.3)]
    model.set_weights(start)
    model.compile(ProximalSGD(0.1), "mse", jit_compile=PROGRAM)
    fit(model, 40, y=X)

    def gradients(arrays):
        x, kernel = X.astype("float64"), arrays[0]
        residual = 2 * (x @ kernel @ kernel.T - x) / x.size
        return [x.T @ residual @ kernel + residual.T @ x @ kernel]

    wanted = minimize(start, gradients, [elastic_prox(l1=0.05)], reference.SGD, rate=0.1, steps=40)
    assert_same(weights_of(model), wanted)
    assert (wanted[0] == 0).any()


IDS = np.array([[0, 0, 1], [1, 2, 0], [3, 3, 3], [0, 4, 2]])
IDS_TARGETS = np.array([[1.0], [0.5], [-1.0], [0.3]], "float32")

# The mean over an example's embeddings is linear in them; the sixth is never looked up.
IDS_COUNTS = np.array([np.bincount(row, minlength=6) / 3 for row in IDS])


def embedding():
    table = layers.Embedding(6, 1, embeddings_regularizer=regularizers.L1(0.05))
    inputs = keras.Input((3,), dtype="int32")
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(table(inputs)))
    model.set_weights(EMBEDDINGS)
    return model


def expected_embedding(name, steps, **settings):
    return expected(
        name,
        steps,
        [elastic_prox(l1=0.05)],
        EMBEDDINGS,
        IDS_COUNTS,
        IDS_TARGETS,
        **settings,
    )


@pytest.mark.parametrize("setting", [{}, {"clipnorm": 0.1}], ids=str)
@pytest.mark.parametrize("name", ["nesterov", "adam"])
def test_embedding_in_fit(name, setting):
    model = embedding()
    model.compile(OPTIMIZERS[name].make(**setting), "mse", jit_compile=PROGRAM)
    fit(model, 10, IDS, IDS_TARGETS)
    clip = {"clip": reference.by_norm(0.1)} if setting else {}
    assert_same(weights_of(model), expected_embedding(name, 10, **clip))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("with_penalties", [True, False])
def test_embedding_in_a_custom_loop(name, with_penalties):
    # Without the penalties, a gradient of TensorFlow holds the looked up rows, one by one.
    model, optimizer = embedding(), OPTIMIZERS[name].make()
    optimizer.build(model.trainable_variables)
    weights = custom_loop(model, optimizer, 10, IDS, IDS_TARGETS, with_penalties=with_penalties)
    assert_same(weights, expected_embedding(name, 10))


def recurrent_net(**penalties):
    return [
        keras.Input((4, 3)),
        layers.LSTM(
            3,
            kernel_regularizer=penalties.get("kernel"),
            recurrent_regularizer=penalties.get("recurrent"),
        ),
        layers.Dense(1),
    ]


def normalized_net(**penalties):
    return [
        keras.Input((5,)),
        layers.Dense(3, kernel_regularizer=penalties.get("kernel")),
        layers.BatchNormalization(
            gamma_regularizer=penalties.get("gamma"), beta_regularizer=penalties.get("beta")
        ),
        layers.Dense(1),
    ]


def active_net(**penalties):
    return [
        keras.Input((5,)),
        layers.Dense(
            3,
            "tanh",
            kernel_regularizer=penalties.get("kernel"),
            activity_regularizer=regularizers.L2(0.3),
        ),
        layers.Dense(1, activity_regularizer=regularizers.L1(0.1)),
    ]


@pytest.mark.parametrize(
    ("build", "inputs", "penalties"),
    [
        (conv_net, IMAGES, {"kernel": ["conv2d/kernel"], "bias": ["dense/bias"]}),
        (
            recurrent_net,
            SEQUENCES,
            {"kernel": ["lstm_cell/kernel"], "recurrent": ["lstm_cell/recurrent_kernel"]},
        ),
        (
            normalized_net,
            X,
            {
                "kernel": ["dense/kernel"],
                "gamma": ["batch_normalization/gamma"],
                "beta": ["batch_normalization/beta"],
            },
        ),
        (active_net, X, {"kernel": ["dense/kernel"]}),
    ],
    ids=["conv", "lstm", "batch_normalization", "activity"],
)
def test_layers_of_all_kinds(build, inputs, penalties):
    """One step of Keras's SGD on the model without penalties is a step along the data gradient.

    An activity regularizer is no penalty on weights: it stays in the loss, and in this gradient.
    """
    rate, l1 = 0.1, 0.8
    paths = [path for ends in penalties.values() for path in ends]
    model = keras.Sequential(build(**dict.fromkeys(penalties, regularizers.L1(l1))))
    model.compile(ProximalSGD(rate), "mse", jit_compile=PROGRAM)
    twin = keras.Sequential(build())
    twin.compile(keras.optimizers.SGD(rate), "mse", jit_compile=PROGRAM)
    n_zero = 0
    for _ in range(4):
        twin.set_weights(model.get_weights())
        fit(model, 1, inputs)
        fit(twin, 1, inputs)
        for one, other in zip(model.weights, twin.weights, strict=True):
            wanted = values_of(other)
            if any(one.path.endswith(path) for path in paths):
                paths = [path for path in paths if not one.path.endswith(path)] + [one.path]
                wanted = elastic_prox(l1=l1)(wanted, rate)
                n_zero += (wanted == 0).sum()
            assert_same([values_of(one)], [wanted], atol=3e-7)
    assert n_zero > 0
    assert sum(v.path in paths for v in model.weights) == len(paths)
