"""What a grid writes for TensorBoard, against its own tables."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the grid needs TensorFlow", allow_module_level=True)
pytest.importorskip("tensorboard")

from kerasreg.cross_validation import cross_validate
from kerasreg.grid.chunks import Member
from kerasreg.grid.logs import logged_members, member_folders
from kerasreg.optimizers import ProximalSGD
from kerasreg.path import regularization_path
from tests.test_event_files import read
from tests.test_hyperparameters import page, results_of, settings_of

STRENGTHS = [0.001, 0.1, 0.3]


def model():
    l1 = keras.regularizers.L1(1.0)
    layers = [
        keras.Input((5,)),
        keras.layers.Dense(4, "sigmoid", kernel_regularizer=l1, name="hidden"),
        # Nothing negative comes in: four zeros that stay, and that no penalty has made.
        keras.layers.PReLU(),
        keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1.0), name="output"),
    ]
    return keras.Sequential(layers)


def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 5)).astype(np.float32)
    return x, np.tanh(x[:, 0] + random.normal(size=60)).astype(np.float32)


MODEL = model()  # the same one, so that its program is compiled once


def path(log_dir=None, **changed):
    x, y = data()
    settings = {
        "strengths": STRENGTHS,
        "seeds": (0, 3),
        "optimizer": ProximalSGD(0.1),
        "loss": "mse",
        "metrics": ["mae"],
        "epochs": 3,
        "validation_data": (x[:20], y[:20]),
        "jit_compile": False,
        "verbose": 0,
        "log_dir": log_dir,
    }
    return regularization_path(MODEL, x, y, **(settings | changed))


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    return path(folder), folder


def test_every_member_is_a_run_with_what_the_tables_hold(logged):
    found, folder = logged
    runs = {
        f"strength={s:g},seed={seed}": f"strength == {s} and seed == {seed}"
        for s in STRENGTHS
        for seed in (0, 3)
    }
    assert {each.name for each in folder.iterdir() if each.is_dir()} == set(runs)
    for run, member in runs.items():
        train, validation = (read(folder / run / split) for split in ("train", "validation"))
        curves = found.curves.query(member)
        for row in curves.itertuples():
            split = {"train": train, "validation": validation}[row.split]
            assert split[row.quantity][row.epoch] == np.float32(row.value)
        assert set(curves["quantity"]) <= set(validation)
        for row in found.weights.query(member).itertuples():
            share = np.float32(row.n_zero / row.n_weights)
            assert train[f"sparsity/{row.variable}"][row.epoch] == share
            for norm in ("l1_norm", "l2_norm", "max_abs"):
                value = np.float32(getattr(row, norm))
                assert train[f"{norm}/{row.variable}"][row.epoch] == value
        for name, values in found.coefficients.query(member).groupby("variable")["value"]:
            assert list(train[name]) == [3]
            left, right, counts = train[name][3].T
            inside = (values.to_numpy() >= left[:, None]) & (values.to_numpy() < right[:, None])
            np.testing.assert_array_equal(inside.sum(axis=1), counts)


def test_the_zeros_are_those_of_the_penalized_weights(logged):
    found, folder = logged
    kernels = found.weights[found.weights["variable"].str.endswith("kernel")]
    kernels = kernels.query("strength == 0.1 and seed == 0")
    n_zero = kernels.groupby("epoch")["n_zero"].sum()
    assert 0 < n_zero[3] < 24
    train = read(folder / "strength=0.1,seed=0" / "train")
    for epoch in (1, 2, 3):
        assert train["zeros"][epoch] == np.float32(n_zero[epoch] / 24)
        assert train["nonzero"][epoch] == 24 - n_zero[epoch]


def test_the_hparams_page_compares_all_members(logged):
    found, folder = logged
    experiment, groups = page(folder)
    names = {info.name for info in experiment.hparam_infos}
    assert names == {"strength", "seed", "penalty", "optimizer"}
    assert [info.display_name for info in experiment.metric_infos] == [
        "validation data_loss",
        "validation loss",
        "validation mae",
        "zeros",
        "not zero",
    ]
    last = found.curves.query("epoch == 3 and split == 'validation'")
    last = last.set_index(["strength", "seed", "quantity"])["value"]
    assert len(groups) == 6
    for group in groups.values():
        settings, results = settings_of(group), results_of(group)
        key = settings["strength"], settings["seed"]
        assert (settings["penalty"], settings["optimizer"]) == ("L1 + L2", "ProximalSGD")
        for quantity in ("data_loss", "loss", "mae"):
            assert results["validation", quantity] == np.float32(last[(*key, quantity)])
        own = found.model(settings["strength"], seed=int(settings["seed"]))
        left = sum(np.count_nonzero(own.get_layer(name).kernel) for name in ("hidden", "output"))
        assert results["train", "nonzero"] == left
        assert results["train", "zeros"] == np.float32(1 - left / 24)
    assert {settings_of(group)["strength"] for group in groups.values()} == set(STRENGTHS)


def test_logs_change_no_number(logged):
    found, _ = logged
    without = path()
    for strength in STRENGTHS:
        for value, expected in zip(
            found.grid.values(strength), without.grid.values(strength), strict=True
        ):
            np.testing.assert_array_equal(value, expected)
    assert found.curves.equals(without.curves)


def test_a_second_grid_has_a_folder_of_its_own(tmp_path):
    for _ in range(2):
        path(tmp_path, log_members=1)
    folders = {each.name for each in tmp_path.iterdir() if each.is_dir()}
    assert folders == {"strength=0.001,seed=0", "run-2"}
    assert (tmp_path / "run-2" / "strength=0.001,seed=0" / "train").is_dir()
    assert len(page(tmp_path)[1]) == 2


def test_a_member_that_diverged_has_failed_and_ends_before(tmp_path):
    from tensorboard.plugins.hparams import api_pb2

    # L2 · 300 takes a step of 0.1 · 2 · 300 times the weights, and so each step 59 times them.
    diverging = [0.001, 300.0]
    options = {"strengths": diverging, "seeds": (0,), "optimizer": keras.optimizers.SGD(0.1)}
    found = path(tmp_path, epochs=12, **options)
    ((_, strength, since),) = (
        found.members.query("diverged")[["seed", "strength", "diverged_in"]].to_numpy().tolist()
    )
    assert strength == 300.0 and since > 1
    _, groups = page(tmp_path)
    status = {run: group.sessions[0].status for run, group in groups.items()}
    assert status == {
        "strength=0.001": api_pb2.STATUS_SUCCESS,
        "strength=300": api_pb2.STATUS_FAILURE,
    }
    written = read(tmp_path / "strength=300" / "train")
    for tag in ("loss", "sparsity/hidden/kernel", "zeros"):
        assert sorted(written[tag]) == list(range(1, int(since)))
        assert np.isfinite(list(written[tag].values())).all()


def test_folds_are_runs_and_the_refit_is_not(tmp_path):
    x, y = data()
    found = cross_validate(
        MODEL,
        x,
        y,
        folds=2,
        strengths=[0.01, 0.02],
        optimizer=ProximalSGD(0.1),
        loss="mse",
        epochs=1,
        jit_compile=False,
        verbose=0,
        log_dir=tmp_path,
    )
    found.refit()
    runs = {each.name for each in tmp_path.iterdir() if each.is_dir()}
    assert runs == {f"strength={s},fold={fold}" for s in (0.01, 0.02) for fold in (0, 1)}
    scores = found.scores.query("split == 'validation' and quantity == 'data_loss'")
    scores = scores.set_index(["strength", "fold"])["value"]
    _, groups = page(tmp_path)
    for group in groups.values():
        settings = settings_of(group)
        score = scores[settings["strength"], settings["fold"]]
        assert results_of(group)["validation", "data_loss"] == np.float32(score)


def test_what_the_disk_refuses_is_told_and_the_models_are_there(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    with pytest.warns(RuntimeWarning, match="Cannot write TensorBoard's event file") as told:
        found = path(taken)
    assert len(told) == 1
    assert len(found.members) == 6


def members(strengths, folds=1, seeds=(0,)):
    return [Member(s, fold, seed) for s in strengths for fold in range(folds) for seed in seeds]


@pytest.mark.parametrize(
    ("n_strengths", "folds", "seeds", "at_most", "strengths", "ways"),
    [
        (100, 1, (0,), 4, [0, 33, 66, 99], [(0, 0)]),
        (100, 5, (0, 1), 4, [0, 33, 66, 99], [(0, 0)]),
        (3, 2, (0, 1), 9, [0, 1, 2], [(0, 0), (1, 0), (0, 1)]),
        (3, 2, (7, 4), 100, [0, 1, 2], [(0, 4), (1, 4), (0, 7), (1, 7)]),
        (3, 1, (0,), 1, [0], [(0, 0)]),
    ],
)
def test_strengths_come_first_and_then_folds(n_strengths, folds, seeds, at_most, strengths, ways):
    every = members(map(float, range(n_strengths)), folds, seeds)
    expected = [(s, *way) for s in strengths for way in ways]
    assert logged_members(every, at_most) == expected
    assert len(expected) <= at_most


def test_folders_tell_close_strengths_apart():
    strengths = [1e-5, 0.1, 0.123456, 0.1234567, 100.0]
    names = member_folders(members(strengths), has_folds=False).values()
    assert list(names) == [
        "strength=1e-05",
        "strength=0.1",
        "strength=0.123456",
        "strength=0.123457",
        "strength=100",
    ]
    names = member_folders(members([0.5], 2, (0, 1)), has_folds=True).values()
    assert list(names)[1] == "strength=0.5,fold=0,seed=1"
    neighbours = members([1.0, np.nextafter(1.0, 2.0)])
    assert len(set(member_folders(neighbours, has_folds=False).values())) == 2


def test_log_members_is_checked_before_the_training():
    with pytest.raises(ValueError, match="Invalid value for argument `log_members`"):
        path(log_members=0)
