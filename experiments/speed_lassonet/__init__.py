"""A path by kerasreg and one by LassoNet, another method for sparse networks, on PyTorch.

Whole calls in new processes, in turn, with everything imported before the clock starts: ours trains
a hundred networks at once, tracing and compilation included, and once more with its program
compiled; LassoNet trains a few, one after another, each from the weights of the one before. What is
compared is the time of one step of one model, in batches of the same size.

LassoNet is no part of this project. `pip install lassonet` it, beside kerasreg or elsewhere, and
name that Python in LASSONET_PYTHON. Without it the experiment is skipped."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.digits_calls import digits, strengths_of_path, with_path
from experiments.new_process import in_new_process
from experiments.outcome import Outcome, no_progress
from experiments.timing import bar, draw_times, pair, seconds_of
from kerasreg.plots import style

QUESTION = "What does a step of one model of a path cost, beside LassoNet's?"
SYSTEMS = ("S11",)
CLAIMS = ()
TIMED = ("times", "bars")
COLD, WARM, LASSONET = "a new process", "compiled before", "LassoNet"
STEP = "one step of one model"
LIMIT = 1 / 50
ASKED = "path, for each model and step ÷ LassoNet"
LIMITED_BY = "Tracing and compilation, once a call, are shared by few steps."


@dataclass(frozen=True)
class Settings:
    rounds: int = 5
    units: tuple[int, ...] = (64,)
    n_samples: int | None = None  # None: all of digits' training part, 34 steps an epoch
    batch_size: int = 32
    n_strengths: int = 100
    epochs: int = 20
    lassonet_models: int = 2
    lassonet_epochs: int = 2


QUICK = Settings(1, (8,), 64, n_strengths=4, epochs=2, lassonet_epochs=1)


def two_calls(n_strengths, **call):
    """Seconds of the first call in this process and of the second."""
    path = with_path(strengths_of_path(n_strengths), **call)
    return [seconds_of(path), seconds_of(path)]


def python_with_lassonet():
    """The Python that has LassoNet, or None."""
    here = importlib.util.find_spec("lassonet") is not None
    return os.environ.get("LASSONET_PYTHON") or (sys.executable if here else None)


def missing() -> str:
    """What this machine lacks, "" if nothing."""
    return "" if python_with_lassonet() else "LASSONET_PYTHON, a Python that has lassonet"


def lassonet(python, settings):
    """What `lassonet_path` measures, in a process that has no TensorFlow."""
    x, y, (x_validation, y_validation) = digits(settings.n_samples)
    how = {"n_models": settings.lassonet_models, "epochs": settings.lassonet_epochs}
    how |= {"units": settings.units, "batch_size": settings.batch_size}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "digits.npz")
        np.savez(file, x=x, y=y, x_validation=x_validation, y_validation=y_validation)
        program = Path(__file__).with_name("lassonet_path.py")
        command = [python, "-I", str(program), str(file), json.dumps(how)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    call = {"units": settings.units, "n_samples": settings.n_samples, "epochs": settings.epochs}
    call |= {"n_strengths": settings.n_strengths, "batch_size": settings.batch_size}
    python, rows = python_with_lassonet(), []
    steps = settings.epochs * -(-len(digits(settings.n_samples)[0]) // settings.batch_size)
    for repetition in track(range(1, settings.rounds + 1), "rounds of new processes"):
        seconds = in_new_process(two_calls, **call)
        for method, taken in zip((COLD, WARM), seconds, strict=True):
            rows.append((STEP, method, repetition, settings.n_strengths, steps, taken, ""))
        found = lassonet(python, settings)
        what = (found[name] for name in ("models", "steps", "seconds", "versions"))
        rows.append((STEP, LASSONET, repetition, *what))
    columns = ["row", "method", "repetition", "models", "steps", "call_seconds", "versions"]
    times = pd.DataFrame(rows, columns=columns)
    times["seconds"] = times["call_seconds"] / (times["models"] * times["steps"])
    versions = f"\n/ {rows[-1][-1]}"
    bars = pd.DataFrame(
        bar(f"path, {method}{versions}", *pair(times, STEP, method, LASSONET), LIMIT, *words)
        for method, words in ((COLD, (ASKED, LIMITED_BY)), (WARM, ("", LIMITED_BY)))
    )
    return Outcome({"times": times, "bars": bars}, {"speed_lassonet": draw(times)})


def draw(times):
    with style():
        fig = Figure(figsize=(9, 3.6), layout="constrained")
        ax = fig.add_subplot()
        draw_times(ax, times, 1e6, "microseconds a step of one model")
        ax.set_title("A path of networks for digits, batches of the same size")
        return fig
