"""A folder with one state, and processes that use it and are killed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerasreg

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


NAN_WITH_PAYLOAD = np.array([0x7FC00001, 0xFFC12345, 0x80000000], "uint32").view("float32")


def same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def damaged(folder, name="w"):
    return message_of(ValueError, lambda: folder.load(name))
