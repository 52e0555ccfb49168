"""The NumPy algorithms that textbooks teach, kept as plain as they are taught.

They follow a subgradient with a constant step, which makes no weight exactly zero. They are here
to be compared with, and to show what the taught algorithms really do; `keras_descent` does the
same steps with a Keras model.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasreg.arguments import (
    finite_float,
    float_between,
    invalid_argument,
    true_or_false,
    whole_number,
)
from kerasreg.checks import sample_array
from kerasreg.losses import check_losses
from kerasreg.typing import Loss, Regularizer

__all__ = [
    "Descent",
    "LogisticDescent",
    "elastic_net_descent",
    "keras_descent",
    "lasso_descent",
    "logistic_costs",
    "logistic_l1_descent",
    "ridge_descent",
]


@dataclass(frozen=True)
class Descent:
    """The weights of a descent, step by step.

    Args:
        path: Weights of shape `(steps + 1, n_weights)`; the first row is the initial weights.
    """

    path: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights after the last step, shape `(n_weights,)`."""
        last: NDArray[np.float64] = self.path[-1]
        return last


@dataclass(frozen=True)
class LogisticDescent(Descent):
    """A descent with its two costs, each of shape `(steps + 1,)` (see `logistic_costs`)."""

    printed_cost: NDArray[np.float64]
    followed_cost: NDArray[np.float64]


def logistic_costs(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike, strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cost that the lecture prints, and the one that its steps follow.

    With the cross-entropy ℓᵢ(w) of sample i, N samples and D weights,

        printed  = 1/N·Σᵢ ℓᵢ(w) + strength·1/D·‖w‖₁
        followed = Σᵢ ℓᵢ(w) + strength·‖w‖₁.

    Only for N = D is the printed cost 1/N of the other. Otherwise it is 1/N of a cost with the
    strength N/D·strength, which no step minimizes.

    Args:
        x: Inputs of shape `(N, D)`.
        y: Labels 0 or 1, shape `(N,)`.
        weights: Weights of shape `(D,)`, or several of shape `(…, D)`.
        strength: λ, a finite float >= 0.

    Returns:
        The two costs, each of shape `(…)`.

    Example:

    >>> printed, followed = logistic_costs([[1.0], [2.0]], [0, 1], [0.0], strength=2.0)
    >>> round(float(printed), 4), round(float(followed), 4)
    (0.6931, 1.3863)
    """
    x, y = _labelled(x, y)
    strength = finite_float("strength", strength, minimum=0)
    weights = sample_array("weights", weights).astype(np.float64)
    if weights.ndim == 0 or weights.shape[-1] != x.shape[1]:
        raise ValueError(
            f"Invalid shape for argument `weights`: expected (…, {x.shape[1]}), one weight a "
            f"feature. Received: weights.shape={weights.shape}"
        )
    scores = weights @ x.T
    # −log σ(score) for label 1, −log σ(−score) for label 0, without overflow.
    losses = np.logaddexp(0, scores) - y * scores
    modulus = np.abs(weights)
    printed = losses.mean(axis=-1) + strength * modulus.mean(axis=-1)
    followed = losses.sum(axis=-1) + strength * modulus.sum(axis=-1)
    return printed, followed


def logistic_l1_descent(
    x: ArrayLike,
    y: ArrayLike,
    strength: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.001,
    steps: int = 5000,
) -> LogisticDescent:
    """L1 logistic regression by subgradient descent, as the lecture teaches it.

    In each step, with ŷ = σ(Xw),

        w ← w − learning_rate·(Xᵀ(ŷ − y) + strength·sign(w)).

    The gradient is that of the *sum* of the losses, so that `strength` is n_samples times a
    strength for Keras's mean loss, and 1/C of scikit-learn. There is no bias.

    Where the text departs from what is right: the cost that it prints is not the one that the
    step follows unless the data are square (see `logistic_costs`), and a weight never stays at
    zero: it steps over zero again and again, by up to about 2·learning_rate·strength.

    Args:
        x: Inputs of shape `(n_samples, n_features)`.
        y: Labels 0 or 1, shape `(n_samples,)`.
        strength: λ, a finite float >= 0.
        initial_weights: Shape `(n_features,)`. The lecture draws N(0, 1)/√n_features.
        learning_rate: > 0.
        steps: Number of steps, >= 1.

    Returns:
        A `LogisticDescent`; its costs are those of each row of `path`.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        FloatingPointError: If the weights become infinite.

    Example:

    >>> data = kerasreg.datasets.sparse_logistic(seed=0)
    >>> descent = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights)
    >>> int((descent.weights == 0).sum())
    0
    """
    x, y = _labelled(x, y)
    strength = finite_float("strength", strength, minimum=0)

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        y_pred = 0.5 * (1 + np.tanh(x @ w / 2))  # the sigmoid, without overflow
        return x.T @ (y_pred - y) + strength * np.sign(w)

    path = _descend(gradient, x.shape[1], initial_weights, learning_rate, steps)
    return LogisticDescent(path, *logistic_costs(x, y, path, strength))


def lasso_descent(
    x: ArrayLike,
    y: ArrayLike,
    strength: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    penalize_bias: bool = True,
) -> Descent:
    """Lasso by subgradient descent, as the note teaches it.

    X has a first column of ones for the bias, m rows, and in each step

        w ← w − learning_rate·(2/m·Xᵀ(Xw − y) + strength·sign(w)),

    which follows 1/m·‖Xw − y‖² + strength·‖w‖₁. Without the ½ of scikit-learn's objective,
    `strength` is 2·alpha of its `Lasso`.

    Where the text departs from what is right: it penalizes the bias, which shifts the line
    towards zero for no gain; 1000 steps of 0.01 do not converge on its own data; and no weight
    becomes exactly zero, for which a proximal step or coordinate descent is needed.

    Args:
        x: Inputs of shape `(n_samples, n_features)`, without the column of ones.
        y: Targets of shape `(n_samples,)`.
        strength: λ, a finite float >= 0.
        initial_weights: Shape `(1 + n_features,)`, the bias first.
        learning_rate: > 0.
        steps: Number of steps, >= 1.
        penalize_bias: `False` leaves the bias out of the penalty.

    Returns:
        A `Descent`; its weights have the bias first.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        FloatingPointError: If the weights become infinite: the learning rate is too large.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> lasso_descent(note.x, note.y, 0.1, note.initial_weights).weights.round(5)
    array([4.16437, 2.97406])
    """
    strength = finite_float("strength", strength, minimum=0)
    pace: dict[str, Any] = {"learning_rate": learning_rate, "steps": steps}
    return elastic_net_descent(
        x, y, strength, 0.0, initial_weights, penalize_bias=penalize_bias, **pace
    )


def ridge_descent(
    x: ArrayLike,
    y: ArrayLike,
    strength: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    penalize_bias: bool = True,
) -> Descent:
    """Ridge regression by gradient descent, as the note teaches it.

    X has a first column of ones for the bias, m rows, and in each step

        w ← w − learning_rate·(2/m·Xᵀ(Xw − y) + 2·strength·w),

    which follows 1/m·‖Xw − y‖² + strength·‖w‖². scikit-learn's `Ridge` has the sum of squares,
    so its alpha is m·strength.

    Where the text departs from what is right: it penalizes the bias, and 1000 steps of 0.01 do
    not converge on its own data.

    Args, Returns, Raises: As for `lasso_descent`.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> ridge_descent(note.x, note.y, 0.1, note.second_initial_weights).weights.round(5)
    array([3.72876, 3.0962 ])
    """
    strength = finite_float("strength", strength, minimum=0)
    pace: dict[str, Any] = {"learning_rate": learning_rate, "steps": steps}
    return elastic_net_descent(
        x, y, 0.0, strength, initial_weights, penalize_bias=penalize_bias, **pace
    )


def elastic_net_descent(
    x: ArrayLike,
    y: ArrayLike,
    l1: float,
    l2: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    penalize_bias: bool = True,
) -> Descent:
    """The note's two descents with both penalties added.

        w ← w − learning_rate·(2/m·Xᵀ(Xw − y) + l1·sign(w) + 2·l2·w),

    which follows 1/m·‖Xw − y‖² + l1·‖w‖₁ + l2·‖w‖². scikit-learn's `ElasticNet(alpha, l1_ratio)`
    is l1 = 2·alpha·l1_ratio, l2 = alpha·(1 − l1_ratio).

    Args, Returns, Raises: As for `lasso_descent`, with two strengths `l1` and `l2` >= 0.

    Example:

    >>> descent = elastic_net_descent([[1.0], [2.0]], [1.0, 2.0], 0.0, 0.0, [0.0, 0.0], steps=9999)
    >>> descent.weights.round(4)
    array([0., 1.])
    """
    x, y = _matching(x, y)
    l1 = finite_float("l1", l1, minimum=0)
    l2 = finite_float("l2", l2, minimum=0)
    x = np.column_stack([np.ones(len(x)), x])
    penalized = np.ones(x.shape[1])
    penalized[0] = true_or_false("penalize_bias", penalize_bias)

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        slope = l1 * np.sign(w) + 2 * l2 * w
        return 2 / len(x) * x.T @ (x @ w - y) + penalized * slope

    return Descent(_descend(gradient, x.shape[1], initial_weights, learning_rate, steps))


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
        learning_rate: > 0.
        steps: Number of steps, >= 1. Many divisors make it faster.
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
    import keras

    from kerasreg.training import train

    x, y = _matching(x, y)
    _check_rate_and_steps(learning_rate, steps)
    true_or_false("free_bias", free_bias)
    check_losses(loss)
    try:
        keras.regularizers.get(regularizer)
    except (ValueError, TypeError):
        expected = "a Keras regularizer, a kerasreg penalty or None"
        raise invalid_argument("regularizer", expected, regularizer) from None
    weights = _initial(initial_weights, x.shape[1] + free_bias)
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


def _descend(
    gradient: Any, n_weights: int, initial_weights: ArrayLike, learning_rate: float, steps: int
) -> NDArray[np.float64]:
    """Steps of constant length along a gradient, as the path of shape `(steps + 1, n_weights)`."""
    _check_rate_and_steps(learning_rate, steps)
    w = _initial(initial_weights, n_weights)
    path = np.empty((steps + 1, n_weights))
    path[0] = w
    with np.errstate(over="ignore", invalid="ignore"):  # said below, in one line
        for step in range(1, steps + 1):
            w = w - learning_rate * gradient(w)
            path[step] = w
    finite = np.isfinite(path).all(axis=1)
    if not finite.all():
        raise FloatingPointError(
            f"The descent diverged: a weight is NaN or infinite at step {int(finite.argmin())}. "
            f"Try a smaller learning rate. Received: learning_rate={learning_rate!r}"
        )
    return path


def _check_rate_and_steps(learning_rate: Any, steps: Any) -> None:
    float_between("learning_rate", learning_rate, 0)
    whole_number("steps", steps, minimum=1)


def _initial(weights: ArrayLike, n_weights: int) -> NDArray[np.float64]:
    array = _finite_floats(weights)
    if array.shape != (n_weights,):
        expected = f"{n_weights} finite numbers, shape ({n_weights},)"
        raise invalid_argument("initial_weights", expected, weights)
    return array


def _finite_floats(weights: ArrayLike) -> NDArray[np.float64]:
    """Weights as doubles; an array without shape for what is no array of finite numbers."""
    try:
        array = np.asarray(weights)
    except ValueError:  # lists of different lengths
        return np.empty(())
    is_fit = array.dtype.kind in "fiub" and np.isfinite(array).all()
    return array.astype(np.float64) if is_fit else np.empty(())


def _matching(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs `(n_samples, n_features)` and targets `(n_samples,)` as finite float64 arrays."""
    x, y = (sample_array(name, each).astype(np.float64) for name, each in (("x", x), ("y", y)))
    if x.ndim != 2 or x.size == 0:
        raise ValueError(
            "Invalid shape for argument `x`: expected (n_samples, n_features), at least one of "
            f"each. Received: x.shape={x.shape}"
        )
    if y.shape != (len(x),):
        raise ValueError(
            f"Invalid shape for argument `y`: expected one target a sample, ({len(x)},). "
            f"Received: y.shape={y.shape}"
        )
    return x, y


def _labelled(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = _matching(x, y)
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            "Invalid value for argument `y`: expected labels 0 or 1. "
            f"Received: values from {y.min():g} to {y.max():g}"
        )
    return x, y
