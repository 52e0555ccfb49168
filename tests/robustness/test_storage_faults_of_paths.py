"""Paths on disks that are full or read-only, under clocks that go back, and two at once."""

import itertools
import os

import numpy as np
import pandas as pd
import pytest

from kerasreg.checkpoints import CheckpointFolder
from tests.robustness.faulty_storage import contents, from_the_future, posix


@pytest.fixture(scope="module")
def model():
    import keras

    layers = [keras.Input((3,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1))]
    return keras.Sequential(layers)  # one, so that its program is compiled once


def path(model, **changed):
    from kerasreg.path import regularization_path

    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    settings = {"strengths": [0.01, 0.1, 1.0], "loss": "mse", "epochs": 3, "chunk_size": 1}
    settings |= {"jit_compile": False, "verbose": 0}
    return regularization_path(model, x, x[:, 0], **settings | changed)


@pytest.fixture(scope="module")
def whole(model):
    return path(model)


def assert_same(one, other):
    for table in ("members", "curves", "weights", "coefficients"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)


def message_of(exception, call):
    with pytest.raises(exception) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.tensorflow
def test_a_path_on_a_full_disk_goes_on_when_there_is_room(disk, model, whole, monkeypatch):
    folder = disk.folder / "path"
    disk.fill()
    call = lambda: path(model, checkpoint_dir=folder)  # noqa: E731
    message = message_of(OSError, call)
    assert message.startswith(f"The checkpoint folder {str(folder)!r} cannot be used: No space")
    # Room for two of the three chunks, of a page each, and for what the second is written to.
    (disk.folder / "filler").unlink()
    disk.fill(left=4 * 4096)
    message = message_of(OSError, call)
    assert "chunk_0000" in message
    assert "cannot be saved: No space left on device. The run cannot be resumed from" in message
    kept = {name: content for name, content in contents(folder).items() if name != ".lock"}
    assert "chunk_00000.npy" in kept
    assert not list(folder.glob(".*.tmp"))
    (disk.folder / "filler").unlink()
    saved = []
    save = CheckpointFolder.save
    monkeypatch.setattr(
        CheckpointFolder,
        "save",
        lambda self, name, arrays: (saved.append(name), save(self, name, arrays)),
    )
    assert_same(path(model, checkpoint_dir=folder), whole)
    assert "chunk_00000" not in saved
    assert (folder / "chunk_00000.npy").read_bytes() == kept["chunk_00000.npy"]


@pytest.mark.tensorflow
def test_a_path_in_a_read_only_folder(disk, model):
    folder = disk.folder / "path"
    path(model, checkpoint_dir=folder)
    before = contents(folder)
    disk.again("ro")
    message = message_of(OSError, lambda: path(model, checkpoint_dir=folder))
    assert message == (
        f"The checkpoint folder {str(folder)!r} cannot be used: Read-only file system. Pass a "
        "checkpoint_dir that can be made and written"
    )
    assert contents(folder) == before


@pytest.mark.tensorflow
@posix
def test_two_paths_in_one_folder_at_once(tmp_path, model, whole, monkeypatch):
    """The second one is called, with the same and with other arguments, while the first saves."""
    save, messages = CheckpointFolder.save, []

    def save_and_call(self, name, arrays):
        save(self, name, arrays)
        before = contents(tmp_path)
        for changed in ({}, {"epochs": 2}):
            again = lambda: path(model, checkpoint_dir=tmp_path, **changed)  # noqa: B023, E731
            messages.append(message_of(RuntimeError, again))
        assert contents(tmp_path) == before

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "save", save_and_call)
        assert_same(path(model, checkpoint_dir=tmp_path), whole)
    assert set(messages) == {
        f"Another run (process {os.getpid()}) is using the checkpoint in {str(tmp_path)!r}. "
        "Wait until it ends, or pass another checkpoint_dir"
    }
    assert_same(path(model, checkpoint_dir=tmp_path), whole)


@pytest.mark.tensorflow
@pytest.mark.usefixtures("clock_that_goes_back")
def test_a_path_with_a_clock_that_goes_back(tmp_path, model, whole, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Killed(BaseException):
        pass

    save, saves = CheckpointFolder.save, itertools.count()

    def save_four(self, name, arrays):
        if next(saves) == 4:
            raise Killed
        save(self, name, arrays)

    checkpoint, logs = tmp_path / "checkpoint", tmp_path / "logs"
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "save", save_four)
        with pytest.raises(Killed):
            path(model, checkpoint_dir=checkpoint)
    from_the_future(checkpoint)
    assert_same(path(model, checkpoint_dir=checkpoint, log_dir=logs), whole)
    for folder in {events.parent for events in logs.rglob("*tfevents*")} - {logs}:
        events = EventAccumulator(str(folder))
        events.Reload()
        assert events.Tags()["tensors"], folder
