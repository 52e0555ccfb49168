"""A progress bar on standard error, for whatever takes a number of epochs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kerasreg.arguments import invalid_argument


class _Quiet:
    """A bar that nobody sees."""

    def update(self, n: int = 1) -> None:
        pass

    def set_postfix_str(self, text: str) -> None:
        pass


def check_verbose(verbose: Any) -> None:
    """Raises unless `verbose` is what `progress_bar` takes."""
    if verbose not in (0, 1, "auto"):
        raise invalid_argument("verbose", '0, 1 or "auto"', verbose)


@contextmanager
def progress_bar(total: int, description: str, unit: str, verbose: int | str) -> Iterator[Any]:
    """A bar with what is done and the seconds left, drawn at most ten times a second.

    Args:
        total: Number of units to do, > 0.
        description: What the bar counts, shown before it.
        unit: Name of one unit, such as `"epoch"`.
        verbose: 1 shows the bar, 0 does not, "auto" shows it to a terminal only.

    Returns:
        A context manager for an object with `update(n=1)` and `set_postfix_str(text)`, which
        puts a text behind the bar when that is drawn next.
    """
    if verbose == 0:
        yield _Quiet()
        return
    from tqdm import tqdm

    bar = tqdm(
        total=total,
        desc=description,
        unit=f" {unit}s",
        file=sys.stderr,
        dynamic_ncols=True,
        disable=None if verbose == "auto" else False,  # None: shown to a terminal only
    )
    with bar:
        yield _Bar(bar)


class _Bar:
    def __init__(self, bar: Any):
        self._bar = bar

    def update(self, n: int = 1) -> None:
        self._bar.update(n)

    def set_postfix_str(self, text: str) -> None:
        # Shown at the next draw: `tqdm` would draw at once, whatever its `mininterval`.
        self._bar.set_postfix_str(text, refresh=False)
