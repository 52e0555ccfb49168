"""The penalties of `penalty_shapes`, and how they are differentiated, stepped and minimized."""

import re

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasreg.regularizers import PENALTIES, as_penalty


def family(strength):
    """All penalties by name: Keras's own with these factors, then kerasreg's of this strength."""
    of_keras = {
        "l1": keras.regularizers.L1(strength),
        "l2": keras.regularizers.L2(strength),
        "l1_l2": keras.regularizers.L1L2(strength, strength),
    }
    own = {_snake_case(kind.__name__): kind(strength=strength) for kind in PENALTIES}
    return {name: as_penalty(penalty) for name, penalty in (of_keras | own).items()}


def each(function, *arrays):
    """The function of each entry of the arrays along their first axis."""
    tensors = [ops.convert_to_tensor(array, "float32") for array in arrays]
    mapped = tf.function(
        lambda: tf.vectorized_map(lambda entries: function(*entries), tensors), autograph=False
    )
    return mapped().numpy()


def gradient(function, w):
    """What automatic differentiation makes of a scalar function of an array."""
    w = tf.convert_to_tensor(w, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(w)
        value = function(w)
    return tape.gradient(value, w).numpy()


def steps_of(penalty, starts, learning_rate, steps):
    """Weights by step, `(steps + 1, starts)`: first by gradient descent, then by the prox."""

    def one_step(step, w, u, by_gradient, by_prox):
        w = w - learning_rate * tf.gradients(penalty(w), w)[0]
        u = penalty.prox(u, learning_rate)
        return step + 1, w, u, by_gradient.write(step, w), by_prox.write(step, u)

    @tf.function(autograph=False)
    def descend(starts):
        paths = [tf.TensorArray(tf.float32, steps + 1).write(0, starts) for _ in range(2)]
        start = (1, starts, starts, *paths)
        *_, by_gradient, by_prox = tf.while_loop(lambda step, *_: step <= steps, one_step, start)
        return by_gradient.stack(), by_prox.stack()

    return [path.numpy() for path in descend(tf.constant(starts, tf.float32))]


def optima(penalty, curvatures, slopes, strengths, steps):
    """Minima of wᵀAw − 2·bᵀw + P(w) over two weights, `(problems, strengths, 2)`.

    By proximal gradient steps from zero and from the least squares solution, whichever ends lower:
    not all penalties are convex. `curvatures` A and `slopes` b have a first axis of problems,
    `strengths` is `(problems, strengths)`; all of them are descended at once.
    """
    slopes = np.asarray(slopes)[..., None]
    best = np.linalg.solve(curvatures, slopes)
    members = (*np.shape(strengths), 2)
    step_sizes = 0.5 / np.linalg.eigvalsh(curvatures)[:, -1]  # 1 / the largest eigenvalue of 2·A

    def spread(values, *axes):
        values = np.expand_dims(np.asarray(values, "float32"), axes)
        whole = np.broadcast_to(values, members + values.shape[3:])
        return tf.constant(whole.reshape(-1, *values.shape[3:]))

    a, b, t = spread(curvatures, 1, 2), spread(slopes, 1, 2), spread(step_sizes, 1, 2)
    strength = spread(strengths, 2)

    def proximal_step(task):
        a, b, w, t, strength = task
        return penalty.prox(w - t * 2 * (a @ w - b), t, strength)

    @tf.function(autograph=False)
    def descend(w):
        def one_step(i, w):
            return i + 1, tf.vectorized_map(proximal_step, (a, b, w, t, strength))

        w = tf.while_loop(lambda i, _: i < steps, one_step, (0, w))[1]
        data_loss = tf.reduce_sum(w * (a @ w - 2 * b), axis=(1, 2))
        return w, data_loss + tf.vectorized_map(lambda pair: penalty(*pair), (w, strength))

    w, objective = descend(spread(np.stack([np.zeros_like(best), best], axis=1), 1))
    w, objective = np.reshape(w, (*members, 2)), np.reshape(objective, members)
    lower = objective.argmin(axis=2)[..., None, None]
    return np.take_along_axis(w, lower, axis=2)[:, :, 0]


def _snake_case(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
