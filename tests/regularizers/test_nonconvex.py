"""MCP, SCAD and the log-sum penalty: the prox around its jumps, and the libraries that have them.

What holds for every penalty, brute force among it, is tested in test_formulas and test_contract.
"""

import csv
from pathlib import Path

import numpy as np
import pyproximal
import pytest

from kerasreg.regularizers import MCP, SCAD, LogSum
from tests.regularizers import brute_force
from tests.regularizers.cases import decades, float64, mcp, numpy, scad

SKGLM = (Path(__file__).parent / "data" / "skglm.csv").read_text()


def log_sum(u, s, epsilon):
    return s * epsilon * np.log1p(np.abs(u) / epsilon)


FAMILY = {
    "mcp": (MCP, mcp, "gamma", [0.2, 1.0, 3.0]),
    "scad": (SCAD, scad, "a", [2.05, 3.7, 10.0]),
    "log_sum": (LogSum, log_sum, "epsilon", [0.01, 0.1, 1.0]),
}
every_penalty = pytest.mark.parametrize("name", FAMILY)


@every_penalty
def test_prox_is_global_where_the_objective_bends(name):
    """Weights in units of the strength, steps around the bend of the penalty and far beyond it."""
    penalty, formula, other, values = FAMILY[name]
    w = np.linspace(0, 12, 601)[1:]
    for value in values:
        bend = {"mcp": value, "scad": value - 1, "log_sum": value}[name]
        for step_size in bend * np.array([0.01, 0.5, 0.999, 1.0, 1.001, 1.5, 3.0, 100.0]):
            oracle = brute_force.Separable(formula, **{other: value})
            expected = oracle.prox(w, step_size, 1.0)
            with float64():
                u = numpy(penalty(1.0, value).prox(w, step_size))
                mirrored = numpy(penalty(1.0, value).prox(-w, step_size))
                steps = numpy(penalty(1.0, value).prox(w, np.full_like(w, step_size)))
            objective = lambda u: u * (u / 2 - w) / step_size + oracle(u, 1.0)  # noqa: B023, E731
            # The rounding of the terms of the objective.
            terms = w * w / step_size + oracle(w, 1.0)
            assert (objective(u) <= objective(expected) + 1e-15 * terms).all()
            np.testing.assert_array_equal(mirrored, -u)
            # Close to the bend, rounding is divided by 1 - step_size / bend.
            np.testing.assert_allclose(steps, u, 1e-12, 1e-12)
            assert not np.signbit(mirrored[u == 0]).any()


@pytest.mark.slow
@pytest.mark.tensorflow
@every_penalty
def test_prox_of_random_settings_is_global(name):
    """One setting a draw is compared with all numbers of a dense grid, without golden section."""
    penalty, formula, _, _ = FAMILY[name]
    rng = np.random.default_rng(1)
    for _ in range(1000):
        value = decades(rng, -1, 1) + (2 if name == "scad" else 0)
        strength, step_size = decades(rng, -1, 1), decades(rng, -3, 3)
        w = strength * decades(rng, -1, 2, 100)
        with float64():
            u = numpy(penalty(strength, value).prox(w, step_size))
        grid = w * np.linspace(0, 1, 2001)[:, None]
        objective = lambda u: u * (u / 2 - w) / step_size + formula(u, strength, value)  # noqa: B023, E731
        terms = w * w / step_size + formula(w, strength, value)
        assert (objective(u) <= objective(grid).min(0) + 1e-15 * terms).all()


def test_large_weights_are_not_shrunk():
    """The reason for these penalties: MCP and SCAD are unbiased, log-sum nearly."""
    w = np.array([5.0, -7.0, 100.0])
    with float64():
        for step_size in (0.1, 1.0, 5.0):
            np.testing.assert_array_equal(numpy(MCP(1.0, 3.0).prox(w, step_size)), w)
            np.testing.assert_array_equal(numpy(SCAD(1.0, 3.7).prox(w, step_size)), w)
        u = numpy(LogSum(1.0, 0.1).prox(w, 1.0))
    np.testing.assert_allclose(u, w, 0.03)


@every_penalty
def test_limits(name):
    """A late bend leaves L1 at small weights; strength 0 leaves everything, at every step."""
    penalty, _, _, values = FAMILY[name]
    w = np.array([0.5, -1.5, 3.0])
    with float64():
        late = penalty(1.0, 1e12)
        np.testing.assert_allclose(float(late(w)), 5.0, 1e-11)  # 3 / 1e12 of bend
        np.testing.assert_allclose(numpy(late.prox(w, 1.0)), [0, -0.5, 2], 1e-11)
        for value in values:
            for step_size in (1e-3, value, 1e3):
                u = numpy(penalty(0.0, value).prox(w, step_size))
                np.testing.assert_array_equal(u, w)


@every_penalty
def test_the_strength_of_a_call_keeps_the_other_parameter(name):
    """Nor is it a factor: 2·MCP(λ, γ) is another curve than MCP(2λ, γ)."""
    penalty, formula, _, values = FAMILY[name]
    w = np.array([0.5, -1.5, 2.5])
    for value in values:
        with float64():
            got = float(penalty(1.0, value)(w, strength=2.0))
        np.testing.assert_allclose(got, formula(w, 2.0, value).sum(), 1e-14)
        doubled = 2 * formula(w, 1.0, value).sum()
        assert (abs(got - doubled) > 0.01 * got) == (name != "log_sum")


@every_penalty
@pytest.mark.parametrize("bad", [-1, 0, float("nan"), float("inf"), "a", None, True, [3.0]])
def test_bad_other_parameter(name, bad):
    penalty, _, other, _ = FAMILY[name]
    bound = 2 if name == "scad" else 0
    for value in (bad, bound):
        with pytest.raises(ValueError) as error:
            penalty(0.1, value)
        assert str(error.value) == (
            f"Invalid value for argument `{other}`: expected a finite float > {bound}. "
            f"Received: {other}={value!r}"
        )


# Other libraries


@pytest.mark.parametrize(("column", "penalty"), [("MCP", MCP), ("SCAD", SCAD), ("LogSum", LogSum)])
def test_against_skglm(column, penalty):
    """data/skglm.csv: value and prox_1d of skglm 0.5's MCPenalty, SCAD and LogSumPenalty.

    `other` is gamma, gamma and eps; LogSumPenalty's alpha was strength * eps.
    """
    rows = [row for row in csv.DictReader(SKGLM.splitlines()) if row.pop("penalty") == column]
    assert len(rows) >= 64
    with float64():
        for row in rows:
            strength, other, step_size, w, value, u = map(float, row.values())
            ours = penalty(strength, other)
            # A few roundings of numbers up to 14.
            np.testing.assert_allclose(float(ours(np.array([w]))), value, 1e-13)
            np.testing.assert_allclose(
                numpy(ours.prox(np.array([w]), step_size)), [u], 1e-12, 1e-14
            )


@pytest.mark.parametrize("step_size", [0.3, 1.5])
def test_against_pyproximal_scad(step_size):
    """Its prox is that of steps below a - 1, not the global minimizer beyond."""
    w = np.random.default_rng(2).normal(size=200) * 3
    outer = pyproximal.SCAD(0.7, 3.7)
    with float64():
        np.testing.assert_allclose(float(SCAD(0.7, 3.7)(w)), outer(w), 1e-13)
        u = numpy(SCAD(0.7, 3.7).prox(w, step_size))
    np.testing.assert_allclose(u, outer.prox(w, step_size), 1e-12, 1e-15)


@pytest.mark.parametrize("step_size", [0.1, 1.0, 20.0])
def test_against_pyproximal_log(step_size):
    w = np.random.default_rng(3).normal(size=200) * 3
    strength, epsilon = 0.7, 0.2
    outer = pyproximal.Log(sigma=strength * epsilon * np.log1p(1 / epsilon), gamma=1 / epsilon)
    with float64():
        np.testing.assert_allclose(float(LogSum(strength, epsilon)(w)), outer(w), 1e-13)
        u = numpy(LogSum(strength, epsilon).prox(w, step_size))
    expected = outer.prox(w, step_size)
    assert (expected == 0).any() and expected.any()
    np.testing.assert_allclose(u, expected, 1e-12, 1e-14)


def test_examples_of_the_docstrings():
    def assert_is(x, expected):
        np.testing.assert_allclose(numpy(x), expected, 1e-6)  # some float32 roundings

    assert_is(MCP(strength=1.0, gamma=2.0).prox([0.5, 1.5, 3.0], step_size=1.0), [0, 1, 3])
    assert_is(SCAD(1.0, a=3.0).prox([0.5, 1.5, 2.5, 4.0], step_size=1.0), [0, 0.5, 2, 4])
    assert_is(LogSum(1.0, epsilon=1.0).prox([0.5, 1.0, 3.0], step_size=1.0), [0, 0, 2.732051])
    assert MCP().get_config() == {"strength": 0.01, "gamma": 3.0}
    assert SCAD().get_config() == {"strength": 0.01, "a": 3.7}
    assert LogSum().get_config() == {"strength": 0.01, "epsilon": 0.1}
