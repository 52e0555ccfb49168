"""Whether L1 selects features and L2 does not, by the tables of `coefficient_path`."""

from experiments.outcome import decide

FEW = 0.01  # of accuracy, that a network may lose


def linear_selection(l1, l2, tables):
    entries = tables["entries"].set_index("resample")
    largest = entries["strength_max"].groupby("resample").first()
    rows = l1.assign(share=l1["strength"] / l1["resample"].map(largest))
    rows["selects"] = rows["n_nonzero"].between(1, 9)
    top = rows[rows["share"].between(0.1, 1 - 1e-6)].groupby("resample")
    all_in_l2 = l2.groupby("resample")["n_nonzero"].min() == 10
    first = list(tables["knots"]["feature"].drop_duplicates())[:4]
    same = entries.query("rank <= 4")["feature"].isin(first).groupby("resample").sum()
    share = rows[rows["share"] < 1].groupby("resample")["selects"].mean()
    left_out = 10 - top["n_nonzero"].first()
    return decide(
        "C15",
        top["selects"].all() & all_in_l2,
        rows.groupby("resample")["selects"].any() & all_in_l2,
        "(resamples of the patients) L1 keeps some features and leaves out some at every strength "
        "from a tenth of strength_max to strength_max, and L2 keeps all ten at every strength; "
        "qualified if L1 does so at some strength",
        {"features left out by L1 at strength_max/10": left_out}
        | {"share of three decades of strengths at which L1 leaves some out": share}
        | {"of the first four to enter, those of all patients": same},
        f"On diabetes L1 leaves out {left_out.median():.0f} of ten features at a tenth of the "
        "strength that leaves nothing, and L2 never one; of the first four that L1 takes, "
        f"{same.median():.0f} (in the worst resample {same.min():.0f}) are those of all patients.",
    )


def network_selection(networks):
    runs = networks.set_index(["penalty", "split", "seed"]).sort_values("strength")
    run = ["split", "seed"]
    l1, l2 = runs.loc["l1"], runs.loc["l2"]
    best = l1["accuracy"].groupby(run).max()
    good = l1[l1["accuracy"] >= best.reindex(l1.index) - FEW].groupby(run).last()
    gone = good["pixels_with_ink"] - good["pixels"]
    gone_in_l2 = (l2["pixels_with_ink"] - l2["pixels"]).groupby(run).max()
    weights = good["n_nonzero"] / good["n_weights"]
    zeros = (l2["n_weights"] - l2["n_nonzero"]).groupby(run).max()
    with_data = l2["n_zero_with_data"].groupby(run).max()
    readable = l2[l2["accuracy"] >= best.reindex(l2.index) - FEW]
    gone_readable = (readable["pixels_with_ink"] - readable["pixels"]).groupby(run).max()
    return decide(
        "C15",
        (gone > 0) & (gone_in_l2 == 0),
        (gone > 0) & (gone_readable.reindex(gone.index, fill_value=0) == 0),
        "(a network for digits under ProximalAdam) L1, at the largest strength that costs at most "
        "one point of accuracy, ignores pixels that have ink, and L2 ignores none at any strength; "
        "qualified if L2 ignores none at the strengths that cost at most a point",
        {"pixels with ink that L1 ignores": gone, "weights that L1 keeps (share)": weights}
        | {"pixels with ink that L2 ignores, at most of all strengths": gone_in_l2}
        | {"zero weights under L2, at most of all strengths": zeros}
        | {"those of them on which the data have a gradient": with_data},
        f"In a network L1 ignores {gone.median():.0f} of "
        f"{good['pixels_with_ink'].median():.0f} pixels with ink and keeps {weights.median():.0%} "
        f"of the weights for at most a point of accuracy; L2 ignores {gone_in_l2.max():.0f} pixels "
        f"at any strength. Single weights do become zero under L2, up to {zeros.max():.0f}: all "
        f"but {with_data.max():.0f} at most have no data, so that Adam's scaling of the proximal "
        "step shrinks them until they underflow.",
    )
