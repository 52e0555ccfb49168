"""Clipping, decay, schedules, averages, accumulation and precision, as in Keras."""

import itertools

import keras
import numpy as np
import pytest

from kerasreg.optimizers import (
    ProximalAdam,
    ProximalAdamW,
    ProximalSGD,
)
from tests.optimizers import proximal_reference as reference
from tests.optimizers.linear_model import (
    BACKEND,
    OPTIMIZERS,
    PENALTIES,
    PROGRAM,
    PROX,
    START,
    UNBUILT,
    N,
    X,
    Y,
    assert_identical,
    assert_same,
    compiled,
    expected,
    fit,
    linear,
    weights_of,
)
from tests.optimizers.proximal_reference import least_squares, minimize, no_prox


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "rmsprop_momentum"])
@pytest.mark.parametrize(
    ("setting", "clip"),
    [
        ({"clipnorm": 0.3}, reference.by_norm(0.3)),
        ({"global_clipnorm": 0.5}, reference.by_global_norm(0.5)),
        ({"clipvalue": 0.2}, reference.by_value(0.2)),
    ],
    ids=["clipnorm", "global_clipnorm", "clipvalue"],
)
def test_clipping_acts_on_the_data_gradient(name, setting, clip):
    weights = fit(compiled(OPTIMIZERS[name].make(**setting)))
    assert_same(weights, expected(name, clip=clip))
    # It does something here.
    assert np.abs(weights[0] - expected(name)[0]).max() > 1e-2


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_weight_decay_comes_before_the_step(name, penalty):
    regularizer, prox = PENALTIES[penalty]
    make = {"sgd": ProximalSGD, "adam": ProximalAdamW}[name]
    weights = fit(compiled(make(OPTIMIZERS[name].rate, weight_decay=0.5), regularizer))
    assert_same(weights, expected(name, proxes=[prox, no_prox], weight_decay=0.5))


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_learning_rate_schedule(name):
    # The rate of a step is also that of its prox.
    schedule = keras.optimizers.schedules.ExponentialDecay(OPTIMIZERS[name].rate, 3, 0.5)
    make, settings = {
        "sgd": (ProximalSGD, {}),
        "nesterov": (ProximalSGD, {"momentum": 0.8, "nesterov": True}),
        "adam": (ProximalAdam, {}),
    }[name]
    weights = fit(compiled(make(schedule, **settings)))
    assert_same(
        weights, expected(name, rate=lambda step: OPTIMIZERS[name].rate * 0.5 ** (step / 3))
    )


def test_learning_rate_that_a_callback_sets():
    def rate(epoch):
        return 0.1 / (1 + epoch)

    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, _: rate(epoch))
    weights = fit(compiled(ProximalSGD(0.5)), callbacks=[scheduler])
    assert_same(weights, expected(rate=rate))


@pytest.mark.parametrize("overwrite_every", [None, 4])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_average_of_the_weights_has_exact_zeros(name, overwrite_every):
    optimizer = OPTIMIZERS[name].make(
        use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=overwrite_every
    )
    # Fit leaves the average in the model.
    weights = fit(compiled(optimizer), 30)
    wanted = expected(name, 30, average=0.7, overwrite_every=overwrite_every)
    assert_same(weights, wanted)
    assert (weights[0] == 0).any() and (weights[0] != 0).any()


@pytest.mark.parametrize("setting", [{}, {"clipnorm": 0.3}], ids=str)
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_accumulated_gradients_are_one_step_on_the_whole_batch(name, setting):
    optimizer = OPTIMIZERS[name].make(gradient_accumulation_steps=4, **setting)
    model = compiled(optimizer, PENALTIES["L1L2"][0])
    seen = [weights_of(model)]
    for _ in range(6):
        for rows in np.split(np.arange(N), 4):
            model.train_on_batch(X[rows], Y[rows])
            seen.append(weights_of(model))
    for step, (before, after) in enumerate(itertools.pairwise(seen)):
        if step % 4 < 3:
            assert_identical(before, after)
    clip = {"clip": reference.by_norm(0.3)} if setting else {}
    assert_same(seen[-1], expected(name, 6, [PENALTIES["L1L2"][1], no_prox], **clip))


@pytest.mark.parametrize(
    "settings",
    [
        {"jit_compile": True},
        {"jit_compile": False},
        {"steps_per_execution": 4},
        {"run_eagerly": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_kinds_of_execution(name, settings):
    if BACKEND == "torch" and not settings.get("run_eagerly"):
        pytest.skip("Keras runs PyTorch eagerly unless jit_compile, which warns, is set")
    model = compiled(OPTIMIZERS[name].make(), **{"jit_compile": "auto", **settings})
    if settings.get("run_eagerly"):
        model.optimizer.build(model.trainable_variables)
    four = np.tile(X, (4, 1)), np.tile(Y, (4, 1))
    assert_same(fit(model, 3, *four, batch_size=N), expected(name))


@pytest.mark.tensorflow
def test_eager_fit_of_an_unbuilt_optimizer_is_refused():
    model = compiled(ProximalAdam(), run_eagerly=True)
    with pytest.raises(RuntimeError) as caught:
        fit(model)
    assert str(caught.value) == UNBUILT
    model.optimizer.build(model.trainable_variables)
    fit(model)


def test_mixed_precision_with_loss_scaling():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = linear(PENALTIES["L1L2"][0])
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(ProximalSGD(0.1), "mse", jit_compile=PROGRAM)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    weights = fit(model, 60)
    # The model computes in half precision, 11 bits: a gradient is right to about 1e-3. The first
    # steps are skipped, as the loss scale at the start is too large; near the minimum that is over.
    wanted = expected("sgd", 60, [PENALTIES["L1L2"][1], no_prox])
    assert_same(weights, wanted, atol=2e-3)
    assert (weights[0] == 0).any()


def test_fixed_loss_scale():
    weights = fit(compiled(ProximalAdam(0.05, loss_scale_factor=64.0)))
    assert_same(weights, expected("adam"))


def test_constraints_act_after_the_prox():
    model = compiled(ProximalSGD(0.1))
    model.layers[0].kernel.constraint = keras.constraints.NonNeg()
    wanted = START
    for _ in range(5):
        wanted = minimize(wanted, least_squares(X, Y), PROX, reference.SGD, rate=0.1, steps=1)
        wanted[0] = np.maximum(wanted[0], 0)
    assert_same(fit(model, 5), wanted)
