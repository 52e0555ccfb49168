"""The duality gap: a bound on the way to the minimum, as scikit-learn computes it."""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers, regularizers
from sklearn.linear_model import (
    ElasticNet,
    LogisticRegression,
    Ridge,
)

import kerasreg
from kerasreg.optimality import (
    duality_gap,
)
from kerasreg.variables import values_of
from tests.optimality.linear_models import (
    assert_unchanged,
    binary_data,
    dense_model,
    everything,
    lasso_optimum,
    linear_data,
)

BACKEND = keras.backend.backend()


def float64():
    """Context in which float64 weights stay float64: JAX otherwise keeps them in float32."""
    if BACKEND != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


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
