"""The steps are those of the docstrings, and end in the solutions of scikit-learn."""

import functools

import keras
import numpy as np
import pytest
import sklearn.datasets
import sklearn.linear_model
from keras import regularizers

import kerasreg
from kerasreg.optimizers import (
    ProximalAdam,
    ProximalSGD,
)
from tests.optimizers.linear_model import (
    BACKEND,
    OPTIMIZERS,
    PENALTIES,
    START,
    assert_same,
    compiled,
    custom_loop,
    expected,
    fit,
    linear,
    weights_of,
)
from tests.optimizers.proximal_reference import no_prox

# Update rules, against NumPy


@pytest.mark.parametrize("penalty", ["L1", "L1L2"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_docstring(name, penalty):
    regularizer, prox = PENALTIES[penalty]
    model = linear(regularizer)
    optimizer = OPTIMIZERS[name].make()
    optimizer.build(model.trainable_variables)
    assert_same(
        custom_loop(model, optimizer, 20, as_program=True),
        expected(name, 20, [prox, no_prox]),
    )


@pytest.mark.parametrize("name", ["nesterov", "adam", "rmsprop_momentum", "adagrad"])
def test_fit_from_zero_takes_the_steps_of_the_docstring(name):
    start = [np.zeros_like(w) for w in START]
    weights = fit(compiled(OPTIMIZERS[name].make(), start=start))
    assert_same(weights, expected(name, start=start))
    assert (weights[0] == 0).any() and (weights[0] != 0).any()


# Where it ends: the minima that scikit-learn finds


def standardized(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


@functools.cache
def diabetes():
    x, y = sklearn.datasets.load_diabetes(return_X_y=True)
    return standardized(x).astype("float32"), standardized(y).astype("float32")[:, None]


def coefficients_on_diabetes(optimizer, regularizer, steps):
    x, y = diabetes()
    # Epochs of 50 steps, each over all the data: less is spent outside the compiled step.
    copies = 50
    model = compiled(
        optimizer,
        regularizer,
        [np.zeros((x.shape[1], 1)), np.zeros(1)],
        steps_per_execution=copies if BACKEND == "tensorflow" else 1,
    )
    xs, ys = np.tile(x, (copies, 1)), np.tile(y, (copies, 1))
    return fit(model, steps // copies, xs, ys, batch_size=len(x))[0][:, 0]


def test_every_public_optimizer_is_tried():
    public = {getattr(kerasreg.optimizers, name) for name in kerasreg.optimizers.__all__}
    tried = {type(optimizer.make()) for optimizer in OPTIMIZERS.values()}
    assert tried == public - {kerasreg.optimizers.ProximalOptimizer}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_lasso_of_scikit_learn(name):
    x, y = diabetes()
    lasso = sklearn.linear_model.Lasso(0.1, tol=1e-12, max_iter=100_000).fit(
        x.astype("float64"), y.astype("float64")
    )
    # Its objective is half of Keras's mean squared error: strength = 2·alpha.
    optimizer, steps = OPTIMIZERS[name].lasso(), OPTIMIZERS[name].lasso_steps
    found = coefficients_on_diabetes(optimizer, regularizers.L1(0.2), steps)
    np.testing.assert_array_equal(found == 0, lasso.coef_ == 0)
    np.testing.assert_allclose(found, lasso.coef_, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "steps"),
    [(lambda: ProximalSGD(0.1, momentum=0.9), 600), (lambda: ProximalAdam(0.02), 1500)],
    ids=["sgd", "adam"],
)
def test_ridge_and_elastic_net_of_scikit_learn(make, steps):
    x, y = diabetes()
    exact = x.astype("float64"), y.astype("float64")
    # ‖y − Xw‖² + n·l2·‖w‖² is n times Keras's objective.
    ridge = sklearn.linear_model.Ridge(0.3 * len(x)).fit(*exact)
    found = coefficients_on_diabetes(make(), regularizers.L2(0.3), steps)
    np.testing.assert_allclose(found, ridge.coef_.ravel(), rtol=0, atol=1e-5)
    # 1/(2n)·‖y − Xw‖² + α·ρ‖w‖₁ + α(1 − ρ)/2·‖w‖², times 2.
    net = sklearn.linear_model.ElasticNet(0.2, l1_ratio=0.5, tol=1e-12, max_iter=100_000)
    net.fit(*exact)
    found = coefficients_on_diabetes(make(), regularizers.L1L2(0.2, 0.1), steps)
    np.testing.assert_array_equal(found == 0, net.coef_ == 0)
    np.testing.assert_allclose(found, net.coef_, rtol=0, atol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("make", "steps"),
    [
        # Plain proximal gradient descent needs 16000 steps, 8000 of them for Adam at 0.02.
        (lambda: ProximalSGD(0.3, momentum=0.95, nesterov=True), 2000),
        (lambda: ProximalAdam(0.02), 8000),
    ],
    ids=["nesterov", "adam"],
)
def test_logistic_regression_of_scikit_learn(make, steps):
    x, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
    x, n, strength = standardized(x), len(y), 0.01
    logistic = sklearn.linear_model.LogisticRegression(
        C=1 / (n * strength), l1_ratio=1.0, solver="saga", tol=1e-8, max_iter=20_000
    ).fit(x, y)

    def objective(kernel, bias):
        z = x @ kernel + bias
        return np.mean(np.logaddexp(0, z) - y * z) + strength * np.abs(kernel).sum()

    copies = 200
    start = [np.zeros((x.shape[1], 1)), np.zeros(1)]
    model, optimizer = linear(regularizers.L1(strength), start), make()
    kerasreg.training.train(
        model,
        np.tile(x, (copies, 1)),
        np.tile(y, copies),
        optimizer=optimizer,
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        batch_size=n,
        epochs=steps // copies,
        shuffle=False,
    )
    kernel, bias = (w.astype("float64") for w in weights_of(model))
    np.testing.assert_array_equal(kernel[:, 0] == 0, logistic.coef_[0] == 0)
    np.testing.assert_allclose(
        objective(kernel[:, 0], bias), objective(logistic.coef_[0], logistic.intercept_), rtol=1e-5
    )
