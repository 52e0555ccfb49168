"""What the tables of `noise_columns` say about the claims; of wide data and L2 here."""

from experiments.noise_columns.factor_findings import single_column, weak_influence
from experiments.noise_columns.limit_findings import CLOSE, limit_findings
from experiments.outcome import decide

RUN = ["problem", "seed"]
MANY = "every column matters"


def at(fits, method, n_columns):
    """One row a problem and seed, of the data that have columns of noise."""
    chosen = fits[(fits["method"] == method) & (fits["n_columns"] == n_columns)]
    return chosen[chosen["problem"] != MANY].set_index(RUN).sort_index()


def by_problem(name, values):
    return {f"{name}, {problem}": some for problem, some in values.groupby("problem", sort=False)}


def medians(values, form=".2f"):
    found = values.groupby("problem", sort=False).median()
    return ", ".join(f"{value:{form}} ({problem})" for problem, value in found.items())


def findings(tables):
    yield single_column(tables["one_more"].set_index(RUN))
    fits, n = tables["fits"], tables["problems"]["n_rows"].iloc[0]
    last = fits["n_columns"].max()
    free, l1 = at(fits, "none", last), at(fits, "l1", last)
    gap = free["train_r2"] - free["held_out_r2"]
    found = l1["influential_on_top"] == 4
    clear = found.index.get_level_values("problem") == "strong signal"
    yield decide(
        "C6",
        (gap >= 0.1) & found,
        ((gap >= 0.1) & found)[clear],
        f"(data with columns of noise, a seed) with {last} columns least squares has an R² at "
        "least 0.1 lower on held-out than on training data, and the four largest weights of the "
        "tuned lasso are those of the four influential columns (of diabetes: those with a t "
        "statistic above 3 on all patients); qualified if so on the drawn data with a strong "
        "signal",
        {"influential columns among the lasso's four largest weights": l1["influential_on_top"]}
        | by_problem("R² lost on held-out data by least squares", gap)
        | by_problem("influential columns among the lasso's four largest", l1["influential_on_top"])
        | by_problem("columns that the lasso keeps", l1["n_nonzero"])
        | by_problem("held-out R² of the lasso", l1["held_out_r2"])
        | by_problem("held-out R² of least squares", free["held_out_r2"]),
        f"With {last} columns and {n} rows least squares loses {medians(gap)} of R² on held-out "
        "data; the lasso's four largest weights are the four influential columns in "
        f"{found[clear].mean():.0%} of the seeds where the signal is strong and in "
        f"{found[~clear].mean():.0%} on the other data, and it keeps "
        f"{medians(l1['n_nonzero'], '.0f')} columns.",
    )
    near = fits["n_columns"][fits["n_columns"] < n].max()
    free, l2, few = at(fits, "none", near), at(fits, "l2", near), at(fits, "none", 10)
    bad = (free["train_r2"] >= 0.9995) & (free["held_out_r2"] <= 0)
    cost, gain = (values["held_out_r2"] - l2["held_out_r2"] for values in (few, free))
    yield decide(
        "C25",
        bad & (cost <= 0.1),
        bad & (gain <= -0.1) & (l2["held_out_r2"] >= -CLOSE),
        f"(data with columns of noise, a seed) with {near} columns least squares has an R² of 1 on "
        "training data and at most 0 on held-out data, and tuned L2 comes within 0.1 of the "
        "held-out R² that least squares has on the ten real columns; qualified if L2 has 0.1 more "
        f"than least squares, and guessing the mean (0) is at most {CLOSE:g} better",
        {"held-out R² that L2 lacks to least squares on the real columns": cost}
        | by_problem("held-out R² of L2", l2["held_out_r2"])
        | by_problem("held-out R² of least squares", free["held_out_r2"])
        | by_problem("held-out R² of least squares on the real columns", few["held_out_r2"])
        | by_problem("training R² of least squares", free["train_r2"])
        | {"smallest training R² of least squares": free["train_r2"].min()},
        f"With {near} columns and a bias for {n} rows the training R² of least squares is at least "
        f"{free['train_r2'].min():.4f} and its median held-out R² "
        f"{medians(free['held_out_r2'], '.1f')}; tuned L2 has "
        f"{medians(l2['held_out_r2'])}, where the ten real columns alone would give "
        f"{medians(few['held_out_r2'])}: it ends the disaster, not the harm.",
    )
    yield weak_influence(tables["weak_factors"])
    yield from limit_findings(tables)
