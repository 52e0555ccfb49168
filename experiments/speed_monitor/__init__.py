"""What the monitor adds to an epoch of Keras's `fit`.

A small network, for which recording an epoch costs most beside training it. Fits with and without
the monitor run in turn. What happens once in a fit, such as tracing the step anew for the monitor,
is told apart from what every epoch costs. The bars are held against the processor time of an epoch,
all threads together: what other programs take from the machine does not count in it."""

import tempfile
from dataclasses import dataclass

import keras
import pandas as pd
from matplotlib.figure import Figure

from experiments.digits_calls import all_digits
from experiments.outcome import Outcome, no_progress
from experiments.speed_monitor.fits import CPU, END, EPOCH, ONCE, build, measure
from experiments.timing import bar, draw_bars, draw_times, pair, summary
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
ASKED = "an epoch of `fit` with the monitor ÷ without"
BARS = (
    (MONITOR, PLAIN, 1.05, ASKED),
    (MONITOR_LOGS, PLAIN, 1.05, f"{ASKED}, event files too"),
    (MONITOR_LOGS, TENSORBOARD, 1, ""),
)
LIMITED_BY = "Of a short epoch, what is done at its end for each variable is a larger share."


@dataclass(frozen=True)
class Settings:
    samples: int = 1797  # all of digits
    batch_size: int = 32  # Keras's default: 57 steps an epoch
    epochs: int = 7  # of one fit; the first is left out, for the step is traced in it
    repetitions: int = 7


QUICK = Settings(samples=320, epochs=3, repetitions=2)


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
    bars = pd.DataFrame(
        bar(f"{ours}\n/ {other}", *pair(times, CPU, ours, other), limit, asked, LIMITED_BY)
        for ours, other, limit, asked in BARS
    )
    at_end = times["row"] == END  # where there is nothing to compare with without a callback
    parts = pd.concat([summary(times[~at_end], PLAIN), summary(times[at_end], TENSORBOARD)])
    figures = {"speed_monitor": draw(times, bars)}
    return Outcome({"times": times, "parts": parts, "bars": bars}, figures)


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
