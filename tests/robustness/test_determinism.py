"""The same call in the same process gives the same numbers, bit for bit.

What is equal to the bit: everything on one machine, with the same versions, the same number of
threads and the same way of compiling.
"""

import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, regularizers

from kerasreg import optimizers
from kerasreg.callbacks import RegularizationMonitor
from kerasreg.variables import values_of
from tests.robustness.same_numbers import CROSSENTROPY, STRENGTHS, anew, check_equal

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(43, 5)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0.5)
IMAGES = RANDOM.normal(size=(43, 6, 6, 1)).astype("float32")


def with_everything_random():
    """Dropout, batch statistics, a penalty with kinks and one of the activities."""
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "relu", kernel_regularizer=regularizers.L1(1.0)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(4, "relu", activity_regularizer=regularizers.L2(0.1)),
            layers.Dense(3, "softmax", kernel_regularizer="l2"),
        ]
    )


def dropping():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "relu", kernel_regularizer=regularizers.L1(1.0)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, "softmax", kernel_regularizer="l2"),
        ]
    )


def convolutional():
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", kernel_regularizer=regularizers.L1(1.0)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )


MODELS = {"random": (with_everything_random, X), "convolution": (convolutional, IMAGES)}


def of_model(model, record):
    """The tables of a training, and the values of all variables of the model."""
    found = {name: getattr(record, name) for name in ("curves", "weights", "weight_histograms")}
    values = {f"variable {at}": values_of(v).copy() for at, v in enumerate(model.variables)}
    return found | values


def of_grid(record):
    """The tables of a grid, and the values of all members."""
    found = {name: getattr(record, name) for name in ("members", "curves", "weights")}
    for key, (member, chunk, at) in enumerate(record._placed):
        found |= {
            f"{key} {member} {number}": np.array(values[at])
            for number, values in enumerate(chunk.values)
        }
    return found


# Twice in one process


@pytest.mark.parametrize("name", MODELS)
def test_fit_with_a_proximal_optimizer_twice(name):
    make, x = MODELS[name]

    def fitted():
        model, monitor = anew(make), RegularizationMonitor()
        model.compile(optimizers.ProximalAdam(0.02), CROSSENTROPY, metrics=["accuracy"])
        settings = {"epochs": 2, "batch_size": 16, "verbose": 0, "callbacks": [monitor]}
        model.fit(x, LABELS, validation_data=(x, LABELS), **settings)
        return of_model(model, monitor)

    check_equal(fitted(), fitted())


@pytest.mark.tensorflow
@pytest.mark.parametrize("jit_compile", [True, False], ids=["xla", "graph"])
@pytest.mark.parametrize("name", MODELS)
def test_train_twice(name, jit_compile):
    from kerasreg.training import train

    make, x = MODELS[name]

    def trained():
        model = anew(make)
        settings = {"epochs": 3, "batch_size": 16, "jit_compile": jit_compile, "verbose": 0}
        optimizer = optimizers.ProximalAdam(0.02)
        record = train(
            model,
            x,
            LABELS,
            loss=CROSSENTROPY,
            metrics=["accuracy"],
            validation_data=(x, LABELS),
            optimizer=optimizer,
            seed=4,
            **settings,
        )
        return of_model(model, record)

    check_equal(trained(), trained())


@pytest.mark.tensorflow
def test_another_seed_is_another_training():
    first, other = (grid(anew(penalized), X, seeds=(0,), shuffle_seed=seed) for seed in (0, 1))
    with pytest.raises(AssertionError):
        check_equal(first, other)


def grid(model, x, **settings):
    from kerasreg.grid import train_grid

    settings = {
        "strengths": STRENGTHS,
        "seeds": (0, 1),
        "optimizer": optimizers.ProximalAdam(0.02),
        "loss": CROSSENTROPY,
        "metrics": ["accuracy"],
        "epochs": 3,
        "batch_size": 16,
        "chunk_size": 4,
        "jit_compile": False,
        "verbose": 0,
    } | settings
    return of_grid(train_grid(model, x, LABELS, **settings))


GRIDS = {
    "xla": {"jit_compile": True},
    "graph": {"validation_data": (X, LABELS)},
    "folds": {"folds": 3},
    "warm": {"warm_start": True},
    "own weights": {"initial_weights": "model"},
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("settings", GRIDS.values(), ids=GRIDS)
def test_a_grid_twice(settings):
    # What is validated has no penalty of the activities, see the fault below.
    validated = settings.keys() & {"folds", "validation_data"}
    make = dropping if validated else with_everything_random
    model = anew(make)
    first = grid(model, X, **settings)
    check_equal(first, grid(model, X, **settings))  # with the programs of the first
    check_equal(first, grid(anew(make), X, **settings))


class Meets(layers.Layer):
    """Lets the trace of an evaluation stand still in it until another trace comes in."""

    inside, entered = threading.Event(), threading.Event()

    def call(self, x):
        if threading.current_thread() is not threading.main_thread():
            Meets.ahead = threading.current_thread()
            Meets.inside.set()
            Meets.entered.wait(10)
        elif Meets.inside.is_set():
            Meets.entered.set()
            Meets.ahead.join(120)  # and leaves last
        return x


@pytest.mark.tensorflow
def test_traces_of_two_programs_at_a_time_leave_the_model_as_it_was(monkeypatch):
    from kerasreg.grid.training import MemberTrainer

    run = MemberTrainer._run

    def after_the_evaluation_began(self, name, *arguments):
        if name == "train" and self._ahead is not None:
            Meets.inside.wait(120)
        return run(self, name, *arguments)

    monkeypatch.setattr(MemberTrainer, "_run", after_the_evaluation_began)
    Meets.inside.clear()
    Meets.entered.clear()
    penalty = regularizers.L2(0.1)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4, activity_regularizer=penalty),
            Meets(),
            layers.Dense(3, "softmax"),
        ]
    )
    # Two batches of 16 rows and one of 11, which has a program of its own.
    settings = {"epochs": 1, "seeds": (0,), "initial_weights": "model"}
    first = grid(model, X, validation_data=(X, LABELS), **settings)
    assert model.layers[0].activity_regularizer is penalty
    check_equal(first, grid(model, X, validation_data=(X, LABELS), **settings))


@pytest.mark.tensorflow
@pytest.mark.parametrize("jit_compile", [True, False], ids=["xla", "graph"])
def test_a_grid_of_convolutions_twice(jit_compile):
    found = [grid(anew(convolutional), IMAGES, jit_compile=jit_compile) for _ in range(2)]
    check_equal(*found)


@pytest.mark.tensorflow
def test_a_grid_with_checkpoints_is_the_one_without(tmp_path):
    model = anew(with_everything_random)
    without = grid(model, X)
    check_equal(without, grid(model, X, checkpoint_dir=tmp_path))
    check_equal(without, grid(anew(with_everything_random), X, checkpoint_dir=tmp_path))  # read


@pytest.mark.tensorflow
def test_a_grid_in_threads_of_joblib_is_the_one_without():
    import joblib

    alone = grid(anew(with_everything_random), X)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        check_equal(alone, grid(anew(with_everything_random), X))


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_grid_in_two_processes_is_the_one_of_one_process():
    settings = {"folds": 2, "jit_compile": True}
    spread = grid(anew(dropping), X, n_jobs=2, **settings)
    check_equal(spread, grid(anew(dropping), X, **settings))


def penalized():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh", kernel_regularizer=regularizers.L1(1.0)),
            layers.Dense(3, "softmax", kernel_regularizer=regularizers.L1(1.0)),
        ]
    )


SETTINGS = {
    "optimizer": "adam",
    "loss": CROSSENTROPY,
    "n_strengths": 4,
    "epochs": 5,
    "jit_compile": False,
    "verbose": 0,
}


@pytest.mark.tensorflow
def test_a_path_with_the_search_for_its_strengths_twice(tmp_path):
    from kerasreg.path import regularization_path

    def path(**settings):
        model = anew(penalized)
        settings = SETTINGS | {"optimizer": optimizers.ProximalAdam(0.05)} | settings
        found = regularization_path(model, X, LABELS, **settings)
        return {"coefficients": found.coefficients} | of_grid(found.grid)

    first = path()
    check_equal(first, path())
    check_equal(first, path(checkpoint_dir=tmp_path))


@pytest.mark.tensorflow
def test_cross_validation_twice():
    from kerasreg.cross_validation import cross_validate

    def validated():
        settings = SETTINGS | {"strengths": STRENGTHS, "folds": 3}
        settings.pop("n_strengths")
        found = cross_validate(anew(penalized), X, LABELS, **settings)
        model = found.refit()
        values = {f"refit {at}": values_of(v).copy() for at, v in enumerate(model.variables)}
        tables = {"scores": found.scores, "summary": found.summary}
        return tables | values | of_grid(found.grid)

    check_equal(validated(), validated())


# Experiments

# Without seconds, and small under quick settings.
CHEAP = ("regression_line", "weight_decay")


def csv_files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.csv")}


@pytest.mark.slow
@pytest.mark.tensorflow
def test_experiments_find_the_same_twice_and_two_at_a_time(tmp_path):
    from experiments.runner import main

    found = []
    for number, jobs in enumerate((1, 2)):
        out = tmp_path / str(number)
        assert main([*CHEAP, "--quick", "--jobs", str(jobs), "--out", str(out)]) == 0
        found.append(csv_files(out))
    assert {Path(name).parts[0] for name in found[0]} >= set(CHEAP)
    assert found[0] == found[1]
