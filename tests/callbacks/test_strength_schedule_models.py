"""Models of all kinds under a schedule, and those that it refuses."""

import math
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
from kerasreg.loss_hook import LossHook
from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import (
    MCP,
    SCAD,
    ElasticNet,
    KLSparsity,
)
from kerasreg.variables import values_of
from tests.callbacks.scheduled_fits import (
    IS_TENSORFLOW,
    PARITY,
    assert_equal_weights,
    compiled,
    curves_of,
    fit,
    regression,
    weights_of,
)


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
