"""A process of its own for everything that has to be measured cold.

A new process is one that a server has forked off which imported everything and computed nothing:
what is imported is not measured, and nothing is compiled yet.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

_IMPORTED = ("kerasreg.cross_validation", "kerasreg.datasets", "pandas", "sklearn.datasets")
_METHODS = multiprocessing.get_all_start_methods()


def in_new_process(function: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """What a function of a module returns in a process that has done nothing before.

    Args:
        function: The function; the process imports its module before it is called.
        *arguments: Its arguments.
        **settings: Its keyword arguments.

    Raises:
        RuntimeError: If the process ends without a result.
    """
    # Where nothing can be forked every process imports by itself, before its clock starts.
    method = "forkserver" if "forkserver" in _METHODS else "spawn"
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(_IMPORTED))
    # No pool: its idle process would outlive a run that is killed.
    receiver, sender = context.Pipe(duplex=False)
    call = (sender, function, arguments, settings)
    process = context.Process(target=_send, args=call, daemon=True)
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(
            f"The process of `{function.__name__}` ended without a result, with exit code "
            f"{process.exitcode}; the reason is above"
        ) from None
    process.join()
    return result


def _send(sender: Any, function: Callable[..., Any], arguments: Any, settings: Any) -> None:
    sender.send(function(*arguments, **settings))
