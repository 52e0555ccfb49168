"""How much faster `train` is than Keras's `fit`.

A small network, where what surrounds the arithmetic costs most, and a wide one, where the
arithmetic does. The same data, batches, optimizer and number of epochs in one process, in turn."""

from dataclasses import dataclass

import keras
import pandas as pd
from matplotlib.figure import Figure

from experiments.digits_calls import all_digits
from experiments.outcome import Outcome, no_progress
from experiments.speed_loop.bars import FIT, FIT_XLA, GRAPH, XLA, bars_of
from experiments.timing import draw_bars, draw_times, interleaved, summary
from kerasreg.plots import style
from kerasreg.training import train

QUESTION = "How much faster than model.fit is an epoch that is one compiled program?"
SYSTEMS = ("S9",)
CLAIMS = ()
TIMED = ("times", "per_step", "bars")
LOSS = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class Settings:
    samples: tuple[int, ...] = (1797, 512)  # all of digits: 57 steps an epoch; and 16 steps
    epochs: tuple[int, ...] = (20, 1)  # of a call; 20 so that what `fit` does once hardly counts
    repetitions: int = 7
    units: tuple[tuple[int, ...], ...] = ((64,), (2048, 2048))  # 5 thousand, 4.3 million weights
    batch_size: int = 32  # Keras's default


QUICK = Settings((320, 128), (2, 1), 2, ((64,), (256, 256)))


def build(units):
    model = keras.Sequential([keras.Input((64,))])
    for number, n_units in enumerate(units, start=1):
        model.add(keras.layers.Dense(n_units, activation="relu", name=f"hidden_{number}"))
    model.add(keras.layers.Dense(10, activation="softmax", name="output"))
    return model


def with_fit(units, x, y, epochs, batch_size, jit_compile="auto"):
    """A call of `fit` with its defaults but for the progress bar."""
    model = build(units)
    model.compile("adam", loss=LOSS, jit_compile=jit_compile)
    return lambda: model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)


def with_train(units, x, y, epochs, batch_size, jit_compile="auto"):
    """A call of `train` that uses its compiled program again: the optimizer stays the same."""
    model, optimizer = build(units), keras.optimizers.Adam()
    settings = {"loss": LOSS, "epochs": epochs, "batch_size": batch_size}
    return lambda: train(model, x, y, optimizer=optimizer, jit_compile=jit_compile, **settings)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    keras.utils.set_random_seed(0)
    x, y = all_digits()
    size = settings.batch_size
    with_fit((8,), x[:size], y[:size], 1, size)()  # what TensorFlow does once in a process
    rows = {}
    for units, n_samples, epochs in zip(
        settings.units, settings.samples, settings.epochs, strict=True
    ):
        call = (units, x[:n_samples], y[:n_samples], epochs, size)
        methods = {FIT: with_fit(*call), XLA: with_train(*call), GRAPH: with_train(*call, False)}
        if len(units) > 1:  # so that the wide network tells the loop and XLA apart
            methods[FIT_XLA] = with_fit(*call, True)
        name = "-".join(map(str, (64, *units, 10)))
        rows[name] = interleaved(name, methods, settings.repetitions, track=track)
        rows[name]["steps"] = epochs * -(-n_samples // size)
    times = pd.concat(rows.values(), ignore_index=True)
    steps = times.drop_duplicates(["row", "method"])["steps"].to_numpy()
    per_step = summary(times, FIT)
    seconds = [name for name in per_step.columns if name.startswith("seconds")]
    per_step[seconds] = per_step[seconds].mul(1e6 / steps, axis=0)
    per_step = per_step.rename(columns={name: f"step_us{name[7:]}" for name in seconds})
    bars = bars_of(times, *times["row"].unique())
    tables = {"times": times, "per_step": per_step, "bars": bars}
    return Outcome(tables, {"speed_loop": draw(times, bars)})


def draw(times, bars):
    with style():
        fig = Figure(figsize=(13, 7), layout="constrained")
        grid = fig.add_gridspec(2, 2, width_ratios=(1, 1.15))
        for at, (row, of_row) in enumerate(times.groupby("row", sort=False)):
            ax = fig.add_subplot(grid[at, 0])
            scale = 1e6 / of_row["steps"].iloc[0]
            draw_times(ax, of_row, scale, "microseconds a step, all overheads shared out")
            ax.set_title(f"Network {row}")
        ax = fig.add_subplot(grid[:, 1])
        draw_bars(ax, bars, "time of train / time of fit")
        ax.set_title("Against fit, in the same round")
        return fig
