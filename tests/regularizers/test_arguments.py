"""Arguments that penalties refuse, each in one line."""

from functools import partial

import numpy as np
import pytest
from keras import ops, regularizers

from kerasreg.regularizers import (
    ElasticNet,
    as_penalty,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

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
