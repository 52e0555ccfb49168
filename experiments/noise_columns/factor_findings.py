"""What the tables of `noise_columns` say about one column of noise and about weak factors."""

from experiments.outcome import decide


def single_column(one):
    free, l1, l2 = (one[one["method"] == method] for method in ("none", "l1", "l2"))
    raising, falls = free["share_raising_train"], free["held_out_gain"] < 0
    return decide(
        "C5",
        raising == 1,
        raising >= 0.95,
        "(data with columns of noise, a seed) each of the columns of noise, put beside the ten "
        "real ones alone, raises the training R² of least squares; qualified if 95 % of them do",
        {"share of columns that raise the training R², least squares": raising}
        | {"mean gain of training R², least squares": free["train_gain"]}
        | {"mean gain of held-out R², least squares": free["held_out_gain"]}
        | {"share of seeds where held-out R² falls on average": falls}
        | {"share of columns that raise held-out R²": free["share_raising_held_out"]}
        | {"share that raise the training R², lasso": l1["share_raising_train"]}
        | {"share that raise the training R², ridge": l2["share_raising_train"]}
        | {"mean gain of held-out R², lasso": l1["held_out_gain"]}
        | {"mean gain of held-out R², ridge": l2["held_out_gain"]},
        f"A column of noise raises the training R² of least squares in {raising.mean():.0%} of the "
        f"cases, by {free['train_gain'].median():.4f}, and the mean held-out R² falls in "
        f"{falls.mean():.0%} of the runs, by {-free['held_out_gain'].median():.4f}; under a lasso "
        f"with λ = {l1['strength'].iloc[0]:g} only {l1['share_raising_train'].mean():.0%} of the "
        "columns raise it, for the others get a weight of zero, and ridge lets "
        f"{l2['share_raising_train'].mean():.0%} do so.",
    )


def weak_influence(factors):
    known = factors[factors["problem"] != "diabetes"]
    helps_fit = (factors["train_gain"] > 0) & (factors["held_out_gain"] < 0)
    keeps = factors["strong_kept"] == 4
    small = factors[(factors["size"] <= 0.5) & (factors["problem"] == "strong signal")].index
    sizes = known.groupby("size")
    gains, kept = sizes["held_out_gain"], sizes["weak_kept"].mean()
    names = [(f"{size:g}", some) for size, some in gains]
    real = factors[factors["problem"] == "diabetes"]
    return decide(
        "C40",
        helps_fit & keeps & (factors["weak_kept"] == 0),
        (helps_fit & keeps)[small],
        "(data, a size of the six weak weights, a seed) least squares gains training R² by the "
        "weak factors and loses held-out R², and the tuned lasso keeps the four strong ones and "
        "none of the weak; qualified if, where the weak weights are at most half the standard "
        "error σ/√N of a weight and the strong ones ten of them, the scores go so and the lasso "
        "keeps the strong ones",
        {"held-out R² gained, all": factors["held_out_gain"]}
        | {f"held-out R² gained by weak factors of {name} standard errors": s for name, s in names}
        | {"held-out R² gained, diabetes": real["held_out_gain"]}
        | {"size on diabetes (standard errors)": real["size"]}
        | {"share of runs that keep all strong factors": keeps}
        | {"weak factors of six that the lasso keeps": factors["weak_kept"]},
        "Weak factors cost held-out R² where their weights are smaller than the standard error "
        f"σ/√N and pay where they are larger: median gain {gains.median().iloc[0]:+.3f} at "
        f"{names[0][0]} and {gains.median().iloc[-1]:+.3f} at {names[-1][0]} standard errors, "
        f"{real['held_out_gain'].median():+.3f} on diabetes (about "
        f"{real['size'].median():.1f}); the tuned lasso keeps all strong ones in "
        f"{keeps.mean():.0%} of the runs, and of the six weak ones {kept.iloc[0]:.1f} at the "
        "smallest size.",
    )
