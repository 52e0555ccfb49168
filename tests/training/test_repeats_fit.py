"""`train` repeats `fit`: as a graph to the bit, under XLA within rounding."""

import keras
import numpy as np
import pytest
from keras import layers

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.training needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from kerasreg.regularizers import ElasticNet
from kerasreg.training import train
from tests.training.models import (
    CROSSENTROPY,
    IMAGES,
    SEQUENCES,
    TARGETS,
    N,
    X,
    Y,
    curve,
    largest_difference,
    regularized,
    sequential,
    smooth,
    trained,
)


def relu_mlp():
    return sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(16, "relu"),
        lambda: layers.Dense(3, "softmax"),
    ), X


def conv_net():
    return sequential(
        lambda: keras.Input((8, 8, 1)),
        lambda: layers.Conv2D(4, 3, activation="relu"),
        lambda: layers.MaxPooling2D(),
        lambda: layers.Flatten(),
        lambda: layers.Dropout(0.3),
        lambda: layers.Dense(3, "softmax"),
    ), IMAGES


def normalized_conv_net():
    return sequential(
        lambda: keras.Input((8, 8, 1)),
        lambda: layers.Conv2D(4, 3, activation="relu"),
        lambda: layers.BatchNormalization(),
        lambda: layers.Flatten(),
        lambda: layers.Dense(3, "softmax", kernel_regularizer=ElasticNet(1e-3)),
    ), IMAGES


def sgd():
    return keras.optimizers.SGD(0.1)


def momentum():
    return keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)


OPTIMIZERS = [
    sgd,
    momentum,
    keras.optimizers.Adam,
    keras.optimizers.AdamW,
    keras.optimizers.RMSprop,
]


def fitted(build, optimizer="adam", epochs=10, **settings):
    model, x = build()
    model.compile(optimizer, CROSSENTROPY, metrics=["accuracy"], jit_compile=False)
    history = model.fit(
        x, Y, epochs=epochs, shuffle=False, verbose=0, validation_data=(x, Y), **settings
    )
    return model, history.history


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("build", [relu_mlp, conv_net, regularized])
def test_graph_repeats_fit_to_the_bit(build, optimizer):
    by_fit, history = fitted(build, optimizer())
    by_train, result = trained(build, optimizer())
    assert largest_difference(by_fit, by_train) == 0.0
    for split, prefix in (("train", ""), ("validation", "val_")):
        for quantity in ("loss", "accuracy"):
            np.testing.assert_array_equal(
                curve(result, quantity, split), history[prefix + quantity], err_msg=quantity
            )


@pytest.mark.parametrize("optimizer", [sgd, keras.optimizers.Adam])
def test_graph_repeats_fit_with_batch_normalization_and_elastic_net(optimizer):
    by_fit, history = fitted(normalized_conv_net, optimizer())
    by_train, result = trained(normalized_conv_net, optimizer())
    # TensorFlow's graph optimizer reorders products differently in a loop: a unit in the last
    # place (1.2e-7 at 1) of gamma, or of a weight under elastic net, from time to time.
    assert largest_difference(by_fit, by_train) < 1e-6
    np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda make: make.__name__)
def test_xla_repeats_fit_on_a_smooth_model(optimizer):
    by_fit, history = fitted(smooth, optimizer())
    by_train, result = trained(smooth, optimizer(), jit_compile=True)
    # XLA orders sums differently: single roundings of 6e-8, grown over thirty steps.
    assert largest_difference(by_fit, by_train) < 1e-5
    np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-5)


def test_xla_on_a_model_with_kinks_has_the_same_losses():
    _, history = fitted(regularized)
    _, result = trained(regularized, jit_compile=True)
    # A rounding can push a weight across a kink of ReLU or L1, and the runs part.
    np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-3)
    np.testing.assert_allclose(curve(result, split="validation"), history["val_loss"], rtol=1e-3)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_loss_is_data_loss_and_penalties(jit_compile):
    _, result = trained(regularized, jit_compile=jit_compile, epochs=3)
    for split in ("train", "validation"):
        total = curve(result, "data_loss", split) + curve(result, "penalty", split)
        # Roundings of single float32 numbers, 6e-8 each.
        np.testing.assert_allclose(curve(result, "loss", split), total, rtol=1e-6)
    names = set(result.curves["quantity"])
    assert {
        f"penalty/{name}" for name in ("dense/kernel", "dense/bias", "dense", "dense_1")
    } < names


@pytest.mark.parametrize("jit_compile", [False, True])
def test_sample_and_class_weights_as_fit(jit_compile):
    weights = np.linspace(0.0, 2.0, N).astype("float32")
    for settings in ({"sample_weight": weights}, {"class_weight": {0: 0.2, 2: 3.0}}):
        by_fit, history = fitted(smooth, epochs=3, **settings)
        by_train, result = trained(smooth, epochs=3, jit_compile=jit_compile, **settings)
        # To the bit as a graph; XLA rounds differently.
        assert largest_difference(by_fit, by_train) <= (1e-5 if jit_compile else 0.0)
        np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-5)


def test_shuffling_visits_every_sample_once_in_an_order_of_the_seed():
    seen = []

    class Spy(layers.Layer):
        def call(self, inputs):
            tf.py_function(lambda rows: seen.extend(rows.numpy()[:, 0].tolist()), [inputs], [])
            return inputs

    def orders(seed):
        seen.clear()
        model = keras.Sequential([keras.Input((1,)), Spy(), layers.Dense(1)])
        x = np.arange(N, dtype="float32")[:, None]
        train(model, x, x, loss="mse", epochs=2, seed=seed, jit_compile=False)
        return seen[:N], seen[N:]

    first, second = orders(seed=3)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert orders(seed=3) == (first, second)
    assert orders(seed=4) != (first, second)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dataset_gives_the_same_as_arrays(jit_compile):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    by_arrays, expected = trained(smooth, epochs=3, jit_compile=jit_compile)
    model, _ = smooth()
    result = train(
        model,
        dataset,
        loss=CROSSENTROPY,
        epochs=3,
        jit_compile=jit_compile,
        validation_data=dataset,
        metrics=["accuracy"],
    )
    assert largest_difference(by_arrays, model) <= (1e-6 if jit_compile else 0.0)
    assert (result.curves["quantity"] == expected.curves["quantity"]).all()
    np.testing.assert_allclose(result.curves["value"], expected.curves["value"], rtol=1e-5)


def recurrent():
    return sequential(
        lambda: keras.Input((5, 3)),
        lambda: layers.LSTM(4, kernel_regularizer="l2", recurrent_regularizer="l1"),
        lambda: layers.Dense(3, "softmax"),
    ), SEQUENCES


@pytest.mark.parametrize("build", [recurrent, normalized_conv_net])
def test_recurrent_and_convolutional_models_under_xla(build):
    model, x = build()
    result = train(model, x, Y, loss=CROSSENTROPY, epochs=8, optimizer=keras.optimizers.Adam(0.01))
    assert curve(result)[-1] < curve(result)[0]


def test_several_inputs_and_outputs():
    def build():
        keras.utils.set_random_seed(1)
        a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
        hidden = layers.Dense(5, "tanh", activity_regularizer="l2")(layers.Concatenate()([a, b]))
        outputs = {
            "value": layers.Dense(1, name="value")(hidden),
            "label": layers.Dense(3, "softmax", name="label")(hidden),
        }
        return keras.Model({"a": a, "b": b}, outputs)

    inputs, targets = {"a": X, "b": -X}, {"value": TARGETS, "label": Y}
    losses = {"value": "mse", "label": CROSSENTROPY}
    by_train, by_fit = build(), build()
    result = train(
        by_train, inputs, targets, loss=losses, epochs=3, shuffle=False, jit_compile=False
    )
    by_fit.compile("adam", losses, jit_compile=False)
    history = by_fit.fit(inputs, targets, epochs=3, shuffle=False, verbose=0).history
    assert largest_difference(by_fit, by_train) == 0.0
    np.testing.assert_array_equal(curve(result), history["loss"])


def test_embedding_with_sparse_gradients_and_mixed_precision():
    tokens = np.random.default_rng(1).integers(0, 9, (N, 4))

    def build():
        return sequential(
            lambda: keras.Input((4,), dtype="int32"),
            lambda: layers.Embedding(9, 3, embeddings_regularizer="l2"),
            lambda: layers.Flatten(),
            lambda: layers.Dense(3, "softmax", dtype="float32"),
        ), tokens

    before = keras.config.dtype_policy()
    try:
        for policy in ("float32", "mixed_float16"):
            keras.config.set_dtype_policy(policy)
            by_fit, history = fitted(build, epochs=2)
            by_train, result = trained(build, epochs=2)
            assert largest_difference(by_fit, by_train) == 0.0
            np.testing.assert_array_equal(curve(result), history["loss"])
    finally:
        keras.config.set_dtype_policy(before)
