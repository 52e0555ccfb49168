"""What the tables of `elastic_net` say about how L1 and L2 share out weight."""

from experiments.outcome import decide

ALL, FEW = 4.5, 2.5  # effective number of weights in a group of five


def findings(tables):
    runs = tables["runs"].set_index(["data", "penalty", "seed"]).sort_index()
    yield group_finding(runs.loc["groups"], tables["stability"])
    yield real_finding(runs.loc["diabetes"], tables)


def group_finding(runs, stability):
    free, l1, l2 = (runs.loc[name] for name in ("none", "l1", "l2"))
    net = runs.loc["elastic net"]
    middle = net[net["l1_ratio"] == 0.5]
    best = {
        name: fits.loc[fits.groupby("seed")["validation_error"].idxmin()]
        for name, fits in {
            "elastic net": net.reset_index(),
            "rescaled elastic net": runs.loc["elastic net, rescaled"].reset_index(),
        }.items()
    }
    chosen = {name: fits.set_index("seed")["test_error"] for name, fits in best.items()}
    taxed = l2["lost_by_large"] > l2["lost_by_others"]
    found = stability[stability["data"] == "groups"].set_index("l1_ratio")["stability"]
    return decide(
        "C36",
        (l2["least_even"] >= ALL) & (l1["most_even"] <= FEW) & taxed,
        (l2["even_in_a_group"] >= ALL) & (l1["even_in_a_group"] <= FEW) & taxed,
        "(a run is a draw of three groups of five columns correlated at 0.99 and 25 columns of "
        "noise, each penalty at the strength of least validation error) the effective number "
        f"(Σ|w|)²/Σw² of weights is under L2 at least {ALL:g} of 5 in every group and under L1 at "
        f"most {FEW:g} in every one, and L2 takes more from the largest quarter of the weights of "
        "least squares than from the others; qualified if so in the mean of the groups",
        {"effective number of five weights, L1, most even group": l1["most_even"]}
        | {"effective number, L2, least even group": l2["least_even"]}
        | {"effective number, L2, mean of the groups": l2["even_in_a_group"]}
        | {"effective number, L1, mean of the groups": l1["even_in_a_group"]}
        | {"effective number, no penalty, mean of the groups": free["even_in_a_group"]}
        | {"effective number, elastic net of ratio 0.5": middle["even_in_a_group"]}
        | {"weights kept of five, L1": l1["kept_of_a_group"]}
        | {"weights kept of five, elastic net of ratio 0.5": middle["kept_of_a_group"]}
        | {"columns of noise kept, L1": l1["noise_kept"]}
        | {"columns of noise kept, elastic net of ratio 0.5": middle["noise_kept"]}
        | {"test error with / without penalty, L1": l1["test_error"] / free["test_error"]}
        | {"test error with / without penalty, L2": l2["test_error"] / free["test_error"]}
        | {
            f"test error, {name} of chosen ratio / L1": errors / l1["test_error"]
            for name, errors in chosen.items()
        },
        "Of five near copies that matter alike L2 has effectively "
        f"{l2['even_in_a_group'].median():.2f} weights, L1 {l1['even_in_a_group'].median():.2f} "
        f"(it keeps {l1['kept_of_a_group'].median():.1f}), an elastic net of ratio 0.5 "
        f"{middle['even_in_a_group'].median():.2f} (it keeps "
        f"{middle['kept_of_a_group'].median():.1f}), and no penalty "
        f"{free['even_in_a_group'].median():.2f}; the stability of the selection (0 is "
        f"chance) is {found[1.0]:.2f} under L1 and {found[0.5]:.2f} under the net.",
    )


def real_finding(runs, tables):
    free, l1, l2 = (runs.loc[name] for name in ("none", "l1", "l2"))
    net = runs.loc["elastic net"]
    middle = net[net["l1_ratio"] == 0.5]
    number = "effective_number"
    taxed = l2["lost_by_large"] > l2["lost_by_others"]
    few = l1["n_nonzero"] <= 5
    found = tables["stability"][tables["stability"]["data"] == "diabetes"]
    found = found.set_index("l1_ratio")["stability"]
    return decide(
        "C36",
        (l2[number] >= 9) & few & taxed,
        (l2[number] > free[number]) & (l1[number] < l2[number]) & (l1["n_nonzero"] < 10) & taxed,
        "(a run is a half of the diabetes patients, each penalty at the strength of least "
        "cross-validated error) the effective number of weights under L2 is at least 9 of 10, L1 "
        "keeps at most 5, and L2 takes more from the largest quarter of the weights of least "
        "squares than from the others; qualified if, with the last, L2's effective number is above "
        "that of least squares and of L1, and L1 sets a weight to zero",
        {"effective number of ten weights, L2": l2[number]}
        | {"effective number, no penalty": free[number]}
        | {"effective number, L1": l1[number]}
        | {"weights kept of ten, L1": l1["n_nonzero"]}
        | {"weights kept of ten, elastic net of ratio 0.5": middle["n_nonzero"]}
        | {"weights kept of s1 and s2, L1": l1["kept_of_a_group"]}
        | {"weights kept of s1 and s2, elastic net of ratio 0.5": middle["kept_of_a_group"]}
        | {"weight lost by the largest quarter under L2": l2["lost_by_large"]}
        | {"weight lost by the others under L2": l2["lost_by_others"]}
        | {"test error with / without penalty, L1": l1["test_error"] / free["test_error"]}
        | {"test error with / without penalty, L2": l2["test_error"] / free["test_error"]}
        | {
            "test error with / without penalty, elastic net of ratio 0.5": middle["test_error"]
            / free["test_error"]
        }
        | {"difference of a weight, Keras from scikit-learn": tables["keras"]["difference"]},
        f"On halves of diabetes L2 has effectively {l2[number].median():.1f} of ten weights, least "
        f"squares {free[number].median():.1f} and L1 {l1[number].median():.1f}, with "
        f"{l1['n_nonzero'].median():.0f} that are not zero; L2 takes more from large weights than "
        f"from others in {taxed.mean():.0%} of the halves; the stability of the selection is "
        f"{found[1.0]:.2f} under L1 and {found[0.5]:.2f} under an elastic net of ratio 0.5.",
    )
