"""The same descents with a Keras model."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasreg.arguments import invalid_argument, true_or_false
from kerasreg.descent.steps import check_rate_and_steps, initial_values, matching_samples
from kerasreg.losses import check_losses
from kerasreg.typing import Loss, Regularizer


def keras_descent(
    x: ArrayLike,
    y: ArrayLike,
    regularizer: Regularizer,
    initial_weights: ArrayLike,
    *,
    loss: Loss = "mse",
    learning_rate: float = 0.01,
    steps: int = 1000,
    free_bias: bool = False,
    log_dir: str | None = None,
) -> NDArray[np.float64]:
    """The same kind of descent by Keras: full-batch SGD steps of one Dense unit, in float64.

        w ← w − learning_rate·∇(mean loss + regularizer(w))

    A descent on a *sum* of n losses is repeated by learning_rate·n and strength/n. With
    `kerasreg.regularizers.ElasticNet` the weights are those of the NumPy descents to about
    1e-15; Keras's own regularizers round their factors to float32, which shows at about 1e-8.

    Double precision takes more than a layer's dtype: losses, learning rates and data follow
    Keras's `floatx`, which is set back at the end. Pass the loss as a name or a function, for an
    instance of a loss keeps the precision under which it was made.

    Args:
        x: Inputs of shape `(n_samples, n_features)`.
        y: Targets of shape `(n_samples,)`.
        regularizer: A Keras regularizer or a kerasreg penalty, of the kernel.
        initial_weights: Shape `(n_features,)`; with `free_bias` `(1 + n_features,)`, bias first.
        loss: As for `compile`, the mean over the samples.
        learning_rate: A finite float > 0.
        steps: Number of steps, an int >= 1. Many divisors make it faster.
        free_bias: Whether the unit has a bias, which is not penalized.
        log_dir: Folder for TensorBoard's event files, or None.

    Returns:
        The weights after the last step, of the shape of `initial_weights`.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        kerasreg.training.TrainingDiverged: If a loss or gradient becomes infinite.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> x = np.column_stack([np.ones(100), note.x])
    >>> penalty = kerasreg.regularizers.ElasticNet(0.1, l1_ratio=1.0)
    >>> keras_descent(x, note.y, penalty, note.initial_weights).round(5)
    array([4.16437, 2.97406])
    """
    from kerasreg.training import train  # which needs TensorFlow

    x, y = matching_samples(x, y)
    check_rate_and_steps(learning_rate, steps)
    true_or_false("free_bias", free_bias)
    check_losses(loss)
    try:
        keras.regularizers.get(regularizer)
    except (ValueError, TypeError):
        expected = "a Keras regularizer, a kerasreg penalty or None"
        raise invalid_argument("regularizer", expected, regularizer) from None
    weights = initial_values(initial_weights, x.shape[1] + free_bias)
    # One epoch is one program: the samples repeated so often that it is many full batches.
    batches = max(n for n in range(1, min(steps, 500) + 1) if steps % n == 0)
    before = keras.config.floatx()
    keras.config.dtype_policy()  # asked for the first time below, it would stay float64
    keras.config.set_floatx("float64")
    try:
        # Keras's dtype policy follows floatx only until someone asks for it, hence the dtypes.
        layer = keras.layers.Dense(
            1, use_bias=free_bias, kernel_regularizer=regularizer, dtype="float64", name="line"
        )
        model = keras.Sequential([keras.Input((x.shape[1],), dtype="float64"), layer])
        # A layer's variables are the kernel, then the bias.
        layer.set_weights([weights[int(free_bias) :, None], weights[:1]][: 1 + free_bias])
        train(
            model,
            np.tile(x, (batches, 1)),
            np.tile(y, batches)[:, None],
            optimizer=keras.optimizers.SGD(learning_rate),
            loss=loss,
            epochs=steps // batches,
            batch_size=len(x),
            shuffle=False,
            jit_compile=False,  # a small model: compiling takes longer than the steps
            log_dir=log_dir,
        )
        return np.concatenate([np.ravel(w) for w in reversed(layer.get_weights())])
    finally:
        keras.config.set_floatx(before)
