"""The networks of `early_stopping`: every penalty with every rate, and what validation chooses."""

import keras
import numpy as np
import pandas as pd

from experiments.networks_with_dropout.members import Members
from experiments.networks_with_dropout.scores import log_softmax, scores

PENALTIES = ("l1", "l2", "l1_l2")
#: By method: the penalties that it may have, whether it drops units, whether it stops early.
METHODS = {
    "none": ((), False, False),
    "early stopping": ((), False, True),
    "dropout": ((), True, False),
    "l1": (("l1",), False, False),
    "l2": (("l2",), False, False),
    "l1_l2": (("l1_l2",), False, False),
    "dropout + early stopping": ((), True, True),
    "l1 + early stopping": (("l1",), False, True),
    "l2 + early stopping": (("l2",), False, True),
    "l1 + dropout": (("l1",), True, False),
    "l2 + dropout": (("l2",), True, False),
    "l1 + dropout + early stopping": (("l1",), True, True),
    "l2 + dropout + early stopping": (("l2",), True, True),
    "l1_l2 + dropout + early stopping": (("l1_l2",), True, True),
}


def train_members(data, settings, track, log_dir):
    """A row a setting, seed and check: the losses, the error, and the norm of the weights."""
    cases = [("none", 0.0)]
    cases += [(name, s) for name in PENALTIES for s in getattr(settings, name)]
    cases = pd.DataFrame(
        [(name, s, rate) for name, s in cases for rate in settings.rates],
        columns=["penalty", "strength", "rate"],
    )
    l1, l2 = (
        cases["strength"].where(cases["penalty"].isin(names), 0.0).to_numpy()
        for names in (("l1", "l1_l2"), ("l2", "l1_l2"))
    )
    members = Members(data, settings, (settings.units,), cases["rate"].to_numpy(), l1, l2)
    index = pd.MultiIndex.from_product([settings.seeds, cases.index], names=["seed", "case"])
    found = {}
    checks = range(settings.epochs_between, settings.epochs + 1, settings.epochs_between)
    for epoch in track(checks, "epochs"):
        logs = log_dir and f"{log_dir}/early-stopping-{epoch}"
        members.train(settings.epochs_between, seed=epoch, log_dir=logs)
        columns: dict = {}
        for part, (x, y) in members.parts.items():
            logits = np.moveaxis(keras.ops.convert_to_numpy(members.model(x)), 0, 2)
            loss, error = scores(log_softmax(logits), y.T[:, None])
            columns |= {f"{part}_loss": loss.ravel(), f"{part}_error": error.ravel()}
        kernels = members.weights()[::2]
        squares = sum(np.square(kernel).sum(axis=(2, 3)) for kernel in kernels)
        columns["norm"] = np.sqrt(squares).ravel()
        found[epoch] = pd.DataFrame(columns, index=index)
    found = pd.concat(found, names=["epoch"]).reset_index()
    return found.merge(cases, left_on="case", right_index=True).drop(columns="case")


def choices(checks, settings):
    """By seed and method, what has the least validation loss among all that the method may do."""
    rows = []
    for method, (penalties, drops, stops) in METHODS.items():
        own = checks[checks["penalty"].isin(penalties or ("none",))]
        own = own[(own["rate"] > 0) == drops]
        if not stops:
            own = own[own["epoch"] == settings.epochs]
        best = own.loc[own.groupby("seed")["validation_loss"].idxmin()]
        parts = bool(penalties) + drops + stops
        rows.append(best.assign(method=method, parts=parts, data=settings.data))
    return pd.concat(rows, ignore_index=True).assign(n_train=settings.n_train)
