"""How time grows with members, with parameters and with samples.

A grid of small networks, compiled before: a step of all members against their number, and against
the number of their parameters, and an epoch against the number of samples. On logarithmic axes two
straight lines are fitted, which meet in a knee: below it a fixed cost (starting a call, its program
and its operations, recording an epoch) hides what is added; above it time grows with the work. What
the work is limited by there, is told by the shares of the machine's own speeds that the largest
size reaches: of a matrix product's arithmetic, and of a copy's bytes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.speed_growth.calls import grid_of, machine_speeds, work_of
from experiments.speed_growth.figures import draw
from experiments.speed_growth.fit import knee
from experiments.timing import interleaved, warm

QUESTION = "How does time grow with members, parameters and samples?"
SYSTEMS = ("S11",)
CLAIMS = ()
TIMED = ("times", "medians", "growth", "machine")
MEMBERS, PARAMETERS, SAMPLES = "members", "parameters", "samples"
STEP, EPOCH = "a step of all members", "an epoch of all members"
BELOW = {
    STEP: "starting the call and the operations of its steps",
    EPOCH: "starting the call, and recording an epoch",
}
ABOVE = {"arithmetic": "the arithmetic of matrix products", "memory": "reading and writing memory"}


@dataclass(frozen=True)
class Settings:
    repetitions: int = 5
    epochs: int = 2
    batch_size: int = 32
    members: tuple[int, ...] = (1, 3, 10, 30, 100, 300, 1000)  # of a network 64-64-10
    widths: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512, 1024)  # w of 64-w-w-10
    members_of_widths: int = 3
    samples: tuple[int, ...] = (32, 128, 512, 2048, 8192, 32768)  # for networks 64-64-10
    members_of_samples: int = 10
    samples_of_steps: int = 1024  # where steps are timed: 32 of them an epoch


QUICK = Settings(1, 1, 8, (1, 2, 3, 4), (4, 5, 6, 7), 2, (8, 16, 24, 32), 2, samples_of_steps=16)


def sizes_of(settings):
    """By what grows: units, members and samples of each of its networks, and what is timed."""
    n, one, few = settings.samples_of_steps, (64,), settings.members_of_widths
    return {
        MEMBERS: ([(one, count, n) for count in settings.members], STEP),
        PARAMETERS: ([((w, w), few, n) for w in settings.widths], STEP),
        SAMPLES: ([(one, settings.members_of_samples, n) for n in settings.samples], EPOCH),
    }


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    times, medians, growth = [], [], []
    speeds = machine_speeds(settings.repetitions)
    for what, (networks, timed) in sizes_of(settings).items():
        calls = {}
        for units, members, samples in networks:
            work = work_of(units, members, samples, settings.batch_size)
            name = f"{work[what]:,} {what}"
            calls[name] = grid_of(units, members, samples, settings.epochs, settings.batch_size)
            medians.append({"row": what, "method": name, "size": work[what], "timed": timed} | work)
        times.append(interleaved(what, calls, settings.repetitions, track=track))
    times = pd.concat(times, ignore_index=True)
    medians = pd.DataFrame(medians)
    steps = medians["steps"].where(medians["timed"] == STEP, 1) * settings.epochs
    rounds = zip(medians["row"], medians["method"], steps, strict=True)
    spread = [warm(times, *each).quantile([0.5, 0.25, 0.75]).to_numpy() for each in rounds]
    medians[["seconds", "seconds_q25", "seconds_q75"]] = np.array(spread)
    of_epoch = medians["seconds"] * np.where(medians["timed"] == STEP, medians["steps"], 1)
    for kind, quantity in (("arithmetic", "operations"), ("memory", "bytes")):
        medians[f"share_of_{kind}"] = medians[quantity] / of_epoch / speeds[kind]
    for what, rows in medians.groupby("row", sort=False):
        growth.append(line_of(what, rows))
    tables = {"times": times, "medians": medians, "growth": pd.DataFrame(growth)}
    machine = pd.DataFrame({"speed": list(speeds), "per_second": list(speeds.values())})
    figures = {"speed_growth": draw(medians, tables["growth"])}
    return Outcome(tables | {"machine": machine}, figures)


def line_of(what, rows):
    """The two lines of one growth, and what limits the time on each side of the knee."""
    found, last = knee(rows["size"], rows["seconds"]), rows.iloc[-1]
    shares = {kind: last[f"share_of_{kind}"] for kind in ABOVE}
    limit = max(shares, key=lambda kind: shares[kind])
    return {
        "grows": what,
        "timed": last["timed"],
        "slope_below": found.slope_below,
        "knee": found.size,
        "seconds_at_knee": found.cost,
        "slope_above": found.slope_above,
        "limit_below": BELOW[last["timed"]],
        "limit_above": ABOVE[limit],
        "share_of_limit": shares[limit],
    }
