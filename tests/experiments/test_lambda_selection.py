"""The choices and measures of the experiment are those that it says they are."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.grid needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from kerasreg.cross_validation import CrossValidation


def test_rules_are_those_of_cross_validation():
    from experiments.lambda_selection.choices import cross_validated, rules

    random = np.random.default_rng(0)
    strengths, n_folds, drawn = [0.01, 0.1, 1.0, 10.0, 100.0], 5, [(7, 0), (8, 0), (7, 1)]
    index = pd.MultiIndex.from_product(
        [strengths, range(n_folds * len(drawn)), [0], [1], ["train", "validation"], ["data_loss"]],
        names=["strength", "fold", "seed", "epoch", "split", "quantity"],
    )
    dip = (np.log10(index.get_level_values("strength")) - 0.3) ** 2
    curves = pd.DataFrame({"value": dip + random.normal(size=len(index))}, index).reset_index()
    curves["diverged"] = False
    found = CrossValidation(SimpleNamespace(curves=curves), None)
    paths = cross_validated(found, SimpleNamespace(n_folds=n_folds), drawn)
    chosen = set()
    for i, (seed, draw) in enumerate(drawn):
        own = curves[curves["fold"] // n_folds == i]
        alone = CrossValidation(SimpleNamespace(curves=own), None)
        path = paths[(paths["seed"] == seed) & (paths["draw"] == draw)]
        for rule in ("min", "one_standard_error"):
            assert rules(path)[rule] == alone.select(rule)
            chosen.add(alone.select(rule))
    assert len(chosen) > 1


@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("is_logistic", [True, False])
def test_scale_of_the_lecture(penalty, is_logistic):
    from experiments.lambda_selection.choices import lecture_scale

    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)), random.integers(0, 2, 12).astype(float)
    w, strength = tf.Variable(random.normal(size=(3, 1))), 0.3
    regularizer = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2}[penalty](strength)
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
        if is_logistic
        else keras.losses.MeanSquaredError(dtype="float64")
    )
    with tf.GradientTape() as tape:
        value = loss(y[:, None], tf.matmul(x, w)) + regularizer(w)
    gradient = np.ravel(tape.gradient(value, w))

    problems = pd.DataFrame({"problem": ["p"], "rows": [12], "is_logistic": [is_logistic]})
    strength *= lecture_scale(problems)["p", penalty]
    w = np.ravel(w.numpy())
    scores = x @ w
    output = 1 / (1 + np.exp(-scores)) if is_logistic else scores
    lecture = x.T @ (output - y) + strength * (np.sign(w) if penalty == "l1" else w)
    # The same direction, so the same minimum. Keras's factors of L1 and L2 are float32.
    np.testing.assert_allclose(lecture, gradient * (12 if is_logistic else 6), rtol=1e-6)


def test_degrees_of_freedom_are_the_trace_of_the_hat_matrix():
    from experiments.lambda_selection.measures import freedom

    random, strength = np.random.default_rng(0), 0.4
    x = random.normal(size=(20, 4)) + 1
    centred = x - x.mean(axis=0)
    # Minimum of |y − Xw|²/n + λ|w|².
    hat = centred @ np.linalg.solve(centred.T @ centred + 20 * strength * np.eye(4), centred.T)
    task = SimpleNamespace(problem=SimpleNamespace(is_logistic=False))
    found = freedom(task, x, np.zeros(4), 0.0, strength)
    np.testing.assert_allclose(found, np.trace(hat), rtol=1e-12)
