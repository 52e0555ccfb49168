"""Fits after a schedule, resumed, interrupted or compiled anew; what the monitor shows."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
from kerasreg.optimizers import ProximalSGD
from kerasreg.variables import values_of
from tests.callbacks.scheduled_fits import (
    IS_TENSORFLOW,
    OPTIMIZERS,
    PARITY,
    PENALTIES,
    X,
    Y,
    assert_equal_weights,
    compiled,
    curves_of,
    fit,
    weights_of,
)


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
