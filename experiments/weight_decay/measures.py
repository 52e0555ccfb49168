"""What `weight_decay` measures on its trained networks, and the numbers that sum it up."""

import keras
import numpy as np
import pandas as pd
from keras import ops

NEAR = 1.1  # a loss within 10 % of the least
MEMBER = ["decay", "seed"]
POWER = "p of best decay ∝ rate^p, over the rates at which one gains 10 %"
ERROR = "test error at the least validation loss (%)"


def measured(model, start, data, settings):
    """Held-out loss and error of each member, and what is left of its weights of blank pixels."""
    found = {}
    for part in ("validation", "test"):
        x = np.stack([getattr(one, f"x_{part}") for one in data], axis=1)
        y = np.stack([getattr(one, f"y_{part}") for one in data], axis=1)
        y = np.repeat(y[:, None], len(settings.decays), axis=1)
        logits = ops.convert_to_numpy(model(x))
        if part == "validation":
            loss = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
            found["validation_loss"] = ops.convert_to_numpy(loss).mean(axis=0)
        found[f"{part}_error"] = (logits.argmax(axis=-1) != y).mean(axis=0)
    found["blank_pixel_weights_left"] = left = np.zeros_like(found["test_error"])
    now, before = (np.abs(weights[0]) for weights in (model.get_weights(), start))
    for member, one in enumerate(data):
        blank = ~one.x_train[: settings.n_train].any(axis=0)
        left[:, member] = now[:, member, blank].mean((1, 2)) / before[:, member, blank].mean((1, 2))
    return _by_member(found, settings)


def differences(weights, optimizer, settings):
    """Largest |difference| of a weight, L2 against weight decay, over the largest |weight|.

    `ratio` is that of the strengths: L2(d/2) against weight_decay = ratio·d.
    """
    a, b = (
        np.concatenate([w.reshape(*w.shape[:2], -1) for w in weights[penalty]], axis=-1)
        for penalty in ("l2", "weight decay")
    )
    found = {}
    for ratio in (1, 10) if optimizer == "SGD, momentum" else (1,):
        apart = np.full(a.shape[:2], np.nan)
        for i, decay in enumerate(settings.decays):
            for j in np.flatnonzero(np.isclose(settings.decays, ratio * decay)):
                apart[i] = np.abs(a[i] - b[j]).max(axis=-1) / np.abs(a[i]).max(axis=-1)
        found[ratio] = _by_member({"relative_difference": apart}, settings)
    return pd.concat(found, names=["ratio"]).dropna()


def _by_member(found, settings):
    index = pd.MultiIndex.from_product([settings.decays, settings.seeds], names=MEMBER)
    return pd.DataFrame({name: np.ravel(part) for name, part in found.items()}, index=index)


def summary(tables):
    """By optimizer and penalty, over the seeds: median, least and largest of each number."""
    rows = []
    for (name, penalty, seed), run in tables["cells"].groupby(
        ["optimizer", "penalty", "seed"], sort=False
    ):
        grid = run.pivot(index="decay", columns="learning_rate", values="validation_loss")
        some, best = grid.loc[grid.index > 0], run.loc[run["validation_loss"].idxmin()]
        free = run[run["decay"] == 0]
        found = {"decay of the least loss": best["decay"]}
        found["learning rate of the least loss"] = best["learning_rate"]
        found["validation loss, least"] = best["validation_loss"]
        found["validation loss without penalty, least"] = free["validation_loss"].min()
        found[ERROR] = 100 * best["test_error"]
        free = free.loc[free["validation_loss"].idxmin()]
        found["test error without penalty, best rate (%)"] = 100 * free["test_error"]
        # A rate says something of the best strength where some strength helps.
        helped = some.columns[some.min() <= grid.loc[0] / NEAR]
        if len(helped) > 1:
            logs = np.log10(helped), np.log10(some[helped].idxmin())
            found[POWER] = np.polyfit(*logs, 1)[0].round(6) + 0.0
        rows += [(name, penalty, seed, *pair) for pair in found.items()]
    keys = ["optimizer", "ratio", "seed"]
    for (name, ratio, seed), run in tables["differences"].query("decay > 0").groupby(keys):
        apart = run["relative_difference"]
        against = f"difference from weight_decay = {ratio}·d, share of the largest weight"
        rows += [(name, "l2", seed, f"{against}, least of all cells", apart.min())]
        rows += [(name, "l2", seed, f"{against}, most", apart.max())]
    columns = ["optimizer", "penalty", "seed", "quantity", "value"]
    numbers = pd.DataFrame(rows, columns=columns)
    by_quantity = numbers.groupby(["optimizer", "penalty", "quantity"], sort=False)["value"]
    return by_quantity.agg(["median", "min", "max"]).reset_index()
