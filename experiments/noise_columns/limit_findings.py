"""What the tables of `noise_columns` say about data that cover all, look alike, or are many."""

import pandas as pd

from experiments.outcome import decide

CLOSE = 0.05  # R² scores that differ by no more agree
AMPLE = 100  # rows a cosine


def limit_findings(tables):
    yield covered(tables["covering"])
    yield alike(tables)
    yield few_columns(tables["fits"], tables["problems"]["n_rows"].iloc[0])


def covered(runs):
    runs = runs.assign(gap=runs["train_r2"] - runs["held_out_r2"])
    whole = runs[runs["inputs"] == "whole range"]
    worst = whole.groupby(["data", "seed", "n_rows"])["gap"].max()
    most = whole["n_rows"] == whole.groupby("data")["n_rows"].transform("max")
    ample = whole[most & (whole["n_rows"] >= AMPLE * whole["n_columns"])]
    part = runs[runs["inputs"] != "whole range"]
    full, tenth = (whole[whole["n_columns"] == whole["n_rows"] * s] for s in (1, 0.1))
    sizes = full[full["data"] == "drawn"].groupby("n_rows")["gap"].median()
    fixed = whole[(whole["data"] == "drawn") & (whole["n_columns"] == 10)]
    fixed = fixed.groupby("n_rows")["gap"].median()
    return decide(
        "C14",
        worst <= CLOSE,
        ample["gap"] <= CLOSE,
        "(data, a number of rows that cover the range, a seed) the held-out R² is at most "
        f"{CLOSE:g} below that on training data however many cosines are fitted, up to one a row; "
        f"qualified if so in the largest sample with at least {AMPLE} rows a cosine",
        {"largest loss of R² on held-out data": worst}
        | {f"loss with {AMPLE} rows a cosine or more": ample["gap"]}
        | {"loss with ten rows a cosine, drawn": tenth.loc[tenth["data"] == "drawn", "gap"]}
        | {"loss with one row a cosine, drawn": full.loc[full["data"] == "drawn", "gap"]}
        | {f"loss with {name}, one row a cosine": s["gap"] for name, s in full.groupby("data")}
        | {"loss where a quarter of the range is not covered": part["gap"]},
        f"With ten cosines the loss of R² falls with the rows that cover the range, from "
        f"{fixed.iloc[0]:.3f} at {fixed.index[0]} to {fixed.iloc[-1]:.3f} at {fixed.index[-1]}, "
        f"but with one cosine a row it stays ({sizes.iloc[0]:.2f} and {sizes.iloc[-1]:.2f}): "
        "what counts is rows a parameter, not the cover; where the data leave out a quarter of "
        f"the range, ten cosines lose {part['gap'].median():.3g}.",
    )


def alike(tables):
    fits, n = tables["fits"], tables["problems"]["n_rows"].iloc[0]
    free = fits[(fits["method"] == "none") & (fits["n_columns"] < n)]
    gap = (free["train_r2"] - free["held_out_r2"]).abs()
    worst = gap.groupby([free["problem"], free["seed"]]).max()
    at_ends = gap.groupby(free["n_columns"]).median()
    thin = (tables["thin"]["train_r2"] - tables["thin"]["held_out_r2"]).abs()
    same = tables["same_inputs"]
    lost = same["train_r2"] - same["same_inputs_r2"]
    most = free["n_columns"].max()
    near = same["n_columns"] == most
    ten = same["n_columns"] == same["n_columns"].min()
    part = tables["covering"][tables["covering"]["inputs"] != "whole range"]
    apart = part["train_r2"] - part["held_out_r2"]
    return decide(
        "C31",
        worst <= CLOSE,
        thin <= CLOSE,
        "(data, a seed) training and held-out rows come from one source, and their R² of least "
        f"squares differs by at most {CLOSE:g} at every number of columns below that of the rows; "
        "qualified if so with some 40 rows a column or more (ten columns; 2000 drawn rows, or "
        "diabetes in ten folds)",
        {f"largest difference of R², at most {most} columns": worst}
        | {"difference of R² with some 40 rows a column or more": thin}
        | {"R² lost on new targets at the training inputs, ten columns": lost[ten]}
        | {f"R² lost on new targets at the training inputs, {most} columns": lost[near]}
        | {"R² lost where test inputs lie beyond the training's, one feature": apart},
        f"With some 40 rows a column or more the two R² differ by {thin.median():.3f} (at most "
        f"{thin.max():.3f}), but for {n} rows by {at_ends.iloc[0]:.2f} with ten columns and by "
        f"{at_ends.iloc[-1]:.3g} with {most}; even at the very inputs of the training, new targets "
        f"lose {lost[ten].median():.2f} of R² with ten columns, {lost[near].median():.2f} with "
        f"{most}: a model overfits the noise of targets where it has data; that test inputs lie "
        f"elsewhere is another way to fail, which costs {apart.median():.3g} with one feature.",
    )


def few_columns(fits, n):
    keys = ["method", "problem", "seed"]
    fits = fits[fits["method"].isin(["none", "l1", "l2"])]
    score = fits.pivot(index=keys, columns="n_columns", values="held_out_r2")
    first, last = score.columns[0], score.columns[-1]
    better = score.drop(columns=first).max(axis=1) - score[first]
    noisy = better.index.get_level_values("problem") != "every column matters"
    free = better.index.get_level_values("method") == "none"
    change = score[last] - score[first]
    cost = {
        f"R² gained from {first} to {last} columns, {method}, {problem}": some
        for (method, problem), some in change.groupby(["method", "problem"])
    }
    middle = pd.Series({key: some.median() for key, some in change.groupby(keys[:2])})
    l1, none, l2 = (middle[method] for method in ("l1", "none", "l2"))
    return decide(
        "C41",
        better <= 0.02,
        better[noisy & free] <= 0.02,
        f"(data, a method, a seed) no larger number of columns has a held-out R² more than 0.02 "
        f"above that of {first} columns for {n} rows; qualified if so without a penalty where the "
        "further columns are noise",
        {"R² gained by the best larger number of columns": better}
        | {"same, columns of noise, no penalty": better[noisy & free]}
        | {"same, columns of noise, L1 and L2": better[noisy & ~free]}
        | {"same, every column matters": better[~noisy]}
        | cost,
        f"Where further columns are noise, {last} instead of {first} cost R² of "
        f"{-none['strong signal']:.2f} (strong signal) and {-none['diabetes']:.2f} (diabetes) "
        f"without a penalty, {-l2['strong signal']:.2f} and {-l2['diabetes']:.2f} under L2, "
        f"{-l1['strong signal']:.2f} and {-l1['diabetes']:.2f} under L1; where every column "
        f"matters a little, four columns a row gain {none['every column matters']:.2f} without a "
        f"penalty and {l2['every column matters']:.2f} under L2.",
    )
