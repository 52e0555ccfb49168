"""Regularizers on built models: they work at once, and what stays stays."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import MCP, GroupLasso
from kerasreg.surgery import regularize
from kerasreg.variables import values_of

L1, L2 = keras.regularizers.L1, keras.regularizers.L2
X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = X[:, :1] - 2 * X[:, 1:2]


def sequential():
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, "tanh"), layers.BatchNormalization(), layers.Dense(1)]
    )


def functional():
    x = keras.Input((4,))
    hidden = layers.Dense(3, name="hidden")(x)
    return keras.Model(x, layers.Dense(1, name="head")(layers.Concatenate()([hidden, x])))


def nested():
    encoder = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3), layers.Dense(2)], name="encoder"
    )
    return keras.Sequential([keras.Input((4,)), encoder, layers.Dense(1, name="head")])


@keras.saving.register_keras_serializable(package="test_regularize")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(3), layers.Dense(1)

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build((None, 3))
        self.own = self.add_weight(shape=(2, 2), name="own")

    def call(self, x):
        return self.second(self.first(x))


def subclassed():
    model = Subclassed()
    model.build((None, 4))
    return model


MODELS = [sequential, functional, nested]


def kernels(model):
    return [v for v in model.trainable_variables if v.name == "kernel"]


def penalty(model):
    return float(sum(model.losses)) if model.losses else 0.0


@pytest.mark.parametrize("make", MODELS)
def test_losses_show_it_at_once(make):
    model = make()
    before = model.get_weights()
    table = regularize(model, {"*": L1(0.5)})
    expected = sum(0.5 * np.abs(values_of(kernel)).sum() for kernel in kernels(model))
    assert penalty(model) == pytest.approx(expected, rel=1e-6)
    assert table["saved"].all()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    regularize(model, {"*": None})
    assert model.losses == []


@pytest.mark.parametrize("make", MODELS)
def test_survives_a_file(make, tmp_path):
    model = make()
    regularize(model, {"*/kernel": L1(0.5), "*/bias": L2(0.25)})
    model.trainable_variables[1].assign(np.ones(3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert penalty(loaded) == pytest.approx(penalty(model), rel=1e-6)
    assert len(loaded.losses) == len(model.losses) > 2


def test_a_subclass_loses_it_in_a_file_and_says_so():
    model = subclassed()
    with pytest.warns(UserWarning, match="will not have") as caught:
        table = regularize(model, {"dense": L1(0.5), "own": L2(0.5)})
    assert str(caught[0].message) == (
        f"A .keras file of '{model.name}' will not have the regularizers of ['own', "
        "'dense/kernel'] as they are now (the layer that holds them makes them without it). Call "
        "regularize again on the model that is loaded"
    )
    assert table[["variable", "saved"]].to_numpy().tolist() == [
        ["own", False],
        ["dense/kernel", False],
    ]
    assert len(model.losses) == 2


def test_rules_by_class_layer_name_pattern_and_variable():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, name="conv_a"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(2, 3, name="conv_b"),
            layers.Flatten(),
            layers.Dense(2, name="head"),
        ]
    )

    def reached(rules):
        return regularize(model, rules)["variable"].tolist()

    assert reached({keras.layers.Conv2D: L1()}) == ["conv_a/kernel", "conv_b/kernel"]
    assert reached({model.layers[2]: L1()}) == ["conv_b/kernel"]
    assert reached({"head": L1()}) == ["head/kernel"]
    assert reached({"conv*/kernel": L1()}) == ["conv_a/kernel", "conv_b/kernel"]
    assert reached({"norm/gamma": L1()}) == ["norm/gamma"]
    assert reached({"*/bias": L1()}) == ["conv_a/bias", "conv_b/bias", "head/bias"]
    table = regularize(model, {"*": L1(0.5), "head": L2(0.25), "conv_b": None})
    assert table[["variable", "after"]].to_numpy().tolist() == [
        ["conv_a/kernel", "L1(l1=0.5)"],
        ["conv_b/kernel", ""],
        ["head/kernel", "L2(l2=0.25)"],
    ]
    assert table["before"].tolist() == ["L1(l1=0.01)"] * 3
    assert table["shape"].tolist()[0] == (3, 3, 1, 2)


def test_a_nested_model_is_reached_by_its_name():
    model = nested()
    assert regularize(model, {"encoder": L1()})["variable"].tolist() == [
        "encoder/dense/kernel",
        "encoder/dense_1/kernel",
    ]
    assert regularize(model, {"*/dense_1": L1()})["variable"].tolist() == ["encoder/dense_1/kernel"]


def reached_and_saved(layer, shape, pattern="*", inputs=1):
    x = [keras.Input(shape) for _ in range(inputs)]
    model = keras.Model(x, layer(*x))
    table = regularize(model, {pattern: L1(0.5)})
    names = set(table["variable"])
    weights = {w.name: v for w, v in zip_named(model) if w.name in names}
    expected = sum(0.5 * np.abs(v).sum() for v in weights.values())
    assert penalty(model) == pytest.approx(expected, rel=1e-5)
    own = type(model).from_config(model.get_config())
    assert len(own.losses) == table["saved"].sum()
    return dict(zip(table["variable"], table["saved"], strict=True))


def zip_named(model):
    from kerasreg.surgery.places import places

    return [(place, values_of(place.variable)) for place in places(model)]


@pytest.mark.parametrize(
    ("layer", "shape", "names"),
    [
        (lambda: layers.DepthwiseConv2D(3), (6, 6, 2), ["depthwise_conv2d/kernel"]),
        (
            lambda: layers.SeparableConv2D(2, 3),
            (6, 6, 2),
            ["separable_conv2d/depthwise_kernel", "separable_conv2d/pointwise_kernel"],
        ),
        (
            lambda: layers.LSTM(2),
            (3, 2),
            ["lstm/lstm_cell/kernel", "lstm/lstm_cell/recurrent_kernel"],
        ),
        (
            lambda: layers.TimeDistributed(layers.Dense(2, name="inner")),
            (3, 2),
            ["time_distributed/inner/kernel"],
        ),
        (lambda: layers.Embedding(5, 2), (3,), ["embedding/embeddings"]),
        (lambda: layers.EinsumDense("ab,bc->ac", 3), (4,), ["einsum_dense/kernel"]),
        (lambda: layers.Conv1DTranspose(3, 2), (4, 2), ["conv1d_transpose/kernel"]),
    ],
)
def test_all_kinds_of_kernels(layer, shape, names):
    assert reached_and_saved(layer(), shape) == dict.fromkeys(names, True)


def test_bidirectional_keeps_both_directions():
    found = reached_and_saved(layers.Bidirectional(layers.GRU(2)), (3, 2))
    assert len(found) == 4 and all(found.values())


@pytest.mark.parametrize("name", ["gamma", "beta"])
@pytest.mark.parametrize("layer", [layers.BatchNormalization, layers.LayerNormalization])
def test_scales_and_offsets(layer, name):
    assert list(reached_and_saved(layer(), (4,), f"*/{name}").values()) == [True]


def test_attention_works_and_loses_it_in_a_file():
    with pytest.warns(UserWarning, match="will not have the regularizers of"):
        found = reached_and_saved(layers.MultiHeadAttention(2, 3), (4, 5), inputs=2)
    assert len(found) == 4 and not any(found.values())


def test_a_weight_that_a_wrapper_holds_as_its_own():
    found = reached_and_saved(layers.SpectralNormalization(layers.Dense(2)), (4,))
    assert len(found) == 1 and all(found.values())


def test_a_trained_model_goes_on_with_it():
    # Compiled programs have the old penalties in them: a `fit` that used them would not move.
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    first = model.fit(X, Y, epochs=1, batch_size=40, verbose=0).history["loss"][0]
    regularize(model, {"dense": L2(100.0)})
    data_loss = model.evaluate(X, Y, batch_size=40, verbose=0) - penalty(model)
    fitted = model.fit(X, Y, epochs=1, batch_size=40, verbose=0).history["loss"][0]
    assert fitted > data_loss + 1 and data_loss < first


def test_state_of_the_optimizer_stays():
    def trained(rules):
        keras.utils.set_random_seed(0)
        model = sequential()
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
        if rules:
            regularize(model, rules)
        optimizer, state = model.optimizer, [values_of(v).copy() for v in model.optimizer.variables]
        history = model.fit(X, Y, epochs=2, verbose=0, shuffle=False).history
        assert model.optimizer is optimizer and "mae" in history
        return model.get_weights(), state

    weights, state = trained({"*": L1(0.0)})
    expected_weights, expected_state = trained(None)
    assert all(map(np.array_equal, state, expected_state))
    for own, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-6)  # a penalty of 0 is added and compiled


def test_a_proximal_optimizer_goes_on_with_the_new_penalties():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_regularizer=L1(0.01))])
    model.compile(ProximalSGD(0.1), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.count_nonzero(values_of(model.layers[0].kernel)) > 2
    table = regularize(model, {"*": GroupLasso(100.0, groups="outputs")})
    assert table["before"].tolist() == ["L1(l1=0.01)"]
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.count_nonzero(values_of(model.layers[0].kernel)) == 0
    # From nothing to something, and back.
    regularize(model, {"*": None})
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.count_nonzero(values_of(model.layers[0].kernel)) == 4
    regularize(model, {"*": MCP(100.0)})
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.count_nonzero(values_of(model.layers[0].kernel)) == 0


def test_fine_tuning_gives_zeros_where_the_reference_has_them():
    # Soft-thresholding by hand, from the trained weights on.
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, epochs=3, batch_size=40, verbose=0, shuffle=False)
    w = values_of(model.layers[0].kernel).astype("float64")
    regularize(model, {"dense": L1(0.5)})
    model.compile(ProximalSGD(0.1), "mse")
    model.fit(X, Y, epochs=30, batch_size=40, verbose=0, shuffle=False)
    for _ in range(30):
        u = w - 0.1 * 2 / 40 * X.T @ (X @ w - Y)
        w = np.sign(u) * np.maximum(np.abs(u) - 0.05, 0)
    np.testing.assert_allclose(values_of(model.layers[0].kernel), w, atol=1e-5)
    assert 0 < np.count_nonzero(w) < 4


def test_automatic_names_of_the_summary_are_understood():
    keras.Sequential([keras.Input((4,)), *[layers.Dense(1) for _ in range(3)]])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    assert [layer.name for layer in model.layers] == ["dense_3", "dense_4"]
    assert regularize(model, {"dense_3": L1()})["variable"].tolist() == ["dense/kernel"]
    assert regularize(model, {"dense_4/bias": L1()})["variable"].tolist() == ["dense_1/bias"]
    assert regularize(model, {"dense_1": L1()})["variable"].tolist() == ["dense_1/kernel"]


def error_of(error, model, rules):
    before = [v.regularizer for v in model.trainable_variables]
    with pytest.raises(error) as raised:
        regularize(model, rules)
    assert [v.regularizer for v in model.trainable_variables] == before
    return str(raised.value)


def test_a_pattern_that_means_two_things_is_refused():
    keras.Sequential([keras.Input((4,)), layers.Dense(1), layers.Dense(1)])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    assert [layer.name for layer in model.layers] == ["dense_2", "dense_3"]
    assert error_of(ValueError, model, {"dense_*": L1()}) == (
        "The rule 'dense_*' means two things: ['dense_1/kernel'] by the names that the tables of "
        "kerasreg show, and, by those that model.summary() shows, what is ['dense/kernel', "
        "'dense_1/kernel'] in these tables. Give the layers a name, or use a layer itself as the "
        "key: {model.layers[0]: regularizer}"
    )
    assert regularize(model, {model.layers[0]: L1()})["variable"].tolist() == ["dense/kernel"]
    assert len(regularize(model, {"dense*": L1()})) == 2


def test_errors_say_what_there_is():
    model = functional()
    assert error_of(ValueError, model, {"*": L1(), "hiden": L1()}) == (
        "The rule 'hiden' matches nothing in the model 'functional'. It has the layers "
        "['input_layer', 'hidden', 'concatenate', 'head'] and the variables ['hidden/kernel', "
        "'hidden/bias', 'head/kernel', 'head/bias']. Did you mean 'hidden'?"
    )
    assert error_of(ValueError, model, {layers.Conv2D: L1()}) == (
        "The rule for Conv2D matches nothing in the model 'functional', whose kernels are in "
        "layers of the classes ['Dense']. Name variables for a bias or scale: ['hidden/kernel', "
        "'hidden/bias', 'head/kernel', 'head/bias']"
    )
    assert error_of(TypeError, model, {3: L1()}) == (
        "Invalid key in argument `rules`: expected the name of a layer or variable, a pattern, a "
        "layer class or a layer. Received: 3 of type int"
    )
    assert error_of(TypeError, model, {"*": "l1_l2"}) == (
        "Invalid regularizer in the rule for '*': expected a regularizer of keras.regularizers or "
        "kerasreg.regularizers, a function of the weights, or None. Received: 'l1_l2'"
    )
    assert error_of(ValueError, model, {}) == (
        'Invalid value for argument `rules`: expected a dict such as {"dense*/kernel": '
        "regularizer}. Received: rules={}"
    )
    with pytest.raises(ValueError, match="is not built, so it has no variables yet"):
        regularize(keras.Sequential([layers.Dense(1)]), {"*": L1()})
    with pytest.raises(TypeError, match="Invalid type for argument `model`"):
        regularize(None, {"*": L1()})


def test_a_proximal_optimizer_refuses_what_it_does_not_know():
    model = functional()
    model.compile(ProximalAdam(), "mse")
    message = error_of(TypeError, model, {"*": keras.regularizers.OrthogonalRegularizer()})
    assert message.startswith(
        "The optimizer of the model, ProximalAdam, needs the prox of the regularizer of "
        "'hidden/kernel'. No penalty is known for the regularizer"
    )
    assert "\n" not in message


def test_other_regularizers_of_keras_and_functions():
    model = functional()
    table = regularize(
        model, {"hidden": keras.regularizers.OrthogonalRegularizer(0.5), "head": "l2"}
    )
    assert table["after"].tolist() == [
        "OrthogonalRegularizer(factor=0.5, mode='rows')",
        "L2(l2=0.01)",
    ]

    def cubes(w):
        return keras.ops.sum(keras.ops.abs(w) ** 3)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = regularize(model, {"hidden": cubes})
    assert table["after"].tolist() == ["cubes"]
    expected = np.sum(np.abs(values_of(model.layers[1].kernel)) ** 3)
    assert float(model.losses[0]) == pytest.approx(expected, rel=1e-5)


def test_a_frozen_layer_is_reached():
    model = functional()
    model.get_layer("hidden").trainable = False
    assert len(regularize(model, {"*": L1()})) == 2
    assert len(model.losses) == 1
    model.get_layer("hidden").trainable = True
    assert len(model.losses) == 2


def test_in_the_middle_of_a_fit():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")

    def put(epoch, logs):
        if epoch == 0:
            regularize(model, {"dense": L2(100.0)})

    callback = keras.callbacks.LambdaCallback(on_epoch_end=put)
    if keras.backend.backend() == "jax":
        with pytest.raises(RuntimeError, match="Call regularize between two fits"):
            model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])
        assert model.losses == []
        return
    losses = model.fit(X, Y, epochs=3, batch_size=40, verbose=0, callbacks=[callback])
    assert losses.history["loss"][1] > losses.history["loss"][0] + 1


def test_a_subclass_of_a_keras_regularizer_may_compute_anything():
    class Squares(L2):
        def __call__(self, x):
            return self.l2 * x * x

    model = sequential()
    before = [variable.regularizer for variable in model.trainable_variables]
    with pytest.raises(ValueError, match="expected a scalar for the weights 'dense/kernel'"):
        regularize(model, {"dense": Squares(0.1)})
    assert [variable.regularizer for variable in model.trainable_variables] == before
