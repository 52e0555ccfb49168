"""Laws of what is computed from a model and data, and of the descents: hypothesis draws the data.

Weights, data and strengths of linear models; scales are powers of two, with which no digit of a
floating-point number changes.
"""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasreg import surgery
from kerasreg.descent import elastic_net_descent, lasso_descent, logistic_costs, ridge_descent
from kerasreg.optimality import duality_gap, stationarity, strength_max
from kerasreg.regularizers import MCP, SCAD, ElasticNet, GroupLasso, LogSum, SparseGroupLasso
from tests.optimality.linear_models import dense_model, set_dense

N, D = 12, 4
GRADIENT = 1e-5  # of a gradient in float32, relative to the largest term in it
seeds = st.integers(0, 10**6).map(np.random.default_rng)
powers = st.integers(-20, 20).map(lambda k: 2.0**k)
some = settings(max_examples=5)


def data_of(rng, scale=1.0):
    x = rng.normal(size=(N, D)) * 10.0 ** rng.uniform(-1, 1, D)
    return x, scale * (x @ (rng.normal(size=D) * (rng.uniform(size=D) < 0.5)) + rng.normal(size=N))


def objective(x, y, w, b, l1, l2):
    return np.mean((x @ w + b - y) ** 2) + l1 * np.abs(w).sum() + l2 * (w**2).sum()


# The duality gap


@some
@given(seeds, st.floats(-8, 3), st.floats(-8, 3))
def test_the_gap_bounds_the_way_to_any_other_point(rng, log_l1, log_l2):
    """Weak duality, with the strengths that the float32 of Keras's regularizers holds."""
    l1, l2 = (float(np.float32(10.0**log)) for log in (log_l1, log_l2))
    x, y = data_of(rng)
    w, b = np.float32(rng.normal(size=D)), np.float32(rng.normal())
    model = dense_model(keras.regularizers.L1L2(l1, l2), (w, b), d=D)
    here, gap = objective(x, y, w, b, l1, l2), duality_gap(model, x, y, "mse")
    assert gap >= 0
    for size in (0.0, 1e-3, 1.0, 10.0):
        there = objective(x, y, w + size * rng.normal(size=D), b + size * rng.normal(), l1, l2)
        assert here - there <= gap + 1e-9 * (here + there)
    ridge = np.linalg.solve(
        np.cov(x.T, bias=True) + l2 * np.eye(D), (x - x.mean(0)).T @ (y - y.mean()) / N
    )
    best = objective(x, y, ridge, y.mean() - x.mean(0) @ ridge, l1, l2)
    assert here - best <= gap + 1e-9 * (here + best)


@some
@given(seeds, powers)
def test_the_gap_has_the_unit_of_the_squared_targets(rng, c):
    x, y = data_of(rng)
    w, b = rng.normal(size=(1, D)), rng.normal(size=1)
    one = dense_model(keras.regularizers.L1L2(0.5, 0.25), (w, b), d=D)
    other = dense_model(keras.regularizers.L1L2(0.5 * c, 0.25), (c * w, c * b), d=D)
    # float64: float32 targets would be as exact, but the check of the outputs has a floor
    gap = duality_gap(one, x, y, "mse")
    np.testing.assert_allclose(duality_gap(other, x, c * y, "mse"), c**2 * gap, 1e-9)


# The largest strength, and stationarity


@pytest.mark.parametrize(
    "penalty",
    [
        ElasticNet(1.0, l1_ratio=1.0),
        ElasticNet(1.0, l1_ratio=0.3),
        MCP(1.0, gamma=3.0),
        SCAD(1.0),
        LogSum(1.0),
        GroupLasso(1.0, groups="inputs"),
        SparseGroupLasso(1.0, groups="inputs"),
    ],
    ids=lambda penalty: f"{type(penalty).__name__}",
)
@some
@given(seeds)
def test_zero_is_stationary_from_the_largest_strength_on(penalty, rng):
    x, y = data_of(rng)
    model = dense_model(penalty, (np.zeros((1, D)), [y.mean()]), d=D)
    largest = strength_max(model, x, y, "mse")
    gradient = np.abs(2 * x.T @ (y - y.mean()) / N).max()
    for factor, is_enough in ((1 - 1e-3, False), (1 + 1e-3, True)):
        config = penalty.get_config() | {"strength": factor * largest}
        surgery.regularize(model, {"dense/kernel": type(penalty).from_config(config)})
        table = stationarity(model, x, y, "mse").set_index("variable")
        distance = table.loc["dense/kernel", "distance_max"]
        assert (distance <= GRADIENT * gradient) == is_enough


@some
@given(seeds, powers)
def test_the_largest_strength_has_the_unit_of_its_gradient(rng, c):
    """For L1 that of targets times inputs; the order of rows and columns does not matter."""
    x, y = data_of(rng)
    model = dense_model(keras.regularizers.L1(1.0), d=D)
    largest = strength_max(model, x, y, "mse")
    np.testing.assert_allclose(strength_max(model, x, c * y, "mse"), c * largest, GRADIENT)
    np.testing.assert_allclose(strength_max(model, c * x, y, "mse"), c * largest, GRADIENT)
    rows, columns = rng.permutation(N), rng.permutation(D)
    shuffled = strength_max(model, x[rows][:, columns], y[rows], "mse")
    np.testing.assert_allclose(shuffled, largest, GRADIENT)


@some
@given(seeds)
def test_distances_are_moduli_of_gradients_where_weights_are_not_zero(rng):
    x, y = data_of(rng)
    w, b = rng.normal(size=D), rng.normal()
    model = dense_model(keras.regularizers.L1L2(0.5, 0.25), d=D)
    set_dense(model, w, b)
    residual = x @ w + b - y
    slope = 2 * x.T @ residual / N + 0.5 * np.sign(w) + 2 * 0.25 * w
    table = stationarity(model, x, y, "mse").set_index("variable")
    terms = (np.abs(x) * np.abs(residual)[:, None]).max() + 1
    kernel, bias = (table.loc[f"dense/{name}", "distance_max"] for name in ("kernel", "bias"))
    np.testing.assert_allclose(kernel, np.abs(slope).max(), GRADIENT, 10 * GRADIENT * terms)
    np.testing.assert_allclose(bias, np.abs(2 * residual.mean()), GRADIENT, 10 * GRADIENT * terms)


@pytest.mark.tensorflow
@some
@given(seeds, st.integers(2, 200), st.floats(1e-12, 0.999))
def test_strengths_of_a_path_are_geometric_and_end_at_the_largest(rng, n_strengths, min_ratio):
    from kerasreg.strength_range import strength_grid

    x, y = data_of(rng)
    model = dense_model(keras.regularizers.L1(1.0), d=D)
    training = {"optimizer": "sgd", "loss": "mse", "epochs": 1}
    strengths = np.array(strength_grid(model, x, y, n_strengths, min_ratio, **training))
    assert len(strengths) == n_strengths and strengths[-1] == strength_max(model, x, y, "mse")
    ratios = strengths[1:] / strengths[:-1]
    np.testing.assert_allclose(ratios, min_ratio ** (-1 / (n_strengths - 1)), 1e-12)


# The descents


@pytest.mark.backend_free
@pytest.mark.parametrize("penalize_bias", [False, True])
@some
@given(seeds, st.floats(0, 5), powers)
def test_descents_scale_with_the_targets(penalize_bias, rng, strength, c):
    """y, w → c·y, c·w: the strength of L1 goes with c, that of L2 stays."""
    x, y = data_of(rng)
    start = rng.normal(size=D + 1)
    pace = {"learning_rate": 1e-4, "steps": 20, "penalize_bias": penalize_bias}
    for descend, factor in ((lasso_descent, c), (ridge_descent, 1.0)):
        one = descend(x, y, strength, start, **pace)
        other = descend(x, c * y, factor * strength, c * start, **pace)
        np.testing.assert_array_equal(other.path, c * one.path)


@pytest.mark.backend_free
@some
@given(seeds, st.floats(0, 5), st.floats(0, 5))
def test_descents_do_not_see_the_order_of_columns_and_rows(rng, l1, l2):
    x, y = data_of(rng)
    start, columns, rows = rng.normal(size=D + 1), rng.permutation(D), rng.permutation(N)
    pace = {"learning_rate": 1e-4, "steps": 20}
    one = elastic_net_descent(x, y, l1, l2, start, **pace)
    moved = np.concatenate([[0], 1 + columns])
    other = elastic_net_descent(x[rows][:, columns], y[rows], l1, l2, start[moved], **pace)
    np.testing.assert_allclose(other.path, one.path[:, moved], 1e-9, 1e-12)


@pytest.mark.backend_free
@some
@given(seeds, st.floats(0.01, 5))
def test_ridge_descends_at_every_step(rng, strength):
    """At a rate of 1/L, L the largest curvature, the cost of a smooth convex function falls."""
    x, y = data_of(rng)
    design = np.column_stack([np.ones(N), x])
    curvature = np.linalg.eigvalsh(2 * design.T @ design / N)[-1] + 2 * strength
    start = rng.normal(size=D + 1)
    path = ridge_descent(x, y, strength, start, learning_rate=1 / curvature, steps=50).path
    costs = ((path @ design.T - y) ** 2).mean(axis=1) + strength * (path**2).sum(axis=1)
    assert (np.diff(costs) <= 1e-12 * costs[0]).all()


@pytest.mark.backend_free
@some
@given(seeds, st.floats(0, 1e30), st.floats(0, 300))
def test_costs_of_logistic_regression_are_finite_and_grow_with_the_strength(rng, strength, size):
    x, w = rng.normal(size=(N, D)), rng.normal(size=D) * 10.0 ** min(size, 150)
    y = (rng.uniform(size=N) < 0.5).astype(float)
    followed, printed = (np.asarray(cost) for cost in logistic_costs(x, y, w, strength))
    free = [np.asarray(cost) for cost in logistic_costs(x, y, w, 0.0)]
    assert np.isfinite([followed, printed]).all()
    assert (followed >= free[0]).all() and (free[0] >= 0).all()
    mirrored = logistic_costs(-x, y, -w, strength)
    np.testing.assert_array_equal(np.asarray(mirrored[0]), followed)
