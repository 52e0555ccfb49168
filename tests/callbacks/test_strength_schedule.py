import math
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
from kerasreg.loss_hook import LossHook
from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import (
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    KLSparsity,
    scaled_regularizer,
)
from kerasreg.variables import values_of

IS_TENSORFLOW = keras.backend.backend() == "tensorflow"
X = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
Y = X[:, :1] * 2 - X[:, 1:2]
# Strengths are multiplied in float32 here and by Python there: some units in the last place.
PARITY = 1e-6


PENALTIES = [
    regularizers.L1L2(1e-2, 2e-2),
    ElasticNet(5e-2, l1_ratio=0.5),
    GroupLasso(3e-2),
    MCP(0.1, gamma=2.0),
]


def build(scale=1.0, penalties=PENALTIES):
    """A network in which each layer has another penalty, at `scale` times its strength."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    tensor = inputs = keras.Input((6,))
    for penalty in penalties:
        tensor = layers.Dense(
            5,
            "tanh",
            kernel_regularizer=scaled_regularizer(penalty, scale),
            activity_regularizer=scaled_regularizer(regularizers.L2(1e-2), scale),
        )(tensor)
    return keras.Model(inputs, layers.Dense(1)(tensor))


def compiled(optimizer=None, scale=1.0, penalties=PENALTIES[-1:], **settings):
    model = build(scale, penalties)
    model.compile(ProximalAdam(0.02) if optimizer is None else optimizer, "mse", **settings)
    return model


def fit(model, *callbacks, **settings):
    settings = {"epochs": 3, "batch_size": 32, "verbose": 0, "shuffle": False, **settings}
    return model.fit(X, Y, callbacks=list(callbacks), **settings).history


def weights_of(model):
    return [values_of(weight).copy() for weight in model.weights]


def assert_equal_weights(model, expected, atol=0.0):
    for weight, values in zip(model.weights, expected, strict=True):
        np.testing.assert_allclose(values_of(weight), values, rtol=0, atol=atol)


def curves_of(monitor):
    return monitor.curves.set_index(["epoch", "split", "quantity"])["value"]


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.02, epsilon=1e-3),
    "ProximalAdam": lambda: ProximalAdam(0.02, epsilon=1e-3),
    "ProximalSGD": lambda: ProximalSGD(0.1, momentum=0.5),
    "clipped": lambda: ProximalSGD(0.1, clipnorm=0.3),
    "scaled loss": lambda: keras.optimizers.LossScaleOptimizer(ProximalSGD(0.1), 2.0**10),
}


@pytest.mark.parametrize(
    ("optimizer", "jit_compile"),
    [
        *[(optimizer, not IS_TENSORFLOW) for optimizer in OPTIMIZERS],
        *[(optimizer, True) for optimizer in ("Adam", "ProximalAdam") if IS_TENSORFLOW],
    ],
)
def test_constant_schedule_is_the_model_with_scaled_regularizers(optimizer, jit_compile):
    tables, weights = [], []
    for scale, schedules in ((0.3, []), (1.0, [StrengthSchedule(lambda epoch: 0.3)])):
        model = compiled(OPTIMIZERS[optimizer](), scale, PENALTIES, jit_compile=jit_compile)
        monitor = RegularizationMonitor()
        fit(model, monitor, *schedules, validation_data=(X[:40], Y[:40]))
        tables.append(curves_of(monitor))
        weights.append(weights_of(model))
    for scaled, scheduled in zip(*weights, strict=True):
        np.testing.assert_allclose(scheduled, scaled, rtol=0, atol=PARITY)
        assert np.array_equal(scheduled == 0, scaled == 0)
    scaled, scheduled = tables
    assert (scheduled.xs("strength_scale", level="quantity") == 0.3).all()
    np.testing.assert_allclose(scheduled[scaled.index], scaled, rtol=1e-5)
    assert len(scheduled) == len(scaled) + 3


def regression(optimizer, penalty):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(1, kernel_regularizer=penalty, kernel_initializer="ones", use_bias=False),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def descent(scales, batch_size, step):
    """NumPy's descent with one scale for each batch; `step(w, gradient, scale)` is the update."""
    x, y = X.astype("float64"), Y.astype("float64")
    w = np.ones((6, 1))
    n_batches = len(x) // batch_size
    for number, scale in enumerate(scales):
        rows = slice(number % n_batches * batch_size, (number % n_batches + 1) * batch_size)
        gradient = 2 * x[rows].T @ (x[rows] @ w - y[rows]) / batch_size
        w = step(w, gradient, scale)
    return w


def proximal_step(w, gradient, scale):
    u = w - 0.05 * gradient
    return np.sign(u) * np.maximum(np.abs(u) - 0.05 * 0.5 * scale, 0)


def gradient_step(w, gradient, scale):
    return w - 0.05 * (gradient + 2 * 0.5 * scale * w)


@pytest.mark.parametrize(
    ("optimizer", "penalty", "step"),
    [
        (ProximalSGD, regularizers.L1(0.5), proximal_step),
        (keras.optimizers.SGD, regularizers.L2(0.5), gradient_step),
    ],
    ids=["proximal", "gradient"],
)
@pytest.mark.parametrize("by", ["epoch", "step"])
def test_changing_schedule_is_the_descent_in_numpy(by, optimizer, penalty, step):
    schedule = keras.optimizers.schedules.PolynomialDecay(0.0, 4, 1.0, power=1)
    model = regression(optimizer(0.05), penalty)
    history = fit(model, StrengthSchedule(schedule, by), epochs=6, batch_size=32)
    t = np.arange(6 * 3) if by == "step" else np.repeat(np.arange(6), 3)
    scales = np.minimum(t / 4, 1)
    expected = descent(scales, 32, step)
    np.testing.assert_allclose(values_of(model.weights[0]), expected, rtol=0, atol=PARITY)
    np.testing.assert_allclose(history["strength_scale"], scales[2::3], rtol=1e-7)


def test_steps_per_execution_takes_the_scale_of_its_first_batch():
    model = regression(ProximalSGD(0.05), regularizers.L1(0.5))
    model.compile(model.optimizer, "mse", steps_per_execution=2)
    fit(model, StrengthSchedule(lambda step: 0.2 * step, by="step"), epochs=2)
    # Executions of 2 batches and of the 1 that is left; the second epoch counts from 3.
    expected = descent([0, 0, 0.4, 0.6, 0.6, 1.0], 32, proximal_step)
    np.testing.assert_allclose(values_of(model.weights[0]), expected, rtol=0, atol=PARITY)


def test_gradient_accumulation_counts_batches():
    seen = []

    def schedule(step):
        seen.append(step)
        return 1.0

    model = compiled(ProximalSGD(0.05, gradient_accumulation_steps=3))
    fit(model, StrengthSchedule(schedule, by="step"), epochs=2, batch_size=24)
    seen.clear()
    fit(model, StrengthSchedule(schedule, by="step"), epochs=1, batch_size=24)
    assert (min(seen), max(seen)) == (8, 11)


def test_unknown_number_of_batches():
    def batches():
        for number in range(9):
            rows = slice(number % 3 * 32, (number % 3 + 1) * 32)
            yield X[rows], Y[rows]

    model = regression(ProximalSGD(0.05), regularizers.L1(0.5))
    schedule = StrengthSchedule(lambda step: 0.2 * step, by="step")
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(batches(), epochs=1, verbose=0, shuffle=False, callbacks=[schedule])
    expected = descent(0.2 * np.arange(9), 32, proximal_step)
    np.testing.assert_allclose(values_of(model.weights[0]), expected, rtol=0, atol=PARITY)


class Counting(layers.Dense):
    n_calls = 0

    def call(self, inputs):
        type(self).n_calls += 1
        return super().call(inputs)


@pytest.mark.parametrize("by", ["epoch", "step"])
def test_one_trace_for_all_values(by):
    calls = []
    for schedules in ([], [StrengthSchedule(lambda number: 1 / (1 + number), by)]):
        keras.utils.clear_session()
        model = keras.Sequential([keras.Input((6,)), Counting(1, kernel_regularizer="l1")])
        model.compile(ProximalSGD(0.05), "mse")
        fit(model, epochs=1, batch_size=32)  # builds what TensorFlow traces twice for
        model.train_function = None
        Counting.n_calls = 0
        fit(model, *schedules, epochs=5, batch_size=32)
        calls.append(Counting.n_calls)
    assert calls[0] == calls[1] > 0


@pytest.mark.parametrize("by", ["epoch", "step"])
def test_resumed_after_loading_is_the_uninterrupted_fit(by, tmp_path):
    def schedule():
        return StrengthSchedule(lambda number: 0.2 * number, by)

    uninterrupted = compiled()
    history = fit(uninterrupted, schedule(), epochs=4)
    model = compiled()
    fit(model, schedule(), epochs=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    resumed = fit(loaded, schedule(), epochs=4, initial_epoch=2)
    assert resumed["strength_scale"] == history["strength_scale"][2:]
    assert_equal_weights(loaded, weights_of(uninterrupted), atol=PARITY)


def test_model_saved_in_the_middle_trains_without_a_schedule_as_ever(tmp_path):
    path = tmp_path / "epoch-{epoch}.keras"
    model, expected = compiled(), compiled()
    fit(
        model,
        StrengthSchedule(lambda epoch: 0.2),
        keras.callbacks.ModelCheckpoint(path),
        epochs=1,
    )
    fit(expected, StrengthSchedule(lambda epoch: 0.2), epochs=1)
    loaded = keras.models.load_model(tmp_path / "epoch-1.keras")
    assert values_of(loaded.optimizer.strength_scale) == 1
    assert len(loaded.metrics) == len(expected.metrics)
    fit(loaded)
    fit(expected)
    assert_equal_weights(loaded, weights_of(expected), atol=PARITY)


@pytest.mark.parametrize("optimizer", ["Adam", "ProximalAdam"])
def test_later_fit_without_a_schedule_is_as_if_there_had_been_none(optimizer):
    model = compiled(OPTIMIZERS[optimizer]())
    fit(model)  # traced, and its penalties marked
    program = model.train_function
    fit(model, StrengthSchedule(lambda step: 0.1 * step, by="step"))
    start = weights_of(model), [values_of(v).copy() for v in model.optimizer.variables]
    assert model.train_function is program
    assert not {"compute_loss", "make_train_function", "make_test_function"} & vars(model).keys()
    assert [metric.name for metric in model.metrics] == ["loss"]

    def weights_after(model):
        fit(model)
        return weights_of(model)

    def continued(model):
        for weight, value in zip(model.weights, start[0], strict=True):
            weight.assign(value)
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(model.optimizer.variables, start[1], strict=True):
            variable.assign(value)
        return model

    expected = weights_after(continued(compiled(OPTIMIZERS[optimizer]())))
    assert_equal_weights(continued(model), start[0])
    for after in (weights_after(model), weights_after(continued(model))):
        for a, b in zip(after, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    # The marks are those of a model that was trained: gradients without penalties are refused.
    if optimizer == "ProximalAdam" and IS_TENSORFLOW:
        with pytest.raises(RuntimeError, match="was in earlier ones and is not in these"):
            model.optimizer.apply([ops.zeros_like(v) for v in model.trainable_variables])


def test_first_fit_with_a_schedule_and_the_next_without():
    model, expected = compiled(), compiled()
    fit(model, StrengthSchedule(lambda epoch: 1.0))
    fit(expected)
    assert_equal_weights(model, weights_of(expected), atol=PARITY)
    fit(model)
    fit(expected)
    assert_equal_weights(model, weights_of(expected), atol=PARITY)


def test_compiled_anew_with_another_optimizer():
    model = compiled()
    fit(model, StrengthSchedule(lambda epoch: 0.3))
    reference = compiled(keras.optimizers.SGD(0.1), scale=0.3)
    reference.set_weights(weights_of(model))
    model.compile(keras.optimizers.SGD(0.1), "mse")  # the gates of the proximal one are left
    fit(model, StrengthSchedule(lambda epoch: 0.3))
    fit(reference)
    assert_equal_weights(model, weights_of(reference), atol=PARITY)


def test_monitor_before_and_after_the_schedule():
    tables = []
    for monitor_first in (True, False):
        monitor = RegularizationMonitor()
        schedule = StrengthSchedule(lambda step: 0.2 * step, by="step")
        callbacks = [monitor, schedule] if monitor_first else [schedule, monitor]
        model = compiled()
        history = fit(model, *callbacks, validation_data=(X, Y))
        assert "compute_loss" not in vars(model)
        tables.append(monitor.curves)
        curves = monitor.curves.pivot(index=["epoch", "split"], columns="quantity", values="value")
        np.testing.assert_allclose(
            curves["loss"], curves["data_loss"] + curves["penalty"], rtol=1e-6
        )
        parts = curves[[name for name in curves if name.startswith("penalty/")]]
        assert parts.shape[1] == 2
        np.testing.assert_allclose(curves["penalty"], parts.sum(axis=1), rtol=1e-12)
        train, validation = (curves.xs(split, level="split") for split in ("train", "validation"))
        np.testing.assert_allclose(train["loss"], history["loss"], rtol=1e-7)
        np.testing.assert_allclose(validation["loss"], history["val_loss"], rtol=1e-7)
        assert train["strength_scale"].tolist() == [0.4, 1.0, 1.6]
        assert history["strength_scale"] == [0.4, 1.0, 1.6]
        assert validation["strength_scale"].isna().all()
    assert tables[0].equals(tables[1])


def test_penalties_that_are_shown_against_numpy():
    monitor = RegularizationMonitor()
    model = compiled(ProximalSGD(0.0), penalties=PENALTIES)
    schedule = StrengthSchedule(lambda epoch: 0.3)
    fit(model, monitor, schedule, epochs=1, batch_size=96)
    curves = curves_of(monitor)
    kernels = [values_of(layer.kernel).astype("float64") for layer in model.layers[1:]]
    expected = {
        "dense/kernel": 0.3 * (0.01 * np.abs(kernels[0]).sum() + 0.02 * (kernels[0] ** 2).sum()),
        "dense_1/kernel": 0.3 * 0.05 * (np.abs(kernels[1]) / 2 + kernels[1] ** 2 / 4).sum(),
        "dense_2/kernel": 0.3 * 0.03 * 5**0.5 * np.linalg.norm(kernels[2], axis=0).sum(),
        "dense_3/kernel": np.where(
            np.abs(kernels[3]) <= 2 * 0.03,
            0.03 * np.abs(kernels[3]) - kernels[3] ** 2 / 4,
            0.03**2,
        ).sum(),
        "dense": 0.3 * 0.01 * (np.tanh(X @ kernels[0]) ** 2).sum() / 96,
    }
    for name, value in expected.items():
        shown = curves[1, "train", f"penalty/{name}"]
        np.testing.assert_allclose(shown, value, rtol=1e-5, err_msg=name)


def test_evaluation_in_fit_is_scaled_and_after_it_is_not():
    model, monitor = compiled(keras.optimizers.SGD(0.0)), RegularizationMonitor()
    schedule = StrengthSchedule(lambda epoch: 0.5**epoch)
    seen = []
    evaluating = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.evaluate(X, Y, verbose=0))
    )
    history = fit(model, monitor, schedule, evaluating, validation_data=(X, Y))
    table = curves_of(monitor)
    penalties = table.xs("penalty", level="quantity").xs("validation", level="split").to_numpy()
    # MCP falls less than its strength: its weights are partly beyond γ·λ.
    assert history["val_loss"][0] > history["val_loss"][1] > history["val_loss"][2]
    after = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(after, history["val_loss"][0], rtol=1e-6)
    # Who evaluates inside a fit on his own has the objective as it is, and disturbs nothing.
    np.testing.assert_allclose(seen, after, rtol=1e-6)
    data_loss = table[1, "validation", "data_loss"]
    np.testing.assert_allclose(history["val_loss"], data_loss + penalties, rtol=1e-6)


class StopInSecondEpoch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(values_of(self.model.optimizer._iterations)) >= 4 or self.epoch:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch


@pytest.mark.parametrize("following", ["plain", "evaluate", "scheduled", "same", "monitored"])
def test_interrupted_fit_leaves_no_harm(following):
    model, reference = compiled(), compiled()
    schedule, monitor = StrengthSchedule(lambda epoch: 0.2), RegularizationMonitor()
    with pytest.raises(KeyboardInterrupt):
        fit(model, schedule, monitor, StopInSecondEpoch())
    reference.set_weights(weights_of(model))
    reference.optimizer.build(reference.trainable_variables)
    state = [values_of(v).copy() for v in model.optimizer.variables]
    for variable, value in zip(reference.optimizer.variables, state, strict=True):
        variable.assign(value)
    reference.optimizer.strength_scale.assign(1.0)
    if following == "evaluate":
        np.testing.assert_allclose(
            model.evaluate(X, Y, verbose=0), reference.evaluate(X, Y, verbose=0), rtol=1e-6
        )
        return
    table = None
    callbacks = {
        "plain": list,
        "scheduled": lambda: [StrengthSchedule(lambda epoch: 0.4)],
        "same": lambda: [schedule],
        "monitored": lambda: [table],
    }[following]
    if following == "monitored":
        table = RegularizationMonitor()
    fit(model, *callbacks())
    if following != "plain":
        assert "compute_loss" not in vars(model)
        assert [metric.name for metric in model.metrics] == ["loss"]
    if following == "same":
        schedule = StrengthSchedule(lambda epoch: 0.2)
    fit(reference, *callbacks())
    assert_equal_weights(model, weights_of(reference), atol=PARITY)


def test_regularizers_of_which_nothing_is_known_and_added_losses():
    class Adding(layers.Layer):
        def call(self, inputs):
            self.add_loss(0.5 * ops.mean(inputs**2))
            return inputs

    def square(w):
        return 0.5 * ops.sum(ops.square(w))

    model = keras.Sequential(
        [
            keras.Input((6,)),
            Adding(),
            layers.Dense(3, kernel_regularizer=square, activity_regularizer=square),
            layers.Dense(1, activity_regularizer=KLSparsity(0.1, 0.5)),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    tables = []
    for schedules in ([], [StrengthSchedule(lambda epoch: 0.25)]):
        monitor = RegularizationMonitor()
        fit(model, monitor, *schedules, epochs=1, batch_size=96)
        tables.append(curves_of(monitor)[1, "train"])
    plain, scaled = tables
    np.testing.assert_allclose(scaled["penalty/adding"], plain["penalty/adding"], rtol=1e-6)
    for name in ("dense/kernel", "dense", "dense_1"):
        expected = 0.25 * plain[f"penalty/{name}"]
        np.testing.assert_allclose(scaled[f"penalty/{name}"], expected, rtol=1e-6, err_msg=name)
        assert expected > 0


def test_weight_without_data_gradient_still_has_its_prox():
    class WithUnused(layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.unused = self.add_weight(shape=(2,), initializer="ones", regularizer="l1")

    model = keras.Sequential([keras.Input((6,)), WithUnused(1)])
    model.compile(ProximalSGD(1.0), "mse")
    fit(model, StrengthSchedule(lambda epoch: 0.5), epochs=2)
    # Six steps of length learning_rate · strength, where "l1" is 0.01.
    np.testing.assert_allclose(values_of(model.layers[0].unused), 1 - 6 * 0.005, rtol=1e-6)


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("optimizer", [ProximalSGD, keras.optimizers.SGD])
def test_model_that_is_built_by_its_first_step(optimizer, run_eagerly):
    def model():
        keras.utils.set_random_seed(2)
        dense = layers.Dense(5, "tanh", kernel_regularizer=ElasticNet(0.1))
        model = keras.Sequential([dense, layers.Dense(1)])
        model.compile(optimizer(0.1), "mse", run_eagerly=run_eagerly)
        return model

    unbuilt, built = model(), model()
    built.build((None, 6))
    monitor = RegularizationMonitor()
    for each in (unbuilt, built):
        fit(each, StrengthSchedule(lambda epoch: 0.5), monitor, validation_split=0.2)
        fit(each)
    assert_equal_weights(unbuilt, weights_of(built), atol=PARITY)


def test_compute_loss_of_the_users_own_keeps_its_place():
    class Own(keras.Model):
        def compute_loss(self, x, y, y_pred, sample_weight):
            return ops.mean(ops.abs(y - y_pred)) + sum(self.losses)

    inputs = keras.Input((6,))
    model = Own(inputs, layers.Dense(1, kernel_regularizer="l1")(inputs))
    model.compile(keras.optimizers.SGD(0.0))
    plain = fit(model, epochs=1)["loss"][0]
    halved = fit(model, StrengthSchedule(lambda epoch: 0.5), epochs=1)["loss"][0]
    penalty = 0.01 * np.abs(values_of(model.layers[1].kernel)).sum()
    np.testing.assert_allclose(plain - halved, penalty / 2, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (0.5,),
            "Invalid value for argument `schedule`: expected a function int -> float >= 0, or a "
            "LearningRateSchedule of Keras. Received: schedule=0.5",
        ),
        (
            (abs, "batch"),
            "Invalid value for argument `by`: expected 'epoch' or 'step'. Received: by='batch'",
        ),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        StrengthSchedule(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("value", [-0.5, math.nan, math.inf, "0.5", None])
@pytest.mark.parametrize("by", ["epoch", "step"])
def test_invalid_values_of_the_schedule_before_training(by, value):
    model = regression(ProximalSGD(0.05), "l1")
    start = weights_of(model)
    with pytest.raises(ValueError) as error:
        fit(model, StrengthSchedule(lambda number: value if number == 2 else 1.0, by))
    assert str(error.value) == (
        f"Invalid value of the schedule at {by} 2: expected a finite float >= 0. "
        f"Received: {value!r}"
    )
    assert_equal_weights(model, start)


def test_two_schedules_in_one_fit():
    model = compiled()
    with pytest.raises(ValueError, match=r"^Expected one StrengthSchedule in .*Received two"):
        fit(model, StrengthSchedule(lambda epoch: 1.0), StrengthSchedule(lambda epoch: 1.0))
    assert "compute_loss" not in vars(model)


@pytest.mark.parametrize("penalty", [MCP(0.1), SCAD(0.1)])
def test_activity_regularizers_out_of_proportion_are_refused(penalty):
    dense = layers.Dense(1, activity_regularizer=penalty)
    model = keras.Sequential([keras.Input((6,)), dense])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError) as error:
        fit(model, StrengthSchedule(lambda epoch: 1.0))
    assert str(error.value) == (
        f"The activity regularizer {penalty!r} of the layer 'dense' cannot be scheduled: its "
        "value is not proportional to its strength. Use one that is, L1 or L2 say, or put it on "
        "the weights"
    )
    assert "compute_loss" not in vars(model)


def test_train_step_that_computes_no_loss_is_refused():
    class Own(keras.Model):
        def train_step(self, *args):
            if IS_TENSORFLOW:
                return {"loss": 0.0}
            return {"loss": 0.0}, args[0]

    inputs = keras.Input((6,))
    model = Own(inputs, layers.Dense(1, kernel_regularizer="l1")(inputs))
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="its `train_step` does not call `compute_loss`"):
        fit(model, StrengthSchedule(lambda epoch: 1.0))


def test_hook_of_a_fit_that_goes_on_is_shared():
    hooks = []

    class Looking(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            hooks.append(self.model.compute_loss.__self__)

    monitor, other = RegularizationMonitor(), RegularizationMonitor()
    fit(compiled(), monitor, StrengthSchedule(lambda epoch: 1.0), other, Looking(), epochs=2)
    assert isinstance(hooks[0], LossHook) and hooks[0] is hooks[1]
    assert monitor.curves.equals(other.curves)


@pytest.mark.tensorflow
def test_mirrored_strategy_on_two_devices_gives_the_tables_of_one():
    program = """
        import keras, numpy as np, tensorflow as tf
        devices = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(devices[0], two)
        from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
        from kerasreg.optimizers import ProximalSGD
        x = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
        def curves(scope, optimizer):
            with scope:
                keras.utils.set_random_seed(1)
                model = keras.Sequential([
                    keras.Input((6,)),
                    keras.layers.Dense(5, "tanh", kernel_regularizer="l1",
                                       activity_regularizer="l2"),
                    keras.layers.Dense(1, kernel_regularizer="l2"),
                ])
                model.compile(optimizer(), "mse")
            monitor = RegularizationMonitor()
            schedule = StrengthSchedule(lambda step: 0.5 * step, by="step")
            model.fit(x, x[:, :1], epochs=2, batch_size=40, verbose=0, shuffle=False,
                      callbacks=[monitor, schedule], validation_data=(x, x[:, :1]))
            model.fit(x, x[:, :1], epochs=1, batch_size=40, verbose=0, shuffle=False)
            return monitor.curves, np.concatenate([w.ravel() for w in model.get_weights()])
        for optimizer in (lambda: keras.optimizers.SGD(0.1), lambda: ProximalSGD(0.1)):
            strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
            two, weights_two = curves(strategy.scope(), optimizer)
            one, weights_one = curves(tf.device("CPU:0"), optimizer)
            assert (two["quantity"] == one["quantity"]).all()
            np.testing.assert_allclose(two["value"], one["value"], rtol=1e-5)
            np.testing.assert_allclose(weights_two, weights_one, rtol=0, atol=1e-6)
            print("equal", len(one), one["value"].max())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.count("equal 26") == 2, done.stderr[-2000:]


class OwnMetrics(keras.Model):
    """Lists its metrics itself, as Keras's guides do for training steps of one's own."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
        self.mean = keras.metrics.Mean(name="mean")

    def build(self, input_shape):
        self.dense.build(input_shape)

    @property
    def metrics(self):
        return [self.mean]

    def call(self, x):
        return self.dense(x)


def test_model_that_lists_its_metrics_itself():
    model, monitor = OwnMetrics(), RegularizationMonitor()
    x = np.ones((8, 3), "float32")
    model(x)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    scales = [1.0, 0.0, 0.5]
    callbacks = [StrengthSchedule(lambda epoch: scales[epoch]), monitor]
    if keras.backend.backend() == "jax":
        with pytest.raises(ValueError, match=r"Let it return `\[\*super\(\).metrics, ...\]`"):
            model.fit(x, x[:, 0], epochs=3, verbose=0, callbacks=callbacks)
        return
    model.fit(x, x[:, 0], epochs=3, verbose=0, callbacks=callbacks, validation_data=(x, x[:, 0]))
    curves = monitor.curves.query("quantity == 'penalty'")
    full = float(model.losses[0])
    for split in ("train", "validation"):
        values = curves[curves["split"] == split]["value"]
        np.testing.assert_allclose(values, [full * scale for scale in scales], rtol=1e-6)


def test_regularizer_without_a_prox_is_said_and_nothing_is_left():
    orthogonal = keras.regularizers.OrthogonalRegularizer()
    dense = keras.layers.Dense(2, kernel_regularizer=orthogonal)
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(ProximalAdam(), "mse")
    schedule = StrengthSchedule(lambda epoch: 1.0)
    with pytest.raises(TypeError, match="needs the prox of the regularizer"):
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0, callbacks=[schedule])
    assert "compute_loss" not in vars(model) and "make_train_function" not in vars(model)
