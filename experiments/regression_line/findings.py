"""What the tables of `regression_line` say about the claim on zeros."""

import pandas as pd

from experiments.outcome import decide
from experiments.regression_line.fits import FREE, PENALIZED, TAUGHT, TAUGHT_FREE

NOTE = 0.1  # the note's λ


def findings(tables):
    lines = tables["lines"]
    zeros = (lines[["bias", "slope"]] == 0).sum(axis=1).rename("zeros")
    lines = pd.concat([lines, zeros], axis=1)
    at_note = lines[lines["strength"] == NOTE].set_index(["penalty", "method", "data"]).sort_index()
    lasso, ridge = (at_note.loc[penalty, TAUGHT] for penalty in ("l1", "l2"))
    largest = lines["data"].map(tables["strength_max"].set_index("data")["strength_max"])
    strong = lines[(lines["strength"] > largest) & (lines["penalty"] == "l1")]
    slopes = strong.set_index(["method", "data"])["slope"].sort_index()
    none_of_l2 = lines[lines["penalty"] == "l2"].groupby("data")["zeros"].max() == 0
    straight = lines[lines["penalty"] == "none"].set_index("data")
    grown = ridge["slope"] / straight["slope"] - 1
    free = at_note.loc["l2", FREE]["slope"] / straight["slope"] - 1
    keras = tables["keras"][tables["keras"]["strength"] == tables["keras"]["strength"].max()]
    keras = keras.set_index(["penalty", "solver"])["slope"].abs()
    known = tables["known_numbers"]["difference"].max()
    yield decide(
        "C1",
        (lasso["zeros"] > 0) & (ridge["zeros"] == 0),
        (slopes[FREE] == 0) & none_of_l2,
        "(a draw of the noise) the note's lasso, λ = 0.1, has a weight that is exactly zero and "
        "its ridge has none; qualified if, from the λ on at which the data pull no harder than the "
        "modulus, the exact slope of L1 with a free bias is zero and no L2 weight ever is",
        {"zero weights of the note's lasso (of 2)": lasso["zeros"]}
        | {"λ from which on the slope of L1 is zero": tables["strength_max"]["strength_max"]}
        | {"modulus of the slope above it, L1 by descent": slopes[TAUGHT_FREE].abs()}
        | {"modulus of the slope above it, L1 as taught": slopes[TAUGHT].abs()}
        | {"modulus of the slope above it, L1 exact": slopes[FREE].abs()}
        | {
            f"modulus of the slope above it, {' by '.join(key)} in Keras": v
            for key, v in keras.items()
        }
        | {"slope of the note's ridge / least squares, less 1": grown}
        | {"slope of L2 with a free bias / least squares, less 1": free}
        | {"excess error of new points, no penalty": straight["excess_error_of_new_points"]}
        | {
            f"excess error of new points, λ = 0.1, {penalty}, {method}": at_note.loc[
                penalty, method
            ]["excess_error_of_new_points"]
            for penalty in ("l1", "l2")
            for method in (TAUGHT, PENALIZED, FREE)
        }
        | {"largest difference from the note's known numbers": known},
        "At the note's λ = 0.1 no weight is zero; with a free bias the exact slope of L1 is zero "
        f"from λ = {tables['strength_max']['strength_max'].median():.2f} on, that of the descent "
        f"within {slopes[TAUGHT_FREE].abs().median():.1g} of it, and that of L2 never; with the "
        "bias penalized, as taught, L1 leaves a slope of "
        f"{slopes[TAUGHT].median():.2f} even there, and ridge at λ = 0.1 makes it "
        f"{abs(grown.median()):.1%} "
        f"{'larger' if grown.median() > 0 else 'smaller'} than least squares does.",
    )
