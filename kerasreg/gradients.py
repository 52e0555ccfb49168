"""The gradient of the data loss alone, over all samples, on every backend of Keras."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from kerasreg.arguments import invalid_argument, true_or_false, whole_number
from kerasreg.checks import (
    check_inputs,
    check_sample_weight,
    check_targets,
    check_trainable,
    checked_model,
    checked_samples,
)
from kerasreg.losses import MEANS, SAMPLE_MEANS, by_output, check_losses, resolved_loss
from kerasreg.regularizers.validation import at_least_float32
from kerasreg.variables import as_tensor, named_variables, values_of


class DataGradient:
    """Gradient of a model's data loss at any weights; the model itself is never changed.

    With batches b of n_b samples the data loss is, as Keras reports it,

        data_loss(θ) = Σ_b n_b·(loss_b(θ) + Σ added_b(θ)) / Σ_b n_b,

    where `added` are activity regularizers and what layers give to `add_loss`. Weight
    regularizers are not in it: they are left out in the first place, not subtracted. Where the
    loss and all that is added are means over the samples, the batch size does not matter.

    Args:
        model: A built Keras model.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them.
        y: Targets, likewise.
        loss: Name of a Keras loss, a `keras.losses.Loss`, or a callable of `(y_true, y_pred)`;
            for several outputs one for all of them, a list, or a dict by output.
        sample_weight: Weights of shape `(samples,)`, used as Keras's losses use them, or None;
            for several outputs one for all of them, a list, or a dict by output.
        batch_size: Samples a pass, an int >= 1.
        training: The argument `training` of the model's call.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If it is not built; for an unknown loss; for arrays that are empty, of
            different length or not finite; for a loss that is no mean over the samples in more
            than one batch.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        y: Any,
        loss: Any,
        *,
        sample_weight: Any = None,
        batch_size: int = 1024,
        training: bool = False,
    ):
        self._model, self._training = checked_model(model), training
        self._variables = [variable for _, variable in named_variables(model)]
        check_trainable(model, purpose="check")
        self._batch_size = whole_number("batch_size", batch_size, minimum=1)
        check_losses(loss)
        true_or_false("training", training)
        self._data = checked_samples(x, y, sample_weight)
        check_inputs(model, self._data[0])
        check_targets(model, loss, self._data[1])
        check_sample_weight(model, loss, self._data[2])
        self._n_samples = len(tree.flatten(self._data[0])[0])
        self._losses = tree.map_structure(resolved_loss, loss, none_is_leaf=False)
        for each in tree.flatten(self._losses):
            self._check_reduction(each, sample_weight is not None)
        self._gradient = _differentiated(self._loss)

    def __call__(self, weights: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """Gradient by each trainable variable, in the model's order.

        Args:
            weights: Values of the trainable variables; those that they have by default.

        Returns:
            One array a variable, of its shape, float32 (float64 for float64 variables).
        """
        # Sums over many batches would lose digits in float32.
        totals = [np.zeros(tuple(variable.shape)) for variable in self._variables]
        values = self._tensors(weights)
        for n_samples, batch in self._batches():
            for total, gradient in zip(totals, self._gradient(values, *batch), strict=True):
                dtype = at_least_float32(gradient.dtype)
                gradient = ops.convert_to_numpy(ops.cast(gradient, dtype))
                total += gradient.astype(np.float64) * (n_samples / self._n_samples)
        return [
            total.astype(at_least_float32(variable.dtype))
            for total, variable in zip(totals, self._variables, strict=True)
        ]

    @property
    def targets(self) -> Any:
        """The targets as arrays."""
        return self._data[1]

    def value(self, weights: Sequence[np.ndarray] | None = None) -> float:
        """The data loss itself; `weights` as for the gradient."""
        values = self._tensors(weights)
        return sum(
            float(ops.convert_to_numpy(self._loss(values, *batch))) * (n_samples / self._n_samples)
            for n_samples, batch in self._batches()
        )

    def _tensors(self, weights: Sequence[np.ndarray] | None) -> list[Any]:
        if weights is None:
            weights = [values_of(variable) for variable in self._variables]
        return [
            as_tensor(np.asarray(value), dtype=variable.dtype)
            for value, variable in zip(weights, self._variables, strict=True)
        ]

    def _batches(self) -> Iterator[tuple[int, Any]]:
        for start in range(0, self._n_samples, self._batch_size):
            rows = slice(start, start + self._batch_size)
            batch = tree.map_structure(
                lambda leaf, rows=rows: as_tensor(leaf[rows]),
                self._data,
                none_is_leaf=False,
            )
            yield min(self._batch_size, self._n_samples - start), batch

    def _loss(self, values: Any, x: Any, y: Any, sample_weight: Any) -> Any:
        state = list(zip(self._variables, values, strict=True))
        with keras.StatelessScope(state, collect_losses=True) as scope:
            y_pred = self._model(x, training=self._training)
            # Only what the forward pass added: `model.losses` would compute the weight
            # regularizers too.
            parts = [*self._output_losses(y, y_pred, sample_weight), *scope.losses]
        return sum(ops.sum(part) for part in parts)

    def _output_losses(self, y: Any, y_pred: Any, sample_weight: Any) -> list[Any]:
        if not tree.is_nested(y_pred):
            # Keras takes a list of one for one output as well.
            names = list(getattr(self._model, "output_names", None) or [0])
            given = {"loss": self._losses, "y": y, "sample_weight": sample_weight}
            loss, target, weight = (
                by_output(name, value, names)[0] if tree.is_nested(value) else value
                for name, value in given.items()
            )
            return [loss(target, y_pred, weight)]
        if isinstance(y_pred, dict):
            names, predictions = list(y_pred), list(y_pred.values())
        else:
            predictions = list(y_pred)
            names = list(getattr(self._model, "output_names", range(len(predictions))))
        if not tree.is_nested(y):
            raise invalid_argument("y", f"targets for each of the outputs {names}", "one array")
        outputs = zip(
            by_output("loss", self._losses, names),
            by_output("y", y, names),
            predictions,
            by_output("sample_weight", sample_weight, names),
            strict=True,
        )
        return [loss(*output) for loss, *output in outputs if loss is not None]

    def _check_reduction(self, loss: Any, is_weighted: bool) -> None:
        means = SAMPLE_MEANS if is_weighted else MEANS
        if loss is None or self._n_samples <= self._batch_size or loss.reduction in means:
            return
        raise ValueError(
            f"The loss {loss.name} with reduction={loss.reduction!r} is no mean over the samples, "
            f"so its batches cannot be averaged. Pass batch_size={self._n_samples}"
        )


def _differentiated(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """The gradient of a scalar function by its first argument, a list of tensors."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def in_tensorflow(values: Any, *args: Any) -> list[Any]:
            with tf.GradientTape() as tape:
                tape.watch(values)
                value = function(values, *args)
            zero = tf.UnconnectedGradients.ZERO
            gradients = tape.gradient(value, values, unconnected_gradients=zero)
            return [tf.convert_to_tensor(gradient) for gradient in gradients]

        program: Callable[..., list[Any]] = tf.function(
            in_tensorflow, autograph=False, reduce_retracing=True
        )
        return program
    if backend == "jax":
        import jax

        gradient: Callable[..., list[Any]] = jax.jit(jax.grad(function))
        return gradient
    import torch

    def in_torch(values: Any, *args: Any) -> list[Any]:
        with torch.enable_grad():
            values = [value.detach().clone().requires_grad_() for value in values]
            gradients = torch.autograd.grad(
                function(values, *args), values, allow_unused=True, materialize_grads=True
            )
        return list(gradients)

    return in_torch
