"""All sub-networks of a small network, one for each choice of the units that are dropped.

With one hidden layer the scaled network is their normalized geometric mean: Baldi & Sadowski,
Understanding dropout (2013); Srivastava et al., Dropout (2014), section 4.
"""

from itertools import product

import numpy as np

from experiments.networks_with_dropout.scores import log_softmax, scores

SCORES = ("loss", "error")


def ensemble_rows(members, settings, units, when):
    """A row a member: `subnetworks` on the first test images, `when` before or after training."""
    x, y = (part[: settings.n_images] for part in members.parts["test"])
    rows, weights = [], members.weights()
    of_all = product(enumerate(settings.seeds), enumerate(settings.small_rates))
    for (s, seed), (c, rate) in of_all:
        keys = {"layers": len(units), "units": sum(units), "rate": rate, "training": when}
        of_one = x[:, s], y[:, s], [w[s, c] for w in weights], rate
        rows.append(keys | {"seed": seed} | subnetworks(*of_one))
    return rows


def subnetworks(x, y, weights, rate):
    """The scaled network that Keras uses at test time against the average over all 2ⁿ.

    A sub-network is what dropout trains: its units multiplied by 1/(1 − p); the average gives one
    with k dropped units the probability pᵏ·(1 − p)ⁿ⁻ᵏ. `weights` are those of one member.
    """
    share, every = _logits_of_all(x, weights, rate)
    scaled = _forward(x, weights, [1.0] * (len(weights) // 2 - 1))
    logs, log_scaled = log_softmax(every), log_softmax(scaled)
    weight = share[:, None, None]
    average = (weight * np.exp(logs)).sum(axis=0)
    # The normalized geometric mean of probabilities is the softmax of their mean logarithm.
    geometric = np.exp(log_softmax((weight * logs).sum(axis=0)))
    found = {
        "mean_logit_gap": np.abs((weight * every).sum(axis=0) - scaled).max()
        / np.abs(scaled).max(),
        "geometric_gap": apart(geometric, np.exp(log_scaled)).max(),
        "average_gap": apart(average, np.exp(log_scaled)).mean(),
        "single_gap": share @ apart(average, np.exp(logs)).mean(axis=1),
        "same_class": (average.argmax(axis=-1) == scaled.argmax(axis=-1)).mean(),
    }
    for name, log in (("average", np.log(average)), ("scaled", log_scaled), ("single", logs)):
        found |= {
            f"{what}_{name}": score for what, score in zip(SCORES, scores(log, y), strict=True)
        }
    found["loss_single"] = share @ found["loss_single"]
    found["error_single"] = share @ found["error_single"]
    return found


def _logits_of_all(x, weights, rate):
    """By sub-network, its probability and its logits `(samples, classes)`."""
    sizes = [bias.shape[-1] for bias in weights[1:-1:2]]
    kept = np.array(list(product((0.0, 1.0), repeat=sum(sizes))))
    share = np.where(kept == 1, 1 - rate, rate).prod(axis=1)
    masks = np.split(kept[:, None] / (1 - rate), np.cumsum(sizes)[:-1], axis=-1)
    return share, _forward(x, weights, masks)


def _forward(x, weights, masks):
    for kernel, bias, mask in zip(weights[:-2:2], weights[1:-2:2], masks, strict=True):
        x = np.maximum(x @ kernel + bias, 0) * mask
    return x @ weights[-2] + weights[-1]


def apart(a, b):
    """Total variation distance of class probabilities: 0 where they agree, 1 at most."""
    return np.abs(a - b).sum(axis=-1) / 2
