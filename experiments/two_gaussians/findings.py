"""What the tables of `two_gaussians` say about Bayes's weights and about those without a bound."""

from experiments.outcome import decide
from experiments.two_gaussians.penalty_findings import penalty_findings
from experiments.two_gaussians.precision_findings import precision_finding

CHANCE = 16.27  # exceeded by chance in 0.1 % of the samples: χ² with 3 degrees of freedom


def findings(tables):
    points, many, runs = tables["points"], tables["many_rows"], tables["runs"]
    n_many = many["rows"].iloc[0]
    same = points["same_side_share"] == 1
    unit = points["unit_of_last_digit"]
    off = (points["exact"] - points["text"]).abs()
    yield decide(
        "C7",
        (off < unit) & same,
        (off < 0.2 * points["exact"].abs()) & same,
        "(three weights) the log-likelihood is the text's to less than one unit of its last digit, "
        "and all fresh points lie on the same side as by the other weights; qualified if the "
        "number is right to 20 %",
        {"log-likelihood at (1, 1), less the text's (units of its last digit)": off / unit}
        | {
            f"log-likelihood by (0, {row.weight:g}, {row.weight:g})": row.exact
            for row in points.itertuples()
        }
        | {
            f"mean loss of fresh points by (0, {row.weight:g}, {row.weight:g})": row.fresh_loss
            for row in points.itertuples()
        }
        | {
            f"{form}, by (0, 10, 10)": points[form].iloc[-1]
            for form in ("float32_by_formula", "keras_from_probability", "keras_from_logits")
        },
        "One line and three log-likelihoods at (1, 1): "
        f"{', '.join(f'{value:.6g}' for value in points['exact'])}; in float32 the formula makes "
        f"{points['float32_by_formula'].iloc[-1]:.3g} of the last, Keras's cross-entropy of "
        f"probabilities {points['keras_from_probability'].iloc[-1]:.3g}, and that of logits "
        f"{points['keras_from_logits'].iloc[-1]:.6g}.",
    )
    exact = many["log_odds_error"] < 1e-9
    yield decide(
        "C8",
        exact & (many["likelihood_ratio_statistic"] < CHANCE),
        exact & (many["cosine_with_bayes"] > 0.999),
        f"(a sample of {n_many} rows) the logarithm of the ratio of the clouds' densities is 4·x₁ "
        "+ 4·x₂ at every point to 1e-9, and the best weights without a penalty differ from (0, 4, "
        f"4) by no more than chance (likelihood-ratio statistic < {CHANCE}); qualified if only "
        "their direction is that of (0, 4, 4), with a cosine above 0.999",
        {"likelihood-ratio statistic of (0, 4, 4)": many["likelihood_ratio_statistic"]}
        | {name: many[name] for name in ("bias", "w1", "w2", "cosine_with_bayes")}
        | {"wrong points by the fit (%)": many["error_percent"]}
        | {"wrong points by (0, 4, 4) (%)": many["bayes_error_percent"]},
        f"For clouds of unit variance the log-odds are exactly 4·x₁ + 4·x₂; {n_many} rows give "
        f"({', '.join(f'{many[w].median():.2f}' for w in ('bias', 'w1', 'w2'))}), within chance of "
        f"(0, 4, 4), and {many['bayes_error_percent'].median():.2f} % of new points are on the "
        "wrong side of y = −x: any multiple draws that line, this one also has the probabilities.",
    )
    samples = tables["samples"].query("data == 'clouds'").set_index("seed")
    parted = samples["margin"].notna()
    counts = tables["separable"].groupby("rows")["separable"].mean()
    shown = sorted({samples["rows"].iloc[0], counts.index[-1]})
    least = runs.query("data == 'clouds' and rate_for == 'mean' and penalty == 'none'")
    least = least.pivot(index="seed", columns="step", values="smallest_weight")
    last = least.columns[-1]
    decades = least[[last // 100, last // 10, last]]
    grows = (decades.diff(axis=1).iloc[:, 1:] > 0).all(axis=1)
    finite = (many["finite"] == 1).to_numpy()
    yield decide(
        "C9",
        parted.to_numpy() & ~finite,
        grows[parted],
        f"(a seed) the likelihood has no finite maximum, neither on {samples['rows'].iloc[0]} rows "
        f"nor on {n_many}, that is on complete data; qualified if, on those of the small samples "
        "that a line parts, both weights still grow from each of the last decades of steps to the "
        "next",
        {f"norm of the best weights, {n_many} rows": many["norm"]}
        | {f"both weights grow to the end (1 or 0), {samples['rows'].iloc[0]} rows": grows[parted]}
        | {
            "smaller weight at the end / a decade of steps before": decades[last]
            / decades[last // 10]
        }
        | {"modulus of the bias / norm, in the direction of growth": samples["bias_share"]}
        | {f"share of samples that a line parts, {n} rows": share for n, share in counts.items()},
        "The best weights are infinite only where a line parts the classes, as it does for "
        f"{', '.join(f'{counts[n]:.0%} of the samples of {n} rows' for n in shown)}, and there "
        f"they grow to the end of {last} steps in {grows[parted].mean():.0%} of the runs; on "
        f"{n_many} rows they are finite in {finite.mean():.0%} of the samples, with a norm of "
        f"{many['norm'].median():.2f} beside {32**0.5:.2f} for (0, 4, 4).",
    )
    yield precision_finding(tables)
    yield from penalty_findings(tables)
