"""The lecture's gradient ascent for all seeds of `two_gaussians` at once, and one run by Keras."""

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kerasreg import descent

PENALTIES = ("none", "l2")


def recorded_steps(steps):
    """The start, and 1, 2, 5, 10, 20, … up to `steps`."""
    decades = range(len(str(steps)))
    found = [first * 10**decade for decade in decades for first in (1, 2, 5)]
    return [0, *(step for step in found if step <= steps)]


def ascend(samples, rate, settings, steps):
    """Weights at the given steps, of shape `(penalties, seeds, len(steps), weights)`.

    In float64; all of them are members of one program, for a hundred thousand small steps.
    """
    z = np.stack([sample.z for sample in samples] * len(PENALTIES))
    w = np.stack([sample.initial_weights for sample in samples] * len(PENALTIES))
    strength = np.repeat([0.0, settings.strength], len(samples))[:, None]
    z, w, strength = (tf.constant(array, tf.float64) for array in (z, w, strength))

    def step(i, w):
        miss = tf.sigmoid(-tf.linalg.matvec(z, w))  # 1 − the probability of the row's class
        gradient = tf.linalg.matvec(z, miss, transpose_a=True) - strength * w
        return i + 1, w + rate * gradient

    @tf.function(autograph=False, jit_compile=settings.jit_compile)
    def go_on(w, n):
        return tf.while_loop(lambda i, _: i < n, step, (0, w))[1]

    path = [w]
    for n in np.diff(steps):
        path.append(go_on(path[-1], tf.constant(n, tf.int32)))
    return np.stack(path, axis=1).reshape(len(PENALTIES), len(samples), len(steps), -1)


def in_keras(sample, taught, settings, log_dir):
    """The lecture's run by a Keras model, and how far its weights are from `taught`."""
    sides = np.sign(sample.z[:, 0])
    rows = len(sides)

    def cross_entropy(y, scores):
        return keras.losses.binary_crossentropy(y, scores, from_logits=True)

    found = []
    for penalty, ours in zip(PENALTIES, taught, strict=True):
        strength = settings.strength / (2 * rows) if penalty == "l2" else 0.0
        weights = descent.keras_descent(
            sample.z * sides[:, None],
            (sides > 0).astype(float),
            keras.regularizers.L2(strength),
            sample.initial_weights,
            loss=cross_entropy,
            learning_rate=settings.rate * rows,
            steps=settings.taught_steps,
            log_dir=log_dir and f"{log_dir}/{penalty}",
        )
        # To twelve decimals, for what is left of rounding is another machine's.
        off = np.abs(weights - ours).round(12)
        by_weight = zip(("bias", "w1", "w2"), weights, ours, off, strict=True)
        found += [(penalty, strength, *row) for row in by_weight]
    columns = ["penalty", "l2_of_keras", "weight", "by_keras", "as_taught", "difference"]
    return pd.DataFrame(found, columns=columns)
