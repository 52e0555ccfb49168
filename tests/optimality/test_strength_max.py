"""The largest strength, against scikit-learn's alpha_max and the way out of zero."""

import re

import keras
import numpy as np
import pytest
from keras import layers, regularizers
from sklearn.linear_model import (
    Lasso,
    enet_path,
)
from sklearn.svm import l1_min_c

import kerasreg
from kerasreg.optimality import (
    strength_max,
)
from tests.optimality.linear_models import (
    assert_unchanged,
    binary_data,
    dense_model,
    every_penalty,
    everything,
    linear_data,
)


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
