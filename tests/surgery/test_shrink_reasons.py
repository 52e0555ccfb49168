"""Why a layer is left whole, and what rarer layers pass on: one small model for each reason."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasreg.surgery import shrink
from tests.surgery.shrinking import inputs_of, kill, put, randomize, values

# What is tested is NumPy's on every backend. NumPy's way with TensorFlow's variables when Keras
# saves is let through by `pytest.warns`.
pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Nothing could be removed"),
]


def result_of(model, x=None):
    """What `shrink` returns, its model compared on other inputs than its own."""
    result = shrink(model, timed=False)
    if x is None and None in model.inputs[0].shape[1:]:
        x = np.random.default_rng(1).normal(size=(5, 7, 3)).astype("float32")
    x = inputs_of(model) if x is None else x
    for expected, received in zip(values(model(x)), values(result.model(x)), strict=True):
        assert expected.shape == received.shape
        assert np.max(np.abs(expected - received)) <= 1e-5 * np.max(np.abs(expected))
    return result


def sizes_in(result):
    return dict(result.layers.set_index("layer")["after"])


def finished(inputs, x, *dead):
    """The model with two outputs, units 0 and 3 of the layers `dead` without weights."""
    x = x if len(x.shape) == 2 else layers.Flatten()(x)
    model = randomize(keras.Model(inputs, layers.Dense(2, name="out")(x)))
    for name in dead:
        kill(model.get_layer(name), [0, 3])
    return model


def on_images(between, size=4):
    inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(5, 1, activation="relu", name="a")(inputs)
    return finished(inputs, between(x), "a")


def on_rows(between):
    inputs = keras.Input((6,))
    x = layers.Dense(5, activation="relu", name="a")(inputs)
    return finished(inputs, between(x), "a")


def on_open_lengths(between):
    inputs = keras.Input((None, 3))
    x = layers.Conv1D(5, 1, activation="relu", name="a")(inputs)
    return finished(inputs, layers.GlobalAveragePooling1D()(between(x)), "a")


def adapted(x):
    odd = layers.Dense(4, name="odd")
    x = odd(x)
    odd.enable_lora(2)
    return x


def broadcast(x):
    one = layers.Conv2D(1, 1, name="one")(x)
    return layers.Add(name="odd")([x, one])


def joined_across(x):
    return layers.Concatenate(name="odd")([x, layers.Permute((3, 1, 2))(x)])


# name: a maker of a model, the layer 'odd' of which is left whole, its class and the reason.
LEFT_WHOLE = {
    "depthwise softmax": (
        lambda: on_images(layers.DepthwiseConv2D(1, activation="softmax", name="odd")),
        "its activation is not known to treat each channel alone",
    ),
    "another axis normalized": (
        lambda: on_images(layers.BatchNormalization(axis=1, name="odd")),
        "it does not normalize the axis of the channels",
    ),
    "softmax": (
        lambda: on_images(layers.Activation("softmax", name="odd")),
        "the activation 'softmax' is not known to treat each channel alone",
    ),
    "a scale a channel": (
        lambda: on_images(layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0], name="odd")),
        "it has a scale or an offset for each channel",
    ),
    "an offset a channel": (
        lambda: on_images(layers.Rescaling(2.0, [1.0, 2.0, 3.0, 4.0, 5.0], name="odd")),
        "it has a scale or an offset for each channel",
    ),
    "noise with a number of channels": (
        lambda: on_images(layers.Dropout(0.5, noise_shape=(None, 1, 1, 5), name="odd")),
        "its `noise_shape` names the number of channels",
    ),
    "another axis enlarged": (
        lambda: on_images(layers.UpSampling2D(data_format="channels_first", name="odd")),
        "it does not have the channels where its `data_format` says",
    ),
    "LoRA": (lambda: on_rows(adapted), "it has variables that its class alone does not have"),
    "one channel added to all": (
        lambda: on_images(broadcast),
        "its inputs do not have the same channels",
    ),
    "channels along two axes": (
        lambda: on_images(joined_across, size=5),
        "its inputs do not have their channels along the same axis",
    ),
    "reshaping of open length": (
        lambda: on_open_lengths(layers.Reshape((-1, 1), name="odd")),
        "the shape of its input is not known",
    ),
}


@pytest.mark.parametrize("case", LEFT_WHOLE)
def test_a_layer_is_left_whole_with_what_it_reads_and_says_why(case):
    make, reason = LEFT_WHOLE[case]
    model = make()
    result = result_of(model)
    kind = type(model.get_layer("odd")).__name__
    assert result.left_whole["odd"] == reason
    assert result.left_whole["a"] == (
        f"its units go into 'odd' ({kind}), which is left whole: {reason}"
    )
    assert sizes_in(result)["a"] == 5
    assert result.model.count_params() == model.count_params()


# Operations are no layers: they are in the reasons of what they read.
OPERATIONS = {
    "an array": (
        lambda x: x + np.arange(5, dtype="float32"),
        "its units go into 'add' (Add), which is left whole: it is called with an array",
    ),
    "one over channels": (
        lambda x: 1.0 / (x + 1.0),
        "its units go into 'true_divide' (TrueDivide), which is left whole: it divides by "
        "channels, which may be zero",
    ),
    "channels over channels": (
        lambda x: x / (x + 1.0),
        "its units go into 'true_divide' (TrueDivide), which is left whole: it divides by "
        "channels, which may be zero",
    ),
    "channels over a number": (lambda x: (x + 1.0) / 2.0, None),
}


@pytest.mark.parametrize("case", OPERATIONS)
def test_what_operations_read(case):
    operation, reason = OPERATIONS[case]
    result = result_of(on_rows(operation))
    assert result.left_whole.get("a") == reason
    assert sizes_in(result) == {"a": 3 if reason is None else 5, "out": 2}


def shared_reshape():
    inputs = keras.Input((6,))
    x = layers.Dense(4, activation="relu", name="a")(inputs)
    odd = layers.Reshape((2, 2), name="odd")
    x = layers.Add()([odd(x), odd(layers.Dense(4, name="b")(x))])
    return finished(inputs, x, "a")


def shared_with_an_inner_model():
    shared = layers.Dense(5, activation="relu", name="odd")
    inner = keras.Sequential([keras.Input((5,)), shared], name="inner")
    inputs = keras.Input((5,))
    return finished(inputs, inner(shared(inputs)), "odd")


@pytest.mark.parametrize("make", [shared_reshape, shared_with_an_inner_model])
def test_what_is_used_more_than_once_stays_one_layer(make):
    model = make()
    result = result_of(model)
    assert result.left_whole["odd"] == "it is used more than once"
    assert result.model.count_params() == model.count_params()
    kept = {id(layer) for layer in result.model._flatten_layers() if layer.name == "odd"}
    assert len(kept) == 1


def test_channels_of_unknown_number_are_left_alone():
    inputs = keras.Input((None,))
    x = layers.RepeatVector(3, name="repeated")(inputs)
    x = layers.PReLU(shared_axes=[1, 2], name="slope")(x)
    x = layers.Permute((2, 1), name="turned")(x)
    x = layers.GlobalAveragePooling1D()(layers.Dense(5, activation="relu", name="a")(x))
    model = finished(inputs, x, "a")
    put(model.get_layer("slope"), "alpha", at=..., value=0.3)
    result = result_of(model, np.random.default_rng(0).normal(size=(4, 7)).astype("float32"))
    reason = "the number of its channels is not known"
    assert {name: result.left_whole[name] for name in ("repeated", "slope", "turned")} == (
        dict.fromkeys(("repeated", "slope", "turned"), reason)
    )
    assert sizes_in(result) == {"a": 3, "out": 2}


def read_along_another_axis():
    return on_images(lambda x: layers.Dense(3, name="b")(layers.Permute((3, 1, 2))(x)))


def activated_by_a_softmax_layer():
    return on_rows(layers.Dense(5, activation=layers.Softmax(), name="b"))


def put_into_another_shape():
    return on_rows(keras.Sequential([keras.Input((5, 1)), layers.Flatten()], name="inner"))


@pytest.mark.parametrize(
    ("make", "where", "reason"),
    [
        (read_along_another_axis, "a", "the layer 'b' reads another axis than theirs"),
        (
            activated_by_a_softmax_layer,
            "b",
            "its activation 'Softmax' is not known to treat each unit alone",
        ),
        (put_into_another_shape, "a", "they go into the model 'inner' in another shape"),
    ],
)
def test_units_that_stay_for_what_is_done_with_them(make, where, reason):
    model = make()
    kill(model.get_layer(where), [0, 3])
    result = result_of(model)
    assert result.left_whole[where] == reason
    assert sizes_in(result)[where] == 5


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_a_model_within_that_is_called_with_a_mask_is_left_whole():
    inputs, mask = keras.Input((4, 3)), keras.Input((4,), dtype="bool")
    inner = keras.Sequential(
        [
            keras.Input((4, 5)),
            layers.Conv1D(5, 1, activation="relu", name="b"),
            layers.GlobalAveragePooling1D(),
        ],
        name="odd",
    )
    x = layers.Conv1D(5, 1, activation="relu", name="a")(inputs)
    model = finished([inputs, mask], inner(x, mask=mask), "a")
    kill(inner.get_layer("b"), [0])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(3, 4, 3)).astype("float32"), rng.random((3, 4)) < 0.7]
    result = result_of(model, x)
    assert result.left_whole["odd"] == "it is called with more than its inputs"
    assert sizes_in(result) == {"a": 5, "odd/b": 5, "out": 2}


# What rarer layers pass on.


def with_constants(between, value=0.4):
    """Units 0 and 3 of the layer a are constants, and not zero, which the layer out takes in."""
    inputs = keras.Input((6,))
    model = finished(inputs, between(layers.Dense(5, name="a")(inputs)))
    put(model.get_layer("a"), at=(..., [0, 3]))
    put(model.get_layer("a"), "bias", at=[0, 3], value=value)
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: with_constants(layers.BatchNormalization(scale=False)),
        lambda: with_constants(layers.PReLU(shared_axes=[1]), -0.4),  # one slope for all
        lambda: with_constants(layers.PReLU(), -0.4),
        lambda: with_constants(layers.RepeatVector(3)),
        lambda: with_constants(lambda x: layers.Add()([layers.RepeatVector(3)(x)] * 2)),
        lambda: with_constants(lambda x: (x - 2.0) / 3.0),
    ],
)
def test_constants_pass(make):
    model = make()
    result = result_of(model)
    assert sizes_in(result) == {"a": 3, "out": 2}
    for before, after in zip(model.layers, result.model.layers, strict=True):
        if isinstance(before, layers.PReLU):
            n = 1 if before.shared_axes else 3
            assert after.alpha.shape == (n,)


def test_an_activation_that_is_a_layer():
    model = on_rows(layers.Dense(5, activation=layers.LeakyReLU(0.3), name="b"))
    put(model.get_layer("b"), at=(..., [1, 2]))
    put(model.get_layer("b"), "bias", at=[1, 2], value=[-0.6, 0.4])
    assert sizes_in(result_of(model)) == {"a": 3, "b": 3, "out": 2}


@pytest.mark.parametrize(("second", "kept"), [(0.3, 4), (0.2, 5)])
def test_units_joined_along_the_time_go_together(second, kept):
    inputs = keras.Input((6, 3))
    a = layers.Conv1D(5, 1, name="a")(inputs)
    b = layers.Conv1D(5, 2, name="b")(inputs)
    x = layers.Concatenate(axis=1)([a, b])
    x = layers.Conv1D(4, 3, activation="elu", name="c")(x)
    model = finished(inputs, x)
    for name, units, value in (("a", [0, 1], 0.3), ("b", [1, 2], second)):
        put(model.get_layer(name), at=(..., units))
        put(model.get_layer(name), "bias", at=units, value=value)
    # Unit 1 is one constant all along only if that of both is the same.
    assert sizes_in(result_of(model)) == {"a": kept, "b": kept, "c": 4, "out": 2}


def test_reshaping_to_a_number_of_channels_that_is_left_open():
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation="relu", name="a")(inputs)
    x = layers.Conv1D(3, 1, name="b")(layers.Reshape((2, -1), name="image")(x))
    model = finished(inputs, x)
    kill(model.get_layer("a"), [0, 1, 5])  # channel 1 at both places, channel 0 at one
    result = result_of(model)
    assert sizes_in(result) == {"a": 6, "b": 3, "out": 2}
    assert result.model.get_layer("image").output.shape == (None, 2, 3)
    assert result.model.get_layer("image").target_shape == (2, -1)


# Inputs, costs and errors.


def test_a_batch_of_fixed_size_is_compared_whole():
    inputs = keras.Input(batch_shape=(20, 6))  # more than are compared of an open batch
    shifted = inputs + np.arange(20, dtype="float32")[:, None]  # takes no other batch
    model = finished(inputs, layers.Dense(5, activation="relu", name="a")(shifted), "a")
    x = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")
    assert sizes_in(result_of(model, x)) == {"a": 3, "out": 2}
    assert sizes_in(shrink(model, x, timed=False)) == {"a": 3, "out": 2}


def test_operations_are_not_counted_where_a_length_is_open():
    model = on_open_lengths(layers.ReLU())
    table = result_of(model).table.set_index("quantity")
    assert np.isnan(table.loc["flops", ["before", "after", "ratio"]].astype(float)).all()
    # a is 3 · 5 + 5, out is 5 · 2 + 2; without two units of a it is 3 · 3 + 3 and 3 · 2 + 2.
    assert table.loc["parameters", ["before", "after"]].tolist() == [32, 20]


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.out = layers.Dense(2, name="out")

    def build(self, shape):
        self.out.build(shape)
        self.built = True

    def call(self, x):
        return self.out(x)

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


def test_a_subclassed_model_is_copied_without_inputs_too():
    model = Subclassed()
    model.build((None, 3))
    randomize(model)
    result = shrink(model)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_array_equal(*(values(m(x))[0] for m in (model, result.model)))
    assert result.table["quantity"].tolist() == [
        *("parameters", "non_zero_parameters", "flops", "file_bytes")
    ]
    assert result.left_whole == {"out": "the Subclassed is no graph of layers that can be followed"}


class Forgetful(layers.Layer):
    """Its config does not have the number of its weights."""

    def __init__(self, units=2, **settings):
        super().__init__(**settings)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")

    def call(self, x):
        return ops.matmul(x, self.w)

    def get_config(self):
        return {"name": self.name}


def texts():
    inputs = keras.Input((1,), dtype="string", name="words")
    x = layers.StringLookup(vocabulary=["a", "b"])(inputs)
    return keras.Model(inputs, layers.Embedding(3, 4)(x))


def batches():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(np.ones((4, 6), "float32")).batch(2)


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (
            lambda: on_rows(Forgetful(4, name="odd")),
            lambda: None,
            "The layer 'odd' cannot be copied: its config gives a layer with other variables. Give "
            "Forgetful a `get_config()` with the arguments of the constructor, and a `build()` "
            "that makes all its variables",
        ),
        (
            texts,
            lambda: None,
            "The input 'words' takes strings, of which none can be drawn at random. Pass samples "
            "as `x`",
        ),
        (
            lambda: on_rows(layers.ReLU()),
            batches,
            "Invalid value for argument `x`: expected arrays; take a batch: `x, y = "
            "next(iter(dataset))`. Received: x=<_BatchDataset element_spec=TensorSpec("
            "shape=(None, 6), dtype=tf.float32, name=None)>",
        ),
    ],
)
def test_models_and_inputs_that_are_refused(make, x, message):
    model = make()
    with pytest.raises(ValueError) as raised:
        shrink(model, x(), timed=False)
    assert str(raised.value) == message
