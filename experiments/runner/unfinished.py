"""What a run has finished, for the next one to go on where a killed one was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from experiments.runner import storage


class UnfinishedRun:
    """Remembers, in a file, what a run has finished, until the run is over.

    Several runs at once share the file: each adds and takes away its own.

    Args:
        out: Folder of the results.

    Raises:
        CannotWrite: If the folder cannot be written to: better now than after the first hour.
    """

    def __init__(self, out: Path):
        self.path = out / ".progress.json"
        self._out = out
        self._marks = self._read()
        self._write(self._marks)

    def has(self, name: str, mark: str) -> bool:
        """Whether the experiment was finished as it would be run now, and is still there."""
        return self._marks.get(name) == mark and (self._out / name / storage.RUN).is_file()

    def add(self, name: str, mark: str) -> None:
        """Remembers that the experiment is finished."""
        self._write({**self._read(), name: mark})

    def finish(self, names: Iterable[str]) -> None:
        """Forgets these experiments: their run is over, and the next one starts anew."""
        over = set(names)
        others = {name: mark for name, mark in self._read().items() if name not in over}
        if others:
            self._write(others)
        else:
            storage.remove_file(self.path)

    def _read(self) -> dict[str, str]:
        try:
            marks = storage.from_json(self.path.read_bytes())
        except (OSError, ValueError):
            marks = {}
        return marks if isinstance(marks, dict) else {}

    def _write(self, marks: dict[str, str]) -> None:
        storage.replace_file(self.path, storage.as_json(marks))
