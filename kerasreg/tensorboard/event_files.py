"""Event files for TensorBoard, written through the tensorboard package alone.

`tf.summary` would do as well but needs TensorFlow, which a Keras project on the JAX or PyTorch
backend does not have; it also runs one operation for every scalar where one event holds them all.
Of the tensorboard package only the messages are used. Its own writer hands events to a thread,
where an error of the disk shows an epoch too late or when the file is closed, and computes the
checksums byte by byte in Python, which takes longer than all the rest; here an event is on its way
to the disk when `add` returns, and a process that is killed has lost nothing that was added.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
import time
import warnings
import weakref
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerasreg.tensorboard import summaries

#: How the names of event files begin.
FILE_NAME = "events.out.tfevents."  # TensorBoard reads the files with `tfevents` in their names
_numbers = itertools.count()  # of the files of this process


def run_folder(log_dir: str | Path, claim: str = "") -> Path:
    """The folder for a new run: `log_dir`, or `run-2`, `run-3`, … below it if it is taken.

    A folder is taken if there is an event file anywhere below it, so that a run never mixes with
    an earlier one. It is claimed with an empty event file, which only one process can make: two
    that start at once get two folders, if both claim under the same name. Call it when the first
    event is about to be written, or a run that fails before leaves an empty folder.

    Args:
        log_dir: Folder that the user has chosen. It may not exist yet.
        claim: Run folder below the new one for the empty event file, such as `"train"`, which
            TensorBoard then lists; "" for the new folder itself.

    Returns:
        The folder. Where it cannot be made, the first that seemed free: writing there fails as
        `EventFiles` says.
    """
    for number in itertools.count(1):
        folder = Path(log_dir) if number == 1 else Path(log_dir, f"run-{number}")
        if any(folder.rglob(f"{FILE_NAME}*")):
            continue
        try:
            (folder / claim).mkdir(parents=True, exist_ok=True)
        except OSError:
            return folder
        try:
            (folder / claim / f"{FILE_NAME}0.claim").touch(exist_ok=False)
        except FileExistsError:
            continue
        except OSError:
            pass
        return folder
    raise AssertionError("endless")  # for the type checker


class EventFiles:
    """Event files in run folders below `log_dir`, one for each folder that something is added to.

    The first event of a folder with scalars is a page for TensorBoard's custom scalars. Nothing
    is raised for what the disk does: at the first failure one warning says what is lost, and
    nothing more is written.

    Args:
        log_dir: Folder of the run. Folders are made when something is written to them.

    Example:

    >>> events = EventFiles("logs/first")
    >>> events.add("train", 1, [summaries.scalar("loss", 0.5), summaries.text("note", "*cold*")])
    >>> events.close()
    """

    def __init__(self, log_dir: str | Path):
        self._log_dir = Path(log_dir)
        self._files: dict[str, BinaryIO] = {}
        self._failed = False
        # A `fit` that is interrupted closes nothing.
        weakref.finalize(self, _close_all, self._files)

    def add(self, folder: str, step: int, entries: Iterable[summaries.Entry]) -> None:
        """Writes one event.

        Args:
            folder: Run folder below `log_dir`, "" for `log_dir` itself. TensorBoard overlays the
                charts of run folders.
            step: Where it is on the horizontal axis, >= 0.
            entries: What it holds, made by `kerasreg.tensorboard.summaries`.
        """
        if self._failed:
            return
        entries = list(entries)
        record = _record(_event(step, entries))
        try:
            if folder not in self._files:
                self._files[folder] = self._opened(folder)
                _write(self._files[folder], _first_records(entries))
            _write(self._files[folder], record)
        except OSError as error:
            self._give_up(folder, error)

    def close(self) -> None:
        """Ends the files. What is added after it goes to new ones."""
        for folder, error in _close_all(self._files):
            self._give_up(folder, error)

    def _opened(self, folder: str) -> BinaryIO:
        place = self._log_dir / folder
        place.mkdir(parents=True, exist_ok=True)
        unique = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        # Without a buffer: what one call has written outlives a process that is killed.
        return open(place / f"{FILE_NAME}{int(time.time()):010d}.{unique}", "xb", buffering=0)

    def _give_up(self, folder: str, error: OSError) -> None:
        if self._failed:
            return
        self._failed = True
        self.close()
        warnings.warn(
            f"Cannot write TensorBoard's event file in '{self._log_dir / folder}': "
            f"{error.strerror or error}. Nothing more is written to '{self._log_dir}'; training "
            "goes on, and its tables stay whole",
            RuntimeWarning,
            stacklevel=3,
        )


def _close_all(files: dict[str, BinaryIO]) -> list[tuple[str, OSError]]:
    """Closes and forgets the files; returns which could not be closed, and why."""
    failed = []
    while files:
        folder, file = files.popitem()
        try:
            file.close()
        except OSError as error:
            failed.append((folder, error))
    return failed


def _write(file: BinaryIO, data: bytes) -> None:
    if os.fstat(file.fileno()).st_nlink == 0:  # writing would succeed, and be in vain
        raise FileNotFoundError(errno.ENOENT, "it has been removed")
    while data:
        data = data[file.write(data) :]


def _first_records(entries: list[summaries.Entry]) -> bytes:
    """The head of a file, and the page of the custom scalars where there are scalars."""
    from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata

    source = SourceMetadata(writer="kerasreg")
    head = Event(wall_time=time.time(), file_version="brain.Event:2", source_metadata=source)
    records = _record(head.SerializeToString())
    if any(entry.metadata.plugin_data.plugin_name == "scalars" for entry in entries):
        records += _record(_event(0, [summaries.layout(summaries.PAGE)]))
    return records


def _event(step: int, entries: list[summaries.Entry]) -> bytes:
    event_message, tensor_message, codes, make_tensor_proto = _messages()
    event = event_message(step=step, wall_time=time.time())
    add_value = event.summary.value.add
    for tag, metadata, value in entries:
        # What `make_tensor_proto` makes of numbers, in a fraction of its time.
        if isinstance(value, np.float32):
            tensor = tensor_message(dtype=codes["f"], tensor_shape={}, float_val=(float(value),))
        elif value.dtype.char in codes:
            shape = {"dim": [{"size": size} for size in value.shape]}
            code, content = codes[value.dtype.char], value.tobytes()
            tensor = tensor_message(dtype=code, tensor_shape=shape, tensor_content=content)
        else:
            tensor = make_tensor_proto(value)
        add_value(tag=tag, metadata=metadata, tensor=tensor)
    return bytes(event.SerializeToString())


@cache
def _messages() -> tuple[Any, Any, dict[str, int], Any]:
    """The messages for events and tensors, and the codes of the types that are filled in here."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT
    from tensorboard.util.tensor_util import make_tensor_proto

    return Event, TensorProto, {"f": DT_FLOAT, "d": DT_DOUBLE}, make_tensor_proto


def _record(data: bytes) -> bytes:
    """An event as it stands in a file: its length, the event, and a checksum after each."""
    length = struct.pack("<Q", len(data))
    return length + _masked_checksum(length) + data + _masked_checksum(data)


def _masked_checksum(data: bytes) -> bytes:
    # Masked, as the checksum of what has checksums in it is a weak one.
    crc = checksum(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


_BLOCK = 256


def checksum(data: bytes) -> int:
    """CRC-32C of at least four bytes.

    The checksum is linear over bits: that of a block of bytes is the sum (XOR) of what each byte
    adds at its place, which is looked up for all of them at once. The state after one block is
    carried on as if it were added to the first four bytes of the next.
    """
    table, (first, second, third, fourth) = _checksum_tables()
    blocks = np.zeros((-(-len(data) // _BLOCK), _BLOCK), np.uint8)
    flat = blocks.reshape(-1)[-len(data) :]  # leading zeros add nothing
    flat[:] = np.frombuffer(data, np.uint8)
    flat[:4] ^= 0xFF
    crc = 0
    for added in np.bitwise_xor.reduce(table[np.arange(_BLOCK), blocks], axis=1).tolist():
        crc = (
            added
            ^ first[crc & 0xFF]
            ^ second[crc >> 8 & 0xFF]
            ^ third[crc >> 16 & 0xFF]
            ^ fourth[crc >> 24]
        )
    return crc ^ 0xFFFFFFFF


@cache
def _checksum_tables() -> tuple[np.ndarray, list[list[int]]]:
    """What a byte adds, by its place in a block and its value; the first four places as lists."""
    one_byte: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        one_byte = one_byte >> 1 ^ (one_byte & 1) * np.uint32(0x82F63B78)
    by_place = [one_byte]
    for _ in range(_BLOCK - 1):
        by_place.append(one_byte[by_place[-1] & 0xFF] ^ by_place[-1] >> 8)
    table = np.stack(by_place[::-1])
    return table, table[:4].tolist()
