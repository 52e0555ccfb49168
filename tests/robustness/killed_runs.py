"""A run that is killed: how it starts, and what may be there when."""

import contextlib
import importlib
import importlib.util
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "agg",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONUNBUFFERED": "1",
    # More threads than cores that are free only wait for each other.
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


class Start:
    """A process that runs `python arguments…` in a process group of its own.

    Args:
        arguments: What follows `python`, with a module after `-m` or a program at first.
        code: The folder that it runs in.
        log: The file of what it prints.
        fresh: Whether it is a new Python. Otherwise it is a fork of this one, which has imported
            what takes long, but computed nothing.
    """

    def __init__(self, arguments: list[str], code: Path, log: Path, fresh: bool):
        sys.stdout.flush()
        self.began, self.log = time.monotonic(), log
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setpgid(0, 0)
                os.chdir(code)
                for descriptor in (1, 2):
                    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
                if fresh:
                    os.execv(sys.executable, [sys.executable, *arguments])
                os._exit(_run_here(arguments))
            finally:
                os._exit(70)
        with contextlib.suppress(OSError):  # the child may have been faster
            os.setpgid(self.pid, self.pid)

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        if self.status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if ended else None
        return self.status

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.01)
        return self.status  # type: ignore[return-value]

    def kill(self) -> None:
        """Kills it and its workers, and waits until none is left."""
        for _ in range(500):
            self.poll()
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                break
            time.sleep(0.01)
        self.wait()


def _run_here(arguments: list[str]) -> int:
    spawned = multiprocessing.get_context
    # Workers, too, are forks of what has computed nothing.
    multiprocessing.get_context = lambda method=None: spawned("fork")
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as error:
        return int(error.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


class Runs:
    """What is killed: how it starts, and what may be there when.

    Args:
        scratch: An empty folder.
        fresh: See `Start`.

    Attributes:
        seconds: What a start takes until it works, and then until its end, undisturbed.
    """

    seconds: tuple[float, float]

    def __init__(self, scratch: Path, fresh: bool, modules: Iterable[str]):
        self.scratch, self.fresh = scratch, fresh
        self.now: Start | None = None
        self.code = scratch / "code"
        # A copy, for an edit in the middle would make another run of it.
        for name in ("kerasreg", "experiments"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.code / name, ignore=ignored)

        os.environ.update(ENVIRONMENT, PYTHONPATH=str(self.code))
        sys.path.insert(0, str(self.code))
        if not fresh:
            for name in modules:
                importlib.import_module(name)

    def spawn(self, arguments: list[str]) -> Start:
        log = self.scratch / "log"
        log.unlink(missing_ok=True)
        log.touch()
        self.now = Start(arguments, self.code, log, self.fresh)
        return self.now

    def stop(self) -> None:
        if self.now and self.now.poll() is None:
            self.now.kill()

    def begin(self, folder: Path, number: int) -> None:
        """Makes what is there before the first start of a run."""

    def start(self, folder: Path, number: int) -> Start:
        raise NotImplementedError

    def works(self, start: Start, folder: Path) -> bool:
        """Whether it has begun to work."""
        raise NotImplementedError

    def writes(self, folder: Path) -> Callable[[], bool]:
        """A function that says whether a moment of writing is now."""
        raise NotImplementedError

    def torn(self, folder: Path, number: int) -> Iterator[str]:
        """Files with a final name that are not whole."""
        raise NotImplementedError

    def done(self, folder: Path) -> dict[str, int]:
        """How many pieces of what are finished."""
        raise NotImplementedError

    def over(self, start: Start, folder: Path, done: dict[str, int]) -> bool:
        """Whether all was done before the kill, so that the next start begins anew."""
        return False

    def again(self, start: Start, done: dict[str, int]) -> Iterator[str]:
        """What a start did, though it was finished before."""
        raise NotImplementedError

    def differences(self, folder: Path, number: int) -> Iterator[str]:
        """What is not as in the undisturbed run, when a run has come to its end."""
        raise NotImplementedError

    def leftovers(self, folder: Path) -> list[str]:
        """Temporary names."""
        found = (p.name for p in folder.rglob(".*") if p.name.endswith((".tmp", ".old")))
        return sorted(found)

    def undisturbed(self) -> None:
        """Runs to the end, for comparison."""
        raise NotImplementedError

    def time(self, folder: Path, number: int) -> None:
        start = self.start(folder, number)
        while not self.works(start, folder) and start.poll() is None:
            time.sleep(0.02)
        until_work = time.monotonic() - start.began
        if start.wait():
            raise RuntimeError(f"The undisturbed run failed:\n{start.log.read_text()[-3000:]}")
        self.seconds = until_work, time.monotonic() - start.began - until_work
        print(
            f"undisturbed: works after {until_work:.1f} s, for {self.seconds[1]:.1f} s", flush=True
        )
