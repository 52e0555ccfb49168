"""What the tables of `priors` say about the lecture's claim."""

from experiments.outcome import decide

SAME = 1e-3  # of the largest weight; scipy's modes are found to about 1e-5

STEP = "lecture's step: sum + λ/2·‖w‖²"
FORMULA = "lecture's formula: sum + λ·‖w‖²"
MEAN = "Keras: mean + λ·‖w‖²"
SQUARED = "Keras, note: mean + λ·‖w‖²"


def findings(tables):
    scales, belief = tables["scales"], tables["posteriors"]
    l2, taught = scales["penalty"] == "l2", scales["objective"] == STEP
    mode = scales["mode_differs_by"] <= SAME
    claimed = mode & (~l2 | (scales["mode_of_claimed_differs_by"] <= SAME))
    product = scales.set_index("objective")["width_times_strength"]
    laplace = belief[belief["prior"] == "Laplace"]
    gaussian = belief[belief["prior"] == "Gaussian"]
    products = {
        f"width of the prior times λ, {name}": some
        for name, some in product.groupby(level=0, sort=False)
    }
    errors = {
        f"test error of the {what}, {prior} prior": some[f"test_error_of_{what}"]
        for prior, some in belief.groupby("prior", sort=False)
        for what in ("mode", "mean")
    }
    near, zero_draws = laplace["share_near_zero"].median(), laplace["share_of_draws_zero"].max()
    middle = product.groupby(level=0).median()
    yield decide(
        "C11",
        claimed,
        (mode & (claimed | ~taught)),
        "(an objective of the texts and their programs, a sample) the penalized minimum is the "
        "posterior's mode, under a Gaussian prior of variance 1/λ if the penalty is L2, within "
        f"{SAME:g} of the largest weight; qualified if the variance is 1/λ for the lecture's steps "
        "(sum of crossentropies, gradient λw), and converted from λ for the other objectives",
        {
            "difference of the minimum from the mode, prior of variance 1/λ": scales.loc[
                l2, "mode_of_claimed_differs_by"
            ]
        }
        | {"difference from the mode, converted prior": scales["mode_differs_by"]}
        | products
        | {"zeros in the mode, Laplace prior": laplace["zeros_in_mode"]}
        | {"share of posterior draws that are zero": laplace["share_of_draws_zero"]}
        | {"zeros in the posterior mean": laplace["zeros_in_mean"]}
        | {"zeros in the posterior median": laplace["zeros_in_median"]}
        | {"probability of |w| < 0.01 where the mode is zero": laplace["share_near_zero"]}
        | {"probability that all those are below 0.01": laplace["share_all_near_zero"]}
        | {"largest distance of mean and mode, Laplace prior": laplace["mean_from_mode"]}
        | {"largest distance of mean and mode, Gaussian prior": gaussian["mean_from_mode"]}
        | {"largest R-hat": belief["r_hat"]}
        | errors,
        f"The minimum is the mode of the converted posterior in {mode.mean():.0%} of the runs, and "
        f"the variance is {middle[STEP]:.3g}/λ for the lecture's steps, {middle[FORMULA]:.2g}/λ "
        f"for its formula, {middle[MEAN]:.2g}/λ for Keras's mean crossentropy and "
        f"{middle[SQUARED]:.2g}/λ, that is σ²/(n·λ), for its mean squared error; but a mode is not "
        f"a belief: under the Laplace prior {laplace['zeros_in_mode'].median():.0f} of ten weights "
        f"of diabetes are zero at the mode, {laplace['zeros_in_median'].max():.0f} in the median, "
        f"{laplace['zeros_in_mean'].max():.0f} in the mean and {zero_draws:.0%} in the draws, and "
        f"the probability of |w| < 0.01 is {near:.2f} for such a weight.",
    )
