"""Gradients of all kinds of models, losses and batches, against finite differences."""

import keras
import numpy as np
import pytest
from keras import layers, regularizers

import kerasreg
from kerasreg.optimality import (
    duality_gap,
    stationarity,
    strength_max,
)
from kerasreg.variables import values_of
from tests.optimality.linear_models import (
    GRADIENT,
    assert_unchanged,
    dense_model,
    every_penalty,
    everything,
    lasso_optimum,
    linear_data,
    set_dense,
)


def finite_differences(function, arrays, step=1e-6):
    """Gradients of a float64 function of arrays by central differences: right to about 1e-9."""
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = function()
            array[index] = kept - step
            gradient[index] = (above - function()) / (2 * step)
            array[index] = kept
        gradients.append(gradient)
    return gradients


def assert_gradients(table, gradients):
    """Compares a model without regularizers, where the distance is the gradient's modulus."""
    expected = [np.max(np.abs(g)) for g in gradients], [np.linalg.norm(g) for g in gradients]
    np.testing.assert_allclose(table["distance_max"], expected[0], **GRADIENT)
    np.testing.assert_allclose(table["distance_norm"], expected[1], **GRADIENT)


def two_layers(weights, x, hidden_penalty=0.0):
    """Output of a tanh network in NumPy, and the mean of its activity penalty over samples."""
    hidden = np.tanh(x @ weights[0] + weights[1])
    return hidden @ weights[2] + weights[3], hidden_penalty * (hidden**2).sum(axis=1)


class Network(keras.Model):
    """The same in Keras, as a subclassed model."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(5, "tanh", activity_regularizer=regularizers.L2(0.3))
        self.out = layers.Dense(2)

    def call(self, x):
        return self.out(self.hidden(x))


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_gradient_of_a_deep_model_in_batches(batch_size, is_weighted):
    rng = np.random.default_rng(0)
    x, y, s = rng.normal(size=(31, 3)), rng.normal(size=(31, 2)), rng.uniform(0, 3, size=31)
    model = Network()
    model(x[:1].astype("float32"))
    weights = [values_of(v).astype("float64") for v in model.trainable_variables]

    def loss():
        y_pred, penalty = two_layers(weights, x, hidden_penalty=0.3)
        each = np.mean((y_pred - y) ** 2, axis=1)
        return np.mean(each * s if is_weighted else each) + np.mean(penalty)

    before = everything(model)
    weighted = {"sample_weight": s} if is_weighted else {}
    table = stationarity(model, x, y, "mse", batch_size=batch_size, **weighted)
    assert_gradients(table, finite_differences(loss, weights))
    assert table["variable"].tolist() == [
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert_unchanged(model, before)


@pytest.mark.parametrize("form", ["list", "dict", "one loss", "no loss for the second"])
def test_several_inputs_and_outputs(form):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    y, z = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    s, t = rng.uniform(0, 3, size=40), rng.uniform(0, 3, size=40)
    first, second = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    joined = layers.Concatenate()([first, second])
    outputs = [layers.Dense(2, name="y")(joined), layers.Dense(1, name="z")(joined)]
    model = keras.Model({"a": first, "b": second}, outputs)
    w = [values_of(v).astype("float64") for v in model.trainable_variables]

    def loss():
        x = np.concatenate([a, b], axis=1)
        squared = np.mean(s[:, None] * (x @ w[0] + w[1] - y) ** 2)
        if form == "no loss for the second":
            return squared
        other = x @ w[2] + w[3] - z
        other = other**2 if form == "one loss" else np.log(np.cosh(other))
        return squared + np.mean((s if form == "one loss" else t)[:, None] * other)

    arguments = {
        "list": ([y, z], ["mse", "log_cosh"], [s, t]),
        "dict": ({"z": z, "y": y}, {"z": "log_cosh", "y": "mse"}, {"y": s, "z": t}),
        "one loss": ([y, z], "mse", s),
        "no loss for the second": ([y, z], ["mse", None], s),
    }
    targets, losses, weight = arguments[form]
    data = {"a": a, "b": b}
    table = stationarity(model, data, targets, losses, sample_weight=weight, batch_size=15)
    assert_gradients(table, finite_differences(loss, w))


def test_outputs_in_a_dict():
    x, y = linear_data(d=3)
    inputs = keras.Input((3,))
    outputs = {"mean": layers.Dense(1)(inputs), "other": layers.Dense(1)(inputs)}
    model = keras.Model(inputs, outputs)
    w = [values_of(v).astype("float64") for v in model.trainable_variables]

    def loss():
        return np.mean((x @ w[0] + w[1] - y[:, None]) ** 2) + np.mean(x @ w[2] + w[3])

    targets, losses = {"mean": y, "other": y}, {"mean": "mse", "other": lambda y, p: p}
    assert_gradients(stationarity(model, x, targets, losses), finite_differences(loss, w))


def test_a_loss_as_name_instance_and_function():
    x, y = linear_data()
    model = dense_model(None, (np.ones(8), 1.0))
    residual = x @ np.ones(8) + 1 - y
    expected = [2 / len(x) * x.T @ residual, 2 * np.mean(residual)]
    losses = (
        "mse",
        "mean_squared_error",
        "MeanSquaredError",
        keras.losses.mean_squared_error,
        keras.losses.MeanSquaredError(),
        lambda y_true, y_pred: keras.ops.square(y_true - y_pred),
    )
    for i, loss in enumerate(losses):
        target = y[:, None] if i % 2 else y
        assert_gradients(stationarity(model, x, target, loss), expected)
    # A function is not given a matrix of differences, whatever the shape of the targets.
    assert_gradients(stationarity(model, x, y, losses[-1]), expected)


def test_reductions_that_are_no_mean_take_one_batch():
    x, y = linear_data()
    s = np.linspace(0, 3, len(x))
    model = dense_model(None, (np.ones(8), 1.0))
    residual = s * (x @ np.ones(8) + 1 - y)
    for reduction, total in (("sum", 1), ("mean_with_sample_weight", s.sum())):
        loss = keras.losses.MeanSquaredError(reduction=reduction)
        expected = [2 / total * x.T @ residual, 2 / total * np.sum(residual)]
        table = stationarity(model, x, y, loss, sample_weight=s)
        # Sums of 203 terms are that much larger, and so is their rounding error.
        np.testing.assert_allclose(table["distance_max"][0], np.max(np.abs(expected[0])), rtol=1e-5)
        with pytest.raises(ValueError) as error:
            stationarity(model, x, y, loss, sample_weight=s, batch_size=100)
        assert str(error.value) == (
            f"The loss mean_squared_error with reduction='{reduction}' is no mean over the "
            "samples, so its batches cannot be averaged. Pass batch_size=203"
        )
    without = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    expected = stationarity(model, x, y, "mse")["distance_max"]
    table = stationarity(model, x, y, without, batch_size=100)
    np.testing.assert_allclose(table["distance_max"], expected, rtol=1e-5)


def test_embeddings_and_rows_without_data():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, size=(60, 1)), rng.normal(size=60)  # rows 5 and 6 never come
    embedding = layers.Embedding(7, 1, embeddings_regularizer=regularizers.L1(0.1))
    model = keras.Sequential([keras.Input((1,), dtype="int32"), embedding, layers.Flatten()])
    w = rng.normal(size=(7, 1)).astype("float32")
    w[[1, 5]] = 0.0
    embedding.set_weights([w])
    residual = 2 / 60 * (w[x[:, 0], 0].astype("float64") - y)
    gradient = np.array([residual[x[:, 0] == i].sum() for i in range(7)])
    distance = np.where(
        w[:, 0] == 0,
        np.maximum(np.abs(gradient) - 0.1, 0),
        np.abs(gradient + 0.1 * np.sign(w[:, 0])),
    )
    (row,) = stationarity(model, x, y, "mse", batch_size=16).to_dict("records")
    np.testing.assert_allclose(row["distance_norm"], np.linalg.norm(distance), **GRADIENT)
    assert row["n_zero"] == 2


def test_the_model_keeps_its_state():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=20)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=0),
            layers.Dense(1, activity_regularizer="l1"),
        ]
    )
    before = everything(model)
    evaluated = stationarity(model, x, y, "mse", batch_size=10)
    trained = stationarity(model, x, y, "mse", training=True, batch_size=10)
    assert_unchanged(model, before)
    assert not np.allclose(evaluated["distance_norm"], trained["distance_norm"], rtol=1e-2)
    # Also the state of the dropout, so that the same comes out again.
    assert trained.equals(stationarity(model, x, y, "mse", training=True, batch_size=10))


@every_penalty
def test_distances_are_those_of_the_penalty(penalty):
    x, y = linear_data()
    penalty = penalty()
    kernel = np.where(np.arange(8) % 2, 0.0, 0.4)
    model = dense_model(penalty, (kernel, 1.0))
    gradient = (2 / len(x) * x.T @ (x @ kernel + 1 - y)).reshape(8, 1).astype("float32")
    w = kernel.reshape(8, 1).astype("float32")
    distance = keras.ops.convert_to_numpy(penalty.subdiff_distance(w, gradient))
    (row, _) = stationarity(model, x, y, "mse").to_dict("records")
    np.testing.assert_allclose(row["distance_max"], distance.max(), **GRADIENT)
    np.testing.assert_allclose(row["distance_norm"], np.linalg.norm(distance), **GRADIENT)


def test_a_proximal_optimizer_changes_nothing():
    """It puts an object of its own before each regularizer."""
    model, x, y, fit = lasso_optimum()
    set_dense(model, fit.coef_ + 0.1)

    def results():
        table = stationarity(model, x, y, "mse").drop(columns="variable").to_numpy()
        return table, strength_max(model, x, y, "mse"), duality_gap(model, x, y, "mse")

    before = results()
    kerasreg.optimizers.ProximalSGD().build(model.trainable_variables)
    assert type(model.layers[0].kernel.regularizer) is not regularizers.L1
    for after, expected in zip(results(), before, strict=True):
        np.testing.assert_array_equal(after, expected)


def test_frozen_variables_are_left_out():
    x, y = linear_data()
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(2, kernel_regularizer="l1"), layers.Dense(1)]
    )
    model.layers[0].trainable = False
    assert stationarity(model, x, y, "mse")["variable"].tolist() == [
        "dense_1/kernel",
        "dense_1/bias",
    ]


def test_low_precision():
    _, x, y, fit = lasso_optimum()
    mixed = dense_model(regularizers.L1(0.4), (fit.coef_, fit.intercept_), dtype="mixed_bfloat16")
    # bfloat16 has three digits, of sums that cancel.
    table = stationarity(mixed, x, y, "mse", tolerance=0.5)
    assert table["n_zero_violating"].sum() == table["n_nonzero_violating"].sum() == 0


class Unknown(keras.Regularizer):
    def __call__(self, w):
        return keras.ops.sum(w**4)

    def get_config(self):
        return {}

    def __repr__(self):
        return "Unknown()"


@pytest.mark.parametrize("check", [stationarity, strength_max, duality_gap])
def test_an_unknown_regularizer_is_an_error_that_names_the_variable(check):
    x, y = linear_data()
    with pytest.raises(TypeError) as error:
        check(dense_model(Unknown()), x, y, "mse")
    assert str(error.value) == (
        "The penalty of the variable 'dense/kernel' is not known. No penalty is known for "
        "the regularizer Unknown() of type Unknown. Use one of keras.regularizers.L1, L2, L1L2, or "
        "a subclass of kerasreg.regularizers.Penalty, which has to provide: `strength`, "
        "`_value(w, strength)`, `_prox(w, step_size, strength)`, "
        "`_subdiff_distance(w, grad, strength)`, `_strength_max(grad)` and `get_config()`"
    )
