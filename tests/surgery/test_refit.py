"""The relaxed lasso: against least squares on the support, with every optimizer."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import MCP
from kerasreg.surgery import fixed_support, refit_support
from kerasreg.variables import values_of

L1 = keras.regularizers.L1
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 6)).astype("float32")
Y = (X[:, :1] - 2 * X[:, 1:2] + 0.1 * RANDOM.normal(size=(60, 1))).astype("float32")

# Twenty steps of all rows in an epoch: what `fit` does once an epoch takes longer than a step.
TWENTY_TIMES = np.tile(X, (20, 1)), np.tile(Y, (20, 1))
STEPS = {"batch_size": 60, "shuffle": False, "verbose": 0}


def lasso(optimizer=None, strength=0.5, **arguments):
    dense = layers.Dense(1, kernel_regularizer=L1(strength), use_bias=False, **arguments)
    model = keras.Sequential([keras.Input((6,)), dense])
    model.compile(optimizer or ProximalSGD(0.1), "mse")
    model.fit(*TWENTY_TIMES, epochs=3, **STEPS)
    return model


def kernel(model):
    return values_of(model.layers[0].kernel).copy()


def least_squares(columns):
    w = np.zeros((6, 1))
    w[columns] = np.linalg.lstsq(X[:, columns].astype("float64"), Y.astype("float64"))[0]
    return w


OPTIMIZERS = {
    "plain": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.03),
    "adamw": lambda: keras.optimizers.AdamW(0.03, weight_decay=0.0),
    "averaged": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "accumulated": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
    "proximal": lambda: ProximalSGD(0.1),
    "proximal adam": lambda: ProximalAdam(0.03),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_least_squares_on_the_support(name):
    model = lasso()
    shrunk = kernel(model)
    columns = np.flatnonzero(shrunk)
    assert columns.tolist() == [0, 1]
    refit_support(model, *TWENTY_TIMES, optimizer=OPTIMIZERS[name](), epochs=20, **STEPS)
    # Adam goes round the minimum at a distance in proportion to its learning rate.
    np.testing.assert_allclose(kernel(model), least_squares(columns), atol=2e-4)
    assert np.array_equal(np.flatnonzero(kernel(model)), columns)
    # What the bias of L1 was: half of λ for each unit of variance.
    assert np.abs(shrunk).sum() < np.abs(kernel(model)).sum() - 0.3


def test_a_part_of_the_penalty_is_left():
    model = lasso()
    refit_support(model, *TWENTY_TIMES, relaxation=0.25, epochs=10, **STEPS)
    columns = [0, 1]
    # Stationary: 2/n Xᵀ(Xw − y) = −relaxation·λ·sign(w) on the support.
    w = kernel(model)[columns]
    gradient = 2 / 60 * X[:, columns].T @ (X[:, columns] @ w - Y)
    np.testing.assert_allclose(gradient, -0.25 * 0.5 * np.sign(w), atol=1e-5)
    assert np.count_nonzero(kernel(model)) == 2


def test_mcp_keeps_its_other_settings_when_relaxed():
    model = lasso()
    model.layers[0].kernel.regularizer = MCP(0.5, gamma=3.0)
    seen = []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.layers[0].kernel.regularizer)
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    refit_support(model, X, Y, relaxation=0.5, verbose=0, callbacks=[record])
    assert seen[0].get_config() == {"strength": 0.25, "gamma": 3.0}


def test_everything_else_is_as_before():
    model = lasso(ProximalSGD(0.1, momentum=0.5))
    optimizer, penalty = model.optimizer, model.layers[0].kernel.regularizer
    state = [values_of(v).copy() for v in optimizer.variables]
    history = refit_support(model, X, Y, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 3
    assert model.optimizer is optimizer and model.layers[0].kernel.regularizer is penalty
    assert all(map(np.array_equal, state, map(values_of, optimizer.variables)))
    assert model.layers[0].kernel.constraint is None
    assert float(model.losses[0]) == pytest.approx(0.5 * np.abs(kernel(model)).sum(), rel=1e-6)
    # And the penalty works on, from where the refit has left the weights.
    model.fit(*TWENTY_TIMES, epochs=3, **STEPS)
    np.testing.assert_allclose(kernel(model), kernel(lasso()), atol=1e-4)


def test_an_interrupted_refit_puts_everything_back():
    model = lasso()
    optimizer, penalty = model.optimizer, model.layers[0].kernel.regularizer

    def stop(epoch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refit_support(
            model, X, Y, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=stop)]
        )
    assert model.optimizer is optimizer and model.layers[0].kernel.regularizer is penalty
    assert model.layers[0].kernel.constraint is None


def test_a_constraint_of_the_layer_still_holds():
    model = lasso(kernel_constraint=keras.constraints.NonNeg())
    columns = np.flatnonzero(kernel(model))
    assert 0 < len(columns) < 6 and kernel(model).min() == 0
    refit_support(
        model, TWENTY_TIMES[0], -TWENTY_TIMES[1], epochs=10, **STEPS
    )  # all that is wanted now < 0
    held = [column for column in range(6) if column not in columns]
    assert kernel(model).min() == 0 and not kernel(model)[held].any()


def test_activity_penalties_are_gone_too():
    model = lasso(activity_regularizer=keras.regularizers.L2(0.5))
    refit_support(model, *TWENTY_TIMES, epochs=10, **STEPS)
    columns = np.flatnonzero(kernel(model))
    np.testing.assert_allclose(kernel(model), least_squares(columns), atol=1e-4)
    assert model.layers[0].activity_regularizer is not None


def test_biases_are_free_and_kernels_without_regularizer_are_held():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(1)])
    first, second = values_of(model.layers[0].kernel).copy(), kernel_of(model.layers[1])
    first[:, 1], second[2] = 0, 0
    model.layers[0].kernel.assign(first)
    model.layers[1].kernel.assign(second)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    refit_support(model, X, Y + 3, epochs=3, verbose=0)
    assert not kernel_of(model.layers[0])[:, 1].any() and not kernel_of(model.layers[1])[2].any()
    assert np.count_nonzero(kernel_of(model.layers[0])) == 18
    assert (
        np.count_nonzero(values_of(model.layers[0].bias)) == 3
    )  # the second unit reaches nothing…
    assert values_of(model.layers[1].bias).all()


def kernel_of(layer):
    return values_of(layer.kernel).copy()


@pytest.mark.tensorflow
def test_the_own_loop_holds_the_support_too():
    from kerasreg.training import train

    model, optimizer = lasso(), keras.optimizers.Adam(0.01)

    def trained_on():
        train(model, X, Y, loss="mse", optimizer=optimizer, epochs=3, seed=0)
        return np.flatnonzero(kernel(model)).tolist()

    with fixed_support(model):
        assert trained_on() == [0, 1]
    # The programs of the same optimizer learn that the constraint is gone, and that it is back.
    sparse = model.get_weights()
    assert trained_on() == [0, 1, 2, 3, 4, 5]
    model.set_weights(sparse)
    with fixed_support(model):
        assert trained_on() == [0, 1]


@pytest.mark.parametrize("optimizer", [ProximalAdam, keras.optimizers.Adam])
def test_an_optimizer_that_is_not_built_yet_stays_so(optimizer):
    model = lasso()
    model.compile(optimizer(0.01), "mse")
    refit_support(model, X, Y, epochs=1, verbose=0)
    assert not model.optimizer.built
    model.fit(X, Y, epochs=1, verbose=0)
    assert int(values_of(model.optimizer.iterations)) == 2


def test_biases_with_two_axes_and_kernels_that_start_at_zero_are_free():
    inputs = keras.Input((3, 2))
    hidden = layers.GRU(4, name="gru")(inputs)
    head = layers.Dense(1, kernel_initializer="zeros", name="head")
    model = keras.Model(inputs, head(hidden))
    cell = model.get_layer("gru").cell
    first = values_of(cell.kernel).copy()
    first[0, 0] = 0
    cell.kernel.assign(first)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    refit_support(model, X.reshape(60, 3, 2), Y, epochs=2, verbose=0)
    assert values_of(cell.kernel)[0, 0] == 0 and np.count_nonzero(values_of(cell.kernel)) == 23
    assert values_of(cell.bias).any() and values_of(head.kernel).all()


def test_frozen_weights_do_not_count():
    model = lasso()
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match="has no exact zeros"), fixed_support(model):
        pass


def test_errors():
    model = lasso(keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError) as raised:
        refit_support(model, X, Y)
    assert str(raised.value) == (
        "The model 'sequential' has no exact zeros, so there is no support to hold. Regularizers "
        "give zeros with a proximal optimizer: "
        "`model.compile(kerasreg.optimizers.ProximalAdam(1e-3), loss)`"
    )
    with pytest.raises(ValueError) as raised:
        refit_support(model, X, Y, relaxation=1.5)
    assert str(raised.value) == (
        "Invalid value for argument `relaxation`: expected a finite float between 0 and 1. "
        "Received: relaxation=1.5"
    )
    with pytest.raises(ValueError) as raised:
        refit_support(model, X, Y, optimizer="adm")
    assert str(raised.value) == (
        "Invalid value for argument `optimizer`: expected the name or an instance of a Keras "
        "optimizer. Received: optimizer='adm'. Did you mean 'adam'?"
    )
    with pytest.raises(ValueError) as raised:
        refit_support(keras.Sequential([keras.Input((6,)), layers.Dense(1)]), X, Y)
    assert str(raised.value) == (
        "The model 'sequential_1' is not compiled, so its loss is not known. Compile it: "
        '`model.compile("adam", loss)`'
    )
