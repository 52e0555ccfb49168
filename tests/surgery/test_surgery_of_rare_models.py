"""Factors, refits and kernels of layers and losses that are rarer."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasreg.surgery import audit, low_rank, refit_support, regularize
from kerasreg.variables import values_of
from tests.surgery.shrinking import inputs_of, values

# What is tested is NumPy's on every backend. NumPy's way with TensorFlow's variables when Keras
# saves is let through by `pytest.warns`.
pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Nothing could be removed"),
]


# Factors of low rank.


def test_factors_of_a_layer_without_bias():
    inputs = keras.Input((8,))
    outputs = layers.Dense(8, use_bias=False, activation="tanh", name="dense")(inputs)
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=(8, 2)) @ rng.normal(size=(2, 8))])
    result = low_rank(model, 1e-4)
    x = inputs_of(model)
    expected, received = (values(m(x))[0] for m in (model, result.model))
    assert np.max(np.abs(expected - received)) <= 1e-5
    assert [values_of(v).shape for v in result.model.weights] == [(8, 2), (2, 8)]
    assert result.ranks.iloc[0][["rank", "parameters", "parameters_after"]].tolist() == [2, 64, 32]


def test_a_model_to_factor_must_be_built():
    with pytest.raises(ValueError) as raised:
        low_rank(keras.Sequential([layers.Dense(2)], name="deferred"), 0.1)
    assert str(raised.value) == (
        "The model 'deferred' is not built, so it has no variables yet. Build it with "
        "`model.build(input_shape)`, or call it on a batch of data"
    )


# The support that a refit holds.


def sparse_line(policy=None):
    """Three weights of which the second is zero; least squares on the others are 1 and 3."""
    dense = layers.Dense(1, use_bias=False, name="dense", dtype=policy)
    model = keras.Sequential([keras.Input((3,)), dense])
    model.set_weights([np.array([[0.5], [0.0], [0.5]])])
    return model


HADAMARD = np.array([[1, 1, 1], [1, -1, 1], [1, 1, -1], [1, -1, -1]], "float32")


def test_a_refit_takes_a_dataset():
    import tensorflow as tf

    model = sparse_line()
    model.compile(keras.optimizers.SGD(0.5), "mse")
    y = HADAMARD @ np.array([[1.0], [2.0], [3.0]], "float32")
    dataset = tf.data.Dataset.from_tensor_slices((HADAMARD, y)).batch(4)
    refit_support(model, dataset, epochs=20, shuffle=False, verbose=0)
    # The columns are orthogonal, and the mean square is 2, so that a step of 0.5 is Newton's.
    np.testing.assert_allclose(values_of(model.layers[0].kernel).ravel(), [1, 0, 3], atol=1e-6)


def test_a_refit_needs_samples():
    model = sparse_line()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError) as raised:
        refit_support(model, None)
    assert str(raised.value) == (
        "Invalid value for argument `x`: expected samples to train on. Received: x=None"
    )


def test_a_refit_of_a_model_with_scaled_loss_scales_it_too():
    model = sparse_line("mixed_float16")
    own = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5))
    model.compile(own, "mse", jit_compile=False)
    seen = []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.optimizer)
    )
    y = HADAMARD @ np.array([[1.0], [2.0], [3.0]], "float32")
    given = keras.optimizers.SGD(0.5)
    refit_support(model, HADAMARD, y, optimizer=given, epochs=20, verbose=0, callbacks=[record])
    assert type(seen[-1]) is keras.optimizers.LossScaleOptimizer
    assert seen[-1].inner_optimizer is given
    assert model.optimizer is own
    # What is computed in float16 has steps of 2e-3 near 3.
    np.testing.assert_allclose(values_of(model.layers[0].kernel).ravel(), [1, 0, 3], atol=2e-3)


class Own(layers.Layer):
    """A matrix and a vector of names that Keras's layers do not have."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 2), name="w")
        self.shift = self.add_weight(shape=(2,), name="shift")

    def call(self, x):
        return ops.matmul(x, self.w) + self.shift


def test_of_a_layer_of_ones_own_the_matrices_are_kernels():
    model = keras.Sequential([keras.Input((3,)), Own(name="own")])
    model.set_weights([np.array([[0.5, 0.0], [0.0, 0.5], [0.5, 0.5]]), np.array([0.0, 0.5])])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    refit_support(model, HADAMARD, np.ones((4, 2)), epochs=2, verbose=0)
    assert (values_of(model.layers[0].w) == 0).tolist() == [[0, 1], [1, 0], [0, 0]]
    assert values_of(model.layers[0].shift).all()


class Nameless(keras.Regularizer):
    """Has no config."""

    def __call__(self, w):
        return 0.1 * ops.sum(ops.square(w))


def test_a_regularizer_without_a_config_is_called_by_its_class():
    dense = layers.Dense(1, kernel_regularizer=Nameless(), name="dense")
    model = keras.Sequential([keras.Input((3,)), dense])
    assert audit(model).variables["regularizer"].tolist() == ["Nameless", ""]
    table = regularize(model, {"dense": "l2"})
    assert table[["before", "after"]].to_numpy().tolist() == [["Nameless", "L2(l2=0.01)"]]
