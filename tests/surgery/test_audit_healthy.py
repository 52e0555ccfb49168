"""Healthy models have no warnings and stay as they were; the tables and the report."""

import re

import keras
import numpy as np
import pytest
from keras import layers, optimizers

from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import GroupLasso
from kerasreg.surgery.auditing.report import VARIABLE_COLUMNS, WARNING_COLUMNS, audit
from kerasreg.variables import values_of
from tests.surgery.audited_models import (
    L1,
    L2,
    B,
    K,
    MeanSquare,
    attention,
    compiled,
    data,
    dense,
    found_in,
    scaling,
)


def healthy_models():
    x, y = data()
    yield dense(), x, y
    yield dense("l2"), x, y
    yield dense(L1(0.05), ProximalSGD(0.05)), x, y
    yield dense(GroupLasso(0.05), scaling(ProximalAdam(0.05))), x, y
    yield dense(None, "adamw"), x, y
    images = np.random.default_rng(1).normal(size=(16, 6, 6, 1)).astype("float32")
    convolutional = compiled(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, kernel_regularizer=L2(1e-3)),
            layers.BatchNormalization(),
            layers.SeparableConv2D(2, 2, depthwise_regularizer="l2", pointwise_regularizer="l2"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(1, activity_regularizer=L2(1e-3)),
        ],
        "rmsprop",
    )
    yield convolutional, images, images.sum(axis=(1, 2))
    words = np.random.default_rng(2).integers(0, 9, size=(16, 5))
    wrapped = compiled(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(9, 4, embeddings_regularizer="l2"),
            layers.Bidirectional(
                layers.SimpleRNN(3, kernel_regularizer="l2", return_sequences=True)
            ),
            layers.TimeDistributed(layers.Dense(2, kernel_regularizer="l2")),
            layers.Flatten(),
            layers.SpectralNormalization(layers.Dense(1, kernel_regularizer="l2")),
        ],
        "adam",
    )
    yield wrapped, words, words.mean(axis=1, keepdims=True).astype("float32") / 9
    sequences = np.random.default_rng(3).normal(size=(16, 4, 3)).astype("float32")
    yield attention(kernel_regularizer=L2(1e-3)), sequences, sequences


def test_a_healthy_model_has_no_warnings():
    for model, x, y in healthy_models():
        result = audit(model, x, y)
        assert found_in(result) == [], model.summary()
        names = result.variables["variable"]
        assert names.is_unique
        penalized = result.variables["regularizer"] != ""
        assert list(result.variables["regularized"]) == list(penalized)


def test_a_sparse_model_that_is_trained_has_no_warnings():
    x, y = data()
    model = dense(L1(3.0), ProximalSGD(0.1))
    model.fit(x, y, batch_size=64, epochs=40, verbose=0)
    assert np.count_nonzero(values_of(model.layers[0].kernel)) in (1, 2)
    assert found_in(audit(model, x, y)) == []


def test_layers_of_ones_own_may_use_their_arguments_as_they_like():
    class Scaled(layers.Layer):
        def __init__(self):
            super().__init__(name="scaled")
            self.filter_regularizer = L2(0.1)
            self.unused_regularizer = L2(0.1)

        def build(self, shape):
            self.w = self.add_weight(
                shape=(shape[-1],), name="w", regularizer=self.filter_regularizer
            )
            super().build(shape)

        def call(self, x):
            self.add_loss(self.unused_regularizer(x))
            return x * self.w

    model = compiled([keras.Input((3,)), Scaled()])
    result = audit(model)
    assert found_in(result) == []
    (row,) = result.variables.itertuples()
    assert (row.variable, row.regularizer, row.regularized) == ("scaled/w", "L2(l2=0.1)", True)


def test_the_model_the_optimizer_and_the_random_state_stay_as_they_were():
    def made():
        keras.utils.set_random_seed(3)
        model = compiled(
            [
                keras.Input((3,)),
                layers.Dense(4, "relu", kernel_regularizer=L1(1e3), activity_regularizer="l2"),
                layers.BatchNormalization(gamma_regularizer="l1l2"),
                layers.Dropout(0.5),
                layers.Dense(2, kernel_regularizer="l2", trainable=False),
                layers.Dense(1, bias_regularizer=MeanSquare()),
            ],
            optimizers.AdamW(0.01),
        )
        model.fit(*data(), verbose=0)
        return model

    def state(model):
        parts = [model.train_function, model.test_function, model.predict_function]
        parts += [getattr(variable, "regularizer", None) for variable in model.variables]
        parts += [layer.activity_regularizer for layer in model._flatten_layers()]
        parts += [*model.metrics, model._compile_metrics, model._compile_loss, model.optimizer]
        return parts, sorted(vars(model)), sorted(vars(model.optimizer)), len(model.losses)

    def numbers(model):
        return [np.array(values_of(v)) for v in [*model.variables, *model.optimizer.variables]]

    model, x_y = made(), data(seed=1)
    before, values = state(model), numbers(model)
    drawn = np.random.get_state()[1].copy()  # noqa: NPY002
    assert len(audit(model, *x_y).warnings) >= 3
    for part, old in zip(state(model)[0], before[0], strict=True):
        assert part is old
    assert state(model)[1:] == before[1:]
    assert all(np.array_equal(a, b) for a, b in zip(values, numbers(model), strict=True))
    assert np.array_equal(drawn, np.random.get_state()[1])  # noqa: NPY002

    model.fit(*x_y, epochs=2, verbose=0)
    audited, random_after = numbers(model), keras.random.uniform((3,))
    model = made()
    model.fit(*x_y, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(audited, numbers(model), strict=True))
    assert np.array_equal(random_after, keras.random.uniform((3,)))


def test_tables_and_report():
    model = dense("l2", bias_regularizer="l2", activity_regularizer=L2(0.5))
    model.set_weights([np.full((3, 1), 2.0), np.full(1, 3.0)])
    x, y = data()
    result = audit(model, x, y)
    assert list(result.variables.columns) == list(VARIABLE_COLUMNS)
    assert list(result.warnings.columns) == list(WARNING_COLUMNS)
    rows = result.variables.set_index("variable")
    assert list(rows.index) == [K, B, "dense"]
    assert list(rows["n_weights"]) == [3, 1, 0]
    assert list(rows["shape"]) == [(3, 1), (1,), ()]
    activity = 0.5 * np.mean((x @ np.full((3, 1), 2.0) + 3.0) ** 2)
    np.testing.assert_allclose(rows["penalty"], [0.12, 0.09, activity], rtol=1e-5)
    assert np.isnan(audit(model).variables["penalty"][2])
    text = str(result)
    assert text.startswith("Audit of 'sequential': 1 warning\n")
    assert 'fix: kerasreg.surgery.regularize(model, {"dense/bias": None})' in text
    assert re.search(r"\n  dense/bias has L2\(l2=0\.01\), now 0\.09; ", text)
    assert "no warnings" in str(audit(dense()))
    assert max(map(len, text.splitlines())) <= 100


def test_a_model_that_is_not_compiled_is_checked_as_far_as_it_goes():
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(1, kernel_regularizer=L1(1.0), bias_regularizer="l2")]
    )
    assert found_in(audit(model)) == [("dense/bias", "bias")]
    assert found_in(audit(model, *data())) == [("dense/bias", "bias")]


def test_errors():
    with pytest.raises(ValueError, match=r"^The model 'sequential' is not built"):
        audit(keras.Sequential([layers.Dense(1)]))
    with pytest.raises(TypeError, match=r"^Invalid type for argument `model`: expected a keras\.M"):
        audit("model")
    with pytest.raises(
        ValueError, match=r"^Invalid value for argument `x`: expected inputs for the"
    ):
        audit(dense(), y=data()[1])
    with pytest.raises(
        ValueError, match=r"^Invalid value for argument `train_step`: expected a fun"
    ):
        audit(dense(), train_step="step")
    with pytest.raises(ValueError, match=r"^Arrays of different length"):
        audit(dense(), *map(np.ones, (3, 4)))
