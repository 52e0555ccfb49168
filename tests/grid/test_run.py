"""Grids that are interrupted and go on, and grids spread over processes and machines."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the grid needs TensorFlow", allow_module_level=True)

from kerasreg.checkpoints import CheckpointFolder
from kerasreg.cross_validation import cross_validate
from kerasreg.optimizers import ProximalAdam
from kerasreg.path import regularization_path

REPOSITORY = Path(__file__).parents[2]


def noisy(n=70):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 5)).astype(np.float32)
    return x, np.tanh(x[:, 0] + random.normal(size=n)).astype(np.float32)


def small_model():
    def penalty():
        return keras.regularizers.L1(1.0)

    layers = [
        keras.Input((5,)),
        keras.layers.Dense(6, "relu", kernel_regularizer=penalty()),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1, kernel_regularizer=penalty()),
    ]
    return keras.Sequential(layers)


MODEL = small_model()  # the same one, so that its program is compiled once


def path(model=MODEL, **changed):
    x, y = noisy()
    settings = {
        "strengths": [0.001, 0.01, 0.1, 0.3, 0.5],
        "optimizer": ProximalAdam(1e-2),
        "loss": "mse",
        "metrics": ["mae"],
        "epochs": 4,
        "batch_size": 16,
        "chunk_size": 2,
        "jit_compile": False,  # starts sooner
        "seeds": (0, 1),
        "validation_data": (x[:20], y[:20]),
        "verbose": 0,
    }
    return regularization_path(model, x, y, **settings | changed)


def assert_same(one, other):
    for table in ("members", "curves", "weights", "coefficients"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)


class Killed(BaseException):
    pass


def killed_after(monkeypatch, n_saves):
    """Lets a call die where it has saved so many times."""
    left = [n_saves]
    save = CheckpointFolder.save

    def save_or_die(self, name, arrays):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        save(self, name, arrays)

    monkeypatch.setattr(CheckpointFolder, "save", save_or_die)


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_killed_path_goes_on_and_ends_bitwise_the_same(tmp_path, monkeypatch, warm_start):
    whole = path(warm_start=warm_start)
    # In the first epoch, in the middle of a chunk, between chunks, near the end.
    for n_saves in (0, 3, 4, 9):
        with monkeypatch.context() as patch:
            killed_after(patch, n_saves)
            with pytest.raises(Killed):
                path(warm_start=warm_start, checkpoint_dir=tmp_path)
    assert_same(path(warm_start=warm_start, checkpoint_dir=tmp_path), whole)
    # And from its end, without training.
    began = time.perf_counter()
    assert_same(path(warm_start=warm_start, checkpoint_dir=tmp_path), whole)
    assert time.perf_counter() - began < 5


@pytest.mark.slow
def test_a_path_killed_by_the_system_goes_on_and_ends_bitwise_the_same(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(REPOSITORY)!r})
            from tests.grid.test_run import path
            path(epochs=60, checkpoint_dir=sys.argv[1])
            """
        )
    )
    folder = tmp_path / "checkpoint"
    kills = 0
    for n_changes in (1, 7):
        process = subprocess.Popen([sys.executable, program, folder], stderr=subprocess.DEVNULL)
        seen: set[tuple[str, int]] = set()
        at_start = len(list(folder.glob("chunk*")))
        while process.poll() is None and len(seen) < at_start + n_changes:
            seen |= {(file.name, file.stat().st_mtime_ns) for file in folder.glob("chunk*")}
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 2
    assert_same(path(epochs=60, checkpoint_dir=folder), path(epochs=60))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"epochs": 5}, "epochs is 4 there and 5 here"),
        ({"strengths": [0.001, 0.01, 0.1, 0.3, 0.6]}, "strengths"),
        ({"optimizer": ProximalAdam(2e-2)}, "optimizer.*learning_rate"),
        ({"loss": "mae"}, "loss"),
        ({"batch_size": 8}, "batch_size is 16 there and 8 here"),
        ({"seeds": (0, 2)}, "seeds"),
        ({"validation_data": None}, "validation_data"),
        ({"sample_weight": np.ones(70, np.float32)}, "sample_weight"),
        ({"model": keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])}, "model"),
    ],
)
def test_a_checkpoint_of_another_call_is_refused_naming_the_difference(
    checkpoint_of_a_path, changed, named
):
    with pytest.raises(ValueError, match=f"belongs to another call: .*{named}") as caught:
        path(checkpoint_dir=checkpoint_of_a_path, **changed)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def checkpoint_of_a_path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    path(checkpoint_dir=folder)
    return folder


def test_other_data_are_refused(checkpoint_of_a_path):
    x, y = noisy()
    x[3, 2] += 1e-6
    with pytest.raises(ValueError, match="belongs to another call: x differs"):
        regularization_path(
            small_model(), x, y, strengths=[0.001, 0.01, 0.1, 0.3, 0.5], seeds=(0, 1), chunk_size=2,
            optimizer=ProximalAdam(1e-2), loss="mse", metrics=["mae"], epochs=4, batch_size=16,
            jit_compile=False,
            validation_data=(noisy()[0][:20], y[:20]), checkpoint_dir=checkpoint_of_a_path,
        )  # fmt: skip


def test_names_that_keras_counts_up_make_no_other_call(checkpoint_of_a_path):
    assert small_model().name != small_model().name
    path(small_model(), checkpoint_dir=checkpoint_of_a_path)


def test_a_truncated_checkpoint_is_refused_naming_the_file(tmp_path):
    path(checkpoint_dir=tmp_path)
    file = tmp_path / "chunk_00002.npy"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"chunk_00002.*is damaged.*Delete it, and call again"):
        path(checkpoint_dir=tmp_path)
    whole = path()
    file.unlink()
    assert_same(path(checkpoint_dir=tmp_path), whole)


def test_a_dataset_has_no_checkpoint(tmp_path):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(noisy()).batch(16)
    with pytest.raises(ValueError, match="A checkpoint_dir needs arrays"):
        regularization_path(
            small_model(), dataset, strengths=[1.0], loss="mse", checkpoint_dir=tmp_path
        )


@pytest.mark.slow
def test_processes_of_joblib_give_the_same_numbers(tmp_path):
    x, y = noisy()
    settings = {"strengths": [0.01, 0.1, 0.3, 1.0], "loss": "mse", "epochs": 2, "chunk_size": 4}
    settings |= {"jit_compile": False}
    here = cross_validate(small_model(), x, y, folds=3, **settings)
    settings |= {"checkpoint_dir": tmp_path}
    spread = cross_validate(small_model(), x, y, folds=3, n_jobs=2, **settings)
    pd.testing.assert_frame_equal(here.scores, spread.scores, check_exact=True)
    assert_same(here.grid, spread.grid)
    # What two processes have left in the folder serves one as well.
    assert_same(cross_validate(small_model(), x, y, folds=3, **settings).grid, here.grid)


def test_what_cannot_travel_is_said_before_any_work():
    x, y = noisy()

    def own_loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    with pytest.raises(ValueError, match="register_keras_serializable"):
        regularization_path(small_model(), x, y, strengths=[1.0, 2.0], loss=own_loss, n_jobs=2)
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    with pytest.raises(ValueError, match=r"tf\.data\.Dataset cannot be sent to other processes"):
        regularization_path(small_model(), dataset, strengths=[1.0], loss="mse", n_jobs=2)


@pytest.fixture
def cluster():
    """Two worker processes of dask on this machine, which talk over loopback."""
    distributed = pytest.importorskip("distributed")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, silence_logs=50,
        )  # fmt: skip
        client = distributed.Client(cluster)
        yield client
        client.close()
        cluster.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_of_dask_gives_the_same_numbers_also_if_a_worker_dies(cluster):
    import joblib

    x, y = noisy()
    settings = {"strengths": [0.01, 0.1, 0.3, 1.0], "loss": "mse", "epochs": 20, "chunk_size": 2}
    settings |= {"batch_size": 2, "folds": 5, "verbose": 0, "jit_compile": False}
    here = cross_validate(small_model(), x, y, **settings)
    with joblib.parallel_config(backend="dask"):
        spread = cross_validate(small_model(), x, y, **settings)
    assert_same(spread.grid, here.grid)

    workers = cluster.run(os.getpid)
    assert len(workers) == 2
    import threading

    killed = []

    def kill_one_at_work():
        """Kills a worker once it has work to do."""
        for _ in range(2000):
            busy = [address for address, tasks in cluster.processing().items() if tasks]
            if busy:
                time.sleep(0.3)
                os.kill(workers[busy[0]], signal.SIGKILL)
                killed.append(busy[0])
                return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one_at_work)
    with joblib.parallel_config(backend="dask"):
        killer.start()
        spread = cross_validate(small_model(), x, y, **settings)
    killer.join()
    assert len(killed) == 1
    assert_same(spread.grid, here.grid)
