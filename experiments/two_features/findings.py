"""What the tables of `two_features` say about the claims."""

from experiments.outcome import decide
from experiments.two_features.formulas import DIGITS
from experiments.two_features.spread import spread_finding
from experiments.two_features.use import budget_finding, gain_finding, outlier_finding

ROUNDING = 1e-6  # of a weight; descents and scikit-learn's iterations stop far below it


def findings(tables):
    yield uniqueness_finding(tables)
    yield formula_finding(tables)
    yield outlier_finding(tables["outliers"], tables["absolute_error"])
    yield spread_finding(tables["spreads"])
    yield budget_finding(tables["budgets"])
    yield gain_finding(tables["gains"])


def uniqueness_finding(tables):
    runs = tables["copies"].set_index(["features", "penalty", "seed"]).sort_index()
    apart, same = runs["distance"], runs["objective_range"] <= 1e-9
    both, copy = "two features", "a feature and its copy"
    one = (apart[both, "l2"] <= ROUNDING) & (apart[copy, "l2"] <= ROUNDING)
    many = {data: (apart[data, "l1"] >= 1e-3) & same[data, "l1"] for data in (both, copy)}
    return decide(
        "C16",
        many[both] & one,
        many[copy] & one,
        "(a run is a draw of the data) descents from random starts end, under L1, at one objective "
        "but with weights more than 1e-3 apart, and under L2 at one point to 1e-6; qualified if L1 "
        "does so only where the second feature is a copy of the first",
        {"distance of L1's minima, two features": apart[both, "l1"]}
        | {"distance of L1's minima, a feature and its copy": apart[copy, "l1"]}
        | {"distance of L2's minima, a feature and its copy": apart[copy, "l2"]}
        | {"distance of L2's minima, two features": apart[both, "l2"]}
        | {"inequality of the weights of copies under L2": runs["largest_inequality"][copy, "l2"]},
        f"L1 has many minima in {many[copy].mean():.0%} of the draws if the second feature is a "
        f"copy of the first: every split of one sum serves, with weights up to "
        f"{apart[copy, 'l1'].median():.2g} apart; with two different features it has many in "
        f"{many[both].mean():.0%}, a single one like L2, which gives the copies equal weights (to "
        f"{least_seen(runs['largest_inequality'][copy, 'l2']):.0e}).",
    )


def formula_finding(tables):
    keys = ["penalty", "formula", "features", "seed"]
    runs = tables["formulas"].set_index(keys).sort_index()
    wrong, patterns = runs["difference"], tables["patterns"]
    by_rule = ("l1", "sign patterns", "correlated")
    orthogonal = wrong["l1", "soft threshold", "orthogonal"]
    equations = wrong["l2", "normal equations"].groupby("seed").max()
    exact = (wrong[by_rule] <= ROUNDING) | (orthogonal <= ROUNDING)
    n_used = runs.loc[by_rule, "sign_patterns_of_the_minima"]
    most = patterns.iloc[-1]
    soft = wrong["l1", "soft threshold", "correlated"]
    return decide(
        "C17",
        (equations <= ROUNDING) & ~exact,
        (equations <= ROUNDING) & (n_used > 1),
        "(a run is a draw of the data, with several strengths) the normal equations give L2's "
        "minimum to 1e-6 and no formula gives L1's, neither soft thresholding where the features "
        "are orthogonal nor the best of the nine sign patterns; qualified if a single linear "
        "system serves L2 at all strengths, while L1's minima have more than one sign pattern and "
        "so need more than one",
        {"difference of L1's nine patterns from iterations": wrong[by_rule]}
        | {"difference of L1's soft threshold, orthogonal features": orthogonal}
        | {"difference of L1's soft threshold, correlated features": soft}
        | {"difference of L2's normal equations from iterations": equations}
        | {"sign patterns of L1's minima along a path": n_used}
        | {f"difference of L1's {most['n_patterns']:.0f} patterns": most["difference"]},
        "L2's minimum is one linear system, but L1 has formulas too: soft thresholding for "
        f"orthogonal features (to {least_seen(orthogonal):.0e}), and else the best of 3^D sign "
        "patterns, each a linear system, right with two features to "
        f"{least_seen(wrong[by_rule]):.0e} and with up to {most['n_features']:.0f} of diabetes to "
        f"{least_seen(patterns['difference']):.0e}; what L1 lacks is one formula for all data and "
        f"strengths: with {most['n_features']:.0f} features these are "
        f"{most['n_patterns']:,.0f} systems where L2 has one.",
    )


def least_seen(differences):
    """The largest of them, at least what the tables tell from zero."""
    return max(differences.max(), 10.0**-DIGITS)
