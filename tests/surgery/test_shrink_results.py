"""What comes back: without penalties, loadable, checked; on random graphs and after training."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_digits

import kerasreg
from kerasreg.surgery.shrinking import shrink
from tests.surgery.shrinking import (
    conv_net,
    inputs_of,
    kill,
    mlp,
    once,
    put,
    randomize,
    sizes,
    values,
)

# NumPy's way with TensorFlow's variables when Keras saves, let through by `pytest.warns`.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")


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
    monkeypatch.setattr(rebuilding, "_folded_constants", lambda site, analysis: None)
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
