"""A state is saved and read to the bit, and damage to it is detected."""

import os

import numpy as np
import pytest

from kerasreg.checkpoints import CheckpointFolder
from tests.checkpoints.folders import (
    CALL,
    NAN_WITH_PAYLOAD,
    child,
    damaged,
    files,
    kill,
    message_of,
    one_state,
    same_bits,
)

pytestmark = pytest.mark.backend_free


def test_needs_numpy_and_the_standard_library_only():
    process, line = child("print(sorted({'keras', 'tensorflow', 'ml_dtypes'} & set(sys.modules)))")
    kill(process)
    assert line == "[]"


# Arrays come back bit for bit


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
