"""Whether memory grows with the number of calls in one process: 200 paths, trainings and fits.

Every kind of call has a process of its own, and a line every 20 calls:

    MiB        resident memory, after garbage collection, less what is free
    traced     functions that TensorFlow has traced so far
    compiled   those of them that XLA has compiled
    alive      traced functions that are still there
    models     models of the calls that are still there

In the end: MiB a call, the slope of a line through all calls but the first 40 (least squares).
The kinds whose names begin with `keras` and `tensorflow` do without kerasreg, for comparison.

    python -m tests.robustness.long_use                            # everything: half an hour
    python -m tests.robustness.long_use path-new --clear           # one kind; clears the session
    python -m tests.robustness.long_use path-new --jit-compile no  # the same without XLA
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

# Calls before these are left out of the slope: TensorFlow, Keras and the allocator settle.
WARM_UP = 40
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 8)).astype("float32")
Y = (X[:, :2].sum(axis=1, keepdims=True) > 0).astype("float32")


def network() -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(6, "tanh", kernel_regularizer=keras.regularizers.L1(1.0)),
            keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0)),
        ]
    )


class Traces:
    """Counts what TensorFlow traces while it is entered, and knows what of it is still there."""

    def __init__(self) -> None:
        self.traced = 0
        self.compiled = 0
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    @property
    def alive(self) -> int:
        return len(self._alive)

    def __enter__(self) -> Traces:
        from tensorflow.python.eager.polymorphic_function import tracing_compilation

        self._module = tracing_compilation
        self._original = tracing_compilation._create_concrete_function

        def create(*args: Any, **kwargs: Any) -> Any:
            found = self._original(*args, **kwargs)
            self.traced += 1
            self.compiled += found.function_def.attr["_XlaMustCompile"].b
            self._alive.add(found)
            return found

        tracing_compilation._create_concrete_function = create
        return self

    def __exit__(self, *_: Any) -> None:
        self._module._create_concrete_function = self._original


class Calls:
    """A kind of call that is made again and again.

    Args:
        kind: "path", "train", "fit", "keras" or "tensorflow".
        way: "same": the same model each time; "new": another model of the same architecture;
            "settings": the same model, and five learning rates in turn.
        jit_compile: Whether XLA compiles.
    """

    def __init__(self, kind: str, way: str, jit_compile: bool):
        self._call: Callable[[Any, int], None] = getattr(self, f"_{kind}")
        self.way = way
        self.jit_compile = jit_compile
        self.models: weakref.WeakSet[Any] = weakref.WeakSet()
        self._model: Any = None

    def __call__(self, number: int) -> None:
        if self._model is None or self.way == "new":
            self._model = network()
            self.models.add(self._model)
        self._call(self._model, number)
        if self.way == "new":
            self._model = None

    def _optimizer(self, number: int) -> Any:
        from kerasreg.optimizers import ProximalAdam

        return ProximalAdam(0.01 * (1 + number % 5) if self.way == "settings" else 0.01)

    def _path(self, model: Any, number: int) -> None:
        from kerasreg.path import regularization_path

        path = regularization_path(
            model,
            X,
            Y,
            strengths=(0.001, 0.01, 0.1),
            optimizer=self._optimizer(number),
            loss="mse",
            validation_data=(X, Y),
            epochs=2,
            batch_size=32,
            jit_compile=self.jit_compile,
            verbose=0,
        )
        assert np.isfinite(path.curves["value"]).all()

    def _train(self, model: Any, number: int) -> None:
        from kerasreg.training import train

        # The instance that the model is compiled with, if it is the same model: as `train` says,
        # the compiled programs are then used again.
        optimizer = model.optimizer if model.compiled else self._optimizer(number)
        if self.way == "settings":
            optimizer = self._optimizer(number)
        settings = {"epochs": 2, "batch_size": 32, "jit_compile": self.jit_compile, "verbose": 0}
        train(model, X, Y, loss="mse", optimizer=optimizer, seed=0, **settings)

    def _fit(self, model: Any, number: int) -> None:
        from kerasreg.callbacks import RegularizationMonitor

        self._keras(model, number, self._optimizer, [RegularizationMonitor()])

    def _keras(
        self,
        model: Any,
        number: int,
        optimizer: Callable[[int], Any] = lambda number: "adam",
        callbacks: Sequence[Any] = (),
    ) -> None:
        if not model.compiled or self.way == "settings":
            model.compile(optimizer(number), "mse", jit_compile=self.jit_compile)
        model.fit(X, Y, epochs=2, batch_size=32, verbose=0, callbacks=list(callbacks))

    def _tensorflow(self, model: Any, number: int) -> None:
        import tensorflow as tf

        def step(x: Any) -> Any:
            for _ in range(20):
                x = tf.tanh(tf.matmul(x, tf.ones((8, 8)) / 8.0))
            return x

        tf.function(step, autograph=False, jit_compile=self.jit_compile)(tf.constant(X))


KINDS = (
    "path-same",
    "path-new",
    "path-settings",
    "train-same",
    "train-new",
    "fit-same",
    "fit-new",
    "keras-same",
    "keras-new",
    "tensorflow-new",
)


def resident_mib() -> float:
    """Memory of this process, without what it has free; on Linux, elsewhere NaN."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, AttributeError):
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def slope(numbers: Sequence[int], values: Sequence[float]) -> float:
    """Of the line through all points after the warm-up, by least squares; NaN for less than two."""
    kept = np.array(numbers) > WARM_UP
    if kept.sum() < 2:
        return float("nan")
    return float(np.polyfit(np.array(numbers)[kept], np.array(values)[kept], 1)[0])


def measure(name: str, n_calls: int, every: int, jit_compile: bool, clear: bool) -> None:
    """Makes calls of one kind and prints what they leave behind."""
    import keras

    kind, _, way = name.partition("-")
    how = [*["without XLA"] * (not jit_compile), *["clear_session after each"] * clear]
    print(f"{name}{': ' if how else ''}{', '.join(how)}")
    print(f"{'calls':>8}{'MiB':>9}{'traced':>9}{'compiled':>10}{'alive':>8}{'models':>8}{'s':>8}")
    numbers, memory, start = [], [], time.perf_counter()
    with Traces() as traces:
        calls = Calls(kind, way, jit_compile)
        for number in range(1, n_calls + 1):
            calls(number)
            if clear:
                keras.utils.clear_session()
            if number % 10 and number % every:
                continue
            gc.collect()
            numbers.append(number)
            memory.append(resident_mib())
            if number % every == 0:
                print(
                    f"{number:8}{memory[-1]:9.1f}{traces.traced:9}{traces.compiled:10}"
                    f"{traces.alive:8}{len(calls.models):8}{time.perf_counter() - start:8.1f}",
                    flush=True,
                )
    print(f"{name}: {slope(numbers, memory):.3f} MiB a call\n", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--calls", type=int, default=200, help="how many calls (default: 200)")
    parser.add_argument("--every", type=int, default=20, help="calls a line (default: 20)")
    parser.add_argument("--jit-compile", choices=("yes", "no"), default="yes", help="by XLA")
    parser.add_argument("--clear", action="store_true", help="keras.utils.clear_session each time")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.kinds) - set(KINDS))
    if unknown:
        parser.error(f"unknown kinds {unknown}; there are {', '.join(KINDS)}")
    kinds = options.kinds or KINDS
    if len(kinds) == 1:
        measure(kinds[0], options.calls, options.every, options.jit_compile == "yes", options.clear)
        return 0
    own = ["--calls", str(options.calls), "--every", str(options.every)]
    own += ["--jit-compile", options.jit_compile, *["--clear"] * options.clear]
    # Memory that one kind leaves behind is none of the next.
    return max(
        subprocess.run([sys.executable, __file__, kind, *own], check=False).returncode
        for kind in kinds
    )


if __name__ == "__main__":
    sys.exit(main())
