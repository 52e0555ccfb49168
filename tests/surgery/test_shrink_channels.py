"""Channels of images, sequences and texts, through all layers that keep them apart."""

import keras
import numpy as np
import pytest
from keras import layers

from tests.surgery.shrinking import conv_net, kill, once, put, randomize, sizes

# NumPy's way with TensorFlow's variables when Keras saves, let through by `pytest.warns`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")

NEEDS_CHANNELS_FIRST = pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="TensorFlow convolves channels last on CPU"
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
