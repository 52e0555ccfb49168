"""What `lambda_selection` measures of the models that are trained on all training rows."""

import numpy as np
import pandas as pd

from kerasreg.optimality import duality_gap

NOISE = 0.1  # standard deviations of an input


def measured(task, penalty, trained):
    """By seed and strength: losses, norms, degrees of freedom, and change under input noise."""
    curves = trained.curves
    last = curves[curves["epoch"] == curves["epoch"].max()]
    values = last.pivot(
        index=["fold", "strength"], columns=["split", "quantity"], values="value"
    ).sort_index()
    coefficients = trained.coefficients.query("variable == 'dense/kernel'")
    kernels = coefficients.pivot(index=["fold", "strength"], columns="index", values="value")
    biases = trained.coefficients.query("variable == 'dense/bias'").set_index(["fold", "strength"])
    rows = []
    for i, (seed, (x, x_test, _, _)) in enumerate(task.splits.items()):
        w, b = kernels.loc[i].to_numpy(), biases.loc[i, "value"].to_numpy()
        strengths = kernels.loc[i].index.to_numpy()
        noise = np.random.default_rng(seed).normal(scale=NOISE, size=x_test.shape)
        before, after = (z @ w.T + b for z in (x_test, x_test + noise))
        found = pd.DataFrame({"seed": seed, "strength": strengths})
        found["train_loss"] = values.loc[i, ("train", "data_loss")].to_numpy()
        found["test_loss"] = values.loc[i, ("validation", "data_loss")].to_numpy()
        accuracy = ("validation", "binary_accuracy")
        found["test_accuracy"] = values.loc[i, accuracy].to_numpy() if accuracy in values else None
        found["l1_norm"], found["l2_norm"] = np.abs(w).sum(axis=1), np.linalg.norm(w, axis=1)
        found["n_nonzero"] = np.count_nonzero(w, axis=1)
        found["degrees_of_freedom"] = (
            found["n_nonzero"]
            if penalty == "l1"
            else [freedom(task, x, *each) for each in zip(w, b, strengths, strict=True)]
        )
        found["score_change"] = rms(after - before)
        outputs = sigmoid(after) - sigmoid(before) if task.problem.is_logistic else after - before
        found["output_change"] = rms(outputs)
        rows.append(found)
    return pd.concat(rows, ignore_index=True).astype({"test_accuracy": float})


def precision(task, trained):
    """How far the objective of the first split is above its minimum, as a share of it, at most."""
    seed = task.settings.seeds[0]
    x, _, y, _ = task.splits[seed]
    rows = []
    for strength in trained.strengths[trained.strengths > 0]:
        model = trained.model(strength)
        gap = duality_gap(model, x, y, task.loss)
        z = np.asarray(model(x), "float64")[:, 0]
        loss = np.logaddexp(0, z) - y * z if task.problem.is_logistic else (z - y) ** 2
        norm = np.asarray(model.layers[0].kernel.regularizer(model.layers[0].kernel))
        rows.append((seed, strength, gap / (loss.mean() + norm)))
    return pd.DataFrame(rows, columns=["seed", "strength", "relative_gap"])


def freedom(task, x, w, b, strength):
    """Effective degrees of freedom under L2: tr H·(H + 2λ)⁻¹, H the data's curvature at w.

    The bias is free: H is what is left of the curvature at the best bias. (Elements of Statistical
    Learning, equation 3.50; for logistic regression, H has the weights p·(1 − p).)
    """
    p = sigmoid(x @ w + b)
    weights = p * (1 - p) if task.problem.is_logistic else np.full(len(x), 2.0)
    centred = x - (weights @ x) / weights.sum()
    curvature = np.linalg.eigvalsh((centred.T * weights) @ centred / len(x)).clip(min=0)
    if strength == 0:
        return np.linalg.matrix_rank(centred)
    return np.sum(curvature / (curvature + 2 * strength))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def rms(values):
    return np.sqrt(np.mean(values**2, axis=0))
