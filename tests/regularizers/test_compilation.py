"""Penalties of large arrays, and in compiled, mapped and traced programs."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from tests.regularizers.cases import (
    BACKEND,
    EPSILON,
    compiled,
    every_penalty,
    gradient,
    mapped,
    normal_weights,
    numpy,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


# Large arrays, where value and gradient are computed in lanes


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


# Large arrays are computed in lanes whether a program is a graph or XLA's: one of them is enough.
@pytest.mark.parametrize(
    ("shape", "jit_compile"),
    [((4, 5), True), ((257, 259), True)] + [((4, 5), False)] * (BACKEND == "tensorflow"),
    ids=str,
)
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
