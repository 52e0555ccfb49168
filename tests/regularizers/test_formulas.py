"""Values, gradients, proxes and largest strengths against brute force and scikit-learn."""

import keras
import numpy as np
import pytest
from keras import ops, regularizers
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, enet_path

import kerasreg
from kerasreg.regularizers import (
    MCP,
    PENALTIES,
    ElasticNet,
    KerasPenalty,
    as_penalty,
    soft_threshold,
)
from tests.regularizers import brute_force
from tests.regularizers.cases import (
    BACKEND,
    CASES,
    EPSILON,
    WITH_A_FORMULA,
    decades,
    derived_case,
    every_dtype,
    every_penalty,
    every_separable_convex_penalty,
    float64,
    gradient,
    numpy,
    random_weights,
)
from tests.regularizers.root_penalty import RootPenalty

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_every_public_penalty_has_a_case():
    """Of a separable one a case is derived; any other has to have one, see cases.py."""
    tested = {type(case.draw(np.random.default_rng(0))[0]) for case in CASES}
    assert {*PENALTIES, KerasPenalty} <= tested


def test_every_penalty_is_public():
    assert {kind.__name__ for kind in PENALTIES} <= set(kerasreg.regularizers.__all__)


def test_the_case_of_a_penalty_without_one_knows_its_formula():
    case = derived_case(RootPenalty)
    penalty, own, formula, make = case.draw(np.random.default_rng(0))
    assert (case.name, case.is_separable, case.is_infinitely_steep) == ("root_penalty", True, True)
    np.testing.assert_allclose(formula(np.array([4.0, -9.0]), 0.5), [1.0, 1.5], 1e-15)
    assert (type(penalty), penalty.strength, make(0.5).strength) == (RootPenalty, own, 0.5)
    # Parameters are drawn, and within what the constructor takes.
    rng = np.random.default_rng(1)
    for kind, name, low, high in ((MCP, "gamma", 0.9, 9.5), (ElasticNet, "l1_ratio", 0.15, 1.0)):
        drawn = [derived_case(kind).others(rng)[name] for _ in range(20)]
        assert len(set(drawn)) > 5 and low < min(drawn) and max(drawn) <= high
    assert not any(case.is_infinitely_steep for case in WITH_A_FORMULA)


def chord(case, formula, w, s):
    """What the rounding of a finite difference is relative to, where the slope itself vanishes."""
    slope = np.abs(formula.least_subgradient(w, s))
    if not case.is_separable:
        return slope
    return slope + formula(w, s) / np.where(w == 0, 1, np.abs(w))


# Value and gradient


@every_penalty
def test_value_is_the_documented_formula(case):
    rng = np.random.default_rng(1)
    for _ in range(50):
        penalty, own, formula, _ = case.draw(rng)
        w, strength = case.weights(rng, (4, 15)), decades(rng, -4, 3)
        with float64():
            # 60 positive terms: the sum is as exact as each of them.
            np.testing.assert_allclose(numpy(penalty(w)), formula(w, own).sum(), 1e-14)
            value = numpy(penalty(w, strength=strength))
            np.testing.assert_allclose(value, formula(w, strength).sum(), 1e-14)
        w = w.astype("float32")
        expected = formula(w.astype("float64"), own).sum()
        np.testing.assert_allclose(numpy(penalty(w)), expected, 8 * EPSILON["float32"])


@every_penalty
def test_gradient_is_the_derivative(case):
    rng = np.random.default_rng(2)
    for _ in range(50):
        penalty, own, formula, _ = case.draw(rng)
        w, strength = case.weights(rng, (4, 15)), decades(rng, -4, 3)
        w[w == 0] = 1.0
        with float64():
            of_own = numpy(gradient(penalty, w))
            of_given = numpy(gradient(lambda w: penalty(w, strength), w))  # noqa: B023
        # Finite differences over 1e-5 * w are exact to 1e-16 / 1e-5, see brute_force.
        for slope, s in ((of_own, own), (of_given, strength)):
            expected = formula.least_subgradient(w, s)
            assert (np.abs(slope - expected) <= 1e-10 * chord(case, formula, w, s)).all()


@every_penalty
def test_gradient_at_zero_is_of_least_modulus(case):
    rng = np.random.default_rng(3)
    w = np.array([[0.0, -0.0, 2.0], [-3.0, 0.0, 0.0]], "float32")
    for _ in range(10):
        others = case.others(rng)
        regularizer = case.regularizer(0.5, **others)
        slope = numpy(gradient(as_penalty(regularizer), w))
        assert np.isfinite(slope).all()
        if not case.is_smallest_at_zero:
            expected = case.oracle(case.formula, **others).least_subgradient(w, 0.5)
            np.testing.assert_allclose(slope, expected, 1e-5)
        elif case.is_keras:  # what Keras puts into the loss, on JAX +1 times l1 at zero
            np.testing.assert_array_equal(slope, numpy(gradient(regularizer, w)))
        else:
            expected = case.oracle(case.formula, **others).least_subgradient(w, 0.5)
            np.testing.assert_allclose(slope, expected, 8 * EPSILON["float32"])
            np.testing.assert_array_equal(slope[w == 0], 0)


# Prox


SEPARABLE = [case for case in CASES if case.is_separable]


# More draws find rarer numbers, not what a backend computes otherwise; and the penalties of Keras
# take the prox of the elastic net.
@pytest.mark.parametrize(
    ("case", "draws"),
    [
        *((case, 100) for case in SEPARABLE),
        *(
            pytest.param(case, 1000, marks=[pytest.mark.slow, pytest.mark.tensorflow])
            for case in SEPARABLE
            if not case.is_keras
        ),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_prox_is_the_global_minimizer(case, draws):
    """100 coordinates a draw; w over 8 decades, step size and strength over 7, factors over 5."""
    rng = np.random.default_rng(4)
    for draw in range(draws):
        penalty, own, formula, _ = case.draw(rng)
        w = random_weights(rng, 100)
        step_size = decades(rng, -4, 3, None if draw % 2 else 100)
        replaced = decades(rng, -4, 3) if draw % 3 else None
        strength = own if replaced is None else replaced
        expected = formula.prox(w, step_size, strength)
        with float64():
            u = numpy(penalty.prox(w, step_size, strength=replaced))
            distance = penalty.subdiff_distance(u, (u - w) / step_size, strength=replaced)
        np.testing.assert_array_equal(u == 0, expected == 0)
        if case.is_convex:
            # The accuracy of brute force, see there.
            assert (np.abs(u - expected) <= 1e-7 * np.sqrt(np.abs(w * expected))).all()
        # Less the value at w = u; 1e-15 of the terms of the difference is its rounding.
        objective = lambda u: u * (u / 2 - w) / step_size + formula(u, strength)  # noqa: B023, E731
        terms = np.abs(u * w) / step_size + formula(u, strength)
        assert (objective(u) <= objective(expected) + 1e-15 * terms).all()
        # One rounding of u, divided by the step.
        assert (numpy(distance) <= 1e-14 * np.abs(w) / step_size).all()


@every_dtype
@every_penalty
def test_prox_in_each_precision(case, dtype):
    rng = np.random.default_rng(5)
    for draw in range(20):
        penalty, own, formula, _ = case.draw(rng)
        with float64():
            w = ops.cast(case.weights(rng, (10, 10), -2, 3), dtype)
            step_size = np.float32(decades(rng, -2, 2, None if draw % 2 else (10, 10)))
            u = penalty.prox(w, step_size)
            assert keras.backend.standardize_dtype(u.dtype) == dtype
            u, w = numpy(u), numpy(w)
        expected = formula.prox(w, step_size, own)
        # The subtraction of the threshold and the final rounding cost some units in the last
        # place of w; 1e-6 is float32, in which half precision is computed, and brute force. Where
        # weights are coupled, the largest of them is rounded into all.
        size = np.abs(w) if case.is_separable else np.abs(w).max()
        assert (np.abs(u - expected) <= (2 * EPSILON[dtype] + 1e-6) * size).all()


def test_soft_threshold_is_the_prox_of_the_absolute_value():
    rng = np.random.default_rng(6)
    w, threshold = random_weights(rng, 200, -1, 1), decades(rng, -1, 1, 200)
    with float64():
        u = numpy(soft_threshold(ops.convert_to_tensor(w), ops.convert_to_tensor(threshold)))
    expected = brute_force.prox(np.abs, w, threshold)
    np.testing.assert_array_equal(u == 0, expected == 0)
    assert (np.abs(u - expected) <= 1e-7 * np.sqrt(np.abs(w * expected))).all()  # brute force


# Optimality


@every_penalty
def test_subdiff_distance_is_the_distance_from_the_subgradients(case):
    rng = np.random.default_rng(7)
    for _ in range(50):
        penalty, own, formula, _ = case.draw(rng)
        w, grad = case.weights(rng, (2, 5, 6)), case.weights(rng, (2, 5, 6))
        strength = decades(rng, -4, 3)
        with float64():
            of_own = numpy(penalty.subdiff_distance(w, grad))
            of_given = numpy(penalty.subdiff_distance(w, grad, strength=strength))
        for distance, s in ((of_own, own), (of_given, strength)):
            expected = formula.subdiff_distance(w, grad, s)
            assert distance.shape == w.shape
            # Finite differences, relative to the two terms that may cancel.
            terms = chord(case, formula, w, s) + np.abs(grad)
            assert (np.abs(distance - expected) <= 1e-10 * terms).all()


@every_separable_convex_penalty
def test_subdiff_distance_is_zero_at_the_optimum_only(case):
    """Data loss (u - w)**2 / (2 * step_size), the optimum by brute force."""
    rng = np.random.default_rng(8)
    for _ in range(50):
        penalty, own, formula, _ = case.draw(rng)
        w, step_size = random_weights(rng, 100, -1, 1), decades(rng, -2, 1)
        optimum = formula.prox(w, step_size, own)
        bend = formula.subdifferential(np.ones(1), own)[1]
        bend = 1 + step_size * bend  # bounds the curvature, in units of 1 / step_size
        with float64():
            distance = lambda u: numpy(penalty.subdiff_distance(u, (u - w) / step_size))  # noqa: B023, E731
            # The error of brute force times the curvature there.
            assert (distance(optimum) <= 1e-7 * bend * np.abs(w) / step_size).all()
            for shift in (-0.01, 0.01):
                # The objective is strongly convex: its slope grows at least as shift / step_size.
                away = distance(optimum + shift * np.abs(w))
                assert (away >= 0.0099 * np.abs(w) / step_size).all()


@every_penalty
def test_strength_max_is_the_smallest_at_which_zero_is_stationary(case):
    rng = np.random.default_rng(9)
    for _ in range(50):
        penalty, _, formula, _ = case.draw(rng)
        grad = random_weights(rng, (5, 6))
        grad[0, 0], zero = 1e-3, np.zeros((5, 6))
        with float64():
            largest = float(penalty.strength_max(grad))
            if case.is_infinitely_steep:  # zero is stationary at every strength
                assert largest == 0
                assert not numpy(penalty.subdiff_distance(zero, grad, strength=1e-9)).any()
                continue
            smooth = formula.subdiff_distance(zero, grad, 1e9).any()
            assert np.isinf(largest) == smooth  # no strength stops a gradient at a smooth point
            if smooth:
                continue
            at = numpy(penalty.subdiff_distance(zero, grad, strength=largest))
            below = numpy(penalty.subdiff_distance(zero, grad, strength=largest * (1 - 1e-12)))
        assert at.max() <= 1e-15 * np.abs(grad).max()  # one rounding of the quotient
        assert below.max() > 0
        at = formula.subdiff_distance(zero, grad, largest * (1 + 1e-12))
        below = formula.subdiff_distance(zero, grad, largest * (1 - 1e-12))
        assert at.max() == 0 < below.max()


@every_penalty
@pytest.mark.parametrize("shape", [(), (3, 2), (0,), (2, 0, 3)], ids=str)
def test_strength_max_of_no_gradient_is_zero(case, shape):
    rng = np.random.default_rng(10)
    for _ in range(10):
        largest = case.draw(rng)[0].strength_max(np.zeros(shape, "float32"))
        assert float(largest) == 0 and largest.shape == ()


@pytest.mark.parametrize(
    "penalty",
    [ElasticNet(0.1, 0.0), *map(as_penalty, (regularizers.L2(0.1), regularizers.L1L2(0.0, 0.1)))],
    ids=["elastic_net", "l2", "l1l2"],
)
def test_strength_max_of_a_smooth_penalty_is_infinite(penalty):
    assert float(penalty.strength_max(np.array([0.0, -1e-3], "float32"))) == np.inf
    assert float(penalty.strength_max(np.array([0.0, 0.0], "float32"))) == 0


# scikit-learn


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return x - x.mean(0), (y - y.mean())[:, None]


def mean_squared_error_gradient(x, y, w):
    return gradient(lambda w: ops.mean(keras.losses.mean_squared_error(y, ops.matmul(x, w))), w)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.1])
def test_strength_max_is_twice_the_alpha_max_of_scikit_learn(l1_ratio):
    x, y = diabetes()
    alpha_max = np.abs(x.T @ y).max() / (len(x) * l1_ratio)
    path = enet_path(x, y[:, 0], l1_ratio=l1_ratio, eps=0.5, alphas=2)[0]
    with float64():
        grad = mean_squared_error_gradient(x, y, np.zeros((10, 1)))
        strength_max = float(ElasticNet(0.3, l1_ratio).strength_max(grad))
    # A sum of 442 products in another order; on JAX, ops.mean rounds its gradient to float32.
    tolerance = EPSILON["float32"] if BACKEND == "jax" else 1e-13
    np.testing.assert_allclose(strength_max, [2 * alpha_max, 2 * path[0]], tolerance)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.9, 0.5, 0.1])
@pytest.mark.parametrize("alpha", [0.5, 0.02])
def test_from_sklearn_has_the_solution_of_scikit_learn(alpha, l1_ratio):
    x, y = diabetes()
    solver = Lasso(alpha) if l1_ratio == 1 else SklearnElasticNet(alpha, l1_ratio=l1_ratio)
    solver.set_params(fit_intercept=False, tol=1e-12, max_iter=10**6)
    w = solver.fit(x, y[:, 0]).coef_[:, None]
    assert w.any()
    penalty = ElasticNet.from_sklearn(alpha, l1_ratio=l1_ratio)
    assert penalty.get_config() == {"strength": 2 * alpha, "l1_ratio": l1_ratio}
    assert ElasticNet.from_sklearn(alpha).get_config() == {"strength": 2 * alpha, "l1_ratio": 0.5}
    with float64():
        at_zero = np.linalg.norm(numpy(mean_squared_error_gradient(x, y, np.zeros((10, 1)))))
        grad = mean_squared_error_gradient(x, y, w)
        distance = np.linalg.norm(numpy(penalty.subdiff_distance(w, grad)))
        wrong = np.linalg.norm(numpy(penalty.subdiff_distance(w, grad, strength=alpha)))
    # A relative duality gap of 1e-12 leaves a gradient of about its square root.
    assert distance <= 1e-6 * at_zero
    assert wrong > 1e3 * distance
