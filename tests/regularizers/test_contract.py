"""What every penalty promises: of shapes, dtypes, signs, limits and what is not finite."""

from functools import partial

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops, regularizers

from kerasreg.regularizers import (
    ElasticNet,
    Penalty,
    as_penalty,
    soft_threshold,
)
from tests.regularizers.cases import EPSILON, KINDS, every_penalty, float64, gradient, numpy

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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
