"""Every warning of an audit: that it appears, that its fix ends it, and not without its cause."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops, optimizers, regularizers

import kerasreg
import kerasreg.surgery
from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import MCP, ElasticNet, GroupLasso, KLSparsity
from kerasreg.surgery.audit import VARIABLE_COLUMNS, WARNING_COLUMNS, audit
from kerasreg.variables import values_of

BACKEND = keras.backend.backend()
L1, L2 = regularizers.L1, regularizers.L2


def data(n=64, d=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype("float32")
    return x, (x @ np.arange(1.0, d + 1) + rng.normal(0, 0.1, n))[:, None].astype("float32")


def dense(regularizer=None, optimizer="sgd", *, units=1, **settings):
    """A model of one layer, compiled."""
    layer = layers.Dense(units, kernel_regularizer=regularizer, name="dense", **settings)
    return compiled([keras.Input((3,)), layer], optimizer)


def compiled(stack, optimizer="sgd"):
    model = keras.Sequential(stack)
    model.compile(optimizer, "mse")
    return model


def after(model, change):
    change(model)
    return model


def set_trainable_false(model):
    model.layers[-1].trainable = False


def freeze_kernel(model):
    model.layers[-1].kernel.trainable = False


def set_layer_attribute(model):
    model.layers[-1].kernel_regularizer = L2(0.5)


def set_variable(model):
    model.layers[-1].kernel.regularizer = L2(0.5)


def nested(inner_trainable):
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, kernel_regularizer="l2", name="inner")], name="encoder"
    )
    inner.trainable = inner_trainable
    return compiled([keras.Input((3,)), inner, layers.Dense(1)])


def normalized(**settings):
    return compiled(
        [keras.Input((3,)), layers.Dense(2), layers.BatchNormalization(**settings, name="norm")]
    )


def attention(**settings):
    inputs = keras.Input((4, 3))
    attended = layers.MultiHeadAttention(1, 2, **settings, name="mha")(inputs, inputs)
    model = keras.Model(inputs, attended)
    model.compile("sgd", "mse")
    return model


def in_time(outer=None, inner=None):
    wrapped = layers.Dense(2, activity_regularizer=inner)
    wrapper = layers.TimeDistributed(wrapped, activity_regularizer=outer, name="wrapper")
    return compiled([keras.Input((4, 3)), wrapper])


def recurrent(regularizer):
    return compiled(
        [keras.Input((4, 3)), layers.SimpleRNN(2, activity_regularizer=regularizer, name="rnn")]
    )


@keras.saving.register_keras_serializable(package="test_audit")
class Quartic(keras.Regularizer):
    """A penalty of the user's own, of which nothing is known."""

    def __call__(self, w):
        return 1e-3 * ops.sum(w**4)

    def get_config(self):
        return {}


@keras.saving.register_keras_serializable(package="test_audit")
class MeanSquare(keras.Regularizer):
    """A mean over the batch, which Keras divides by its size once more."""

    def __call__(self, w):
        return ops.mean(ops.square(w))

    def get_config(self):
        return {}


@keras.saving.register_keras_serializable(package="test_audit")
class Norm(keras.Regularizer):
    """The norm of all activities of the batch, which grows with the root of its size."""

    def __call__(self, w):
        return ops.sqrt(ops.sum(ops.square(w)) + 1e-6)

    def get_config(self):
        return {}


def with_scale(scale):
    model = dense(L1(0.1), ProximalSGD(0.1))
    model.optimizer.build(model.trainable_variables)
    model.optimizer.strength_scale.assign(scale)
    return model


def excluding(optimizer, **what):
    optimizer.exclude_from_weight_decay(**what)
    return optimizer


def scaling(optimizer):
    return optimizers.LossScaleOptimizer(optimizer)


def schedule():
    return optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)


K, B = "dense/kernel", "dense/bias"

# name: a model with the fault, the same without its cause, where it is found, and its code.
CASES = {
    "frozen layer": (
        lambda: after(dense("l2"), set_trainable_false),
        lambda: after(dense(), set_trainable_false),
        (K, "frozen"),
    ),
    "frozen variable": (
        lambda: after(dense("l2"), freeze_kernel),
        lambda: dense("l2"),
        (K, "frozen"),
    ),
    "frozen inner model": (
        lambda: nested(False),
        lambda: nested(True),
        ("encoder/inner/kernel", "frozen"),
    ),
    "set after build": (
        lambda: after(dense(), set_layer_attribute),
        lambda: dense(L2(0.5)),
        (K, "ignored"),
    ),
    "replaced after build": (
        lambda: after(dense("l2"), set_layer_attribute),
        lambda: dense(L2(0.5)),
        (K, "ignored"),
    ),
    "on the variable alone": (
        lambda: after(dense(), set_variable),
        lambda: dense(L2(0.5)),
        (K, "not_saved"),
    ),
    "no bias": (
        lambda: dense(bias_regularizer="l2", use_bias=False),
        lambda: dense(use_bias=False),
        ("dense", "ignored"),
    ),
    "no gamma": (
        lambda: normalized(gamma_regularizer="l2", scale=False),
        lambda: normalized(scale=False),
        ("norm", "ignored"),
    ),
    "no bias in attention": (
        lambda: attention(bias_regularizer="l2", use_bias=False),
        lambda: attention(kernel_regularizer="l2", use_bias=False),
        ("mha/query", "ignored"),
    ),
    "activity in time": (
        lambda: in_time(inner=L2(0.1)),
        lambda: in_time(outer=L2(0.1)),
        ("wrapper/dense", "ignored"),
    ),
    "activity of SimpleRNN": (lambda: recurrent("l2"), lambda: recurrent(None), ("rnn", "ignored")),
    "l1l2": (lambda: dense("l1l2"), lambda: dense(L2(0.1)), (K, "no_effect")),
    "strength 0": (
        lambda: dense(ElasticNet(0.0), ProximalAdam()),
        lambda: dense(ElasticNet(0.1), ProximalAdam()),
        (K, "no_effect"),
    ),
    "activity of strength 0": (
        lambda: dense(activity_regularizer=L2(0.0)),
        lambda: dense(activity_regularizer=L2(0.1)),
        ("dense", "no_effect"),
    ),
    "bias": (lambda: dense("l2", bias_regularizer="l2"), lambda: dense("l2"), (B, "bias")),
    "scale": (
        lambda: normalized(gamma_regularizer="l2"),
        lambda: normalized(),
        ("norm/gamma", "normalization"),
    ),
    "offset": (
        lambda: normalized(beta_regularizer="l2"),
        lambda: normalized(),
        ("norm/beta", "normalization"),
    ),
    "no prox": (
        lambda: dense(Quartic(), ProximalAdam(0.01)),
        lambda: dense(Quartic(), "adam"),
        (K, "no_prox"),
    ),
    "AdamW and L2": (
        lambda: dense("l2", "adamw"),
        lambda: dense("l2", "adam"),
        (K, "weight_decay"),
    ),
    "AdamW and any growing slope": (
        lambda: dense(Quartic(), "adamw"),
        lambda: dense(None, "adamw"),
        (K, "weight_decay"),
    ),
    "SGD and elastic net": (
        lambda: dense(ElasticNet(0.1), ProximalSGD(0.1, weight_decay=0.1)),
        lambda: dense(ElasticNet(0.1, l1_ratio=1.0), ProximalSGD(0.1, weight_decay=0.1)),
        (K, "weight_decay"),
    ),
    "Muon": (
        lambda: dense("l2", optimizers.Muon()),
        lambda: dense("l2", optimizers.Muon(weight_decay=0.0)),
        (K, "weight_decay"),
    ),
    "decay of an inner optimizer": (
        lambda: dense("l2", scaling(optimizers.AdamW())),
        lambda: dense("l2", scaling(excluding(optimizers.AdamW(), var_names=["kernel"]))),
        (K, "weight_decay"),
    ),
    "interrupted schedule": (
        lambda: with_scale(0.5),
        lambda: with_scale(1.0),
        ("optimizer", "strength_scale"),
    ),
    "a mean over the batch": (
        lambda: dense(activity_regularizer=MeanSquare()),
        lambda: dense(activity_regularizer=L2(0.1)),
        ("dense", "batch_size"),
    ),
    "a norm of the batch": (
        lambda: dense(activity_regularizer=Norm()),
        lambda: dense(activity_regularizer=KLSparsity(), activation="sigmoid"),
        ("dense", "batch_size"),
    ),
}


def paste(line, model):
    exec(line, {"__name__": "__main__", "model": model, "keras": keras, "kerasreg": kerasreg})


def found_in(result):
    return list(result.warnings[["where", "warning"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_found_mended_and_not_found_without_its_cause(case):
    faulty, healthy, expected = CASES[case]
    model = faulty()
    result = audit(model)
    rows = result.warnings
    assert expected in found_in(result)
    assert set(rows["warning"]) == {expected[1]}
    for line in dict.fromkeys(rows["fix"]):
        paste(line, model)
    assert found_in(audit(model)) == []
    assert found_in(audit(healthy())) == []
    if any(v.trainable for v in model.trainable_variables):  # what was mended still trains
        shape = model.input_shape[1:]
        x = np.ones((8, *shape), "float32")
        model.fit(x, np.ones((8, *model.output_shape[1:])), verbose=0)


ZEROS = {
    "SGD": (
        lambda: optimizers.SGD(0.1, momentum=0.9),
        "ProximalSGD(learning_rate=0.1, momentum=0.9)",
    ),
    "Adam": (lambda: optimizers.Adam(2e-3), "ProximalAdam(learning_rate=0.002)"),
    "AdamW": (
        lambda: optimizers.AdamW(1e-3, weight_decay=0.01, clipnorm=1.0),
        "ProximalAdamW(learning_rate=0.001, weight_decay=0.01, clipnorm=1.0)",
    ),
    "RMSprop": (lambda: optimizers.RMSprop(), "ProximalRMSprop(learning_rate=0.001)"),
    "Adagrad": (lambda: optimizers.Adagrad(0.3), "ProximalAdagrad(learning_rate=0.3)"),
    "without a twin": (lambda: optimizers.Nadam(0.02), "ProximalAdam(0.02)"),
    "Ftrl": (lambda: optimizers.Ftrl(0.02), "ProximalAdam(0.02)"),
    "with a schedule": (
        lambda: optimizers.Adam(schedule()),
        "ProximalAdam.from_config(model.optimizer.get_config())",
    ),
    "scaling": (
        lambda: scaling(optimizers.SGD(0.1)),
        "ProximalSGD(learning_rate=0.1)",
    ),
}


@pytest.mark.parametrize(
    ("case", "penalty"),
    [
        *((case, L1(0.3)) for case in ZEROS),
        *(("SGD", penalty) for penalty in (ElasticNet(0.3), GroupLasso(0.3), MCP(0.3))),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_proximal_twin_of_an_optimizer_reaches_zeros(case, penalty):
    make, twin = ZEROS[case]
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, kernel_regularizer=penalty, name="dense")]
    )
    model.compile(
        make(), "mse", metrics=["mae", keras.metrics.MeanSquaredError()], jit_compile=False
    )
    settings = model.optimizer.get_config()
    (row,) = audit(model).warnings.itertuples()
    assert (row.where, row.warning) == (K, "no_exact_zeros")
    assert "0 of the 6 weights of dense/kernel are zero" in row.explanation
    assert f"kerasreg.optimizers.{twin}" in row.fix
    paste(row.fix, model)
    assert found_in(audit(model)) == []
    assert model.get_compile_config()["metrics"][0] == "mae"
    if case in ("SGD", "AdamW", "with a schedule"):
        kept = model.optimizer.get_config()
        assert {k: v for k, v in kept.items() if k != "name"} == {
            k: v for k, v in settings.items() if k != "name"
        }
    x, y = data()
    model.fit(x, np.hstack([y, y]), verbose=0)


def test_ftrl_reaches_zeros_by_its_own_l1():
    ftrl = optimizers.Ftrl(0.1, l1_regularization_strength=0.1)
    assert found_in(audit(dense(L1(0.1), ftrl))) == []


def test_every_optimizer_of_a_multi_optimizer_is_asked():
    adamw = optimizers.AdamW(0.01)
    chosen = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.1), {".*second/.*": adamw})
    )
    first, second = (
        layers.Dense(1, kernel_regularizer="l2", name=name) for name in ("first", "second")
    )
    model = compiled([keras.Input((3,)), first, second], chosen)
    (row,) = audit(model).warnings.itertuples()
    assert (row.where, row.warning) == ("second/kernel", "weight_decay")
    paste(row.fix, model)
    assert adamw.weight_decay == 0
    assert found_in(audit(model)) == []


def test_activity_penalties_that_keras_would_not_divide_by_the_batch_size(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("keras.src.ops.divide_no_nan", lambda total, batch_size: total)
        model = dense(activity_regularizer=L2(0.1))
        result = audit(model)
        assert found_in(result) == [("dense", "batch_size")]
        assert "multiplies the activity penalty of dense by 2 in" in result.warnings.explanation[0]
        assert result.notes == ()
        paste(result.warnings.fix[0], model)
        assert found_in(audit(model)) == []
    (note,) = audit(dense(activity_regularizer=L2(0.1))).notes
    assert note.startswith("This Keras divides activity penalties by the batch size (measured)")


# With data.


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


# Training steps of one's own.


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


# What holds for all of it.


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
