"""Files of arrays: a header in JSON, the arrays in the form of `.npy`, a CRC-32 at the end."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

NUMBERS = "biufc"  # kinds of dtypes: bool, int, float, complex
_CHECKSUM = "{:08x}"
# What `write` puts before an array. A file may come from anywhere, and `numpy.load` would look
# for a pickle, a zip archive and a Python expression in it, and allocate whatever shape it claims.
_HEAD = re.compile(
    rb"\x93NUMPY\x01\x00(?s:..)\{'descr': '([<>|][biufc]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \(([\d, ]{0,999})\), \} *\n"
)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` when all of it is on the disk, and else disappears."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    # The new name is in the folder, which has to reach the disk as well. Not every system can.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def check_ordinary(path: Path) -> None:
    """Raises where a name leads elsewhere, or to what does not end, such as a pipe.

    A folder that was sent by somebody may have a link in it, and what is written to it would
    replace a file of the reader's.

    Raises:
        FileNotFoundError: If there is nothing.
        FileExistsError: If it is a link, a folder, a pipe or a device.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise FileExistsError(errno.EEXIST, f"{path.name!r} is a link, or no file at all")


def plain(key: str, value: Any) -> tuple[np.ndarray, str | None]:
    """An array that .npy can hold, and the name of its dtype where .npy would lose it."""
    array = np.asarray(value, order="C")
    if array.dtype.kind in NUMBERS:
        return array, None
    if array.dtype.type.__module__ == "ml_dtypes":  # .npy knows bfloat16 as two bytes of anything
        return array.view(f"u{array.dtype.itemsize}"), array.dtype.name
    raise TypeError(
        f"The array {key!r} cannot be saved: expected numbers or booleans. "
        f"Received: dtype={array.dtype}"
    )


def bytes_of(array: np.ndarray) -> memoryview:
    """The bytes of an array in C order, not copied."""
    return array.reshape(-1).view(np.uint8).data


def write(
    file: BinaryIO, header: dict[str, str], arrays: dict[str, tuple[np.ndarray, str | None]]
) -> None:
    dtypes = {key: dtype for key, (_, dtype) in arrays.items()}
    about = json.dumps({"header": header, "dtypes": dtypes}).encode()
    checksum = 0
    for array in (np.frombuffer(about, np.uint8), *(array for array, _ in arrays.values())):
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
        # Not by `tofile`, which hides why a write fails.
        for part in (head.getbuffer(), bytes_of(array)):
            checksum = zlib.crc32(part, checksum)
            file.write(part)
    file.write(_CHECKSUM.format(checksum).encode())


def is_whole(content: bytes) -> bool:
    """Whether a file is as it was written, by the checksum at its end."""
    return content[-8:] == _CHECKSUM.format(zlib.crc32(memoryview(content)[:-8])).encode()


def read(content: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    """Header and arrays of a file whose checksum was right.

    Raises:
        Exception: Of some kind, if the file is not made as `write` makes it.
    """
    first, end = _array(content, 0)
    about = json.loads(first.tobytes())
    if not isinstance(about, dict) or not isinstance(about.get("dtypes"), dict):
        raise ValueError("its header does not say what it holds")
    arrays = {}
    for key, dtype in about["dtypes"].items():
        arrays[key], end = _array(content, end)
        if dtype is not None:
            import ml_dtypes

            scalar = getattr(ml_dtypes, str(dtype), None)
            if not isinstance(scalar, type) or not issubclass(scalar, np.generic):
                raise ValueError(f"there is no dtype {dtype!r}")
            arrays[key] = arrays[key].view(scalar)
    return about.get("header"), arrays


def _array(content: bytes, start: int) -> tuple[np.ndarray, int]:
    """A copy of the array that begins at a place of a file, and where it ends."""
    head = _HEAD.match(content, start)
    if head is None:
        raise ValueError(f"there is no array of numbers at byte {start}")
    dtype = np.dtype(head[1].decode())
    shape = tuple(int(length) for length in head[2].split(b",") if length.strip())
    size = math.prod(shape)
    end = head.end() + size * dtype.itemsize
    if end > len(content) - 8:  # the checksum
        raise ValueError(f"an array of shape {shape} would be longer than the file")
    return np.frombuffer(content, dtype, size, head.end()).reshape(shape).copy(), end
