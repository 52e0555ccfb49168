"""One epoch of gradient descent, written out and compiled: the page to read."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasreg.metrics import LossDecomposition, PenaltyNames, batch_size_of
from kerasreg.tensorflow_only import tf
from kerasreg.training_data import Arrays, each_array
from kerasreg.variables import named_variables
from kerasreg.xla import REFUSED, shapes_of, why_refused


class EpochPrograms:
    """The compiled epoch of training and of evaluation of one model."""

    def __init__(self, model: keras.Model, batch_size: int, jit_compile: bool):
        self.model = model
        self.batch_size = batch_size
        self.penalty_names = PenaltyNames(model)
        self.decomposition = LossDecomposition(self.penalty_names.all)
        self.variables = model.trainable_variables
        # With loss scaling, gradients that overflow are expected and skipped by the optimizer.
        self.expects_overflow = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        self._compile(jit_compile)

    def _compile(self, jit_compile: bool) -> None:
        self.jit_compile = jit_compile
        self._programs: dict[tuple[Any, ...], Callable[..., Any]] = {}
        compiled = {"autograph": False, "jit_compile": jit_compile}
        self.train_arrays = tf.function(self._train_arrays, **compiled)
        self.evaluate_arrays = tf.function(self._evaluate_arrays, **compiled)
        # Elements of a dataset come one by one, so that XLA compiles the step and not the epoch.
        self.compiled_training_step = tf.function(self.training_step, **compiled)
        self.compiled_evaluation_step = tf.function(self.evaluation_step, **compiled)
        self.train_dataset = tf.function(self._train_dataset)
        self.evaluate_dataset = tf.function(self._evaluate_dataset)

    def forward(self, x: Any, y: Any, sample_weight: Any, training: bool) -> tuple[Any, ...]:
        """Predictions, and the loss with its parts: loss = data_loss + Σ penalties."""
        y_pred = self.model(x, training=training)
        data_loss = self.model._compile_loss(y, y_pred, sample_weight)  # mean over the batch
        losses = self.model.losses  # of weight and activity regularizers, and of add_loss
        penalties = [ops.sum(penalty) for penalty in losses]
        loss = ops.sum([data_loss, *penalties]) if penalties else data_loss
        return y_pred, loss, data_loss, zip(self.penalty_names.of(losses), penalties, strict=True)

    def training_step(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """One step of gradient descent, written out.

        Returns a vector of flags: the loss is finite, and the gradient of each variable is.
        """
        optimizer = self.model.optimizer
        with tf.GradientTape() as tape:
            y_pred, loss, data_loss, penalties = self.forward(x, y, sample_weight, training=True)
            scaled_loss = optimizer.scale_loss(loss)  # the loss itself, but in mixed float16
        gradients = tape.gradient(scaled_loss, self.variables)

        finite = self._finite(loss, gradients)
        self._step_if(tf.reduce_all(finite), gradients)
        self.decomposition.update_state(loss, data_loss, penalties, batch_size_of(x))
        self.model.compute_metrics(x, y, y_pred, sample_weight)
        return finite

    def _step_if(self, finite: Any, gradients: list[Any]) -> None:
        """The optimizer's step, where the loss and all gradients are finite."""
        optimizer = self.model.optimizer

        def update() -> None:
            optimizer.apply_gradients(zip(gradients, self.variables, strict=True))

        if not self.jit_compile or self.expects_overflow:
            tf.cond(finite, update, lambda: None)
            return
        # XLA copies, at every step, all that a branch may change. A choice between the new value
        # and the old one is part of the pass over memory in which the new one is computed.
        changed = [*self.variables, *optimizer.variables]
        before = [tf.convert_to_tensor(variable) for variable in changed]
        update()
        for variable, old in zip(changed, before, strict=True):
            variable.assign(tf.where(finite, tf.convert_to_tensor(variable), old))

    def evaluation_step(self, x: Any, y: Any, sample_weight: Any) -> None:
        y_pred, loss, data_loss, penalties = self.forward(x, y, sample_weight, training=False)
        self.decomposition.update_state(loss, data_loss, penalties, batch_size_of(x))
        self.model.compute_metrics(x, y, y_pred, sample_weight)

    def _finite(self, loss: Any, gradients: list[Any]) -> Any:
        """Whether the loss, and the sum of each gradient, is finite.

        A sum is one pass over memory where testing each element is three, and is finite if the
        elements are, short of an overflow that is a divergence anyway.
        """
        checked = [] if self.expects_overflow else gradients
        sums = [0.0 if g is None else tf.reduce_sum(getattr(g, "values", g)) for g in checked]
        return tf.math.is_finite(tf.stack([tf.cast(s, tf.float32) for s in (loss, *sums)]))

    def _train_arrays(self, data: Arrays, order: Any) -> Any:
        """An epoch: a loop over the batches, then the short one where it needs its own step."""
        self._reset()
        n_batches, rows_of, short_batch = self._batches(order)
        steps, finite = tf.constant(0), self._no_flags_yet()

        def train_on(rows: Any) -> Any:
            return self.training_step(*_rows(data, rows))

        if n_batches:
            steps, finite = tf.while_loop(
                lambda step, finite: (step < n_batches) & tf.reduce_all(finite),
                lambda step, finite: (step + 1, train_on(rows_of(step))),
                (steps, finite),
            )
        if short_batch.shape[0]:
            steps, finite = tf.cond(
                tf.reduce_all(finite),
                lambda: (steps + 1, train_on(short_batch)),
                lambda: (steps, finite),
            )
        return self._results(), steps, finite

    def _evaluate_arrays(self, data: Arrays, order: Any) -> Any:
        self._reset()
        n_batches, rows_of, short_batch = self._batches(order)

        def evaluate_on(step: Any) -> Any:
            self.evaluation_step(*_rows(data, rows_of(step)))
            return (step + 1,)

        if n_batches:
            tf.while_loop(lambda step: step < n_batches, evaluate_on, (tf.constant(0),))
        if short_batch.shape[0]:
            self.evaluation_step(*_rows(data, short_batch))
        return self._results()

    def _batches(self, order: Any) -> tuple[int, Callable[[Any], Any], Any]:
        """Number of batches in the loop, indices of each, and those of a batch after the loop.

        A graph has one step for batches of any length, as the one of `fit`. XLA wants static
        shapes: a row of a matrix of indices for a full batch, and a step of its own for the
        short one at the end.
        """
        n_samples, size = order.shape[0], self.batch_size
        if not self.jit_compile:
            n_batches = -(-n_samples // size)
            return n_batches, lambda step: order[step * size : (step + 1) * size], order[:0]
        n_full = n_samples // size
        matrix = tf.reshape(order[: n_full * size], (n_full, size))
        return n_full, lambda step: matrix[step], order[n_full * size :]

    # AutoGraph runs copies of the loops over a dataset: coverage does not see them.

    def _train_dataset(self, dataset: Any) -> Any:  # pragma: no cover
        self._reset()
        steps, finite = tf.constant(0), self._no_flags_yet()
        for batch in dataset:
            if tf.reduce_all(finite):
                finite = self.compiled_training_step(*_unpacked(batch))
                steps += 1
        return self._results(), steps, finite

    def _evaluate_dataset(self, dataset: Any) -> Any:  # pragma: no cover
        self._reset()
        for batch in dataset:
            self.compiled_evaluation_step(*_unpacked(batch))
        return self._results()

    def run_epoch(
        self, data: Any, order: np.ndarray | None
    ) -> tuple[dict[str, float], int, np.ndarray]:
        """Trains one epoch: averages by quantity, steps done, and flags (see training_step)."""
        if order is None:
            results, steps, finite = self._or_as_graph("train_dataset", data)
        else:
            results, steps, finite = self._or_as_graph(
                "train_arrays", data, tf.convert_to_tensor(order)
            )
        return self._as_floats(results), int(steps), finite.numpy()

    def run_evaluation(self, data: Any) -> dict[str, float]:
        if isinstance(data, Arrays):
            order = np.arange(data.n_samples, dtype=np.int32)
            return self._as_floats(self._or_as_graph("evaluate_arrays", data, order))
        return self._as_floats(self._or_as_graph("evaluate_dataset", data))

    def explain(self, epoch: int, steps: int, finite: np.ndarray) -> str:
        """The one line that says where training diverged."""
        what = "the loss" if not finite[0] else "a gradient"
        bad = np.flatnonzero(~finite[1:])
        names = [name for name, _ in named_variables(self.model)]
        where = f", the first variable concerned is '{names[bad[0]]}'" if len(bad) else ""
        return (
            f"Training diverged: {what} is NaN or infinite at epoch {epoch}, step {steps}{where}. "
            "The model has the weights from before this step. Try a smaller learning rate, "
            "or clipnorm"
        )

    def _no_flags_yet(self) -> Any:
        return tf.ones(1 if self.expects_overflow else 1 + len(self.variables), tf.bool)

    def _reset(self) -> None:
        for metric in (self.decomposition, *self.model.metrics):
            metric.reset_state()

    def _results(self) -> Any:
        results = self.model.get_metrics_result()
        results.pop("loss", None)  # Keras's own tracker, which only `fit` updates
        return ops.convert_to_tensor(self.decomposition.sums), results

    def _as_floats(self, results: Any) -> dict[str, float]:
        sums, metrics = results
        return self.decomposition.averages(sums.numpy()) | {k: float(v) for k, v in metrics.items()}

    def _program(self, name: str, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """The program for arrays of these shapes."""
        program = getattr(self, name)
        found: Callable[..., Any] = program
        if not isinstance(arguments[0], Arrays):
            return found
        key = name, shapes_of(arguments)
        if key not in self._programs:
            self._programs[key] = program.get_concrete_function(*arguments)
        return self._programs[key]

    def _or_as_graph(self, name: str, *arguments: Any) -> Any:
        """Runs a program, as a plain graph from now on if XLA refuses it."""
        try:
            return self._program(name, arguments)(*arguments)
        except REFUSED as error:
            if not self.jit_compile:
                raise
            warnings.warn(
                f"XLA cannot compile the model '{self.model.name}' ({why_refused(error)}): "
                "training goes on as a plain graph. Pass jit_compile=False to start with it",
                stacklevel=4,
            )
            self._compile(jit_compile=False)
            return getattr(self, name)(*arguments)


def _rows(data: Arrays, rows: Any) -> Arrays:
    return each_array(lambda leaf: tf.gather(leaf, rows), data)


def _unpacked(batch: Any) -> tuple[Any, Any, Any]:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    return x, y, sample_weight
