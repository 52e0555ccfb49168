"""Penalties that are out of proportion to the data loss, or make all weights zero."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.optimizers import ProximalSGD
from kerasreg.regularizers import MCP, ElasticNet
from kerasreg.surgery.auditing.report import audit
from kerasreg.variables import values_of
from tests.surgery.audited_models import L1, L2, K, Quartic, compiled, data, dense, found_in, paste


@pytest.mark.parametrize(
    ("regularizer", "weight", "code"),
    [
        (L2(1e6), 1.0, "dominates"),
        (L2(1e-3), 1e-3, "negligible"),
        (ElasticNet(1e6, l1_ratio=0.0), 1.0, "dominates"),
        (ElasticNet(1e-3, l1_ratio=0.0), 1e-3, "negligible"),
    ],
)
def test_a_penalty_out_of_proportion_to_the_data_loss(regularizer, weight, code):
    x, y = data()
    model = dense(regularizer)
    model.set_weights([np.full((3, 1), weight), np.zeros(1)])
    (row,) = audit(model, x, y).warnings.itertuples()
    assert (row.where, row.warning) == (K, code)
    paste(row.fix, model)
    assert found_in(audit(model, x, y)) == []


def test_a_regularizer_of_unknown_kind_is_multiplied():
    x, y = data()
    model = dense(Quartic())
    model.set_weights([np.full((3, 1), 1e4), np.zeros(1)])
    (row,) = audit(model, x, y).warnings.itertuples()
    assert (row.where, row.warning) == (K, "dominates")
    with pytest.warns(UserWarning, match=r"a Python lambda is in it"):
        paste(row.fix, model)
    assert found_in(audit(model, x, y)) == []


def test_the_data_loss_is_that_of_training():
    x, y = data()
    inputs = keras.Input((3,))
    outputs = [
        layers.Dense(1, kernel_regularizer=L2(1e6), name="a")(inputs),
        layers.Dense(1, name="b")(inputs),
    ]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", ["mse", "mae"], loss_weights=[0.5, 2.0])
    text = audit(model, x, [y, y]).warnings.explanation[0]
    a, b = (np.asarray(part) for part in model.predict(x, verbose=0))
    expected = 0.5 * np.mean((a - y) ** 2) + 2 * np.mean(np.abs(b - y))
    assert f"the data loss, {expected:.3g}:" in text


def hidden(strength, optimizer):
    stack = [
        keras.Input((3,)),
        layers.Dense(8, "relu", kernel_regularizer=L1(strength), name="hidden"),
        layers.Dense(1),
    ]
    return compiled(stack, optimizer)


@pytest.mark.parametrize("make", [lambda o: dense(L1(100.0), o), lambda o: hidden(30.0, o)])
def test_a_strength_that_makes_all_weights_zero(make):
    x, y = data()
    model = make(ProximalSGD(1e-2))
    (row,) = [r for r in audit(model, x, y).warnings.itertuples() if r.warning == "all_zero"]
    line = row.fix
    model.fit(x, y, epochs=6, verbose=0)
    assert not values_of(model.trainable_variables[0]).any()  # what it says comes true
    model = make(ProximalSGD(1e-2))
    paste(line, model)
    assert found_in(audit(model, x, y)) == []
    model.fit(x, y, epochs=6, verbose=0)
    assert values_of(model.trainable_variables[0]).any()


def test_a_vanishing_gradient_does_not_say_that_weights_go_to_zero():
    x = data()[0]
    for model in (dense(L1(0.5), ProximalSGD(0.1)), hidden(0.05, ProximalSGD(0.1))):
        kernel = model.trainable_variables[0]
        kernel.assign(np.full(kernel.shape, 2.0))
        # Fitted nearly exactly: at the weights themselves the gradient is far below the strength.
        y = np.asarray(model.predict(x, verbose=0)) + 1e-3 * np.sin(np.arange(64))[:, None]
        result = audit(model, x, y)
        assert "all_zero" not in set(result.warnings["warning"])
        assert "dominates" in set(result.warnings["warning"])


def test_where_a_penalty_is_flat_it_does_not_make_weights_zero():
    x = 0.1 * data()[0]
    model = dense(MCP(100.0, gamma=1.5), ProximalSGD(0.1))
    model.set_weights([np.full((3, 1), 190.0), np.zeros(1)])
    result = audit(model, x, x @ np.full((3, 1), 200.0))  # far below the strength all the way
    assert "all_zero" not in set(result.warnings["warning"])
