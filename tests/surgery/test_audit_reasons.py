"""Rarer ways into an audit: optimizers, losses, steps and layers of one's own."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, optimizers, regularizers

from kerasreg.optimizers import ProximalSGD
from kerasreg.regularizers import ElasticNet, as_penalty
from kerasreg.surgery import audit
from kerasreg.surgery.auditing import steps
from kerasreg.variables import values_of
from tests.surgery.audited_models import K, Quartic, compiled, data, dense, found_in, paste

# The rules are the same on every backend; what differs is in test_audit.
pytestmark = pytest.mark.tensorflow

L1, L2 = regularizers.L1, regularizers.L2


# The data loss is that of training, whatever `compile` was given.


def one_output(**settings):
    inputs = keras.Input((3,))
    outputs = layers.Dense(1, kernel_regularizer=L2(1e6), name="a")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", **settings)
    return model


def two_outputs(**settings):
    inputs = keras.Input((3,))
    outputs = {
        "a": layers.Dense(1, kernel_regularizer=L2(1e6), name="a")(inputs),
        "b": layers.Dense(1, name="b")(inputs),
    }
    model = keras.Model(inputs, outputs)
    model.compile("sgd", **settings)
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: one_output(loss="mse", loss_weights=0.25),
        lambda: one_output(loss="mse", loss_weights=[0.25]),
        lambda: one_output(loss="mse", loss_weights={"a": 0.25}),
        lambda: one_output(loss=["mse"]),
        lambda: one_output(loss={"a": "mse"}),
        lambda: two_outputs(loss={"a": "mse", "b": "mae"}, loss_weights={"a": 0.5, "b": 2.0}),
    ],
)
def test_the_data_loss_with_loss_weights_is_that_of_training(make):
    x, y = data()
    model = make()
    targets = {"a": y, "b": 2 * y} if len(model.outputs) == 2 else y
    (row,) = audit(model, x, targets).warnings.itertuples()
    assert (row.where, row.warning) == ("a/kernel", "dominates")
    model.get_layer("a").kernel.regularizer = None
    expected = model.evaluate(x, targets, batch_size=64, verbose=0, return_dict=True)["loss"]
    assert f"of the data loss, {expected:.3g}: training looks at little else" in row.explanation


def test_where_no_weight_can_be_trained_the_data_are_left_out():
    x, y = data()
    model = dense()
    model.trainable = False
    result = audit(model, x, y)
    assert found_in(result) == []
    assert result.notes == (
        "Not checked with the data: The model 'sequential' has no trainable weights. Set "
        "`trainable = True` on the layers to check.",
    )


# Lines to paste.


class Halved(ElasticNet):
    """A penalty of the user's own: its strength is known, its place in Python is not."""


class OwnQuartic(Quartic):
    pass


def test_the_strength_of_a_penalty_of_ones_own_is_scaled():
    x, y = data()
    model = dense(Halved(1e6, l1_ratio=0.0))
    model.set_weights([np.ones((3, 1)), np.zeros(1)])
    (row,) = audit(model, x, y).warnings.itertuples()
    assert (row.where, row.warning) == (K, "dominates")
    start = (
        'kerasreg.surgery.regularize(model, {"dense/kernel": '
        "kerasreg.regularizers.scaled_regularizer(model.get_layer('dense').kernel_regularizer, "
    )
    assert row.fix.startswith(start)
    paste(row.fix, model)
    assert found_in(audit(model, x, y)) == []
    assert type(model.layers[0].kernel_regularizer) is Halved
    factor = float(row.fix.removeprefix(start).removesuffix(")})"))
    assert model.layers[0].kernel_regularizer.strength == pytest.approx(1e6 * factor)


def test_a_penalty_around_a_regularizer_of_keras_is_written_as_that():
    x, y = data()
    model = dense(as_penalty(L2(1e6)))
    model.set_weights([np.ones((3, 1)), np.zeros(1)])
    rows = {row.warning: row for row in audit(model, x, y).warnings.itertuples()}
    start = 'kerasreg.surgery.regularize(model, {"dense/kernel": keras.regularizers.L2(l2='
    assert set(rows) == {"dominates"}
    assert rows["dominates"].fix.startswith(start)
    paste(rows["dominates"].fix, model)
    assert found_in(audit(model, x, y)) == []
    assert type(model.layers[0].kernel_regularizer) is L2
    model = dense()
    model.layers[0].kernel.regularizer = as_penalty(L2(0.5))
    (row,) = audit(model).warnings.itertuples()
    assert (row.where, row.warning) == (K, "not_saved")
    assert row.fix == start + "0.5)})"


def test_a_regularizer_of_ones_own_on_the_variable_alone_is_taken_from_there():
    model = dense()
    own = model.layers[0].kernel.regularizer = OwnQuartic()
    (row,) = audit(model).warnings.itertuples()
    assert (row.where, row.warning) == (K, "not_saved")
    assert row.fix == (
        "kerasreg.surgery.regularize(model, {\"dense/kernel\": model.get_layer('dense').weights[0]"
        ".regularizer})"
    )
    paste(row.fix, model)
    assert model.layers[0].kernel_regularizer is own
    assert found_in(audit(model)) == []


def test_a_regularizer_behind_a_gate_is_taken_from_there():
    model = dense(None, ProximalSGD(0.1))
    own = model.layers[0].kernel.regularizer = Halved(0.1)
    model.fit(*data(), verbose=0)
    assert model.layers[0].kernel.regularizer is not own  # the optimizer's gate
    (row,) = audit(model).warnings.itertuples()
    assert row.fix == (
        "kerasreg.surgery.regularize(model, {\"dense/kernel\": model.get_layer('dense').weights[0]"
        ".regularizer.regularizer})"
    )
    paste(row.fix, model)
    assert model.layers[0].kernel_regularizer is own
    assert found_in(audit(model)) == []


def test_the_way_to_a_layer_that_is_not_in_the_graph_goes_through_its_attribute():
    model = one_output(loss="mse")
    model.get_layer("a").kernel.regularizer = None
    model.extra = layers.Dense(1, use_bias=False, bias_regularizer="l2", name="extra")
    model.extra.build((None, 3))
    (row,) = audit(model).warnings.query("where == 'extra'").itertuples()
    assert row.fix == "model.extra.bias_regularizer = None"


def test_the_way_to_a_layer_goes_through_lists():
    cells = [layers.SimpleRNNCell(2), layers.SimpleRNNCell(2)]
    model = compiled([keras.Input((4, 3)), layers.RNN(cells, name="rnn"), layers.Dense(1)])
    cells[1].kernel_regularizer = L2(0.5)
    (row,) = audit(model).warnings.itertuples()
    assert row.warning == "ignored"
    assert "model.get_layer('rnn').cell.cells[1].kernel_regularizer" in row.fix
    paste(row.fix, model)
    assert found_in(audit(model)) == []
    assert cells[1].kernel.regularizer is cells[1].kernel_regularizer


# What the data say.


def test_a_penalty_on_weights_that_the_data_loss_does_not_depend_on():
    x, y = data()
    hidden = layers.Dense(4, "relu", kernel_regularizer=L1(1.0), name="hidden")
    model = compiled([keras.Input((3,)), hidden, layers.Dense(1)], ProximalSGD(0.1))
    hidden.bias.assign(np.full(4, -1e3))  # no unit is ever above zero
    (row,) = audit(model, x, y).warnings.itertuples()
    assert (row.where, row.warning) == ("hidden/kernel", "all_zero")
    assert row.explanation == (
        "the data loss does not depend on hidden/kernel here, so that its penalty alone decides "
        "and makes all of it zero"
    )
    assert row.fix == 'kerasreg.surgery.regularize(model, {"hidden/kernel": None})'
    model.fit(x, y, epochs=12, batch_size=64, verbose=0)  # 0.1 a step
    assert not values_of(hidden.kernel).any()  # what it says comes true
    paste(row.fix, model)
    assert found_in(audit(model, x, y)) == []


class OnlyInGraphs(layers.Layer):
    """Raises when it is called on numbers."""

    def call(self, x):
        raise RuntimeError("no numbers")

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_activities_of_a_model_that_cannot_be_called_are_not_measured():
    outer = layers.Dense(2, activity_regularizer=L2(0.1), name="outer")
    model = keras.Sequential([keras.Input((3,)), outer, OnlyInGraphs()])
    rows = audit(model, data()[0]).variables.set_index("variable")
    assert np.isnan(rows.loc["outer", "penalty"])
    assert bool(rows.loc["outer", "regularized"])
    rows = audit(dense(activity_regularizer=L2(0.1)), data()[0]).variables.set_index("variable")
    assert rows.loc["dense", "penalty"] > 0


def test_the_activities_of_a_layer_that_is_used_twice():
    inputs = keras.Input((3,))
    shared = layers.Dense(3, activity_regularizer=L2(0.1), name="shared")
    model = keras.Model(inputs, shared(shared(inputs)))
    x = data()[0]
    result = audit(model, x)
    assert found_in(result) == []
    first = x @ values_of(shared.kernel)
    second = first @ values_of(shared.kernel)
    expected = 0.1 * (np.sum(first**2) + np.sum(second**2)) / len(x)
    found = result.variables.set_index("variable").loc["shared", "penalty"]
    assert found == pytest.approx(expected, rel=1e-5)


# Training steps.


def test_a_step_that_raises_outside_of_autograph_is_quoted():
    import tensorflow as tf

    @tf.autograph.experimental.do_not_convert
    def train_step(x, y):
        raise ValueError("no such step.")

    (note,) = audit(dense("l2"), *data(), train_step=train_step).notes
    assert note == "train_step is not checked for penalties: no such step."


def test_a_backend_that_does_not_trace_is_named(monkeypatch):
    # PyTorch is not installed with kerasreg; this module alone is told that it is the backend.
    keras_with_torch = SimpleNamespace(
        **{**vars(keras), "backend": SimpleNamespace(backend=lambda: "torch")}
    )
    model = dense("l2")
    monkeypatch.setattr(steps, "keras", keras_with_torch)
    result = audit(model, *data(), train_step=lambda x, y: None)
    assert found_in(result) == []
    assert result.notes == (
        "train_step is not checked for penalties: the backend torch runs a step, it does not "
        "trace it.",
    )


def test_a_dataset_is_refused():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(np.ones((4, 3), "float32")).batch(2)
    with pytest.raises(ValueError) as raised:
        audit(dense(), dataset)
    assert str(raised.value) == (
        "Invalid value for argument `x`: expected arrays; take a batch: `x, y = "
        "next(iter(dataset))`. Received: x=<_BatchDataset element_spec=TensorSpec(shape=(None, 3), "
        "dtype=tf.float32, name=None)>"
    )


def test_an_optimizer_that_a_function_chooses_is_asked():
    adamw = optimizers.AdamW(0.01)
    model = dense("l2", optimizers.MultiOptimizer(lambda variable: adamw))
    (row,) = audit(model).warnings.itertuples()
    assert (row.where, row.warning) == (K, "weight_decay")
    assert "and weight_decay=0.004 of AdamW takes" in row.explanation
    # Once it is built, the optimizer is in the list of those that were chosen.
    model.fit(*data(), verbose=0)
    (row,) = audit(model).warnings.itertuples()
    assert row.fix.startswith("model.optimizer.optimizers[0].weight_decay = 0.0")
    paste(row.fix, model)
    assert adamw.weight_decay == 0
    assert found_in(audit(model)) == []
