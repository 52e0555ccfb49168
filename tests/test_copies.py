import json
import random
import re
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

from kerasreg.copies import copy_with, fresh_values, variables_of
from kerasreg.grid.packing import packed, packed_object, unpacked, unpacked_object
from kerasreg.optimizers import ProximalSGD
from kerasreg.regularizers import (
    MCP,
    PENALTIES,
    ElasticNet,
    GroupLasso,
    KerasPenalty,
    KLSparsity,
    as_penalty,
    scaled_regularizer,
)
from kerasreg.regularizers.gate import Gate
from kerasreg.variables import values_of

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BACKEND = keras.backend.backend()


def mlp():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4, activation="relu", kernel_regularizer=regularizers.L1(0.1)),
            layers.Dropout(0.5),
            layers.BatchNormalization(gamma_regularizer=regularizers.L2(0.3)),
            layers.Dense(3, kernel_initializer="orthogonal", bias_regularizer=MCP(0.2, gamma=2.0)),
        ]
    )


def deferred():
    model = keras.Sequential([layers.Dense(4), layers.Dropout(0.5), layers.Dense(3)])
    model.build((None, 5))
    return model


def branched():
    """Two inputs, two outputs, a shared layer, layers whose order is not that of the outputs."""
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    shared = layers.Dense(4, kernel_regularizer=regularizers.L1L2(0.1, 0.2))
    late = layers.Dense(2, activity_regularizer=KLSparsity(0.1, 0.5), activation="sigmoid")
    joined = layers.Concatenate()([shared(b), layers.GaussianNoise(0.1)(shared(a))])
    first = layers.Dense(2)(joined)
    return keras.Model([a, b], {"x": late(joined), "y": first})


def nested():
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(4, kernel_regularizer="l2")])
    outer_input = keras.Input((5,))
    middle = keras.Model(outer_input, layers.Dropout(0.2)(inner(outer_input)))
    inputs = keras.Input((5,))
    return keras.Model(inputs, layers.Dense(1, kernel_regularizer=ElasticNet(0.3))(middle(inputs)))


def recurrent():
    inner = layers.GRU(
        2,
        kernel_regularizer=regularizers.L1(0.1),
        recurrent_regularizer=regularizers.L2(0.2),
        dropout=0.1,
        return_sequences=True,
    )
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Embedding(7, 3, embeddings_regularizer=regularizers.L2(0.5)),
            layers.Bidirectional(inner),
            layers.TimeDistributed(layers.Dense(2, kernel_regularizer=GroupLasso(0.1))),
        ]
    )


def attention():
    inputs = keras.Input((4, 6))
    heads = layers.MultiHeadAttention(2, 3, kernel_regularizer=regularizers.L2(0.1), dropout=0.1)
    convolved = layers.SeparableConv1D(3, 2, depthwise_regularizer=regularizers.L1(0.2))(inputs)
    return keras.Model(inputs, [heads(inputs, inputs), convolved])


@keras.saving.register_keras_serializable(package="test_copies")
class Subclassed(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(4, kernel_regularizer=regularizers.L2(0.1))
        self.dropout = layers.Dropout(0.5)
        self.head = layers.Dense(units, bias_regularizer=ElasticNet(0.2))

    def call(self, inputs):
        return self.head(self.dropout(self.hidden(inputs)))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def subclassed():
    model = Subclassed(units=2)
    model(np.zeros((1, 5), "float32"))
    return model


class Drawn(keras.initializers.Initializer):
    """Not registered, and it draws from generators that Keras's initializers do not use."""

    def __call__(self, shape, dtype=None):
        values = np.random.standard_normal(shape)  # noqa: NPY002 the global state is the point
        values = values + ops.convert_to_numpy(keras.random.uniform(shape))
        if BACKEND == "tensorflow":
            import tensorflow as tf

            values = values + tf.random.uniform(shape).numpy() + tf.random.uniform(shape, seed=3)
        return ops.convert_to_tensor(values, dtype=dtype)


class Own(layers.Layer):
    """Not registered, and built by its first call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(3, kernel_initializer=Drawn())

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, inputs):
        return self.inner(inputs)


class OwnRegularizer(keras.Regularizer):
    def __call__(self, w):
        return ops.sum(w**4)

    def get_config(self):
        return {}


def own_layers():
    return keras.Sequential([keras.Input((5,)), Own(), layers.Dense(2)])


MODELS = [mlp, deferred, branched, nested, recurrent, attention, subclassed, own_layers]
TRAVELLERS = MODELS[:-1]
every_model = pytest.mark.parametrize("build", MODELS)


def the_obvious_way(model, seed):
    keras.utils.set_random_seed(seed)
    with keras.saving.custom_object_scope({"Own": Own, "Drawn": Drawn}):
        twin = model.__class__.from_config(model.get_config())
    if not twin.built:
        twin.build_from_config(model.get_build_config())
    return [np.array(values_of(variable)) for variable in variables_of(twin)]


def assert_equal(values, expected):
    assert len(values) == len(expected)
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, other)
        assert value.dtype == other.dtype


def penalties(model):
    """What each regularizer contributes, by place: losses of the weights at the weights."""
    return [
        float(variable.regularizer(variable))
        for variable in model.trainable_variables
        if variable.regularizer is not None
    ]


def fingerprint(model):
    """Everything that a copy must not change."""
    return (
        [values_of(variable).tobytes() for variable in model.variables],
        [id(getattr(variable, "regularizer", None)) for variable in model.variables],
        [(layer.name, layer.trainable, layer.built) for layer in model._flatten_layers()],
        json.dumps(keras.saving.serialize_keras_object(model.get_config())),
        id(model.optimizer) if model.compiled else None,
    )


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


@pytest.mark.parametrize("action", [lambda m: fresh_values(m, 0), packed])
def test_a_model_that_cannot_be_copied(action):
    model = Closed({3})
    model(np.zeros((1, 2), "float32"))
    with pytest.raises(ValueError) as error:
        action(model)
    message = str(error.value)
    assert re.match("The model 'closed' cannot be copied: ", message)
    assert 'pass `initial_weights="model"` to start from the weights that the model' in message
    assert "\n" not in message


def test_a_layer_that_two_nested_models_share():
    shared, inputs = layers.Dense(3), keras.Input((3,))
    first, second = (keras.Sequential([keras.Input((3,)), shared]) for _ in range(2))
    model = keras.Model(inputs, first(second(inputs)), name="tied")
    with pytest.raises(ValueError) as error:  # Keras itself would load it with two layers
        fresh_values(model, 0)
    assert str(error.value) == (
        "The model 'tied' cannot be copied: its config gives a model with other layers or "
        "variables. Give Functional and its layers a `get_config()` with the arguments of the "
        "constructor, and a `build()` that makes all their variables; or pass "
        '`initial_weights="model"` to start from the weights that the model has'
    )


def test_a_lambda_that_cannot_be_loaded_again():
    dense = layers.Dense(2, activation=lambda t: t * 2.0)
    model = keras.Sequential([keras.Input((2,)), dense], name="lost")
    with pytest.raises(ValueError) as error:
        fresh_values(model, 0)
    assert str(error.value) == (
        "The model 'lost' cannot be copied: a Python lambda is in it. Write it as a function with "
        'a name; or pass `initial_weights="model"` to start from the weights that the model has'
    )


def test_a_model_that_is_not_built():
    model = keras.Sequential([layers.Dense(2)], name="plain")
    for action in (lambda: fresh_values(model, 0), lambda: copy_with(model, [], 1.0), packed):
        with pytest.raises(ValueError, match="The model 'plain' is not built"):
            action(model) if action is packed else action()


# Copies


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


def quartic(w):
    return ops.sum(w**4)


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


def with_lambda():
    inputs = keras.Input((5,))
    doubled = layers.Lambda(lambda t: t * 2.0)(layers.Dense(2)(inputs))
    return keras.Model(inputs, doubled, name="doubled")


def test_a_lambda_is_copied_within_the_process():
    model = with_lambda()
    x = np.ones((1, 5), "float32")
    copied = copy_with(model, [values_of(v) for v in variables_of(model)], 1.0)
    np.testing.assert_array_equal(model(x), copied(x))
    assert copied.layers[-1].function is model.layers[-1].function


# Travelling


@pytest.mark.parametrize("build", TRAVELLERS)
def test_a_model_comes_back_from_text_and_arrays(build):
    model = build()
    before = fingerprint(model)
    parts = packed(model)
    for part in parts.values():
        assert isinstance(part, str) or all(type(value) is np.ndarray for value in part)
    back = unpacked(parts)
    assert type(back) is type(model)
    assert not back.compiled
    assert_equal(
        [values_of(v) for v in variables_of(back)], [values_of(v) for v in variables_of(model)]
    )
    assert penalties(back) == penalties(model)
    assert fingerprint(model) == before


def test_strengths_travel_also_where_the_config_does_not_mention_them():
    model = subclassed()
    copied = copy_with(model, fresh_values(model, 0), 0.5)
    assert penalties(unpacked(packed(copied))) == penalties(copied) != penalties(model)


def test_a_compiled_state_stays_at_home():
    model = mlp()
    model.compile("sgd", lambda y, p: ops.mean((y - p) ** 2))
    assert not unpacked(packed(model)).compiled
    assert model.compiled


def test_own_layers_that_are_not_registered_do_not_travel():
    with pytest.raises(ValueError) as error:
        packed(own_layers())
    assert str(error.value) == (
        "The model 'sequential' cannot be sent to another process: the class 'Own' is not "
        'registered. Put `@keras.saving.register_keras_serializable(package="own")` before the '
        "definition of each class and function of your own, in a module that the workers import too"
    )
    with (
        keras.saving.custom_object_scope({"Own": Own, "Drawn": Drawn}),  # workers have no scope
        pytest.raises(ValueError, match="the class 'Own' is not registered"),
    ):
        packed(own_layers())


def test_lambdas_do_not_travel():
    for action in (lambda: packed(with_lambda()), lambda: packed_object(lambda y, p: y - p)):
        with pytest.raises(ValueError) as error:
            action()
        assert "cannot be sent to another process: a Python lambda is in it. Put" in str(
            error.value
        )
        assert "\n" not in str(error.value)


def not_registered(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


@keras.saving.register_keras_serializable(package="test_copies")
def registered(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


class NoConfig:
    def __call__(self, y_true, y_pred):
        return ops.mean(y_true - y_pred)


def test_objects_come_back():
    for thing in (None, "mse", registered, keras.losses.mean_squared_error, ["mse", registered]):
        assert unpacked_object(packed_object(thing)) == thing
    assert unpacked_object(packed_object({"x": registered})) == {"x": registered}
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    for thing in (
        keras.losses.Huber(delta=2.0),
        keras.metrics.TopKCategoricalAccuracy(k=2),
        ProximalSGD(0.1, momentum=0.5),
        keras.optimizers.Adam(schedule),
    ):
        back = unpacked_object(packed_object(thing))
        assert type(back) is type(thing)
        assert back.get_config() == thing.get_config()


def test_objects_that_do_not_travel():
    for thing, reason in (
        (not_registered, "the function 'not_registered' is not registered"),
        (keras.metrics.MeanMetricWrapper(not_registered), "'not_registered' is not registered"),
        (NoConfig(), "Cannot serialize object"),
        ({"x": not_registered}, "the function 'not_registered' is not registered"),
    ):
        with pytest.raises(ValueError) as error:
            packed_object(thing)
        message = str(error.value)
        assert "cannot be sent to another process" in message
        assert reason in message
        assert "`@keras.saving.register_keras_serializable(" in message
        assert "\n" not in message


def test_in_another_process(tmp_path):
    model = branched()
    copied = copy_with(model, fresh_values(model, 0), 0.5)
    parts = packed(copied)
    np.savez(tmp_path / "values.npz", *parts.pop("values"))
    (tmp_path / "texts.json").write_text(json.dumps(parts))
    program = """
        import json, sys
        import numpy as np
        from kerasreg.grid.packing import unpacked
        folder = sys.argv[1]
        with np.load(folder + "/values.npz") as arrays:
            values = [arrays[name] for name in arrays.files]
        parts = json.loads(open(folder + "/texts.json").read())
        model = unpacked({**parts, "values": values})
        x = [np.ones((2, 5), "float32")] * 2
        print([float(v) for v in np.ravel(model(x)["x"])], [float(v) for v in model.losses])
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    outputs = copied([np.ones((2, 5), "float32")] * 2)["x"]
    expected = [[float(v) for v in np.ravel(outputs)], [float(v) for v in copied.losses]]
    assert result.stdout.strip().splitlines()[-1] == "{} {}".format(*expected)


# scaled_regularizer


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
