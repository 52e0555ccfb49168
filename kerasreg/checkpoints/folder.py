"""The folder of a long run's finished work, which survives the death of its process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasreg.arguments import printable
from kerasreg.checkpoints.array_files import check_ordinary, is_whole, plain, read, replacing, write
from kerasreg.checkpoints.call_description import differences_between, in_words, summary_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_CALL, _LOCK = "call.json", ".lock"
_FORMAT = "kerasreg checkpoint 1"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_DIFFERENCES_SHOWN = 20


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
        summaries = {str(name): summary_of(str(name), part) for name, part in description.items()}
        call = json.loads(json.dumps(summaries))
        self._open_at(folder)
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
        own._open_at(folder)
        return own

    def _open_at(self, folder: str | os.PathLike[str]) -> None:
        self._shown = os.fspath(folder)
        self._folder = Path(folder).absolute()  # the process may change its directory
        self._release: Callable[[], object] = lambda: None
        self._open = True

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
                check_ordinary(path)
                content = path.read_bytes()
            except FileNotFoundError:
                return None
        if not is_whole(content):
            problem = "is damaged: its checksum does not match its content"
        else:
            try:
                header, arrays = read(content)
            except Exception as error:  # its checksum is right, so somebody has made it so
                problem = f"is of another kind: {printable(str(error) or type(error).__name__)}"
            else:
                if header == {"format": _FORMAT, "name": name}:
                    return arrays
                problem = (
                    f"was saved under another name or by another version: {printable(str(header))}"
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
        ready = {str(key): plain(key, array) for key, array in arrays.items()}
        megabytes = sum(array.nbytes for array, _ in ready.values()) / 1e6
        problem = f"The checkpoint file {self._file(path)} ({megabytes:.3g} MB) cannot be saved"
        advice = (
            "The run cannot be resumed from later than the last saved point; mend this, and call "
            "again with the same checkpoint_dir"
        )
        with _explained(problem, advice), replacing(path) as file:
            write(file, {"format": _FORMAT, "name": name}, ready)

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
        if fcntl is None:
            return
        # The file stays when the run ends: were it deleted, one run could lock the deleted file
        # and another one a new file of the same name.
        with contextlib.suppress(FileNotFoundError):
            check_ordinary(self._folder / _LOCK)
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
            with replacing(path) as file:
                file.write(text.encode())
            return
        check_ordinary(path)
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {in_words(content['format'])}, not {_FORMAT!r}")
            there = dict(content["call"])
            differences = [printable(each) for each in differences_between("", there, call)]
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
