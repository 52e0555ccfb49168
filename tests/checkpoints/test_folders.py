"""Folders of others, without rights, closed, locked, or left by a killed run."""

import contextlib
import errno
import os
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kerasreg.checkpoints import CheckpointFolder
from kerasreg.checkpoints import folder as checkpoint_folder
from tests.checkpoints.folders import (
    CALL,
    child,
    damaged,
    files,
    kill,
    message_of,
    one_state,
    posix,
    same_bits,
)

pytestmark = pytest.mark.backend_free


# The folder


def test_a_folder_of_other_things_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("text")
    (tmp_path / ".w.npy.tmp").write_text("whose?")
    message = message_of(ValueError, lambda: CheckpointFolder(tmp_path, CALL))
    assert message == (
        f"The folder {str(tmp_path)!r} is not a checkpoint: it has no 'call.json', but holds "
        "'.w.npy.tmp' and 1 more. Pass a checkpoint_dir that is empty or does not exist"
    )
    assert sorted(os.listdir(tmp_path)) == [".w.npy.tmp", "thesis.tex"]


def test_what_a_killed_run_was_writing_is_removed(tmp_path):
    CheckpointFolder(tmp_path, CALL).close()
    for name in (".w.npy.tmp", ".call.json.tmp", "notes.tmp", ".other"):
        (tmp_path / name).write_text("{")
    CheckpointFolder(tmp_path, CALL).close()
    assert set(files(tmp_path)) == {"call.json", "notes.tmp", ".other"}


def test_a_run_killed_before_its_call_json_does_not_stand_in_the_way(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".call.json.tmp").write_text('{"form')
    CheckpointFolder(tmp_path, CALL).close()
    assert set(files(tmp_path)) == {"call.json"}


@posix
@pytest.mark.parametrize("inner", ["", "/below"])
def test_a_file_in_the_place_of_the_folder(tmp_path, inner):
    (tmp_path / "file").write_text("text")
    folder = f"{tmp_path}/file{inner}"
    message = message_of(NotADirectoryError, lambda: CheckpointFolder(folder, CALL))
    assert message == (
        f"The checkpoint folder {folder!r} cannot be used: Not a directory. Pass a checkpoint_dir "
        "that can be made and written"
    )


@contextlib.contextmanager
def without_rights():
    """Root may write everywhere; for as long as this lasts the process is somebody else."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_cannot_be_written(exists):
    with tempfile.TemporaryDirectory() as above:
        if exists:
            CheckpointFolder(above, CALL).close()
            os.chmod(Path(above) / ".lock", 0o666)
        os.chmod(above, 0o555)
        folder = above if exists else f"{above}/run"
        with without_rights():
            message = message_of(PermissionError, lambda: CheckpointFolder(folder, CALL))
        os.chmod(above, 0o700)
    assert message == (
        f"The checkpoint folder {folder!r} cannot be used: Permission denied. Pass a "
        "checkpoint_dir that can be made and written"
    )


def test_the_folder_stays_the_same_when_the_process_changes_its_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with CheckpointFolder("runs/path", CALL) as folder:
        monkeypatch.chdir("/")
        folder.save("w", one_state())
        (tmp_path / "runs/path/w.npy").write_text("")
        assert "'runs/path/w.npy'" in damaged(folder)


def test_a_closed_folder_does_nothing_more(tmp_path):
    folder = CheckpointFolder(tmp_path, CALL)
    folder.close()
    folder.close()
    for call in (lambda: folder.load("w"), lambda: folder.save("w", {})):
        assert message_of(ValueError, call) == (
            f"The checkpoint folder {str(tmp_path)!r} is closed in this process"
        )


# One run at a time


@posix
def test_a_second_run_is_refused(tmp_path):
    with CheckpointFolder(tmp_path, CALL) as first:
        first.save("w", one_state())
        message = message_of(RuntimeError, lambda: CheckpointFolder(tmp_path, CALL))
        assert message == (
            f"Another run (process {os.getpid()}) is using the checkpoint in {str(tmp_path)!r}. "
            "Wait until it ends, or pass another checkpoint_dir"
        )
        first.save("w", one_state())
    CheckpointFolder(tmp_path, CALL).close()


@posix
def test_a_forgotten_folder_is_free_again(tmp_path):
    CheckpointFolder(tmp_path, CALL)  # not closed
    CheckpointFolder(tmp_path, CALL).close()


@posix
def test_the_lock_dies_with_its_process_also_where_a_forked_worker_lives_on(tmp_path):
    program = """
folder = checkpoints.CheckpointFolder(sys.argv[1], CALL)
worker = os.fork()
if worker:
    folder.save("w", {"w": np.ones(3)})  # what the child closes is its own
    print(worker, flush=True)
time.sleep(60)
"""
    process, worker = child(program, tmp_path)
    try:
        message = message_of(RuntimeError, lambda: CheckpointFolder(tmp_path, CALL))
        assert f"(process {process.pid})" in message
        kill(process)
        os.kill(int(worker), 0)  # lives
        with CheckpointFolder(tmp_path, CALL) as folder:
            same_bits(folder.load("w")["w"], np.ones(3))
    finally:
        os.kill(int(worker), signal.SIGKILL)


@pytest.mark.parametrize("missing", ["module", "support"])
def test_without_locks_it_goes_without(tmp_path, monkeypatch, missing):
    class NoLocks:
        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(*_):
            raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(checkpoint_folder, "fcntl", None if missing == "module" else NoLocks)
    with CheckpointFolder(tmp_path, CALL) as first, CheckpointFolder(tmp_path, CALL) as second:
        first.save("w", one_state())
        same_bits(second.load("w")["w"], one_state()["w"])
