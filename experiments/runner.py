"""The runner: one command that runs experiments and writes what they found."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import TypeVar

from experiments import provenance, report, storage
from experiments.discovery import (
    Experiment,
    UnknownExperiment,
    choose,
    discover,
    source_hash,
)

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 30.0


def main(argv: Sequence[str] | None = None, package: str = "experiments") -> int:
    """Runs experiments of `package` and returns the exit status of the program.

    Args:
        argv: Arguments of the command line; None takes the program's own.
        package: Name of the package that has the experiments.

    Returns:
        0; 1 if an experiment failed or nothing can be written; 2 for an unknown name; 130 if
        interrupted.
    """
    options = _parser().parse_args(argv)
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"There is no package '{package}'.")
    experiments = discover(Path(found.submodule_search_locations[0]))
    try:
        chosen = choose(experiments, options.names)
    except UnknownExperiment as error:
        print(error, file=sys.stderr)
        return 2
    if options.list:
        width = max((len(experiment.name) for experiment in chosen), default=0)
        for experiment in chosen:
            print(f"{experiment.name:{width}}  {experiment.question}")
        return 0
    if options.out is None:
        options.out = Path("results-quick" if options.quick else "results")
    try:
        failed = _run_all(chosen, options, package)
    except storage.CannotWrite as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"Interrupted. What is finished is in {options.out}; "
            "the same command goes on from there.",
            file=sys.stderr,
        )
        return 130
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description="Run experiments: all of them, or those that are named.",
        epilog="A run that was killed goes on where it was, given the same arguments.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments to run")
    parser.add_argument("--list", action="store_true", help="show names and questions, run nothing")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small settings: seconds instead of minutes, results that prove nothing",
    )
    parser.add_argument(
        "--seeds", type=_seed_count, metavar="N", help="repeat with the seeds 0 to N - 1"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where results go (default: results, or results-quick with --quick)",
    )
    parser.add_argument(
        "--logs", type=Path, metavar="DIR", help="write event files for TensorBoard"
    )
    return parser


def _seed_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer >= 1. Received: {text}")
    return int(text)


def _run_all(chosen: Sequence[Experiment], options: argparse.Namespace, package: str) -> list[str]:
    """Runs the experiments one after the other and returns the names of those that failed."""
    out: Path = options.out
    storage.clean_up(out)
    unfinished = UnfinishedRun(out)
    marks = {experiment.name: _mark(experiment, options) for experiment in chosen}
    done = [name for name, mark in marks.items() if unfinished.has(name, mark)]
    if options.quick:
        print(f"Quick settings: results go to {out} and prove nothing.", flush=True)
    if done:
        print(
            f"Going on with the unfinished run: {', '.join(done)} done already "
            f"(delete {unfinished.path} to start anew).",
            flush=True,
        )
    tracebacks: dict[str, str] = {}
    for number, experiment in enumerate(chosen, 1):
        name = experiment.name
        if name in done:
            continue
        label = f"[{number}/{len(chosen)}] {name}"
        print(f"{label}: {experiment.question}", flush=True)
        try:
            files, seconds = _run_one(experiment, options, package)
        except Exception as error:
            tracebacks[name] = traceback.format_exc()
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"{label}: failed: {reason}", file=sys.stderr, flush=True)
            continue
        news = storage.replace_folder(out / name, files)
        report.write_index(out)
        unfinished.add(name, marks[name])
        print(f"{label}: {seconds:.1f} s, {'new' if news else 'as before'}", flush=True)
    for name, text in tracebacks.items():
        print(f"\n{name} failed:\n{text}", file=sys.stderr, flush=True)
    if tracebacks:
        print(
            f"{len(tracebacks)} of {len(chosen)} experiments failed: {', '.join(tracebacks)}.",
            file=sys.stderr,
        )
    else:
        unfinished.finish(marks)
        print(f"Now read {out / report.INDEX}.", flush=True)
    return list(tracebacks)


def _run_one(
    experiment: Experiment, options: argparse.Namespace, package: str
) -> tuple[dict[str, bytes], float]:
    module = importlib.import_module(f"{package}.{experiment.name}")
    settings = module.QUICK if options.quick else module.Settings()
    has_seeds = any(field.name == "seeds" for field in dataclasses.fields(settings))
    if options.seeds and has_seeds:
        settings = dataclasses.replace(settings, seeds=tuple(range(options.seeds)))
    log_dir = None
    if options.logs:
        log_dir = options.logs / experiment.name
        # Event files of an earlier run would be drawn into the same charts.
        for events in log_dir.rglob("events.out.tfevents.*"):
            events.unlink()
    _start_alike()
    start = time.perf_counter()
    outcome = module.run(settings, track=track, log_dir=log_dir and str(log_dir))
    seconds = time.perf_counter() - start
    about = {
        "experiment": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "question": experiment.question,
        "systems": experiment.systems,
        "claims": experiment.claims,
    }
    run = {
        "quick": options.quick,
        "settings": dataclasses.asdict(settings),
        "seeds": getattr(settings, "seeds", ()),
        "backend": provenance.backend(),
        "versions": provenance.versions(),
        "device": provenance.device(),
        "seconds": round(seconds, 1),
    }
    return storage.as_files(outcome, about, run), seconds


def _start_alike() -> None:
    """Makes an experiment find the same whether or not others ran before it."""
    keras = sys.modules.get("keras")
    if keras:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)


def _mark(experiment: Experiment, options: argparse.Namespace) -> str:
    """A hash of all that decides what the experiment finds and writes."""
    parts = [
        source_hash(experiment),
        str(provenance.versions()),
        os.environ.get("KERAS_BACKEND"),
        options.quick,
        options.seeds,
        str(options.logs),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class UnfinishedRun:
    """Remembers, in a file, what a run has finished, until the run is over.

    Args:
        out: Folder of the results.

    Raises:
        CannotWrite: If the folder cannot be written to: better now than after the first hour.
    """

    def __init__(self, out: Path):
        self.path = out / ".progress.json"
        self._out = out
        try:
            marks = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            marks = {}
        self._marks: dict[str, str] = marks if isinstance(marks, dict) else {}
        self._write()

    def has(self, name: str, mark: str) -> bool:
        """Whether the experiment was finished as it would be run now, and is still there."""
        return self._marks.get(name) == mark and (self._out / name / storage.RUN).is_file()

    def add(self, name: str, mark: str) -> None:
        """Remembers that the experiment is finished."""
        self._marks[name] = mark
        self._write()

    def finish(self, names: Iterable[str]) -> None:
        """Forgets these experiments: their run is over, and the next one starts anew."""
        for name in names:
            self._marks.pop(name, None)
        if self._marks:
            self._write()
        else:
            self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        storage.replace_file(self.path, storage.as_json(self._marks))


def track(iterable: Iterable[T], description: str = "") -> Iterable[T]:
    """Passes on what `iterable` yields and shows how far it is.

    That is a bar on a terminal, and elsewhere a line every half a minute.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        bar: Iterable[T] = tqdm(iterable, desc=description, leave=False)
        return bar
    return _lines(iterable, description)


def _lines(iterable: Iterable[T], description: str) -> Iterator[T]:
    total = len(iterable) if isinstance(iterable, Sized) else "?"
    last = time.monotonic()
    for number, item in enumerate(iterable):
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            print(f"    {description}: {number} of {total}", flush=True)
            last = time.monotonic()
        yield item
