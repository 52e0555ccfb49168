"""Laws that hold for all numbers: hypothesis draws the penalties, weights, steps and strengths.

Where test_regularizers compares with oracles over the numbers of training, here are denormals, the
largest floats, infinity and NaN, strengths from 0 to 1e30 and steps from 1e-30 to 1e30, and
what a change of scale, order or sign of the weights must do.
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops, regularizers
from scipy import stats

from kerasreg.folds import fold_indices
from kerasreg.regularizers import (
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    KLSparsity,
    LogSum,
    SparseGroupLasso,
    as_penalty,
    block_soft_threshold,
    gaussian_prior,
    laplace_prior,
    scaled_regularizer,
    soft_threshold,
)
from kerasreg.tables import Histogram
from tests.regularizers.cases import (
    BACKEND,
    CASES,
    EPSILON,
    decades,
    every_penalty,
    every_separable_penalty,
    float64,
    gradient,
    normal_weights,
    numpy,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPES = [(), (6,), (4, 3), (2, 0, 3), (2, 1, 2, 3), (1, 2, 1, 2, 2), (0,)]
DTYPES = list(EPSILON)
thoroughly = settings(max_examples=12)
if BACKEND == "jax":  # which compiles every operation anew for every shape and precision
    SHAPES, DTYPES, thoroughly = [(), (4, 3), (2, 0, 3)], ["float32"], settings(max_examples=4)

seeds = st.integers(0, 10**6).map(np.random.default_rng)
shapes = st.sampled_from(SHAPES)
dtypes = st.sampled_from(DTYPES)
some_strengths = st.one_of(
    st.sampled_from([0.0, 1e-30, 1.0, 1e30]), st.floats(-30, 30).map(lambda x: 10.0**x)
)
of_the_family_smallest_at_zero = pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_smallest_at_zero], ids=lambda case: case.name
)


def random_steps(rng, shape):
    """A scalar, or one step a coordinate, over 60 decades, often at their ends."""
    low, high = [(-30, -29), (-30, 30), (-2, 2), (29, 30)][rng.integers(4)]
    return decades(rng, low, high, shape if rng.integers(2) else None)


def any_weights(rng, shape, dtype, largest=math.inf):
    """All sizes that the precision has, its denormals and largest number, zeros of both signs."""
    limits = np.finfo("float32" if dtype == "bfloat16" else dtype)
    top = min(float(limits.max) * 0.99, largest)
    low = math.log10(float(limits.smallest_subnormal))
    w = rng.choice([-1.0, 1.0], shape) * decades(rng, low, math.log10(top), shape)
    special = [0.0, -0.0, float(limits.smallest_subnormal), -float(limits.tiny), top, -top, 1.0]
    return np.where(rng.uniform(size=shape) < 0.4, rng.choice(special, shape), w)


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
        slope = gradient(lambda w: penalty(w, strength=high), ops.cast(w, wide))
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
    assert elsewhere.any()  # no penalty drawn here is as steep as this


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
        finite = largest if math.isfinite(largest) else 1e6
        above, below = (
            numpy(penalty.prox(-t * grad, t, strength=finite * factor)).any()
            for factor in (1 + 1e-9, 1 - 1e-9)
        )
    assert largest == same > 0
    np.testing.assert_allclose(twice, 2 * largest, 1e-14)
    assert below and above == math.isinf(largest)


# Scale and order. Factors that are powers of 2 round nothing.

powers = st.integers(-8, 8).map(lambda k: 2.0**k)


@pytest.mark.tensorflow
@thoroughly
@given(seeds, powers)
def test_scaled_weights(rng, c):
    w, t, s = rng.normal(size=(4, 3)), decades(rng, -2, 2), decades(rng, -2, 1)
    steps = decades(rng, -2, 2, (4, 3))
    x = decades(rng, -1, 1)
    for penalty, scaled, of_strength, power in (
        (ElasticNet(s, 1.0), ElasticNet(s, 1.0), c, 1),
        (ElasticNet(s, 0.0), ElasticNet(s, 0.0), 1, 2),
        (GroupLasso(s), GroupLasso(s), c, 1),
        (SparseGroupLasso(s, 0.5, "inputs"), SparseGroupLasso(s, 0.5, "inputs"), c, 1),
        (MCP(s, x), MCP(s, x), c, 1),
        (SCAD(s, 2 + x), SCAD(s, 2 + x), c, 1),
        (LogSum(s, x), LogSum(s, c * x), c, 1),
    ):
        with float64():
            value, of_scaled = float(penalty(w)), float(scaled(c * w, strength=of_strength * s))
            # P(c·w, c·s) = c²·P(w, s), and for ridge P(c·w, s) = c²·P(w, s).
            np.testing.assert_allclose(of_scaled, c**2 * value, 1e-14)
            if power == 1 and isinstance(penalty, ElasticNet | GroupLasso | SparseGroupLasso):
                np.testing.assert_allclose(float(penalty(c * w)), c * value, 1e-14)
                # Proportional to the strength: only its product with the step counts.
                for step_size in (t, steps):
                    u = numpy(penalty.prox(w, step_size))
                    same = numpy(penalty.prox(w, c * step_size, strength=s / c))
                    np.testing.assert_array_equal(same, u)
            for step_size in (t, steps):
                u = numpy(penalty.prox(w, step_size))
                of_scaled = numpy(scaled.prox(c * w, step_size, strength=of_strength * s))
                # The guard of Newton's method against a division by zero has a scale of its own.
                np.testing.assert_allclose(of_scaled, c * u, 1e-13, 1e-13 * c)


@pytest.mark.tensorflow
@every_penalty
@thoroughly
@given(seeds)
def test_the_order_of_indices_does_not_matter(case, rng):
    """Rows and columns are exchanged, each as a whole: groups stay groups."""
    penalty = case.draw(rng)[0]
    w, grad = case.weights(rng, (5, 4), -2, 2), case.weights(rng, (5, 4), -2, 2)
    steps = decades(rng, -3, 2, (5, 4))
    mixed = np.ix_(rng.permutation(5), rng.permutation(4))
    with float64():
        np.testing.assert_allclose(float(penalty(w[mixed])), float(penalty(w)), 1e-13)
        for u, of_mixed in (
            (penalty.prox(w, steps), penalty.prox(w[mixed], steps[mixed])),
            (penalty.subdiff_distance(w, grad), penalty.subdiff_distance(w[mixed], grad[mixed])),
            (gradient(penalty, w), gradient(penalty, w[mixed])),
        ):
            u = numpy(u)
            # Sums in another order.
            np.testing.assert_allclose(numpy(of_mixed), u[mixed], 1e-11, 1e-11 * np.abs(u).max())


@every_separable_penalty
@thoroughly
@given(seeds, some_strengths)
def test_a_separable_penalty_does_not_see_its_neighbours(case, rng, strength):
    penalty = case.draw(rng)[0]
    w, steps = any_weights(rng, (7,), "float64"), random_steps(rng, (7,))
    with float64():
        u = numpy(penalty.prox(w, steps, strength=strength))
        steps = np.broadcast_to(steps, (7,))
        alone = [numpy(penalty.prox(w[i], steps[i], strength=strength)) for i in range(7)]
    # Vectorized and scalar arithmetic may differ by a rounding of logarithms and roots.
    np.testing.assert_allclose(alone, u, 1e-14)


# Thresholds


@pytest.mark.tensorflow
@thoroughly
@given(seeds)
def test_thresholds_of_groups_of_one_and_of_equal_steps(rng):
    w, threshold = rng.normal(size=(4, 3)), decades(rng, -2, 1, (4, 3))
    with float64():
        soft = numpy(soft_threshold(w, threshold))
        np.testing.assert_allclose(
            numpy(block_soft_threshold(w, threshold, axis=())), soft, 1e-12, 1e-13
        )
        by_column = numpy(block_soft_threshold(w, threshold[0, 0], axis=0))
        equal = np.full(w.shape, threshold[0, 0])
        np.testing.assert_allclose(
            numpy(block_soft_threshold(w, equal, axis=0)), by_column, 1e-12, 1e-13
        )
        np.testing.assert_array_equal(numpy(block_soft_threshold(w, 0 * threshold)), w)
    norm = np.linalg.norm(w, axis=0)
    shrunk = np.linalg.norm(by_column, axis=0)
    np.testing.assert_allclose(shrunk, np.maximum(norm - threshold[0, 0], 0), 1e-13, 1e-15)


# Configuration, scaled penalties, priors


@every_penalty
@thoroughly
@given(seeds, some_strengths, st.floats(0, 1e6))
def test_scaled_regularizer_multiplies_the_strength_alone(case, rng, strength, factor):
    others = case.others(rng)
    if case.is_keras:
        regularizer = case.regularizer(1.0, **others)
        scaled = scaled_regularizer(regularizer, factor)
        assert type(scaled) is type(regularizer)
        expected = {name: value * factor for name, value in others.items()}
        # 7 digits are what Keras keeps of the factor of L1; they come back as short as given.
        assert scaled.get_config() == pytest.approx(expected, rel=1e-6)
        assert all(type(value) is float for value in scaled.get_config().values())
        assert scaled_regularizer(as_penalty(regularizer), factor).get_config() == pytest.approx(
            expected, rel=1e-6
        )
        return
    penalty = case.regularizer(strength, **others)
    scaled = scaled_regularizer(penalty, factor)
    assert type(scaled) is type(penalty) and scaled is not penalty
    assert scaled.strength == strength * factor
    assert scaled.get_config() == penalty.get_config() | {"strength": scaled.strength}
    config = json.loads(json.dumps(scaled.get_config()))
    assert type(scaled).from_config(config).get_config() == scaled.get_config()
    w = case.weights(rng, (4, 3), -1, 1)
    with float64():
        value = float(penalty(w, strength=strength * factor))
        assert float(scaled(w)) == value


def test_scaled_factors_of_keras_are_as_short_as_given():
    assert scaled_regularizer(regularizers.L1(0.1), 0.5).get_config() == {"l1": 0.05}
    assert scaled_regularizer(None, 0.5) is None


@thoroughly
@given(seeds, st.integers(1, 10**6))
def test_priors_are_negative_log_densities(rng, n):
    """n·(mean loss + penalty) is −log(posterior), differences of it at least, for every noise."""
    # Not narrower: SciPy takes the logarithm of the Laplace density, which underflows.
    scale, noise, w = decades(rng, -2, 3), decades(rng, -2, 2), rng.normal(size=(2, 6))
    for prior, density in ((laplace_prior, stats.laplace), (gaussian_prior, stats.norm)):
        with float64():
            of_likelihood, of_squares = (
                np.diff([float(penalty(v)) for v in w]).item()
                for penalty in (prior(scale, n), prior(scale, n, noise))
            )
        expected = -np.diff(density.logpdf(w, scale=scale).sum(axis=1)).item()
        # The squares are divided by 2·noise² in a Gaussian likelihood.
        terms = np.abs(density.logpdf(w, scale=scale)).sum()
        np.testing.assert_allclose(n * of_likelihood, expected, 1e-12, 1e-14 * terms)
        np.testing.assert_allclose(n * of_squares / (2 * noise**2), expected, 1e-12, 1e-14 * terms)


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None])
def test_priors_need_samples(bad):
    with pytest.raises(ValueError, match="`n_samples`: expected an int >= 1"):
        laplace_prior(1.0, bad)


# Histograms and folds


@pytest.mark.backend_free
@settings(max_examples=40)
@given(seeds, st.sampled_from(["float32", "float64"]), st.integers(0, 60), st.integers(0, 4))
def test_histograms_count_every_finite_number_once(rng, dtype, size, coarser):
    values = any_weights(rng, (size,), dtype, 1e30).astype(dtype)
    if size > 2 and rng.integers(2):
        values[:2] = np.nan, np.inf
    finite = values[np.isfinite(values)].astype("float64")
    largest = float(np.abs(values).max(initial=0))
    histogram = Histogram(values, largest)
    level = (histogram.level or 0) + coarser
    counts = histogram.at_level(level)
    assert sum(counts.values()) == finite.size == histogram.edges_and_counts()[:, 2].sum()
    if histogram.level is not None:
        assert max(map(abs, counts)) <= 41
        # Near an edge the scaled number may round to the other side.
        exact = finite / 3.0**level
        for shift in (-1e-4, 1e-4):
            below = {k: int((np.floor(exact + 0.5 + shift) <= k).sum()) for k in counts}
            for k in counts:
                up_to = sum(count for other, count in counts.items() if other <= k)
                assert (up_to <= below[k]) if shift < 0 else (up_to >= below[k])


@pytest.mark.backend_free
@settings(max_examples=20)
@given(st.data(), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_folds_are_a_partition_of_nearly_equal_parts(data, n, seed):
    k = data.draw(st.integers(2, n))
    folds = fold_indices(k, np.zeros((n, 2)), np.zeros(n), seed=seed)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(n))
    sizes = [len(test) for _, test in folds]
    assert len(folds) == k and max(sizes) - min(sizes) <= 1
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(n))
