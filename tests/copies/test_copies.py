"""A copy has the values and the scaled penalties, and nothing is shared with the original."""

import json
import re

import keras
import numpy as np
import pytest
from keras import layers, regularizers

from kerasreg.copies import copy_with, fresh_values, variables_of
from kerasreg.optimizers import ProximalSGD
from kerasreg.packing import packed, unpacked
from kerasreg.regularizers import (
    as_penalty,
)
from kerasreg.regularizers.gate import Gate
from kerasreg.variables import values_of
from tests.copies.models import (
    TRAVELLERS,
    OwnRegularizer,
    assert_equal,
    branched,
    deferred,
    every_model,
    fingerprint,
    mlp,
    nested,
    penalties,
    quartic,
    subclassed,
    with_lambda,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@every_model
def test_a_copy_has_the_values_and_the_scaled_penalties(build):
    model = build()
    before = fingerprint(model)
    values = fresh_values(model, 5)
    copied = copy_with(model, values, 1.0)
    assert type(copied) is type(model)
    assert_equal([values_of(variable) for variable in variables_of(copied)], values)
    for strength in (0.0, 0.5, 2.0):
        scaled = copy_with(model, values, strength)
        for variable, other in zip(model.variables, scaled.variables, strict=True):
            regularizer = getattr(variable, "regularizer", None)
            if regularizer is None:
                assert getattr(other, "regularizer", None) is None
                continue
            expected = as_penalty(regularizer)
            w = values_of(other)
            np.testing.assert_allclose(
                float(other.regularizer(w)),
                float(expected(w, strength=strength * expected.strength)),
                rtol=1e-6,  # a few roundings of float32
            )
    assert fingerprint(model) == before


@pytest.mark.parametrize("build", [b for b in TRAVELLERS if b is not deferred])
def test_a_copy_is_saved_with_its_strengths(build, tmp_path):
    model = build()
    copied = copy_with(model, fresh_values(model, 5), 0.5)
    copied.save(tmp_path / "copy.keras")
    loaded = keras.models.load_model(tmp_path / "copy.keras")
    assert_equal(
        [values_of(variable) for variable in loaded.trainable_variables],
        [values_of(variable) for variable in copied.trainable_variables],
    )
    if build is subclassed:  # its config says nothing of regularizers
        return
    assert penalties(loaded) == pytest.approx(penalties(copied), rel=1e-6)
    # Keras's L1 comes back from the file with a factor of float32.
    config, expected = (
        json.loads(json.dumps(m.get_config()), parse_float=np.float32) for m in (loaded, copied)
    )
    assert config == expected


def test_losses_of_weights_and_activities():
    model = branched()
    x = [np.linspace(-1, 1, 15, dtype="float32").reshape(3, 5)] * 2
    values = [values_of(variable) for variable in variables_of(model)]
    model(x)
    copied = copy_with(model, values, 0.25)
    copied(x)
    assert len(model.losses) == len(copied.losses) == 2
    for loss, other in zip(model.losses, copied.losses, strict=True):
        # Each of these penalties is in proportion to its strength.
        assert float(other) == pytest.approx(0.25 * float(loss), rel=1e-6)


def test_a_copy_is_independent():
    model = mlp()
    copied = copy_with(model, [values_of(v) for v in variables_of(model)], 1.0)
    before = fingerprint(model)
    x, y = np.ones((8, 5), "float32"), np.ones((8, 3), "float32")
    assert not copied.compiled
    copied.compile("sgd", "mse")
    copied.fit(x, y, verbose=0)
    assert fingerprint(model) == before


def test_a_shared_regularizer_is_scaled_once_and_stays_shared():
    shared = regularizers.L1L2(l1=0.5, l2=0.25)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(2, kernel_regularizer=shared, bias_regularizer=shared),
            layers.Dense(2, kernel_regularizer=shared),
        ]
    )
    copied = copy_with(model, fresh_values(model, 0), 0.5)
    first, second = copied.layers
    scaled = first.kernel_regularizer
    assert scaled.get_config() == {"l1": 0.25, "l2": 0.125}
    assert scaled is first.bias_regularizer is second.kernel_regularizer
    assert scaled is first.kernel.regularizer is second.kernel.regularizer
    assert shared.get_config() == {"l1": 0.5, "l2": 0.25}


def test_a_model_that_a_proximal_optimizer_has_trained():
    model = mlp()
    model.compile(ProximalSGD(0.1), "mse")
    model.fit(np.ones((8, 5), "float32"), np.ones((8, 3), "float32"), verbose=0)
    kernel = model.trainable_variables[0]
    assert isinstance(kernel.regularizer, Gate)
    before = fingerprint(model)
    values = [values_of(variable) for variable in variables_of(model)]
    for copied in (copy_with(model, values, 2.0), copy_with(model, values, 1.0)):
        assert type(copied.trainable_variables[0].regularizer) is regularizers.L1
        assert copied.layers[0].kernel_regularizer is copied.trainable_variables[0].regularizer
    assert type(unpacked(packed(model)).trainable_variables[0].regularizer) is regularizers.L1
    assert fingerprint(model) == before


def test_frozen_layers_stay_frozen():
    for build in (nested, subclassed):
        model = build()
        model.layers[1].trainable = False
        model.trainable_variables[-1].trainable = False
        values = fresh_values(model, 2)
        expected = [[v.trainable for v in model.variables], [la.trainable for la in model.layers]]
        for copied in (copy_with(model, values, 1.0), unpacked(packed(model))):
            of_variables = [variable.trainable for variable in copied.variables]
            assert [of_variables, [layer.trainable for layer in copied.layers]] == expected
            assert len(copied.trainable_variables) == len(model.trainable_variables)


def test_a_regularizer_that_was_put_on_a_variable_alone():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    model.layers[0].kernel.regularizer = regularizers.L2(0.5)
    model.layers[0].bias_regularizer = regularizers.L2(3.0)  # too late: Keras does not look again
    copied = copy_with(model, fresh_values(model, 0), 0.5)
    assert copied.layers[0].kernel.regularizer.get_config() == {"l2": 0.25}
    assert copied.layers[0].bias.regularizer is None


def test_an_unknown_regularizer():
    own = OwnRegularizer()
    dense = layers.Dense(2, name="head", kernel_regularizer=own)
    model = keras.Sequential([keras.Input((2,)), dense])
    values = fresh_values(model, 0)
    assert copy_with(model, values, 1.0).layers[0].kernel.regularizer is own
    with pytest.raises(TypeError) as error:
        copy_with(model, values, 0.5)
    assert re.fullmatch(
        r"The regularizer of the variable 'head/kernel' cannot follow a path of strengths\. The "
        r"strength of the regularizer <.*OwnRegularizer object at .*> of type OwnRegularizer "
        r"cannot be multiplied: it is none of keras\.regularizers\.L1, L2, L1L2 and no kerasreg "
        r"Penalty\. Use one of those, or write it as a subclass of kerasreg\.regularizers\.Penalty",
        str(error.value),
    )


def test_a_plain_function_as_regularizer():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, kernel_regularizer=quartic)])
    values = fresh_values(model, 0)
    assert copy_with(model, values, 1.0).layers[0].kernel.regularizer is quartic
    with pytest.raises(TypeError, match="'dense/kernel' cannot follow a path"):
        copy_with(model, values, 0.5)


def test_an_unknown_activity_regularizer():
    dense = layers.Dense(2, name="head", activity_regularizer=OwnRegularizer())
    model = keras.Sequential([keras.Input((2,)), dense])
    with pytest.raises(TypeError, match=r"the layer 'head' \(activity_regularizer\) cannot"):
        copy_with(model, fresh_values(model, 0), 0.5)


def test_values_that_do_not_fit():
    model = deferred()
    values = fresh_values(model, 0)
    with pytest.raises(ValueError) as error:
        copy_with(model, values[:-1], 1.0)
    assert str(error.value) == (
        "Invalid length of argument `values`: expected an array for each of the 5 variables of "
        "the model. Received: len(values)=4"
    )
    values[1] = np.zeros(3)
    with pytest.raises(ValueError) as error:
        copy_with(model, values, 1.0)
    assert re.fullmatch(
        r"Invalid shape in argument `values`: expected \(4,\) for the variable '.*/bias'\. "
        r"Received: values\[1\]\.shape=\(3,\)",
        str(error.value),
    )
    with pytest.raises(ValueError, match="argument `strength`: expected a finite float >= 0"):
        copy_with(model, values, -1.0)


def test_a_lambda_is_copied_within_the_process():
    model = with_lambda()
    x = np.ones((1, 5), "float32")
    copied = copy_with(model, [values_of(v) for v in variables_of(model)], 1.0)
    np.testing.assert_array_equal(model(x), copied(x))
    assert copied.layers[-1].function is model.layers[-1].function
