"""Ratios of times of `solve_cost`: on the same data, one after the other; medians over seeds."""

from experiments.solve_cost.measures import CLOSED, STEPS, SWEEPS

DATA = ["data", "n_samples", "n_features"]


def of_solvers(solutions, is_path, quantity="seconds"):
    """A row a data set and seed, a column a penalty and solver."""
    chosen = solutions[(solutions["n_strengths"] > 1) == is_path]
    return chosen.pivot(index=[*DATA, "seed"], columns=["penalty", "solver"], values=quantity)


def fastest(solutions, is_path, quantity="seconds"):
    """By data set and seed, the seconds of each penalty's fastest solver."""
    return of_solvers(solutions, is_path, quantity).T.groupby("penalty").min().T


def l1_over_l2(by_penalty):
    return (by_penalty["l1"] / by_penalty["l2"]).groupby(DATA, sort=False).median()


def steps_only(tables):
    """By data set: the steps' time of L1 over L2; of as many steps; closed form over steps."""
    seconds = of_solvers(tables["solutions"], False)
    as_many = tables["steps"].pivot(index=[*DATA, "seed"], columns="penalty", values="seconds")
    ratios = (
        seconds["l1", STEPS] / seconds["l2", STEPS],
        as_many["l1"] / as_many["l2"],
        seconds["l2", CLOSED] / seconds["l2", STEPS],
    )
    return [ratio.groupby(DATA, sort=False).median() for ratio in ratios]


def shares(strengths):
    """By shape, share of λ_max and seed: coordinate descent's time over the closed form's."""
    keys = ["n_samples", "n_features", "share_of_largest", "seed"]
    seconds = strengths.pivot(index=keys, columns="solver", values="seconds")
    return seconds[SWEEPS] / seconds[CLOSED]
