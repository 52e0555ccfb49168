"""The solvers of `wide_logistic`, and what is measured of their weights."""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from kerasreg import descent
from kerasreg.regularizers import ElasticNet


def solved(data, penalty, strength):
    """scikit-learn's solution of sum loss + strength·‖w‖₁, or + strength/2·‖w‖², without bias."""
    return (
        LogisticRegression(
            C=1 / strength,
            l1_ratio=float(penalty == "l1"),
            solver="liblinear" if penalty == "l1" else "lbfgs",
            fit_intercept=False,
            tol=1e-10 if len(data.x) <= 50 else 1e-6,  # optimal to 1e-8 of, or 1e-4 of, strength
            max_iter=100_000,
            random_state=0,
        )
        .fit(data.x, data.y)
        .coef_[0]
    )


def repeated(data, strength, settings, log_dir):
    """The descent in Keras: on the mean loss, so with N times the rate and 1/N of the strength."""
    n = len(data.x)

    def cross_entropy(y, scores):
        return keras.losses.binary_crossentropy(y, scores, from_logits=True)

    return descent.keras_descent(
        data.x,
        data.y,
        ElasticNet(strength / n, l1_ratio=1.0),
        data.initial_weights,
        loss=cross_entropy,
        learning_rate=settings.learning_rate * n,
        steps=settings.steps,
        log_dir=log_dir,
    )


def fit_measures(w, data):
    truth = data.true_weights
    return {
        "n_nonzero": np.count_nonzero(w),
        "n_true_among_largest": np.sum(np.argsort(-np.abs(w))[:3] < 3),
        "l1_norm": np.abs(w).sum(),
        "cosine": w @ truth / np.linalg.norm(w) / np.linalg.norm(truth),
        "distance": np.linalg.norm(w - truth) / np.linalg.norm(truth),
        "train_accuracy": np.mean((data.x @ w > 0) == data.y),
        "held_out_accuracy": np.mean((data.x_held_out @ w > 0) == data.y_held_out),
    }


def descent_measures(run, solution, minimum, step):
    """How its costs and the weights that are zero in the solution went; `step` is rate·strength."""
    null = run.path[:, solution == 0]
    last = null[-len(null) // 5 :]
    arriving = np.logical_and.accumulate(np.sign(null[1:]) == np.sign(null[0]))
    speed = (-np.sign(null[0]) * np.diff(null, axis=0))[arriving] / step
    printed = run.printed_cost
    unsettled = np.abs(printed - printed[-1]) > 0.01 * np.ptp(printed)
    return {
        "settled_after": np.flatnonzero(unsettled).max(initial=-1) + 1,
        "excess_cost": run.followed_cost[-1] / minimum - 1,
        "printed_above_lowest": printed[-1] / printed.min() - 1,
        "share_at_zero": np.mean(last == 0),
        "swing": np.abs(last).max() / step,
        "crossings_per_1000": 1000 * np.mean(np.diff(np.sign(last), axis=0) != 0),
        **dict(zip(("slow", "speed", "fast"), np.quantile(speed, (0.05, 0.5, 0.95)), strict=True)),
    }
