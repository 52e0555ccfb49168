import keras
import numpy as np
import pytest
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

from kerasreg import datasets
from kerasreg.descent import (
    elastic_net_descent,
    keras_descent,
    lasso_descent,
    logistic_costs,
    logistic_l1_descent,
    ridge_descent,
)
from kerasreg.regularizers import ElasticNet

NOTE = datasets.note_line()
FAST = {"learning_rate": 0.2, "steps": 1000}  # converges on the note's data
LINEAR = [lasso_descent, ridge_descent]


def numerical_gradient(function, w, h=1e-6):
    steps = h * np.eye(len(w))
    return np.array([(function(w + step) - function(w - step)) / (2 * h) for step in steps])


def regression(n=30, d=4):
    random = np.random.default_rng(1)
    x = random.normal(size=(n, d))
    return x, x @ random.normal(size=d) + 2 + random.normal(size=n), random.normal(size=1 + d)


# The numbers that the note's own program prints, at five decimals.


def test_lasso_as_taught_ends_where_the_note_does():
    weights = lasso_descent(NOTE.x, NOTE.y, 0.1, NOTE.initial_weights).weights
    np.testing.assert_allclose(weights, [4.16437, 2.97406], atol=5e-6, rtol=0)


def test_ridge_as_taught_ends_where_the_note_does():
    weights = ridge_descent(NOTE.x, NOTE.y, 0.1, NOTE.second_initial_weights).weights
    np.testing.assert_allclose(weights, [3.72876, 3.09620], atol=5e-6, rtol=0)


@pytest.mark.parametrize(
    ("descend", "strength", "optimum"),
    [
        (lasso_descent, 0.1, [4.17989, 2.96028]),
        (ridge_descent, 0.1, [3.72772, 3.09713]),
        (lasso_descent, 0.0, [4.22215, 2.96847]),
        (ridge_descent, 0.0, [4.22215, 2.96847]),
    ],
)
def test_converged_descent_reaches_the_known_optimum(descend, strength, optimum):
    weights = descend(NOTE.x, NOTE.y, strength, NOTE.initial_weights, **FAST).weights
    np.testing.assert_allclose(weights, optimum, atol=5e-6, rtol=0)


# scikit-learn as an outside reference for every constant.


@pytest.mark.parametrize("free_bias", [False, True])
def test_converged_descents_are_scikit_learns_solutions(free_bias):
    x, y, start = regression()
    design = x if free_bias else np.column_stack([np.ones(len(x)), x])
    l1, l2 = 0.06, 0.05

    def solution(model):
        model.set_params(fit_intercept=free_bias, tol=1e-14).fit(design, y)
        return np.append([model.intercept_] if free_bias else [], model.coef_)

    def found(descend, *strengths):
        settings = {"learning_rate": 0.1, "steps": 4000, "penalize_bias": not free_bias}
        return descend(x, y, *strengths, start, **settings).weights

    net = SklearnElasticNet(l1 / 2 + l2, l1_ratio=l1 / (l1 + 2 * l2))
    np.testing.assert_allclose(found(lasso_descent, l1), solution(Lasso(l1 / 2)), atol=1e-6)
    np.testing.assert_allclose(found(ridge_descent, l2), solution(Ridge(len(x) * l2)), atol=1e-9)
    np.testing.assert_allclose(found(elastic_net_descent, l1, l2), solution(net), atol=1e-6)


@pytest.mark.parametrize("penalize_bias", [False, True])
def test_linear_step_follows_the_gradient_of_its_cost(penalize_bias):
    x, y, start = regression()
    l1, l2 = 0.7, 0.3

    def cost(w):
        penalized = w if penalize_bias else w[1:]
        penalty = l1 * np.abs(penalized).sum() + l2 * np.sum(penalized**2)
        return np.mean((w[0] + x @ w[1:] - y) ** 2) + penalty

    run = elastic_net_descent(
        x, y, l1, l2, start, learning_rate=0.5, steps=1, penalize_bias=penalize_bias
    )
    expected = numerical_gradient(cost, start)
    np.testing.assert_allclose((run.path[0] - run.path[1]) / 0.5, expected, rtol=1e-6)


def test_lasso_and_ridge_are_elastic_nets_with_one_strength():
    x, y, start = regression()
    lasso, ridge = (descend(x, y, 0.3, start).path for descend in LINEAR)
    np.testing.assert_array_equal(lasso, elastic_net_descent(x, y, 0.3, 0.0, start).path)
    np.testing.assert_array_equal(ridge, elastic_net_descent(x, y, 0.0, 0.3, start).path)


def test_sign_of_zero_counts_as_zero():
    x, _, _ = regression()
    run = lasso_descent(x, np.zeros(len(x)), 5.0, np.zeros(5), steps=3)
    np.testing.assert_array_equal(run.path, np.zeros((4, 5)))


# The lecture's logistic regression.


def naive_costs(x, y, w, strength):
    y_pred = 1 / (1 + np.exp(-x @ w))
    losses = -(y * np.log(y_pred) + (1 - y) * np.log(1 - y_pred))
    printed = losses.mean() + strength * np.abs(w).mean()
    return printed, losses.sum() + strength * np.abs(w).sum()


def test_logistic_step_follows_the_gradient_of_the_sum():
    data = datasets.sparse_logistic(20, 5, seed=3)
    run = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights, steps=1)
    expected = numerical_gradient(
        lambda w: naive_costs(data.x, data.y, w, 2.0)[1], data.initial_weights
    )
    np.testing.assert_allclose((run.path[0] - run.path[1]) / 0.001, expected, rtol=1e-6)


def test_costs_of_each_step_are_those_of_its_weights():
    data = datasets.sparse_logistic(20, 5, seed=3)
    run = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights, steps=30)
    expected = [naive_costs(data.x, data.y, w, 2.0) for w in run.path]
    costs = np.column_stack([run.printed_cost, run.followed_cost])
    assert run.path.shape == (31, 5)
    np.testing.assert_allclose(costs, expected, rtol=1e-12)


@pytest.mark.parametrize(("n", "d"), [(20, 20), (20, 80)])
def test_printed_cost_is_the_followed_one_only_for_square_data(n, d):
    data = datasets.sparse_logistic(n, d)
    run = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights, steps=200)
    assert np.allclose(run.printed_cost, run.followed_cost / n, rtol=1e-12) == (n == d)
    of_another_strength = logistic_costs(data.x, data.y, run.path, 2.0 * n / d)[1] / n
    np.testing.assert_allclose(run.printed_cost, of_another_strength, rtol=1e-12)


def test_costs_of_large_scores_are_finite():
    printed, followed = logistic_costs([[1e6], [1e6]], [0, 1], [1.0], 0.0)
    assert (printed, followed) == (5e5, 1e6)


def test_descent_nears_the_exact_solution_and_makes_no_zero():
    data = datasets.sparse_logistic(seed=1)
    run = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights)
    model = LogisticRegression(
        C=1 / 2.0, l1_ratio=1, solver="liblinear", fit_intercept=False, tol=1e-10, random_state=0
    )
    exact = model.fit(data.x, data.y).coef_[0]
    least = logistic_costs(data.x, data.y, exact, 2.0)[1]
    assert least < run.followed_cost[-1] < 1.01 * least
    assert (exact == 0).sum() >= 25
    assert not (run.weights == 0).any()
    # About zero it steps from one side to the other, at most 2·rate·strength at a time.
    swing = np.abs(run.path[-1000:, exact == 0]).max()
    assert 0.001 * 2.0 < swing < 3 * 0.001 * 2.0


# The same steps by Keras.


@pytest.mark.tensorflow
@pytest.mark.parametrize("free_bias", [False, True])
def test_keras_repeats_the_linear_descents(free_bias):
    keras.config.dtype_policy()  # from now on it no longer follows floatx
    x = NOTE.x if free_bias else np.column_stack([np.ones(100), NOTE.x])
    penalty = ElasticNet(0.1, l1_ratio=1.0)
    weights = keras_descent(x, NOTE.y, penalty, NOTE.initial_weights, free_bias=free_bias)
    taught = lasso_descent(NOTE.x, NOTE.y, 0.1, NOTE.initial_weights, penalize_bias=not free_bias)
    np.testing.assert_allclose(weights, taught.weights, rtol=0, atol=1e-13)


@pytest.mark.tensorflow
def test_keras_repeats_the_logistic_descent():
    data = datasets.sparse_logistic(20, 30)
    taught = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights, steps=1000)

    def cross_entropy(y, scores):
        return keras.losses.binary_crossentropy(y, scores, from_logits=True)

    weights = keras_descent(
        data.x,
        data.y,
        ElasticNet(2.0 / 20, l1_ratio=1.0),
        data.initial_weights,
        loss=cross_entropy,
        learning_rate=0.001 * 20,
        steps=1000,
    )
    np.testing.assert_allclose(weights, taught.weights, rtol=0, atol=1e-12)


@pytest.mark.tensorflow
@pytest.mark.parametrize("learning_rate", [0.01, 1e6])  # the latter diverges
def test_keras_gets_its_precision_back(learning_rate):
    try:
        keras_descent(NOTE.x, NOTE.y, None, [1.0], learning_rate=learning_rate, steps=500)
    except FloatingPointError:
        assert learning_rate > 1
    else:
        assert learning_rate < 1
    assert keras.config.floatx() == "float32"


# What is wrong is said in one line, before the first step.


def test_descent_leaves_its_inputs_as_they_are():
    x, y, start = regression()
    copies = x.copy(), y.copy(), start.copy()
    lasso_descent(x, y, 0.1, start, steps=3)
    for given, copy in zip((x, y, start), copies, strict=True):
        np.testing.assert_array_equal(given, copy)


ERRORS = [
    (
        {"strength": -1},
        "Invalid value for argument `strength`: expected a finite float >= 0. "
        "Received: strength=-1",
    ),
    (
        {"learning_rate": 0},
        "Invalid value for argument `learning_rate`: expected a finite float > 0. "
        "Received: learning_rate=0",
    ),
    (
        {"steps": 0},
        "Invalid value for argument `steps`: expected an int >= 1. Received: steps=0",
    ),
    (
        {"steps": True},
        "Invalid value for argument `steps`: expected an int >= 1. Received: steps=True",
    ),
    (
        {"x": [1.0, 2.0]},
        "Invalid shape for argument `x`: expected (n_samples, n_features), at least one of each. "
        "Received: x.shape=(2,)",
    ),
    (
        {"y": [[0.0], [1.0]]},
        "Invalid shape for argument `y`: expected one target a sample, (2,). "
        "Received: y.shape=(2, 1)",
    ),
    (
        {"x": [[1.0], [np.nan]]},
        "Invalid value for argument `x`: expected finite numbers. "
        "Received: 1 of 2 are NaN or infinite, the first at index (1, 0)",
    ),
]


@pytest.mark.parametrize("descend", [*LINEAR, logistic_l1_descent])
@pytest.mark.parametrize(("wrong", "message"), ERRORS)
def test_wrong_argument_is_named(descend, wrong, message):
    initial_weights = [0.0] if descend is logistic_l1_descent else [0.0, 0.0]
    arguments = {"x": [[1.0], [2.0]], "y": [0.0, 1.0], "strength": 0.1}
    arguments |= {"initial_weights": initial_weights} | wrong
    with pytest.raises(ValueError) as error:
        descend(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("initial_weights", [[0.0], [0.0, np.inf]])
def test_wrong_initial_weights_are_named(initial_weights):
    with pytest.raises(ValueError) as error:
        lasso_descent([[1.0]], [1.0], 0.1, initial_weights)
    assert str(error.value) == (
        "Invalid value for argument `initial_weights`: expected 2 finite numbers, shape (2,). "
        f"Received: initial_weights={initial_weights!r}"
    )


def test_labels_that_are_not_0_or_1_are_named():
    with pytest.raises(ValueError) as error:
        logistic_l1_descent([[1.0], [2.0]], [-1, 1], 0.1, [0.0])
    assert str(error.value) == (
        "Invalid value for argument `y`: expected labels 0 or 1. Received: values from -1 to 1"
    )


def test_weights_of_another_shape_are_named():
    with pytest.raises(ValueError) as error:
        logistic_costs([[1.0], [2.0]], [0, 1], [0.0, 0.0], 0.1)
    assert str(error.value) == (
        "Invalid shape for argument `weights`: expected (…, 1), one weight a feature. "
        "Received: weights.shape=(2,)"
    )


def test_divergence_is_said_with_its_step():
    with pytest.raises(FloatingPointError) as error:
        ridge_descent([[1.0], [2.0]], [0.0, 1.0], 0.0, [1.0, 1.0], learning_rate=1e200)
    assert str(error.value) == (
        "The descent diverged: a weight is NaN or infinite at step 2. Try a smaller learning rate. "
        "Received: learning_rate=1e+200"
    )


@pytest.mark.tensorflow
def test_keras_descent_leaves_the_default_precision():
    # As in a process in which nobody has asked for the policy before.
    keras.src.backend.common.global_state.set_global_attribute("dtype_policy", None)
    keras_descent(NOTE.x, NOTE.y, None, NOTE.initial_weights, free_bias=True, steps=2)
    assert keras.config.floatx() == "float32"
    assert keras.layers.Dense(1).dtype_policy.name == "float32"
