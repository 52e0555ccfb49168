"""The relaxed lasso: train on without the penalties, while zeros stay zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasreg.arguments import finite_float, invalid_argument, whole_number
from kerasreg.checks import check_inputs, checked_model, checked_samples, keras_optimizer
from kerasreg.held_regularizers import held_regularizers, put_regularizers
from kerasreg.proximal_optimizer import without_state
from kerasreg.regularizers import scaled_regularizer
from kerasreg.surgery.places import places
from kerasreg.surgery.regularizing import forget_programs
from kerasreg.typing import Samples, SamplesOrDataset
from kerasreg.variables import values_of


def refit_support(
    model: keras.Model,
    x: SamplesOrDataset,
    y: Samples | None = None,
    *,
    relaxation: float = 0.0,
    optimizer: str | keras.optimizers.Optimizer | None = None,
    **fit_arguments: Any,
) -> keras.callbacks.History:
    """Trains a sparse model on without its penalties; weights that are zero stay zero.

    L1 chooses weights and shrinks those that it chose. The second fit, on the support
    S = {i : wᵢ ≠ 0} that the first one has found, has no shrinkage:

        minimize data_loss(w) + relaxation·penalties(w)  over w with wᵢ = 0 for i outside S.

    All regularizers of the model are multiplied by `relaxation`, those of activities too; the
    strength λ of MCP, SCAD and the like is. Afterwards they are what they were, as are the
    optimizer of `compile` and its state: only weights have changed.

    Zeros are held in every weight that has a regularizer, and in every kernel that is not all
    zero, as one is that starts at zero. Biases and scales without a regularizer are free.

    Args:
        model: A compiled Keras model with exact zeros, as a proximal optimizer leaves them.
        x: As for `model.fit`.
        y: As for `model.fit`.
        relaxation: What is left of the penalties, from 0 (none) to 1 (all).
        optimizer: For this training; by default a new one with the settings of the model's.
        **fit_arguments: Passed on to `model.fit`: `epochs`, `batch_size`, `callbacks`, ….

    Returns:
        What `model.fit` returns, the `History`.

    Raises:
        ValueError: If the model is not compiled, has no exact zeros, or `relaxation` is not
            between 0 and 1.
        TypeError: If `model` is no Keras model; if `relaxation` is not 0 and there is a regularizer
            of unknown kind.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[0.0], [0.5]])])
    >>> model.compile(keras.optimizers.SGD(0.5), "mse")
    >>> x = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> history = refit_support(model, x, x.sum(axis=1), epochs=20, verbose=0)
    >>> model.get_weights()[0].ravel().round(3).tolist()
    [0.0, 1.0]

    References:
        - Meinshausen, Relaxed Lasso (2007), eq. 4, with φ = relaxation.
    """
    checked_model(model)
    relaxation = finite_float("relaxation", relaxation, minimum=0, maximum=1)
    if getattr(model, "optimizer", None) is None:
        raise ValueError(
            f"The model '{model.name}' is not compiled, so its loss is not known. Compile it: "
            '`model.compile("adam", loss)`'
        )
    if "epochs" in fit_arguments:
        whole_number("epochs", fit_arguments["epochs"], minimum=1)
    if y is not None:
        inputs, _, _ = checked_samples(x, y, fit_arguments.get("sample_weight"))
        check_inputs(model, inputs)
    elif x is None:
        raise invalid_argument("x", "samples to train on", x)
    fresh = _fresh(model, optimizer)
    with fixed_support(model), _relaxed(model, relaxation), _trained_by(model, fresh):
        return model.fit(x, y, **fit_arguments)


@contextmanager
def fixed_support(model: keras.Model) -> Iterator[None]:
    """Within it, weights that are zero stay zero, whatever trains the model.

    The zeros are held by a constraint on the variable, which `fit`, `kerasreg.training.train` and
    every loop that calls `optimizer.apply` obey; a constraint that is there already comes before
    it. Which weights are held: see `refit_support`.

    Args:
        model: A built Keras model with exact zeros.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If it has no exact zeros.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.array([[0.0], [0.5]])])
    >>> model.compile("sgd", "mse")
    >>> with kerasreg.surgery.fixed_support(model):
    ...     history = model.fit(np.eye(2), np.ones(2), verbose=0)
    >>> (model.get_weights()[0].ravel() != 0).tolist()
    [False, True]
    """
    held = []
    checked_model(model)
    for place in places(model):
        variable = place.variable
        if variable.trainable and (variable.regularizer is not None or place.is_kernel):
            is_zero = values_of(variable) == 0
            # A whole kernel of zeros that no penalty has chosen is one that starts at zero.
            if is_zero.any() and (variable.regularizer is not None or not is_zero.all()):
                held.append((variable, variable.constraint, is_zero))
    if not held:
        raise ValueError(
            f"The model '{model.name}' has no exact zeros, so there is no support to hold. "
            "Regularizers give zeros with a proximal optimizer: "
            "`model.compile(kerasreg.optimizers.ProximalAdam(1e-3), loss)`"
        )
    try:
        for variable, constraint, is_zero in held:
            variable.constraint = _zero_where(is_zero, constraint)
        forget_programs(model)
        yield
        for variable, _, is_zero in held:
            # An optimizer with `use_ema` averages before it asks for the constraint.
            variable.assign(np.where(is_zero, 0, values_of(variable)))
    finally:
        for variable, constraint, _ in held:
            variable.constraint = constraint
        forget_programs(model)


def _zero_where(
    is_zero: np.ndarray, constraint: Callable[[Any], Any] | None
) -> Callable[[Any], Any]:
    mask = ops.convert_to_tensor(is_zero)

    def constrained(w: Any) -> Any:
        w = ops.convert_to_tensor(w if constraint is None else constraint(w))
        return ops.where(mask, ops.cast(0, w.dtype), w)

    return constrained


@contextmanager
def _relaxed(model: keras.Model, relaxation: float) -> Iterator[None]:
    """Within it, all strengths are multiplied; 0 takes the regularizers away."""
    held = held_regularizers(model)
    if relaxation == 0:
        scaled: list[Any] = [None] * len(held.regularizers)
    else:
        scaled = [scaled_regularizer(each, relaxation) for each, _ in held.regularizers]
    # The gates of a proximal optimizer among them, which it looks for when it goes on.
    before = [(variable, getattr(variable, "regularizer", None)) for variable in model.variables]
    try:
        put_regularizers(model, held, scaled)
        yield
    finally:
        put_regularizers(model, held, [regularizer for regularizer, _ in held.regularizers])
        for variable, regularizer in before:
            if regularizer is not None:
                variable.regularizer = regularizer
        forget_programs(model)


def _fresh(model: keras.Model, given: Any) -> keras.optimizers.Optimizer:
    optimizer = keras_optimizer(model.optimizer if given is None else given)
    # The model's own is another one too if it is not built yet: it would be built here, to
    # weights without penalties.
    if optimizer.built or optimizer is model.optimizer:
        optimizer = without_state(optimizer)
    scaling = keras.optimizers.LossScaleOptimizer
    if isinstance(model.optimizer, scaling) and not isinstance(optimizer, scaling):
        optimizer = scaling(optimizer)  # as `compile` does in float16
    return optimizer


@contextmanager
def _trained_by(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    before = model.optimizer
    try:
        model.optimizer = optimizer
        yield
    finally:
        model.optimizer = before
        forget_programs(model)
