"""What proximal optimizers share: the gradients of the penalties taken out, the prox put in."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from kerasreg.regularizers.gate import Gate
from kerasreg.regularizers.keras_builtin import as_penalty
from kerasreg.regularizers.validation import at_least_float32
from kerasreg.replicas import n_replicas

# From this number of weights on, TensorFlow compiles the update of a variable by XLA on its own,
# as one pass over memory; below it, the operations one by one are as fast.
_COMPILED_FROM = 2**16


class ProximalOptimizer(keras.optimizers.Optimizer):
    """What the proximal optimizers share; it stands before a Keras optimizer among the bases.

    An optimizer of another kind says in `_step_size` in which metric it moves: by what its update
    multiplies the gradient, or its average, of each weight, after that update; a scalar or an
    array of the shape of the variable. `index` is the place of the variable in its state:

        @keras.saving.register_keras_serializable(package="mine")
        class ProximalAdamax(ProximalOptimizer, keras.optimizers.Adamax):
            def _step_size(self, index, learning_rate):
                return learning_rate / (self._u[index] + self.epsilon)

    Where the update has momentum besides, as that of SGD, `_proximal_step` does more: see
    `kerasreg.optimizers.ProximalSGD`.

    `strength_scale`, a scalar variable, multiplies the strengths of all penalties in the prox. It
    is 1 unless something sets it.

    Example:

    >>> optimizer = kerasreg.optimizers.ProximalSGD(0.1)
    >>> isinstance(optimizer, kerasreg.optimizers.ProximalOptimizer)
    True
    """

    # Whether this apply has built the optimizer, within a trace that TensorFlow throws away.
    _in_first_trace = False
    _must_be_marked = False

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the optimizer's state and finds the penalty of each variable.

        Raises:
            TypeError: For a regularizer without a prox, naming its variable.
        """
        if self.built:
            return
        self._gates: list[Any] = self._gates_before(variables)
        self._in_gradient = [False] * len(self._gates)
        self._compiled_updates: dict[int, Any] = {}
        super().build(variables)
        # Made here, a variable also lets TensorFlow trace `fit` a second time, where SGD has no
        # state: the first trace had differentiated the regularizers before they had their gates.
        self.strength_scale = self.add_variable(
            shape=(),
            initializer="ones",
            dtype="float32",
            aggregation="only_first_replica",
            name="strength_scale",
        )

    def load_own_variables(self, store: Any) -> None:
        """Sets the state, but for `strength_scale`: a schedule that goes on sets its own."""
        super().load_own_variables(store)
        if self.built:
            self.strength_scale.assign(1.0)

    def find_penalties(self) -> None:
        """Asks the variables for their regularizers anew, after some were changed.

        The state of the optimizer stays. Programs that were compiled with the old penalties, as
        `model.train_function` is, have to be made again.

        Raises:
            TypeError: For a regularizer without a prox, naming its variable.
        """
        if self.built:
            self._gates = self._gates_before(self._trainable_variables)
            self._in_gradient = [False] * len(self._gates)
            self._compiled_updates.clear()

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Does one step: the gradients move the weights, the prox of each penalty follows.

        Args:
            grads: Gradients of the loss, with the penalties of `model.losses` in it or not; what
                they have put into the gradients is taken out.
            trainable_variables: The variables, in the order of `grads`.

        Raises:
            RuntimeError: If it cannot be known whether the gradients hold the penalties.
        """
        variables = None if trainable_variables is None else list(trainable_variables)
        if not self.built and any(getattr(v, "regularizer", None) for v in variables or ()):
            if not _in_tensorflow_graph():
                raise RuntimeError(_unknown("it was not built when they were computed"))
            self._in_first_trace = True
        super().apply(grads, variables)
        if self._in_first_trace:
            self._in_first_trace, self._must_be_marked = False, True

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable, as Keras's optimizers call it."""
        index = self._get_variable_index(variable)
        if self._gates[index] is None:
            super().update_step(gradient, variable, learning_rate)
            return
        learning_rate = ops.cast(learning_rate, variable.dtype)
        update = self._update
        if self._is_compiled_alone(gradient, variable):
            if index not in self._compiled_updates:
                self._compiled_updates[index] = _compiled(update)
            update = self._compiled_updates[index]
        update(variable, gradient, learning_rate, self._in_gradient[index])

    def _update(self, variable: Any, gradient: Any, learning_rate: Any, in_gradient: bool) -> None:
        index = self._get_variable_index(variable)
        if in_gradient:
            gradient = gradient - ops.cast(self._gates[index].gradient(variable), gradient.dtype)
        self._proximal_step(variable, gradient, learning_rate)

    def _proximal_step(self, variable: Any, gradient: Any, learning_rate: Any) -> None:
        self._gradient_step(variable, gradient, learning_rate)
        self.assign(variable, self._prox(variable, variable, learning_rate))

    def _gradient_step(self, variable: Any, gradient: Any, learning_rate: Any) -> None:
        """The update of the Keras optimizer."""
        super().update_step(gradient, variable, learning_rate)

    def _prox(self, variable: Any, point: Any, learning_rate: Any) -> Any:
        """The prox of the variable's penalty at a point, in the optimizer's metric."""
        index = self._get_variable_index(variable)
        penalty = self._gates[index].penalty
        precision = at_least_float32(variable.dtype)
        strength = ops.cast(self.strength_scale, precision) * penalty.strength
        return penalty.prox(point, self._step_size(index, learning_rate), strength)

    def _step_size(self, index: int, learning_rate: Any) -> Any:
        """How far a unit of data gradient moves a weight: a scalar, or one for each weight.

        Called after the optimizer's state was updated.
        """
        raise NotImplementedError

    def _backend_apply_gradients(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        indices = [self._get_variable_index(variable) for variable in trainable_variables]
        for index in indices:
            self._in_gradient[index] = self._is_in_gradient(index)
        if self._must_be_marked and not self._in_first_trace:
            if not any(self._in_gradient):
                raise RuntimeError(_unknown("it was not built when they were traced"))
            self._must_be_marked = False
        grads = [
            gradient if self._gates[index] is None else _dense(gradient)
            for gradient, index in zip(grads, indices, strict=True)
        ]
        if self.clipnorm or self.global_clipnorm or self.clipvalue or self.weight_decay:
            grads = [
                self._data_gradient(gradient, index)
                for gradient, index in zip(grads, indices, strict=True)
            ]
        super()._backend_apply_gradients(grads, trainable_variables)

    def _is_in_gradient(self, index: int) -> bool:
        """Whether the gradient that is applied holds that of the variable's penalty."""
        gate, variable = self._gates[index], self._trainable_variables[index]
        if getattr(variable, "regularizer", None) is not gate:
            raise RuntimeError(
                f"The regularizer of the variable '{variable.path}' was changed after "
                f"{type(self).__name__} was built. Call `optimizer.find_penalties()`, and compile "
                "anew what was compiled; `kerasreg.surgery.regularize` does both"
            )
        if gate is None:
            return False
        marked: bool = gate.take_mark()
        if gate.was_marked and not marked and not self._in_first_trace:
            raise RuntimeError(
                _unknown(
                    f"the penalty of '{variable.path}' was in earlier ones and is not in these, "
                    "unless they were compiled apart from it; put both into one tf.function"
                )
            )
        return marked

    def _data_gradient(self, gradient: Any, index: int) -> Any:
        """Takes the penalty's gradient out, before clipping sees it or decay moves the weights."""
        if not self._in_gradient[index]:
            return gradient
        self._in_gradient[index] = False
        # Each replica has added its share to the sum over replicas.
        penalty_gradient = self._gates[index].gradient(self._trainable_variables[index])
        return gradient - ops.cast(penalty_gradient, gradient.dtype) / n_replicas()

    def _update_model_variables_moving_average(self, trainable_variables: list[Any]) -> None:
        """Averages the weights, except that a weight that is zero now is zero in the average.

        The average of a weight that was once not zero would else become small, but never zero.
        """
        super()._update_model_variables_moving_average(trainable_variables)
        averages = self._model_variables_moving_average
        for variable, average, gate in zip(trainable_variables, averages, self._gates, strict=True):
            if gate is not None and average is not None:
                average.assign(
                    ops.where(ops.equal(variable, 0), 0.0, ops.convert_to_tensor(average))
                )

    def _gates_before(self, variables: Sequence[Any]) -> list[Gate | None]:
        """The gate of each variable, set before its regularizer where there is none yet."""
        gates: list[Gate | None] = []
        for variable in variables:
            regularizer = getattr(variable, "regularizer", None)
            if isinstance(regularizer, Gate):  # of an earlier proximal optimizer
                regularizer.forget()
                gates.append(regularizer)
                continue
            try:
                penalty = as_penalty(regularizer) if regularizer else None
            except TypeError as error:
                raise TypeError(
                    f"{type(self).__name__} needs the prox of the regularizer of the variable "
                    f"'{variable.path}'. {error}. Or train with an optimizer of keras.optimizers"
                ) from None
            gates.append(Gate(regularizer, penalty) if penalty else None)
        for variable, gate in zip(variables, gates, strict=True):
            if gate is not None:
                variable.regularizer = gate
        return gates

    def _is_compiled_alone(self, gradient: Any, variable: Any) -> bool:
        if keras.backend.backend() != "tensorflow" or math.prod(variable.shape) < _COMPILED_FROM:
            return False
        import tensorflow as tf

        return isinstance(gradient, tf.Tensor) and n_replicas() == 1


def without_state(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """A new optimizer of the same class with the same settings, not built."""
    return type(optimizer).from_config(optimizer.get_config())


def inner_optimizer(model: keras.Model) -> Any:
    """The optimizer of a model that moves the weights, also inside one that scales the loss."""
    optimizer = getattr(model, "optimizer", None)
    return getattr(optimizer, "inner_optimizer", optimizer)


def proximal_optimizer_of(model: keras.Model) -> ProximalOptimizer | None:
    """The proximal optimizer of a compiled model, also inside one that scales the loss."""
    optimizer = inner_optimizer(model)
    return optimizer if isinstance(optimizer, ProximalOptimizer) else None


def _unknown(why: str) -> str:
    return (
        "A proximal optimizer cannot know whether these gradients hold those of the penalties: "
        f"{why}. Build it before the first gradients: `optimizer.build(model.trainable_variables)`"
    )


def _in_tensorflow_graph() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()


def _dense(gradient: Any) -> Any:
    """Where rows were looked up, TensorFlow has them one by one, the same row more than once."""
    if keras.backend.backend() != "tensorflow":
        return gradient
    import tensorflow as tf

    return tf.convert_to_tensor(gradient)


def _compiled(update: Callable[..., None]) -> Callable[..., None]:
    """The update of one variable as an XLA program of its own."""
    import tensorflow as tf

    compiled: Callable[..., None] = tf.function(update, jit_compile=True, autograph=False)
    return compiled
