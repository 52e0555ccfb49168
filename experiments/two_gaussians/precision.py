"""At which length of the weights a cross-entropy stops being a number, by form and precision."""

import keras
import numpy as np
import pandas as pd

FORMULA, CHOSEN = "formula", "log of the class's probability"
PROBABILITIES, LOGITS = "Keras, from probabilities", "Keras, from logits"
NORMS = np.unique(np.concatenate([np.geomspace(1, 1e3, 61), 10.0 ** np.arange(3, 31)]))
FRESH = 500  # of the fresh rows: a few lie on the wrong side
SHOWN = np.geomspace(0.3, 100, 61)  # in the figure


def cross_entropies(z, w, norms, dtype):
    """By form, the mean cross-entropy of the rows by w made as long as each of `norms`."""
    y = (z[:, 0] > 0).astype(dtype)
    lengths = (norms / np.linalg.norm(w)).astype(dtype)[:, None]
    scores = (lengths * (y * 2 - 1)) * (z @ w).astype(dtype)
    labels = np.broadcast_to(y, scores.shape)
    with np.errstate(all="ignore"):  # that is what is asked for
        p = 1 / (1 + np.exp(-scores))
        formula = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1)
        chosen = -np.log(np.where(y == 1, p, 1 - p)).mean(axis=1)
    found = {FORMULA: formula, CHOSEN: chosen}
    for form, outputs, logits in ((PROBABILITIES, p, False), (LOGITS, scores, True)):
        loss = keras.losses.binary_crossentropy(labels, outputs, from_logits=logits)
        found[form] = keras.ops.convert_to_numpy(loss)
    return found


def failures(samples, weights, seeds):
    """A row a case: the first norm with an infinite cross-entropy or NaN, empty if there is none.

    The weights are those of the run without a penalty, as long as 1 to 1e30.
    """
    rows = []
    for seed, sample, w in zip(seeds, samples, weights, strict=True):
        fresh = sample.z_fresh[:: len(sample.z_fresh) // FRESH]
        for part, z in (("training", sample.z), ("fresh", fresh)):
            for dtype in ("float32", "float64"):
                for form, losses in cross_entropies(z, w, NORMS, dtype).items():
                    failed = ~np.isfinite(losses)
                    at = NORMS[failed.argmax()] if failed.any() else np.nan
                    rows.append((seed, part, dtype, form, at, NORMS[~failed].max()))
    columns = ["seed", "rows", "dtype", "form", "norm_at_failure", "largest_norm_that_works"]
    return pd.DataFrame(rows, columns=columns)


def costs_by_norm(sample, w):
    """The cross-entropy of the training rows of one seed in float32, Keras's precision."""
    losses = cross_entropies(sample.z, w, SHOWN, "float32")
    exact = np.logaddexp(0, -np.outer(SHOWN / np.linalg.norm(w), sample.z @ w)).mean(axis=1)
    return pd.DataFrame({"norm": SHOWN, "exact": exact} | losses).melt(
        "norm", var_name="form", value_name="cross_entropy"
    )
