"""Compiling anew, going on, saving, and what else goes along with an optimizer."""

import json

import keras
import numpy as np
import pytest
from keras import regularizers

import kerasreg
from kerasreg.callbacks import RegularizationMonitor
from kerasreg.optimizers import (
    ProximalAdagrad,
    ProximalAdam,
    ProximalAdamW,
    ProximalOptimizer,
    ProximalRMSprop,
    ProximalSGD,
)
from tests.optimizers import proximal_reference as reference
from tests.optimizers.linear_model import (
    IMAGES,
    OPTIMIZERS,
    PROGRAM,
    PROX,
    START,
    N,
    X,
    Y,
    assert_identical,
    assert_same,
    compiled,
    conv_net,
    custom_loop,
    expected,
    fit,
    linear,
    weights_of,
)
from tests.optimizers.proximal_reference import elastic_prox, least_squares, minimize, no_prox


def test_compiling_with_a_plain_optimizer_again_leaves_no_trace():
    def build():
        keras.utils.set_random_seed(1)
        return keras.Sequential(conv_net(kernel=regularizers.L1L2(0.1, 0.1), bias="l2"))

    used, fresh = build(), build()
    used.compile(ProximalAdam(0.01), "mse", jit_compile=PROGRAM)
    fit(used, 5, IMAGES)
    fresh.set_weights(used.get_weights())
    for model in (used, fresh):
        model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=PROGRAM)
    assert_identical(fit(used, 5, IMAGES), fit(fresh, 5, IMAGES))


def test_compiling_with_another_proximal_optimizer():
    model = compiled(ProximalAdam(0.05))
    between = fit(model)
    model.compile(ProximalSGD(0.1), "mse", jit_compile=PROGRAM)
    assert_same(fit(model), expected(start=between))


def test_new_optimizer_knows_nothing_of_what_came_before():
    model = compiled(ProximalAdam(0.05))
    between = fit(model)
    optimizer = ProximalSGD(0.1)
    optimizer.build(model.trainable_variables)
    # The gradients of the fit held the penalty, these do not: no reason to refuse them.
    found = custom_loop(model, optimizer, 12, with_penalties=False)
    assert_same(found, expected(start=between))


def test_two_proximal_optimizers_in_turns():
    model = linear()
    optimizers = ProximalSGD(0.1), ProximalSGD(0.05)
    wanted = START
    for optimizer in optimizers:
        optimizer.build(model.trainable_variables)
    for step in range(6):
        found = custom_loop(model, optimizers[step % 2], 1)
        rate = (0.1, 0.05)[step % 2]
        wanted = minimize(wanted, least_squares(X, Y), PROX, reference.SGD, rate=rate, steps=1)
    assert_same(found, wanted)


def test_several_fits_other_batch_sizes_and_evaluation_in_between():
    model = compiled(ProximalSGD(0.1))
    wanted = START

    def step(rows):
        nonlocal wanted
        gradients = least_squares(X[rows], Y[rows])
        wanted = minimize(wanted, gradients, PROX, reference.SGD, rate=0.1, steps=1)

    for batch_size in (N, 4, 6):
        found = fit(model, 2, batch_size=batch_size, validation_data=(X, Y))
        for _ in range(2):
            for first in range(0, N, batch_size):
                step(slice(first, first + batch_size))
        # The loss that Keras shows has the penalty in it, as under any optimizer.
        mse = np.mean((X @ wanted[0] + wanted[1] - Y) ** 2)
        np.testing.assert_allclose(
            model.evaluate(X, Y, verbose=0), mse + 0.3 * np.abs(wanted[0]).sum(), rtol=1e-5
        )
        assert_same(found, wanted)


@pytest.mark.parametrize("name", ["nesterov", "adam", "rmsprop_momentum"])
def test_saved_in_the_middle_it_continues_as_if_it_had_not_stopped(name, tmp_path):
    model = compiled(OPTIMIZERS[name].make())
    fit(model, 5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert_identical(fit(model, 5), fit(loaded, 5))
    assert_same(weights_of(loaded), expected(name, 10))


@pytest.mark.parametrize(
    "optimizer",
    [
        *(optimizer.make(clipnorm=0.5, use_ema=True) for optimizer in OPTIMIZERS.values()),
        ProximalSGD(0.5, momentum=0.25, nesterov=True, clipnorm=2.0),
        ProximalAdam(0.5, beta_1=0.5, beta_2=0.75, epsilon=0.125, amsgrad=True, use_ema=True),
        ProximalAdamW(0.5, weight_decay=0.25, gradient_accumulation_steps=3),
        ProximalRMSprop(0.5, rho=0.75, momentum=0.5, centered=True, global_clipnorm=1.0),
        ProximalAdagrad(0.5, initial_accumulator_value=0.25, clipvalue=1.0),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_config(optimizer):
    config = optimizer.get_config()
    keras_class = getattr(keras.optimizers, type(optimizer).__name__.removeprefix("Proximal"))
    assert config == keras_class.from_config(config).get_config()
    assert type(optimizer).from_config(config).get_config() == config
    serialized = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    again = keras.optimizers.deserialize(serialized)
    assert type(again) is type(optimizer) and again.get_config() == config


def test_monitor_shows_the_zeros():
    monitor = RegularizationMonitor()
    weights = fit(compiled(ProximalAdam(0.05)), 30, callbacks=[monitor])
    table = monitor.curves.pivot(index="epoch", columns="quantity", values="value")
    # Sums of some ten float32 numbers.
    np.testing.assert_allclose(table["loss"], table["data_loss"] + table["penalty"], rtol=1e-6)
    n_zero = monitor.weights.query("variable == 'dense/kernel'")["n_zero"]
    assert n_zero.iloc[0] == 0
    assert n_zero.iloc[-1] == (weights[0] == 0).sum() > 0
    assert_same(weights, expected("adam", 30))


@pytest.mark.tensorflow
@pytest.mark.parametrize("jit_compile", [True, False])
def test_training_loop_of_kerasreg(jit_compile):
    model, optimizer = linear(), ProximalAdam(0.05)
    settings = {"optimizer": optimizer, "loss": "mse", "batch_size": N, "shuffle": False}
    for _ in range(2):  # the second time its program is there already
        result = kerasreg.training.train(
            model, X, Y, epochs=15, jit_compile=jit_compile, **settings
        )
    assert_same(weights_of(model), expected("adam", 30))
    table = result.curves.pivot(index="epoch", columns="quantity", values="value")
    np.testing.assert_allclose(table["loss"], table["data_loss"] + table["penalty"], rtol=1e-6)
    n_zero = result.weights.query("variable == 'dense/kernel'")["n_zero"].iloc[-1]
    assert n_zero == (expected("adam", 30)[0] == 0).sum() > 0


def test_strength_scale_multiplies_the_strengths():
    optimizer = ProximalSGD(0.1)
    model = compiled(optimizer)
    optimizer.build(model.trainable_variables)
    optimizer.strength_scale.assign(0.5)
    assert_same(fit(model), expected(proxes=[elastic_prox(l1=0.15), no_prox]))


def test_optimizer_of_the_users_own():
    class ProximalAdamax(ProximalOptimizer, keras.optimizers.Adamax):
        def _step_size(self, index, learning_rate):
            return learning_rate / (self._u[index] + self.epsilon)

    weights = fit(compiled(ProximalAdamax(0.05)), 60)
    assert (weights[0] == 0).any() and (weights[0] != 0).any()
