"""Models of all kinds to copy, and what of them has to stay the same."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

from kerasreg.regularizers import (
    MCP,
    ElasticNet,
    GroupLasso,
    KLSparsity,
)
from kerasreg.variables import values_of

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


def quartic(w):
    return ops.sum(w**4)


def with_lambda():
    inputs = keras.Input((5,))
    doubled = layers.Lambda(lambda t: t * 2.0)(layers.Dense(2)(inputs))
    return keras.Model(inputs, doubled, name="doubled")
