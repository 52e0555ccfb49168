"""What `strength_schedule` measures on its members, and scores at equal shares of zeros."""

import numpy as np
import pandas as pd
from sklearn.linear_model import Lasso

from experiments.strength_schedule.plan import CONSTANT, RELEASED

RUN = ["data", "penalty", "schedule", "strength", "seed"]
LEVELS = np.arange(0.05, 1.0, 0.05).round(2)  # shares of zeros at which schedules are compared


def measured(members, weights, data, schedule):
    """A row for each member: its zeros, its losses, and the columns that it mistakes."""
    n = members.data.n_train
    train, _ = members.losses(weights, members.data.x[:n], members.data.y[:n])
    test, accuracy = members.losses(weights, members.data.x_test, members.data.y_test)
    rows = []
    for p, (penalty, strengths) in enumerate(members.strengths.items()):
        kernels = weights[penalty][::2]
        penalties = members.penalty(penalty, kernels)
        for at in np.ndindex(len(strengths), len(members.data.seeds)):
            own = [kernel[at] for kernel in kernels]
            row = dict(zip(RUN[:3], (data, penalty, schedule), strict=True))
            row |= {"strength": strengths[at[0]], "seed": members.data.seeds[at[1]]}
            row["zero_share"] = np.mean(np.concatenate([w.ravel() for w in own]) == 0)
            blank = ~members.data.x[:n, at[1]].any(axis=0)  # pixels, whose weights nothing moves
            row["blank_share"] = blank.sum() * own[0].shape[-1] / sum(w.size for w in own)
            row |= {"data_loss": train[p][at], "test_loss": test[p][at]}
            row["objective"] = row["data_loss"] + penalties[at]
            row["accuracy"] = accuracy[p][at]
            row["false_columns"] = row["missed_columns"] = np.nan
            if members.data.true is not None:
                found, true = own[0].ravel() != 0, members.data.true[at[1]]
                row["false_columns"] = np.sum(found & ~true)
                row["missed_columns"] = np.sum(~found & true)
            rows.append(row)
    return pd.DataFrame(rows)


def minima(members, weights):
    """How far every regression ends from a reference, relative to the largest weight there.

    That is the exact minimum for L1, by scikit-learn, and what the constant strength ends in for
    MCP, which has many minima.
    """
    rows, n = [], members.data.n_train
    x, y = (part[:n].astype("float64") for part in (members.data.x, members.data.y))
    for penalty, strengths in members.strengths.items():
        for i, j in np.ndindex(len(strengths), len(members.data.seeds)):
            reference = weights[CONSTANT][penalty][0][i, j].ravel()
            if penalty == "l1":
                # Its loss is half of the mean squared error.
                lasso = Lasso(strengths[i] / 2, fit_intercept=False, tol=1e-8, max_iter=100_000)
                reference = lasso.fit(x[:, j], y[:, j]).coef_
            for schedule, trained in weights.items():
                if schedule == RELEASED:
                    continue
                w = trained[penalty][0][i, j].ravel()
                row = dict(zip(RUN[1:], (penalty, schedule, strengths[i], None), strict=True))
                row["seed"] = members.data.seeds[j]
                row["reference"] = "exact minimum" if penalty == "l1" else CONSTANT
                largest = np.abs(reference).max() or 1.0
                row["relative_difference"] = np.abs(w - reference).max() / largest
                row["other_zeros"] = int(np.sum((w == 0) != (reference == 0)))
                rows.append(row)
    return pd.DataFrame(rows)


def equal_zeros(runs):
    """Scores at shares of zeros that both a schedule and the constant strength reach in a seed.

    They are read off between two strengths. The gain over the constant strength is in points of
    accuracy, or per cent of the test loss.
    """
    # Where all weights are zero nothing is left to compare, nor is there a line that leads there.
    rows, alive = [], runs[(runs["schedule"] != RELEASED) & (runs["zero_share"] < 1)]
    for (data, penalty), case in alive.groupby(RUN[:2], sort=False):
        lines = {key: some.sort_values("zero_share") for key, some in case.groupby(RUN[2::2])}
        for (schedule, seed), line in lines.items():
            constant = lines[CONSTANT, seed]
            if schedule == CONSTANT:
                continue
            ends = [some["zero_share"].iloc[[0, -1]].to_numpy() for some in (line, constant)]
            low, high = max(ends[0][0], ends[1][0]), min(ends[0][1], ends[1][1])
            # In short runs there may be none: one level is better.
            levels = [level for level in LEVELS if low <= level <= high] or [(low + high) / 2]
            for level in levels:
                row = dict(zip(RUN[:3], (data, penalty, schedule), strict=True))
                row |= {"seed": seed, "zero_share": level}
                own, other = (_at(level, some) for some in (line, constant))
                row |= {part: own[part] for part in ("accuracy", "test_loss", "mistakes")}
                row["fewer_mistakes"] = other["mistakes"] - own["mistakes"]
                row["gain"] = 100 * (own["accuracy"] - other["accuracy"])
                if np.isnan(row["gain"]):
                    row["gain"] = 100 * (1 - own["test_loss"] / other["test_loss"])
                rows.append(row)
    return pd.DataFrame(rows)


def _at(level, line):
    """The numbers of a seed at a share of zeros, read off between strengths."""
    line = line.assign(mistakes=line["false_columns"] + line["missed_columns"])
    parts = ["accuracy", "test_loss", "mistakes"]
    line = line.groupby("zero_share")[parts].mean()  # of strengths with as many zeros
    return {part: np.interp(level, line.index, line[part]) for part in parts}


def summary(runs):
    """By data, penalty, schedule and strength, medians over the seeds; dead: all weights zero."""
    groups = runs.groupby(RUN[:4], sort=False)
    parts = ["zero_share", "data_loss", "test_loss", "accuracy", "false_columns", "missed_columns"]
    dead = (runs["zero_share"] == 1).groupby([runs[key] for key in RUN[:4]], sort=False).sum()
    return groups[parts].median().assign(dead_seeds=dead).reset_index()
