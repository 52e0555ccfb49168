"""What `lambda_selection` says about the claims on methods to pick λ, and on the usual λ."""

import numpy as np

from experiments.lambda_selection.choices import RULES, RUN, lecture_scale
from experiments.number_format import middle
from experiments.outcome import decide

USUAL = (0.1, 1.0)  # the lecture's range


def rule_findings(tables, by_part):
    choices = tables["choices"].pivot(index=RUN, columns="choice")
    loss, over, strength = (choices[key] for key in ("test_loss", "over_hindsight", "strength"))
    scale = lecture_scale(tables["problems"])
    lecture = strength["min"] * scale.reindex(loss.index.droplevel("seed")).to_numpy()
    inside, in_keras = (values.between(*USUAL) for values in (lecture, strength["min"]))
    best_usual = least_loss_in(USUAL, tables["fits"], scale) / loss["min"]
    yield decide(
        "C44",
        inside,
        best_usual <= 1.05,
        "the λ that cross-validation finds best is 0.1 to 1 on the lecture's scale (gradient "
        "Xᵀ(ŷ − y) + λ·sign(w), or + λ·w); qualified if the best λ of that range has at most 1.05 "
        "times the test loss of the chosen one",
        {"chosen λ, the lecture's scale": lecture}
        | by_part("chosen λ, the lecture's scale", lecture)
        | {"chosen λ, Keras's scale": strength["min"], "from 0.1 to 1 on it": in_keras}
        | by_part("test loss, best of 0.1 to 1 / chosen", best_usual),
        f"Cross-validation chooses λ = {middle(lecture)} on the lecture's scale (from "
        f"{lecture.min():.2g} to {lecture.max():.3g}), between 0.1 and 1 in {inside.mean():.0%} of "
        f"the runs, and {middle(strength['min'])} on Keras's, in that range in "
        f"{in_keras.mean():.0%}.",
    )
    least, one_error = RULES
    worst = over[list(RULES)].groupby("seed").max()
    wins = [(loss[a] < loss[b]).groupby("seed").any() for a, b in (RULES, RULES[::-1])]
    same = (strength[least] == strength[one_error]).mean()
    drawn = tables["redraws"].groupby(["problem", "penalty", "rule"])["strength"]
    spread = (drawn.max() / drawn.min()).unstack("rule")
    better = (loss[least] < loss[one_error]).mean()
    edge = strength[least] == strength["smallest of the grid"]
    numbers = {
        "test loss, the better rule / best in hindsight, worst of a split": worst.min(axis=1)
    }
    numbers |= {"chosen λ, one standard error / min": strength[one_error] / strength[least]}
    numbers |= by_part("min is the smallest λ of the grid", edge)
    for rule in RULES:
        numbers |= by_part(f"test loss, {rule} / best in hindsight", over[rule])
        numbers[f"test loss, {rule} / best in hindsight, worst of a split"] = worst[rule]
        numbers[f"λ of the same rows, largest / least over foldings, {rule}"] = spread[rule]
    yield decide(
        "C45",
        (worst > 1.1).all(axis=1),
        np.logical_and(*wins),
        "(a split) each of the two rules, least cross-validated loss and one standard error, has "
        "with some data set and penalty more than 1.1 times the test loss of the best λ in "
        "hindsight; qualified if each rule is better than the other with some data set and penalty",
        numbers,
        f"The rule of the minimum has {middle(over[least])} times the best test loss in "
        f"hindsight, that of one standard error {middle(over[one_error])} times, in the worst case "
        f"of a split {middle(worst[least])} and {middle(worst[one_error])}; the minimum is better "
        f"in {better:.0%} of the runs, the same in {same:.0%}. Other folds of the same rows move "
        f"its λ by a factor of {middle(spread[least])}, at most {spread[least].max():.3g}.",
    )


def least_loss_in(bounds, fits, scale):
    """By run, the least test loss of the strengths that are within `bounds` on the other scale."""
    keys = fits.set_index(["problem", "penalty"]).index
    inside = (fits["strength"] * scale.reindex(keys).to_numpy()).between(*bounds)
    return fits[inside].groupby(RUN)["test_loss"].min()
