"""Which penalties a training step differentiates: the step is traced, and nothing of it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import tree
from keras.src.optimizers.base_optimizer import BaseOptimizer

from kerasreg.arguments import in_one_line
from kerasreg.surgery.auditing.subject import Weight, gate_before, unchanged
from kerasreg.variables import as_tensor

# A batch as large as the layers that count samples may need.
_N_TRACED = 8


class NotTraced(Exception):
    """The step could not be traced; the message says why."""


def own_step_of(model: keras.Model) -> str | None:
    """The method in which the model's class does its training steps in another way than Keras."""
    for name in ("train_step", "compute_loss_and_updates", "compute_loss"):
        if getattr(type(model), name, None) is not getattr(keras.Model, name, None):
            return f"{type(model).__name__}.{name}"
    return None


def forgotten(
    model: keras.Model, weights: list[Weight], x: Any, y: Any, train_step: Any
) -> list[Weight]:
    """The weights whose penalty has no part in the gradients of a training step.

    Gates stand before the regularizers while the step is traced; their backward rule marks them.
    The optimizers' steps are left out of the trace, so that no optimizer is built by it.

    Args:
        model: A built Keras model, which is not changed.
        weights: Those whose penalty is in `model.losses`.
        x: Inputs.
        y: Targets.
        train_step: A function of `(x, y)`, or None for the model's own.

    Raises:
        NotTraced: If the step cannot be traced.
    """
    x, y = tree.map_structure(_first_samples, (x, y), none_is_leaf=False)
    gates = [gate_before(weight.regularizer) for weight in weights]
    with unchanged(model), _metrics_left_out(model), _optimizers_left_out():
        for weight, gate in zip(weights, gates, strict=True):
            weight.variable.regularizer = gate
        try:
            _traced()(model, x, y, train_step)
        except Exception as error:  # whatever the user's own step raises
            raise NotTraced(_reason(error)) from error
    return [weight for weight, gate in zip(weights, gates, strict=True) if not gate.was_marked]


def _reason(error: Exception) -> str:
    text = str(error)
    if text.startswith("in user code"):  # AutoGraph puts a traceback before the message
        return text.strip().splitlines()[-1].strip(" .")
    return in_one_line(error)


def _first_samples(leaf: Any) -> np.ndarray:
    array = np.asarray(leaf)[:_N_TRACED]
    # As `fit` gives them to the model.
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _traced() -> Callable[[keras.Model, Any, Any, Any], None]:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _traced_by_tensorflow
    if backend == "jax":
        return _traced_by_jax
    raise NotTraced(f"the backend {backend} runs a step, it does not trace it")


def _traced_by_tensorflow(model: keras.Model, x: Any, y: Any, train_step: Any) -> None:
    import tensorflow as tf

    # Of a tf.function the program that it has made before would know nothing of the gates.
    function = getattr(train_step, "python_function", train_step)
    step = function or (lambda x, y: model.train_step((x, y)))
    specs = tree.map_structure(
        lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), (x, y), none_is_leaf=False
    )
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)  # the same for those that the step calls
    try:
        tf.function(step).get_concrete_function(*specs)
    finally:
        tf.config.run_functions_eagerly(before)


def _traced_by_jax(model: keras.Model, x: Any, y: Any, train_step: Any) -> None:
    import jax

    x, y = tree.map_structure(as_tensor, (x, y), none_is_leaf=False)
    state = tree.map_structure(
        lambda variable: variable.value,
        (
            model.trainable_variables,
            model.non_trainable_variables,
            getattr(getattr(model, "optimizer", None), "variables", []),
            model.metrics_variables,
        ),
    )

    def step(state: Any, x: Any, y: Any) -> int:
        if train_step is None:
            model.train_step(state, (x, y))
            return 0
        with keras.StatelessScope():  # what the step assigns stays in here
            train_step(x, y)
        return 0

    # A function that was compiled before would know nothing of the gates.
    with jax.disable_jit():
        jax.eval_shape(step, state, x, y)


@contextmanager
def _metrics_left_out(model: keras.Model) -> Iterator[None]:
    """The compiled metrics would be built by the trace, and a loss of several outputs too."""
    attributes = vars(model)
    kept = {name: attributes[name] for name in ("_compile_metrics", "_compile_loss")}
    loss = kept["_compile_loss"]
    attributes["_compile_metrics"] = None
    if loss is not None:
        attributes["_compile_loss"] = type(loss)(
            loss._user_loss, loss._user_loss_weights, output_names=loss.output_names
        )
    try:
        yield
    finally:
        attributes.update(kept)


@contextmanager
def _optimizers_left_out() -> Iterator[None]:
    """Makes the steps of all optimizers do nothing."""

    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
        return self._iterations

    def stateless_apply(
        self: Any, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        return trainable_variables, optimizer_variables

    kept = [
        (kind, replacement.__name__, vars(kind)[replacement.__name__], replacement)
        for kind in dict.fromkeys(_with_subclasses(BaseOptimizer))
        for replacement in (apply, stateless_apply)
        if replacement.__name__ in vars(kind)
    ]
    try:
        for kind, name, _, replacement in kept:
            setattr(kind, name, replacement)
        yield
    finally:
        for kind, name, original, _ in kept:
            setattr(kind, name, original)


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    below: type
    for below in kind.__subclasses__():
        yield from _with_subclasses(below)
