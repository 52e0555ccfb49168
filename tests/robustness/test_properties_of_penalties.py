"""Laws of values and proxes that hold for all numbers: hypothesis draws them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops, regularizers

from kerasreg.regularizers import (
    ElasticNet,
    GroupLasso,
    KLSparsity,
    SparseGroupLasso,
    as_penalty,
)
from tests.regularizers.cases import (
    BACKEND,
    EPSILON,
    decades,
    every_penalty,
    float64,
    gradient,
    normal_weights,
    numpy,
)
from tests.robustness.drawn_numbers import (
    any_weights,
    dtypes,
    of_the_family_smallest_at_zero,
    random_steps,
    seeds,
    shapes,
    some_strengths,
    thoroughly,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


# Any numbers


@of_the_family_smallest_at_zero
@thoroughly
@given(seeds, shapes, dtypes, some_strengths)
def test_prox_of_any_numbers_shrinks(case, rng, shape, dtype, strength):
    assert_prox_shrinks(case, rng, shape, dtype, random_steps(rng, shape), strength)


@pytest.mark.parametrize("strength", [0.0, 1e-30, 1.0, 1e30])
@of_the_family_smallest_at_zero
def test_prox_at_the_ends_shrinks(case, strength):
    """In float32 most products of the three numbers are zero or infinite here."""
    rng = np.random.default_rng(0)
    for step_size in (1e-30, 1.0, 1e30):
        for steps in (step_size, np.full((4, 3), step_size)):
            assert_prox_shrinks(case, rng, (4, 3), "float32", steps, strength)


def assert_prox_shrinks(case, rng, shape, dtype, step_size, strength):
    penalty = case.draw(rng)[0]
    with float64():
        # The norm of some of the largest numbers would be none.
        w = any_weights(rng, shape, dtype, math.inf if case.is_separable else 1e36)
        w = ops.cast(w, dtype)
        u = penalty.prox(w, step_size, strength=strength)
        mirrored = numpy(penalty.prox(-w, step_size, strength=strength))
        of_zero = numpy(penalty.prox(ops.zeros_like(w), step_size, strength=strength))
        assert (u.shape, u.dtype) == (w.shape, w.dtype)
        u, w = numpy(u), numpy(w)
    assert np.isfinite(u).all()
    assert (np.abs(u) <= np.abs(w)).all() and (u * np.sign(w) >= 0).all()
    np.testing.assert_array_equal(mirrored, -u)
    np.testing.assert_array_equal(of_zero, 0)
    if strength == 0:
        # The backends flush denormal numbers to zero: those below the smallest normal one.
        smallest = np.finfo("float64" if dtype == "float64" else "float32").tiny
        np.testing.assert_allclose(u, w, 0, smallest)


@every_penalty
@thoroughly
@given(seeds, shapes, dtypes, some_strengths, some_strengths)
def test_value_of_any_numbers_grows_with_the_strength(case, rng, shape, dtype, one, other):
    penalty = case.draw(rng)[0]
    low, high = sorted((one, other))
    with float64():
        # A square times the strength has to be in the range of float32 for a finite gradient.
        w = ops.cast(any_weights(rng, shape, dtype, 100.0), dtype)
        of_low, of_high = (float(penalty(w, strength=s)) for s in (low, high))
        # The constant of MCP and SCAD ends in a difference of two terms of one rounding each.
        assert 0 <= of_low <= of_high * (1 + 1e-6)
        wide = "float64" if dtype == "float64" else "float32"
        # A slope without bound is in the range of the numbers for moderate strengths alone.
        moderate = min(high, 1.0) if case.is_infinitely_steep else high
        slope = gradient(lambda w: penalty(w, strength=moderate), ops.cast(w, wide))
        assert np.isfinite(numpy(slope)).all() and slope.shape == w.shape
        distance = numpy(penalty.subdiff_distance(w, w, strength=high))
        largest = penalty.strength_max(w)
    assert (distance >= 0).all() and distance.shape == w.shape
    assert largest.shape == () and float(largest) >= 0


@every_penalty
@thoroughly
@given(seeds, st.sampled_from([(7,), (20, 33)] if BACKEND != "jax" else [(4, 5)]), dtypes)
def test_what_is_not_finite_stays_so_and_touches_nothing_else(case, rng, shape, dtype):
    """NaN gives NaN, infinity never a number, also where a vectorized maximum could lose it."""
    penalty = case.draw(rng)[0]
    clean = normal_weights(case, rng, shape)
    # A group is spoilt as a whole, so that only the other groups can be compared.
    place, bad = rng.integers(clean.size), float(rng.choice([np.nan, np.inf, -np.inf]))
    w = clean.copy()
    w.flat[place] = bad
    step_size = decades(rng, -3, 3, shape if rng.integers(2) else None)
    with float64():
        u = numpy(penalty.prox(ops.cast(w, dtype), step_size)).ravel()
        expected = numpy(penalty.prox(ops.cast(clean, dtype), step_size)).ravel()
        value, largest = float(penalty(w)), float(penalty.strength_max(w))
        slope = numpy(gradient(penalty, w)).ravel()
        distance = numpy(penalty.subdiff_distance(clean, w)).ravel()
    assert not np.isfinite(u[place]) and not np.isfinite(largest)
    assert not np.isfinite(distance[place])
    if np.isnan(bad):
        assert all(map(np.isnan, (u[place], value, largest, distance[place])))
        # The derivative of Keras's own |w| is a sign at NaN too, on JAX.
        assert np.isnan(slope[place]) or (BACKEND == "jax" and case.is_keras)
    elif case.name not in ("mcp", "scad"):  # these are constant far from zero
        assert not np.isfinite(value)
    if case.is_separable:
        others = np.arange(u.size) != place
        np.testing.assert_array_equal(u[others], expected[others])
        assert np.isnan(u[place]) or u[place] == bad
    elif len(shape) == 2:
        rows, columns = np.divmod(np.arange(u.size), shape[1])
        outputs = getattr(penalty, "groups", "outputs") == "outputs"
        of_group = columns if outputs else rows
        others = of_group != of_group[place]
        # The Newton steps end when those of all groups are short.
        tolerance = max(EPSILON[dtype], 1e-6)
        np.testing.assert_allclose(u[others], expected[others], tolerance, tolerance)


@thoroughly
@given(seeds, st.floats(0.001, 0.999))
def test_the_divergence_of_activities_on_target_does_not_round_below_zero(rng, target):
    penalty = KLSparsity(1.0, target)
    # A thousand neighbours of the target, each a unit of its own, and all of them together.
    units = rng.integers(-40, 40, 1000) * EPSILON["float32"]
    w = (np.float32(target) * (1 + units)).astype("float32")
    if BACKEND != "jax":
        assert all(float(penalty(w[i : i + 1])) >= 0 for i in range(100))
    assert float(penalty(w)) >= 0


# The prox


@every_penalty
@thoroughly
@given(seeds)
def test_prox_is_firmly_nonexpansive_or_at_least_monotone(case, rng):
    """In the metric of the steps: Σ d²/t <= Σ d·(w − v)/t for d = prox(w) − prox(v)."""
    penalty = case.draw(rng)[0]
    w, v = case.weights(rng, (5, 4)), case.weights(rng, (5, 4))
    v = np.where(rng.uniform(size=v.shape) < 0.5, w, v)
    steps = decades(rng, -4, 3, (5, 4))
    with float64():
        apart = numpy(penalty.prox(w, steps)) - numpy(penalty.prox(v, steps))
    inner, square = apart * (w - v) / steps, apart**2 / steps
    # Some roundings of the largest weight; Newton's method finds a norm to 1e-12, see there.
    terms = 1e-11 * (np.abs(w).max() + np.abs(v).max()) * np.abs(w - v) / steps
    if not case.is_convex:
        assert (inner >= -terms).all()
    elif case.is_separable:
        assert (square <= inner + terms).all()
    else:
        assert square.sum() <= inner.sum() + terms.sum()


def onto_ball(w, radius, axes):
    norm = np.sqrt((w**2).sum(axes, keepdims=True))
    return w * np.minimum(1, radius / np.where(norm > 0, norm, 1))


@pytest.mark.tensorflow
@thoroughly
@given(seeds)
def test_moreaus_identity(rng):
    """w = prox of t·P + t·prox of P*/t at w/t; the conjugates P* of the norms are balls."""
    w = rng.normal(size=(2, 4, 3)) * decades(rng, -3, 3)
    t, s = decades(rng, -2, 2), decades(rng, -2, 2)
    l2 = w / (1 + 1 / (2 * t * s))
    for penalty, of_conjugate in (
        (ElasticNet(s, 1.0), np.clip(w, -t * s, t * s)),
        (ElasticNet(2 * s, 0.0), l2),
        (SparseGroupLasso(s, 1.0), np.clip(w, -t * s, t * s)),
        (GroupLasso(s), onto_ball(w, t * s * np.sqrt(8), (0, 1))),
        (GroupLasso(s, "inputs"), onto_ball(w, t * s * np.sqrt(6), (0, 2))),
    ):
        with float64():
            u = numpy(penalty.prox(w, t))
        np.testing.assert_allclose(u + of_conjugate, w, 1e-13, 1e-14 * np.abs(w).max())
    with float64():
        u = numpy(as_penalty(regularizers.L2(1.0)).prox(w, t, strength=s))
    np.testing.assert_allclose(u + l2, w, 1e-13)


@of_the_family_smallest_at_zero
@thoroughly
@given(seeds)
def test_at_the_prox_the_objective_is_stationary(case, rng):
    penalty, w = case.draw(rng)[0], case.weights(rng, (5, 4), -2, 2)
    steps = decades(rng, -2, 2, (5, 4) if rng.integers(2) else None)
    with float64():
        u = numpy(penalty.prox(w, steps))
        distance = numpy(penalty.subdiff_distance(u, (u - w) / steps))
        elsewhere = numpy(penalty.subdiff_distance(u, (u - w) / steps + 1e6))
    # Newton's method finds a norm to 1e-12 of the largest weight, see there.
    largest = np.abs(w).max() / np.min(steps)
    assert (distance <= 1e-11 * largest).all()
    if case.is_infinitely_steep:  # at zero no gradient is too large
        assert elsewhere[u != 0].all() and not elsewhere[u == 0].any()
    else:
        assert elsewhere.any()  # no other penalty drawn here is as steep as this


@of_the_family_smallest_at_zero
@thoroughly
@given(seeds)
def test_strength_max_is_where_the_prox_of_a_gradient_step_leaves_zero(case, rng):
    penalty, grad = case.draw(rng)[0], case.weights(rng, (5, 4), -1, 1)
    grad[0, 0] = -2.0
    # Below the bend of every case of MCP, SCAD and log-sum zero is stationary and nothing else is.
    t = decades(rng, -6, -3)
    with float64():
        largest = float(penalty.strength_max(grad))
        same = float(penalty.strength_max(-grad))
        twice = float(penalty.strength_max(2 * grad))
        if case.is_infinitely_steep:  # zero is stationary at every strength
            assert largest == same == twice == 0
            assert not numpy(penalty.subdiff_distance(0 * grad, grad, strength=1e-9)).any()
            return
        finite = largest if math.isfinite(largest) else 1e6
        above, below = (
            numpy(penalty.prox(-t * grad, t, strength=finite * factor)).any()
            for factor in (1 + 1e-9, 1 - 1e-9)
        )
    assert largest == same > 0
    np.testing.assert_allclose(twice, 2 * largest, 1e-14)
    assert below and above == math.isinf(largest)
