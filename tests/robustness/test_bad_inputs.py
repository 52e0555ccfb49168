"""Bad input, over the whole public API: one clear line, before anything has happened."""

import random
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from kerasreg import descent, surgery
from kerasreg.folds import fold_indices
from kerasreg.optimality import duality_gap, stationarity, strength_max
from tests.robustness.bad_inputs import (
    callbacks,
    command_line,
    datasets,
    descents_and_folds,
    figures,
    folders,
    optimality,
    penalties,
    subjects,
)
from tests.robustness.bad_inputs import surgery as surgery_cases
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import LABELS, SPARSE, X, Y

TENSORFLOW = keras.backend.backend() == "tensorflow"
WITHOUT_BACKEND = (datasets, figures, folders)
MODULES = [penalties, descents_and_folds, optimality, surgery_cases, callbacks, *WITHOUT_BACKEND]
if TENSORFLOW:
    from tests.robustness.bad_inputs import grids, paths, training, training_data

    MODULES += [training, training_data, grids, paths]
CASES = [
    pytest.param(case, id=case.name, marks=[pytest.mark.backend_free] * (module in WITHOUT_BACKEND))
    for module in MODULES
    for case in module.CASES
]


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def random_states() -> list[str]:
    return [repr(random.getstate()), repr(np.random.get_state())]  # noqa: NPY002


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_what_is_wrong(case: Case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subjects.MADE.clear()
    if case.before is not None:
        case.before()
    files, states = files_below(tmp_path), random_states()
    with pytest.raises(case.error) as raised:
        case.call()
    assert type(raised.value) is case.error
    assert str(raised.value) == case.message
    assert "\n" not in case.message
    assert files_below(tmp_path) == files
    assert random_states() == states
    assert keras.config.floatx() == "float32"
    for model, before in subjects.MADE:
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)


def test_no_case_is_there_twice():
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.backend_free
@pytest.mark.parametrize("case", command_line.CASES, ids=lambda case: case.name)
def test_the_command_line_says_what_is_wrong(case, tmp_path, monkeypatch, capsys):
    from experiments import runner

    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    files = files_below(tmp_path)
    try:
        status = runner.main(case.arguments)
    except SystemExit as stop:  # argparse shows the usage first
        status = stop.code
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == case.message
    assert status == case.status
    assert files_below(tmp_path) == files


AS_GIVEN = [
    ("lists", X.tolist(), Y.tolist()),
    ("tuples", tuple(map(tuple, X.tolist())), tuple(Y.tolist())),
    ("a table and a column of it", pd.DataFrame(X), pd.Series(Y, index=range(100, 108))),
    ("doubles", X.astype("float64"), Y.astype("float64")),
    ("half precision", X.astype("float16"), Y.astype("float16")),
    ("whole numbers", (10 * X).astype(int), (10 * Y).astype("int8")),
    ("bools", X > 0, Y > 0),
    ("targets in a column", X, Y[:, None]),
    ("rows that are not contiguous", np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    ("tensors", keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y)),
]


@pytest.mark.parametrize(
    ("x", "y"), [given[1:] for given in AS_GIVEN], ids=[g[0] for g in AS_GIVEN]
)
def test_samples_may_be_given_as_anything_that_is_an_array(x, y):
    as_arrays = np.asarray(x).astype("float32"), np.asarray(y).astype("float32")
    for ask in (stationarity, strength_max, duality_gap):
        given, expected = (ask(subjects.linear(), *data, "mse") for data in ((x, y), as_arrays))
        if ask is stationarity:
            pd.testing.assert_frame_equal(given, expected)
        else:
            assert given == expected
    assert len(fold_indices(4, x, y)) == 4
    surgery.audit(subjects.compiled(), x, y)
    if np.ndim(y) == 1:
        descent.lasso_descent(x, y, 0.1, [0, 0, 0, 0], steps=1)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("x", "y"), [given[1:] for given in AS_GIVEN], ids=[g[0] for g in AS_GIVEN]
)
def test_training_takes_them_too(x, y):
    as_arrays = np.asarray(x).astype("float32"), np.asarray(y).astype("float32")
    given, expected = (subjects.train(*data, seed=0) for data in ((x, y), as_arrays))
    pd.testing.assert_frame_equal(given.weights, expected.weights)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 10**30},
        {"batch_size": np.int64(3)},
        {"seed": 10**40},
        {"metrics": None},
        {"metrics": ("mae",)},
        {"metrics": ["accuracy"]},
        {"loss": keras.losses.MeanSquaredError},
        {"sample_weight": [1] * 8},
        {"sample_weight": np.ones((8, 1))},
        {"validation_data": [X.tolist(), Y.tolist()]},
        {"shuffle": np.bool_(True)},
        {"log_dir": Path("logs")},
    ],
    ids=str,
)
def test_settings_that_must_work(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert np.isfinite(subjects.train(**settings).curves["value"]).all()


@pytest.mark.tensorflow
def test_a_batch_longer_than_the_data_is_all_of_them():
    long, whole = (subjects.train(batch_size=size, seed=0) for size in (10**9, 8))
    pd.testing.assert_frame_equal(long.curves, whole.curves)


@pytest.mark.tensorflow
def test_a_class_weight_may_be_of_a_class_without_samples():
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    present = {"y": LABELS % 2, "loss": SPARSE, "class_weight": weights}
    assert len(subjects.train(model=subjects.linear(3), **present).curves)


@pytest.mark.tensorflow
def test_a_dict_of_inputs_may_name_the_layers_of_the_model():
    inputs = {name: keras.Input((3,), name=name) for name in ("left", "right")}
    output = keras.layers.Dense(1)(keras.layers.Add()(list(inputs.values())))
    for model in (keras.Model(inputs, output), keras.Model(list(inputs.values()), output)):
        subjects.train({"left": X, "right": X.tolist()}, model=model)
        with pytest.raises(ValueError) as raised:
            subjects.train({"left": X, "wrong": X}, model=model)
        assert str(raised.value) == (
            "Invalid value for argument `x`: expected one array for each input of the model "
            f"'{model.name}', ['left', 'right']. Received: a dict with the keys ['left', 'wrong']"
        )
