"""What a case of bad input is."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A call, and the error that it has to raise before it does anything.

    Args:
        name: What is wrong.
        call: Makes the call.
        error: The type of the error, itself and no subclass.
        message: The whole message, one line.
        before: Writes files that the call finds.
    """

    name: str
    call: Callable[[], Any]
    error: type[BaseException]
    message: str
    before: Callable[[], Any] | None = None
