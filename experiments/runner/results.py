"""Reads the results in a folder, and checks that they have what the pages are drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from experiments.outcome import VERDICTS
from experiments.runner import storage

# What the pages are drawn from, of the two files of a result; `object` is anything.
_NUMBER = (int, float, str)  # infinity is a text
_DECISIVE = {"name": str, "median": _NUMBER, "least": _NUMBER, "largest": _NUMBER, "n_runs": int}
_FINDING = {
    "claim": str,
    "verdict": VERDICTS,
    "rule": str,
    "statement": str,
    "decisive": _DECISIVE,
    "numbers": {str: object},
}
_FOUND = {
    "experiment": str,
    "title": str,
    "question": str,
    "description": str,
    "findings": [_FINDING],
}
_RUN = {
    "quick": bool,
    "seeds": [int],
    "seconds": (int, float),
    "backend": str,
    "versions": {str: str, "keras": str},
    "device": {str: object, "cpu": str, "cores": object},
}


class Result(NamedTuple):
    """The folder of an experiment's results, what it found and how it was run."""

    folder: Path
    found: dict[str, Any]
    run: dict[str, Any]


def results_in(out: Path) -> Iterator[Result]:
    """The results in `out`, in alphabetical order.

    Raises:
        CannotWrite: If a file is broken.
    """
    for folder in sorted(out.iterdir()):
        found, run = folder / storage.FINDINGS, folder / storage.RUN
        if folder.name.startswith(".") or not found.is_file() or not run.is_file():
            continue
        try:
            result = Result(
                folder,
                storage.from_json(found.read_bytes()),
                storage.from_json(run.read_bytes()),
            )
            _check(result.found, _FOUND, storage.FINDINGS)
            _check(result.run, _RUN, storage.RUN)
            # It goes into links as it is.
            if result.found["experiment"] != folder.name or not folder.name.isidentifier():
                raise ValueError("They are of an experiment of another name")
        except (OSError, ValueError) as error:
            raise storage.CannotWrite(
                f"Cannot read the results in '{storage.printable(folder)}': "
                f"{storage.printable(error)}. Delete the folder, and run "
                f"`python -m experiments {storage.printable(folder.name)}`."
            ) from error
        yield result


def _check(value: Any, form: Any, place: str) -> None:
    """Raises a `ValueError` if a value from a file has not the form that the page needs."""
    if isinstance(form, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{place} is no mapping")
        for name in form:
            if name is not str and name not in value:
                raise ValueError(f"{place} has no '{name}'")
        for name, inner in value.items():
            _check(inner, form.get(name, form.get(str, object)), f"{place}, {name}")
    elif isinstance(form, list):
        if not isinstance(value, list):
            raise ValueError(f"{place} is no list")
        for number, inner in enumerate(value):
            _check(inner, form[0], f"{place}[{number}]")
    elif form is VERDICTS:
        if value not in VERDICTS:
            raise ValueError(f"{place} is none of {', '.join(VERDICTS)}")
    # True is an int to Python.
    elif not isinstance(value, form) or (isinstance(value, bool) and form not in (bool, object)):
        raise ValueError(f"{place} is of another type: {value!r:.50}")
    elif isinstance(value, int) and value.bit_length() > 1000:  # no float is as large
        raise ValueError(f"{place} is too large")
