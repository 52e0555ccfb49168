"""Losses, weights, metrics, inputs and models of all kinds, member by member."""

import keras
import numpy as np
import pytest
from keras import layers, ops

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.grid needs the TensorFlow backend", allow_module_level=True)

from kerasreg import optimizers
from kerasreg.copies import fresh_values
from kerasreg.grid import train_grid
from tests.grid.members import CROSSENTROPY, compared, curve
from tests.grid.small_models import (
    IMAGES,
    LABELS,
    TARGETS,
    WORDS,
    N,
    X,
    adam,
    classified,
    mlp,
    plain,
)

STRENGTHS = (0.0, 0.05, 0.5)


def test_several_inputs_outputs_losses_and_weights():
    first, second = keras.Input((5,), name="first"), keras.Input((4,), name="second")
    shared = layers.Dense(4, "tanh", kernel_regularizer="l2")
    both = layers.Concatenate()([shared(first), layers.Dense(3, "tanh")(second), shared(first)])
    outputs = {
        "label": layers.Dense(3, "softmax", name="label", kernel_regularizer="l1")(both),
        "value": layers.Dense(1, name="value")(both),
    }
    model = keras.Model({"first": first, "second": second}, outputs)
    compared(
        model,
        {"first": X, "second": WORDS.astype("float32")},
        {"label": LABELS, "value": TARGETS},
        optimizer=adam,
        loss={"label": CROSSENTROPY, "value": keras.losses.Huber()},
        # A plain graph of `train` does not know the size of a batch, and Keras then weights the
        # short one as a full one.
        alone={"jit_compile": True},
    )


def test_inputs_in_a_tuple():
    first, second = keras.Input((5,)), keras.Input((4,))
    both = layers.Concatenate()([first, second])
    model = keras.Model((first, second), layers.Dense(3, "softmax", kernel_regularizer="l1")(both))
    classified(model, (X, WORDS.astype("float32")))


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_sample_weights(shape):
    weights = np.random.default_rng(1).uniform(0.1, 3, size=shape).astype("float32")
    # Not Adam, which divides by the size of a gradient: where that is all but zero, it magnifies
    # the rounding of sums in another order.
    validation_data = (X, LABELS, weights[::-1])
    classified(mlp(), optimizer=plain, sample_weight=weights, validation_data=validation_data)


@pytest.mark.parametrize("optimizer", [plain, lambda: optimizers.ProximalSGD(0.1)])
def test_constraints(optimizer):
    constraint = keras.constraints.MaxNorm(0.4)
    model = mlp(kernel_constraint=constraint, bias_constraint=keras.constraints.NonNeg())
    record = classified(model, optimizer=optimizer)
    norms = np.linalg.norm(record.values(0.05)[0], axis=0)
    np.testing.assert_array_less(norms, 0.4 + 1e-6)


def test_frozen_layers_stay_as_they_are():
    model = mlp(first="l1", last="l1")
    model.layers[0].trainable = False
    record = classified(model)
    expected = fresh_values(model, 0)
    np.testing.assert_array_equal(record.values(0.5)[-2], expected[-2])


@keras.saving.register_keras_serializable(package="test_grid")
class Subclassed(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.hidden = layers.Dense(6, "tanh", kernel_regularizer="l2")
        self.out = layers.Dense(3, "softmax", kernel_regularizer="l1")

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {}


def test_a_subclassed_model():
    model = Subclassed()
    model(X[:1])
    classified(model)


@keras.saving.register_keras_serializable(package="test_grid")
class AddsLoss(layers.Layer):
    """Adds a loss that is nobody's penalty, and counts in how many traces it was called."""

    traces = 0

    def call(self, x):
        AddsLoss.traces += 1
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return x


def with_added_loss():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh", kernel_regularizer="l2"),
            AddsLoss(),
            layers.Dense(3, "softmax", kernel_regularizer="l1"),
        ]
    )


def test_what_a_layer_adds_to_the_loss_has_no_strength():
    record = classified(with_added_loss(), check_both=True)
    ends = [curve(record, "penalty/adds_loss", strength=s) for s in (0.0, 0.5)]
    assert np.all(ends[0] > 0)


def test_a_model_that_a_proximal_optimizer_has_trained_before():
    model = mlp(first="l1")
    model.compile(adam(), CROSSENTROPY)
    model.fit(X, LABELS, verbose=0)
    classified(model)
    classified(model, optimizer=plain)


def squared(y_true, y_pred):
    return ops.mean(ops.square(ops.cast(y_true, "float32") - y_pred), axis=-1)


def largest(y_true, y_pred):
    """Of the batch, so that a sample that only fills it must not be in it."""
    return ops.max(ops.abs(y_pred))


@pytest.mark.parametrize(
    "loss",
    [lambda: squared, lambda: keras.losses.MeanSquaredError(reduction="sum"), keras.losses.Dice],
    ids=["function", "sum", "Dice"],
)
def test_losses_that_are_not_a_mean_of_keras(loss):
    compared(
        keras.Sequential([keras.Input((5,)), layers.Dense(1, "sigmoid", kernel_regularizer="l1")]),
        X,
        (TARGETS > 0).astype("float32"),
        optimizer=lambda: optimizers.ProximalSGD(0.02),
        loss=loss(),
        alone={"loss": loss()},
    )


@pytest.mark.parametrize(
    "metrics",
    [
        lambda: ["accuracy", "mae", keras.metrics.AUC(20, name="auc")],
        lambda: [largest, keras.metrics.R2Score(name="r2")],
    ],
    ids=["means", "others"],
)
def test_metrics(metrics):
    compared(
        keras.Sequential([keras.Input((5,)), layers.Dense(1, "sigmoid", kernel_regularizer="l1")]),
        X,
        (TARGETS > 0).astype("float32"),
        optimizer=adam,
        loss="binary_crossentropy",
        metrics=metrics(),
        alone={"metrics": metrics()},
        check_both=True,
    )


def test_sequences_whose_loss_leaves_out_what_is_masked():
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            layers.Embedding(7, 3, mask_zero=True, embeddings_regularizer="l2"),
            layers.Dense(1),
        ]
    )
    y = np.random.default_rng(1).normal(size=(N, 4, 1)).astype("float32")
    compared(model, WORDS, y, optimizer=plain, loss="mse")


def test_images_as_targets():
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(1, 3, padding="same", kernel_regularizer="l1")]
    )
    # As many rows as samples in a batch, where weights of another shape would be taken for others.
    compared(model, IMAGES, IMAGES[:, ::-1], optimizer=adam, loss="mse", batch_size=6)


def test_numbers_of_double_precision():
    keras.config.set_floatx("float64")
    try:
        classified(mlp(last="l1"), X.astype("float64"), optimizer=plain)
    finally:
        keras.config.set_floatx("float32")
        # Asked for the first time within this test, it has become float64, and would stay so.
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("kind", ["sequential", "subclassed", "dataset"])
def test_a_model_that_is_not_built_yet_is_built_for_batches_of_any_length(kind):
    import tensorflow as tf

    def unbuilt():
        if kind == "subclassed":
            return Subclassed()
        return keras.Sequential([layers.Dense(3, "softmax", kernel_regularizer="l1")])

    settings = {"strengths": STRENGTHS, "optimizer": adam(), "loss": CROSSENTROPY, "epochs": 2}
    settings |= {"jit_compile": False, "verbose": 0, "initial_weights": "model", "batch_size": 16}
    model, data = unbuilt(), (X, LABELS)
    if kind == "dataset":
        data = (tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(16),)
    assert not model.built
    record = train_grid(model, *data, **settings)
    assert model(X).shape == (N, 3)
    again = train_grid(model, *data, **settings)
    for strength in STRENGTHS:
        for value, expected in zip(record.values(strength), again.values(strength), strict=True):
            np.testing.assert_array_equal(value, expected)


HIDDEN = layers.ActivityRegularization(l2=1.0)


class Hides(layers.Layer):
    """Calls a layer that neither it nor the model has among its layers."""

    def call(self, x):
        return HIDDEN(x)


def test_a_loss_that_fit_does_not_see_is_no_part_of_the_loss_and_takes_no_name():
    dense = [layers.Dense(n, kernel_regularizer="l2") for n in (6, 3)]
    model = keras.Sequential([keras.Input((5,)), dense[0], Hides(), dense[1]])
    settings = {"loss": "mse", "metrics": (), "optimizer": adam}
    record = compared(model, X, np.eye(3, dtype="float32")[LABELS], **settings)
    assert {"penalty/dense/kernel", "penalty/dense_1/kernel"} < set(record.curves["quantity"])
