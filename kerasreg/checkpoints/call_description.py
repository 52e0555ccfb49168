"""What a call is, in few words that tell it from every other, and how two calls differ."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerasreg.checkpoints.array_files import NUMBERS, bytes_of

# Longer lists and texts of a description are kept as their hash; longer values are not quoted.
_LIST_KEPT, _TEXT_KEPT, _TEXT_QUOTED = 16, 80, 160


def summary_of(part: str, value: Any) -> Any:
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
        return {str(key): summary_of(f"{part}[{key!r}]", value[key]) for key in value}
    if isinstance(value, (list, tuple, range)):
        items = [summary_of(f"{part}[{i}]", item) for i, item in enumerate(value)]
        if len(items) > _LIST_KEPT:
            return _hashed(f"list of {len(items)}", _text(items).encode())
        # Numbered where there is more to be said about an item than itself.
        nested = any(isinstance(item, (dict, list)) for item in items)
        return {str(i): item for i, item in enumerate(items)} if nested else items
    array = np.asarray(value, order="C") if hasattr(value, "__array__") else np.array(None)
    kind = f"{array.dtype} of shape {array.shape}"
    if array.dtype.kind in "OU" and array.ndim:  # texts, and columns of several types
        return _hashed(kind, _text(summary_of(part, array.tolist())).encode())
    if array.dtype.kind not in NUMBERS and array.dtype.type.__module__ != "ml_dtypes":
        raise TypeError(
            f"The part `{part}` of the description of a call must be a number, a text, an array, "
            f"or a list or mapping of them. Received: an object of type {type(value).__name__}"
        )
    summary = _hashed(kind, bytes_of(array))
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


def in_words(summary: Any) -> str:
    """A summary as a message says it."""
    if _is_hash(summary):
        return str(summary["kind"])[:_TEXT_QUOTED]
    text = repr(summary)
    if len(text) <= _TEXT_QUOTED:
        return text
    long = f" of {len(summary)}" if hasattr(summary, "__len__") else f", {text[:20]}…"
    return f"{type(summary).__name__}{long}"


def differences_between(name: str, there: Any, here: Any) -> Iterator[str]:
    """Says of every innermost part that differs what it is on both sides."""
    both = (there, here)
    if _text(there) == _text(here):
        return
    if all(isinstance(side, dict) and not _is_hash(side) for side in both):
        for key in {**here, **there}:
            inner = f"{name}[{key}]" if name else key
            yield from differences_between(inner, there.get(key, _MISSING), here.get(key, _MISSING))
        return
    shown = [in_words(side) for side in both]
    if shown[0] == shown[1] and all(_is_hash(side) for side in both):
        values = [in_words(side.get("values")) for side in both]
        shown = values if values[0] != values[1] else shown
    if shown[0] == shown[1]:
        yield f"{name} differs ({shown[0]}, other values)"
    else:
        yield f"{name} is {shown[0]} there and {shown[1]} here"
