"""Which weights violate optimality: against scikit-learn's minima."""

import numpy as np
from keras import regularizers
from sklearn.linear_model import (
    LinearRegression,
)

from kerasreg.optimality import (
    STATIONARITY_COLUMNS,
    stationarity,
)
from tests.optimality.linear_models import (
    GRADIENT,
    dense_model,
    lasso_optimum,
    linear_data,
    set_dense,
)


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
