"""Every warning of an audit: that it appears, that its fix ends it, and not without its cause."""

import keras
import numpy as np
import pytest
from keras import layers, ops, optimizers

from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import MCP, ElasticNet, GroupLasso, KLSparsity
from kerasreg.surgery.auditing.report import audit
from tests.surgery.audited_models import (
    L1,
    L2,
    B,
    K,
    MeanSquare,
    Quartic,
    after,
    attention,
    compiled,
    data,
    dense,
    found_in,
    paste,
    scaling,
)


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


def in_time(outer=None, inner=None):
    wrapped = layers.Dense(2, activity_regularizer=inner)
    wrapper = layers.TimeDistributed(wrapped, activity_regularizer=outer, name="wrapper")
    return compiled([keras.Input((4, 3)), wrapper])


def recurrent(regularizer):
    return compiled(
        [keras.Input((4, 3)), layers.SimpleRNN(2, activity_regularizer=regularizer, name="rnn")]
    )


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


def schedule():
    return optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)


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


@keras.saving.register_keras_serializable(package="test_audit")
class SignDescent(optimizers.Optimizer):
    """An optimizer of the user's own."""

    def update_step(self, gradient, variable, learning_rate):
        step = keras.ops.cast(learning_rate, variable.dtype) * keras.ops.sign(gradient)
        self.assign_sub(variable, step)


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
    "without a twin": (lambda: SignDescent(0.02), "ProximalAdam(0.02)"),
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
