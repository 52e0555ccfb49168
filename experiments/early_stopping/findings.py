"""What the tables of `early_stopping` say about the claims."""

import pandas as pd

from experiments.outcome import decide

BOUND = 1.69  # of gradient flow's risk over ridge's: Ali, Kolter & Tibshirani (2019)
NOT_WORSE = 1.02


def findings(tables):
    yield stopping(tables)
    yield together(tables)


def stopping(tables):
    paths, chosen = tables["paths"], tables["choices"].set_index(["method", "seed"])
    stopped = paths.loc[paths.groupby("seed")["validation_loss_stopped"].idxmin()]
    ridge = paths.loc[paths.groupby("seed")["validation_loss_l2"].idxmin()].set_index("seed")
    end = paths.loc[paths.groupby("seed")["steps"].idxmax()].set_index("seed")
    stopped = stopped.set_index("seed")
    early, late = chosen.loc["early stopping"], chosen.loc["none"]
    names = ["regression", "network"]

    def both(regression, network):
        return pd.concat([regression, network], keys=names)

    loss = both(
        stopped["test_loss_stopped"] / end["test_loss_stopped"],
        early["test_loss"] / late["test_loss"],
    )
    norm = both(stopped["norm_stopped"] / end["norm_stopped"], early["norm"] / late["norm"])
    against = stopped["test_loss_stopped"] / ridge["test_loss_l2"]
    product = ridge["strength"] * stopped["time"]
    return decide(
        "C26",
        (loss < 1) & (norm < 1),
        (loss <= NOT_WORSE) & (norm < 1),
        "(linear regression on diabetes or a network, and a seed) stopping at the least validation "
        "loss leaves smaller weights (Euclidean norm) and a lower test loss than going on to the "
        f"end; qualified if the test loss is at most {NOT_WORSE} times that at the end",
        {"test loss, stopped early / at the end": loss}
        | {f"test loss, stopped early / at the end, {name}": loss[name] for name in names}
        | {f"norm of the weights, stopped early / at the end, {name}": norm[name] for name in names}
        | {
            "test loss, early stopping / L2, both tuned, regression": against,
            "best λ · 2·η·best steps, regression": product,
            "largest risk of gradient flow / of L2 at λ = 1/t, regression": paths.groupby("seed")[
                "risk_ratio"
            ].max(),
            "weights apart, stopped and L2 at λ = 1/(2ητ), where L2 is best (share)": ridge["gap"],
            "largest difference, Keras and closed form (share)": tables["keras_linear"][
                "gap"
            ].max(),
        },
        f"Stopping early shrinks weights much as L2 with λ = 1/(2·step size·steps) does: it has at "
        f"most {paths['risk_ratio'].max():.2f} times its risk (theory: {BOUND}), and tuned it has "
        f"{against.median():.2f} times the test loss of tuned L2; against training to the end the "
        f"test loss is {loss['regression'].median():.2f} times (linear regression) and "
        f"{loss['network'].median():.2f} times (network), lower in "
        f"{(loss['regression'] < 1).mean():.0%} and {(loss['network'] < 1).mean():.0%} of the "
        f"runs, with {norm['regression'].median():.2f} and {norm['network'].median():.2f} times "
        "the norm of the weights.",
    )


def together(tables):
    chosen = tables["choices"]
    whole = best_of(chosen[chosen["method"].isin(WHOLE)])
    single = best_of(chosen[chosen["parts"] == 1])
    ratio = whole["test_loss"] / single["test_loss"]
    by_method = chosen.pivot(index="seed", columns="method", values="test_loss")
    error = 100 * chosen.pivot(index="seed", columns="method", values="test_error")
    keras = tables["keras_networks"]
    medians = by_method.median().sort_values()
    against_none = whole["test_loss"] / by_method["none"]
    alone = best_of(chosen[chosen["method"].isin(("l1", "l2"))])["test_loss"]
    return decide(
        "C48",
        ratio < 1,
        ratio <= NOT_WORSE,
        "(a seed) L1 or L2 with dropout and early stopping, all tuned on validation data (in "
        "place of cross-validation), has a lower test loss than the single technique (L1, L2, "
        "elastic net, dropout, early stopping) "
        f"of least validation loss; qualified if its test loss is at most {NOT_WORSE} times that",
        {
            "test loss, combination / best single technique": ratio,
            "test loss, combination / L1 or L2 alone": whole["test_loss"] / alone,
            "test loss, combination / no regularization": against_none,
        }
        | {f"test loss, {name}": values for name, values in by_method.items()}
        | {f"test error (%), {name}": values for name, values in error.items()}
        | {
            "test loss, Keras's fit with patience 10 / the member's best epoch": keras["test_loss"]
            / keras["test_loss_of_member"]
        },
        f"On {chosen['n_train'].iloc[0]} rows of {chosen['data'].iloc[0]} the combination has "
        f"{ratio.median():.2f} times the test loss of the best single technique (lower in "
        f"{(ratio < 1).mean():.0%} of the seeds; {(whole['test_loss'] / alone).median():.2f} times "
        f"that of L1 or L2 alone, lower in {(whole['test_loss'] < alone).mean():.0%}), and "
        f"{against_none.median():.2f} times that of no regularization (lower in "
        f"{(against_none < 1).mean():.0%}); by median test loss the best of all is "
        f"{medians.index[0]}, with {medians.iloc[0]:.3f}, and the worst {medians.index[-1]}, with "
        f"{medians.iloc[-1]:.3f}.",
    )


WHOLE = ("l1 + dropout + early stopping", "l2 + dropout + early stopping")


def best_of(chosen):
    """By seed, the row with the least validation loss."""
    return chosen.loc[chosen.groupby("seed")["validation_loss"].idxmin()].set_index("seed")
