"""A schedule of strengths is the descent with those strengths, step by step."""

import keras
import numpy as np
import pytest
from keras import layers, regularizers

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
    compiled,
    curves_of,
    fit,
    regression,
    weights_of,
)


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
