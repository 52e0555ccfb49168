"""Training steps and losses of a model's own, and loops in TensorFlow and JAX."""

import keras
import numpy as np
import pytest
from keras import layers, ops, optimizers

from kerasreg.optimizers import ProximalSGD
from kerasreg.surgery.auditing.report import audit
from kerasreg.variables import values_of
from tests.surgery.audited_models import K, data, found_in, scaling

BACKEND = keras.backend.backend()


def test_of_the_penalties_in_a_models_own_step_those_left_out_are_found():
    x, y = data()
    if BACKEND == "torch":
        pytest.skip("a step is not traced on PyTorch")
    for optimizer in (optimizers.SGD(), scaling(optimizers.SGD())):
        for losses, expected in (("none", [(K, "not_in_train_step")]), ("all", [])):
            model = OwnStep(losses)
            model(x[:2])
            model.compile(optimizer, "mse", metrics=["mae"])
            before = [np.array(values_of(v)) for v in model.variables]
            result = audit(model, x, y)
            assert found_in(result) == expected
            assert result.notes == ()
            assert not optimizer.built
            assert not model._compile_metrics.built
            assert not model._compile_loss.built
            assert model.metrics_names == ["loss", "compile_metrics"]
            assert all(
                np.array_equal(b, values_of(v))
                for b, v in zip(before, model.variables, strict=True)
            )
        if expected:
            assert "sum(" in result.warnings.fix[0]
    (note,) = audit(OwnStepBuilt("none")).notes
    assert note == "OwnStepBuilt.train_step is not checked for penalties: pass x and y."
    model = OwnStepBuilt("raise")
    model.compile("sgd", "mse")
    (note,) = audit(model, x, y).notes
    assert note.startswith("OwnStepBuilt.train_step is not checked for penalties: ")
    assert note.endswith("no such step.")


def test_a_models_own_loss_is_checked_too():
    class OwnLoss(keras.Model):
        adds_penalties = False

        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, kernel_regularizer="l2", name="dense")

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = ops.mean(ops.abs(y - y_pred))
            return loss + sum(self.losses) if self.adds_penalties else loss

    x, y = data()
    model = OwnLoss()
    model(x[:2])
    model.compile("sgd")
    assert found_in(audit(model, x, y)) == [(K, "not_in_train_step")]
    assert "OwnLoss.compute_loss" in audit(model, x, y).warnings.explanation[0]
    OwnLoss.adds_penalties = True
    assert found_in(audit(model, x, y)) == []


def test_under_a_proximal_optimizer_a_step_needs_no_penalties():
    x, y = data()
    model = OwnStepBuilt("none")
    model.compile(ProximalSGD(0.1), "mse")
    assert found_in(audit(model, x, y)) == []


class OwnStep(keras.Model):
    """Adds the penalties to its loss, or none of them."""

    def __init__(self, losses):
        super().__init__()
        self.dense = layers.Dense(1, kernel_regularizer="l2", name="dense")
        self.normalization = layers.BatchNormalization()
        self.dropout = layers.Dropout(0.5)
        self._adds = losses

    def call(self, x, training=False):
        return self.dropout(self.normalization(self.dense(x), training=training), training=training)

    def train_step(self, *args):
        if self._adds == "raise":
            raise ValueError("no such step")
        return {"tensorflow": self._in_tensorflow, "jax": self._in_jax}[BACKEND](*args)

    def _in_tensorflow(self, batch):
        import tensorflow as tf

        x, y = batch
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._compile_loss(y, y_pred)
            if self._adds == "all":
                loss = loss + sum(self.losses)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}

    def _in_jax(self, state, batch):
        import jax

        trainable, others, optimizer, metrics = state
        x, y = batch

        def loss_of(trainable):
            y_pred, after, losses = self.stateless_call(
                trainable, others, x, training=True, return_losses=True
            )
            loss = ((y - y_pred) ** 2).mean()
            return (loss + sum(losses) if self._adds == "all" else loss), after

        gradient = jax.jit(jax.value_and_grad(loss_of, has_aux=True))
        (loss, others), gradients = gradient(trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": loss}, (trainable, others, optimizer, metrics)


class OwnStepBuilt(OwnStep):
    def __init__(self, losses):
        super().__init__(losses)
        self(np.zeros((2, 3), "float32"))


@pytest.mark.tensorflow
def test_a_loop_in_tensorflow():
    import tensorflow as tf

    x, y = data()
    first, second = (
        layers.Dense(1, kernel_regularizer="l2", name=name) for name in ("first", "second")
    )
    model = keras.Sequential([keras.Input((3,)), first, second])
    optimizer = optimizers.Adam()

    def step(x, y, chosen):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
            losses = {"all": model.losses, "first": first.losses, "none": []}[chosen]
            for penalty in losses:
                loss += penalty
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    expected = {"all": [], "first": ["second/kernel"], "none": ["first/kernel", "second/kernel"]}
    for chosen, left_out in expected.items():
        for compile_it in (lambda f: f, tf.function):

            @compile_it
            def train_step(x, y, chosen=chosen):
                return step(x, y, chosen)

            compiled_before = tf.function(lambda x, y, own=train_step: own(x, y))
            for function in (train_step, compiled_before):
                result = audit(model, x, y, train_step=function)
                assert list(result.warnings["where"]) == left_out
                assert set(result.warnings["warning"]) <= {"not_in_train_step"}
            assert not optimizer.built
    train = tf.function(lambda x, y: step(x, y, "all"))
    train(x[:8], y[:8])  # what it compiled now, for as many samples, knows nothing of gates
    before = model.get_weights()
    for function in (train, lambda x, y: train(x, y)):
        assert found_in(audit(model, x, y, train_step=function)) == []
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert not tf.config.functions_run_eagerly()

    def with_numbers(x, y):
        return step(x, y, "none").numpy()

    (note,) = audit(model, x, y, train_step=with_numbers).notes
    assert note.startswith("train_step is not checked for penalties: ")


@pytest.mark.skipif(BACKEND != "jax", reason="a loop in JAX")
def test_a_loop_in_jax():
    import jax

    x, y = data()
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(1, kernel_regularizer="l2", name="dense")]
    )
    optimizer = optimizers.Adam()
    optimizer.build(model.trainable_variables)

    def loop(adds):
        def loss_of(trainable, others, x, y):
            y_pred, _, losses = model.stateless_call(trainable, others, x, return_losses=True)
            loss = ((y_pred - y) ** 2).mean()
            return loss + sum(losses) if adds else loss

        gradient = jax.jit(jax.grad(loss_of))

        def train_step(x, y):
            trainable = [v.value for v in model.trainable_variables]
            others = [v.value for v in model.non_trainable_variables]
            gradients = gradient(trainable, others, x, y)
            state = [v.value for v in optimizer.variables]
            trainable, state = optimizer.stateless_apply(state, gradients, trainable)
            for variable, value in zip(model.trainable_variables, trainable, strict=True):
                variable.assign(value)

        return train_step

    for adds, expected in ((False, [(K, "not_in_train_step")]), (True, [])):
        for ran_before in (False, True):
            train_step = loop(adds)
            if ran_before:
                train_step(x, y)
            before = model.get_weights()
            for _ in range(2):
                assert found_in(audit(model, x, y, train_step=train_step)) == expected
            assert all(
                np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)
            )
            train_step(x, y)
