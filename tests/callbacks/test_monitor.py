import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import layers, regularizers

from kerasreg import surgery
from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
from kerasreg.variables import values_of

X = np.random.default_rng(0).normal(size=(130, 6)).astype("float32")
Y = X[:, :1] * 2

# Means of float32 sums over some hundred samples: some units in the last place, 6e-8 each.
IDENTITY = 1e-6


def build(cls=keras.Model, **layer_settings):
    keras.utils.clear_session()  # the names of layers are compared
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    hidden = layers.Dense(
        5,
        "relu",
        kernel_regularizer=regularizers.L1(1e-2),
        activity_regularizer=regularizers.L2(1e-2),
        **layer_settings,
    )(inputs)
    hidden = layers.Dropout(0.2)(hidden)
    return cls(inputs, layers.Dense(1, kernel_regularizer=regularizers.L2(0.1))(hidden))


def compiled(cls=keras.Model, **settings):
    model = build(cls)
    model.compile(**{"optimizer": "adam", "loss": "mse", **settings})
    return model


def fit(model, monitor=None, **settings):
    callbacks = [] if monitor is None else [monitor]
    return model.fit(
        X, Y, **{"epochs": 2, "verbose": 0, "shuffle": False, "callbacks": callbacks, **settings}
    ).history


def by_quantity(monitor, split):
    curves = monitor.curves
    return curves[curves["split"] == split].pivot(index="epoch", columns="quantity", values="value")


def assert_identity(monitor, split="train"):
    table = by_quantity(monitor, split)
    np.testing.assert_allclose(table["loss"], table["data_loss"] + table["penalty"], rtol=IDENTITY)
    parts = table[[name for name in table if name.startswith("penalty/")]]
    np.testing.assert_allclose(table["penalty"], parts.sum(axis=1), rtol=1e-12)
    return table


def test_loss_is_split_in_both_splits_and_is_that_of_keras():
    monitor = RegularizationMonitor()
    history = fit(compiled(metrics=["mae"]), monitor, validation_data=(X, Y))
    for split, prefix in (("train", ""), ("validation", "val_")):
        table = assert_identity(monitor, split)
        assert list(table.index) == [1, 2]
        # Keras's own mean is computed in the same order of the same numbers.
        np.testing.assert_allclose(table["loss"], history[f"{prefix}loss"], rtol=1e-7)
        np.testing.assert_allclose(table["mae"], history[f"{prefix}mae"], rtol=1e-7)
        assert {"penalty/dense/kernel", "penalty/dense", "penalty/dense_1/kernel"} < set(table)


def test_validation_values_against_numpy():
    monitor = RegularizationMonitor()
    model = compiled()
    fit(model, monitor, epochs=1, validation_data=(X, Y))
    table = by_quantity(monitor, "validation")
    kernel, bias, kernel_1, bias_1 = (values_of(v).astype("float64") for v in model.weights[:4])
    hidden = np.maximum(X @ kernel + bias, 0)
    errors = (hidden @ kernel_1 + bias_1 - Y) ** 2
    expected = {
        "data_loss": errors.mean(),
        "penalty/dense/kernel": 0.01 * np.abs(kernel).sum(),
        "penalty/dense": 0.01 * (hidden**2).sum() / len(X),
        "penalty/dense_1/kernel": 0.1 * (kernel_1**2).sum(),
    }
    for quantity, value in expected.items():
        np.testing.assert_allclose(table[quantity].item(), value, rtol=1e-5, err_msg=quantity)


@pytest.mark.parametrize(
    "settings",
    [{}, {"jit_compile": True}, {"steps_per_execution": 3}, {"run_eagerly": True}],
    ids=str,
)
def test_weights_and_logs_are_those_without_the_monitor(settings):
    plain, monitored = compiled(**settings), compiled(**settings)
    monitor = RegularizationMonitor()
    expected = fit(plain, validation_data=(X, Y))
    assert fit(monitored, monitor, validation_data=(X, Y)) == expected
    for a, b in zip(plain.weights, monitored.weights, strict=True):
        np.testing.assert_array_equal(values_of(a), values_of(b))
    assert_identity(monitor)


def test_sample_weights_and_a_dominating_penalty():
    model = compiled(optimizer=keras.optimizers.SGD(0.0))
    model.layers[1].activity_regularizer = None
    model.layers[-1].kernel.regularizer = regularizers.L2(1e8)
    monitor = RegularizationMonitor()
    weights = np.linspace(0, 2, len(X))
    fit(model, monitor, epochs=1, sample_weight=weights, validation_data=(X, Y, weights))
    assert_identity(monitor)
    kernel, bias, kernel_1, bias_1 = (values_of(v).astype("float64") for v in model.weights[:4])
    predictions = np.maximum(X @ kernel + bias, 0) @ kernel_1 + bias_1
    expected = np.average(((predictions - Y) ** 2)[:, 0] * weights)
    table = by_quantity(monitor, "validation")
    assert table["penalty"].item() > 1e7 * expected
    # loss − penalty would leave an error of about 1e8 · 6e-8.
    np.testing.assert_allclose(table["data_loss"].item(), expected, rtol=1e-5)


def test_second_fit_and_recompiling_start_new_tables():
    model, monitor = compiled(), RegularizationMonitor()
    fit(model, monitor, epochs=3)
    fit(model, monitor, epochs=1, validation_data=(X, Y))
    assert monitor.curves["epoch"].unique().tolist() == [1]
    model.compile("sgd", "mae")
    history = fit(model, monitor, epochs=1)
    table = assert_identity(monitor)
    np.testing.assert_allclose(table["loss"], history["loss"], rtol=1e-7)


def test_validation_every_second_epoch():
    monitor = RegularizationMonitor()
    fit(compiled(), monitor, epochs=4, validation_data=(X, Y), validation_freq=2)
    assert by_quantity(monitor, "validation").index.tolist() == [2, 4]
    assert by_quantity(monitor, "train").index.tolist() == [1, 2, 3, 4]


def test_nothing_is_left_on_the_model(tmp_path):
    model, monitor = compiled(), RegularizationMonitor()
    n_metrics = len(model.metrics)
    fit(model, monitor)
    assert len(model.metrics) == n_metrics
    assert "compute_loss" not in vars(model)
    model.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")


def test_interrupted_fit_keeps_its_tables_and_the_next_one_works():
    class StopInSecondEpoch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    model, monitor = compiled(), RegularizationMonitor()
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[monitor, StopInSecondEpoch()])
    assert monitor.curves["epoch"].unique().tolist() == [1]
    assert len(monitor.weights) == 4
    assert monitor.weight_histograms["epoch"].unique().tolist() == [1]
    history = fit(model, monitor)
    np.testing.assert_allclose(assert_identity(monitor)["loss"], history["loss"], rtol=1e-7)


def test_plain_fit_after_a_monitored_one_uses_its_compiled_step_again():
    model = compiled()
    fit(model)
    before = model.train_function
    fit(model, RegularizationMonitor())
    assert model.train_function is before


class CountTraces(layers.Layer):
    """Counts how often Python runs it: once a trace of a step."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.n_traces = 0

    def call(self, inputs):
        self.n_traces += 1
        return inputs


def counted():
    keras.utils.set_random_seed(1)
    inputs, counter = keras.Input((6,)), CountTraces()
    penalty = regularizers.L1(0.1)
    model = keras.Model(inputs, layers.Dense(1, kernel_regularizer=penalty)(counter(inputs)))
    model.compile("sgd", "mse")
    return model, counter


def test_one_fit_after_the_other_compiles_once():
    model, counter = counted()
    fit(model, RegularizationMonitor(), validation_data=(X, Y))
    n_traces, weights = counter.n_traces, model.get_weights()
    for _ in range(3):
        monitor = RegularizationMonitor()
        history = fit(model, monitor, validation_data=(X, Y))
        np.testing.assert_allclose(assert_identity(monitor)["loss"], history["loss"], rtol=1e-7)
        losses = assert_identity(monitor, "validation")["loss"]
        np.testing.assert_allclose(losses, history["val_loss"], rtol=1e-7)
        assert len(model.metrics) == len(counted()[0].metrics)
    assert counter.n_traces == n_traces
    # A short batch is another shape, traced by the step that is kept.
    monitor = RegularizationMonitor()
    history = fit(model, monitor, batch_size=len(X) - 1)
    np.testing.assert_allclose(assert_identity(monitor)["loss"], history["loss"], rtol=1e-7)
    fresh, _ = counted()
    fresh.set_weights(weights)
    for _ in range(3):
        fit(fresh)
    fit(fresh, batch_size=len(X) - 1)
    for value, expected in zip(model.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_what_was_compiled_is_not_used_for_other_regularizers_or_settings():
    model, counter = counted()
    fit(model, RegularizationMonitor())
    surgery.regularize(model, {"dense*": regularizers.L2(0.5)})
    monitor = RegularizationMonitor()
    fit(model, monitor, epochs=1)
    before = counter.n_traces
    model.layers[-1].kernel_regularizer = model.layers[-1].kernel.regularizer = None
    fit(model, monitor, epochs=1)
    assert counter.n_traces > before
    assert by_quantity(monitor, "train")["penalty"].item() == 0
    surgery.regularize(model, {"dense*": regularizers.L2(0.5)})
    model.compile("sgd", "mae")
    history = fit(model, monitor, epochs=1)
    table = assert_identity(monitor)
    np.testing.assert_allclose(table["loss"], history["loss"], rtol=1e-7)
    assert table["penalty"].item() > 0


def test_a_schedule_after_a_monitor_and_the_other_way_round():
    model, _ = counted()
    monitor, schedule = RegularizationMonitor(), StrengthSchedule(lambda t: 2.0)
    fit(model, monitor, epochs=1)
    model.optimizer.learning_rate.assign(0.0)
    fit(model, monitor, epochs=1)
    at_rest = by_quantity(monitor, "train")["penalty"].item()
    for callbacks in ([monitor, schedule], [schedule, monitor]):
        fit(model, epochs=1, callbacks=callbacks)
        twice = by_quantity(monitor, "train")["penalty"].item()
        np.testing.assert_allclose(twice, 2 * at_rest, rtol=1e-6)
        fit(model, monitor, epochs=1)
        np.testing.assert_allclose(by_quantity(monitor, "train")["penalty"], at_rest, rtol=1e-6)


def test_compiling_anew_after_an_interrupted_fit_is_not_undone():
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    model, monitor = compiled(), RegularizationMonitor()
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[monitor, Stop()])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    fit(model, monitor)
    start = values_of(model.weights[0]).copy()
    fit(model)  # with the optimizer of the last compile, which does not move
    np.testing.assert_array_equal(values_of(model.weights[0]), start)


def test_compute_loss_of_the_users_own():
    class MeanAbsolute(keras.Model):
        def compute_loss(self, x, y, y_pred, sample_weight):  # without `training`, as before 3.3
            return keras.ops.mean(keras.ops.abs(y - y_pred)) + sum(self.losses)

    monitor = RegularizationMonitor()
    history = fit(compiled(MeanAbsolute, loss=None), monitor, validation_data=(X, Y))
    table = assert_identity(monitor)
    np.testing.assert_allclose(table["loss"], history["loss"], rtol=1e-7)
    assert (table["penalty/dense/kernel"] > 0).all()


def test_added_losses_are_under_the_name_of_their_layer():
    class Inner(layers.Layer):
        def call(self, inputs):
            self.add_loss(0.5 * keras.ops.mean(inputs**2))
            return inputs

    model = keras.Sequential([keras.Input((6,)), Inner(name="inner"), layers.Dense(1)])
    model.compile("sgd", "mse")
    monitor = RegularizationMonitor()
    fit(model, monitor, epochs=1, batch_size=len(X))
    table = assert_identity(monitor)
    np.testing.assert_allclose(table["penalty/inner"].item(), 0.5 * (X**2).mean(), rtol=1e-6)


def test_model_that_is_built_by_its_first_step():
    model = keras.Sequential([layers.Dense(5, kernel_regularizer="l1"), layers.Dense(1)])
    model.compile("adam", "mse")
    monitor = RegularizationMonitor()
    history = fit(model, monitor, validation_split=0.2)
    np.testing.assert_allclose(assert_identity(monitor)["loss"], history["loss"], rtol=1e-7)
    assert_identity(monitor, "validation")


def test_several_outputs():
    inputs = keras.Input((6,))
    hidden = layers.Dense(3, kernel_regularizer="l2")(inputs)
    outputs = {"a": layers.Dense(1, name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)}
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5})
    monitor = RegularizationMonitor()
    # Batches of one size: Keras does not weight the losses of single outputs by the batch size.
    history = model.fit(
        X, {"a": Y, "b": Y}, batch_size=65, epochs=2, verbose=0, callbacks=[monitor]
    ).history
    table = assert_identity(monitor)
    np.testing.assert_allclose(
        table["data_loss"], np.add(history["a_loss"], 0.5 * np.array(history["b_loss"])), rtol=1e-6
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_mirrored_strategy_on_two_devices_gives_the_tables_of_one():
    program = """
        import keras, numpy as np, tensorflow as tf
        devices = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(devices[0], two)
        from kerasreg.callbacks import RegularizationMonitor
        x = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
        def curves(scope):
            with scope:
                keras.utils.set_random_seed(1)
                model = keras.Sequential([
                    keras.Input((6,)),
                    keras.layers.Dense(5, "tanh", kernel_regularizer="l1",
                                       activity_regularizer="l2"),
                    keras.layers.Dense(1, kernel_regularizer="l2"),
                ])
                model.compile("sgd", "mse")
            monitor = RegularizationMonitor()
            model.fit(x, x[:, :1], epochs=2, batch_size=40, verbose=0, shuffle=False,
                      callbacks=[monitor], validation_data=(x, x[:, :1]))
            return monitor.curves
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        two, one = curves(strategy.scope()), curves(tf.device("CPU:0"))
        assert (two["quantity"] == one["quantity"]).all()
        np.testing.assert_allclose(two["value"], one["value"], rtol=1e-5)
        print("equal", len(one))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "equal 24" in done.stdout, done.stderr[-2000:]
