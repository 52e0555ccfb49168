"""The command `python -m experiments`: its options, and what is run, written and said for them."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from experiments.runner import execution, ledger, provenance, report, storage, verification
from experiments.runner.discovery import (
    Experiment,
    UnknownExperiment,
    choose,
    discover,
    groups,
    source_hash,
)
from experiments.runner.ledger import Claim
from experiments.runner.unfinished import UnfinishedRun


def main(argv: Sequence[str] | None = None, package: str = "experiments") -> int:
    """Runs experiments of `package` and returns the exit status of the program.

    Args:
        argv: Arguments of the command line; None takes the program's own.
        package: Name of the package that has the experiments.

    Returns:
        0; 1 if an experiment failed or nothing can be written; 2 for an unknown name, or a claim
        that the list of claims does not have; 130 if interrupted.
    """
    options = _parser().parse_args(argv)
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"There is no package '{package}'.")
    folder = Path(found.submodule_search_locations[0])
    experiments = discover(folder)
    try:
        chosen = choose(experiments, options.names)
    except UnknownExperiment as error:
        print(error, file=sys.stderr)
        return 2
    if options.list:
        _list(chosen)
        return 0
    if options.data:
        fixed = [experiment.name for experiment in chosen if not experiment.has_data]
        if options.names and fixed:
            print(f"There is no choice of data for {', '.join(fixed)}.", file=sys.stderr)
            return 2
        chosen = [experiment for experiment in chosen if experiment.has_data]
        try:
            # What has to be downloaded is looked for before any work is done.
            from kerasreg import datasets

            datasets.load(options.data)
        except (ValueError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
    kind = "quick" if options.quick else options.data
    committed = options.out or Path(f"results-{kind}" if kind else "results")
    if options.verify and not any((committed / each.name).is_dir() for each in chosen):
        print(
            f"There is nothing to compare with in {committed}. Run without --verify first, or "
            "name the folder of the results with --out.",
            file=sys.stderr,
        )
        return 2
    claims = ledger.read_claims(folder)
    unlisted = {claim for each in chosen for claim in each.claims} - {each.claim for each in claims}
    if claims and unlisted:
        print(f"{ledger.FILE} has no line for {', '.join(sorted(unlisted))}.", file=sys.stderr)
        return 2
    try:
        if options.verify:
            return _verify(chosen, committed, options, package, claims)
        options.out = committed
        failed, _ = _run_all(chosen, options, package, claims)
        if not failed:
            print(f"Now read {committed / report.INDEX}.", flush=True)
    except storage.CannotWrite as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = f"What is finished is in {options.out}; the same command goes on from there."
        print("Interrupted." if options.verify else f"Interrupted. {kept}", file=sys.stderr)
        return 130
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description="Run experiments: all of them, or those that are named.",
        epilog="A run that was killed goes on where it was, given the same arguments.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments, or groups: speed")
    parser.add_argument("--list", action="store_true", help="show names and questions, run nothing")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small settings: seconds instead of minutes, results that prove nothing",
    )
    parser.add_argument(
        "--seeds", type=_count, metavar="N", help="repeat with the seeds 0 to N - 1"
    )
    parser.add_argument(
        "--data",
        metavar="NAME",
        help="run the experiments that have a choice of data on others: mnist, fashion_mnist or "
        "imdb (which Keras downloads), breast_cancer or wine; results go to results-NAME",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run into a temporary folder and compare with the results that are there",
    )
    parser.add_argument(
        "--jobs",
        type=_count,
        default=1,
        metavar="N",
        help="experiments to run at once, except those that measure seconds (default: 1)",
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


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer >= 1. Received: {text}")
    return int(text)


def _list(chosen: Sequence[Experiment]) -> None:
    lines = {experiment.name: experiment.question for experiment in chosen}
    for group, names in groups(chosen).items():
        lines[group] = f"All of {', '.join(names)}"
    width = max(map(len, lines), default=0)
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")


def _verify(
    chosen: Sequence[Experiment],
    committed: Path,
    options: argparse.Namespace,
    package: str,
    claims: Sequence[Claim],
) -> int:
    """Runs the experiments elsewhere, compares, and returns the exit status of the program."""
    with tempfile.TemporaryDirectory() as folder:
        options.out = Path(folder)
        failed, skipped = _run_all(chosen, options, package, claims)
        without = {*failed, *skipped}
        finished = [experiment for experiment in chosen if experiment.name not in without]
        differences = [
            line
            for experiment in finished
            for line in verification.differences(experiment, committed, options.out)
        ]
        differences += verification.ledger_differences(committed, claims)
    for line in differences:
        print(line)
    if not differences:
        print(f"{len(finished)} experiments found again what is in {committed}.")
    return 1 if failed or differences else 0


def _run_all(
    chosen: Sequence[Experiment],
    options: argparse.Namespace,
    package: str,
    claims: Sequence[Claim],
) -> tuple[list[str], list[str]]:
    """Runs the experiments and returns the names of those that failed, and that were skipped."""
    out: Path = options.out
    with storage.alone(out):
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
    skipped: list[str] = []
    labels = {
        experiment.name: f"[{number}/{len(chosen)}] {experiment.name}"
        for number, experiment in enumerate(chosen, 1)
    }
    remaining = {e: labels[e.name] for e in chosen if e.name not in done}
    for experiment, result in execution.results(remaining, options, package):
        name, label = experiment.name, labels[experiment.name]
        if isinstance(result, execution.Failed):
            tracebacks[name] = result.traceback
            print(f"{label}: failed: {result.reason}", file=sys.stderr, flush=True)
            continue
        if isinstance(result, execution.Skipped):
            # Results that another machine made stay.
            skipped.append(name)
            print(f"{label}: skipped, for it needs {result.needs}", flush=True)
            continue
        with storage.alone(out):
            news = storage.replace_folder(out / name, result.files)
            report.write_index(out, claims)
            unfinished.add(name, marks[name])
        print(f"{label}: {result.seconds:.1f} s, {'new' if news else 'as before'}", flush=True)
    for name, text in tracebacks.items():
        print(f"\n{name} failed:\n{text}", file=sys.stderr, flush=True)
    if tracebacks:
        print(
            f"{len(tracebacks)} of {len(chosen)} experiments failed: {', '.join(tracebacks)}.",
            file=sys.stderr,
        )
    else:
        with storage.alone(out):
            unfinished.finish(marks)
    return list(tracebacks), skipped


def _mark(experiment: Experiment, options: argparse.Namespace) -> str:
    """A hash of all that decides what the experiment finds and writes."""
    parts = [
        source_hash(experiment),
        str(provenance.versions()),
        os.environ.get("KERAS_BACKEND"),
        options.quick,
        options.seeds,
        str(options.logs),
        options.data,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
