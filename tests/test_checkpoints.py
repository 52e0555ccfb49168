import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import kerasreg
from kerasreg.checkpoints import CheckpointFolder
from kerasreg.checkpoints import folder as checkpoint_folder

pytestmark = pytest.mark.backend_free

CALL = {"strengths": [0.1, 0.01], "epochs": 20}
posix = pytest.mark.skipif(os.name != "posix", reason="locks, kills and rights of POSIX")

# Without what `import kerasreg` does, so without Keras, a child starts at once.
CHILD = f"""
import os, sys, time, types
sys.modules["kerasreg"] = types.ModuleType("kerasreg")
sys.modules["kerasreg"].__path__ = {kerasreg.__path__!r}
from kerasreg import checkpoints
import numpy as np
CALL = {CALL!r}
"""


def child(program, *arguments):
    """A process that runs a program and has printed its first line."""
    command = [sys.executable, "-c", CHILD + program, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def kill(process):
    process.kill()
    process.wait()
    process.stdout.close()


def message_of(exception, call):
    with pytest.raises(exception) as info:
        call()
    assert "\n" not in str(info.value)
    return str(info.value)


def one_state(n=3):
    return {"w": np.arange(n, dtype="float32")}


def files(folder):
    """What is in a folder by name; a link is not followed, for /dev/full has no end."""
    paths = [path for path in Path(folder).iterdir() if path.name != ".lock"]
    return {p.name: os.readlink(p) if p.is_symlink() else p.read_bytes() for p in paths}


def test_needs_numpy_and_the_standard_library_only():
    process, line = child("print(sorted({'keras', 'tensorflow', 'ml_dtypes'} & set(sys.modules)))")
    kill(process)
    assert line == "[]"


# Arrays come back bit for bit

NAN_WITH_PAYLOAD = np.array([0x7FC00001, 0xFFC12345, 0x80000000], "uint32").view("float32")
ARRAYS = {
    "float16": np.array([[1.5, -0.0], [np.inf, 6e-8]], "float16"),
    "float32": NAN_WITH_PAYLOAD,
    "float64": np.array([0.1, 5e-324, -np.inf]),
    "complex64": np.array([1 + 2j], "complex64"),
    "int8": np.array([-128, 127], "int8"),
    "uint64": np.array([2**64 - 1], "uint64"),
    "bool": np.array([[True], [False]]),
    "other byte order": np.array([1.0, 2.0], ">f4"),
    "scalar": np.array(7, "int32"),
    "empty": np.empty((0, 3), "float32"),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every other": np.arange(10)[::2],
    "dense/kernel": np.ones((2, 1), "float32"),
    "file": np.zeros(1),
    "": np.zeros(2),
}


def same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def test_round_trip_is_bitwise(tmp_path):
    with CheckpointFolder(tmp_path / "run", CALL) as folder:
        folder.save("all", ARRAYS)
    with CheckpointFolder(tmp_path / "run", CALL) as folder:
        loaded = folder.load("all")
    assert list(loaded) == list(ARRAYS)
    for key, expected in ARRAYS.items():
        same_bits(loaded[key], expected)
        assert loaded[key].flags.writeable
        assert loaded[key].flags.c_contiguous


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "int4"])
def test_round_trip_of_dtypes_that_numpy_does_not_have(tmp_path, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    w = np.array([[1, -2], [0, 3]]).astype(getattr(ml_dtypes, dtype))
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", {"w": w, "scalar": w[0, 0], "empty": w[:0]})
        loaded = folder.load("w")
    same_bits(loaded["w"], w)
    same_bits(loaded["scalar"], np.asarray(w[0, 0]))
    same_bits(loaded["empty"], w[:0])


def test_saving_again_replaces(tmp_path):
    with CheckpointFolder(tmp_path, CALL) as folder:
        assert folder.load("w") is None
        folder.save("w", one_state(3))
        folder.save("w", one_state(5))
        same_bits(folder.load("w")["w"], one_state(5)["w"])
        folder.save("empty", {})
        assert folder.load("empty") == {}
    assert set(files(tmp_path)) == {"call.json", "empty.npy", "w.npy"}


def test_a_file_is_arrays_that_numpy_reads(tmp_path):
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", one_state())
    with open(tmp_path / "w.npy", "rb") as file:
        np.load(file, allow_pickle=False)
        same_bits(np.load(file, allow_pickle=False), one_state()["w"])


@pytest.mark.parametrize("value", [[None], np.array(["a"]), np.zeros(1, "f4,i4"), object()])
def test_what_would_need_a_pickle_is_refused(tmp_path, value):
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", one_state())
        message = message_of(TypeError, lambda: folder.save("w", {"key": value}))
        assert message == (
            "The array 'key' cannot be saved: expected numbers or booleans. "
            f"Received: dtype={np.asarray(value).dtype}"
        )
        same_bits(folder.load("w")["w"], one_state()["w"])


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", ".w", "-w", "ä", "w\n", "w" * 101, 3]
)
@pytest.mark.parametrize("method", ["load", "save"])
def test_names_are_simple(tmp_path, name, method):
    arguments = (name, one_state()) if method == "save" else (name,)
    with CheckpointFolder(tmp_path, CALL) as folder:
        message = message_of(ValueError, lambda: getattr(folder, method)(*arguments))
    assert message == (
        "Invalid value for argument `name`: expected at most 100 letters, digits, '_', '-' and "
        f"'.', not starting with '-' or '.'. Received: name={name!r}"
    )


# Damage


def damaged(folder, name="w"):
    return message_of(ValueError, lambda: folder.load(name))


def test_any_altered_byte_and_any_cut_is_detected(tmp_path):
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("w", {"w": np.arange(3, dtype="float32"), "b": np.zeros(())})
        path = tmp_path / "w.npy"
        whole = path.read_bytes()
        expected = (
            f"The checkpoint file {str(path)!r} is damaged: its checksum does not match its "
            "content. Delete it, and call again: this part of the run starts again"
        )
        for i in range(len(whole)):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x20]) + whole[i + 1 :])
            assert damaged(folder) == expected, i
            path.write_bytes(whole[:i])
            assert damaged(folder) == expected, i
        path.write_bytes(whole + b"\0")
        assert damaged(folder) == expected
        path.write_bytes(bytes(len(whole)))  # what a crash of the machine may leave
        assert damaged(folder) == expected
        path.write_bytes(whole)
        assert set(folder.load("w")) == {"w", "b"}


def test_a_renamed_file_is_detected(tmp_path):
    with CheckpointFolder(tmp_path, CALL) as folder:
        folder.save("chunk_0001", one_state())
        os.rename(tmp_path / "chunk_0001.npy", tmp_path / "chunk_0002.npy")
        assert "was saved under another name" in damaged(folder, "chunk_0002")


# The description


def check_difference(folder, old, new, difference):
    CheckpointFolder(folder, old).close()
    before = files(folder)
    message = message_of(ValueError, lambda: CheckpointFolder(folder, new))
    assert message == (
        f"The checkpoint in {str(folder)!r} belongs to another call: {difference}. "
        "Pass another checkpoint_dir, or delete this folder to start anew"
    )
    assert files(folder) == before
    CheckpointFolder(folder, old).close()  # the refused call has let go of the folder


X = np.zeros((442, 10), "float32")
X2 = X.copy()
X2[3, 4] = 1e-45
TEXT = "{" + "a" * 99
DIFFERENCES = {
    "scalar": ({"epochs": 20}, {"epochs": 10}, "epochs is 20 there and 10 here"),
    "type": ({"epochs": 1}, {"epochs": 1.0}, "epochs is 1 there and 1.0 here"),
    "bool": ({"shuffle": True}, {"shuffle": 1}, "shuffle is True there and 1 here"),
    "sign of zero": ({"l1": 0.0}, {"l1": -0.0}, "l1 is 0.0 there and -0.0 here"),
    "last bit": (
        {"l1": 0.3},
        {"l1": 0.1 + 0.2},
        "l1 is 0.3 there and 0.30000000000000004 here",
    ),
    "None": ({"loss": None}, {"loss": "mse"}, "loss is None there and 'mse' here"),
    "not there": ({}, {"epochs": 3}, "epochs is not given there and 3 here"),
    "not here": ({"x": X}, {}, "x is float32 of shape (442, 10) there and not given here"),
    "list": ({"s": [1.0, 2.0]}, {"s": (1.0,)}, "s is [1.0, 2.0] there and [1.0] here"),
    "numpy list": (
        {"s": np.array([1.0, 0.1])},
        {"s": np.array([1.0, 0.2])},
        "s is [1.0, 0.1] there and [1.0, 0.2] here",
    ),
    "long list": (
        {"s": list(range(50))},
        {"s": [*range(49), 7]},
        "s differs (list of 50, other values)",
    ),
    "array": ({"x": X}, {"x": X2}, "x differs (float32 of shape (442, 10), other values)"),
    "dtype": (
        {"x": X},
        {"x": X.astype("float64")},
        "x is float32 of shape (442, 10) there and float64 of shape (442, 10) here",
    ),
    "bits of NaN": (
        {"x": NAN_WITH_PAYLOAD[:1]},
        {"x": np.array([np.nan], "float32")},
        "x differs (float32 of shape (1,), other values)",
    ),
    "text": (
        {"model": TEXT},
        {"model": TEXT[:-1] + "b"},
        "model differs (text of 100 characters, other values)",
    ),
    "texts": (
        {"y": np.array(["a", "b"])},
        {"y": np.array(["a", "c"])},
        "y differs (<U1 of shape (2,), other values)",
    ),
    "objects": (
        {"y": np.array(["a", 1.0], object)},
        {"y": np.array(["a", 2.0], object)},
        "y differs (object of shape (2,), other values)",
    ),
    "inner": (
        {"x": {"image": X, "more": [X, 1]}},
        {"x": {"image": X2, "more": [X, 2]}},
        "x[image] differs (float32 of shape (442, 10), other values); "
        "x[more][1] is 1 there and 2 here",
    ),
    "several": (
        {"epochs": 20, "x": X, "seed": 0},
        {"x": X2, "seed": 0, "epochs": 10},
        "x differs (float32 of shape (442, 10), other values); epochs is 20 there and 10 here",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_folder_of_another_call_is_refused(tmp_path, case):
    check_difference(tmp_path / "run", *DIFFERENCES[case])


def test_a_bfloat16_array_in_the_description(tmp_path):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    old, new = ({"x": np.array([value], bfloat16)} for value in (1.0, 2.0))
    check_difference(tmp_path, old, new, "x differs (bfloat16 of shape (1,), other values)")


def test_an_equal_call_may_go_on(tmp_path):
    def description():
        return {
            "x": {"a": X.copy(), "b": [np.array(["p", "q"]), np.float32(0.1)]},
            "strengths": np.logspace(-3, 0, 40),
            "nan": [float("nan"), np.array([np.nan])],
            "model": TEXT,
            "path": Path("a"),
            "weights": {0: 1.0, 1: np.int64(2), "long double": np.longdouble(1) / 3},
        }

    CheckpointFolder(tmp_path, description()).close()
    before = files(tmp_path)
    # Neither the order of the parts nor the memory order of an array says what a call is.
    again = dict(reversed(description().items()))
    again["x"] = {"b": again["x"]["b"], "a": np.asfortranarray(X)}
    CheckpointFolder(tmp_path, again).close()
    assert files(tmp_path) == before


def test_call_json_is_small_and_readable(tmp_path):
    CheckpointFolder(tmp_path, {**CALL, "x": X, "model": "m" * 10**6}).close()
    text = (tmp_path / "call.json").read_text()
    assert len(text) < 1000
    call = json.loads(text)["call"]
    assert call["epochs"] == 20
    assert call["strengths"] == [0.1, 0.01]
    assert call["x"]["kind"] == "float32 of shape (442, 10)"
    assert len(call["x"]["sha256"]) == 64


@pytest.mark.parametrize("value", [object(), {1, 2}, [lambda: 0], np.zeros(1, "f4,i4")])
def test_a_part_that_cannot_be_described_is_refused_before_anything_is_made(tmp_path, value):
    message = message_of(TypeError, lambda: CheckpointFolder(tmp_path / "run", {"x": value}))
    part, kind = ("x[0]", "function") if isinstance(value, list) else ("x", type(value).__name__)
    assert message == (
        f"The part `{part}` of the description of a call must be a number, a text, an array, or a "
        f"list or mapping of them. Received: an object of type {kind}"
    )
    assert not (tmp_path / "run").exists()


OURS = b'{"format": "kerasreg checkpoint 1"'
NOT_CALLS = [b"", b'{"format"', b"\xff\xfe", b"[]", b"3", b"null", b"{}", b'{"format": "other"}']


@pytest.mark.parametrize("content", [*NOT_CALLS, OURS + b"}", OURS + b', "call": 3}'])
def test_a_damaged_call_json_is_named(tmp_path, content):
    CheckpointFolder(tmp_path, CALL).close()
    path = tmp_path / "call.json"
    path.write_bytes(content)
    message = message_of(ValueError, lambda: CheckpointFolder(tmp_path, CALL))
    assert message.startswith(
        f"The file {str(path)!r}, which says to which call the checkpoint belongs, is damaged"
    )
    assert "delete this folder" in message
    assert path.read_bytes() == content


def test_a_cut_call_json_is_never_taken(tmp_path):
    CheckpointFolder(tmp_path, CALL).close()
    path = tmp_path / "call.json"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert "is damaged" in message_of(ValueError, lambda: CheckpointFolder(tmp_path, CALL))


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
