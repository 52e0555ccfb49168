"""What the tables of `two_features` say of outliers, of the budget and of test errors."""

import numpy as np

from experiments.outcome import decide

RISE = 1.1  # of the test error, that a robust method may have


def outlier_finding(outliers, programs):
    fits = programs.pivot(index=["penalty", "seed"], columns="program", values="objective")
    rise = rises(outliers).unstack("loss")
    l1, l2, free = (rise[f"error_{penalty}", "squared"] for penalty in ("l1", "l2", "none"))
    in_y = rise.index.get_level_values("kind") != "x"
    robust = {penalty: rise[f"error_{penalty}", "absolute"] for penalty in ("none", "l1", "l2")}
    loss = {"y": robust["none"][in_y], "x": robust["none"][~in_y]}
    return decide(
        "C19",
        (l1 <= RISE) & (l2 > RISE),
        l1 - 1 <= (l2 - 1) / 2,
        "(a run is a draw of the data with outliers of one kind and share; squared error, each "
        f"penalty at the strength that is best on the test data) outliers raise the clean test "
        f"error under L1 to at most {RISE:g} times, and under L2 to more; qualified if the rise "
        "under L1 is at most half of that under L2",
        {"test error with / without outliers, L1": l1}
        | {"test error with / without outliers, L2": l2}
        | {"test error with / without outliers, no penalty": free}
        | {"the same, absolute error, no penalty, outliers in y": loss["y"]}
        | {"the same, absolute error, no penalty, outliers in x": loss["x"]}
        | {"the same, absolute error, L1, outliers in y": robust["l1"][in_y]}
        | {"the same, absolute error, L2, outliers in y": robust["l2"][in_y]}
        | {"objective of Keras's absolute error / exact": fits["Keras"] / fits["reweighting"]}
        | {"the same of scikit-learn's": fits["scikit-learn"] / fits["reweighting"]},
        f"No penalty makes the squared error robust: outliers multiply the test error by "
        f"{l1.median():.2f} under L1 and {l2.median():.2f} under L2 at their best strengths, by "
        f"{free.median():.2f} without a penalty (medians); the loss does it: the absolute error "
        f"without a penalty has {loss['y'].median():.2f} with outliers in y, but "
        f"{loss['x'].median():.2f} with outliers in x.",
    )


def rises(outliers):
    """Test errors with outliers over those without, of the same loss, penalty and draw."""
    keys, errors = ["problem", "loss", "seed"], [f"error_{p}" for p in ("none", "l1", "l2")]
    is_clean = outliers["kind"] == "no outliers"
    clean = outliers[is_clean].set_index(keys)[errors]
    dirty = outliers[~is_clean].set_index([*keys, "kind", "share"])[errors]
    return dirty / clean.reindex(dirty.index.droplevel(["kind", "share"])).to_numpy()


def budget_finding(budgets):
    runs = budgets.sort_values("strength").groupby(["problem", "penalty", "seed"])
    growth = runs["norm"].agg(lambda norm: (np.diff(norm) / norm.iloc[:-1]).max())
    difference = runs["difference"].max()
    off = runs["price_by_strength"].agg(lambda ratio: np.abs(ratio - 1).max())
    left = runs["norm"].agg(lambda norm: norm.iloc[-1] / norm.iloc[0])
    return decide(
        "C37",
        growth >= 0,
        (growth < 0) & (difference <= 1e-4) & (off <= 1e-3),
        "(a run is a draw of the data and a penalty, with several strengths) the norm that the "
        "weights may have grows with λ, as what can be bought grows with a budget; qualified if it "
        "falls all the way, if the least loss within a budget of just that norm has the same "
        "weights to 1e-4, and if λ is, to 0.1 %, the loss that a little more of the norm saves",
        {"largest growth of the norm from one λ to the next (share)": growth}
        | {"difference of the weights within the budget": difference}
        | {"loss that the norm saves at the margin, by λ: off by (share)": off}
        | {"norm at the largest λ, of that at the smallest": left},
        "To each λ belongs a budget, the norm of its weights, within which the least loss has the "
        f"same weights (to {max(difference.max(), 1e-6):.0e}); but λ is the price, not the budget: "
        "it is the loss that one more unit of norm would save (to "
        f"{max(off.max(), 1e-6):.0e} of it), and as it grows the norm falls all the way, to "
        f"{left.median():.0%} over the strengths here.",
    )


def gain_finding(gains):
    keyed = gains.set_index(["problem", "draw"])
    ratio = keyed[["ratio_l1", "ratio_l2"]].stack()
    share = (keyed[["ratio_l1", "ratio_l2"]] < 1).groupby("problem").mean()
    signal = keyed["signal_share"].reindex(ratio.index.droplevel(-1)).to_numpy()
    weak, drawn = signal == np.nanmin(signal), ~np.isnan(signal)
    better, least = ratio < 1, np.nanmin(signal)
    real = ratio[~drawn]
    return decide(
        "C39",
        better,
        better[weak],
        "(a run is a draw of 100 samples and a penalty) the test error with the strength that "
        "cross-validation chooses is below that without penalty; qualified if so where the signal "
        f"is weakest, {least:.0%} of the variance",
        {"test error with / without penalty": ratio}
        | {"test error with / without penalty, weakest signal": ratio[weak]}
        | {"test error with / without penalty, pairs of diabetes": real}
        | {"share of draws in which L1 is better, by problem": share["ratio_l1"]}
        | {"share of draws in which L2 is better, by problem": share["ratio_l2"]},
        f"With two features and 100 samples a penalty is better than none in {better.mean():.0%} "
        f"of the runs and has {ratio.median():.4f} times the test error (median; mean "
        f"{ratio.mean():.4f}; {ratio.quantile(0.05):.3f} to {ratio.quantile(0.95):.3f} in nine of "
        f"ten runs); on pairs of diabetes in {(real < 1).mean():.0%}, with "
        f"{real.median():.4f} times; where the signal is {least:.0%} of the variance in "
        f"{better[weak].mean():.0%}, with {ratio[weak].median():.4f} times: there is little "
        "variance to save.",
    )
