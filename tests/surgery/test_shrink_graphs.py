"""Nested and shared models, several outputs, layers of which nothing is known."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.surgery.shrinking import shrink
from tests.surgery.shrinking import kill, mlp, once, put, randomize, sizes, values

# NumPy's way with TensorFlow's variables when Keras saves, let through by `pytest.warns`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")


def test_models_in_models_are_shrunk_through_their_borders():
    body = keras.Sequential(
        [keras.Input((6, 6, 5)), layers.Conv2D(4, 3, activation="relu", name="b")], name="body"
    )
    features = keras.Input((4, 4, 4))
    pooled = layers.GlobalAveragePooling2D()(features)
    head = keras.Model(features, layers.Dense(2, name="out")(pooled), name="head")
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(5, 1, activation="relu", name="a")(inputs)
    model = randomize(keras.Model(inputs, head(body(x, training=False))))
    kill(model.get_layer("a"), [0])
    kill(body.get_layer("b"), [1, 2])
    assert sizes(model) == {"a": 4, "body/b": 2, "head/out": 2}
    result = shrink(model, timed=False)
    assert result.model.get_layer("body").input_shape == (None, 6, 6, 4)
    assert result.left_whole == {"head/out": "its units are outputs of the model"}


@once
def test_a_model_used_twice_is_shrunk_within_its_borders():
    tower = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="relu", name="a"),
            layers.Dense(3, activation="relu", name="b"),
        ],
        name="tower",
    )
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    difference = layers.Subtract()([tower(first), tower(second)])
    model = randomize(keras.Model([first, second], layers.Dense(1, name="out")(difference)))
    kill(tower.layers[0], [0, 1])
    kill(tower.layers[1], [0])
    assert sizes(model) == {"tower/a": 3, "tower/b": 3, "out": 1}


def test_shared_layers_are_left_whole():
    first, second = keras.Input((4,)), keras.Input((4,))
    shared = layers.Dense(5, activation="relu", name="shared")
    relu = layers.ReLU()
    x = layers.Dense(4, name="next")(relu(shared(first)) + relu(shared(second)))
    model = randomize(keras.Model([first, second], layers.Dense(1, name="out")(relu(x))))
    kill(shared, [0, 1])
    kill(model.get_layer("next"), [0])
    assert sizes(model) == {"shared": 5, "next": 3, "out": 1}
    assert shrink(model, timed=False).left_whole["shared"] == "it is used more than once"


@once
def test_several_inputs_and_outputs_keep_their_names():
    inputs = {"left": keras.Input((3,), name="left"), "right": keras.Input((2,), name="right")}
    x = layers.Concatenate()([inputs["left"], inputs["right"]])
    x = layers.Dense(6, activation="relu", name="a")(x)
    y = layers.Dense(4, name="b")(x)
    outputs = {"one": layers.Dense(2, name="c")(y), "two": layers.Activation("relu", name="d")(y)}
    model = randomize(keras.Model(inputs, outputs))
    kill(model.get_layer("a"), [0])
    kill(model.get_layer("b"), [0])
    rng = np.random.default_rng(0)
    x = {"left": rng.normal(size=(4, 3)), "right": rng.normal(size=(4, 2))}
    assert sizes(model, x) == {"a": 5, "b": 4, "c": 2}
    smaller = shrink(model, timed=False).model
    assert smaller.output_names == model.output_names
    assert [tensor.name for tensor in smaller.inputs] == ["left", "right"]
    assert smaller(x).keys() == {"one", "two"}


def add_one(x):
    return x + 1.0


@once
@pytest.mark.parametrize(
    ("unknown", "settings"),
    [(layers.Lambda, {"function": add_one}), (layers.LayerNormalization, {}), (layers.Softmax, {})],
)
def test_what_unknown_layers_read_stays(unknown, settings):
    inputs = keras.Input((4,))
    x = layers.Dense(6, activation="relu", name="a")(inputs)
    x = layers.Dense(5, activation="relu", name="b")(x)
    x = unknown(**settings, name="odd")(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    kill(model.get_layer("a"), [0])
    kill(model.get_layer("b"), [0])
    assert sizes(model) == {"a": 5, "b": 5, "out": 2}
    reasons = shrink(model, timed=False).left_whole
    assert reasons["odd"] == f"nothing is known of the class {unknown.__name__}"
    assert reasons["b"].startswith("its units go into 'odd'")


@once
@pytest.mark.parametrize("activation", ["softmax", add_one])
def test_activations_that_are_not_known_to_be_elementwise(activation):
    model = randomize(
        keras.Sequential(
            [
                keras.Input((4,)),
                layers.Dense(6, activation="relu", name="a"),
                layers.Dense(5, activation=activation, name="b"),
                layers.Dense(2, name="out"),
            ]
        )
    )
    kill(model.get_layer("a"), [0])
    kill(model.get_layer("b"), [0])
    assert sizes(model) == {"a": 5, "b": 5, "out": 2}


@once
def test_recurrent_layers_and_grouped_convolutions_are_left_whole():
    inputs = keras.Input((6, 3))
    x = layers.Conv1D(4, 1, name="a")(inputs)
    x = layers.Conv1D(4, 1, groups=2, name="groups")(x)
    x = layers.Conv1D(4, 1, activation="relu", name="b")(x)
    x = layers.Bidirectional(layers.LSTM(3), name="lstm")(x)
    x = layers.Dense(5, activation="relu", name="c")(x)
    model = keras.Model(inputs, layers.Dense(2, name="out")(x))
    for name in "abc":
        kill(model.get_layer(name), [0])
    found = sizes(model)
    assert [found[name] for name in ("a", "groups", "b", "c")] == [4, 4, 4, 4]
    result = shrink(model, timed=False)
    assert {"lstm", "groups", "a", "b", "out"} <= result.left_whole.keys()
    assert result.table.set_index("quantity").loc["flops", "before":].isna().all()


class Doubled(layers.Dense):
    """Not a Dense layer, though it inherits from it."""

    def call(self, inputs):
        return 2 * super().call(inputs) + 1


class Centred(layers.ReLU):
    """Not a ReLU, and every channel depends on all."""

    def call(self, inputs):
        return inputs - keras.ops.mean(inputs, axis=-1, keepdims=True)


@once
def test_subclasses_of_known_layers_are_unknown():
    inputs = keras.Input((4,))
    x = Doubled(6, activation="relu", name="a")(inputs)
    x = layers.Dense(5, activation="relu", name="b")(x)
    x = layers.Dense(4, activation="relu", name="c")(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(Centred()(x))))
    for name in "abc":
        kill(model.get_layer(name), [0])
    assert sizes(model) == {"a": 6, "b": 4, "c": 4, "out": 2}


@keras.saving.register_keras_serializable("test_shrink")
class Subclassed(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.hidden = layers.Dense(5, kernel_regularizer="l2", name="hidden")
        self.out = layers.Dense(2, name="out")

    def build(self, shape):
        self.hidden.build(shape)
        self.out.build((None, 5))
        self.built = True

    def call(self, x):
        return self.out(self.hidden(x))


def test_a_subclassed_model_is_copied_without_regularizers():
    model = Subclassed()
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    model(x)
    with pytest.warns(UserWarning, match="Nothing could be removed"):
        result = shrink(model, x, timed=False)
    assert not result.model.losses and model.losses
    assert result.left_whole.keys() == {"hidden", "out"}


class OwnStep(keras.Model):
    def train_step(self, *args, **kwargs):
        return super().train_step(*args, **kwargs)


def test_a_model_with_its_own_training_step_becomes_an_ordinary_one():
    inputs = keras.Input((4,))
    x = layers.Dense(6, activation="relu", name="a")(inputs)
    model = randomize(OwnStep(inputs, layers.Dense(2, name="out")(x)))
    kill(model.get_layer("a"), [0])
    assert sizes(model) == {"a": 5, "out": 2}
    assert type(shrink(model, timed=False).model) is type(keras.Model(inputs, inputs))


def test_a_call_in_training_is_left_whole():
    inputs = keras.Input((4,))
    x = layers.Dense(6, activation="relu", name="a")(inputs)
    x = layers.Dropout(0.5, name="odd")(x, training=True)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    kill(model.get_layer("a"), [0])
    with pytest.warns(UserWarning, match="Nothing could be removed"):
        result = shrink(model, timed=False)
    assert result.left_whole["odd"] == "it is called with an argument that is True"


class Noise(layers.Layer):
    """Draws at inference too, from a state of its own."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.generator)


def test_the_states_of_seed_generators_stay():
    model = mlp()
    kill(model.layers[0], [0])
    model.add(Noise())
    state = values(model.layers[-1].generator.state)[0]
    smaller = shrink(model, np.ones((5, 6), "float32"), timed=False).model
    np.testing.assert_array_equal(values(model.layers[-1].generator.state)[0], state)
    x = np.ones((5, 6), "float32")
    np.testing.assert_allclose(*(values(m(x))[0] for m in (smaller, model)), rtol=1e-5)


def with_noise(x):
    return x + keras.random.normal(keras.ops.shape(x))


def test_random_outputs_cannot_be_compared():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Lambda(with_noise)])
    with pytest.raises(RuntimeError, match="two calls of the model differ too"):
        shrink(model, np.ones((3, 4), "float32"), timed=False)


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "mixed_bfloat16"])
def test_dtype_policies(policy):
    inputs = keras.Input((6,))
    x = layers.Dense(32, activation="relu", name="a", dtype=policy)(inputs)
    x = layers.Dense(16, activation="sigmoid", name="b", dtype=policy)(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out", dtype="float32")(x)))
    kill(model.get_layer("a"), [0, 1, 2])
    put(model.get_layer("b"), at=(..., [3, 4]))
    result = shrink(model, timed=False)
    assert result.layers["after"].tolist() == [29, 14, 2]
    assert [layer.dtype_policy.name for layer in result.model.layers[1:]] == [
        policy,
        policy,
        "float32",
    ]
    assert [v.dtype for v in result.model.variables] == [v.dtype for v in model.variables]
