"""Writes results so that nobody ever meets half of them, and equal results as equal bytes.

A folder of results is written beside its place under a hidden name and then renamed into it. A
killed run leaves such hidden names behind; the next one removes them, see `clean_up`.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from experiments.outcome import Outcome

DPI = 110
FINDINGS, RUN = "findings.json", "run.json"
# Of what a killed run left, ".old" is a whole folder that was about to be replaced.
_LEFTOVER = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.(?P<kind>tmp|old)")


class CannotWrite(Exception):
    """The folder for the results cannot be written to. The message is one line."""


def as_files(
    outcome: Outcome, findings: Callable | None, about: Mapping[str, Any], run: Mapping[str, Any]
) -> dict[str, bytes]:
    """The files of an experiment by name.

    Args:
        outcome: What the experiment measured.
        findings: Its `findings(tables)`; None where it settles no claim.
        about: What the experiment asks, for `findings.json`.
        run: How it was run, for `run.json`.

    Returns:
        The contents of the files by name.
    """
    files = {f"{name}.csv": csv(table) for name, table in outcome.tables.items()}
    found = found_in(files, findings)
    files |= {f"{name}.png": _png(figure) for name, figure in outcome.figures.items()}
    files[FINDINGS] = as_json({**about, "findings": found})
    files[RUN] = as_json(run)
    return files


def found_in(files: Mapping[str, bytes], findings: Callable | None) -> list[dict[str, Any]]:
    """What the tables among `files` say of the claims, as `findings.json` has it.

    The tables are read back as they are written, so that the verdicts follow from the files alone.
    """
    if findings is None:
        return []
    tables = {
        name.removesuffix(".csv"): table(content)
        for name, content in files.items()
        if name.endswith(".csv")
    }
    return [_plain(dataclasses.asdict(finding)) for finding in findings(tables)]


def table(content: bytes) -> pd.DataFrame:
    """A table from what `csv` made of it."""
    import pandas as pd

    # A penalty may be called "none": only what is empty is missing.
    return pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""])


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Puts `files`, and nothing else, into `folder` at once.

    The time that a run took is no news: where the rest of `run.json` and all that was found are
    as before, the old `run.json` stays.

    Returns:
        Whether anything in the folder is different now.

    Raises:
        CannotWrite: If the files cannot be written; the folder is then as before.
    """
    new, old = _hidden(folder, "tmp"), _hidden(folder, "old")
    with _one_line(folder):
        before = contents(folder)
        files = dict(files)
        same_run = RUN in before and _timeless(before[RUN]) == _timeless(files[RUN])
        if same_run and _found(before) == _found(files):
            files[RUN] = before[RUN]
        if files == before:
            return False
        try:
            new.mkdir(parents=True)
            for name, content in files.items():
                (new / name).write_bytes(content)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        except BaseException:
            if old.exists() and not folder.exists():
                old.rename(folder)
            shutil.rmtree(new, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Puts `content` into the file at once.

    Raises:
        CannotWrite: If it cannot be written; the file is then as before.
    """
    new = _hidden(path, "tmp")
    with _one_line(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_bytes() != content:
                new.write_bytes(content)
                new.replace(path)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise


def remove_file(path: Path) -> None:
    """Removes the file if it is there.

    Raises:
        CannotWrite: If it cannot be removed.
    """
    with _one_line(path):
        path.unlink(missing_ok=True)


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Lets one run at a time write into `out`; another one waits here, for as long as this lasts.

    The lock (`flock`) is the folder's own, so that it leaves no file behind, and dies with its
    process. Where the system or the file system has no such lock, runs go without.
    """
    folder = None
    if fcntl is not None:
        with suppress(OSError):
            folder = os.open(out, os.O_RDONLY)
            fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if folder is not None:
            os.close(folder)


def clean_up(out: Path) -> None:
    """Removes what killed runs left in `out`, and puts back a folder that one had just moved away.

    Raises:
        CannotWrite: If `out` cannot be written to.
    """
    with _one_line(out):
        for path in sorted(out.iterdir()) if out.is_dir() else ():
            leftover = _LEFTOVER.fullmatch(path.name)
            if not leftover or _is_running(int(leftover["pid"])):
                continue
            place = out / leftover["name"]
            if leftover["kind"] == "old" and not place.exists():
                path.rename(place)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def as_json(value: Any) -> bytes:
    """JSON with six significant digits, the same bytes for the same value."""
    return (json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n").encode()


def from_json(content: bytes) -> Any:
    """What a file of JSON holds.

    Raises:
        ValueError: If it holds something else.
    """
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be written
    except RecursionError as error:
        raise ValueError("Nested too deeply") from error
    return found


def printable(value: Any) -> str:
    """What a file holds as a message may quote it: in one line of some length, and harmless.

    A terminal obeys certain characters that it is to print.
    """
    text = str(value)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:200])
    return f"{shown}…" if len(text) > len(shown) else shown


def csv(table: pd.DataFrame) -> bytes:
    """The table as CSV with six significant digits, the same bytes for the same values."""
    text: str = table.map(_six_digits).to_csv(index=False, lineterminator="\n")
    return text.encode()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without Matplotlib's version, which would be in the file, equal pictures are equal files.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _six_digits(value: Any) -> Any:
    # The seventh digit differs between machines. + 0.0 makes a zero of a negative zero.
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{value + 0.0:.6g}"
    return value


def _plain(value: Any) -> Any:
    """The value as JSON has it, which knows neither NumPy's numbers nor infinity."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value + 0.0:.6g}") if math.isfinite(value) else str(value)
    return value if isinstance(value, bool | int | str | None) else str(value)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name; none if there is no such folder."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _found(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: files[name] for name in files if name == FINDINGS or name.endswith(".csv")}


def _timeless(run: bytes) -> dict[str, Any]:
    try:
        return {**from_json(run), "seconds": None}
    except (ValueError, TypeError):
        return {}


def _hidden(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{kind}")


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # where signal 0 is no question but Ctrl-C
        return True
    if pid == os.getpid():  # only by chance: this is asked before anything is written
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OverflowError:  # no process has such a number
        return False
    return True


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"Cannot write '{path}': {error.strerror or error}.") from error
