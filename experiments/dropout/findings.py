"""What the tables of `dropout` say about the claims."""

from experiments.dropout.modes import average, train_and_test
from experiments.outcome import decide

ERRORS = 4  # standard errors of a mean over drawn masks


def findings(tables):
    yield relying(tables["networks"], tables["keras_losses"])
    yield scaled_by_p(tables["scaling"])
    yield average(tables["ensembles"], tables["scaling"])
    yield train_and_test(tables)


def tuned(networks):
    """By width and seed: without dropout, and the rate above 0 with the least validation loss."""
    keys = ["units", "seed"]
    none = networks[networks["rate"] == 0].set_index(keys)
    some = networks[networks["rate"] > 0]
    best = some.loc[some.groupby(keys)["validation_loss"].idxmin()].set_index(keys)
    return none, best


def relying(networks, of_keras):
    none, best = tuned(networks)
    wide = none.index.get_level_values("units") == networks["units"].max()
    less = (best["rise_without_one"] < none["rise_without_one"]) & (
        best["rise_without_half"] < none["rise_without_half"]
    )
    error = 100 * (best["test_error"] - none["test_error"])
    loss = best["test_loss"] / none["test_loss"]
    half = best["rise_without_half"] / none["rise_without_half"]
    one = best["rise_without_one"] / none["rise_without_one"]
    parts = {
        f"{n} units": none.index.get_level_values("units") == n
        for n in sorted(networks["units"].unique(), reverse=True)
    }
    numbers: dict = {}
    for name, values in {
        "test error with dropout − without (points)": error,
        "test loss with dropout / without": loss,
        "rise of the loss when half of the units are removed, with dropout / without": half,
        "rise when one unit is removed, with dropout / without": one,
        "mean |correlation| of hidden units, with dropout": best["correlation"],
        "mean |correlation| of hidden units, without": none["correlation"],
        "rate chosen": best["rate"],
    }.items():
        numbers |= {f"{name}, {part}": values[here] for part, here in parts.items()}
    keys = ["n_train", "rate", "seed"]
    same = of_keras.merge(networks[networks["units"] == networks["units"].max()], on=keys)
    numbers["test loss, Keras's own layers / the same member, other units dropped"] = (
        same["test_loss_x"] / same["test_loss_y"]
    )
    return decide(
        "C27",
        (error < 0) & less,
        ((loss < 1) & less)[wide],
        "(a width and a seed), at the rate above 0 with the least validation loss, the test error "
        "is lower than without dropout, and the test loss rises less when one hidden unit, and "
        "when half of them at random, is removed; qualified if so for the test loss of the wide "
        "network",
        numbers,
        f"Units do rely less on one another: with half of them removed the loss of the wide "
        f"network rises {half[wide].median():.2g} times as much with dropout as without "
        f"({half[~wide].median():.2g} times for the narrow one); but on "
        f"{networks['n_train'].iloc[0]} rows of {networks['data'].iloc[0]} the test error changes "
        f"by {error[wide].median():+z.1f} points (wide; lower in "
        f"{(error[wide] < 0).mean():.0%} of the seeds) and {error[~wide].median():+z.1f} points "
        f"(narrow; lower in {(error[~wide] < 0).mean():.0%}), the test loss to "
        f"{loss[wide].median():.2f} (lower in {(loss[wide] < 1).mean():.0%}) and "
        f"{loss[~wide].median():.2f} times that without (lower in "
        f"{(loss[~wide] < 1).mean():.0%}).",
    )


def scaled_by_p(scaling):
    taught, keep, of_keras = (scaling[f"mean_ratio_{name}"] for name in ("p", "keep", "keras"))
    noise = ERRORS * scaling["mean_ratio_noise"]
    right = ((keep - 1).abs() <= noise) & ((of_keras - 1).abs() <= noise)
    least, most = scaling["rate"].min(), scaling["rate"].max()
    by_rate = scaling.groupby("rate")

    def at(rate, column):
        return by_rate[column].median().loc[rate]

    return decide(
        "C28",
        (taught - 1).abs() <= taught * noise,
        right,
        "(a width, a rate and a seed) the mean activation at test time, scaled by the probability "
        "p of dropping, is that in training, within four standard errors of the drawn masks; "
        "qualified if so, and with Keras's scaling in training, where p is the probability "
        "of keeping",
        {"mean at test / in training, scaled by p": taught}
        | {
            f"mean at test / in training, scaled by p = {rate:g}": part["mean_ratio_p"]
            for rate, part in by_rate
        }
        | {
            "mean at test / in training, scaled by 1 − p": keep,
            "mean at test / in training, Keras": of_keras,
            "scaled outputs − scaled weights, largest difference": scaling[
                "weights_or_outputs_gap"
            ],
        }
        | {f"test loss, scaled by p = {rate:g}": part["loss_p"] for rate, part in by_rate}
        | {
            f"test loss, scaled by 1 − p, p = {rate:g}": part["loss_keep"] for rate, part in by_rate
        },
        f"Scaled by the probability p of dropping, activations at test time are p/(1 − p) times "
        f"those in training ({at(least, 'mean_ratio_p'):.2f} times at p = {least:g}, "
        f"{at(most, 'mean_ratio_p'):.2f} times at p = {most:g}), right at p = 1/2 only, and the "
        f"test loss is {at(least, 'loss_p'):.2f} instead of {at(least, 'loss_keep'):.2f} and "
        f"{at(most, 'loss_p'):.2f} instead of {at(most, 'loss_keep'):.2f}; scaled by 1 − p, the "
        "probability of keeping, they agree, as they do with Keras, which divides by 1 − p in "
        "training.",
    )
