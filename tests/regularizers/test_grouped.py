"""Groups of weights: their prox in a diagonal metric against minimization over all weights, zero
groups, extreme numbers, and the libraries that have them. What holds for every penalty is tested in
test_contract and test_formulas.
"""

import numpy as np
import pyproximal
import pytest
from keras import ops

from kerasreg.regularizers import GroupLasso, SparseGroupLasso, block_soft_threshold
from tests.regularizers import brute_force
from tests.regularizers.cases import (
    EPSILON,
    compiled,
    decades,
    float64,
    gradient,
    mapped,
    numpy,
    random_weights,
)

INPUTS_AND_OUTPUTS = pytest.mark.parametrize("groups", ["inputs", "outputs"])


def random_groups(rng, n_groups, size, zeros=0.1):
    """Groups of weights, a column each, in one scale within 8 decades; some weights are zero."""
    w = rng.normal(size=(size, n_groups)) * decades(rng, -4, 4, n_groups)
    return np.where(rng.uniform(size=w.shape) < zeros, 0, w)


# Which weights are a group


@pytest.mark.parametrize(
    ("groups", "shape", "n_groups"),
    [
        ("outputs", (4, 3), 3),
        ("inputs", (4, 3), 4),
        ("outputs", (3, 3, 2, 5), 5),
        ("inputs", (3, 3, 2, 5), 2),
        ("outputs", (6,), 6),
        ("inputs", (6,), 1),
        ("outputs", (), 1),
        ("inputs", (), 1),
    ],
)
def test_the_groups_of_a_shape(groups, shape, n_groups):
    w = np.random.default_rng(0).normal(size=shape)
    if len(shape) < 2:
        rows = w.reshape(-1, 1) if groups == "outputs" else w.reshape(1, -1)
    else:
        axis = -1 if groups == "outputs" else -2
        rows = np.stack([w.take(i, axis).ravel() for i in range(shape[axis])])
    assert len(rows) == n_groups
    norms = np.sqrt(rows.shape[1]) * np.linalg.norm(rows, axis=1)
    with float64():
        value = float(GroupLasso(0.3, groups)(w))
        sparse = float(SparseGroupLasso(0.3, 0.2, groups)(w))
    np.testing.assert_allclose(value, 0.3 * norms.sum(), 1e-14)  # a sum of at most 6 terms
    np.testing.assert_allclose(sparse, 0.3 * (0.2 * np.abs(w).sum() + 0.8 * norms.sum()), 1e-14)
    # One group is alive after a threshold above all norms but its own: all its weights, no other.
    w = np.full(shape, 1e-3, "float32")
    if len(shape) >= 2:
        np.moveaxis(w, axis, 0)[0] = 1.0
    elif groups == "outputs":
        w.reshape(-1)[0] = 1.0
    else:
        w = np.ones(shape, "float32")
    u = numpy(GroupLasso(0.1, groups).prox(w, 1.0))
    np.testing.assert_array_equal(u != 0, w == 1)


@INPUTS_AND_OUTPUTS
def test_sparse_group_lasso_lies_between_lasso_and_group_lasso(groups):
    rng = np.random.default_rng(1)
    w, step_size = rng.normal(size=(5, 4)), decades(rng, -1, 1, (5, 4))
    with float64():
        group, as_group = GroupLasso(0.7, groups), SparseGroupLasso(0.7, 0.0, groups)
        as_lasso = SparseGroupLasso(0.7, 1.0, groups)
        np.testing.assert_array_equal(numpy(as_group(w)), numpy(group(w)))
        np.testing.assert_array_equal(
            numpy(as_group.prox(w, step_size)), numpy(group.prox(w, step_size))
        )
        np.testing.assert_allclose(float(as_lasso(w)), 0.7 * np.abs(w).sum(), 1e-14)
        u = numpy(as_lasso.prox(w, step_size))
    expected = np.sign(w) * np.maximum(np.abs(w) - 0.7 * step_size, 0)
    np.testing.assert_allclose(u, expected, 1e-14)


@pytest.mark.parametrize("bad", ["output", None, 0, ["outputs"]], ids=str)
def test_bad_groups(bad):
    for penalty in (GroupLasso, SparseGroupLasso):
        with pytest.raises(ValueError) as error:
            penalty(groups=bad)
        assert str(error.value) == (
            "Invalid value for argument `groups`: expected 'outputs' or 'inputs'. "
            f"Received: groups={bad!r}"
        )


# Prox


@pytest.mark.parametrize("size", [1, 2, 3, 4])
# More groups find rarer numbers, not what a backend computes otherwise.
@pytest.mark.parametrize(
    "n_groups", [3000, pytest.param(30000, marks=[pytest.mark.slow, pytest.mark.tensorflow])]
)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3])
def test_prox_is_the_minimizer_over_all_weights_of_a_group(l1_ratio, n_groups, size):
    """24,000 groups in all, 240,000 in the slow test; steps over 7 decades, one a coordinate."""
    rng = np.random.default_rng(2)
    w = random_groups(rng, n_groups, size)
    step_size = decades(rng, -4, 3, w.shape)
    largest = np.abs(w / step_size).max(0)
    # Strengths at which half of the groups live, one for each group, so by scaling its steps.
    strength = largest * decades(rng, -2, 1, n_groups)
    strength[largest == 0] = 1.0
    step_size = step_size * strength
    penalty = SparseGroupLasso(1.0, l1_ratio) if l1_ratio else GroupLasso(1.0)
    with float64():
        u = numpy(penalty.prox(w, step_size)).T
        distance = numpy(penalty.subdiff_distance(u.T, (u.T - w) / step_size)).T
        scalar = numpy(penalty.prox(w, 0.3))
        same = numpy(penalty.prox(w, np.full(w.shape, 0.3)))
    factors = l1_ratio, (1 - l1_ratio) * np.sqrt(size)
    w, step_size = w.T, step_size.T
    found = brute_force.minimize_over_groups(w, step_size, *factors)
    ours = brute_force.group_objective(u, w, step_size, *factors)
    theirs = brute_force.group_objective(found, w, step_size, *factors)
    terms = ((np.abs(u) + np.abs(found)) * np.abs(w) / step_size).sum(1, keepdims=True)
    # Rounding, and the norm of u is known to 1e-12 of the largest weight, see _NEWTON_STEPS.
    assert (ours <= theirs + 1e-14 * terms).all()
    # The objective is strongly convex: what is this close in value is close in every weight.
    slack = np.maximum(theirs - ours, 0) + 1e-14 * terms
    assert ((u - found) ** 2 / (2 * step_size) <= 2 * slack + 1e-120).all()
    # The majorization has converged, except for some groups that are close to dying.
    assert (theirs - ours <= 1e-13 * terms + 1e-60).mean() > 0.99
    assert (theirs - ours <= 1e-3 * terms + 1e-60).all()
    assert 0.2 < (u != 0).any(1).mean() < 0.9
    assert (distance <= 1e-11 * np.abs(w).max(1, keepdims=True) / step_size).all()
    np.testing.assert_allclose(same, scalar, 1e-13, 1e-13 * np.abs(w).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [2, 5, 64, 1000])
@pytest.mark.parametrize("kind", ["normal", "decades", "proportional"])
def test_prox_where_steps_spread_over_eight_decades(kind, size, dtype):
    rng = np.random.default_rng(3)
    shape = (size, 4000 // size + 4)
    step_size = decades(rng, -8, 0, shape) * decades(rng, -2, 4, shape[1])
    if kind == "normal":
        w = rng.normal(size=shape)
    elif kind == "decades":
        w = random_weights(rng, shape, -8, 0)
    else:  # the weights of all sizes matter, the slowest case for Newton's method
        w = random_weights(rng, shape, -1, 1) * step_size
    w, step_size = w.astype(dtype), step_size.astype(dtype)
    with float64():
        u = numpy(block_soft_threshold(w, step_size, axis=0))
    oracle = brute_force.Grouped(groups="outputs")
    expected = oracle.prox(w, step_size.astype("float64"), 1 / np.sqrt(size))
    largest = np.abs(w.astype("float64")).max(0)
    # See _NEWTON_STEPS; in float32 some roundings of the largest weight.
    tolerance = 1e-6 if dtype == "float32" else 1e-11
    assert (np.abs(u - expected) <= tolerance * largest).all()


@pytest.mark.parametrize("step_size", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e15, 1e25])
@INPUTS_AND_OUTPUTS
def test_extreme_numbers_in_float32(groups, scale, step_size):
    """Squares of the weights over- or underflow here."""
    rng = np.random.default_rng(4)
    w = (rng.normal(size=(6, 5)) * scale).astype("float32")
    w[2], w[:, 3] = 0, 0
    steps = (step_size * decades(rng, -4, 4, w.shape)).astype("float32")
    for penalty in (GroupLasso(0.5, groups), SparseGroupLasso(0.5, 0.3, groups)):
        oracle = brute_force.Grouped(groups=groups, l1_ratio=penalty.l1_ratio)
        exact = w.astype("float64")
        np.testing.assert_allclose(float(penalty(w)), oracle(exact, 0.5).sum(), 1e-6)
        slope = numpy(gradient(penalty, w))
        np.testing.assert_allclose(slope, oracle.least_subgradient(exact, 0.5), 1e-5)
        for t in (step_size, steps):
            expected = oracle.prox(exact, np.float64(t), 0.5)
            u = numpy(penalty.prox(w, t))
            # Some float32 roundings of the largest weight.
            assert (np.abs(u - expected) <= 2e-6 * np.abs(exact).max()).all()
        distance = numpy(penalty.subdiff_distance(w, np.full_like(w, 0.3)))
        expected = oracle.subdiff_distance(exact, np.full(w.shape, np.float32(0.3)), 0.5)
        np.testing.assert_allclose(distance, expected, 1e-5, 1e-6)


@INPUTS_AND_OUTPUTS
def test_a_zero_group_is_finite_everywhere(groups):
    for shape in ((3, 4), (4,), (), (2, 2, 3, 4)):
        w, steps = np.zeros(shape, "float32"), np.full(shape, 0.1, "float32")
        for penalty in (GroupLasso(1.0, groups), SparseGroupLasso(1.0, 0.5, groups)):
            assert float(penalty(w)) == 0
            for x in (
                gradient(penalty, w),
                penalty.prox(w, 0.1),
                penalty.prox(w, steps),
                penalty.prox(w, steps, strength=0.0),
                penalty.subdiff_distance(w, 0 * w),
            ):
                np.testing.assert_array_equal(numpy(x), w)


def test_compiled_and_mapped_prox_in_a_diagonal_metric():
    rng = np.random.default_rng(5)
    w, steps = rng.normal(size=(6, 5)).astype("float32"), decades(rng, -3, 1, (6, 5))
    penalty = SparseGroupLasso(0.5, 0.3)
    expected = numpy(penalty.prox(w, steps))
    got = compiled(lambda w, t: penalty.prox(w, t), jit_compile=True)(w, steps.astype("float32"))
    # Compiled arithmetic rounds otherwise.
    np.testing.assert_allclose(numpy(got), expected, 0, 1e-6 * np.abs(w).max())
    assert (expected == 0).any() and expected.any()
    members = np.stack([w, 3 * w]), np.stack([steps, steps[::-1]]).astype("float32")
    got = mapped(penalty.prox, *(ops.convert_to_tensor(x) for x in members))
    for member, (one, its_steps) in enumerate(zip(*members, strict=True)):
        expected = numpy(penalty.prox(one, its_steps))
        np.testing.assert_allclose(numpy(got[member]), expected, 0, 1e-6 * np.abs(one).max())


def test_block_soft_threshold_over_the_whole_array():
    w = np.array([[3.0, 0.0], [0.0, 4.0]])
    with float64():
        np.testing.assert_allclose(numpy(block_soft_threshold(w, 1.0)), 0.8 * w, 1e-15)
        np.testing.assert_array_equal(numpy(block_soft_threshold(w, 5.0)), 0 * w)
        by_column = numpy(block_soft_threshold(w, 3.5, axis=0))
    np.testing.assert_allclose(by_column, [[0, 0], [0, 0.5]], 1e-15)


# Optimality


@INPUTS_AND_OUTPUTS
@pytest.mark.parametrize("l1_ratio", [0.0, 1e-4, 0.3, 0.9, 0.9999, 1.0])
def test_strength_max_over_decades_of_gradients(l1_ratio, groups):
    """Just above w = 0 is the prox of every short step, just below it is not."""
    rng = np.random.default_rng(6)
    for _ in range(20):
        grad = random_weights(rng, (30, 40), -4, 4) * decades(rng, -4, 4)
        penalty = SparseGroupLasso(1.0, l1_ratio, groups)
        with float64():
            largest = float(penalty.strength_max(grad))
            moved = lambda s: numpy(penalty.prox(-grad, 1.0, strength=s)).any()  # noqa: B023, E731
            assert not moved(largest * (1 + 1e-12))  # some roundings of a sum of 1200 terms
            assert moved(largest * (1 - 1e-12))
        oracle = brute_force.Grouped(groups=groups, l1_ratio=l1_ratio)
        assert not oracle.prox(-grad, 1.0, largest * (1 + 1e-12)).any()
        assert oracle.prox(-grad, 1.0, largest * (1 - 1e-12)).any()


def test_the_distance_of_a_zero_group_is_that_of_the_group():
    """In a group of zeros the subgradients are a ball, not a box."""
    grad = np.array([[3.0, 0.3], [4.0, 0.4]])
    with float64():
        distance = numpy(GroupLasso(1.0).subdiff_distance(0 * grad, grad))
    norm = 5 - np.sqrt(2)
    np.testing.assert_allclose(distance, [[0.6 * norm, 0], [0.8 * norm, 0]], 1e-14)


# Other libraries


def test_against_pyproximal_l21():
    """It has no √d_g and takes scalar steps only."""
    rng = np.random.default_rng(7)
    w = rng.normal(size=(3, 50))
    outer = pyproximal.L21(ndim=3, sigma=0.4 * np.sqrt(3))
    with float64():
        np.testing.assert_allclose(float(GroupLasso(0.4)(w)), outer(w.ravel()), 1e-13)
        u = numpy(GroupLasso(0.4).prox(w, 1.7))
    expected = outer.prox(w.ravel(), 1.7).reshape(w.shape)
    assert (expected == 0).any()
    np.testing.assert_allclose(u, expected, 1e-13, 1e-15)


def test_against_pyproximal_l21_plus_l1():
    rng = np.random.default_rng(8)
    w = rng.normal(size=(3, 50))
    strength, l1_ratio = 0.4, 0.3
    of_norm = strength * (1 - l1_ratio) * np.sqrt(3)
    sigma = strength * l1_ratio + of_norm
    outer = pyproximal.L21_plus_L1(sigma=sigma, rho=strength * l1_ratio / sigma)
    penalty = SparseGroupLasso(strength, l1_ratio)
    with float64():
        u = numpy(penalty.prox(w, 1.7))
    with np.errstate(divide="ignore", invalid="ignore"):  # pyproximal divides by zero norms
        expected = np.nan_to_num(outer.prox(w, 1.7))
    assert ((expected == 0).all(0)).any()
    np.testing.assert_allclose(u, expected, 1e-12, 1e-14)


def test_against_skglm():
    """WeightedGroupL2(0.4, weights √4) of skglm 0.5, for four weights a column, step size 0.7."""
    w = np.array([[0.5, -0.1, 2.0], [0.25, 0.3, -1.0], [-1.0, 0.2, 0.5], [2.0, -0.3, 4.0]])
    expected = [
        [0.3785189436215526, 0.1892594718107763, -0.7570378872431052, 1.5140757744862103],
        [0.0, 0.0, 0.0, 0.0],
        [1.7570378872431052, -0.8785189436215526, 0.4392594718107763, 3.5140757744862103],
    ]
    with float64():
        np.testing.assert_allclose(float(GroupLasso(0.4)(w)), 5.91539319624075, 1e-14)
        u = numpy(GroupLasso(0.4).prox(w, 0.7))
        again = numpy(GroupLasso(0.4, "inputs").prox(w.T, 0.7))
    np.testing.assert_allclose(u.T, expected, 1e-14)
    np.testing.assert_allclose(again, expected, 1e-14)


def test_examples_of_the_docstrings():
    w = [[3.0, 0.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    assert float(GroupLasso(strength=0.5)(w)) == 5.0
    u = SparseGroupLasso(2.0, l1_ratio=0.5).prox([[3.0, 1.0], [0.5, 1.0]], step_size=1.0)
    np.testing.assert_allclose(numpy(u), [[0.58578646, 0], [0, 0]], EPSILON["float32"])
    with float64():
        u = numpy(block_soft_threshold(np.array([[3.0, 0.3], [4.0, 0.4]]), 1.0, axis=0))
    np.testing.assert_allclose(u, [[2.4, 0], [3.2, 0]], 1e-15)
