"""What `lambda_selection` says about the claims on what a penalty does for unseen data."""

from experiments.lambda_selection.choices import (
    FIXED,
    FIXED_NAMES,
    RUN,
    SMALLEST_THAT_WORKS,
    fixed_costs,
    measured_paths,
)
from experiments.lambda_selection.rules import rule_findings
from experiments.lambda_selection.shrinkage import shrinkage_findings
from experiments.number_format import middle
from experiments.outcome import decide


def findings(tables):
    about = tables["problems"].set_index("problem")
    choices = tables["choices"].pivot(index=RUN, columns="choice")
    loss, strength = choices["test_loss"], choices["strength"]
    few = about["few"].reindex(loss.index.get_level_values("problem")).to_numpy()
    l1 = loss.index.get_level_values("penalty") == "l1"
    parts = {"L1, few rows": l1 & few, "L2, few rows": ~l1 & few}
    parts |= {"L1, many rows": l1 & ~few, "L2, many rows": ~l1 & ~few}

    def by_part(name, values):
        return {f"{name}, {part}": values[here] for part, here in parts.items()}

    gain = loss["min"] / loss["no penalty"]
    both = (gain < 1).unstack("penalty").all(axis=1)
    noisy = about["few"].reindex(both.index.get_level_values("problem")).to_numpy()
    yield decide(
        "C2",
        both,
        both[noisy],
        "(a data set and a split) L1 and L2, each at the λ that cross-validation finds best, have "
        "a lower test loss than no penalty; qualified if so on the data with few rows",
        {"test loss of the worse penalty, of that without": gain.unstack("penalty").max(axis=1)}
        | by_part("test loss, of that without penalty", gain),
        f"On few rows the tuned penalties have {middle(gain[few & l1])} (L1) and "
        f"{middle(gain[few & ~l1])} (L2) times the test loss without a penalty, and both are "
        f"better in {both[noisy].mean():.0%} of the runs; on many rows in "
        f"{both[~noisy].mean():.0%}, with {_middles(gain[~few])} times its loss.",
    )
    path = measured_paths(tables["paths"], strength["min"])
    saved = (path["fall_to_choice"] >= 0.01) & (path["gap_at_choice"] < 1)
    yield decide(
        "C21",
        path["falls_throughout"] & (path["gap_at_end"] <= 0.1),
        saved[few],
        "the cross-validated loss is least at the largest λ of the grid and its gap to the "
        "training loss there is at most a tenth of that at the smallest λ; qualified if on the "
        "data with few rows, from the smallest λ to the chosen one, the loss falls by 1 % or more "
        "and the gap shrinks",
        {"loss at the largest λ / at the chosen": path["rise_after"]}
        | {"gap at the largest λ, of that at the smallest": path["gap_at_end"]}
        | by_part("gap at the chosen λ, of that at the smallest", path["gap_at_choice"])
        | by_part("fall of the loss from the smallest to the chosen λ", path["fall_to_choice"]),
        "The two losses do converge, but the validation loss falls only to a minimum: by "
        f"{path['fall_to_choice'][few].median():.0%} on few rows, "
        f"{path['fall_to_choice'][~few].median():.1%} on many. Then it rises with the training "
        f"loss, to {middle(path['rise_after'])} times its minimum where nothing is left.",
    )
    fixed, usual = fixed_costs(tables["fits"], loss["min"])
    least = fixed.min(axis=1)
    yield decide(
        "C22",
        least >= 1.1,
        usual.min(axis=1) >= 1.1,
        "(a penalty and a split) every λ of the grid, kept for all data sets, has on one of them "
        "at least 1.1 times the test loss of the λ that cross-validation finds best there; "
        f"qualified if this holds for the fixed λ {' and '.join(f'{s:g}' for s in FIXED)}",
        {"test loss on its worst data set, best fixed λ / chosen": least}
        | {f"test loss on its worst data set, {name} / chosen": usual[name] for name in usual}
        | {"best fixed λ": fixed.idxmin(axis=1)}
        | by_part(
            "test loss of the chosen λ / best in hindsight", choices["over_hindsight"]["min"]
        ),
        "The best single λ for all data sets, known only in hindsight, costs "
        f"{middle(least)} times the test loss of the chosen ones where it fits worst (least "
        f"{least.min():.2f}); λ = 0.1 costs {middle(usual[FIXED_NAMES[0]])} and λ = 1 "
        f"{middle(usual[FIXED_NAMES[1]])} times.",
    )
    near_zero = loss[SMALLEST_THAT_WORKS] / loss["min"]
    smallest = loss["smallest of the grid"] / loss["min"]
    yield decide(
        "C32",
        near_zero <= 1.05,
        near_zero[~few] <= 1.05,
        "the smallest λ that works as well as can be told (its cross-validated loss is within one "
        "standard error of the least) has at most 1.05 times the test loss of the λ with the "
        "least; qualified if so on the data with many rows",
        {"test loss, smallest λ that works / best λ": near_zero}
        | by_part("test loss, smallest λ that works / best λ", near_zero)
        | by_part("test loss, smallest λ of the grid / best λ", smallest),
        f"The smallest λ of the grid has {middle(smallest[~few])} times the test loss of the best "
        f"one on many rows and {middle(smallest[few])} times on few, the smallest that still works "
        f"{middle(near_zero[~few])} and {middle(near_zero[few])} times: more than 5 % worse in "
        f"{(near_zero[~few] > 1.05).mean():.0%} and {(near_zero[few] > 1.05).mean():.0%} of the "
        "runs.",
    )
    yield from rule_findings(tables, by_part)
    yield from shrinkage_findings(tables)


def _middles(ratios):
    """The medians by data set."""
    medians = ratios.groupby("problem").median()
    return " and ".join(f"{ratio:.3g} ({problem})" for problem, ratio in medians.items())
