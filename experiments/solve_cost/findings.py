"""What the tables of `solve_cost` say about the claim."""

from experiments.outcome import decide
from experiments.solve_cost.ratios import fastest, l1_over_l2, shares, steps_only

AS_LONG = 1.25  # times as long is still about as long


def findings(tables):
    yield cost(tables)
    yield cause(tables)


def cost(tables):
    solutions = tables["solutions"]
    one, path = (l1_over_l2(fastest(solutions, is_path)) for is_path in (False, True))
    lesser = one.combine(path, min)
    rows, columns = (lesser.index.get_level_values(key) for key in ("n_samples", "n_features"))
    work = l1_over_l2(fastest(solutions, True, "passes"))
    by_share = shares(tables["strengths"])
    height, width, *_ = max(by_share.index, key=lambda key: key[1])
    ratio = by_share.loc[height, width].groupby("share_of_largest").median()
    return decide(
        "C18",
        lesser > 1,
        (lesser > 1)[rows >= columns],
        "(a data set) L1's faster solver takes longer than L2's, both for one strength and for a "
        "path, to the same accuracy (medians over the seeds); qualified if so on the data with at "
        "least as many rows as columns",
        {"time under L1 / under L2, the lesser of one strength and a path": lesser}
        | {"time under L1 / under L2, one strength": one}
        | {"time under L1 / under L2, a path": path}
        | {"multiplications, a path, L1 (at most) / L2": work}
        | {"error, as a share of the objective at w = 0": solutions["error"]},
        f"For one strength L1's faster solver takes {middle(one)} times as long as L2's (from "
        f"{one.min():.2g} to {one.max():.2g} times on {len(one)} data sets), for a path of "
        f"{solutions['n_strengths'].max()} {middle(path)} times (from {path.min():.2g} to "
        f"{path.max():.2g}), and longer in both on {(lesser > 1).mean():.0%} of the data; with "
        f"{height} rows and {width} columns one strength takes {ratio.iloc[-1]:.2g} times the "
        f"closed form's time at {ratio.index[-1]:g}·λ_max, where few columns are left to work on, "
        f"and {ratio.iloc[0]:.2g} times at {ratio.index[0]:g}·λ_max.",
    )


def cause(tables):
    whole, as_many, closed = steps_only(tables)
    warm = (
        tables["keras"]
        .query("repetition > 0")
        .pivot(index="repetition", columns="penalty", values="seconds")
    )
    in_keras = warm["l1"] / warm["l2"]
    return decide(
        "C18",
        (whole <= AS_LONG) & (closed <= AS_LONG),
        (as_many <= AS_LONG) & (closed <= AS_LONG),
        "(a data set, one strength) without its closed form L2 costs as much as L1: by gradient "
        f"steps L1 takes at most {AS_LONG} times as long as L2, to the same accuracy, and the "
        f"closed form takes at most {AS_LONG} times as long as L2's steps; qualified if the former "
        "holds for the same number of steps",
        {"time of the steps, L1 / L2": whole}
        | {"time of the same number of steps, L1 / L2": as_many}
        | {"time under L2, closed form / steps": closed}
        | {"time of a path in Keras, L1 / L2": in_keras},
        f"Without a closed form, by the same gradient steps, L1 takes {middle(whole)} times as "
        f"long as L2 (at most {AS_LONG} times on {(whole <= AS_LONG).mean():.0%} of the data), "
        f"for the same number of steps {middle(as_many)} times, and for a path in Keras, where "
        f"both are such steps, {middle(in_keras)} times; L2's closed form takes {middle(closed)} "
        f"times the time of its steps, at most {closed.max():.2g} times.",
    )


def middle(values):
    """The median, to two digits or more."""
    median = values.median()
    return f"{median:.2f}" if median < 2 else f"{median:.2g}"
