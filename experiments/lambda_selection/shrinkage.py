"""What `lambda_selection` says about the claims on weights that shrink with λ."""

import numpy as np
import pandas as pd

from experiments.lambda_selection.choices import RUN
from experiments.number_format import middle
from experiments.outcome import decide

SLACK = 0.01  # of the largest value of a path: models at small λ stop short of their minimum


def shrinkage_findings(tables):
    run = pd.DataFrame.from_dict(
        {run: shrinkage(fit) for run, fit in with_gap(tables).groupby(RUN, sort=False)},
        orient="index",
    )
    yield decide(
        "C10",
        (run["norm_at_end"] <= 0.01) & (run["loss_at_start"] <= 0.01),
        (run["norm_at_end"] <= 0.1) & (run["loss_at_start"] <= 0.1),
        "the norm of the weights (the penalty's own) at the largest λ is at most 1 % of that at "
        "the smallest, and the training loss at the smallest λ lies at most 1 % of the way from "
        "its value without penalty to that at the largest λ; qualified if 10 %",
        {"training loss at the smallest λ, share of the way": run["loss_at_start"]}
        | {"norm at the largest λ, of that at the smallest": run["norm_at_end"]},
        f"At the largest λ {run['norm_at_end'].max():.2%} of the norm is left at most; at the "
        f"smallest the training loss is {run['loss_at_start'].median():.2%} of the way (at most "
        f"{run['loss_at_start'].max():.2%}) from that without penalty to that without weights.",
    )
    shrinks = run["norm_rise"] <= SLACK
    yield decide(
        "C30",
        shrinks & (run["freedom_rise"] <= SLACK) & (run["gap_with_freedom"] >= 0.9),
        shrinks & (run["gap_with_norm"] >= 0.9),
        "from each λ to the next neither the norm of the weights nor their effective degrees of "
        f"freedom rise by more than {SLACK:.0%} of their largest value, and the gap between "
        "validation and training loss falls with the latter (rank correlation >= 0.9); qualified "
        "if norm and gap do so",
        {"rank correlation of gap and degrees of freedom": run["gap_with_freedom"]}
        | {"rank correlation of gap and norm": run["gap_with_norm"]}
        | {"largest rise of the norm, of its largest value": run["norm_rise"]}
        | {"largest rise of the degrees of freedom, likewise": run["freedom_rise"]},
        f"The norm falls with λ in {shrinks.mean():.0%} of the runs, the effective degrees of "
        f"freedom in {(run['freedom_rise'] <= SLACK).mean():.0%} (L1 takes columns back). The gap "
        "between validation and training loss falls with the norm at a rank correlation of "
        f"{middle(run['gap_with_norm'])}, at least 0.9 in "
        f"{(run['gap_with_norm'] >= 0.9).mean():.0%} of the runs, at worst "
        f"{run['gap_with_norm'].min():.2f}.",
    )
    calm = run["output_rise"] <= SLACK
    logistic = run["is_logistic"].astype(bool)
    yield decide(
        "C35",
        calm,
        run["score_rise"] <= SLACK,
        "from each λ to the next, as the weights shrink, the change of the output when noise of "
        "0.1 standard deviations is added to test inputs (its root mean square) does not rise by "
        f"more than {SLACK:.0%} of its largest value; qualified if so for the output before the "
        "sigmoid",
        {"largest rise of the change of the output": run["output_rise"]}
        | {"largest rise, regression": run["output_rise"][~logistic]}
        | {"largest rise, probabilities": run["output_rise"][logistic]}
        | {"largest rise, before the sigmoid": run["score_rise"][logistic]},
        f"Outputs of the regressions grow calmer with λ in {calm[~logistic].mean():.0%} of the "
        f"runs, probabilities in {calm[logistic].mean():.0%}, those before the sigmoid in "
        f"{(run['score_rise'][logistic] <= SLACK).mean():.0%}: large weights also saturate a "
        "sigmoid, and as they shrink its change can first grow, by up to "
        f"{run['output_rise'].max():.0%} of the largest.",
    )


def with_gap(tables):
    """The fits, with the gap between validation and training loss in cross-validation."""
    paths = tables["paths"][tables["paths"]["draw"] == 0]
    gaps = paths.assign(gap=paths["validation"] - paths["train"])[[*RUN, "strength", "gap"]]
    fits = tables["fits"].merge(gaps, how="left", on=[*RUN, "strength"])
    return fits.merge(tables["problems"], on="problem").sort_values("strength")


def shrinkage(fit):
    """What one run says of shrinking; `fit` is sorted by strength, without penalty first."""
    path = fit[fit["strength"] > 0]
    norm = path[f"{fit['penalty'].iloc[0]}_norm"]
    loss = fit["train_loss"].to_numpy()
    return {
        "norm_at_end": norm.iloc[-1] / norm.iloc[0],
        "loss_at_start": (loss[1] - loss[0]) / (loss[-1] - loss[0]),
        "norm_rise": largest_rise(norm),
        "freedom_rise": largest_rise(path["degrees_of_freedom"]),
        "gap_with_freedom": path["gap"].corr(path["degrees_of_freedom"], method="spearman"),
        "gap_with_norm": path["gap"].corr(norm, method="spearman"),
        "output_rise": largest_rise(path["output_change"]),
        "score_rise": largest_rise(path["score_change"]),
        "is_logistic": fit["is_logistic"].iloc[0],
    }


def largest_rise(values):
    """The largest rise from one value to a later one, as a share of the largest value."""
    values = values.to_numpy()
    return np.max(values - np.minimum.accumulate(values)) / values.max()
