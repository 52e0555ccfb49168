"""Penalties in configs and files, and the penalties of Keras as penalties of this package."""

import json

import keras
import numpy as np
import pytest
from keras import regularizers

from kerasreg.regularizers import (
    PENALTIES,
    ElasticNet,
    KerasPenalty,
    as_penalty,
)
from tests.regularizers.cases import ScaledLasso, every_penalty, numpy

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


# Configuration and saving


@pytest.mark.parametrize("penalty", [*PENALTIES, KerasPenalty], ids=lambda x: x.__name__)
def test_registered_name(penalty):
    """Stands in every saved model: another name could not be loaded any more."""
    assert keras.saving.get_registered_name(penalty) == f"kerasreg>{penalty.__name__}"


@every_penalty
def test_config_round_trip(case):
    rng = np.random.default_rng(15)
    w = rng.normal(size=(3, 4)).astype("float32")
    for _ in range(10):
        penalty = case.draw(rng)[0]
        config = json.loads(json.dumps(penalty.get_config()))
        again = type(penalty).from_config(config)
        serialized = json.loads(json.dumps(regularizers.serialize(penalty)))
        for copy in (again, regularizers.deserialize(serialized)):
            assert type(copy) is type(penalty)
            assert copy.get_config() == penalty.get_config()
            assert copy.strength == penalty.strength
            assert repr(copy) == repr(penalty)
            np.testing.assert_array_equal(numpy(copy(w)), numpy(penalty(w)))
            np.testing.assert_array_equal(numpy(copy.prox(w, 0.1)), numpy(penalty.prox(w, 0.1)))


@every_penalty
def test_saved_with_a_layer_and_loaded_in_safe_mode(case, tmp_path):
    rng = np.random.default_rng(16)
    penalty, own, formula, _ = case.draw(rng)
    x = rng.normal(size=(6, 4)).astype("float32")
    random = keras.initializers.RandomNormal(seed=1)
    dense = keras.layers.Dense(3, bias_initializer=random, kernel_initializer=random)
    places = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
    dense = keras.layers.Dense.from_config(
        dense.get_config() | dict.fromkeys(places, regularizers.serialize(penalty))
    )
    model = keras.Sequential([keras.Input((4,)), dense])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    expected = [formula(numpy(v), own).sum() for v in (dense.kernel, dense.bias, model(x))]
    expected[2] /= len(x)  # Keras divides the penalty on activities by the batch size
    for network in (model, loaded):
        network(x)
        losses = sorted(float(loss) for loss in network.losses)
        # A dozen float32 roundings.
        np.testing.assert_allclose(losses, sorted(expected), 1e-6)
    for place in places:
        copy = getattr(loaded.layers[-1], place)
        assert type(copy) is type(penalty) and copy.get_config() == penalty.get_config()


# as_penalty


class SubclassOfL1(regularizers.L1):
    """Could compute anything."""


def test_as_penalty_returns_a_penalty_as_it_is():
    for penalty in (ElasticNet(0.1), as_penalty(regularizers.L1(0.1)), ScaledLasso()):
        assert as_penalty(penalty) is penalty


def test_a_keras_penalty_multiplies_the_factors_by_the_strength():
    penalty = as_penalty(regularizers.L1L2(0.25, 0.5))
    assert type(penalty) is KerasPenalty and penalty.strength == 1.0
    assert float(penalty([1.0, -2.0])) == 0.25 * 3 + 0.5 * 5
    assert float(penalty([1.0, -2.0], strength=2.0)) == 2 * (0.25 * 3 + 0.5 * 5)


@pytest.mark.parametrize(
    "regularizer",
    [regularizers.OrthogonalRegularizer(), SubclassOfL1(0.1), None, "l1", regularizers.L1],
    ids=["orthogonal", "subclass", "none", "string", "class"],
)
def test_as_penalty_refuses_what_it_does_not_know(regularizer):
    with pytest.raises(TypeError) as error:
        as_penalty(regularizer)
    assert str(error.value) == (
        f"No penalty is known for the regularizer {regularizer!r} of type "
        f"{type(regularizer).__name__}. Use one of keras.regularizers.L1, L2, L1L2, or a subclass "
        "of kerasreg.regularizers.Penalty, which has to provide: `strength`, `_value(w, strength)`,"
        " `_prox(w, step_size, strength)`, `_subdiff_distance(w, grad, strength)`, "
        "`_strength_max(grad)` and `get_config()`"
    )


@pytest.mark.parametrize(
    "regularizer",
    [regularizers.OrthogonalRegularizer(), SubclassOfL1(0.1), None, ElasticNet(0.5)],
    ids=["orthogonal", "subclass", "none", "penalty"],
)
def test_keras_penalty_refuses_what_is_not_of_keras(regularizer):
    with pytest.raises(TypeError) as error:
        KerasPenalty(regularizer)
    assert str(error.value) == (
        "Invalid type for argument `regularizer`: expected an instance of keras.regularizers.L1, "
        f"L2 or L1L2. Received: regularizer={regularizer!r} of type {type(regularizer).__name__}"
    )
