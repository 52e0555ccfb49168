"""Where training ends under each schedule of `strength_schedule`: in which minimum, which zeros.

The rules were written before the full runs.
"""

from experiments.outcome import OFTEN, Spread
from experiments.strength_schedule.plan import ANNEALED, CONSTANT, LATE, RELEASED, WARM_UP

CLOSE = 1e-2  # of the largest weight
POINTS = 2.0  # of the share of zeros
CASE = ["data", "penalty"]


def convex(minima):
    runs = minima[minima["penalty"] == "l1"]
    near = runs["relative_difference"] <= CLOSE
    same = runs["other_zeros"] == 0
    return row(
        "Whatever the schedule was, it ends in the minimum of a convex problem",
        f"Confirmed if {OFTEN:.0%} of the regressions under L1 end in the zeros of the exact "
        f"minimum and within {CLOSE:g} of the largest weight; qualified if {OFTEN:.0%} end within "
        "it with other zeros; refuted otherwise.",
        ((near & same).mean() >= OFTEN, near.mean() >= OFTEN),
        Spread.of("largest difference (relative)", runs["relative_difference"]),
        f"the same zeros in {same.mean():.0%} of {len(runs)} runs",
    )


def not_convex(minima):
    runs = minima[(minima["penalty"] == "mcp") & (minima["schedule"] != CONSTANT)]
    other = runs["relative_difference"] > CLOSE
    shares = other.groupby(runs["schedule"]).mean()
    return row(
        "Where the problem is not convex, the schedule decides in which minimum training ends",
        f"Confirmed if {OFTEN:.0%} of the regressions under MCP end further than {CLOSE:g} of the "
        "largest weight from where the constant strength ends, qualified if a half does, "
        "refuted otherwise.",
        (other.mean() >= OFTEN, other.mean() >= 0.5),
        Spread.of("largest difference (relative)", runs["relative_difference"]),
        ", ".join(f"{name}: {share:.0%}" for name, share in shares.items()),
    )


def lower(runs):
    ends = _ends(runs[runs["penalty"] == "mcp"], "objective")
    change = 100 * (ends.div(ends[CONSTANT], axis=0) - 1)
    apart = change[change[ANNEALED].abs() > 1][ANNEALED]
    share = (apart < 0).mean() if len(apart) else 0.0
    others = ", ".join(
        f"{name}: {(change[name] < -1).mean():.0%} lower, {(change[name] > 1).mean():.0%} higher"
        for name in (WARM_UP, LATE, ANNEALED)
    )
    return row(
        "Annealed, the descent ends in a lower minimum of MCP's objective than constant",
        "Of the runs whose objective differs by more than 1 %: confirmed if 80 % are lower, "
        "qualified if 60 % are, refuted otherwise.",
        (share >= 0.8, share >= 0.6),
        Spread.of("change of the objective (%)", change[ANNEALED]),
        others,
    )


def memory(runs):
    ends = _ends(runs, "zero_share")
    change = 100 * ends[[WARM_UP, LATE, ANNEALED]].sub(ends[CONSTANT], axis=0)
    same, dead = change.abs() <= POINTS, (ends == 1).sum()
    return row(
        "At the same final λ every schedule ends with the same share of zeros",
        f"Confirmed if {OFTEN:.0%} of the runs are within {POINTS:g} points of the constant "
        "strength's share, qualified if a half is, refuted otherwise.",
        (same.mean(axis=None) >= OFTEN, same.mean(axis=None) >= 0.5),
        Spread.of("change of the share of zeros (points)", change),
        "; ".join(
            f"{name}: median {change[name].median():+.1f} points, all weights zero in {dead[name]} "
            f"of {len(ends)} runs (constant: in {dead[CONSTANT]})"
            for name in change
        ),
    )


def released(runs):
    ends = _ends(runs, "zero_share")
    ends = ends[ends[CONSTANT] > 0].assign(blank=_ends(runs, "blank_share")[CONSTANT])
    left = ends[RELEASED] / ends[CONSTANT]
    shares = left.groupby(CASE).median()
    others = ((ends[RELEASED] - ends["blank"]) / ends[CONSTANT]).groupby(CASE).median().abs()
    return row(
        "A schedule that ends at zero gives the zeros back",
        f"Confirmed if {OFTEN:.0%} of the runs have at most a tenth of the constant strength's "
        "zeros, qualified if they have at most a half, refuted otherwise.",
        ((left <= 0.1).mean() >= OFTEN, (left <= 0.5).mean() >= OFTEN),
        Spread.of("share of the constant strength's zeros that is left", left),
        ", ".join(
            f"{' under '.join(case)}: {share:.2f}, without pixels that are blank in training "
            f"{others[case]:.2f}"
            for case, share in shares.items()
        ),
    )


def _ends(runs, quantity):
    """By run, a column a schedule."""
    keys = [*CASE, "strength", "seed"]
    return runs.pivot(index=keys, columns="schedule", values=quantity)


def row(statement, rule, met, spread, details):
    """A row of the table `verdicts`; `met` says whether it is confirmed, and if not, qualified."""
    verdict = "confirmed" if met[0] else "qualified" if met[1] else "refuted"
    numbers = {"median": spread.median, "least": spread.least, "largest": spread.largest}
    found = {"statement": statement, "verdict": verdict, "quantity": spread.name, **numbers}
    return found | {"runs": spread.n_runs, "details": details, "rule": rule}
