"""Data and linear models in float64, their gradients, and a minimum of scikit-learn."""

import keras
import numpy as np
import pytest
from keras import layers, regularizers
from sklearn.linear_model import (
    Lasso,
)

import kerasreg
from kerasreg.variables import values_of

GRADIENT = {"rtol": 1e-5, "atol": 1e-5}


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


def lasso_optimum(alpha=0.2):
    x, y = linear_data()
    fit = Lasso(alpha, tol=1e-14, max_iter=100_000).fit(x, y)
    assert 0 < np.sum(fit.coef_ == 0) < 8
    model = dense_model(regularizers.L1(2 * alpha), (fit.coef_, fit.intercept_))
    return model, x, y, fit


every_penalty = pytest.mark.parametrize("penalty", kerasreg.regularizers.PENALTIES)
