"""Where a path should begin: the strength that leaves nothing of the penalized weights.

`kerasreg.path` and `kerasreg.cross_validation` ask `largest_strength` where none are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras.src.trainers.compile_utils import CompileLoss

from kerasreg.arguments import (
    checked_seeds,
    float_between,
    folder_or_none,
    some_of,
    true_or_false,
    whole_number,
)
from kerasreg.checks import checked_samples, is_dataset, keras_optimizer
from kerasreg.copies import copy_with, fresh_values
from kerasreg.grid import train_grid
from kerasreg.losses import check_losses
from kerasreg.optimality import (
    at_zero_weights,
    factor_for_zero,
    has_one_layer,
    zero_is_always_stationary,
)
from kerasreg.tensorflow_only import tf
from kerasreg.training import check_loop_settings
from kerasreg.training_data import build_for
from kerasreg.typing import Loss, Samples, SamplesOrDataset

__all__ = ["largest_strength"]

# The coarse training looks at twelve decades of strengths, from 10⁻⁷ to 10⁵ times the one at which
# the penalties of the initial weights are as large as the data loss there.
_DECADES = (-7.0, 5.0)
# At least four strengths a decade.
_MIN_STRENGTHS = 49
# A quarter of the epochs of the path, but not fewer than this.
_MIN_EPOCHS = 5
# Where nothing becomes an exact zero: how much is left of the way that the norm of the penalized
# weights goes from the smallest strength to where more strength does nothing.
_NOTHING_LEFT = 0.05


def largest_strength(
    model: keras.Model,
    x: SamplesOrDataset,
    y: Samples | None = None,
    *,
    optimizer: str | keras.optimizers.Optimizer,
    loss: Loss,
    epochs: int,
    batch_size: int = 32,
    seeds: Sequence[int] = (0,),
    n_strengths: int = 100,
    **settings: Any,
) -> float:
    """The strength with which a path begins: from it on nothing is left of the penalized weights.

    For a model with one layer of weights it is `kerasreg.optimality.strength_max`, exact. For a
    deeper one, or where that says nothing (infinite as for L2, or 0 as for a penalty whose slope is
    infinite at zero), the model is trained for a quarter of the epochs (at least 5, at most all)
    at `n_strengths` strengths, or 49 if these are fewer, over twelve decades; a path of as many
    strengths and one seed then uses its program. The answer is the smallest strength from which on

    - every penalized weight is an exact zero, under a proximal optimizer;
    - else the norm of the penalized weights has done 95 % of its way from the smallest strength
      to its least value: more strength does nothing that training can follow. For the weights w(s)
      after training at strength s, and the smallest strength s₀,

          ‖w(s)‖ ≤ min_r ‖w(r)‖ + 0.05·(‖w(s₀)‖ − min_r ‖w(r)‖).

    Longer training can only make a smaller strength enough, so that the path begins a little above
    the strength at which the first weight enters, not below: on digits, for 20 epochs, 2.4 times.

    Args:
        model: As for `train_grid`, and so are the other arguments.
        x: Inputs, an array of shape `(samples, …)`, a nested structure of them, or a dataset.
        y: Targets, likewise; left out for a dataset.
        optimizer: The optimizer of the path.
        loss: As for `compile`.
        epochs: Epochs of the path, an int >= 1.
        batch_size: Samples a step, an int >= 1.
        seeds: Ints >= 0, of which the first is used.
        n_strengths: Number of strengths of the path, an int >= 2.
        **settings: Further arguments of `train_grid`.

    Returns:
        A float > 0.

    Raises:
        ValueError: If the model has no penalties, or no strength leaves nothing of the weights; if
            every strength does, or training diverged at each; and as `train_grid`.
        TypeError: As `train_grid`.

    Example:

    >>> x = np.array([[1.0], [-1.0]], "float32")
    >>> y = np.array([2.0, -2.0], "float32")
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((1,)), dense])
    >>> settings = {"optimizer": "sgd", "loss": "mse", "epochs": 1}
    >>> round(kerasreg.strength_range.largest_strength(model, x, y, **settings), 4)
    4.0
    """
    jit_compile = settings.get("jit_compile", "auto")
    check_loop_settings(model, epochs, batch_size, None, jit_compile)
    seed = checked_seeds(seeds)[0]
    n_strengths = whole_number("n_strengths", n_strengths, minimum=2)
    if not is_dataset(x):
        checked_samples(x, y, settings.get("sample_weight"))
    check_losses(loss)
    optimizer = keras_optimizer(optimizer)
    exact = _exact(model, x, y, loss, settings.get("sample_weight"))
    if 0 < exact < math.inf:
        return exact
    if exact == 0:
        raise ValueError(
            f"Every strength makes the penalized weights of the model '{model.name}' zero, so that "
            "there is no path: with all of them at zero the gradient of the data loss is zero. Are "
            "the inputs or the targets constant, or the regularizer's own strength 0?"
        )
    balance = _balance(model, x, y, loss, seed)
    strengths = balance * np.logspace(*_DECADES, max(n_strengths, _MIN_STRENGTHS))
    short = min(epochs, max(_MIN_EPOCHS, -(-epochs // 4)))
    coarse = train_grid(
        model,
        x,
        y,
        strengths=[float(s) for s in strengths],
        optimizer=optimizer,
        loss=loss,
        epochs=short,
        batch_size=batch_size,
        seeds=[seed],
        **settings,
    )
    weights = coarse.weights
    last = weights[(weights["epoch"] == short) & weights["variable"].isin(coarse.penalized)]
    by_strength = last.assign(square=last["l2_norm"] ** 2).groupby("strength")
    diverged = by_strength["diverged"].any()
    gone = _is_gone(by_strength, diverged) & ~diverged
    return _smallest_from_which_on(gone, diverged, strengths)


def check_before_search(
    warm_start: Any, checkpoint_dir: Any, log_dir: Any, log_members: Any
) -> None:
    """Raises for what only the training after the search for strengths would look at."""
    true_or_false("warm_start", warm_start)
    folder_or_none("checkpoint_dir", checkpoint_dir)
    folder_or_none("log_dir", log_dir)
    whole_number("log_members", log_members, minimum=1)


def strength_grid(
    model: keras.Model, x: Any, y: Any, n_strengths: Any, min_ratio: Any, **settings: Any
) -> list[float]:
    """`n_strengths` from `largest_strength` down to `min_ratio` times it, ascending."""
    n_strengths = whole_number("n_strengths", n_strengths, minimum=2)
    min_ratio = float_between("min_ratio", min_ratio, 0, 1)
    largest = largest_strength(model, x, y, n_strengths=n_strengths, **settings)
    return [float(s) for s in largest * np.geomspace(min_ratio, 1.0, n_strengths)]


def _is_gone(by_strength: Any, diverged: Any) -> Any:
    """At which strengths nothing is left of the penalized weights, as `largest_strength` says."""
    left = by_strength["n_weights"].sum() - by_strength["n_zero"].sum()
    if (left == 0).any():
        return left == 0
    norm = np.sqrt(by_strength["square"].sum())
    start, least = norm.iloc[0], norm[~diverged].min()
    return (norm <= least + _NOTHING_LEFT * (start - least)) & (norm < start)


def _smallest_from_which_on(gone: Any, diverged: Any, strengths: np.ndarray) -> float:
    """The first strength after the last one that has left something; diverged ones say nothing."""
    known = gone[~diverged]
    if known.empty:
        raise ValueError(
            f"Training diverged at each of {len(strengths)} strengths from {strengths[0]:.2g} to "
            f"{strengths[-1]:.2g}: take a smaller learning rate, or scale the data"
        )
    if not known.iloc[-1]:
        raise ValueError(
            f"No strength from {strengths[0]:.2g} to {strengths[-1]:.2g} leaves nothing of the "
            f"penalized weights ({int(diverged.sum())} of {len(strengths)} diverged), so that a "
            "path has no natural beginning. Pass `strengths`, such as np.geomspace(1e-5, 1, 100)"
        )
    something_left = np.flatnonzero(~known.to_numpy())
    return float(known.index[something_left[-1] + 1 if len(something_left) else 0])


def _exact(model: keras.Model, x: Any, y: Any, loss: Any, sample_weight: Any) -> float:
    """strength_max where it says where training ends, else inf; 0 if the gradient is zero."""
    if not model.built or y is None or not has_one_layer(model):
        return math.inf
    if any(layer.activity_regularizer for layer in model._flatten_layers()):
        return math.inf
    at_zero = at_zero_weights(model, x, y, loss, sample_weight=sample_weight)
    if not any(gradient.any() for _, gradient in at_zero):
        return 0.0
    if any(zero_is_always_stationary(penalty, gradient.shape) for penalty, gradient in at_zero):
        return math.inf
    return max(factor_for_zero(penalty, gradient) for penalty, gradient in at_zero)


def _balance(model: keras.Model, x: Any, y: Any, loss: Any, seed: int) -> float:
    """data_loss / Σ penalties at the initial weights, as a power of ten.

    A rounded number is the same on every machine, and so are the strengths of a path.
    """
    if isinstance(x, tf.data.Dataset):
        x, y = next(iter(x))[:2]
    rows = slice(0, 1024)
    x, y = (keras.tree.map_structure(lambda leaf: np.asarray(leaf)[rows], part) for part in (x, y))
    build_for(model, x)
    values = fresh_values(model, seed)
    start = copy_with(model, values, 1.0)
    y_pred = start(x, training=False)
    penalty = float(sum(map(keras.ops.sum, start.losses), 0.0))
    data_loss = float(
        CompileLoss(loss, output_names=getattr(model, "output_names", None))(y, y_pred)
    )
    if penalty <= 0:
        names = [layer.name for layer in model._flatten_layers(include_self=False)]
        raise ValueError(
            f"The model '{model.name}' has no penalties, so there is no path. Give its layers "
            f"{some_of(names)} a kernel_regularizer, such as keras.regularizers.L1(1.0)"
        )
    return 10.0 ** round(math.log10(max(data_loss, 1e-6) / penalty))
