"""What `two_gaussians` measures of weights on the clouds; the answers are tables."""

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from experiments.two_gaussians.ascent import PENALTIES, ascend

# Weights, what the lecture says is the log-likelihood at (1, 1), and the unit of its last digit.
POINTS = ((1.0, -0.12, 1e-2), (4.0, -0.0003, 1e-4), (10.0, -2e-9, 1e-9))


def mean_losses(z, w):
    """The mean loss of `z`, `(rows, n)`, by weights `(…, n)`."""
    return np.logaddexp(0, -(w @ z.T)).mean(axis=-1)


def curves(paths, case, seeds, steps):
    """A row for each penalty, seed and step."""
    tables = {
        (*case, penalty, seed): pd.DataFrame(
            {
                "step": steps,
                "norm": np.linalg.norm(path, axis=1),
                "smallest_weight": np.abs(path[:, 1:]).min(axis=1),  # of a feature
            }
        )
        for penalty, of_penalty in zip(PENALTIES, paths, strict=True)
        for seed, path in zip(seeds, of_penalty, strict=True)
    }
    return pd.concat(tables, names=["data", "rate_for", "penalty", "seed"]).reset_index(
        [0, 1, 2, 3]
    )


def printed(sample, settings):
    """The cross-entropy that the lecture prints every ten steps: a sum over the rows."""
    steps = list(range(0, settings.taught_steps + 1, 10))
    paths = ascend([sample], settings.rate, settings, steps)[:, 0]
    rows = [
        (penalty, step, len(sample.z) * loss)
        for penalty, path in zip(PENALTIES, paths, strict=True)
        for step, loss in zip(steps, mean_losses(sample.z, path), strict=True)
    ]
    return pd.DataFrame(rows, columns=["penalty", "step", "cross_entropy"])


def points(sample):
    """The log-likelihood of class 1 at (1, 1), by three weights that draw the same line."""
    right = sample.z_fresh @ [0.0, 1.0, 1.0] > 0
    rows = []
    for weight, text, unit in POINTS:
        w, score = [0.0, weight, weight], np.array([[2 * weight]], np.float32)
        probability = 1 / (1 + np.exp(-score))
        by_keras = [
            -float(keras.losses.binary_crossentropy([[1.0]], output, from_logits=logits)[0])
            for output, logits in ((probability, False), (score, True))
        ]
        same = np.mean((sample.z_fresh @ w > 0) == right)
        loss = mean_losses(sample.z_fresh, np.array(w))
        exact = -np.logaddexp(0, -2 * weight)
        rows.append((weight, text, unit, exact, np.log(probability).item(), *by_keras, same, loss))
    columns = ["weight", "text", "unit_of_last_digit", "exact", "float32_by_formula"]
    columns += ["keras_from_probability", "keras_from_logits", "same_side_share", "fresh_loss"]
    return pd.DataFrame(rows, columns=columns)


def held_out_losses(data, settings, track):
    """The loss of fresh rows by the exact minimum of sum loss + λ/2·‖w‖², bias included."""
    strengths = np.geomspace(1e-4, 1e3, 7 * settings.per_decade + 1)
    rows = []
    for i, seed in enumerate(track(settings.seeds, "strengths")):
        for name, samples in data.items():
            z, side = samples[i].z, samples[i].z[:, 0]
            for strength in strengths:
                model = LogisticRegression(
                    C=1 / strength, fit_intercept=False, solver="newton-cholesky", tol=1e-8
                )
                w = model.fit(z * side[:, None], side).coef_[0]
                keras_strength = strength / (2 * len(z))
                loss = mean_losses(samples[i].z_fresh, w)
                rows.append((name, seed, strength, keras_strength, np.linalg.norm(w), loss))
    columns = ["data", "seed", "strength", "l2_of_keras", "norm", "fresh_loss"]
    return pd.DataFrame(rows, columns=columns)
