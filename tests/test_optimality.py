"""Optimality against scikit-learn's minima and NumPy's own gradients, in float64.

Models compute in float32 unless a test says otherwise: a gradient is then right to about 1e-6 of
the terms that are added in it, which `GRADIENT` allows ten times over.
"""

import contextlib
import re

import keras
import numpy as np
import pytest
from keras import layers, regularizers
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    enet_path,
)
from sklearn.svm import l1_min_c

import kerasreg
from kerasreg.optimality import (
    STATIONARITY_COLUMNS,
    duality_gap,
    stationarity,
    strength_max,
)
from kerasreg.variables import values_of

BACKEND = keras.backend.backend()
GRADIENT = {"rtol": 1e-5, "atol": 1e-5}


def float64():
    """Context in which float64 weights stay float64: JAX otherwise keeps them in float32."""
    if BACKEND != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def linear_data(n=203, d=8, seed=0):
    """A regression whose features and targets have means that are not zero."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.5, 1.0, size=(n, d))
    w = np.where(np.arange(d) < d // 2, rng.normal(0, 2, size=d), 0.0)
    return x, x @ w + 3.0 + rng.normal(0, 0.5, size=n)


def binary_data(n=203, d=8, seed=0):
    """The same with labels, one in four of them 1."""
    x, y = linear_data(n, d, seed)
    return x, (y > np.quantile(y, 0.75)).astype("float64")


def dense_model(
    regularizer, weights=None, *, d=8, units=1, activation=None, bias=True, dtype=None, **settings
):
    layer = layers.Dense(
        units,
        activation,
        use_bias=bias,
        kernel_regularizer=regularizer,
        dtype=dtype,
        name="dense",
        **settings,
    )
    model = keras.Sequential([keras.Input((d,)), layer])
    if weights is not None:
        set_dense(model, *weights)
    return model


def set_dense(model, kernel, bias=None):
    """Sets the weights as scikit-learn has them: coef_ and intercept_."""
    layer = model.layers[-1]
    layer.kernel.assign(np.reshape(np.transpose(kernel), layer.kernel.shape))
    if bias is not None:
        layer.bias.assign(np.reshape(bias, layer.bias.shape))


def everything(model):
    """A copy of all that a model holds: weights, statistics, states of random generators."""
    return [np.array(values_of(variable)) for variable in model.variables]


def assert_unchanged(model, before):
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(values_of(variable), value, err_msg=variable.path)


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


# stationarity


def lasso_optimum(alpha=0.2):
    x, y = linear_data()
    fit = Lasso(alpha, tol=1e-14, max_iter=100_000).fit(x, y)
    assert 0 < np.sum(fit.coef_ == 0) < 8
    model = dense_model(regularizers.L1(2 * alpha), (fit.coef_, fit.intercept_))
    return model, x, y, fit


def test_no_weight_violates_at_the_minimum_of_scikit_learn():
    model, x, y, fit = lasso_optimum()
    table = stationarity(model, x, y, "mse", tolerance=1e-5)
    assert tuple(table.columns) == STATIONARITY_COLUMNS
    assert table["variable"].tolist() == ["dense/kernel", "dense/bias"]
    assert table["n_weights"].tolist() == [8, 1]
    assert table["n_zero"].tolist() == [int(np.sum(fit.coef_ == 0)), 0]
    assert table["n_zero_violating"].sum() == table["n_nonzero_violating"].sum() == 0
    assert table["distance_max"].max() < 1e-5


def test_weights_that_are_moved_violate():
    model, x, y, fit = lasso_optimum()
    active, zero = np.flatnonzero(fit.coef_)[0], np.flatnonzero(fit.coef_ == 0)[0]
    kernel = fit.coef_.copy()
    kernel[active] = 0.0
    kernel[zero] = 0.05
    set_dense(model, kernel, fit.intercept_ + 0.1)
    gradient = 2 / len(x) * x.T @ (x @ kernel + fit.intercept_ + 0.1 - y)
    distance = np.where(
        kernel == 0,
        np.maximum(np.abs(gradient) - 0.4, 0),
        np.abs(gradient + 0.4 * np.sign(kernel)),
    )
    violates = distance > 1e-3 * np.max(np.abs(gradient))
    assert violates[active] and violates[zero]

    row, bias = stationarity(model, x, y, "mse").to_dict("records")
    assert row["n_zero_violating"] == np.sum(violates & (kernel == 0))
    assert row["n_nonzero_violating"] == np.sum(violates & (kernel != 0))
    np.testing.assert_allclose(row["distance_max"], distance.max(), **GRADIENT)
    np.testing.assert_allclose(row["distance_norm"], np.linalg.norm(distance), **GRADIENT)
    assert (bias["n_weights"], bias["n_zero"], bias["n_nonzero_violating"]) == (1, 0, 1)


def test_tolerance_is_relative_to_the_largest_gradient_of_penalized_weights():
    x, y = linear_data()
    model = dense_model(regularizers.L1(1e-9), (np.zeros(8), y.mean()))
    gradient = np.abs(2 / len(x) * x.T @ (y.mean() - y))
    for tolerance in (0.999, 0.5, 0.1):
        kernel, _ = stationarity(model, x, y, "mse", tolerance=tolerance).to_dict("records")
        assert kernel["n_zero_violating"] == np.sum(gradient > tolerance * gradient.max())


def test_tolerance_is_absolute_without_penalties():
    x, y = linear_data()
    fit = LinearRegression().fit(x, y)
    model = dense_model(None, (fit.coef_, fit.intercept_))
    assert stationarity(model, x, y, "mse")["n_nonzero_violating"].tolist() == [0, 0]
    set_dense(model, fit.coef_, fit.intercept_ + 0.01)  # a bias gradient of 0.02
    for tolerance, violating in ((0.019, 1), (0.021, 0)):
        table = stationarity(model, x, y, "mse", tolerance=tolerance)
        assert table["n_nonzero_violating"].tolist()[1] == violating


def test_a_weight_that_is_nan_violates():
    model = dense_model(None, (np.full(8, np.nan), 0.0))
    x, y = linear_data()
    assert stationarity(model, x, y, "mse")["n_nonzero_violating"].tolist() == [8, 0]
    assert stationarity(model, x, y, "mse")["n_zero_violating"].tolist() == [0, 1]


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


every_penalty = pytest.mark.parametrize("penalty", kerasreg.regularizers.PENALTIES)


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


X, Y = np.ones((4, 8)), np.ones(4)


@pytest.mark.parametrize("check", [stationarity, strength_max, duality_gap])
@pytest.mark.parametrize(
    ("x", "y", "loss", "message"),
    [
        (
            X,
            Y,
            "no_such_loss",
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss='no_such_loss'",
        ),
        (
            X[:0],
            Y[:0],
            "mse",
            "Invalid value for argument `x`: expected at least one sample. "
            "Received: x.shape=(0, 8)",
        ),
        (
            X,
            Y[:3],
            "mse",
            "Arrays of different length: expected one target and one weight a sample. "
            "Received: len(x)=4, len(y)=3",
        ),
        (
            X,
            None,
            "mse",
            "Invalid value for argument `y`: expected an array of targets. Received: y=None",
        ),
        (
            X,
            np.array([1, np.nan, np.inf, 0]),
            "mse",
            "Invalid value for argument `y`: expected finite numbers. Received: 2 of 4 are NaN or "
            "infinite, the first at index (1,)",
        ),
    ],
)
def test_bad_data(check, x, y, loss, message):
    with pytest.raises(ValueError) as error:
        check(dense_model("l1"), x, y, loss)
    assert str(error.value) == message


@pytest.mark.parametrize("check", [stationarity, strength_max, duality_gap])
def test_bad_models(check):
    with pytest.raises(ValueError) as error:
        check(keras.Sequential([layers.Dense(1)], name="new"), X, Y, "mse")
    assert str(error.value) == (
        "The model 'new' is not built, so it has no variables yet. Build it with "
        "`model.build(input_shape)`, or call it on a batch of data"
    )
    with pytest.raises(TypeError) as error:
        check(layers.Dense(1), X, Y, "mse")
    assert str(error.value) == (
        "Invalid type for argument `model`: expected a keras.Model. Received: Dense"
    )


def test_bad_settings():
    model = dense_model("l1")
    for size in (0, 2.5, True):
        with pytest.raises(ValueError) as error:
            stationarity(model, X, Y, "mse", batch_size=size)
        assert str(error.value) == (
            "Invalid value for argument `batch_size`: expected an int >= 1. "
            f"Received: batch_size={size}"
        )
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse", tolerance=-1)
    assert str(error.value) == (
        "Invalid value for argument `tolerance`: expected a finite float >= 0. "
        "Received: tolerance=-1"
    )
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse", sample_weight=np.ones(3))
    assert str(error.value) == (
        "Arrays of different length: expected one target and one weight a sample. "
        "Received: len(x)=4, len(y)=4, len(sample_weight)=3"
    )
    model.trainable = False
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse")
    assert str(error.value) == (
        f"The model '{model.name}' has no trainable weights. Set `trainable = True` on the layers "
        "to check"
    )


def test_bad_outputs():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, [layers.Dense(1, name=name)(inputs) for name in ("a", "b")])
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse")
    assert str(error.value) == (
        "Invalid value for argument `y`: expected targets for each of the outputs ['a', 'b']. "
        "Received: y='one array'"
    )
    for losses, received in ((["mse"] * 3, "3 of them"), ({"a": "mse"}, ["a"])):
        with pytest.raises(ValueError) as error:
            stationarity(model, X, [Y, Y], losses)
        assert str(error.value) == (
            "Invalid value for argument `loss`: expected one for each of the outputs ['a', 'b']. "
            f"Received: loss={received!r}"
        )


# strength_max


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_strength_max_is_twice_alpha_max_of_scikit_learn(l1_ratio):
    x, y = linear_data()
    centred = np.asfortranarray(x - x.mean(axis=0))
    alphas, _, _ = enet_path(centred, y - y.mean(), l1_ratio=l1_ratio, alphas=2)
    model = dense_model(kerasreg.regularizers.ElasticNet(1.0, l1_ratio=l1_ratio))
    before = everything(model)
    found = strength_max(model, x, y, "mse", batch_size=50)
    np.testing.assert_allclose(found, 2 * alphas[0], rtol=1e-5)
    assert_unchanged(model, before)
    # In units of the strength that the model has.
    half = dense_model(kerasreg.regularizers.ElasticNet(0.5, l1_ratio=l1_ratio))
    np.testing.assert_allclose(strength_max(half, x, y, "mse"), 4 * alphas[0], rtol=1e-5)


def test_strength_max_is_where_weights_leave_zero():
    x, y = linear_data()
    alpha = strength_max(dense_model(regularizers.L1(1.0)), x, y, "mse") / 2
    assert np.all(Lasso(alpha * 1.0001, tol=1e-12).fit(x, y).coef_ == 0)
    assert np.any(Lasso(alpha * 0.9999, tol=1e-12).fit(x, y).coef_ != 0)


def test_strength_max_of_logistic_regression_without_bias():
    x, y = binary_data()
    model = dense_model(regularizers.L1(1.0), activation="sigmoid", bias=False)
    expected = 1 / (len(x) * l1_min_c(x, y, loss="log", fit_intercept=False))
    found = strength_max(model, x, y, "binary_crossentropy")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_strength_max_of_logistic_regression_with_a_free_bias(share):
    x, y = linear_data(n=500)
    y = (y > np.quantile(y, 1 - share)).astype("float64")
    expected = np.max(np.abs(x.T @ (y - y.mean()))) / len(x)
    for activation, from_logits in (("sigmoid", False), (None, True)):
        model = dense_model(regularizers.L1(1.0), activation=activation)
        loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
        np.testing.assert_allclose(strength_max(model, x, y, loss), expected, rtol=1e-5)


def test_strength_max_of_softmax_regression():
    x, y = linear_data()
    labels = np.digitize(y, np.quantile(y, [0.2, 0.7]))
    expected = np.max(np.abs(x.T @ (np.eye(3)[labels] - np.eye(3)[labels].mean(axis=0)))) / len(x)
    model = dense_model(regularizers.L1(1.0), units=3, activation="softmax")
    found = strength_max(model, x, labels, "sparse_categorical_crossentropy")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_strength_max_of_poisson_regression():
    # From b = 0 the first step of Newton's method would lead to exp(60).
    x, _ = linear_data()
    y = np.random.default_rng(0).poisson(60 + 20 * x[:, 0] ** 2).astype("float64")
    expected = np.max(np.abs(x.T @ (y - y.mean()))) / len(x)
    model = dense_model(regularizers.L1(1.0), activation="exponential")
    np.testing.assert_allclose(strength_max(model, x, y, "poisson"), expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_strength_max_for_large_and_small_units(scale):
    x, y = linear_data()
    y = scale * (y - y.mean())
    expected = 2 * np.max(np.abs(x.T @ (y - y.mean()))) / len(x)
    model = dense_model(regularizers.L1(1.0))
    np.testing.assert_allclose(strength_max(model, x, y, "mse"), expected, rtol=1e-5)
    found = strength_max(model, scale * x, y, "mse")
    np.testing.assert_allclose(found, scale * expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-7, 2.0**16, 2.0**18, 1e9])
def test_strength_max_for_targets_far_from_zero_in_their_unit(scale):
    """A shift of the bias by a hundredth, lost in the rounding of such gradients, tells nothing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 4))
    y = scale * (x @ [1.0, 0, -2.0, 0] + rng.normal(size=12) + 0.3)
    expected = 2 * np.max(np.abs(x.T @ (y - y.mean()))) / len(x)
    found = strength_max(dense_model(regularizers.L1(1.0), d=4), x, y, "mse")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_strength_max_with_sample_weights():
    x, y = linear_data()
    s = np.random.default_rng(1).uniform(0, 3, size=len(x))
    expected = 2 * np.max(np.abs(x.T @ (s * (y - np.average(y, weights=s))))) / len(x)
    model = dense_model(regularizers.L1(1.0))
    found = strength_max(model, x, y, "mse", sample_weight=s, batch_size=50)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_strength_max_with_a_penalized_bias():
    x, y = linear_data()
    design = np.column_stack([x, np.ones(len(x))])
    expected = 2 * np.abs(design.T @ y) / len(x)  # nothing is free
    for factor in (1.0, 0.01):
        model = dense_model(regularizers.L1(1.0), bias_regularizer=regularizers.L1(factor))
        found = strength_max(model, x, y, "mse")
        largest = max(expected[:-1].max(), expected[-1] / factor)
        np.testing.assert_allclose(found, largest, rtol=1e-5)


def test_strength_max_after_frozen_layers():
    x, y = linear_data()
    frozen = layers.Dense(4, "tanh", trainable=False)
    head = layers.Dense(1, kernel_regularizer=regularizers.L1(1.0))
    model = keras.Sequential([keras.Input((8,)), frozen, head])
    kernel, bias = frozen.get_weights()
    features = np.tanh(x @ kernel + bias)
    expected = 2 * np.max(np.abs(features.T @ (y - y.mean()))) / len(x)
    np.testing.assert_allclose(strength_max(model, x, y, "mse"), expected, rtol=1e-5)


def test_strength_max_that_is_infinite_or_zero():
    x, y = linear_data()
    for regularizer in (regularizers.L2(1.0), kerasreg.regularizers.ElasticNet(0.0)):
        assert strength_max(dense_model(regularizer), x, y, "mse") == np.inf
    assert strength_max(dense_model(regularizers.L1(1.0)), x, np.zeros(len(x)), "mse") == 0.0


@every_penalty
def test_strength_max_is_that_of_the_penalty(penalty):
    x, y = linear_data()
    penalty = penalty()
    gradient = (2 / len(x) * x.T @ (y.mean() - y)).reshape(8, 1).astype("float32")
    expected = float(penalty.strength_max(gradient)) / penalty.strength
    np.testing.assert_allclose(strength_max(dense_model(penalty), x, y, "mse"), expected, rtol=1e-5)


def test_strength_max_of_models_without_one():
    x, y = linear_data()
    deep = keras.Sequential([keras.Input((8,)), layers.Dense(2), layers.Dense(1)])
    with pytest.raises(ValueError) as error:
        strength_max(deep, x, y, "mse")
    assert str(error.value) == (
        "strength_max needs a model with one layer of weights, for at zero weights every gradient "
        "of a deeper one vanishes. Choose its strengths by a path. Received: the weights "
        "['dense/kernel', 'dense/bias', 'dense_1/kernel', 'dense_1/bias']"
    )
    with pytest.raises(ValueError) as error:
        strength_max(dense_model(None), x, y, "mse")
    assert str(error.value) == (
        "The weights 'dense/kernel' have no regularizer, so no strength makes them zero"
    )
    message = (
        "strength_max could not fit the bias at zero weights: expected a loss that is smooth and "
        "convex in it, and features that are not far from zero compared with their spread. "
        "Received: a bias gradient of "
    )
    for inputs, loss in ((x, "mae"), (x + 1e5, "mse")):
        with pytest.raises(ValueError) as error:
            strength_max(dense_model("l1"), inputs, y, loss)
        # The gradient that is left depends on the rounding of the backend.
        assert re.fullmatch(re.escape(message) + r"[0-9.e-]+ that is left", str(error.value))


# duality_gap


def objective(x, y, w, b, l1, l2, *, logistic=False):
    """Mean loss + penalty of weights (units, features), as scikit-learn has them."""
    z = x @ np.transpose(np.atleast_2d(w)) + b
    y = y.reshape(z.shape)
    losses = np.logaddexp(0, z) - y * z if logistic else (z - y) ** 2
    return np.mean(losses) + l1 * np.sum(np.abs(w)) + l2 * np.sum(np.square(w))


def gap_at(x, y, w, b, l1, l2, *, logistic=False, units=1):
    """The gap of a model with these weights, kept in float64."""
    with float64():
        model = dense_model(
            kerasreg.regularizers.ElasticNet(l1 + 2 * l2, l1_ratio=l1 / (l1 + 2 * l2)),
            (w, b),
            d=x.shape[1],
            units=units,
            activation="sigmoid" if logistic else None,
            bias=b is not None,
            dtype="float64",
        )
        return duality_gap(model, x, y, "binary_crossentropy" if logistic else "mse")


# (l1, l2) of mean loss + l1·‖w‖₁ + l2·‖w‖²
PENALTIES = [(0.4, 0.0), (0.3, 0.1), (0.3, 1e-8), (0.0, 0.1)]


def squared_minimum(x, y, l1, l2, fit_intercept=True, tol=1e-15):
    if l1 == 0:
        fit = Ridge(l2 * len(x), fit_intercept=fit_intercept, solver="cholesky").fit(x, y)
    else:
        alpha, ratio = l1 / 2 + l2, l1 / (l1 + 2 * l2)
        settings = {"fit_intercept": fit_intercept, "tol": tol, "max_iter": 100_000}
        fit = ElasticNet(alpha, l1_ratio=ratio, **settings).fit(x, y)
    return fit.coef_, fit.intercept_ if fit_intercept else None


def logistic_minimum(x, y, l1, l2, fit_intercept=True):
    total = l1 + 2 * l2  # C·Σ losses + ρ·‖w‖₁ + (1 − ρ)/2·‖w‖²
    fit = LogisticRegression(
        C=1 / (len(x) * total),
        l1_ratio=l1 / total,
        solver="saga",
        fit_intercept=fit_intercept,
        tol=1e-10,
        max_iter=100_000,
        random_state=0,
    ).fit(x, y)
    return fit.coef_[0], fit.intercept_ if fit_intercept else None


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("l1", "l2"), PENALTIES)
def test_gap_of_squared_error(l1, l2, fit_intercept):
    x, y = linear_data()
    w, b = squared_minimum(x, y, l1, l2, fit_intercept)
    lowest = objective(x, y, w, b or 0.0, l1, l2)
    # Coordinate descent stops at a relative gap of 1e-15, and sums round at 1e-16.
    assert gap_at(x, y, w, b, l1, l2) <= 1e-8 * lowest
    check_bounds(x, y, w, b, l1, l2, lowest, logistic=False)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("l1", "l2"), [(0.02, 0.0), (0.02, 0.01), (0.0, 0.01)])
def test_gap_of_logistic_regression(l1, l2, fit_intercept):
    x, y = binary_data()
    w, b = logistic_minimum(x, y, l1, l2, fit_intercept)
    lowest = objective(x, y, w, 0.0 if b is None else b, l1, l2, logistic=True)
    # saga stops where no weight changes by more than 1e-10 of the largest.
    assert gap_at(x, y, w, b, l1, l2, logistic=True) <= 1e-8 * lowest
    check_bounds(x, y, w, b, l1, l2, lowest, logistic=True)


def check_bounds(x, y, w, b, l1, l2, lowest, logistic):
    """The gap bounds what is lost near the minimum and far away."""
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1e-2, 0.1, 1.0, 10.0):
        for _ in range(5):
            there = w + scale * rng.normal(size=w.shape) * rng.integers(0, 2, size=w.shape)
            bias = None if b is None else b + scale * rng.normal(size=np.shape(b))
            value = objective(
                x, y, there, bias if b is not None else 0.0, l1, l2, logistic=logistic
            )
            gap = gap_at(x, y, there, bias, l1, l2, logistic=logistic)
            # `lowest` is known to about 1e-14 of itself only.
            assert gap >= (value - lowest) * (1 - 1e-9) - 1e-13


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize(("l1", "l2"), PENALTIES[:3])
def test_gap_against_the_gap_of_scikit_learn(l1, l2, tol):
    x, y = linear_data(d=30, n=60)
    alpha, ratio = l1 / 2 + l2, l1 / (l1 + 2 * l2)
    fit = ElasticNet(alpha, l1_ratio=ratio, tol=tol, max_iter=100_000).fit(x, y)
    gap = gap_at(x, y, fit.coef_, fit.intercept_, l1, l2)
    # scikit-learn's is in units of 1/(2n)·‖y − Xw‖² + …. Both round at 1e-16 of about 20.
    if l2 == 0:
        np.testing.assert_allclose(gap, 2 * fit.dual_gap_, rtol=1e-9, atol=1e-13)
    else:
        assert gap <= 2 * fit.dual_gap_ * (1 + 1e-9) + 1e-13


@pytest.mark.parametrize("l2", [1e-6, 1e-3, 1e-1])
def test_gap_of_the_elastic_net_is_never_above_that_of_augmented_rows(l2):
    x, y = linear_data(d=30, n=20)
    x, y, rng, l1 = x - x.mean(axis=0), y - y.mean(), np.random.default_rng(0), 0.3
    for scale in 10 ** rng.uniform(-3, 1, size=30):
        w = scale * rng.normal(size=30)
        # ‖y − Xw‖²/n + l2·‖w‖² = ‖t − Aw‖²/n is a lasso, with its gap as in Kim et al.
        design = np.vstack([x, np.sqrt(20 * l2) * np.eye(30)])
        target = np.append(y, np.zeros(30))
        residual = target - design @ w
        feasible = residual * min(1, l1 / np.max(np.abs(2 / 20 * design.T @ residual)))
        primal = objective(x, y, w, 0.0, l1, l2)
        dual = (2 * feasible @ target - feasible @ feasible) / 20
        assert gap_at(x, y, w, None, l1, l2) <= (primal - dual) * (1 + 1e-12)


def test_gap_of_a_bias_that_is_not_optimal():
    x, y = linear_data()
    w, b = squared_minimum(x, y, 0.4, 0.0)
    for shift in (1e-3, 1.0, -100.0):
        # At the best weights the mean squared error grows by exactly the square of the shift.
        gap = gap_at(x, y, w, b + shift, 0.4, 0.0)
        np.testing.assert_allclose(gap, shift**2, rtol=1e-8)


@pytest.mark.parametrize("logistic", [False, True])
def test_gap_of_several_units_is_the_mean_of_their_gaps(logistic):
    x, y = linear_data()
    rng = np.random.default_rng(0)
    targets = np.stack([y, rng.normal(size=len(x)), -y], axis=1)
    targets = (targets > 1).astype("float64") if logistic else targets
    w, b = rng.normal(size=(3, 8)), rng.normal(size=3)
    # A mean over the units too, so that a unit alone has three times the penalty.
    alone = [
        gap_at(x, targets[:, i], w[i], b[i], 0.3, 0.06, logistic=logistic) / 3 for i in range(3)
    ]
    together = gap_at(x, targets, w, b, 0.1, 0.02, logistic=logistic, units=3)
    np.testing.assert_allclose(together, sum(alone), rtol=1e-12)


def test_gap_of_labels_that_are_all_the_same():
    x, _ = linear_data()
    for label, bias in ((0.0, -20.0), (1.0, 20.0)):
        y = np.full(len(x), label)
        gap = gap_at(x, y, np.zeros(8), np.array(bias), 0.1, 0.0, logistic=True)
        np.testing.assert_allclose(gap, np.exp(-20), rtol=1e-6)  # the whole loss: the least is 0


def test_gap_far_from_the_minimum_is_finite():
    x, y = linear_data()
    _, labels = binary_data()
    for l1, l2 in [(1e-12, 1e-300), (0.4, 0.0), (1e6, 1e-6)]:
        for scale in (0.0, 1e3):
            w, b = np.full(8, scale), np.array(-scale)
            assert np.isfinite(gap_at(x, y, w, b, l1, l2))
            assert np.isfinite(gap_at(x, labels, w, b, l1, l2, logistic=True))


def test_gap_with_the_penalties_of_keras():
    x, y = linear_data()
    w, b = squared_minimum(x, y, 0.5, 0.0)
    for regularizer, coefficients in (
        (regularizers.L1(0.5), (0.5, 0.0)),
        (regularizers.L1L2(0.25, 0.125), (0.25, 0.125)),
        (regularizers.L2(0.125), (0.0, 0.125)),
    ):
        model = dense_model(regularizer, (w, b))
        kept = [values_of(v).astype("float64") for v in model.trainable_variables]
        expected = gap_at(x, y, kept[0].T, kept[1], *coefficients)
        np.testing.assert_allclose(duality_gap(model, x, y, "mse"), expected, rtol=1e-9)


def test_gap_in_float32_at_the_minimum():
    model, x, y, fit = lasso_optimum()
    before = everything(model)
    lowest = objective(x, y, fit.coef_, fit.intercept_, 0.4, 0.0)
    # Weights have a relative rounding error of 6e-8, which a constraint feels at first order.
    assert duality_gap(model, x, y, "mse") <= 1e-6 * lowest
    assert_unchanged(model, before)


def test_gap_of_crossentropy_from_logits_and_with_smoothed_labels():
    x, y = binary_data()
    w, b = np.full(8, 0.1), 0.3
    expected = duality_gap(
        dense_model("l1", (w, b), activation="sigmoid"), x, y, "binary_crossentropy"
    )
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    assert duality_gap(dense_model("l1", (w, b)), x, y, logits) == expected
    smoothed = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2)
    found = duality_gap(dense_model("l1", (w, b)), x, y, smoothed)
    softened = duality_gap(dense_model("l1", (w, b)), x, 0.8 * y + 0.1, logits)
    np.testing.assert_allclose(found, softened, rtol=1e-12)
    assert abs(found - expected) > 1e-3


def test_gap_needs_a_linear_model():
    deep = keras.Sequential(
        [keras.Input((8,)), layers.Dense(2, kernel_regularizer="l1"), layers.Dense(1)]
    )
    inputs = keras.Input((8,))
    squared = keras.Model(
        inputs, layers.Dense(1, kernel_regularizer="l1")(keras.ops.square(inputs))
    )
    frozen_bias = dense_model("l1")
    frozen_bias.layers[0].bias.trainable = False
    alone = (
        "duality_gap needs a model that is its Dense layer alone. The model 'functional' computes "
        "something else with its inputs, or penalizes its outputs"
    )
    squared.name = "functional"
    active = dense_model("l1", activity_regularizer="l2")
    active.name = "functional"
    messages = {
        "duality_gap needs a model of exactly one Dense layer, where the objective is convex. "
        "Received: the layers ['Dense', 'Dense']": deep,
        "duality_gap needs all weights of the Dense layer, and only they, trainable": frozen_bias,
        "duality_gap needs a bias without a regularizer": dense_model("l1", bias_regularizer="l2"),
        "duality_gap needs activation='linear' for the loss mean_squared_error. "
        "Received: activation='relu'": dense_model("l1", activation="relu"),
        "duality_gap needs a kernel regularizer l1·‖w‖₁ + l2·‖w‖² of a strength > 0. "
        "Received: kernel_regularizer=None": dense_model(None),
    }
    x, y = 2 + linear_data()[0], linear_data()[1]
    cases = [*messages.items(), (alone, squared), (alone, active)]
    for message, model in cases:
        with pytest.raises(ValueError) as error:
            duality_gap(model, x, y, "mse")
        assert str(error.value) == message


def test_gap_needs_a_loss_and_data_that_fit():
    x, y = linear_data()
    model = dense_model("l1")
    for loss, received in (("mae", "'mae'"), (keras.losses.mean_squared_error, None)):
        if received:
            with pytest.raises(ValueError) as error:
                duality_gap(model, x, y, loss)
            assert str(error.value) == (
                "Invalid value for argument `loss`: expected mean squared error or binary "
                f"cross-entropy, a mean over the samples. Received: loss={received}"
            )
        else:
            assert duality_gap(model, x, y, loss) == duality_gap(model, x, y, "mse")
    with pytest.raises(ValueError, match="a mean over the samples"):
        duality_gap(model, x, y, keras.losses.MeanSquaredError(reduction="sum"))
    for inputs, targets in ((x[:, :5], y), (x, np.ones((len(x), 2))), ([x, x], y)):
        with pytest.raises(ValueError) as error:
            duality_gap(model, inputs, targets, "mse")
        shapes = [getattr(part, "shape", None) for part in (inputs, targets)]
        assert str(error.value) == (
            "Arrays that do not fit the Dense layer: expected x of shape (samples, 8) and y of "
            f"shape (samples, 1). Received: x.shape={shapes[0]}, y.shape={shapes[1]}"
        )
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    with pytest.raises(ValueError) as error:
        duality_gap(model, x, np.full(len(x), 2.0), logits)
    assert str(error.value) == (
        "Invalid value for argument `y`: expected values from 0 to 1. "
        "Received: y='values from 2.0 to 2.0'"
    )
