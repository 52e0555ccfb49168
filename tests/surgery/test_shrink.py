import subprocess
import sys
import textwrap
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_digits

import kerasreg
from kerasreg.surgery.shrink import shrink

# NumPy's way with TensorFlow's variables when Keras saves, let through by `pytest.warns`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")

NEEDS_CHANNELS_FIRST = pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="TensorFlow convolves channels last on CPU"
)


# The analysis is NumPy's on every backend, and JAX compiles every initializer for every shape.
once = pytest.mark.tensorflow


def randomize(model, seed=0):
    """Weights of order 1, variances positive, so that nothing is zero by chance."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            shape = tuple(variable.shape)
            values = rng.uniform(0.2, 0.8, shape) * rng.choice([-1, 1], shape)
            if "variance" in variable.name:
                values = np.abs(values) + 0.5
            variable.assign(values / np.sqrt(max(np.prod(shape[:-1]), 1)))
    return model


def put(layer, name="kernel", *, at, value=0.0):
    """Sets weights `layer.name[at]`."""
    variable = getattr(layer, name)
    values = np.array(keras.ops.convert_to_numpy(variable))
    values[at] = value
    variable.assign(values)


def kill(layer, units, axis=-1):
    """All weights of units and their biases to zero."""
    put(layer, at=(..., units) if axis == -1 else (..., units, slice(None)))
    if layer.bias is not None:
        put(layer, "bias", at=units)


def values(outputs):
    return [
        keras.ops.convert_to_numpy(value).astype(float) for value in keras.tree.flatten(outputs)
    ]


def inputs_of(model, seed=1, n=5):
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=(n, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    return drawn[0] if len(drawn) == 1 else drawn


def sizes(model, x=None, **settings):
    """Sizes of the layers after shrinking; the outputs are compared with other inputs as well."""
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Nothing could be removed")
        result = shrink(model, timed=False, **settings)
    x = inputs_of(model) if x is None else x
    for expected, received in zip(values(model(x)), values(result.model(x)), strict=True):
        assert expected.shape == received.shape
        assert np.max(np.abs(expected - received)) <= 1e-5 * np.max(np.abs(expected))
    for values_before, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(values_before, keras.ops.convert_to_numpy(variable))
    return dict(result.layers.set_index("layer")["after"])


def mlp(activation="relu", **settings):
    return randomize(
        keras.Sequential(
            [
                keras.Input((6,), name="x"),
                layers.Dense(8, activation=activation, name="first", **settings),
                layers.Dense(7, activation=activation, name="second", **settings),
                layers.Dense(2, name="out", **settings),
            ]
        )
    )


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


def conv_net(padding="same", data_format="channels_last", activation="relu"):
    shape = (3, 8, 8) if data_format == "channels_first" else (8, 8, 3)
    settings = {"data_format": data_format}
    axis = 1 if data_format == "channels_first" else -1
    return randomize(
        keras.Sequential(
            [
                keras.Input(shape),
                layers.Conv2D(6, 3, padding=padding, name="a", **settings),
                layers.BatchNormalization(axis=axis, name="normal"),
                layers.Activation(activation),
                layers.MaxPooling2D(**settings),
                layers.Conv2D(5, 2, padding=padding, activation="relu", name="b", **settings),
                layers.Flatten(**settings),
                layers.Dense(4, activation="relu", name="c"),
                layers.Dropout(0.5),
                layers.Dense(2, name="out"),
            ]
        )
    )


def test_filters_go_through_normalization_pooling_and_flattening():
    model = conv_net()
    put(model.get_layer("b"), at=(..., [0, 2], slice(None)))  # out
    kill(model.get_layer("b"), [1, 4])  # in
    assert sizes(model) == {"a": 4, "b": 3, "c": 4, "out": 2}


@NEEDS_CHANNELS_FIRST
def test_channels_first():
    model = conv_net(data_format="channels_first")
    put(model.get_layer("b"), at=(..., [0, 2], slice(None)))
    kill(model.get_layer("b"), [1, 4])
    assert sizes(model) == {"a": 4, "b": 3, "c": 4, "out": 2}


@once
def test_flattening_in_the_wrong_order_is_followed_too():
    shared = {"name": "b"}
    model = randomize(
        keras.Sequential(
            [
                keras.Input((4, 4, 3)),
                layers.Conv2D(5, 2, activation="relu", **shared),
                layers.Flatten(data_format="channels_first"),
                layers.Dense(2, name="out"),
            ]
        )
    )
    kill(model.get_layer("b"), [1, 4])
    assert sizes(model) == {"b": 3, "out": 2}


@once
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_constant_channel_is_not_constant_behind_padding(padding):
    model = conv_net(padding)
    put(model.get_layer("a"), at=(..., 1))
    put(model.get_layer("normal"), "gamma", at=1)
    put(model.get_layer("normal"), "beta", at=1, value=0.5)
    assert sizes(model)["a"] == {"same": 6, "valid": 5}[padding]
    put(model.get_layer("normal"), "beta", at=1, value=-0.5)  # relu makes 0 of it
    assert sizes(model)["a"] == 5


@once
def test_a_constant_is_zero_at_the_borders_after_zero_padding():
    def model(value):
        made = randomize(
            keras.Sequential(
                [
                    keras.Input((6, 6, 3)),
                    layers.Conv2D(4, 3, name="a"),
                    layers.ZeroPadding2D(1),
                    layers.Conv2D(4, 3, name="b"),
                    layers.GlobalAveragePooling2D(),
                    layers.Dense(2, name="out"),
                ]
            )
        )
        put(made.get_layer("a"), at=(..., 1))
        put(made.get_layer("a"), "bias", at=1, value=value)
        return made

    assert sizes(model(0.3))["a"] == 4
    assert sizes(model(0.0))["a"] == 3


@once
def test_a_gamma_of_zero_kills_a_channel_whatever_the_kernel_is():
    model = conv_net("valid")
    put(model.get_layer("normal"), "gamma", at=[0, 5])
    assert sizes(model) == {"a": 4, "b": 5, "c": 4, "out": 2}


@once
@pytest.mark.parametrize(
    ("between", "settings"),
    [
        (layers.GlobalAveragePooling2D, {}),
        (layers.GlobalMaxPooling2D, {"keepdims": True}),
        (layers.AveragePooling2D, {"pool_size": 2, "padding": "same"}),
        (layers.UpSampling2D, {}),
        (layers.Cropping2D, {"cropping": 1}),
        (layers.Permute, {"dims": (2, 1, 3)}),
        (layers.Permute, {"dims": (3, 1, 2)}),
        (layers.PReLU, {"shared_axes": [1, 2]}),
        (layers.PReLU, {}),
        (layers.LeakyReLU, {}),
        (layers.SpatialDropout2D, {"rate": 0.3}),
        (layers.Dropout, {"rate": 0.3, "noise_shape": (None, 1, 1, 1)}),
        (layers.Rescaling, {"scale": 2.0, "offset": 1.0}),
    ],
)
def test_layers_between_that_keep_channels_apart(between, settings):
    inputs = keras.Input((6, 4, 3))
    x = layers.Conv2D(5, 1, activation="relu", name="a")(inputs)
    x = layers.Flatten()(between(**settings)(x))
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    kill(model.get_layer("a"), [0, 3])
    assert sizes(model) == {"a": 3, "out": 2}


@once
@pytest.mark.parametrize("operator", [False, True])
def test_both_sides_of_a_sum_must_be_dead(operator):
    inputs = keras.Input((6,))
    a = layers.Dense(8, activation="relu", name="a")(inputs)
    b = layers.Dense(8, activation="relu", name="b")(a)
    total = a + b if operator else layers.Add()([a, b])
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(total)))
    kill(model.get_layer("a"), [0, 1, 2])
    kill(model.get_layer("b"), [2, 3])
    assert sizes(model) == {"a": 7, "b": 7, "out": 2}
    put(model.get_layer("out"), at=[5])  # read by nobody, but b reads a's
    assert sizes(model) == {"a": 7, "b": 7, "out": 2}
    put(model.get_layer("b"), at=[5])
    assert sizes(model) == {"a": 6, "b": 6, "out": 2}


@once
def test_a_factor_of_zero_makes_the_product_constant():
    inputs = keras.Input((6,))
    a = layers.Dense(4, name="a")(inputs)
    gate = layers.Dense(4, activation="sigmoid", name="gate")(inputs)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(a * gate)))
    kill(model.get_layer("a"), [0])
    kill(model.get_layer("gate"), [1])  # sigmoid(0) is not zero
    assert sizes(model) == {"a": 3, "gate": 3, "out": 2}


@once
def test_squeeze_and_excitation():
    inputs = keras.Input((5, 5, 3))
    x = layers.Conv2D(6, 3, activation="relu", name="a")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Dense(6, activation="sigmoid", name="gate")(gate)
    x = layers.GlobalAveragePooling2D()(layers.Multiply()([x, gate]))
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    kill(model.get_layer("a"), [0, 1])
    assert sizes(model) == {"a": 4, "gate": 4, "out": 2}


@once
def test_concatenation():
    inputs = keras.Input((6, 6, 2))
    a = layers.Conv2D(4, 3, activation="relu", name="a")(inputs)
    b = layers.Conv2D(5, 3, activation="relu", name="b")(inputs)
    x = layers.Conv2D(3, 3, activation="relu", name="c")(layers.Concatenate()([a, b, a]))
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten()(x))))
    kill(model.get_layer("a"), [0])
    kill(model.get_layer("b"), [0, 4])
    put(model.get_layer("c"), at=(..., 1, slice(None)))  # a's second channel is read once more
    assert sizes(model) == {"a": 3, "b": 3, "c": 3, "out": 2}
    put(model.get_layer("c"), at=(..., 10, slice(None)))
    assert sizes(model) == {"a": 2, "b": 3, "c": 3, "out": 2}


@once
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_depthwise_convolutions(padding, multiplier):
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(6, 1, activation="relu", name="a")(inputs)
    x = layers.DepthwiseConv2D(
        3, padding=padding, depth_multiplier=multiplier, activation="relu", name="depthwise"
    )(x)
    x = layers.Conv2D(3, 1, activation="relu", name="b")(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten()(x))))
    kill(model.get_layer("a"), [0])  # zero in: the bias is all that comes out
    put(model.get_layer("depthwise"), at=(..., [3], slice(None)))
    assert sizes(model) == {"a": 4, "b": 3, "out": 2}
    put(model.get_layer("a"), at=(..., [1]))  # a constant in
    put(model.get_layer("a"), "bias", at=[1], value=0.3)
    put(model.get_layer("depthwise"), at=(slice(None), slice(None), 1), value=0.1)
    assert sizes(model) == {"a": {"same": 4, "valid": 3}[padding], "b": 3, "out": 2}


@once
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_separable_and_transposed_convolutions(padding):
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2DTranspose(6, 3, strides=2, padding=padding, activation="relu", name="a")(
        inputs
    )
    x = layers.SeparableConv2D(5, 3, padding=padding, depth_multiplier=2, name="b")(x)
    x = layers.Conv2DTranspose(4, 3, activation="relu", name="c")(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten()(x))))
    kill(model.get_layer("a"), [0, 1], axis=-2)
    put(model.get_layer("a"), "bias", at=[1], value=0.3)  # constant, for "valid" folded
    put(model.get_layer("c"), at=(..., [4]))
    kept = {"same": 5, "valid": 4}[padding]
    assert sizes(model) == {"a": kept, "b": 4, "c": 4, "out": 2}


@once
def test_text_models():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(20, 6, name="table")(inputs)
    x = layers.Conv1D(5, 3, padding="causal", activation="relu", name="a")(x)
    x = layers.GlobalMaxPooling1D()(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    put(model.get_layer("table"), "embeddings", at=(..., [0, 2]))
    put(model.get_layer("table"), "embeddings", at=(..., [4]), value=0.5)  # causal: padded
    kill(model.get_layer("a"), [1])
    x = np.random.default_rng(0).integers(20, size=(5, 7))
    assert sizes(model, x) == {"table": 4, "a": 4, "out": 2}


@once
def test_reshaping_to_an_image():
    inputs = keras.Input((3,))
    x = layers.Dense(2 * 2 * 4, activation="relu", name="a")(inputs)
    x = layers.Reshape((2, 2, 4))(x)
    x = layers.Conv2DTranspose(2, 3, name="b")(x)
    model = randomize(keras.Model(inputs, x))
    kill(model.get_layer("a"), [0, 1, 4, 8, 12])  # channel 0 everywhere, channel 1 at one place
    assert sizes(model) == {"a": 12, "b": 2}


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


def test_regularizers_and_compilation_are_gone():
    group = kerasreg.regularizers.GroupLasso(0.1)
    inputs = keras.Input((4,))
    x = layers.Dense(6, activation="relu", name="a", kernel_regularizer=group)(inputs)
    x = layers.Dense(5, activation="relu", name="b", activity_regularizer="l2")(x)
    x = layers.ActivityRegularization(l1=0.1, name="c")(x)
    x = layers.Reshape((1, 5))(x)
    x = layers.TimeDistributed(layers.Dense(3, kernel_regularizer=group), name="d")(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    model.compile(kerasreg.optimizers.ProximalAdam(1e-3), "mse")
    kill(model.get_layer("a"), [0])
    smaller = shrink(model, timed=False).model
    assert not smaller.compiled and smaller.predict_function is None
    smaller(np.ones((2, 4), "float32"))
    assert not smaller.losses and model.losses
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    assert "kerasreg" in str(model.get_config())
    assert "kerasreg" not in str(smaller.get_config())
    assert "L2" not in str(smaller.get_config())


@pytest.mark.slow
def test_the_model_loads_without_kerasreg(tmp_path):
    model = mlp(kernel_regularizer=kerasreg.regularizers.GroupLasso(0.1))
    model.compile(kerasreg.optimizers.ProximalAdam(1e-3), "mse")
    kill(model.layers[0], [0])
    smaller = shrink(model, timed=False).model
    smaller.save(tmp_path / "model.keras")
    np.save(tmp_path / "y.npy", values(smaller(np.ones((2, 6), "float32")))[0])
    program = """
        import sys
        sys.modules["kerasreg"] = None
        import keras, numpy as np
        model = keras.models.load_model("model.keras")
        y = keras.ops.convert_to_numpy(model(np.ones((2, 6), "float32")))
        np.testing.assert_allclose(y, np.load("y.npy"), rtol=1e-6)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, check=True)


def test_the_table():
    model = conv_net("valid")
    kill(model.get_layer("b"), [0])
    table = shrink(model, batch_size=2).table.set_index("quantity")
    assert table.loc["parameters", "before"] == model.count_params()
    # a: 6·6 positions, 3·3·3 → 6; b: 2·2 positions, 2·2·6 → 5 or 4
    flops = [2 * (36 * 27 * 6 + 4 * 24 * n + 4 * n * 4 + 4 * 2) for n in (5, 4)]
    assert table.loc["flops", ["before", "after"]].tolist() == flops
    zeros = 2 * 2 * 6 + 1  # of b's filter and bias; the next layer keeps its weights
    assert table.loc["non_zero_parameters", "before"] == model.count_params() - zeros
    assert (table.loc[["parameters", "file_bytes"], "ratio"] < 1).all()
    assert (table.loc["seconds_per_batch", ["before", "after"]] > 0).all()


def test_a_wrong_result_is_not_returned(monkeypatch):
    from kerasreg.surgery import rebuilding

    model = mlp("sigmoid")
    put(model.layers[0], at=(..., [1]))
    monkeypatch.setattr(rebuilding, "folded_constants", lambda site, analysis: None)
    with pytest.raises(RuntimeError, match="output 'out' differs by"):
        shrink(model, timed=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "Invalid value for argument `batch_size`: expected an int >= 1."),
        ({"tolerance": -1}, "Invalid value for argument `tolerance`"),
    ],
)
def test_invalid_arguments(settings, message):
    with pytest.raises(ValueError, match=message):
        shrink(mlp(), **settings)


def test_a_model_must_be_built():
    with pytest.raises(ValueError, match="is not built"):
        shrink(keras.Sequential([layers.Dense(2)]))


def random_model(rng):
    """A graph of random layers.

    Its activations are strictly increasing: a ReLU can hide a unit that depends on the inputs
    without a zero anywhere, such as one that reads only negative numbers.
    """
    size = 7
    inputs = keras.Input((size, size, 3))
    x = inputs
    for at in range(rng.integers(2, 5)):
        kind = rng.choice(["conv", "depthwise", "residual", "branches", "pool", "normal", "pad"])
        padding = str(rng.choice(["same", "valid"])) if x.shape[1] > 3 else "same"
        settings = {
            "padding": padding,
            "activation": str(rng.choice(["sigmoid", "linear", "elu", "leaky_relu"])),
            "use_bias": bool(rng.integers(2)),
        }
        if kind == "conv":
            x = layers.Conv2D(int(rng.integers(3, 8)), 2, **settings, name=f"conv_{at}")(x)
        elif kind == "depthwise":
            multiplier = int(rng.integers(1, 3))
            x = layers.DepthwiseConv2D(2, depth_multiplier=multiplier, **settings)(x)
        elif kind == "residual":
            settings["padding"] = "same"
            x = x + layers.Conv2D(x.shape[-1], 3, **settings, name=f"residual_{at}")(x)
        elif kind == "branches":
            settings["padding"] = "same"
            parts = [layers.Conv2D(3, n, **settings, name=f"branch_{at}_{n}")(x) for n in (1, 3)]
            x = layers.Concatenate()([*parts, x] if rng.integers(2) else parts)
        elif kind == "pool":
            x = layers.AveragePooling2D(2, padding="same")(x)
        elif kind == "normal":
            x = layers.ELU()(layers.BatchNormalization()(x))
        else:
            x = layers.ZeroPadding2D(1)(x)
    x = layers.Flatten()(x) if rng.integers(2) else layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(6, activation="elu", name="dense")(x)
    return randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)), int(rng.integers(1e6)))


def kernel_axes(layer):
    """Axes of the inputs and of the units in a kernel; None where a channel is both."""
    return (None, -2) if isinstance(layer, layers.DepthwiseConv2D) else (-2, -1)


def kill_at_random(model, rng):
    for layer in model.layers:
        if layer.name == "out" or not layer.weights:
            continue
        if isinstance(layer, layers.BatchNormalization):
            put(layer, "gamma", at=rng.random(layer.gamma.shape) < 0.3)
            put(layer, "beta", at=rng.random(layer.beta.shape) < 0.3)
            continue
        for axis in kernel_axes(layer):
            if axis is not None:
                dead = np.flatnonzero(rng.random(layer.kernel.shape[axis]) < 0.25)
                put(layer, at=(..., dead) if axis == -1 else (..., dead, slice(None)))
        if layer.bias is not None and rng.integers(2):
            put(layer, "bias", at=rng.random(layer.bias.shape) < 0.5)


def units_without_effect(model, layer, x):
    """Units whose weights and biases can be anything: the outputs stay. Told by calling only."""
    kept = [np.array(keras.ops.convert_to_numpy(variable)) for variable in layer.weights]
    expected = values(model(x))[0]
    found = []
    for unit in range(layer.kernel.shape[-1]):
        same = True
        for value in (0.37, -0.37):
            put(layer, at=(..., unit), value=value)
            if layer.bias is not None:
                put(layer, "bias", at=unit, value=3 * value)
            same = same and np.array_equal(values(model(x))[0], expected)
        layer.set_weights(kept)
        found.append(same)
    return int(np.sum(found))


@once
@pytest.mark.parametrize("seed", range(6))
def test_random_graphs(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    kill_at_random(model, rng)
    found = sizes(model)
    x = inputs_of(model, seed=2, n=3)
    residual = any("residual" in layer.name for layer in model.layers)
    for layer in model.layers:
        if layer.name.startswith(("conv", "branch", "dense")) and not residual:
            without = units_without_effect(model, layer, x)
            before = layer.kernel.shape[-1]
            assert found[layer.name] <= max(1, before - without), layer.name


def test_a_trained_model_keeps_its_accuracy():
    data = load_digits()
    x, y = (data.data / 16).astype("float32"), data.target
    group = {"kernel_regularizer": kerasreg.regularizers.GroupLasso(1e-3)}
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu", name="first", **group),
            layers.Dense(64, activation="relu", name="second", **group),
            layers.Dense(10, name="out"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kerasreg.optimizers.ProximalAdam(3e-3), loss)
    model.fit(x, y, epochs=8, batch_size=64, verbose=0)
    dead = [int((values(layer.kernel)[0] == 0).all(axis=0).sum()) for layer in model.layers[:2]]
    assert min(dead) >= 5
    found = sizes(model, x[:50])
    # Units of the first layer that only dead ones of the second read go as well.
    assert found["first"] <= 64 - dead[0] and found["second"] == 64 - dead[1]
    smaller = shrink(model, x, timed=False).model
    right = [np.argmax(values(m(x))[0], axis=1) == y for m in (model, smaller)]
    np.testing.assert_array_equal(*right)
    assert right[0].mean() > 0.9


def test_initializers_that_are_arrays_of_the_old_shape():
    table = np.random.default_rng(0).normal(size=(9, 5)).astype("float32")
    table[:, [1, 3]] = 0
    embedding = layers.Embedding(9, 5, embeddings_initializer=keras.initializers.Constant(table))
    parts = [keras.Input((4,), dtype="int32"), embedding, layers.GlobalAveragePooling1D()]
    model = keras.Sequential([*parts, layers.Dense(2)])
    result = shrink(model, timed=False)
    assert result.layers["after"].tolist() == [3, 2]
