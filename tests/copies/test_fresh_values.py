"""Fresh values of all variables, as if the model were built anew."""

import random
import re

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.copies import copy_with, fresh_values, variables_of
from kerasreg.packing import packed
from kerasreg.surgery import shrink
from kerasreg.variables import values_of
from tests.copies.models import BACKEND, Drawn, Own, assert_equal, every_model, mlp, own_layers

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def the_obvious_way(model, seed):
    keras.utils.set_random_seed(seed)
    with keras.saving.custom_object_scope({"Own": Own, "Drawn": Drawn}):
        twin = model.__class__.from_config(model.get_config())
    if not twin.built:
        twin.build_from_config(model.get_build_config())
    return [np.array(values_of(variable)) for variable in variables_of(twin)]


@every_model
def test_fresh_values_are_those_after_set_random_seed(build):
    model = build()
    drawn = {}
    for seed in (0, 7, 2**32 - 1):
        # Twice: what the first left in TensorFlow's kernels must not reach the second.
        drawn[seed] = fresh_values(model, seed)
        assert_equal(fresh_values(model, seed), drawn[seed])
        assert_equal(drawn[seed], the_obvious_way(model, seed))
        assert_equal(fresh_values(model, np.int64(seed)), drawn[seed])
    assert any(not np.array_equal(a, b) for a, b in zip(drawn[0], drawn[7], strict=True))


@every_model
def test_fresh_values_do_not_depend_on_the_weights_or_what_is_frozen(build):
    model = build()
    drawn = dict(zip(map(id, variables_of(model)), fresh_values(model, 3), strict=True))
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    model.layers[-1].trainable = False
    order = variables_of(model)
    assert_equal(fresh_values(model, 3), [drawn[id(variable)] for variable in order])


def draws():
    """One from each generator that a user may draw from, and an automatic name."""
    values = [random.random(), np.random.random(), layers.Dense(1).name]  # noqa: NPY002
    values += [float(keras.random.uniform(())) for _ in range(2)]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        values += [float(tf.random.uniform(())) for _ in range(2)]
    return values


@every_model
@pytest.mark.parametrize("seeded", [True, False])
def test_the_global_state_stays(build, seeded):
    model = build()
    values = fresh_values(model, 1)
    if not seeded:
        if BACKEND == "tensorflow":
            import tensorflow as tf

            tf.random.set_seed(11)  # else TensorFlow's own draws cannot be repeated
        random.seed(5)
        np.random.seed(6)  # noqa: NPY002
        keras.random.uniform(())  # Keras's generator stands somewhere in its sequence

    def work():
        fresh_values(model, 1)
        copy_with(model, values, 1.0)

    def outcome(action):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(9)
        keras.random.uniform(())
        action()
        return draws()

    assert outcome(work) == outcome(lambda: None)


def test_an_error_leaves_the_global_state_too():
    model = own_layers()
    model.layers[0].get_config = lambda: {"unknown": 1}
    layers.Dense(1)
    name, before = layers.Dense(1).name, random.getstate()
    with pytest.raises(ValueError, match="cannot be copied"):
        fresh_values(model, 1)
    assert random.getstate() == before
    assert layers.Dense(1).name == re.sub(r"\d+$", lambda n: str(int(n[0]) + 1), name)


def test_variables_of():
    model = mlp()
    model.layers[0].trainable = False
    variables = variables_of(model)
    assert len({id(variable) for variable in variables}) == len(variables) == 9
    assert variables[:4] == model.trainable_variables
    assert any("seed_generator" in variable.path for variable in variables[4:])


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, "1", None])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ValueError) as error:
        fresh_values(mlp(), seed)
    assert str(error.value) == (
        "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
        f"Received: seed={seed!r}"
    )


class Closed(keras.Model):
    def __init__(self, size):
        super().__init__()
        self.head = layers.Dense(size.pop())

    def call(self, inputs):
        return self.head(inputs)


def closed():
    model = Closed({3})
    model(np.zeros((1, 2), "float32"))
    return model


COPYING = {
    "fresh_values": lambda model: fresh_values(model, 0),
    "copy_with": lambda model: copy_with(model, [values_of(v) for v in variables_of(model)], 1.0),
    "packed": packed,
    "shrink": lambda model: shrink(model, timed=False),
}


@pytest.mark.parametrize("action", COPYING.values(), ids=COPYING)
def test_a_model_that_cannot_be_copied(action):
    with pytest.raises(ValueError) as error:
        action(closed())
    message = str(error.value)
    assert re.match("The model 'closed' cannot be copied: ", message)
    assert message.endswith(
        ". Give Closed and its layers a `get_config()` with the arguments of the constructor, and "
        "a `build()` that makes all their variables"
    )
    assert "\n" not in message


def trained_grid(model, **settings):
    from kerasreg.grid import train_grid

    x, y = np.ones((8, 2), "float32"), np.ones((8, 3), "float32")
    return train_grid(
        model, x, y, strengths=[0.1], optimizer="sgd", loss="mse", epochs=1, verbose=0, **settings
    )


OWN_WEIGHTS = '; or pass `initial_weights="model"` to start from the weights that the model has'


@pytest.mark.tensorflow
def test_a_grid_of_a_model_that_cannot_be_copied_may_start_from_its_weights():
    model = closed()
    with pytest.raises(ValueError, match=re.escape(OWN_WEIGHTS) + "$"):
        trained_grid(model)
    record = trained_grid(model, initial_weights="model")
    assert record.values(0.1)[0].shape == (2, 3)
    with pytest.raises(ValueError, match="The model 'closed' cannot be copied: ") as error:
        record.model(0.1)
    assert "initial_weights" not in str(error.value)


@pytest.mark.tensorflow
@pytest.mark.parametrize("initial_weights", ["seed", "model"])
def test_a_grid_of_a_model_that_draws_and_cannot_be_copied(initial_weights):
    class Drawing(Closed):
        def __init__(self, size):
            super().__init__(size)
            self.dropout = layers.Dropout(0.5)

        def call(self, inputs, training=False):
            return super().call(self.dropout(inputs, training=training))

    model = Drawing({3})
    model(np.zeros((1, 2), "float32"))
    with pytest.raises(ValueError, match="The model 'drawing' cannot be copied: ") as error:
        trained_grid(model, initial_weights=initial_weights)
    assert "initial_weights" not in str(error.value)


def test_a_layer_that_two_nested_models_share():
    shared, inputs = layers.Dense(3), keras.Input((3,))
    first, second = (keras.Sequential([keras.Input((3,)), shared]) for _ in range(2))
    model = keras.Model(inputs, first(second(inputs)), name="tied")
    with pytest.raises(ValueError) as error:  # Keras itself would load it with two layers
        fresh_values(model, 0)
    assert str(error.value) == (
        "The model 'tied' cannot be copied: its config gives a model with other layers or "
        "variables. Give Functional and its layers a `get_config()` with the arguments of the "
        "constructor, and a `build()` that makes all their variables"
    )


def test_a_lambda_that_cannot_be_loaded_again():
    dense = layers.Dense(2, activation=lambda t: t * 2.0)
    model = keras.Sequential([keras.Input((2,)), dense], name="lost")
    with pytest.raises(ValueError) as error:
        fresh_values(model, 0)
    assert str(error.value) == (
        "The model 'lost' cannot be copied: a Python lambda is in it. Write it as a function with "
        "a name"
    )


def test_a_model_that_is_not_built():
    model = keras.Sequential([layers.Dense(2)], name="plain")
    for action in (lambda: fresh_values(model, 0), lambda: copy_with(model, [], 1.0), packed):
        with pytest.raises(ValueError, match="The model 'plain' is not built"):
            action(model) if action is packed else action()
