"""A regularizer multiplied by a factor."""

import numpy as np
import pytest
from keras import regularizers

from kerasreg.regularizers import (
    MCP,
    PENALTIES,
    KerasPenalty,
    as_penalty,
    scaled_regularizer,
)
from kerasreg.regularizers.gate import Gate
from tests.copies.models import OwnRegularizer, quartic

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 3])
def test_scaled_regularizers_of_keras(factor):
    for regularizer, expected in (
        (regularizers.L1(0.1), {"l1": 0.1 * factor}),
        (regularizers.L2(0.1), {"l2": 0.1 * factor}),
        (regularizers.L1L2(0.1, 0.7), {"l1": 0.1 * factor, "l2": 0.7 * factor}),
    ):
        for given in (
            regularizer,
            KerasPenalty(regularizer),
            Gate(regularizer, as_penalty(regularizer)),
        ):
            scaled = scaled_regularizer(given, factor)
            assert type(scaled) is type(regularizer)
            assert scaled is not regularizer
            assert scaled.get_config() == expected
        w = np.array([1.5, -2.0], "float32")
        if factor == 1:
            assert float(scaled(w)) == float(regularizer(w))
    assert scaled_regularizer(None, factor) is None


@pytest.mark.parametrize("penalty_class", PENALTIES)
def test_a_scaled_penalty_moves_along_the_path(penalty_class):
    penalty = penalty_class(strength=0.4)
    scaled = scaled_regularizer(penalty, 0.5)
    assert type(scaled) is penalty_class
    assert scaled.get_config() == {**penalty.get_config(), "strength": 0.2}
    assert penalty.strength == 0.4
    w = np.array([[0.3, 0.1], [0.2, 0.6]], "float32")
    assert float(scaled(w)) == pytest.approx(float(penalty(w, strength=0.2)), rel=1e-6)


def test_a_scaled_mcp_is_not_a_multiple():
    scaled = scaled_regularizer(MCP(1.0, gamma=2.0), 0.5)
    assert scaled.get_config() == {"strength": 0.5, "gamma": 2.0}
    assert float(scaled([9.0])) == 0.25  # γ·λ²/2; half of MCP(1.0) is 0.5


@pytest.mark.parametrize("factor", [-1.0, np.nan, np.inf, "1", True, None])
def test_a_factor_that_is_none(factor):
    with pytest.raises(ValueError) as error:
        scaled_regularizer(regularizers.L2(0.1), factor)
    assert str(error.value) == (
        "Invalid value for argument `factor`: expected a finite float >= 0. "
        f"Received: factor={factor!r}"
    )


def test_a_regularizer_whose_strength_is_not_known():
    for regularizer in (regularizers.OrthogonalRegularizer(0.1), OwnRegularizer(), quartic):
        with pytest.raises(TypeError) as error:
            scaled_regularizer(regularizer, 1.0)
        assert str(error.value) == (
            f"The strength of the regularizer {regularizer!r} of type "
            f"{type(regularizer).__name__} cannot be multiplied: it is none of "
            "keras.regularizers.L1, L2, L1L2 and no kerasreg Penalty"
        )
