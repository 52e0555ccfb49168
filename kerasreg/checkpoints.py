"""Finished work of a long run on disk, so that a call which was killed goes on, bit for bit.

A folder belongs to one call. `call.json` in it says which, part by part; each piece of finished
work is one file beside it: a header in JSON and then the arrays, each in the form of `.npy`, so
that `numpy.load` reads them one after the other; a CRC-32 of it all is the end.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import re
import stat
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["CheckpointFolder"]

_CALL, _LOCK = "call.json", ".lock"
_FORMAT = "kerasreg checkpoint 1"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NUMBERS = "biufc"  # kinds of dtypes: bool, int, float, complex
# Longer lists and texts of a description are kept as their hash; longer values are not quoted.
_LIST_KEPT, _TEXT_KEPT, _TEXT_QUOTED = 16, 80, 160
_DIFFERENCES_SHOWN = 20
_CHECKSUM = "{:08x}"
# What `_write` puts before an array. A file may come from anywhere, and `numpy.load` would look
# for a pickle, a zip archive and a Python expression in it, and allocate whatever shape it claims.
_HEAD = re.compile(
    rb"\x93NUMPY\x01\x00(?s:..)\{'descr': '([<>|][biufc]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \(([\d, ]{0,999})\), \} *\n"
)


class CheckpointFolder:
    """A folder of named sets of arrays that survives the death of its process at any moment.

    A file is written whole under another name, forced to disk, and then takes its name: a reader
    finds the old state or the new one, never a part. Its checksum tells any later damage.

    One process at a time holds a folder. The lock (`flock`) dies with the process, and workers
    that it has forked do not keep it; where the system or the file system has no such lock, the
    folder goes without.

    Args:
        folder: Path of the folder. It is made if it does not exist. One that holds anything, but
            no `call.json`, is refused.
        description: What the call is, by part: anything on which its result depends, as a mapping
            from names to scalars, texts, arrays, and nested lists and mappings of them. What is
            short is kept readable, the rest as dtype, shape and SHA-256. A folder that exists
            must have been made with an equal description, exactly: 1 and 1.0 differ.

    Raises:
        ValueError: For a folder of another call, with every part that differs; for one that holds
            other files, or whose `call.json` is damaged.
        TypeError: For a part of the description that is none of the above.
        RuntimeError: If another run holds the folder.
        OSError: If the folder cannot be made or written.

    Example:

    >>> description = {"strengths": [0.1, 0.01], "epochs": 20, "x": np.eye(3)}
    >>> with CheckpointFolder("runs/path", description) as checkpoint:
    ...     state = checkpoint.load("chunk_0000")
    ...     if state is None:
    ...         state = {"kernel": np.ones((3, 1), "float32")}  # the work
    ...         checkpoint.save("chunk_0000", state)
    """

    def __init__(self, folder: str | os.PathLike[str], description: Mapping[str, Any]):
        # Read back from JSON, so that it compares with what a file says.
        summaries = {str(name): _summary(str(name), part) for name, part in description.items()}
        call = json.loads(json.dumps(summaries))
        self._shown = os.fspath(folder)
        self._folder = Path(folder).absolute()  # the process may change its directory
        self._release: Callable[[], object] = lambda: None
        advice = "Pass a checkpoint_dir that can be made and written"
        try:
            with _explained(f"The checkpoint folder {self._shown!r} cannot be used", advice):
                self._refuse_foreign()
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock()
                self._remove_leftovers()
                self._compare_or_write(call)
        except BaseException:
            self.close()
            raise

    @classmethod
    def of_worker(cls, folder: str | os.PathLike[str]) -> CheckpointFolder:
        """The folder for a worker of the run that holds it: neither locked nor compared."""
        own = cls.__new__(cls)
        own._shown, own._folder = os.fspath(folder), Path(folder).absolute()
        own._open, own._release = True, lambda: None
        return own

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """What was saved under a name last, or None.

        Args:
            name: As for `save`.

        Returns:
            The arrays by key, with the bits, dtypes and shapes that they were saved with, in C
            order and writable; None if nothing has been saved under this name.

        Raises:
            ValueError: If the file is not as it was written: cut off, altered, or renamed.
            OSError: If it cannot be read.
        """
        path = self._path(name)
        with _explained(f"The checkpoint file {self._file(path)} cannot be read"):
            try:
                _check_ordinary(path)
                content = path.read_bytes()
            except FileNotFoundError:
                return None
        if content[-8:] != _CHECKSUM.format(zlib.crc32(memoryview(content)[:-8])).encode():
            problem = "is damaged: its checksum does not match its content"
        else:
            try:
                header, arrays = _read(content)
            except Exception as error:  # its checksum is right, so somebody has made it so
                problem = f"is of another kind: {_in_one_line(str(error) or type(error).__name__)}"
            else:
                if header == {"format": _FORMAT, "name": name}:
                    return arrays
                problem = (
                    "was saved under another name or by another version: "
                    f"{_in_one_line(str(header))}"
                )
        raise ValueError(
            f"The checkpoint file {self._file(path)} {problem}. Delete it, and call again: this "
            "part of the run starts again"
        )

    def save(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Writes arrays under a name, in place of what has been saved under it before.

        After the call they are on the disk. If the process dies during the call, what was there
        before is still there.

        Args:
            name: At most 100 letters, digits, `_`, `-` and `.`, not starting with `-` or `.`.
            arrays: Arrays by key, of numbers or booleans, bfloat16 and the other dtypes of
                `ml_dtypes` included. Nothing is pickled.

        Raises:
            TypeError: For an array of anything else.
            OSError: If the file cannot be written, as on a full disk; earlier files stay.
        """
        path = self._path(name)
        ready = {str(key): _plain(key, array) for key, array in arrays.items()}
        megabytes = sum(array.nbytes for array, _ in ready.values()) / 1e6
        problem = f"The checkpoint file {self._file(path)} ({megabytes:.3g} MB) cannot be saved"
        advice = (
            "The run cannot be resumed from later than the last saved point; mend this, and call "
            "again with the same checkpoint_dir"
        )
        with _explained(problem, advice), _replacing(path) as file:
            _write(file, {"format": _FORMAT, "name": name}, ready)

    def remove(self, name: str) -> None:
        """Deletes what was saved under a name, if anything was."""
        path = self._path(name)
        with _explained(f"The checkpoint file {self._file(path)} cannot be deleted"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets other runs use the folder; the files stay. Closing again does nothing."""
        self._open = False
        self._release()

    def __enter__(self) -> CheckpointFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, name: str) -> Path:
        if not self._open:
            raise ValueError(f"The checkpoint folder {self._shown!r} is closed in this process")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(
                "Invalid value for argument `name`: expected at most 100 letters, digits, '_', "
                f"'-' and '.', not starting with '-' or '.'. Received: name={name!r}"
            )
        return self._folder / f"{name}.npy"

    def _file(self, path: Path) -> str:
        """A file as messages name it: in the folder as the caller wrote it."""
        return repr(os.path.join(self._shown, path.name))

    def _refuse_foreign(self) -> None:
        if not os.path.lexists(self._folder):
            return
        names = {path.name for path in self._folder.iterdir()}
        # A run killed in its first moments leaves no more than these.
        foreign = sorted(names - {_LOCK, f".{_CALL}.tmp"})
        if foreign and _CALL not in names:
            raise ValueError(
                f"The folder {self._shown!r} is not a checkpoint: it has no {_CALL!r}, but holds "
                f"{foreign[0]!r}{f' and {len(foreign) - 1} more' * (len(foreign) > 1)}. Pass a "
                "checkpoint_dir that is empty or does not exist"
            )

    def _lock(self) -> None:
        self._open = True
        if fcntl is None:
            return
        # The file stays when the run ends: were it deleted, one run could lock the deleted file
        # and another one a new file of the same name.
        with contextlib.suppress(FileNotFoundError):
            _check_ordinary(self._folder / _LOCK)
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        # Also when the object is forgotten, as in a notebook after an error.
        self._release = weakref.finalize(self, os.close, lock)
        _HOLDING.add(self)
        number = os.read(lock, 21).strip()
        holder = number.decode() if number.isdigit() and len(number) < 20 else ""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"Another run{f' (process {holder})' * bool(holder)} is using the "
                f"checkpoint in {self._shown!r}. Wait until it ends, or pass another checkpoint_dir"
            ) from None
        except OSError:  # a file system without locks, as some that come over a network
            return
        if number and not holder:  # not ours: a hard link, say, to a file of another kind
            return
        with contextlib.suppress(OSError):  # the number is for the message alone
            os.ftruncate(lock, 0)
            os.lseek(lock, 0, os.SEEK_SET)
            os.write(lock, f"{os.getpid()}\n".encode())

    def _remove_leftovers(self) -> None:
        """Deletes what a killed run was writing, and finds out whether files can be made."""
        for leftover in [self._folder / f".{_CALL}.tmp", *self._folder.glob(".*.npy.tmp")]:
            leftover.unlink(missing_ok=True)
        probe = self._folder / f".{_CALL}.tmp"
        probe.touch()
        probe.unlink()

    def _compare_or_write(self, call: dict[str, Any]) -> None:
        path = self._folder / _CALL
        if not os.path.lexists(path):
            text = json.dumps({"format": _FORMAT, "call": call}, indent=1)
            with _replacing(path) as file:
                file.write(text.encode())
            return
        _check_ordinary(path)
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {_shown(content['format'])}, not {_FORMAT!r}")
            there = dict(content["call"])
            differences = [_in_one_line(each) for each in _differences("", there, call)]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            # json says "line 3 column 5", KeyError the key alone.
            reason = f"it has no {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"The file {self._file(path)}, which says to which call the checkpoint belongs, "
                f"is damaged or of another kind: {reason}. Pass another checkpoint_dir, or delete "
                "this folder to start anew"
            ) from error
        if differences:
            more = len(differences) - _DIFFERENCES_SHOWN
            shown = "; ".join(differences[:_DIFFERENCES_SHOWN])
            raise ValueError(
                f"The checkpoint in {self._shown!r} belongs to another call: "
                f"{shown}{f'; and {more} more' * (more > 0)}. Pass another checkpoint_dir, or "
                "delete this folder to start anew"
            )


_HOLDING: weakref.WeakSet[CheckpointFolder] = weakref.WeakSet()


def _close_in_forked_child() -> None:
    # A forked worker has the lock's descriptor too, and would keep the lock if it outlived a
    # killed parent. Closing its copy leaves the parent's lock as it is.
    for folder in list(_HOLDING):
        folder.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_forked_child)


@contextlib.contextmanager
def _explained(problem: str, advice: str = "") -> Iterator[None]:
    """Gives an error of the system a text that helps; its class and `errno` stay."""
    try:
        yield
    except OSError as error:
        reason = f"{problem}: {error.strerror or error}"
        explained = type(error)(f"{reason}. {advice}" if advice else reason)
        explained.errno = error.errno
        raise explained from error


def _check_ordinary(path: Path) -> None:
    """Raises where a name leads elsewhere, or to what does not end, such as a pipe.

    A folder that was sent by somebody may have a link in it, and what is written to it would
    replace a file of the reader's.

    Raises:
        FileNotFoundError: If there is nothing.
        FileExistsError: If it is a link, a folder, a pipe or a device.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise FileExistsError(errno.EEXIST, f"{path.name!r} is a link, or no file at all")


def _in_one_line(text: str) -> str:
    """What a file says, as a message may quote it: printable, and of some length."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:500])
    return f"{shown}…" if len(text) > len(shown) else shown


# Files of arrays


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
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


def _plain(key: str, value: Any) -> tuple[np.ndarray, str | None]:
    """An array that .npy can hold, and the name of its dtype where .npy would lose it."""
    array = np.asarray(value, order="C")
    if array.dtype.kind in _NUMBERS:
        return array, None
    if array.dtype.type.__module__ == "ml_dtypes":  # .npy knows bfloat16 as two bytes of anything
        return array.view(f"u{array.dtype.itemsize}"), array.dtype.name
    raise TypeError(
        f"The array {key!r} cannot be saved: expected numbers or booleans. "
        f"Received: dtype={array.dtype}"
    )


def _bytes(array: np.ndarray) -> memoryview:
    """The bytes of an array in C order, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _write(
    file: BinaryIO, header: dict[str, str], arrays: dict[str, tuple[np.ndarray, str | None]]
) -> None:
    dtypes = {key: dtype for key, (_, dtype) in arrays.items()}
    about = json.dumps({"header": header, "dtypes": dtypes}).encode()
    checksum = 0
    for array in (np.frombuffer(about, np.uint8), *(array for array, _ in arrays.values())):
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
        # Not by `tofile`, which hides why a write fails.
        for part in (head.getbuffer(), _bytes(array)):
            checksum = zlib.crc32(part, checksum)
            file.write(part)
    file.write(_CHECKSUM.format(checksum).encode())


def _read(content: bytes) -> tuple[Any, dict[str, np.ndarray]]:
    """Header and arrays of a file whose checksum was right.

    Raises:
        Exception: Of some kind, if the file is not made as `_write` makes it.
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


# What a call is


def _summary(part: str, value: Any) -> Any:
    """A part of a description as something small that JSON can hold.

    A hash is kept as `{"kind": what it is of, "sha256": …}`, of short arrays with the values.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if len(text) <= _TEXT_KEPT:
            return text
        return _hashed(f"text of {len(text)} characters", text.encode(errors="surrogatepass"))
    if isinstance(value, bytes):
        return _hashed(f"{len(value)} bytes", value)
    if isinstance(value, Mapping):
        return {str(key): _summary(f"{part}[{key!r}]", value[key]) for key in value}
    if isinstance(value, (list, tuple, range)):
        items = [_summary(f"{part}[{i}]", item) for i, item in enumerate(value)]
        if len(items) > _LIST_KEPT:
            return _hashed(f"list of {len(items)}", _text(items).encode())
        # Numbered where there is more to be said about an item than itself.
        nested = any(isinstance(item, (dict, list)) for item in items)
        return {str(i): item for i, item in enumerate(items)} if nested else items
    array = np.asarray(value, order="C") if hasattr(value, "__array__") else np.array(None)
    kind = f"{array.dtype} of shape {array.shape}"
    if array.dtype.kind in "OU" and array.ndim:  # texts, and columns of several types
        return _hashed(kind, _text(_summary(part, array.tolist())).encode())
    if array.dtype.kind not in _NUMBERS and array.dtype.type.__module__ != "ml_dtypes":
        raise TypeError(
            f"The part `{part}` of the description of a call must be a number, a text, an array, "
            f"or a list or mapping of them. Received: an object of type {type(value).__name__}"
        )
    summary = _hashed(kind, _bytes(array))
    # A long double has no Python number.
    if array.size > _LIST_KEPT or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        return summary
    return {**summary, "values": array.tolist()} if array.ndim else array.item()


# Stands for a part that one of two descriptions lacks.
_MISSING = {"kind": "not given", "sha256": ""}


def _hashed(kind: str, content: bytes | memoryview) -> dict[str, Any]:
    return {"kind": kind, "sha256": hashlib.sha256(content).hexdigest()}


def _text(summary: Any) -> str:
    """Equal for equal summaries only: NaN is NaN, and 0.0 is neither −0.0 nor 0."""
    return json.dumps(summary, sort_keys=True)


def _is_hash(summary: Any) -> bool:
    return isinstance(summary, dict) and {"kind", "sha256"} <= summary.keys()


def _shown(summary: Any) -> str:
    """A summary as a message says it."""
    if _is_hash(summary):
        return str(summary["kind"])[:_TEXT_QUOTED]
    text = repr(summary)
    if len(text) <= _TEXT_QUOTED:
        return text
    long = f" of {len(summary)}" if hasattr(summary, "__len__") else f", {text[:20]}…"
    return f"{type(summary).__name__}{long}"


def _differences(name: str, there: Any, here: Any) -> Iterator[str]:
    """Says of every innermost part that differs what it is on both sides."""
    both = (there, here)
    if _text(there) == _text(here):
        return
    if all(isinstance(side, dict) and not _is_hash(side) for side in both):
        for key in {**here, **there}:
            inner = f"{name}[{key}]" if name else key
            yield from _differences(inner, there.get(key, _MISSING), here.get(key, _MISSING))
        return
    shown = [_shown(side) for side in both]
    if shown[0] == shown[1] and all(_is_hash(side) for side in both):
        values = [_shown(side.get("values")) for side in both]
        shown = values if values[0] != values[1] else shown
    if shown[0] == shown[1]:
        yield f"{name} differs ({shown[0]}, other values)"
    else:
        yield f"{name} is {shown[0]} there and {shown[1]} here"
