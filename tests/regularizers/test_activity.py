"""The sparsity of mean activities: its curve, its prox, and the layer that it is made for."""

import keras
import numpy as np
import pytest
from scipy.special import rel_entr

from kerasreg.regularizers import KLSparsity
from tests.regularizers import brute_force
from tests.regularizers.cases import decades, float64, gradient, numpy


@pytest.mark.parametrize("target", [0.001, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 5, 4), (4,)], ids=str)
def test_value_is_the_divergence_of_the_means(shape, target):
    """scipy.special.rel_entr is x·log(x/y)."""
    rng = np.random.default_rng(0)
    w = rng.uniform(target / 50, 1 - (1 - target) / 50, size=shape)
    means = w.reshape(-1, 4).mean(0)
    divergence = rel_entr(target, means) + rel_entr(1 - target, 1 - means)
    batch_size = shape[0] if len(shape) > 1 else 1
    with float64():
        value = float(KLSparsity(0.3, target)(w))
    np.testing.assert_allclose(value, 0.3 * batch_size * divergence.sum(), 1e-12)


@pytest.mark.parametrize("target", [0.001, 0.05, 0.5, 0.9])
def test_the_curve_is_convex_with_a_finite_slope(target):
    """Outside [ρ/100, 1 − (1 − ρ)/100] the tangents go on; there is no jump where they begin."""
    means = np.linspace(-1, 2, 30001)
    with float64():
        slope = numpy(gradient(KLSparsity(1.0, target), means))
        at_target = float(KLSparsity(1.0, target)(np.array([target])))
        beside = [float(KLSparsity(1.0, target)(np.array([target + d]))) for d in (-1e-5, 1e-5)]
    assert (np.diff(slope) >= 0).all()
    assert (np.abs(slope) <= 100).all() and np.abs(slope[0]) > 98 and slope[-1] > 98
    assert at_target == 0
    curvature = 1 / target + 1 / (1 - target)
    # The third derivative times 1e-5.
    np.testing.assert_allclose(beside, curvature / 2 * 1e-10, 2e-5 / min(target, 1 - target))
    for end in (target / 100, 1 - (1 - target) / 100):
        with float64():
            below, above = (
                numpy(gradient(KLSparsity(1.0, target), np.array([end * (1 + d)])))
                for d in (-1e-9, 1e-9)
            )
        np.testing.assert_allclose(below, above, 1e-5)  # 2e-9 of a curvature below 1e5


def test_a_dead_and_a_saturated_unit_have_a_finite_gradient():
    w = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], "float32")
    slope = numpy(gradient(KLSparsity(1.0, 0.05), w))
    np.testing.assert_allclose(slope, [[-99.05, 99.95]] * 3, 1e-3)  # up to 1 − ρ and ρ


# The shape decides on the mean alone; the many draws are of targets, strengths and steps.
@pytest.mark.parametrize(
    ("shape", "draws"),
    [
        ((1, 400), 25),
        ((2, 2, 100), 25),
        ((2, 200), 25),
        pytest.param((2, 200), 250, marks=[pytest.mark.slow, pytest.mark.tensorflow]),
    ],
    ids=str,
)
def test_prox_is_where_the_slope_of_the_objective_vanishes(shape, draws):
    """The objective is strongly convex and smooth: that is its minimum.

    30,000 activities in all, 100,000 in the slow test; steps over 7 decades.
    """
    rng = np.random.default_rng(1)
    for draw in range(draws):
        target, strength = decades(rng, -3, -0.05), decades(rng, -3, 3)
        w = rng.uniform(-0.2, 1.2, size=shape)
        step_size = decades(rng, -4, 3, None if draw % 2 else shape)
        penalty, oracle = KLSparsity(strength, target), brute_force.MeanActivity(target=target)
        with float64():
            u = numpy(penalty.prox(w, step_size))
            distance = numpy(penalty.subdiff_distance(u, (u - w) / step_size))
        expected = oracle.prox(w, step_size, strength)
        # Roundings of the sums of w, which every activity of a unit moves with along its step.
        steps = np.broadcast_to(step_size, shape).reshape(-1, shape[-1])
        share = np.broadcast_to((steps / steps.mean(0)).reshape(shape), shape)
        assert (np.abs(u - expected) <= 1e-13 * (1 + share)).all()
        # The curvature is below 1e4 / ρ + 1e4 / (1 − ρ), and the mean is known to 1e-16.
        curvature = 1e4 * strength * (1 / target + 1 / (1 - target))
        assert (distance <= 1e-14 * (curvature + 1 / steps.min()) + 1e-10 * strength).all()


def test_the_slope_is_that_of_finite_differences():
    rng = np.random.default_rng(2)
    w, penalty = rng.uniform(0.01, 0.3, size=(2, 3, 2)), KLSparsity(0.7, 0.1)
    with float64():
        slope = numpy(gradient(penalty, w))
        for index in np.ndindex(w.shape):
            step = np.zeros_like(w)
            step[index] = 1e-6
            expected = (float(penalty(w + step)) - float(penalty(w - step))) / 2e-6
            # 1e-16 / 1e-6 of the value, and 1e-12 times the third derivative.
            np.testing.assert_allclose(slope[index], expected, 1e-7, 1e-9)


def test_strength_max_is_infinite():
    """The slope at zero is the same −99 for all activities: no strength balances others."""
    penalty = KLSparsity(1.0, 0.05)
    grad = np.array([[1.0, -2.0]], "float32")
    assert float(penalty.strength_max(grad)) == np.inf
    for strength in (1e-3, 1.0, 1e3):
        assert numpy(penalty.subdiff_distance(0 * grad, grad, strength=strength)).max() > 0.9


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_the_loss_gets_the_divergence_whatever_the_batch(batch_size):
    """Keras divides the penalty on activities by the batch size."""
    penalty = KLSparsity(0.3, 0.1)
    dense = keras.layers.Dense(5, activation="sigmoid", activity_regularizer=penalty)
    x = np.random.default_rng(3).normal(size=(batch_size, 7)).astype("float32")
    activities = numpy(dense(x))
    means = activities.mean(0)
    divergence = rel_entr(0.1, means) + rel_entr(0.9, 1 - means)
    (loss,) = dense.losses
    np.testing.assert_allclose(float(loss), 0.3 * divergence.sum(), 1e-5)  # float32


def test_it_brings_the_mean_activities_to_the_target():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(64, 8)).astype("float32")
    penalty = KLSparsity(1.0, 0.1)
    dense = keras.layers.Dense(6, activation="sigmoid", activity_regularizer=penalty)
    model = keras.Sequential([keras.Input((8,)), dense])
    model.compile(keras.optimizers.Adam(0.1), lambda y, p: 0.0 * p, jit_compile=False)
    before = np.abs(numpy(model(x)).mean(0) - 0.1)
    model.fit(x, x[:, :6], batch_size=64, epochs=60, verbose=0)
    assert (np.abs(numpy(model(x)).mean(0) - 0.1) < 0.02).all() and (before > 0.2).all()


@pytest.mark.parametrize("bad", [0, 1, 0.0, 1.0, -0.1, 1.1, float("nan"), "a", None, True])
def test_bad_target(bad):
    with pytest.raises(ValueError) as error:
        KLSparsity(0.1, bad)
    assert str(error.value) == (
        "Invalid value for argument `target`: expected a finite float > 0 and < 1. "
        f"Received: target={bad!r}"
    )


def test_example_of_the_docstring():
    value = float(KLSparsity(strength=1.0, target=0.5)([[0.2, 0.4], [0.2, 0.6]]))
    np.testing.assert_allclose(value, 0.4462871, 1e-6)  # float32
