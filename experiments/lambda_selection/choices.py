"""The choices of `lambda_selection`: by cross-validation, fixed, and in hindsight."""

import numpy as np
import pandas as pd

RUN = ["problem", "penalty", "seed"]
RULES = ("min", "one_standard_error")
FIXED = (0.1, 1.0)
FIXED_NAMES = [f"λ = {strength:g}" for strength in FIXED]
SMALLEST_THAT_WORKS = "smallest within one standard error"


def cross_validated(found, settings, drawn):
    """By seed, draw and strength: means over the folds, standard error of the held-out one."""
    scores = found.scores
    scores = scores[scores["quantity"] == "data_loss"].drop(columns="seed")  # of initial weights
    group = pd.DataFrame(drawn, columns=["seed", "draw"]).iloc[scores["fold"] // settings.n_folds]
    scores = pd.concat([group.reset_index(drop=True), scores.reset_index(drop=True)], axis=1)
    by = scores.groupby(["seed", "draw", "strength", "split"])["value"]
    table = by.mean().unstack("split")
    error = by.std().unstack("split")["validation"] / np.sqrt(settings.n_folds)
    return table.assign(standard_error=error).rename_axis(columns=None).reset_index()


def rules(path):
    """What cross-validation chooses from one path, by rule.

    `kerasreg.cross_validation` has the first two for all its folds; here each split has its own.
    """
    loss, error = (path.set_index("strength")[key] for key in ("validation", "standard_error"))
    best = loss.idxmin()
    good = loss.index[loss <= loss[best] + error[best]]
    return {"min": best, "one_standard_error": good.max(), SMALLEST_THAT_WORKS: good.min()}


def choices(tables):
    """A row a choice: its strength, and what all training rows reach with it on test data."""
    fits = {run: fit.set_index("strength") for run, fit in tables["fits"].groupby(RUN, sort=False)}
    rows = []
    for run, path in tables["paths"].query("draw == 0").groupby(RUN, sort=False):
        chosen = {"no penalty": 0.0, "smallest of the grid": path["strength"].min()}
        chosen |= rules(path)
        chosen |= dict(zip(FIXED_NAMES, FIXED, strict=True))
        chosen["hindsight"] = fits[run]["test_loss"].idxmin()
        for choice, strength in chosen.items():
            fit = fits[run].loc[strength]
            scores = fit["test_loss"], fit["test_accuracy"]
            ratio = fit["test_loss"] / fits[run]["test_loss"].min()
            rows.append((*run, choice, strength, *scores, ratio))
    columns = ["choice", "strength", "test_loss", "test_accuracy", "over_hindsight"]
    return pd.DataFrame(rows, columns=[*RUN, *columns])


def redraws(paths):
    """A row a rule: what it chooses for the first split each time that its folds are drawn."""
    first = paths[paths["seed"] == paths["seed"].min()]
    keys = ["problem", "penalty", "draw"]
    rows = [
        (*key, rule, strength)
        for key, path in first.groupby(keys, sort=False)
        for rule, strength in rules(path).items()
        if rule in RULES
    ]
    return pd.DataFrame(rows, columns=[*keys, "rule", "strength"])


def measured_paths(paths, chosen):
    """By run, how the cross-validated loss and its gap to the training loss go with λ."""
    table = paths[paths["draw"] == 0].set_index([*RUN, "strength"]).sort_index()
    found = {}
    for run, path in table.groupby(RUN, sort=False):
        loss, gap = path["validation"].to_numpy(), (path["validation"] - path["train"]).to_numpy()
        at = path.index.get_level_values("strength").get_loc(chosen[run])
        found[run] = {
            "falls_throughout": loss[-1] == loss.min(),
            "gap_at_end": abs(gap[-1] / gap[0]),
            "gap_at_choice": gap[at] / gap[0],
            "fall_to_choice": 1 - loss[at] / loss[0],
            "rise_after": loss[-1] / loss[at],
        }
    return pd.DataFrame.from_dict(found, orient="index").reindex(chosen.index)


def fixed_costs(fits, tuned):
    """By penalty and split, each λ's test loss over that of the chosen one, on the worst data."""
    table = fits[fits["strength"] > 0].set_index([*RUN, "strength"])["test_loss"]
    worst = (table / tuned).groupby(["penalty", "seed", "strength"]).max().unstack("strength")
    usual = worst[list(FIXED)].set_axis(FIXED_NAMES, axis=1)
    return worst, usual


def lecture_scale(problems):
    """By problem and penalty, the factor from Keras's λ to that of the lecture.

    The lecture's gradient is Xᵀ(ŷ − y) + λ·sign(w) for L1, and + λ·w for L2; that of Keras's
    objective with n rows is, for logistic units, Xᵀ(ŷ − y)/n + λ·sign(w), and + 2λ·w; for mean
    squared errors the first term is twice as large.
    """
    factors = {
        (row.problem, penalty): row.rows * factor / (1 if row.is_logistic else 2)
        for row in problems.itertuples()
        for penalty, factor in (("l1", 1.0), ("l2", 2.0))
    }
    return pd.Series(factors)
