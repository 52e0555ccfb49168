"""The mark that a penalty leaves where its gradient goes into a loss."""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
from keras import ops

from kerasreg.regularizers.penalty import Penalty
from kerasreg.replicas import this_replica
from kerasreg.typing import Regularizer, Tensor


class Gate(keras.Regularizer):
    """Stands before the regularizer of a variable and notices when it is differentiated.

    A proximal optimizer applies a penalty by its prox, so that the penalty's gradient has to
    leave the gradients that it is given: it would count twice. Whether it is in them cannot be
    seen by looking at them; a loop may have forgotten `model.losses`. The gate therefore passes
    value and gradient on unchanged, and its backward rule, which runs where the gradient is
    traced or computed, sets a mark. Under any other optimizer nobody asks for the mark, and the
    gate does nothing.

    Args:
        regularizer: The regularizer that the variable had.
        penalty: The `Penalty` behind it, `as_penalty(regularizer)`.
    """

    def __init__(self, regularizer: Regularizer, penalty: Penalty):
        self.regularizer = regularizer
        self.penalty = penalty
        self.forget()

    def __call__(self, w: Tensor) -> Tensor:
        return _passing()(self.regularizer(w), self._mark)

    def gradient(self, w: Tensor) -> Tensor:
        """What this backend's differentiation of the regularizer puts into a gradient at `w`."""
        return _differentiate(self.regularizer, w)

    def forget(self) -> None:
        """Takes all marks away."""
        self._marks: set[int] = set()
        self.was_marked = False

    def take_mark(self) -> bool:
        """Whether the penalty was differentiated since the last call, on this replica."""
        replica = this_replica()
        marked = replica in self._marks
        self._marks.discard(replica)
        return marked

    def _mark(self) -> None:
        self._marks.add(this_replica())
        self.was_marked = True

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.regularizer.get_config()
        return config


def without_gate(regularizer: Regularizer) -> Regularizer:
    """The regularizer itself, where a proximal optimizer has set a gate before it."""
    return regularizer.regularizer if isinstance(regularizer, Gate) else regularizer


@cache
def _passing() -> Callable[[Tensor, Callable[[], None]], Tensor]:
    """The function (value, mark) → value whose backward rule calls `mark`."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def in_tensorflow(value: Tensor, mark: Callable[[], None]) -> Tensor:
            def identity(value: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
                def backward(upstream: Tensor) -> Tensor:
                    mark()
                    return upstream

                return tf.identity(value), backward

            return tf.custom_gradient(identity)(value)

        return in_tensorflow
    if backend == "jax":
        import jax

        # keras.ops.custom_gradient would call `mark` in the forward pass here.
        def in_jax(value: Tensor, mark: Callable[[], None]) -> Tensor:
            return value

        def forward(value: Tensor, mark: Callable[[], None]) -> tuple[Tensor, None]:
            return value, None

        def backward(mark: Callable[[], None], _: None, upstream: Tensor) -> tuple[Tensor]:
            mark()
            return (upstream,)

        gate: Any = jax.custom_vjp(in_jax, nondiff_argnums=(1,))
        gate.defvjp(forward, backward)
        in_jax_marked: Callable[[Tensor, Callable[[], None]], Tensor] = gate
        return in_jax_marked
    import torch

    class InTorch(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Tensor, mark: Callable[[], None]) -> Tensor:
            ctx.mark = mark
            return value.view_as(value)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
            ctx.mark()
            return upstream, None

    in_torch: Callable[[Tensor, Callable[[], None]], Tensor] = InTorch.apply
    return in_torch


def _differentiate(function: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
    """Gradient of a scalar function by the backend's automatic differentiation."""
    w = ops.convert_to_tensor(w)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        w = tf.identity(w)
        with tf.GradientTape() as tape:
            tape.watch(w)
            value = function(w)
        return tape.gradient(value, w)
    if backend == "jax":
        import jax

        return jax.grad(function)(w)
    import torch

    with torch.enable_grad():
        w = w.detach().requires_grad_()
        return torch.autograd.grad(function(w), w)[0]
