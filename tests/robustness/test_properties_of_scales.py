"""Laws of scales, orders, factors and counts that hold for all numbers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import regularizers
from scipy import stats

from kerasreg.folds import fold_indices
from kerasreg.regularizers import (
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
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
    decades,
    every_penalty,
    every_separable_penalty,
    float64,
    gradient,
    numpy,
)
from tests.robustness.drawn_numbers import (
    any_weights,
    random_steps,
    seeds,
    some_strengths,
    thoroughly,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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
