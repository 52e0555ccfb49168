"""Dropout at test time against dropout in training: what the tables of `dropout` say."""

from experiments.outcome import decide

EXACT = 1e-4  # of sums of float32 products
FARTHER = 4  # times as far from the average is a single sub-network


def average(ensembles, scaling):
    trained = ensembles[ensembles["training"] == "after"]
    nearer = trained["single_gap"] / trained["average_gap"]
    one = trained["layers"] == 1
    exact = (trained["geometric_gap"] <= EXACT) & (trained["mean_logit_gap"] <= EXACT)
    wide = scaling[scaling["units"] == scaling["units"].max()]
    return decide(
        "C29",
        (nearer >= FARTHER) & (trained["same_class"] >= 0.95),
        exact[one],
        "(a trained network with one or two hidden layers, a rate, a seed) the scaled network's "
        "class probabilities are at most a quarter as far from the average of all sub-networks, "
        "in mean total variation, as a sub-network's, and its class is the same for 95 % of the "
        "images; qualified if, with one hidden layer, it is exactly their geometric mean",
        {"sub-network's distance from the average / scaled network's": nearer}
        | {
            f"{name}, {layers} hidden layer{'s' * (layers > 1)}": part[column]
            for layers, part in trained.groupby("layers")
            for name, column in {
                "scaled network from the average (total variation)": "average_gap",
                "a sub-network from the average (total variation)": "single_gap",
                "same class as the average (share of images)": "same_class",
                "largest distance from the geometric mean (total variation)": "geometric_gap",
                "mean logits − scaled network's, of the largest": "mean_logit_gap",
                "loss, average": "loss_average",
                "loss, scaled network": "loss_scaled",
                "loss, a sub-network": "loss_single",
            }.items()
        }
        | {
            f"{name}, {wide['units'].iloc[0]} units, of drawn sub-networks": wide[column]
            for name, column in {
                "scaled network from the average (total variation)": "average_gap",
                "a sub-network from the average (total variation)": "single_gap",
            }.items()
        },
        "One scaled network stands for its 2ⁿ sub-networks: with one hidden layer its outputs "
        "before the softmax are exactly their mean, and its probabilities their geometric mean "
        f"(within {trained['geometric_gap'][one].max():.0e}), with two up to "
        f"{trained['geometric_gap'][~one].median():.2f} off; from the plain average of the "
        f"probabilities it is {trained['average_gap'].median():.2f} away (total variation), a "
        f"sub-network {trained['single_gap'].median():.2f}, and it names the same class for "
        f"{trained['same_class'].median():.0%} of the images; for "
        f"{wide['units'].iloc[0]} units the two distances are "
        f"{wide['average_gap'].median():.3f} and {wide['single_gap'].median():.2f}.",
    )


def train_and_test(tables):
    scaling = tables["scaling"]
    sums, units = scaling["sum_deviation_ratio"], scaling["unit_deviation_ratio"]
    shift = scaling["sum_shift"]
    curves, last = tables["keras_curves"], tables["keras_losses"]
    many = last["n_train"].max()
    curves = curves[curves["n_train"] == many]
    above = (curves["train"] > curves["validation"]).groupby([curves["rate"], curves["seed"]])
    above, after = above.mean(), last[(last["n_train"] == many) & (last["rate"] > 0)]
    reported = after["train_reported"] / after["train_loss"]
    rates, wide = scaling["rate"], scaling["units"] == scaling["units"].max()
    n_wide, n_narrow = scaling["units"].max(), scaling["units"].min()

    def at(values, some):
        medians = values[some].groupby(rates).median()
        return " to ".join(f"{medians[rate]:.2f}" for rate in (rates.min(), rates.max()))

    return decide(
        "C38",
        (sums >= 1.1) | (shift >= 0.1),
        (units >= 1.1) | (shift >= 0.1),
        "(a width, a rate and a seed) the sum that enters the next layer's activation has in "
        "training a standard deviation at least 1.1 times that at test time, or a mean that is a "
        "tenth of that deviation off; qualified if this holds for the dropped units themselves",
        {"standard deviation of the sums, training / test": sums}
        | {
            f"standard deviation of the {what}, training / test, p = {rate:g}, {n} units": part
            for what, values in {"sums": sums, "units": units}.items()
            for (rate, n), part in values.groupby([rates, scaling["units"]])
        }
        | {
            "shift of the mean of the sums (standard deviations)": shift,
            "training loss that Keras reports / of the same weights without dropout": reported,
        }
        | {
            f"epochs with reported training loss above validation, p = {rate:g} (share)": part
            for rate, part in above.groupby("rate")
        },
        "With Keras's scaling the means agree in training and test (within "
        f"{shift.max():.2g} standard deviations), the spread does not: a unit's is "
        f"{at(units, wide)} times as large in training for p = {rates.min():g} to "
        f"{rates.max():g}, that of the sums behind {n_narrow} units {at(sums, ~wide)} times, "
        f"behind {n_wide} only {at(sums, wide)} times; and the training loss that Keras reports "
        f"with dropout, here at p = {after['rate'].iloc[0]:g} on {many} rows, is "
        f"{reported.median():.2g} times that of the same weights without, and above the "
        f"validation loss in {above[above.index.get_level_values(0) > 0].median():.0%} of the "
        f"epochs (without dropout in {above[0.0].median():.0%}).",
    )
