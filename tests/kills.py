"""Kills runs at random moments, starts them again, and compares what they end with.

    python tests/kills.py results --kills 50    python -m experiments, with one job and with two
    python tests/kills.py path --kills 50       regularization_path(checkpoint_dir=…)

A run goes to its end once, undisturbed. Then one after another is started, killed with all its
processes by `kill -9`, looked at, started again with the same arguments, killed again, and so on,
until one comes to its end. Some kills come at any moment, others at a moment of writing: when a
temporary name has just appeared, or the folder of a result. After every kill each file with a final
name has to be whole; no start may do again what was finished before; and the end has to be that of
the undisturbed run, byte for byte, with nothing else left behind. The seconds that a result took
are not compared. Prints a line a kill and a count; the exit status is 1 if anything was not so.
"""

import argparse
import contextlib
import importlib
import json
import multiprocessing
import os
import random
import re
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# Quick, and each with several tables and figures.
EXPERIMENTS = ("regression_line", "two_gaussians", "weight_decay")
KILLS_A_RUN = 5  # then it may come to its end
# Of a process, from its start until it begins to work: importing TensorFlow.
START = 0.15  # the share of kills in that time
AIMED = 0.35  # and at a moment of writing; the others come at any moment of the work
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


class Results(Runs):
    """Runs of the experiments: odd ones with one job, even ones with two.

    Half of them find older results in the folder, which have to be whole until they are replaced.
    """

    def __init__(self, scratch: Path, fresh: bool, names: Iterable[str]):
        super().__init__(scratch, fresh, [f"experiments.{name}" for name in names])
        self.names = sorted(names)
        self.reference, self.old = scratch / "reference", scratch / "old"

    def undisturbed(self) -> None:
        self.time(self.reference, 1)
        self.whole = {name: _timeless(self.reference / name) for name in self.names}
        shutil.copytree(self.reference, self.old)
        for name in self.names:
            (self.old / name / "old.csv").write_text("last\nyear\n")
        self._write_index(self.old)
        self.old_whole = {name: _timeless(self.old / name) for name in self.names}

    def begin(self, folder: Path, number: int) -> None:
        if self._begins_old(number):
            shutil.copytree(self.old, folder)

    def start(self, folder: Path, number: int) -> Start:
        jobs = str(2 - number % 2)
        arguments = ["-m", "experiments", *self.names, "--quick", "--jobs", jobs]
        return self.spawn([*arguments, "--out", str(folder)])

    def works(self, start: Start, folder: Path) -> bool:
        return start.log.read_bytes().count(b"\n[") > 0

    def writes(self, folder: Path) -> Callable[[], bool]:
        def names() -> set[tuple[str, int]]:
            try:
                return {(entry.name, entry.inode()) for entry in os.scandir(folder)}
            except FileNotFoundError:
                return set()

        before = names()

        def now() -> bool:
            new = {name for name, inode in names() - before}
            return any(name in self.names or name.endswith((".tmp", ".old")) for name in new)

        return now

    def torn(self, folder: Path, number: int) -> Iterator[str]:
        there = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
        index = {name: there.pop(name, None) for name in ("claims.csv", "README.md")}
        for name, path in there.items():
            if name not in self.names:
                yield f"{name} is no result"
            elif _timeless(path) != self.whole[name] and not (
                self._begins_old(number) and _timeless(path) == self.old_whole[name]
            ):
                yield f"{name} is neither the old result nor the new one"
        for name in sorted(set(self.names) - set(there)) if self._begins_old(number) else ():
            moved = list(folder.glob(f".{name}.*.old"))
            if len(moved) != 1 or _timeless(moved[0]) != self.old_whole[name]:
                yield f"the old {name} is gone, and there is no new one"
        progress = folder / ".progress.json"
        try:
            if progress.exists() and not isinstance(json.loads(progress.read_bytes()), dict):
                yield ".progress.json is no mapping"
        except ValueError as error:
            yield f".progress.json: {error}"
        allowed = list(self._indices(folder, number))
        for name, path in index.items():
            content = path.read_bytes() if path else None
            if content not in [each[name] for each in allowed]:
                yield f"{name} is not drawn from what is or was there"

    def done(self, folder: Path) -> dict[str, int]:
        try:
            marks = json.loads((folder / ".progress.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {name: 1 for name in self.names if name in marks}

    def over(self, start: Start, folder: Path, done: dict[str, int]) -> bool:
        ends = re.findall(r"\[\d+/\d+\] \w+: [0-9.]+ s, ", start.log.read_text(errors="replace"))
        remembered = (folder / ".progress.json").exists()
        return not remembered and len(ends) + len(done) == len(self.names)

    def again(self, start: Start, done: dict[str, int]) -> Iterator[str]:
        lines = start.log.read_text(errors="replace").splitlines()
        said = ", ".join(done)
        going_on = f"Going on with the unfinished run: {said} done already "
        if done and self._has_begun(lines) and not any(x.startswith(going_on) for x in lines):
            yield f"the start did not say that it goes on with {said}"
        found = {match[1] for line in lines if (match := re.match(r"\[\d+/\d+\] (\w+): ", line))}
        yield from (f"{name} was finished and has run again" for name in sorted(found & set(done)))

    def differences(self, folder: Path, number: int) -> Iterator[str]:
        expected = {*self.names, "claims.csv", "README.md"}
        names = {path.name for path in folder.iterdir()}
        if names != expected:
            yield f"too many or missing: {', '.join(sorted(names ^ expected))}"
        for name in self.names:
            if _timeless(folder / name) != self.whole[name]:
                yield f"{name} differs"
        if (folder / "claims.csv").read_bytes() != (self.reference / "claims.csv").read_bytes():
            yield "claims.csv differs"
        if (folder / "README.md").read_bytes() != next(self._indices(folder, number))["README.md"]:
            yield "README.md is not drawn from what is there"

    def _begins_old(self, number: int) -> bool:
        return number % 4 in (2, 3)

    def _has_begun(self, lines: list[str]) -> bool:
        return any(re.match(r"\[\d+/\d+\] |\d+ experiments, ", line) for line in lines)

    def _indices(self, folder: Path, number: int) -> Iterator[dict[str, bytes | None]]:
        """The index of what is there, and those of what was there before the last result came."""
        before = {name: self.old / name for name in self.names if self._begins_old(number)}
        there = {name: folder / name for name in self.names if (folder / name).exists()}
        now = {**before, **there}  # what is being replaced is gone for a moment
        for last in (None, *there):
            shown = {name: path for name, path in now.items() if name != last}
            if last in before:
                shown[last] = before[last]
            with tempfile.TemporaryDirectory(dir=self.scratch) as drawn:
                for name, path in shown.items():
                    (Path(drawn) / name).symlink_to(path)
                if shown:
                    self._write_index(Path(drawn))
                files = {name: Path(drawn) / name for name in ("claims.csv", "README.md")}
                yield {n: p.read_bytes() if p.exists() else None for n, p in files.items()}

    def _write_index(self, folder: Path) -> None:
        from experiments import ledger, report

        report.write_index(folder, ledger.read_claims(self.code / "experiments"))


def _timeless(folder: Path) -> dict[str, bytes]:
    """The files of a result by name, without the seconds that it took."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {
        name: re.sub(rb'"seconds": [0-9.]+', b"", content) if name == "run.json" else content
        for name, content in files.items()
    }


# Says in a file which epoch of which chunk is trained, before it is kept.
PROGRAM = """
import sys
from pathlib import Path

import keras
import numpy as np

from kerasreg.checkpoints import CheckpointFolder
from kerasreg.optimizers import ProximalAdam
from kerasreg.path import regularization_path

folder, tables, warm_start, epochs = sys.argv[1:]
save = CheckpointFolder.save

def saying(self, name, arrays):
    print("trained", name, int(arrays["epochs_done"]), flush=True)
    save(self, name, arrays)

CheckpointFolder.save = saying
random = np.random.default_rng(0)
x = random.normal(size=(96, 8)).astype("float32")
y = np.tanh(x[:, 0] + random.normal(size=96)).astype("float32")
layers = [
    keras.layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L1(1.0)),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0)),
]
record = regularization_path(
    keras.Sequential([keras.Input((8,)), *layers]), x, y, strengths=np.geomspace(1e-3, 0.5, 8),
    seeds=(0, 1), chunk_size=2, optimizer=ProximalAdam(1e-2), loss="mse", metrics=["mae"],
    epochs=int(epochs), batch_size=16, validation_data=(x[:20], y[:20]), jit_compile=False,
    warm_start=warm_start == "warm", checkpoint_dir=folder, verbose=0,
)
for name in ("members", "curves", "weights", "coefficients"):
    # As many digits as tell every float from its neighbours.
    getattr(record, name).to_csv(Path(tables) / f"{name}.csv")
"""


class Paths(Runs):
    """Regularization paths: odd ones with warm starts, even ones without."""

    def __init__(self, scratch: Path, fresh: bool, epochs: int):
        super().__init__(scratch, fresh, ["keras", "kerasreg.path", "kerasreg.optimizers"])
        self.epochs = epochs
        self.tables = scratch / "tables"
        (scratch / "program.py").write_text(PROGRAM)
        if "kerasreg" not in sys.modules:
            # Without what `import kerasreg` does, so without Keras, which takes seconds.
            package = types.ModuleType("kerasreg")
            package.__path__ = [str(ROOT / "kerasreg")]
            sys.modules["kerasreg"] = package
        self.checkpoints = importlib.import_module("kerasreg.checkpoints")

    def undisturbed(self) -> None:
        self.whole, self.all_done = [], []
        for number in (0, 1):
            folder = self.scratch / f"reference_{number}"
            self.time(folder, number)
            self.whole.append(self._tables())
            self.all_done.append(self.done(folder))

    def start(self, folder: Path, number: int) -> Start:
        shutil.rmtree(self.tables, ignore_errors=True)
        self.tables.mkdir()
        warm = "warm" if number % 2 else "cold"
        program = [str(self.scratch / "program.py"), str(folder), str(self.tables)]
        return self.spawn([*program, warm, str(self.epochs)])

    def works(self, start: Start, folder: Path) -> bool:
        return b"trained" in start.log.read_bytes()

    def writes(self, folder: Path) -> Callable[[], bool]:
        def now() -> bool:
            try:
                return any(entry.name.endswith(".npy.tmp") for entry in os.scandir(folder))
            except FileNotFoundError:
                return False

        return now

    def torn(self, folder: Path, number: int) -> Iterator[str]:
        call = folder / "call.json"
        try:
            if call.exists():
                json.loads(call.read_bytes())
        except ValueError as error:
            yield f"call.json: {error}"
        for path in sorted(folder.glob("chunk*")):
            try:
                self._epochs(path)
            except ValueError as error:
                yield str(error)

    def done(self, folder: Path) -> dict[str, int]:
        return {path.stem: self._epochs(path) for path in sorted(folder.glob("chunk*"))}

    def again(self, start: Start, done: dict[str, int]) -> Iterator[str]:
        for name, epoch in re.findall(r"trained (\w+) (\d+)\n", start.log.read_text()):
            if int(epoch) <= done.get(name, 0):
                yield f"epoch {epoch} of {name} was kept and is trained again"

    def differences(self, folder: Path, number: int) -> Iterator[str]:
        tables, whole = self._tables(), self.whole[number % 2]
        yield from (f"{name} differs" for name in whole if tables.get(name) != whole[name])
        if self.done(folder) != self.all_done[number % 2]:
            yield "the checkpoint has other chunks or epochs"

    def _epochs(self, path: Path) -> int:
        folder = self.checkpoints.CheckpointFolder.of_worker(path.parent)
        return int(folder.load(path.stem)["epochs_done"])

    def _tables(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.tables.iterdir()}


class Moment(NamedTuple):
    """Seconds since the start or since the work has begun; then a moment of writing if aimed."""

    since_work: bool
    seconds: float
    aimed: bool

    @classmethod
    def draw(cls, random: random.Random, until_work: float, work: float) -> "Moment":
        kind = random.random()
        if kind < START:
            return cls(False, random.uniform(0, until_work), False)
        return cls(True, random.uniform(0, work), kind < START + AIMED)


def kill(runs: Runs, start: Start, folder: Path, moment: Moment, random: random.Random) -> bool:
    """Kills at the moment, unless the run comes to its end before; whether it did."""
    began = start.began
    while moment.since_work and not runs.works(start, folder):
        if start.poll() is not None:
            return False
        time.sleep(0.005)
        began = time.monotonic()
    while time.monotonic() < began + moment.seconds and start.poll() is None:
        time.sleep(0.002)
    if moment.aimed:
        writes = runs.writes(folder)
        while not writes() and start.poll() is None:
            time.sleep(0.0002)
        time.sleep(random.choice((0, random.uniform(0, 0.005))))
    if start.poll() is not None:
        return False
    start.kill()
    return start.wait() == -signal.SIGKILL


def campaign(runs: Runs, kills: int, seed: int) -> int:
    """Kills so many times, prints what is found, and returns the number of faults."""
    draws = random.Random(seed)
    counts = dict.fromkeys(("kills", "aimed", "torn", "lost", "again", "ends", "other ends"), 0)
    number = writing = 0
    began = time.monotonic()

    def look(kind: str, faults: Iterator[str]) -> list[str]:
        found = list(faults)
        counts[kind] += len(found)
        return found

    while counts["kills"] < kills:
        number += 1
        folder = runs.scratch / f"run_{number}"
        runs.begin(folder, number)
        for attempt in range(KILLS_A_RUN + 1):
            done = runs.done(folder)
            start = runs.start(folder, number)
            moment = Moment.draw(draws, *runs.seconds)
            may_kill = counts["kills"] < kills and attempt < KILLS_A_RUN
            if may_kill and kill(runs, start, folder, moment, draws):
                seconds = time.monotonic() - start.began
                counts["kills"] += 1
                counts["aimed"] += moment.aimed
                left, now = runs.leftovers(folder), runs.done(folder)
                writing += bool(left)
                found = look("torn", runs.torn(folder, number) if folder.exists() else iter(()))
                found += look("again", runs.again(start, done))
                if not runs.over(start, folder, done):
                    lost = (f"{name} is lost" for name in done if now.get(name, 0) < done[name])
                    found += look("lost", lost)
                print(
                    f"kill {counts['kills']:2} of run {number:2} after {seconds:6.2f} s, "
                    f"{sum(now.values()):3} done, {', '.join(left) or 'nothing'} half written: "
                    f"{'; '.join(found) or 'ok'}",
                    flush=True,
                )
                continue
            counts["ends"] += 1
            if status := start.wait():
                said = f"exit status {status}: {start.log.read_text(errors='replace')[-2000:]}"
                found = look("other ends", iter([said]))
            else:
                found = look("other ends", runs.differences(folder, number))
                found += look("other ends", (f"{name} is left" for name in runs.leftovers(folder)))
            found += look("again", runs.again(start, done))
            print(f"end of run {number}: {'; '.join(found) or 'the same bytes'}", flush=True)
            break
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"\n{counts['kills']} kills ({counts['aimed']} aimed at a moment of writing, {writing} in "
        f"the middle of one), {counts['ends']} of {number} runs ended, with {counts['other ends']} "
        f"differences; {counts['torn']} torn files, {counts['lost']} finished pieces lost, "
        f"{counts['again']} done again; {time.monotonic() - began:.0f} s"
    )
    faults = sum(counts[kind] for kind in ("torn", "lost", "again", "other ends"))
    return faults + number - counts["ends"]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("results", "path"), help="what is killed")
    parser.add_argument("--kills", type=int, default=50, help="how many times (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument(
        "--experiments", nargs="+", default=EXPERIMENTS, metavar="NAME", help="of the results"
    )
    parser.add_argument("--epochs", type=int, default=12, help="of the path (default: 12)")
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="start each time as a new Python, which imports TensorFlow anew, and spawns workers",
    )
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    with tempfile.TemporaryDirectory() as scratch:
        if options.what == "results":
            runs: Runs = Results(Path(scratch), options.fresh, options.experiments)
        else:
            runs = Paths(Path(scratch), options.fresh, options.epochs)
        try:
            runs.undisturbed()
            return 1 if campaign(runs, options.kills, options.seed) else 0
        finally:
            runs.stop()


if __name__ == "__main__":
    sys.exit(main())
