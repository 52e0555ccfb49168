"""What the monitor adds to an epoch of Keras's `fit`.

A small network, for which recording an epoch costs most beside training it. Fits with and without
the monitor run in turn. What happens once in a fit, such as tracing the step anew for the monitor,
is told apart from what every epoch costs. The bars are held against the processor time of an epoch,
all threads together: what other programs take from the machine does not count in it."""

import tempfile
import time
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.outcome import Outcome, no_progress
from experiments.speed_loop import all_digits
from experiments.timing import bar, draw_bars, draw_times, ratios, summary
from kerasreg.callbacks import RegularizationMonitor
from kerasreg.plots import style

QUESTION = "How much of an epoch of model.fit does the monitor take?"
SYSTEMS = ("S9",)
CLAIMS = ()
TIMED = ("times", "parts", "bars")
PLAIN, TENSORBOARD = "no callback", "TensorBoard(histogram_freq=1)"
MONITOR, MONITOR_LOGS = "monitor", "monitor, log_dir"
CALLBACKS = {
    PLAIN: lambda folder: [],
    MONITOR: lambda folder: [RegularizationMonitor()],
    MONITOR_LOGS: lambda folder: [RegularizationMonitor(folder)],
    TENSORBOARD: lambda folder: [keras.callbacks.TensorBoard(folder, histogram_freq=1)],
}
EPOCH, CPU = "an epoch, by the clock", "an epoch, processor time"
END, ONCE = "of the epoch, after its last step", "once a fit"


@dataclass(frozen=True)
class Settings:
    samples: int = 1797  # all of digits
    batch_size: int = 32  # Keras's default: 57 steps an epoch
    epochs: int = 7  # of one fit; the first is left out, for the step is traced in it
    repetitions: int = 7


QUICK = Settings(samples=320, epochs=3, repetitions=2)


class Stamps(keras.callbacks.Callback):
    """Notes when epochs begin and end. Two of them enclose the callbacks between them."""

    def __init__(self):
        super().__init__()
        self.begins, self.ends = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append((time.perf_counter(), time.process_time()))

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append((time.perf_counter(), time.process_time()))


def build():
    model = keras.Sequential([keras.Input((64,))])
    for units, activation, name in ((64, "relu", "hidden"), (10, "softmax", "output")):
        model.add(keras.layers.Dense(units, activation, kernel_regularizer="l2", name=name))
    model.compile("adam", loss="sparse_categorical_crossentropy")
    return model


def measure(model, x, y, callbacks, settings):
    """Seconds of the fastest epoch of one fit, of its end, and of what the fit does once.

    The fastest, because whatever else runs on the machine can only make an epoch slower.
    """
    first, last = Stamps(), Stamps()
    call = {"epochs": settings.epochs, "batch_size": settings.batch_size, "verbose": 0}
    start = time.perf_counter()
    model.fit(x, y, callbacks=[first, *callbacks, last], **call)
    total = time.perf_counter() - start
    epochs = (np.array(last.ends) - np.array(first.begins))[1:]
    ends = (np.array(last.ends) - np.array(first.ends))[1:]
    fastest, once = epochs.min(axis=0), total - epochs[:, 0].sum() - np.median(epochs[:, 0])
    return {EPOCH: fastest[0], CPU: fastest[1], END: ends[:, 0].min(), ONCE: once}


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    keras.utils.set_random_seed(0)
    x, y = (array[: settings.samples] for array in all_digits())
    names, models, rows = list(CALLBACKS), {name: build() for name in CALLBACKS}, []
    for repetition in track(range(settings.repetitions + 1), "fits"):  # number 0 is cold
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            with tempfile.TemporaryDirectory() as folder:
                parts = measure(models[name], x, y, CALLBACKS[name](folder), settings)
            rows += [(part, name, repetition, seconds) for part, seconds in parts.items()]
    times = pd.DataFrame(rows, columns=["row", "method", "repetition", "seconds"])
    limits = [(MONITOR, PLAIN, 1.05), (MONITOR_LOGS, PLAIN, 1.05), (MONITOR_LOGS, TENSORBOARD, 1)]
    bars = pd.DataFrame(
        bar(f"{method}\n/ {other}", "at most", limit, ratios(times, CPU, method, other))
        for method, other, limit in limits
    )
    at_end = times["row"] == END  # where there is nothing to compare with without a callback
    parts = pd.concat([summary(times[~at_end], PLAIN), summary(times[at_end], TENSORBOARD)])
    tables = {"times": times, "parts": parts, "bars": bars}
    return Outcome(tables, {"speed_monitor": draw(times, bars)})


def draw(times, bars):
    with style():
        fig = Figure(figsize=(13, 10), layout="constrained")
        axes = fig.subplot_mosaic([[part, "bars"] for part in (EPOCH, CPU, END, ONCE)])
        for part, of_part in times.groupby("row"):
            draw_times(axes[part], of_part, 1e3, "milliseconds")
            axes[part].set_title(part.capitalize())
        draw_bars(axes["bars"], bars, "ratio of processor times, in the same round")
        axes["bars"].set_title("An epoch")
        return fig
