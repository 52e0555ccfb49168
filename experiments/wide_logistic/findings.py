"""What the tables of `wide_logistic` say about the lecture's claims."""

import numpy as np

from experiments.outcome import decide


def findings(tables):
    fits, descents = tables["fits"], tables["descents"]
    steps = tables["costs"]["step"].max()
    weak, strong = sorted(descents["strength"].unique())
    square, wide = sorted(descents["n_features"].unique())
    rows = fits["n_samples"].min()
    ample = fits[fits["n_samples"] > rows]
    more_rows, more_columns = (ample[key].iloc[0] for key in ("n_samples", "n_features"))
    keys = ["n_features", "penalty", "strength", "method"]
    of = {k: run.set_index("seed") for k, run in fits.query("n_samples == @rows").groupby(keys)}
    gone = {
        (penalty, method): 1 - run["n_nonzero"] / run["n_features"]
        for (penalty, method), run in fits.query("n_samples == @rows").groupby(keys[1::2])
    }
    none_in_l2 = np.resize(gone["l2", "exact"] == 0, len(gone["l1", "exact"]))
    share = gone["l1", "exact"].median()
    yield decide(
        "C1",
        (gone["l1", "descent"] > 0).to_numpy() & none_in_l2,
        (gone["l1", "exact"] > 0).to_numpy() & none_in_l2,
        "the taught L1 descent ends with a weight of exactly zero and the L2 solution has none; "
        "qualified if this holds for the exact L1 solution",
        {"zero weights of the L1 descent (share)": gone["l1", "descent"]}
        | {"zero weights of the L1 descent in Keras (share)": gone["l1", "Keras"]}
        | {"zero weights of the L1 solution (share)": gone["l1", "exact"]}
        | {"zero weights of the L2 solution (share)": gone["l2", "exact"]},
        f"L1's exact solution has {share:.0%} zeros, L2's {gone['l2', 'exact'].median():.0%}, but "
        f"the taught descent {gone['l1', 'descent'].max():.0%}, in Keras "
        f"{gone['l1', 'Keras'].max():.0%}: the solver has to fit the penalty.",
    )
    swing, speed = descents["swing"], descents["speed"]
    crossings = descents["crossings_per_1000"]
    steady = (descents["slow"] >= 0.9) & (descents["fast"] <= 1.1)
    yield decide(
        "C4",
        (descents["share_at_zero"] == 1) & steady,
        swing <= 3,
        "the weights that are zero in the exact solution come with 90 % of their steps within 10 % "
        "of rate·strength and are exactly zero in the last fifth of the run; qualified if they "
        "stay within 3·rate·strength of zero (2 is the longest step where the rest is at rest)",
        {"share of the last fifth of the steps at zero": descents["share_at_zero"]}
        | {"largest distance from zero at the end (rate·strength)": swing}
        | {"crossings of zero in 1000 steps": crossings}
        | {"median speed towards zero (rate·strength)": speed}
        | {"difference of Keras from NumPy": descents["keras_difference"].dropna()},
        "The weights that should be zero are exactly zero in "
        f"{descents['share_at_zero'].max():.0%} of the last steps: they cross it "
        f"{crossings.median():.0f} times in 1000 steps and swing "
        f"{swing.median():.1f}·rate·strength about it; on the way, where the data pull too, "
        f"their speed has a median of {speed.median():.2f}·rate·strength.",
    )
    free, l1 = of[wide, "none", 0.0, "descent"], of[wide, "l1", weak, "exact"]
    gap = free["train_accuracy"] - free["held_out_accuracy"]
    gain = l1["held_out_accuracy"] - free["held_out_accuracy"]
    at_50 = (l1["n_true_among_largest"] == 3).mean()
    at_many = (ample["n_true_among_largest"] == 3).to_numpy()
    yield decide(
        "C6",
        (gap >= 0.1) & (l1["n_true_among_largest"] == 3),
        (gap >= 0.1).to_numpy() & at_many,
        f"on {rows} x {wide} data the accuracy without a penalty is 0.1 lower on held-out than on "
        "training data, and the three largest weights of the L1 solution (the smaller strength) "
        f"are those of the true columns; qualified if the latter takes {more_rows} x "
        f"{more_columns} data",
        {"true columns among the three largest": l1["n_true_among_largest"]}
        | {"accuracy lost on held-out data without penalty": gap}
        | {"accuracy that L1 gains on held-out data": gain}
        | {"columns that L1 keeps": l1["n_nonzero"]}
        | {"columns that L1 keeps, more rows": ample["n_nonzero"]},
        f"Without a penalty wide data lose {100 * gap.median():.0f} points of accuracy on held-out "
        f"data, of which L1 wins back {100 * gain.median():.0f}; the three columns that matter "
        f"have the largest weights in {at_50:.0%} of the seeds with {rows} rows, in "
        f"{at_many.mean():.0%} with {more_rows} rows and {more_columns} columns.",
    )
    first, wider = (of[d, "l1", weak, "descent"] for d in (square, wide))
    yield decide(
        "C12",
        (first["cosine"] >= 0.8) & (first["distance"] >= 0.1),
        (first["cosine"] >= 0.5) & (first["distance"] >= 0.1),
        "of the taught shape the weights have a cosine >= 0.8 with the true ones, yet lie >= 10 % "
        "of their length away; qualified if the cosine is >= 0.5",
        {"cosine": first["cosine"], "distance (lengths of the true weights)": first["distance"]}
        | {f"cosine, {wide} columns": wider["cosine"]},
        f"With strength {weak:g} the weights point along the true ones (median cosine "
        f"{first['cosine'].median():.2f}) and lie {first['distance'].median():.0%} of their length "
        f"away; with {wide} columns the cosine is {wider['cosine'].median():.2f}, at worst "
        f"{wider['cosine'].min():.2f}.",
    )
    ratio = {
        (d, m): of[d, "l1", strong, m]["l1_norm"] / of[d, "l1", weak, m]["l1_norm"]
        for d in (square, wide)
        for m in ("descent", "exact")
    }
    yield decide(
        "C46",
        ratio[square, "descent"] <= 0.5,
        ratio[square, "exact"] <= 0.5,
        f"the sum of moduli at strength {strong:g} is at most half of that at {weak:g}, in the "
        "taught shape; qualified if only in the exact solutions",
        {f"ratio of the sums of moduli, {d} columns, {m}": v for (d, m), v in ratio.items()},
        f"At strength {strong:g} the sum of moduli is {ratio[square, 'descent'].median():.0%} of "
        f"that at {weak:g}; with {wide} columns the descent leaves "
        f"{ratio[wide, 'descent'].median():.0%} where the solution has "
        f"{ratio[wide, 'exact'].median():.0%}, for each of its weights rattles about zero.",
    )
    runs = dict(tuple(descents.groupby(["n_features", "strength"])))
    quick = {
        k: (r["settled_after"] <= steps / 10) & (r["excess_cost"] <= 0.01) for k, r in runs.items()
    }
    slow, hard, broad = runs[square, weak], runs[square, strong], runs[wide, strong]
    yield decide(
        "C47",
        np.concatenate([quick[square, weak], quick[square, strong]]),
        quick[square, weak],
        "of the taught shape (both strengths) the printed cost stays within 1 % of its whole fall "
        "of its last value after a tenth of the steps, and the cost that is followed ends within "
        "1 % of its minimum; qualified if so at the smaller strength",
        {"excess over the minimum, larger strength": hard["excess_cost"]}
        | {"excess over the minimum, smaller strength": slow["excess_cost"]}
        | {"steps until the printed cost rests, smaller strength": slow["settled_after"]}
        | {"steps until it rests, larger strength": hard["settled_after"]}
        | {"excess over the minimum, larger strength, wide": broad["excess_cost"]},
        f"At strength {weak:g} the cost rests after {slow['settled_after'].median():.0f} steps, "
        f"{slow['excess_cost'].median():.1%} above the minimum; at {strong:g} it falls as fast but "
        f"then jitters {hard['excess_cost'].median():.0%} above it, with {wide} columns "
        f"{broad['excess_cost'].median():.0%}.",
    )
