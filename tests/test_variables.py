import keras
import pytest
from keras import layers

from kerasreg.variables import layer_paths, named_variables


def names(model):
    return [name for name, _ in named_variables(model)]


def small_model(**settings):
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, **settings), layers.Dense(1)],
    )


def test_names_do_not_depend_on_what_was_built_before():
    for _ in range(2):
        layers.Dense(1)
    first, second = small_model(), small_model()
    assert [layer.name for layer in first.layers] != [layer.name for layer in second.layers]
    assert (
        names(first)
        == names(second)
        == [
            "dense/kernel",
            "dense/bias",
            "dense_1/kernel",
            "dense_1/bias",
        ]
    )


def test_deferred_building_gives_the_same_names():
    model = keras.Sequential([layers.Dense(2), layers.Dense(1)])
    model.build((None, 3))
    assert names(model) == names(small_model())


def test_saving_and_loading_keeps_names(tmp_path):
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="encoder")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(1, name="head")(inner(inputs)))
    expected = ["encoder/dense/kernel", "encoder/dense/bias", "head/kernel", "head/bias"]
    assert names(model) == expected
    model.save(tmp_path / "model.keras")
    assert names(keras.models.load_model(tmp_path / "model.keras")) == expected


def test_recurrent_wrappers():
    keras.Sequential([keras.Input((4, 3)), layers.Bidirectional(layers.GRU(2))])
    model = keras.Sequential([keras.Input((4, 3)), layers.Bidirectional(layers.GRU(2))])
    assert names(model)[:2] == [
        "bidirectional/forward_gru/gru_cell/kernel",
        "bidirectional/forward_gru/gru_cell/recurrent_kernel",
    ]
    assert names(model)[3] == "bidirectional/backward_gru/gru_cell/kernel"


def test_names_given_by_hand_are_never_exchanged():
    # Counted anew they would be `dense` and `dense_1`: the second one's name for the first.
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="dense_1"), layers.Dense(1, name="dense_2")]
    )
    assert names(model) == ["dense_1/kernel", "dense_1/bias", "dense_2/kernel", "dense_2/bias"]


def test_a_shared_layer_is_named_once():
    inputs = keras.Input((3,))
    shared = layers.Dense(3, name="shared")
    model = keras.Model(inputs, shared(shared(inputs)))
    assert names(model) == ["shared/kernel", "shared/bias"]


def test_subclassed_model_and_its_own_variables():
    class Scaled(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(2)
            self.scale = self.add_weight(shape=(), name="scale")

        def build(self, input_shape):
            self.hidden.build(input_shape)

        def call(self, inputs):
            return self.hidden(inputs) * self.scale

    model = Scaled()
    model.build((None, 3))
    assert sorted(names(model)) == ["dense/bias", "dense/kernel", "scale"]


def test_order_is_that_of_the_trainable_variables():
    model = small_model()
    pairs = named_variables(model)
    assert [id(variable) for _, variable in pairs] == [id(v) for v in model.trainable_variables]
    model.layers[0].trainable = False
    assert names(model) == ["dense_1/kernel", "dense_1/bias"]


def test_paths_of_layers():
    model = small_model()
    assert [layer_paths(model)[id(layer)] for layer in model.layers] == ["dense", "dense_1"]


def test_unbuilt_model():
    model = keras.Sequential([layers.Dense(2)], name="plain")
    with pytest.raises(ValueError) as error:
        named_variables(model)
    assert str(error.value) == (
        "The model 'plain' is not built, so it has no variables yet. Build it with "
        "`model.build(input_shape)`, or call it on a batch of data"
    )
