"""Full disks, interrupts and kills while a state is saved."""

import errno
import os
import time

import numpy as np
import pytest

from kerasreg.checkpoints import CheckpointFolder
from tests.checkpoints.folders import CALL, child, files, kill, message_of, one_state, posix

pytestmark = pytest.mark.backend_free


# When saving fails


FULL = "The run cannot be resumed from later than the last saved point; mend this, and call again"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk(tmp_path):
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", one_state())
        before = files(tmp_path)
        for n, size in ((3, "1.2e-05"), (10**6, "4")):  # fails when flushed, and when written
            # What is written to the temporary file goes to a device that is always full.
            (tmp_path / ".w.npy.tmp").symlink_to("/dev/full")
            with pytest.raises(OSError) as info:
                folder.save("w", one_state(n))
            assert str(info.value) == (
                f"The checkpoint file {str(tmp_path / 'w.npy')!r} ({size} MB) cannot be saved: No "
                f"space left on device. {FULL} with the same checkpoint_dir"
            )
            assert info.value.errno == errno.ENOSPC
            assert files(tmp_path) == before
        folder.save("w", one_state(10**6))  # when there is space again
        assert folder.load("w")["w"].size == 10**6


@posix
def test_a_file_that_is_half_written_when_the_space_ends(tmp_path):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", one_state())
        before = files(tmp_path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, limits[1]))
        try:
            message = message_of(OSError, lambda: folder.save("w", one_state(10**6)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "File too large" in message
        assert files(tmp_path) == before


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupt_while_saving_leaves_the_earlier_state(tmp_path, monkeypatch, step):
    def interrupt(*_):
        raise KeyboardInterrupt

    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", one_state())
        before = files(tmp_path)
        monkeypatch.setattr(os, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            folder.save("w", one_state(5))
        assert files(tmp_path) == before


def test_a_save_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    steps = []
    for step in ("fsync", "replace"):
        original = getattr(os, step)
        monkeypatch.setattr(
            os, step, lambda *a, step=step, do=original: (steps.append(step), do(*a))
        )
    with CheckpointFolder(tmp_path, CALL) as folder:
        steps.clear()
        folder.save("w", one_state())
    assert steps == ["fsync", "replace", "fsync"]  # the file, its name, the folder


# kill -9


SAVES_IN_A_LOOP = """
folder = checkpoints.CheckpointFolder(sys.argv[1], CALL)
state = folder.load("state") or {"n": np.array(0), "w": np.zeros(500_000), "b": np.zeros(())}
print(int(state["n"]), flush=True)
n = int(state["n"])
while True:
    n += 1
    w = np.arange(500_000, dtype="float64") * n
    folder.save("state", {"n": np.array(n), "w": w, "b": np.array(float(n))})
"""


@posix
def test_a_run_that_is_killed_at_any_moment_leaves_a_whole_state(tmp_path):
    random = np.random.default_rng(0)
    last, torn = 0, 0
    for _ in range(12):
        process, started_from = child(SAVES_IN_A_LOOP, tmp_path)
        assert int(started_from) == last  # went on where the one before was killed
        time.sleep(random.uniform(0.02, 0.15))
        kill(process)
        torn += (tmp_path / ".state.npy.tmp").exists()
        with CheckpointFolder(tmp_path, CALL) as folder:
            state = folder.load("state")
        assert set(files(tmp_path)) <= {"call.json", "state.npy"}
        if state is None:
            assert last == 0
            continue
        n = int(state["n"])
        assert n >= last
        np.testing.assert_array_equal(state["w"], np.arange(500_000, dtype="float64") * n)
        assert state["b"] == n
        last = n
    assert last > 0
    assert torn > 0  # some of the kills came in the middle of a save
