"""Penalties against brute force, finite differences, scikit-learn and their own contract.

`CASES` has one row for each penalty; every test that is parametrized over it runs for a new row.
Tests in float64 use tolerances of rounding error (1e-16) times the condition stated beside them.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops, regularizers
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, enet_path

from kerasreg.regularizers import (
    MCP,
    PENALTIES,
    SCAD,
    ElasticNet,
    GroupLasso,
    KerasPenalty,
    KLSparsity,
    LogSum,
    Penalty,
    SeparablePenalty,
    SparseGroupLasso,
    as_penalty,
    soft_threshold,
)
from tests.regularizers import brute_force

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BACKEND = keras.backend.backend()
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


@keras.saving.register_keras_serializable(package="test_regularizers")
class ScaledLasso(SeparablePenalty):
    """strength * scale * sum|w|: what a user writes to add a penalty, from the docstrings alone."""

    def __init__(self, strength=1.0, scale=1.0):
        self.strength, self.scale = strength, scale

    def get_config(self):
        return {"strength": self.strength, "scale": self.scale}

    def _elementwise(self, w, strength):
        return strength * self.scale * ops.abs(w)

    def _slope(self, w, strength):
        return strength * self.scale * ops.sign(w)

    def _prox(self, w, step_size, strength):
        return soft_threshold(w, step_size * strength * self.scale)


def decades(rng, low, high, size=None):
    """Log-uniform random numbers from 10**low to 10**high."""
    return 10 ** rng.uniform(low, high, size)


def factor(rng):
    """A factor of a Keras regularizer; Keras rounds it to float32, so it is one to begin with."""
    return float(np.float32(decades(rng, -3, 2)))


def random_weights(rng, size, low=-4, high=4):
    """Both signs, many decades, a tenth exactly zero."""
    signs = rng.choice([-1.0, 1.0, 0.0], size, p=[0.45, 0.45, 0.1])
    return signs * decades(rng, low, high, size)


def random_activities(rng, size, low=-4, high=4):
    """Between 0 and 1, from the tangent of KLSparsity to beyond its target."""
    return decades(rng, max(low, -4), 0, size)


def mcp(u, s, gamma):
    u = np.abs(u)
    return np.where(u <= gamma * s, s * u - u**2 / (2 * gamma), gamma * s**2 / 2)


def scad(u, s, a):
    u = np.abs(u)
    middle = (2 * a * s * u - u**2 - s**2) / (2 * (a - 1))
    return np.where(u <= s, s * u, np.where(u <= a * s, middle, (a + 1) * s**2 / 2))


@dataclass(frozen=True)
class Case:
    """One penalty: how to make it, and its documented value in NumPy."""

    name: str
    regularizer: Callable[..., Any]  # (strength, **others) -> a Keras regularizer
    formula: Callable[..., np.ndarray] | None  # (u, strength, **others) -> value of each coordinate
    others: Callable[[np.random.Generator], dict[str, Any]]  # random other hyperparameters
    is_keras: bool = False  # its own strength is 1, the factors are kept
    is_convex: bool = True
    is_smallest_at_zero: bool = True
    oracle: Callable[..., Any] = brute_force.Separable
    weights: Callable[..., np.ndarray] = random_weights

    @property
    def is_separable(self):
        return self.oracle is brute_force.Separable

    def draw(self, rng):
        """A random penalty, its strength, its formula(u, strength) and make(strength)."""
        others = self.others(rng)
        strength = 1.0 if self.is_keras else decades(rng, -4, 3)
        penalty = as_penalty(self.regularizer(strength, **others))
        make = lambda strength: as_penalty(self.regularizer(strength, **others))  # noqa: E731
        return penalty, strength, self.oracle(self.formula, **others), make


CASES = (
    Case(
        "elastic_net",
        ElasticNet,
        lambda u, s, l1_ratio: s * (l1_ratio * np.abs(u) + (1 - l1_ratio) / 2 * u**2),
        lambda rng: {"l1_ratio": float(np.clip(rng.uniform(-0.2, 1.2), 0, 1))},
    ),
    Case(
        "keras_l1",
        lambda s, l1: regularizers.L1(s * l1),
        lambda u, s, l1: s * l1 * np.abs(u),
        lambda rng: {"l1": factor(rng)},
        is_keras=True,
    ),
    Case(
        "keras_l2",
        lambda s, l2: regularizers.L2(s * l2),
        lambda u, s, l2: s * l2 * u**2,
        lambda rng: {"l2": factor(rng)},
        is_keras=True,
    ),
    Case(
        "keras_l1l2",
        lambda s, l1, l2: regularizers.L1L2(s * l1, s * l2),
        lambda u, s, l1, l2: s * (l1 * np.abs(u) + l2 * u**2),
        lambda rng: {"l1": factor(rng), "l2": factor(rng)},
        is_keras=True,
    ),
    Case(
        "user_penalty",
        ScaledLasso,
        lambda u, s, scale: s * scale * np.abs(u),
        lambda rng: {"scale": decades(rng, -1, 1)},
    ),
    Case(
        "mcp",
        MCP,
        mcp,
        lambda rng: {"gamma": decades(rng, -1, 2)},
        is_convex=False,
    ),
    Case(
        "scad",
        SCAD,
        scad,
        lambda rng: {"a": 2 + decades(rng, -1, 2)},
        is_convex=False,
    ),
    Case(
        "log_sum",
        LogSum,
        lambda u, s, epsilon: s * epsilon * np.log1p(np.abs(u) / epsilon),
        lambda rng: {"epsilon": decades(rng, -2, 2)},
        is_convex=False,
    ),
    Case(
        "group_lasso_outputs",
        GroupLasso,
        None,
        lambda rng: {"groups": "outputs"},
        oracle=brute_force.Grouped,
    ),
    Case(
        "group_lasso_inputs",
        GroupLasso,
        None,
        lambda rng: {"groups": "inputs"},
        oracle=brute_force.Grouped,
    ),
    Case(
        "sparse_group_lasso",
        SparseGroupLasso,
        None,
        lambda rng: {
            "l1_ratio": float(np.clip(rng.uniform(-0.2, 1.2), 0, 1)),
            "groups": str(rng.choice(["outputs", "inputs"])),
        },
        oracle=brute_force.Grouped,
    ),
    Case(
        "kl_sparsity",
        KLSparsity,
        None,
        lambda rng: {"target": rng.uniform(0.01, 0.5)},
        is_smallest_at_zero=False,
        oracle=brute_force.MeanActivity,
        weights=random_activities,
    ),
)
every_penalty = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_separable_penalty = pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_separable], ids=lambda case: case.name
)
every_separable_convex_penalty = pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.is_separable and case.is_convex],
    ids=lambda case: case.name,
)
every_dtype = pytest.mark.parametrize("dtype", EPSILON)


def float64():
    """Context in which float64 arrays stay float64: JAX otherwise computes them in float32."""
    if BACKEND != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def numpy(x):
    # By way of float32, as TensorFlow's bfloat16 scalars do not become NumPy arrays.
    x = ops.cast(x, "float32") if "float16" in str(x.dtype) else x
    return np.asarray(ops.convert_to_numpy(x), "float64")


def gradient(function, w):
    """Gradient of a scalar function by the backend's automatic differentiation, a tensor."""
    w = ops.convert_to_tensor(w)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(w)
            value = function(w)
        return tape.gradient(value, w)
    if BACKEND == "jax":
        import jax

        return jax.grad(function)(w)
    import torch

    w = w.detach().clone().requires_grad_()
    return torch.autograd.grad(function(w), w)[0]


def compiled(function, jit_compile):
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=jit_compile, autograph=False)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    pytest.skip(f"nothing is compiled on {BACKEND}")


def mapped(function, *stacks):
    """The function of one member each, over the first axis of all stacks at once."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        each = lambda members: function(*members)  # noqa: E731
        return tf.vectorized_map(each, stacks, fallback_to_while_loop=False)
    if BACKEND == "jax":
        import jax

        return jax.jit(jax.vmap(function))(*stacks)  # compiles once, not every operation alone
    import torch

    return torch.func.vmap(function)(*stacks)


def test_every_public_penalty_has_a_case():
    tested = {type(case.draw(np.random.default_rng(0))[0]) for case in CASES}
    assert {*PENALTIES, KerasPenalty} <= tested


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


@pytest.mark.parametrize("draws", [100, pytest.param(1000, marks=pytest.mark.slow)])
@every_separable_penalty
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


# The contract, over shapes, precisions and strengths

SHAPES = ((), (5,), (2, 3), (2, 0, 3), (1, 2, 1, 2), (1, 2, 2, 1, 2))
KINDS = [(shape, dtype) for shape in SHAPES for dtype in EPSILON]
if BACKEND == "jax":  # which compiles every operation anew for every shape and precision
    KINDS = KINDS[::7]  # four shapes, of rank 0, 1, 3 and 5, and each precision once


@st.composite
def situations(draw):
    """Two arrays of one shape and precision, two strengths, a step size, a random generator."""
    shape, dtype = draw(st.sampled_from(KINDS))
    # Numbers of float16, so that rounding to any of the precisions overflows nothing.
    weights = arrays("float64", shape, elements=st.floats(-1e4, 1e4, width=16))
    strengths = st.one_of(st.just(0.0), st.floats(0, 1e6, width=32))
    step_size = draw(st.floats(2.0**-10, 2.0**10, width=32))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return dtype, draw(weights), draw(weights), draw(strengths), draw(strengths), step_size, rng


for_any_situation = given(situation=situations())
thoroughly = settings(max_examples=15)  # the seed is fixed in conftest


@every_penalty
@thoroughly
@for_any_situation
def test_contract_of_the_value(case, situation):
    dtype, w, _, strength, other, _, rng = situation
    penalty, _, formula, make = case.draw(rng)
    with float64():
        w = ops.cast(w, dtype)
        value = penalty(w, strength=strength)
        assert value.shape == ()
        expected_dtype = "float64" if dtype == "float64" else "float32"
        assert keras.backend.standardize_dtype(value.dtype) == expected_dtype
        smaller, larger = (float(penalty(w, s)) for s in sorted((strength, other)))
        # The rounding of a convex penalty is monotone too.
        assert 0 <= smaller <= larger * (1 if case.is_convex else 1 + 1e-6) < np.inf
        assert float(penalty(w, 0.0)) == 0
        assert float(penalty(ops.zeros_like(w), strength)) == 0 or not case.is_smallest_at_zero
        # At most 8 terms, of some roundings each; Keras rounds the factor of L1 to float32. The
        # constant part of MCP and SCAD underflows where the square of the strength does: 1e-36.
        expected = formula(numpy(w), strength).sum()
        # The upper tangent of KLSparsity begins at 1 - (1 - target)/100: that difference from 1
        # has two digits less.
        relative = 1e-6 if case.is_smallest_at_zero else 1e-5
        np.testing.assert_allclose(float(value), expected, relative, 1e-36)
        np.testing.assert_allclose(float(value), float(make(strength)(w)), relative)
        slope = gradient(lambda w: penalty(w, strength), w)
        assert (slope.shape, slope.dtype) == (w.shape, w.dtype)


@every_penalty
@thoroughly
@for_any_situation
def test_contract_of_the_prox(case, situation):
    dtype, w, v, strength, other, step_size, rng = situation
    penalty, _, formula, make = case.draw(rng)
    smaller, larger = sorted((strength, other))
    with float64():
        w, v = ops.cast(w, dtype), ops.cast(v, dtype)
        u = penalty.prox(w, step_size, strength=smaller)
        assert (u.shape, u.dtype) == (w.shape, w.dtype)
        of_zeros = penalty.prox(ops.zeros_like(w), step_size, strength=larger)
        np.testing.assert_array_equal(numpy(penalty.prox(w, step_size, strength=0.0)), numpy(w))
        same = numpy(make(smaller).prox(w, step_size))
        per_coordinate = np.full(w.shape, step_size, "float32")
        per_coordinate = numpy(penalty.prox(w, per_coordinate, strength=smaller))
        shrunk = numpy(penalty.prox(w, step_size, strength=larger))
        other_u = numpy(penalty.prox(v, step_size, strength=smaller))
        distance = penalty.subdiff_distance(w, v, strength=smaller)
        assert distance.shape == w.shape and (numpy(distance) >= 0).all()
        u, w, v = numpy(u), numpy(w), numpy(v)
    # The rounding of one result, and that of float32 before it, in which halves are computed.
    size = np.maximum(np.abs(w), np.abs(v))
    size = size if case.is_separable else size.max(initial=0)
    rounding = (EPSILON[dtype] + 1e-6) * size
    if case.is_convex:  # nonexpansive
        apart, were_apart = np.abs(u - other_u), np.abs(w - v)
        if not case.is_separable:
            apart, were_apart = np.linalg.norm(apart), np.linalg.norm(were_apart)
        assert np.all(apart <= were_apart + 3 * rounding)
    in_order = (u - other_u) * (w - v)  # of each coordinate, or of their inner product
    in_order = in_order if case.is_separable else in_order.sum()
    assert np.all(in_order >= -3 * np.max(rounding, initial=0) * np.abs(w - v).max(initial=0))
    assert (np.abs(u - same) <= rounding).all()
    assert (np.abs(u - per_coordinate) <= rounding).all()
    if case.is_smallest_at_zero:
        assert not numpy(of_zeros).any()
        exact = 0 if case.is_separable else rounding
        assert (np.abs(shrunk) <= np.abs(u) + exact).all()
        assert (np.abs(u) <= np.abs(w)).all() and (u * w >= 0).all()
    expected = formula.prox(w, step_size, smaller)
    assert (np.abs(u - expected) <= rounding).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every_penalty
def test_half_precision_neither_overflows_nor_saturates(case, dtype):
    """70,000 ones: beyond the largest float16, 65,504, and bfloat16 stops counting at 256."""
    penalty, own, formula, _ = case.draw(np.random.default_rng(19))
    value = penalty(ops.ones((70000,), dtype=dtype))
    # A float32 sum of 70,000 equal terms.
    np.testing.assert_allclose(float(value), 70000 * formula(np.ones(1), own)[0], 1e-5)


def test_examples_of_the_docstrings():
    def assert_is(x, expected):
        np.testing.assert_array_equal(numpy(x), expected)

    assert_is(ElasticNet(0.5, l1_ratio=1.0).prox([2.0, -0.1, 0.0], step_size=1.0), [1.5, 0, 0])
    assert_is(ElasticNet(strength=2.0, l1_ratio=0.5)([1.0, -2.0]), 5.5)
    assert_is(as_penalty(regularizers.L1(0.5)).prox([2.0, 0.3], step_size=1.0), [1.5, 0])
    assert_is(as_penalty(regularizers.L2(0.5)).prox([4.0], step_size=1.0), [2.0])
    assert_is(soft_threshold(np.array([3.0, -0.5]), 1.0), [2.0, 0.0])
    assert repr(ElasticNet.from_sklearn(0.1)) == "ElasticNet(strength=0.2, l1_ratio=0.5)"
    assert ElasticNet().get_config() == {"strength": 0.01, "l1_ratio": 0.5}


def test_integers_are_numbers_too():
    penalty, w = ElasticNet(1, 1), np.array([3, -1])
    np.testing.assert_array_equal(numpy(penalty.prox(w, step_size=2)), [1.0, 0.0])
    np.testing.assert_array_equal(numpy(penalty.prox(w, step_size=0.5)), [2.5, -0.5])
    np.testing.assert_array_equal(numpy(penalty.subdiff_distance(w, w)), [4.0, 2.0])
    assert float(penalty(w)) == 4 and float(penalty.strength_max(w)) == 3


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("of_grad", EPSILON)
def test_gradient_of_another_precision(dtype, of_grad):
    with float64():
        w, grad = ops.cast([1.0, -2.0, 0.0], dtype), ops.cast([0.5, 0.5, 1.5], of_grad)
        distance = ElasticNet(1.0, 1.0).subdiff_distance(w, grad)
    expected = "float64" if dtype == "float64" else "float32"
    assert keras.backend.standardize_dtype(distance.dtype) == expected
    np.testing.assert_array_equal(numpy(distance), [1.5, 0.5, 0.5])


class Recorder(Penalty):
    """Keeps what its methods are called with."""

    strength = 0.25

    def _value(self, w, strength):
        self.received = {"w": w, "strength": strength}
        return ops.sum(w)

    def _prox(self, w, step_size, strength):
        self.received = {"w": w, "step_size": step_size, "strength": strength}
        return w

    def _subdiff_distance(self, w, grad, strength):
        self.received = {"w": w, "grad": grad, "strength": strength}
        return w

    def _strength_max(self, grad):
        self.received = {"grad": grad}
        return ops.max(grad)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_what_the_methods_of_a_subclass_receive(dtype):
    """A prox that depends on step_size * strength alone does not notice the two exchanged."""
    w = ops.cast([1.0, 2.0], dtype)
    recorder = Recorder()
    for own, strength in ((None, 0.25), (4.0, 4.0)):
        for call, expected in (
            (lambda s: recorder(w, strength=s), {"w": [1, 2]}),
            (lambda s: recorder.prox(w, 8.0, strength=s), {"w": [1, 2], "step_size": 8}),
            (lambda s: recorder.subdiff_distance(w, 3 * w, s), {"w": [1, 2], "grad": [3, 6]}),
        ):
            call(own)
            received = recorder.received
            assert float(received.pop("strength")) == strength
            assert received.keys() == expected.keys()
            for name, x in received.items():
                assert keras.backend.standardize_dtype(x.dtype) == "float32"
                np.testing.assert_array_equal(numpy(x), expected[name])
    recorder.strength_max(w)
    assert keras.backend.standardize_dtype(recorder.received["grad"].dtype) == "float32"


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    "kind", [float, np.float32, np.float64, np.array, keras.Variable, "float32", "float64"]
)
def test_strength_and_step_size_are_cast_to_the_precision_of_the_weights(kind, dtype):
    cast = kind if callable(kind) else partial(ops.convert_to_tensor, dtype=kind)
    exact = kind not in (np.float32, keras.Variable, "float32")
    with float64():
        w, scalar = ops.cast([1.0, -2.0], dtype), cast(0.1)
        penalty = ElasticNet(1.0, 1.0)
        value = penalty(w, strength=scalar)
        u = penalty.prox(w, step_size=scalar, strength=scalar)
        distance = penalty.subdiff_distance(w, ops.zeros_like(w), strength=scalar)
    assert keras.backend.standardize_dtype(u.dtype) == dtype
    computed = "float64" if dtype == "float64" else "float32"
    rounding = EPSILON["float64" if exact and dtype == "float64" else "float32"]
    assert keras.backend.standardize_dtype(value.dtype) == computed
    np.testing.assert_allclose(numpy(value), 0.3, 4 * rounding)
    np.testing.assert_allclose(numpy(distance), [0.1, 0.1], 4 * rounding)
    np.testing.assert_allclose(numpy(u), [0.99, -1.99], max(EPSILON[dtype], 4 * rounding))


@every_penalty
def test_not_a_number_stays_visible(case):
    """A diverged weight must not become a zero."""
    penalty = case.draw(np.random.default_rng(18))[0]
    w = np.array([np.nan, 1.0, 0.0], "float32")
    assert np.isnan(numpy(penalty(w)))
    distance = penalty.subdiff_distance(np.zeros(3, "float32"), w)
    for x in (penalty.prox(w, 0.1), penalty.subdiff_distance(w, 0 * w + 1), distance):
        if case.is_separable:
            np.testing.assert_array_equal(np.isnan(numpy(x)), np.isnan(w))
        assert np.isnan(numpy(x))[np.isnan(w)].all()
    assert np.isnan(numpy(penalty.strength_max(w)))


# Large arrays, where value and gradient are computed in lanes


def normal_weights(case, rng, shape):
    """Normal weights, or activities where these are expected."""
    draw = rng.normal if case.is_smallest_at_zero else rng.uniform
    return draw(size=shape).astype("float32")


def slope_tolerance(case, expected):
    """Relative and absolute, in float32."""
    few = 4 * EPSILON["float32"]
    # Means and norms are sums, whose errors grow as the square root of the number of terms.
    relative = few if case.is_separable else 1e-5
    # The slope vanishes where MCP and SCAD become flat, and at the target of KLSparsity, by a
    # difference of two larger terms.
    vanishes = not case.is_convex or not case.is_smallest_at_zero
    return relative, few * np.abs(expected).max(initial=0) * vanishes


@pytest.mark.parametrize("shape", [(17,), (65536 + 3,), (257, 259), (3, 5, 7, 641)], ids=str)
@every_penalty
def test_large_arrays_are_the_sum_of_their_pieces(case, shape):
    rng = np.random.default_rng(12)
    penalty, own, formula, _ = case.draw(rng)
    w = normal_weights(case, rng, shape)
    w[rng.uniform(size=shape) < 0.1] = 0
    w.flat[-3:] = [100.0, -100.0, 100.0][: w.size]  # not to be lost among the others
    pieces = np.pad(w.ravel(), (0, -w.size % 10000)).reshape(-1, 10000)

    def value_and_gradient(w):
        return penalty(w), gradient(lambda w: 3 * penalty(w), w)  # 3: what comes from above arrives

    if BACKEND == "jax":  # compiles the whole once, not every operation alone
        value_and_gradient = compiled(value_and_gradient, jit_compile=True)
    value, slope = (numpy(x) for x in value_and_gradient(w))
    # float32 sums in two orders: their error grows as the square root of the number of terms.
    np.testing.assert_allclose(value, formula(w.astype("float64"), own).sum(), 1e-5)
    assert slope.shape == shape
    expected = 3 * formula.least_subgradient(w.astype("float64"), own)[w != 0]
    np.testing.assert_allclose(slope[w != 0], expected, *slope_tolerance(case, expected))
    if case.is_separable:
        values, slopes = zip(*(value_and_gradient(piece) for piece in pieces), strict=True)
        np.testing.assert_allclose(value, sum(float(x) for x in values), 1e-5)
        expected = np.concatenate([numpy(x) for x in slopes])[: w.size]
        np.testing.assert_allclose(slope.ravel(), expected, *slope_tolerance(case, expected))


# Strength as a tensor: one program for many strengths


def answers(penalty, strength, w):
    """Everything a penalty answers, as tensors."""
    return (
        penalty(w, strength=strength),
        gradient(lambda w: penalty(w, strength=strength), w),
        penalty.prox(w, 0.7, strength=strength),
        penalty.subdiff_distance(w, 0.3 - w, strength=strength),
        penalty.strength_max(w),
    )


def assert_answers(case, penalty, formula, strength, w, got):
    w, strength = w.astype("float64"), float(strength)
    some = slice(None, None, 1 + w.size // 500)  # brute force for at most 500 coordinates
    slope = formula.least_subgradient(w, strength)
    if case.is_keras and BACKEND == "jax":
        slope = np.where(w == 0, formula.subdifferential(w, strength)[1], slope)  # its +1 at zero
    largest = float(penalty.strength_max(w.astype("float32")))
    if case.is_separable:
        prox = formula.prox(w.ravel()[some], 0.7, strength)
    else:
        prox = formula.prox(w, 0.7, strength).ravel()[some]
    expected = (
        formula(w, strength).sum(),
        slope,
        prox,
        formula.subdiff_distance(w, 0.3 - w, strength),
        largest,
    )
    got = [numpy(x) for x in got]
    assert got[2].shape == w.shape
    got[2] = got[2].ravel()[some]
    for x, y in zip(got, expected, strict=True):
        # float32, relative to terms that cancel: threshold and weight, slope and gradient.
        np.testing.assert_allclose(x, y, 4e-6, 1e-6 * (1 + np.abs(slope).max()))


STRENGTHS = np.geomspace(1e-3, 10, 12).astype("float32")


@pytest.mark.parametrize("jit_compile", [True, False] if BACKEND == "tensorflow" else [True])
@pytest.mark.parametrize("shape", [(4, 5), (257, 259)], ids=str)
@every_penalty
def test_one_compiled_program_serves_all_strengths(case, shape, jit_compile):
    rng = np.random.default_rng(20)
    penalty, _, formula, _ = case.draw(rng)
    w = case.weights(rng, shape, -1, 1).astype("float32")
    traces = []

    def function(strength, w):
        traces.append(strength)
        return answers(penalty, strength, w)

    program = compiled(function, jit_compile)
    weights = ops.convert_to_tensor(w)
    for strength in STRENGTHS[:: 1 if w.size < 100 else 4]:
        got = program(ops.convert_to_tensor(strength), weights)
        assert_answers(case, penalty, formula, strength, w, got)
    assert len(traces) == 1


@pytest.mark.parametrize("shape", [(4, 5), (257, 259)], ids=str)
@every_penalty
def test_mapped_over_strengths_and_weights(case, shape):
    rng = np.random.default_rng(22)
    penalty, _, formula, _ = case.draw(rng)
    strengths = STRENGTHS if shape == (4, 5) else STRENGTHS[::4]
    w = case.weights(rng, (len(strengths), *shape), -1, 1).astype("float32")
    stacks = ops.convert_to_tensor(strengths), ops.convert_to_tensor(w)
    got = mapped(partial(answers, penalty), *stacks)
    for member, strength in enumerate(strengths):
        of_member = [x[member] for x in got]
        assert_answers(case, penalty, formula, strength, w[member], of_member)


# In a model


@every_penalty
def test_value_and_gradient_of_a_variable(case):
    """What Keras hands to a regularizer is a variable, eagerly too."""
    rng = np.random.default_rng(23)
    penalty, own, formula, _ = case.draw(rng)
    variable = keras.Variable(normal_weights(case, rng, (3, 4)))
    w = numpy(variable)
    # A dozen float32 roundings.
    np.testing.assert_allclose(float(penalty(variable)), formula(w, own).sum(), 1e-6)
    expected = formula.prox(w, 0.1, own)
    np.testing.assert_allclose(numpy(penalty.prox(variable, 0.1)), expected, 0, 1e-6)
    slope = formula.least_subgradient(w, own)
    distance = numpy(penalty.subdiff_distance(variable, -slope.astype("float32")))
    assert (distance <= 1e-6 * np.abs(slope)).all()
    if BACKEND == "tensorflow":
        import tensorflow as tf

        for function in (lambda f: f(), tf.function(lambda f: f(), autograph=False)):

            def loss_gradient():
                with tf.GradientTape() as tape:
                    value = penalty(variable)
                return tape.gradient(value, variable.value)

            np.testing.assert_allclose(numpy(function(loss_gradient)), slope, 1e-6)


@pytest.mark.tensorflow
@pytest.mark.parametrize("shape", [(4, 5), (257, 259), (0, 3)], ids=str)
@every_penalty
def test_activities_of_unknown_batch_size(case, shape):
    import tensorflow as tf

    rng = np.random.default_rng(24)
    penalty, own, formula, _ = case.draw(rng)
    w = normal_weights(case, rng, shape)

    def value_and_gradient(w):
        return penalty(w), gradient(penalty, w)

    signature = [tf.TensorSpec([None, shape[1]])]
    program = tf.function(value_and_gradient, input_signature=signature, autograph=False)
    value, slope = (numpy(x) for x in program(w))
    # A float32 sum, its error grows as the square root of the number of terms.
    np.testing.assert_allclose(value, formula(w.astype("float64"), own).sum(), 1e-5)
    expected = formula.least_subgradient(w, own)
    np.testing.assert_allclose(slope, expected, *slope_tolerance(case, expected))


# Configuration and saving


@pytest.mark.parametrize("penalty", [*PENALTIES, KerasPenalty], ids=lambda x: x.__name__)
def test_registered_name(penalty):
    """Stands in every saved model: another name could not be loaded any more."""
    assert keras.saving.get_registered_name(penalty) == f"kerasreg>{penalty.__name__}"


@every_penalty
def test_config_round_trip(case):
    rng = np.random.default_rng(15)
    w = rng.normal(size=(3, 4)).astype("float32")
    for _ in range(10):
        penalty = case.draw(rng)[0]
        config = json.loads(json.dumps(penalty.get_config()))
        again = type(penalty).from_config(config)
        serialized = json.loads(json.dumps(regularizers.serialize(penalty)))
        for copy in (again, regularizers.deserialize(serialized)):
            assert type(copy) is type(penalty)
            assert copy.get_config() == penalty.get_config()
            assert copy.strength == penalty.strength
            assert repr(copy) == repr(penalty)
            np.testing.assert_array_equal(numpy(copy(w)), numpy(penalty(w)))
            np.testing.assert_array_equal(numpy(copy.prox(w, 0.1)), numpy(penalty.prox(w, 0.1)))


@every_penalty
def test_saved_with_a_layer_and_loaded_in_safe_mode(case, tmp_path):
    rng = np.random.default_rng(16)
    penalty, own, formula, _ = case.draw(rng)
    x = rng.normal(size=(6, 4)).astype("float32")
    random = keras.initializers.RandomNormal(seed=1)
    dense = keras.layers.Dense(3, bias_initializer=random, kernel_initializer=random)
    places = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
    dense = keras.layers.Dense.from_config(
        dense.get_config() | dict.fromkeys(places, regularizers.serialize(penalty))
    )
    model = keras.Sequential([keras.Input((4,)), dense])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    expected = [formula(numpy(v), own).sum() for v in (dense.kernel, dense.bias, model(x))]
    expected[2] /= len(x)  # Keras divides the penalty on activities by the batch size
    for network in (model, loaded):
        network(x)
        losses = sorted(float(loss) for loss in network.losses)
        # A dozen float32 roundings.
        np.testing.assert_allclose(losses, sorted(expected), 1e-6)
    for place in places:
        copy = getattr(loaded.layers[-1], place)
        assert type(copy) is type(penalty) and copy.get_config() == penalty.get_config()


# as_penalty


class SubclassOfL1(regularizers.L1):
    """Could compute anything."""


def test_as_penalty_returns_a_penalty_as_it_is():
    for penalty in (ElasticNet(0.1), as_penalty(regularizers.L1(0.1)), ScaledLasso()):
        assert as_penalty(penalty) is penalty


def test_a_keras_penalty_multiplies_the_factors_by_the_strength():
    penalty = as_penalty(regularizers.L1L2(0.25, 0.5))
    assert type(penalty) is KerasPenalty and penalty.strength == 1.0
    assert float(penalty([1.0, -2.0])) == 0.25 * 3 + 0.5 * 5
    assert float(penalty([1.0, -2.0], strength=2.0)) == 2 * (0.25 * 3 + 0.5 * 5)


@pytest.mark.parametrize(
    "regularizer",
    [regularizers.OrthogonalRegularizer(), SubclassOfL1(0.1), None, "l1", regularizers.L1],
    ids=["orthogonal", "subclass", "none", "string", "class"],
)
def test_as_penalty_refuses_what_it_does_not_know(regularizer):
    with pytest.raises(TypeError) as error:
        as_penalty(regularizer)
    assert str(error.value) == (
        f"No penalty is known for the regularizer {regularizer!r} of type "
        f"{type(regularizer).__name__}. Use one of keras.regularizers.L1, L2, L1L2, or a subclass "
        "of kerasreg.regularizers.Penalty, which has to provide: `strength`, `_value(w, strength)`,"
        " `_prox(w, step_size, strength)`, `_subdiff_distance(w, grad, strength)`, "
        "`_strength_max(grad)` and `get_config()`"
    )


@pytest.mark.parametrize(
    "regularizer",
    [regularizers.OrthogonalRegularizer(), SubclassOfL1(0.1), None, ElasticNet(0.5)],
    ids=["orthogonal", "subclass", "none", "penalty"],
)
def test_keras_penalty_refuses_what_is_not_of_keras(regularizer):
    with pytest.raises(TypeError) as error:
        KerasPenalty(regularizer)
    assert str(error.value) == (
        "Invalid type for argument `regularizer`: expected an instance of keras.regularizers.L1, "
        f"L2 or L1L2. Received: regularizer={regularizer!r} of type {type(regularizer).__name__}"
    )


# Errors

NAN, INF = float("nan"), float("inf")
W = np.ones((2, 3), "float32")
PENALTY = ElasticNet(0.5, 0.5)


def assert_value_error(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize(
    "bad", [-1, -1e-9, NAN, INF, "a", None, True, 1j, [0.1, 0.2], 10**309], ids=lambda x: f"{x}"[:9]
)
def test_bad_strength(bad):
    message = (
        "Invalid value for argument `strength`: expected a finite float >= 0. "
        f"Received: strength={bad!r}"
    )
    assert_value_error(lambda: ElasticNet(strength=bad), message)
    alpha = message.replace("strength", "alpha")
    assert_value_error(lambda: ElasticNet.from_sklearn(bad), alpha)
    if bad is None:
        return  # in a call: the penalty's own
    for penalty in (PENALTY, as_penalty(regularizers.L2(0.1))):
        assert_value_error(lambda: penalty(W, strength=bad), message)  # noqa: B023
        assert_value_error(lambda: penalty.prox(W, 1.0, strength=bad), message)  # noqa: B023
        call = lambda: penalty.subdiff_distance(W, W, strength=bad)  # noqa: B023, E731
        assert_value_error(call, message)


@pytest.mark.parametrize("bad", [-0.1, 1.1, NAN, INF, "a", None, True, 1j, [0.1]], ids=str)
def test_bad_l1_ratio(bad):
    message = (
        "Invalid value for argument `l1_ratio`: expected a finite float between 0 and 1. "
        f"Received: l1_ratio={bad!r}"
    )
    assert_value_error(lambda: ElasticNet(0.1, l1_ratio=bad), message)
    assert_value_error(lambda: ElasticNet.from_sklearn(0.1, l1_ratio=bad), message)


@pytest.mark.parametrize(
    "bad",
    [0, 0.0, -1, NAN, INF, True, np.array([[1, 1, 1], [1, 0, 1.0]]), "a", None, 1j],
    ids=lambda x: f"{x}".replace("\n", ""),
)
def test_bad_step_size(bad):
    message = (
        "Invalid value for argument `step_size`: expected a float > 0, or an array of them with "
        f"the shape of `w`. Received: step_size={' '.join(repr(bad).split())}"
    )
    assert_value_error(lambda: PENALTY.prox(W, bad), message)


@pytest.mark.parametrize("shape", [(3,), (1,), (2, 1), (3, 2), (0,)], ids=str)
def test_bad_shape(shape):
    message = (
        "Invalid shape for argument `step_size`: expected a scalar or the shape of `w`, (2, 3). "
        f"Received: step_size.shape={shape}"
    )
    assert_value_error(lambda: PENALTY.prox(W, np.ones(shape)), message)
    assert_value_error(lambda: PENALTY.prox(W, ops.ones(shape)), message)
    message = (
        "Invalid shape for argument `grad`: expected the shape of `w`, (2, 3). "
        f"Received: grad.shape={shape}"
    )
    assert_value_error(lambda: PENALTY.subdiff_distance(W, np.ones(shape, "float32")), message)
    assert_value_error(lambda: PENALTY.subdiff_distance(W, ops.ones(shape)), message)


@pytest.mark.parametrize("shape", [(3,), (1,), (2, 3)], ids=str)
def test_strength_tensor_that_is_not_a_scalar(shape):
    """It would broadcast to a wrong number."""
    message = (
        "Invalid shape for argument `strength`: expected a scalar. "
        f"Received: strength.shape={shape}"
    )
    for penalty in (PENALTY, as_penalty(regularizers.L2(0.1))):
        for call in (
            penalty,
            partial(penalty.prox, step_size=1.0),
            partial(penalty.subdiff_distance, grad=W),
        ):
            assert_value_error(lambda: call(W, strength=ops.ones(shape)), message)  # noqa: B023


@pytest.mark.parametrize("bad", ["abc", None, 1j, [1j]], ids=str)
def test_not_an_array_of_real_numbers(bad):
    template = (
        "Invalid value for argument `{name}`: expected an array of real numbers. "
        f"Received: {{name}}={np.asarray(bad)!r}"
    )
    for name, call in {
        "w": (
            PENALTY,
            lambda w: PENALTY.prox(w, 1.0),
            lambda w: PENALTY.subdiff_distance(w, W),
        ),
        "grad": (partial(PENALTY.subdiff_distance, W), PENALTY.strength_max),
    }.items():
        for function in call:
            assert_value_error(lambda: function(bad), template.format(name=name))  # noqa: B023
