"""Checks of single arguments, and the one form that errors about an argument take.

What is wrong is said in one line: the argument, what was expected, what was received, the fix.
"""

from __future__ import annotations

import difflib
import math
import os
import textwrap
from collections.abc import Callable, Iterable
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np


def invalid_argument(name: str, expected: str, received: Any) -> ValueError:
    """The one form that errors about an argument take."""
    return ValueError(
        f"Invalid value for argument `{name}`: expected {expected}. "
        f"Received: {name}={in_short(received)}"
    )


def unknown_name(
    argument: str,
    expected: str,
    received: Any,
    known: Iterable[str],
    accepted: Callable[[str], bool] = lambda name: True,
) -> ValueError:
    """The error about a name that is none of the known ones, with the nearest that is accepted."""
    error = invalid_argument(argument, expected, received)
    return ValueError(f"{error}{did_you_mean(received, known, accepted)}")


def unknown_to_keras(argument: str, expected: str, received: Any, module: Any) -> ValueError:
    """The error about what `module.get` of Keras does not know, `keras.losses.get` say."""
    known = {name.lower() for name in vars(module) if not name.startswith("_")} | {"mse", "mae"}

    def accepted(name: str) -> bool:
        try:
            return module.get(name) is not None
        except (ValueError, TypeError):
            return False

    return unknown_name(argument, expected, received, sorted(known), accepted)


def did_you_mean(
    name: Any, known: Iterable[str], accepted: Callable[[str], bool] = lambda name: True
) -> str:
    """A sentence with the known name that is nearest to a wrong one, or nothing."""
    near = difflib.get_close_matches(name.lower(), list(known)) if isinstance(name, str) else []
    return next((f". Did you mean {each!r}?" for each in near if accepted(each)), "")


def in_short(value: Any, limit: int = 400) -> str:
    """The representation of a value for an error message, which stays one line of some length."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no int of more than 4300 digits
        return f"{type(value).__name__} of {value.bit_length()} bits"
    if "\n" in text:
        text = " ".join(text.split())
    if len(text) <= limit:
        return text
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return f"{text[: limit // 2]}… ({type(value).__name__}{shape})"


def some_of(values: Any) -> str:
    """A list for an error message, which stays one line."""
    values = list(values)
    return str(values) if len(values) <= 6 else f"{values[:5]} and {len(values) - 5} more"


def in_one_line(error: Exception) -> str:
    text = str(error).rpartition("Exception encountered: ")[2] or type(error).__name__
    return textwrap.shorten(text, 160, placeholder=" …").rstrip(".: ")


def printable(text: str) -> str:
    """What a file says, as a message may quote it: printable, and of some length."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:500])
    return f"{shown}…" if len(text) > len(shown) else shown


def whole_number(name: str, value: Any, *, minimum: int) -> int:
    """Returns `value` as a plain int after checking that it is one and not too small."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise invalid_argument(name, f"an int >= {minimum}", value)
    return int(value)


def finite_float(name: str, value: Any, *, minimum: float, maximum: float = math.inf) -> float:
    """Returns `value` as a plain float after checking that it is finite and in range."""
    if math.isinf(maximum):
        expected = f"a finite float >= {minimum:g}"
    else:
        expected = f"a finite float between {minimum:g} and {maximum:g}"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise invalid_argument(name, expected, value)
    try:
        number = float(value)
    except OverflowError:  # an int beyond the largest float
        number = math.inf
    if not (math.isfinite(number) and minimum <= number <= maximum):
        raise invalid_argument(name, expected, value)
    return number


def float_between(name: str, value: Any, low: float, high: float = float("inf")) -> float:
    """Returns `value` as a plain float after checking that it is finite and low < value < high."""
    if high == float("inf"):
        expected = f"a finite float > {low:g}"
    else:
        expected = f"a finite float > {low:g} and < {high:g}"
    try:
        number = finite_float(name, value, minimum=low, maximum=high)
    except ValueError:
        raise invalid_argument(name, expected, value) from None
    if number in (low, high):
        raise invalid_argument(name, expected, value)
    return number


def seed_number(name: str, value: Any) -> int:
    """Returns a seed that NumPy, scikit-learn and Keras take, as a plain int."""
    is_int = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_int or not 0 <= value < 2**32:
        raise invalid_argument(name, f"an int from 0 to {2**32 - 1}", value)
    return int(value)


def checked_seeds(seeds: Any) -> list[int]:
    if isinstance(seeds, int | np.integer) or not isinstance(seeds, Iterable):
        raise invalid_argument("seeds", "a sequence of ints >= 0, such as (0,)", seeds)
    found = [seed_number("seeds", seed) for seed in seeds]
    if not found or len(set(found)) < len(found):
        raise invalid_argument("seeds", "at least one seed, and each once", seeds)
    return found


def true_or_false(name: str, value: Any) -> bool:
    """Returns `value` as a bool: a text such as "no" would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise invalid_argument(name, "True or False", value)
    return bool(value)


def folder_or_none(name: str, value: Any) -> Path | None:
    """A folder that need not exist, as a path."""
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise invalid_argument(name, "the path of a folder, or None", value)
    return Path(value)
