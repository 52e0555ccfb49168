"""What a penalty costs: its value and its gradient, against Keras's own and against a copy.

ElasticNet and keras.regularizers.L1L2 with the same two coefficients. Large kernels are limited
by how fast memory is read and written: a gradient cannot cost less than a copy of the kernel."""

from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from experiments.outcome import Outcome, no_progress
from experiments.speed_penalty.figures import COPY, draw
from experiments.timing import bar, interleaved, pair, ratios, summary
from kerasreg.regularizers import ElasticNet

QUESTION = "What do value and gradient of a penalty cost, and how far is that from a mere copy?"
SYSTEMS = ("S9",)
CLAIMS = ()
TIMED = ("times", "against_copy", "against_keras", "bars")
PROGRAMS = ("XLA", "graph")
PENALTIES = {  # the same function, 0.01·‖w‖₁ + 0.01·‖w‖²
    "ElasticNet": ElasticNet(strength=0.03, l1_ratio=1 / 3),
    "Keras L1L2": keras.regularizers.L1L2(0.01, 0.01),
}
LIMIT = 0.6  # of Keras's time
LIMITED_BY = (
    "The value is one pass over the weights and the gradient another, which writes as much as a "
    "copy does."
)
ASKED = "penalty's value and gradient ÷"
BARS = (  # of the largest kernel
    ("Keras L1L2, XLA", (LIMIT, f"{ASKED} Keras's own", LIMITED_BY)),
    (COPY, (2, f"{ASKED} a copy of the array", LIMITED_BY)),
)


@dataclass(frozen=True)
class Settings:
    widths: tuple[int, ...] = (64, 256, 1024, 2048, 4096)  # from 16 KB, in cache, to 64 MB
    repetitions: int = 15
    weights_in_a_measurement: int = 2**20  # small kernels are measured many times in a row


QUICK = Settings(widths=(64, 512), repetitions=3)


def value_and_gradient(penalty, w, jit_compile):
    """A call that computes both, in a program of its own; the first call compiles it."""

    @tf.function(jit_compile=jit_compile, autograph=False)
    def program(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = penalty(weights)
        return value, tape.gradient(value, weights)

    concrete = program.get_concrete_function(w)
    return lambda: float(concrete(w)[0])


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    random, measured = np.random.default_rng(0), []
    for width in settings.widths:
        w = random.normal(size=(width, width)).astype(np.float32)
        methods = {
            f"{name}, {program}": value_and_gradient(penalty, tf.constant(w), program == "XLA")
            for name, penalty in PENALTIES.items()
            for program in PROGRAMS
        }
        methods[COPY] = partial(np.copyto, np.empty_like(w), w)
        calls = max(1, settings.weights_in_a_measurement // w.size)
        measured.append(interleaved(width, methods, settings.repetitions, calls, track))
    times = pd.concat(measured, ignore_index=True)

    def against_keras(width, program):
        return ratios(times, width, f"ElasticNet, {program}", f"Keras L1L2, {program}")

    of_keras = pd.DataFrame(
        (width, program, *against_keras(width, program).quantile([0.5, 0.25, 0.75]))
        for width in settings.widths
        for program in PROGRAMS
    ).set_axis(["row", "program", "ratio", "ratio_q25", "ratio_q75"], axis=1)
    ours = f"ElasticNet, {PROGRAMS[0]}"
    bars = pd.DataFrame(
        bar(f"{ours}, width {width}\n/ {peer}", *pair(times, width, ours, peer), *words)
        for peer, words in BARS
    )
    against_copy = summary(times, COPY)
    tables = {"times": times, "against_copy": against_copy, "against_keras": of_keras, "bars": bars}
    return Outcome(tables, {"speed_penalty": draw(against_copy, of_keras, LIMIT)})
