"""Units of dense networks that go, and constants that are folded into biases."""

import pytest

from kerasreg.surgery.shrinking import shrink
from tests.surgery.shrinking import kill, mlp, once, put, sizes

# NumPy's way with TensorFlow's variables when Keras saves, let through by `pytest.warns`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")


def test_units_without_incoming_weights_go():
    model = mlp()
    kill(model.layers[0], [0, 3])
    kill(model.layers[1], [6])
    assert sizes(model) == {"first": 6, "second": 6, "out": 2}


def test_units_without_outgoing_weights_go():
    model = mlp("softplus")
    put(model.layers[1], at=[2, 5, 7])
    assert sizes(model) == {"first": 5, "second": 7, "out": 2}


def test_what_only_dead_units_read_goes_too():
    model = mlp()
    put(model.layers[2], at=[1, 2])  # units 1 and 2 of the second layer are not read
    put(model.layers[1], at=(4, [0, 3, 4, 5, 6]))  # unit 4 of the first only by these two
    assert sizes(model) == {"first": 7, "second": 5, "out": 2}


@once
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "gelu", "softplus", "elu", "tanh"])
def test_constant_units_are_folded_into_the_next_bias(activation):
    model = mlp(activation)
    put(model.layers[0], at=(..., [1, 2]))
    put(model.layers[0], "bias", at=[1, 2], value=[0.7, -0.4])
    assert sizes(model) == {"first": 6, "second": 7, "out": 2}


def test_constants_pass_through_several_layers():
    model = mlp()
    put(model.layers[0], at=(..., [1, 2]))
    put(model.layers[1], at=([0, 3, 4, 5, 6, 7], 3))  # reads 1 and 2 only: a constant
    assert sizes(model) == {"first": 6, "second": 6, "out": 2}


def test_a_bias_is_added_only_where_it_is_needed():
    model = mlp("sigmoid", use_bias=False)  # sigmoid(0) = 0.5
    put(model.layers[0], at=(..., [1]))
    result = shrink(model, timed=False)
    assert [layer.use_bias for layer in result.model.layers] == [False, True, False]
    assert sizes(model) == {"first": 7, "second": 7, "out": 2}
    model = mlp("relu", use_bias=False)
    kill(model.layers[0], [1])
    result = shrink(model, timed=False)
    assert not any(layer.use_bias for layer in result.model.layers)


def test_nothing_to_remove_warns_and_copies():
    with pytest.warns(UserWarning, match="Nothing could be removed from the model"):
        result = shrink(mlp(), timed=False)
    assert result.table["before"].tolist()[:3] == result.table["after"].tolist()[:3]


def test_one_unit_of_a_dead_layer_stays():
    model = mlp()
    kill(model.layers[1], slice(None))
    assert sizes(model) == {"first": 1, "second": 1, "out": 2}
    model = mlp("sigmoid")  # the output does not depend on the inputs, but is not zero
    put(model.layers[1], at=...)
    assert sizes(model) == {"first": 1, "second": 1, "out": 2}


def test_outputs_stay_and_are_named():
    model = mlp()
    kill(model.layers[2], [0])
    kill(model.layers[0], [0])
    result = shrink(model, timed=False)
    assert result.layers["after"].tolist() == [7, 7, 2]
    assert result.left_whole == {"out": "its units are outputs of the model"}


def test_an_unused_input_is_not_changed():
    model = mlp()
    put(model.layers[0], at=[0, 1])
    kill(model.layers[0], [0])
    assert shrink(model, timed=False).model.input_shape == (None, 6)
