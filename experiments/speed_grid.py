"""What a whole path costs: a hundred models against one `model.fit`.

Calls are measured in new processes, in turn, with everything imported and nothing compiled: one
`fit`, 100 strengths of the same network for as many epochs, the same with the range of strengths
searched first, and 100 strengths on 5 folds. Time against the number of members is measured in
one process, with everything compiled; lines of models trained one after another are measured for
one and multiplied, without the tracing that each of them would need anew, which flatters them.

For a convex problem a solver made for it is the better choice: scikit-learn's `lasso_path` is far
ahead. LassoNet, another method on PyTorch, is measured where it is installed, with few models."""

from dataclasses import asdict, dataclass

import keras
import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.speed_grid_calls import CV, FIT, PATH, RANGE, digits, first_call
from experiments.speed_grid_figures import draw_calls, draw_members
from experiments.speed_grid_lasso import lasso_times
from experiments.speed_grid_lassonet import lassonet_times
from experiments.speed_grid_measures import bars_of, others_of
from experiments.speed_grid_members import Network, per_member, times_of
from experiments.speed_grid_processes import in_new_process

QUESTION = "What does a whole path cost, against one model.fit?"
SYSTEMS = ("S11", "S14")
CLAIMS = ()
TIMED = ("calls", "members", "per_member", "bars", "lasso", "others.seconds", "others.step_us")
CALL = "a call in a new process"
_ALL_MEMBERS = (1, 3, 10, 30, 100, 300, 1000)


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
        Network((64,), _ALL_MEMBERS, epochs=3),
        Network((1024, 1024), (1, 3, 10), epochs=2, n_samples=320),
    )
    rounds_of_many: int = 2  # with more than a hundred members
    lasso_epochs: int = 400  # so that coefficients are right to 1e-5
    lasso_tolerance: float = 1e-7  # so that lasso_path's are as well
    lassonet_models: int = 3
    lassonet_epochs: int = 5


QUICK = Settings(
    rounds=1,
    calls=(FIT, PATH, CV),
    units=(8,),
    n_samples=64,
    epochs=2,
    n_strengths=4,
    n_folds=2,
    networks=(Network((8,), (4,), epochs=1, n_samples=64),),
    rounds_of_many=1,
    lasso_epochs=20,
    lassonet_models=2,
    lassonet_epochs=1,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    keras.utils.set_random_seed(0)
    calls = times_of_calls(settings, track)
    rounds, many, size = settings.rounds, settings.rounds_of_many, settings.batch_size
    members = pd.concat(
        [times_of(network, size, rounds, many, track) for network in settings.networks],
        ignore_index=True,
    )
    lasso, errors = lasso_times(
        settings.n_strengths, settings.lasso_epochs, settings.lasso_tolerance, rounds, track
    )
    others = {"epochs": settings.lassonet_epochs, "batch_size": size}
    data = digits(settings.n_samples)
    lassonet = lassonet_times(settings.lassonet_models, settings.units, data, **others)
    bars = bars_of(calls, members, settings)
    summary = per_member(members)
    tables = {"calls": calls, "members": members, "per_member": summary, "bars": bars}
    tables |= {"lasso": lasso, "others": others_of(lasso, errors, lassonet, settings)}
    about = f"{settings.n_strengths} strengths, {settings.epochs} epochs, {settings.n_folds} folds"
    figures = {"speed_grid": draw_calls(calls, lasso, bars, about)}
    return Outcome(tables, figures | {"speed_grid_members": draw_members(summary)})


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
