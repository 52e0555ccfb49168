"""What `elastic_net` measures of a fit, and of the selections of all of them."""

import numpy as np
import pandas as pd

from experiments.elastic_net.data import GROUPS, SIZE, patients
from experiments.elastic_net.fits import chosen, test_error

PAIR = ("s1", "s2")  # total and LDL cholesterol, correlated at 0.9


def effective_number(w):
    """(Σ|w|)² / Σw²: as many equal weights would have this ratio; 0 where all are zero."""
    squares = (w**2).sum(axis=-1)
    return np.abs(w).sum(axis=-1) ** 2 / np.where(squares > 0, squares, 1.0)


def measured(data, seed, sample, settings):
    """Yields a row of numbers and a table of weights for no penalty and for each ratio."""
    names = patients()[2] if data == "diabetes" else [f"x{i + 1}" for i in range(sample.x.shape[1])]
    free = None
    for ratio in (None, *settings.ratios):
        for rescaled, (alpha, w, error) in enumerate(chosen(sample, ratio, settings)):
            free = w if free is None else free
            l1, l2 = (2 * alpha * ratio, alpha * (1 - ratio)) if ratio is not None else (0.0, 0.0)
            row = {"data": data, "seed": seed, "l1_ratio": np.nan if ratio is None else ratio}
            row |= {"penalty": name_of(ratio) + ", rescaled" * rescaled}
            row |= {"alpha": alpha, "l1": l1, "l2": l2, "validation_error": error}
            row["test_error"] = test_error(sample, w)
            # By how much |w| fell from least squares: the largest quarter there, and the others.
            lost, large = np.abs(free) - np.abs(w), np.abs(free) >= np.quantile(np.abs(free), 0.75)
            row |= {"lost_by_large": lost[large].mean(), "lost_by_others": lost[~large].mean()}
            row |= shape(data, w, names)
            table = pd.DataFrame({"feature": names, "weight": w})
            table = table.assign(data=data, l1_ratio=row["l1_ratio"], seed=seed)
            yield row, table if not rescaled else None


def shape(data, w, names):
    """How many weights there are and how even they are, also among those that belong together."""
    drawn = data == "groups"
    pair = [names.index(name) for name in PAIR] if not drawn else []
    groups = w[: GROUPS * SIZE].reshape(GROUPS, SIZE) if drawn else w[pair][None]
    even, kept = effective_number(groups), np.count_nonzero(groups, axis=1)
    return {
        "n_nonzero": np.count_nonzero(w),
        "effective_number": effective_number(w),
        "kept_of_a_group": kept.mean(),
        "even_in_a_group": even.mean(),
        "least_even": even.min(),
        "most_even": even.max(),
        "noise_kept": np.count_nonzero(w[GROUPS * SIZE :]) if drawn else np.nan,
    }


def name_of(ratio):
    return {None: "none", 1.0: "l1", 0.0: "l2"}.get(ratio, "elastic net")


def features(weights):
    """By feature and ratio, how often it is kept and the spread of its weight over the seeds."""
    rows = weights[weights["l1_ratio"].notna()]
    keys = rows.groupby(["data", "l1_ratio", "feature"], sort=False)["weight"]
    table = pd.DataFrame({"share_kept": keys.agg(lambda w: np.mean(w != 0))})
    table["median_weight"], table["deviation"] = keys.median(), keys.std()
    return table.reset_index()


def stability(weights):
    """How alike the selections of all seeds are: 1 the same, 0 as if drawn at random.

    Nogueira, Sechidis & Brown (2018), On the stability of feature selection algorithms; none
    where all features are kept in all seeds.
    Jaccard: what the selections of two seeds share, of what either has, in the mean of all pairs.
    """
    rows = []
    for (data, ratio), part in weights.groupby(["data", "l1_ratio"], sort=False):
        wide = part.pivot(index="seed", columns="feature", values="weight").to_numpy() != 0
        n, d = wide.shape
        share, size = wide.mean(axis=0), wide.sum(axis=1).mean()
        by_chance = size / d * (1 - size / d)
        spread = (n / max(n - 1, 1) * share * (1 - share)).mean()
        value = 1 - spread / by_chance if by_chance > 0 else np.nan
        first, second = np.triu_indices(n, 1 if n > 1 else 0)
        shared = (wide[first] & wide[second]).sum(axis=1)
        either = (wide[first] | wide[second]).sum(axis=1)
        rows.append((data, ratio, size, value, np.mean(shared / np.maximum(either, 1))))
    columns = ["data", "l1_ratio", "mean_number_kept", "stability", "mean_jaccard"]
    return pd.DataFrame(rows, columns=columns)
