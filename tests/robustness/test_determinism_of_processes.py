"""Processes with other hashes find the same numbers, and with other threads nearly the same.

As a program it trains one thing after another and saves the numbers:

    python -m tests.robustness.test_determinism_of_processes dense-xla,grid-xla 1 numbers.npz
"""

import functools
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    # What decides on threads is read when TensorFlow is imported.
    N_THREADS = int(sys.argv[2])
    os.environ |= {"OMP_NUM_THREADS": str(N_THREADS), "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ |= {f"TF_NUM_{kind}OP_THREADS": str(N_THREADS) for kind in ("INTRA", "INTER")}
    if N_THREADS == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
import pytest
from keras import layers, regularizers

from kerasreg.variables import values_of
from tests.robustness.same_numbers import CROSSENTROPY, STRENGTHS, anew, check_equal

WAYS = ("dense-graph", "dense-xla", "grid-xla")


def dense():
    return keras.Sequential(
        [
            keras.Input((200,)),
            layers.Dense(128, "tanh", kernel_regularizer=regularizers.L2(0.01)),
            layers.Dense(64, "tanh", kernel_regularizer=regularizers.L2(0.01)),
            layers.Dense(10, "softmax"),
        ]
    )


def images(size):
    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(8, 3, activation="tanh", kernel_regularizer=regularizers.L2(0.01)),
            layers.Conv2D(8, 3, activation="tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, "softmax"),
        ]
    )


def numbers(what):
    """Trains as `what` says, smooth models, and returns arrays by name."""
    from kerasreg.training import train

    kind, way = what.split("-")
    random = np.random.default_rng(0)
    sizes = {"dense": None, "images": 24, "grid": None, "gridsmall": 10, "gridlarge": 48}
    size = sizes[kind]
    n = 512 if size is None else 64
    x = random.normal(size=(n, 200) if size is None else (n, size, size, 3)).astype("float32")
    y = random.integers(0, 10, size=n)
    model = anew(dense if size is None else lambda: images(size))
    # Not Adam: its step divides a gradient by its own size, so that the rounding of the smallest
    # gradients becomes as large as any step (1e-5 of the largest weight was measured).
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    settings = {"optimizer": optimizer, "loss": CROSSENTROPY, "epochs": 3}
    settings |= {"batch_size": n // 4, "jit_compile": way == "xla", "verbose": 0}
    if not kind.startswith("grid"):
        train(model, x, y, seed=0, **settings)
        return {f"{at} {v.name}": values_of(v).copy() for at, v in enumerate(model.variables)}
    from kerasreg.grid import train_grid

    record = train_grid(model, x, y, strengths=STRENGTHS, **settings)
    return {
        f"{strength} {at}": value
        for strength in STRENGTHS
        for at, value in enumerate(record.values(strength))
    }


@pytest.fixture(scope="module")
def in_a_process(tmp_path_factory):
    """What `numbers` returns in a process of its own, which trains all of `WAYS` in turn."""

    @functools.cache
    def found(n_threads, hash_seed="0"):
        path = tmp_path_factory.mktemp("numbers") / "numbers.npz"
        environment = {k: v for k, v in os.environ.items() if not k.endswith("OP_THREADS")}
        subprocess.run(
            [sys.executable, __file__, ",".join(WAYS), str(n_threads), str(path)],
            env=environment | {"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
        )
        with np.load(path) as arrays:
            return dict(arrays)

    return found


def distance(found, other):
    """The largest difference, relative to the largest value of the array."""
    assert found.keys() == other.keys() and found
    return max(
        float(np.abs(value - other[name]).max() / max(np.abs(value).max(), 1e-30))
        for name, value in found.items()
    )


@pytest.mark.slow
@pytest.mark.tensorflow
def test_other_processes_with_other_hashes_find_the_same(in_a_process):
    check_equal(in_a_process(1, "0"), in_a_process(1, "1"))


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("way", WAYS)
def test_one_thread_and_two_agree_within_rounding(way, in_a_process):
    one, two = (
        {name: value for name, value in in_a_process(n_threads).items() if name.startswith(way)}
        for n_threads in (1, 2)
    )
    assert distance(one, two) < 1e-6


def digest(arrays):
    """A short name for arrays that are equal to the bit."""
    parts = [json.dumps(sorted(arrays)).encode(), *(arrays[k].tobytes() for k in sorted(arrays))]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


if __name__ == "__main__":
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(N_THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(N_THREADS)
    trained = {}
    for trained_way in sys.argv[1].split(","):
        trained |= {f"{trained_way} {k}": value for k, value in numbers(trained_way).items()}
    np.savez(sys.argv[3], **trained)
    print(sys.argv[1], N_THREADS, digest(trained))
