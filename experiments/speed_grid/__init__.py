"""What a whole path costs: a hundred models against one `model.fit`.

Calls are measured in new processes, in turn, with everything imported and nothing compiled: one
`fit`, 100 strengths of the same network for as many epochs, the same with the range of strengths
searched first, and 100 strengths on 5 folds. Time against the number of members is measured in
one process, with everything compiled; models trained one after another are measured for one and
multiplied, without the tracing that each of them would need anew, which flatters them."""

from dataclasses import asdict, dataclass

import keras
import pandas as pd

from experiments.new_process import in_new_process
from experiments.outcome import Outcome, no_progress
from experiments.speed_grid.calls import CV, FIT, PATH, RANGE, first_call
from experiments.speed_grid.figures import draw_calls
from experiments.speed_grid.measures import bars_of
from experiments.speed_grid.members import Network, per_member, times_of

QUESTION = "What does a whole path cost, against one model.fit?"
SYSTEMS = ("S11", "S14")
CLAIMS = ()
TIMED = ("calls", "members", "per_member", "bars")
CALL = "a call in a new process"


@dataclass(frozen=True)
class Settings:
    rounds: int = 5
    calls: tuple[str, ...] = (FIT, PATH, RANGE, CV)  # in new processes
    rounds_of_longer: int = 3  # of RANGE and CV, whose ratios are far from their limits
    units: tuple[int, ...] = (64,)  # of these calls
    n_samples: int | None = None  # None: all of digits' training part, 34 steps an epoch
    epochs: int = 20
    batch_size: int = 32  # Keras's default
    n_strengths: int = 100
    n_folds: int = 5
    # The network above, and one in which arithmetic takes all the time.
    networks: tuple[Network, ...] = (
        Network((64,), (1, 100), epochs=3),
        Network((1024, 1024), (1, 3, 10), epochs=2, n_samples=320),
    )


QUICK = Settings(
    rounds=1,
    calls=(FIT, PATH, CV),
    units=(8,),
    n_samples=64,
    epochs=2,
    n_strengths=4,
    n_folds=2,
    networks=(Network((8,), (4,), epochs=1, n_samples=64),),
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    keras.utils.set_random_seed(0)
    calls = times_of_calls(settings, track)
    members = pd.concat(
        [times_of(each, settings.batch_size, settings.rounds, track) for each in settings.networks],
        ignore_index=True,
    )
    bars = bars_of(calls, members, settings)
    tables = {"calls": calls, "members": members, "per_member": per_member(members), "bars": bars}
    about = f"{settings.n_strengths} strengths, {settings.epochs} epochs, {settings.n_folds} folds"
    return Outcome(tables, {"speed_grid": draw_calls(calls, bars, about)})


def times_of_calls(settings, track):
    names, rows = list(settings.calls), []
    size = {key: asdict(settings)[key] for key in ("units", "n_samples", "epochs", "batch_size")}
    for repetition in track(range(1, settings.rounds + 1), "rounds of new processes"):
        turn = names if repetition <= settings.rounds_of_longer else [FIT, PATH]
        first = repetition % len(turn)
        for name in turn[first:] + turn[:first]:
            call = (name, settings.n_strengths, settings.n_folds)
            rows.append((CALL, name, repetition, in_new_process(first_call, *call, **size)))
    rows.sort(key=lambda row: names.index(row[1]))
    return pd.DataFrame(rows, columns=["row", "method", "repetition", "seconds"])
