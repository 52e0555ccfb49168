"""Kills runs at random moments, starts them again, and compares what they end with.

    python -m tests.robustness.kills results  # python -m experiments, with one job and with two
    python -m tests.robustness.kills path     # regularization_path(checkpoint_dir=…)

A run goes to its end once, undisturbed. Then one after another is started, killed with all its
processes by `kill -9`, looked at, started again with the same arguments, killed again, and so on,
until one comes to its end. Some kills come at any moment, others at a moment of writing: when a
temporary name has just appeared, or the folder of a result. After every kill each file with a final
name has to be whole; no start may do again what was finished before; and the end has to be that of
the undisturbed run, byte for byte, with nothing else left behind. The seconds that a result took
are not compared. Prints a line a kill and a count; the exit status is 1 if anything was not so.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.robustness.killed_experiments import Results
from tests.robustness.killed_paths import Paths
from tests.robustness.killed_runs import Runs, Start

# Quick, and each with several tables and figures.
EXPERIMENTS = ("regression_line", "two_gaussians", "weight_decay")
KILLS_A_RUN = 5  # then it may come to its end
# Of a process, from its start until it begins to work: importing TensorFlow.
START = 0.15  # the share of kills in that time
AIMED = 0.35  # and at a moment of writing; the others come at any moment of the work


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
