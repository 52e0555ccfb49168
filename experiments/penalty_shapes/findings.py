"""What the tables of `penalty_shapes` say about the claims."""

import numpy as np

from experiments.outcome import decide
from experiments.penalty_shapes.measures import SMOOTH

ROUNDING = 1e-5  # relative: a few dozen times that of float32


def findings(tables):
    strength = strength_of(tables["shapes"])
    drawn = [name for name in tables["contours"] if name in set(tables["shapes"]["penalty"])]
    slopes = tables["pulls"].pivot(index="w", columns="penalty", values="slope")
    at_zero, near = slopes.loc[0.0], slopes[slopes.index != 0]
    w = near.index.to_numpy()
    modulus, quadratic = near["l1"] / np.sign(w), near["l2"] / w
    constant = (modulus / modulus.iloc[-1] - 1).abs() < ROUNDING
    fading = (quadratic / quadratic.iloc[-1] - 1).abs() < ROUNDING
    arrival = {penalty: steps_to_arrive(tables, penalty) for penalty in ("l1", "l2", "mcp")}
    smallest = np.abs(w).min()
    yield decide(
        "C3",
        constant & fading,
        constant & fading,
        f"(weights from {smallest:g} to 1 of both signs) the slope of Keras's l1 is the same in "
        "modulus and that of l2 is in proportion to the weight, both within 1e-5",
        {"pull of l1 (units of λ)": modulus / strength}
        | {"pull of l2 (units of λ)": near["l2"].abs() / strength},
        f"From |w| = 1 down to {smallest:g} the modulus pulls with λ all the way, the quadratic "
        f"with 2·λ·|w|, at the end {near['l2'].abs().min() / strength:.0e}·λ; so gradient "
        f"descent from w = {tables['descents']['start'].max():g} comes within one step of zero in "
        f"{arrival['l1']} steps under l1 and leaves {left_of(tables, 'l2'):.0%} of w after "
        f"{tables['descents']['step'].max()} under l2; at w = 0 itself the pull of both is "
        f"{at_zero[['l1', 'l2']].abs().max():g}.",
    )
    shares = tables["axes"].pivot(
        index=["feature_1", "feature_2"], columns="penalty", values="share_on_axis"
    )
    round_ball = shares["l2"] == 0
    yield decide(
        "C24",
        (shares["l1"] == 1) & round_ball,
        (shares["l1"] > 0) & round_ball,
        "(all pairs of features of diabetes) the minimum with l1 lies on an axis at every strength "
        "below the one that makes both weights zero, and that with l2 at none; qualified if "
        "l1's does so at some of them",
        {f"share of strengths on an axis, {name}": shares[name] for name in drawn},
        f"With l1 one of two weights is exactly zero at {shares['l1'].median():.0%} of the "
        f"strengths below the largest (median pair; {shares['l1'].min():.0%} to "
        f"{shares['l1'].max():.0%}), with l2 at {shares['l2'].max():.0%}: corners draw the minimum "
        "to an axis once the penalty is strong enough. Where the two weights are one group the "
        f"ball of group lasso is round, and has it there at {shares['group_lasso'].max():.0%}; "
        f"mcp, with corners, at {shares['mcp'].median():.0%}.",
    )
    sums = tables["sums"].merge(tables["pulls"][["penalty", "kind"]].drop_duplicates())
    difference = sums["difference"] / sums["size"]
    kinked = sums["kind"] != SMOOTH
    zero = (sums["slope_at_zero"] == 0) | ~kinked
    yield decide(
        "C34",
        (difference < ROUNDING) & zero,
        difference < ROUNDING,
        "(a run is a penalty at random weights, half of them zero) the gradient of data loss + "
        "penalty is the sum of their gradients to 1e-5 of the largest, and the slope of a "
        "penalty with a kink is 0 at zero; qualified if only the sum holds",
        {"difference (relative to the largest gradient)": difference}
        | {"slope at zero, penalties with a kink": sums.loc[kinked, "slope_at_zero"].abs()},
        "TensorFlow differentiates loss and penalty apart or together to the same gradient, within "
        f"{difference.max():.0e} of the largest, and gives every kink the slope "
        f"{sums.loc[kinked, 'slope_at_zero'].abs().max():g} at zero, as sign(0) = 0 does; on JAX "
        "this holds for kerasreg's penalties, while Keras's l1 has the slope +λ there.",
    )


def strength_of(shapes):
    """λ, which is the value of λ·|w| at w = 1."""
    return shapes.query("penalty == 'l1' and w == 1")["value"].item()


def steps_to_arrive(tables, penalty):
    """Steps of gradient descent until the largest start is within one step of zero."""
    path = longest(tables, penalty)
    pace = path.diff().abs().iloc[1]
    return int((path.abs() <= pace).to_numpy().argmax())


def left_of(tables, penalty):
    path = longest(tables, penalty)
    return path.iloc[-1] / path.iloc[0]


def longest(tables, penalty):
    runs = tables["descents"]
    runs = runs[(runs["penalty"] == penalty) & (runs["start"] == runs["start"].max())]
    return runs.set_index("step")["by_gradient"]
