"""The training loop of one model: one compiled program an epoch, everything recorded.

`train` returns a `kerasreg.tables.TrainingRecord`, or raises `TrainingDiverged`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasreg.arguments import folder_or_none, invalid_argument, true_or_false, whole_number
from kerasreg.checks import check_trainable, checked_metrics, checked_model, keras_optimizer
from kerasreg.epoch import EpochPrograms
from kerasreg.losses import check_losses
from kerasreg.progress import check_verbose, progress_bar
from kerasreg.proximal_optimizer import inner_optimizer
from kerasreg.tables import TrainingRecord
from kerasreg.training_data import (
    Arrays,
    each_array,
    on_device,
    training_arrays_or_dataset,
    validation_arrays_or_dataset,
)
from kerasreg.typing import Folder, Loss, Metrics, Samples, SamplesOrDataset
from kerasreg.variables import named_variables
from kerasreg.xla import layers_without_xla

__all__ = ["TrainingDiverged", "train"]


class TrainingDiverged(FloatingPointError):
    """A loss or gradient became NaN or infinite. `result` has the tables up to then.

    Args:
        message: In which epoch and step, and what was not finite first.
        result: The `kerasreg.tables.TrainingRecord` of the epochs before.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> x = np.full((4, 1), 1e20, "float32")
    >>> try:
    ...     kerasreg.training.train(model, x, x, optimizer="sgd", loss="mse", epochs=2, verbose=0)
    ... except kerasreg.training.TrainingDiverged as error:
    ...     print(type(error.result).__name__)
    TrainingRecord
    """

    def __init__(self, message: str, result: TrainingRecord):
        super().__init__(message)
        self.result = result


def train(
    model: keras.Model,
    x: SamplesOrDataset,
    y: Samples | None = None,
    *,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    loss: Loss,
    metrics: Metrics = (),
    epochs: int = 10,
    batch_size: int = 32,
    validation_data: SamplesOrDataset | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    jit_compile: bool | str = "auto",
    sample_weight: Samples | None = None,
    class_weight: Mapping[int, float] | None = None,
    log_dir: Folder | None = None,
    verbose: int | str = "auto",
) -> TrainingRecord:
    """Trains a Keras model, much faster than `fit`, and records what the loss is made of.

    In each step the weights θ move along the gradient of

        loss(θ) = data_loss(θ) + Σ penalties(θ),

    the mean loss of the batch, plus what `model.losses` has: weight regularizers, activity
    regularizers and whatever layers add. It is what `fit` minimizes, written out in
    `kerasreg.epoch.EpochPrograms.training_step`; a whole epoch of steps is one compiled program.

    With `shuffle=False` and `jit_compile=False` weights and losses are those of
    `model.compile(…, jit_compile=False)` and `model.fit`, to the bit (under batch
    normalization or `ElasticNet` to a unit in the last place, as TensorFlow's graph optimizer
    reorders products). XLA rounds differently: smooth models (tanh, L2) stay within 1e-5, while
    with ReLU or L1 a weight may cross a kink one step earlier and the runs part; the losses then
    still agree to about 1e-3.

    The model is left compiled with `optimizer`, `loss` and `metrics`, so that `evaluate` and
    `save` work as after `fit`. Called again with the same optimizer *instance*, training goes on
    where it stopped and the compiled program is used again.

    Args:
        model: A Keras model with the standard `train_step` and `compute_loss`.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them, or a batched
            `tf.data.Dataset` of `(x, y)` or `(x, y, sample_weight)`.
        y: Targets, as for `fit`; left out for a dataset.
        optimizer: Name or instance of a Keras optimizer.
        loss: As for `compile`.
        metrics: As for `compile`.
        epochs: Number of epochs, an int >= 1.
        batch_size: Samples a step, an int >= 1; the last batch of an epoch may be shorter. Not used
            for a dataset, which has its own.
        validation_data: `(x, y)`, `(x, y, sample_weight)` or a dataset, evaluated after every
            epoch.
        shuffle: Whether to visit the samples in a new order each epoch. A dataset shuffles
            itself.
        seed: Seed of these orders, an int >= 0, or None for other orders each time. For the
            initial weights and dropout, call `keras.utils.set_random_seed` before the model is
            built.
        jit_compile: `True` or `"auto"`: with XLA, and as a plain TensorFlow graph where a layer
            cannot be compiled, which a warning says once. `False`: as a plain graph; it starts
            sooner (0.5 s against 1 s or more) and runs slower.
        sample_weight: As for `fit`.
        class_weight: As for `fit`.
        log_dir: Folder for TensorBoard's event files, or None. A run folder `train`, and one
            `validation`, is made in it; if there are event files of an earlier run, in `run-2`,
            `run-3`, … below it. If they cannot be written, a warning says so once, and training
            goes on. See them with `tensorboard --logdir <folder>`.
        verbose: 1 for a progress bar with the last losses, 0 for none, "auto" for one where a
            terminal is watching.

    Returns:
        A `kerasreg.tables.TrainingRecord` with the tables `curves`, `weights` and
        `weight_histograms`.

    Raises:
        TypeError: If `model` is no Keras model; for a regularizer without a prox under a proximal
            optimizer.
        ValueError: Before the first step, for data that do not fit the model: empty, NaN,
            of another shape or length, labels outside the classes; for settings out of range;
            for a model with a `train_step` or `compute_loss` of its own.
        TrainingDiverged: If a loss or gradient is NaN or infinite, naming epoch, step and first
            variable. The step is not applied: the model has its last finite weights.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> dense = keras.layers.Dense(1, kernel_regularizer="l2")
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> result = kerasreg.training.train(model, x, x.sum(axis=1), loss="mse", epochs=2, seed=0)
    >>> result.curves["quantity"].unique().tolist()
    ['loss', 'data_loss', 'penalty', 'penalty/dense/kernel']
    """
    check_loop_settings(model, epochs, batch_size, seed, jit_compile)
    check_verbose(verbose)
    true_or_false("shuffle", shuffle)
    optimizer = keras_optimizer(optimizer)
    check_losses(loss)
    metrics = checked_metrics(metrics)
    log_dir = folder_or_none("log_dir", log_dir)
    data = on_device(training_arrays_or_dataset(model, loss, x, y, sample_weight, class_weight))
    validation = on_device(validation_arrays_or_dataset(model, loss, validation_data))
    batch_size = shortened(batch_size, data, validation)
    programs = _compiled_programs(model, optimizer, loss, metrics, data, batch_size, jit_compile)

    record = TrainingRecord(log_dir)
    random, variables = np.random.default_rng(seed), named_variables(model)
    try:
        with progress_bar(epochs, f"training {model.name}", "epoch", verbose) as bar:
            for epoch in range(1, epochs + 1):
                order = None
                if isinstance(data, Arrays):
                    order = np.arange(data.n_samples, dtype=np.int32)
                    if shuffle:
                        random.shuffle(order)
                averages, steps, finite = programs.run_epoch(data, order)
                if not all(finite):
                    raise TrainingDiverged(programs.explain(epoch, steps, finite), record)
                record.add_curves(epoch, "train", averages)
                if validation is not None:
                    record.add_curves(epoch, "validation", programs.run_evaluation(validation))
                record.add_weights(epoch, variables)
                bar.set_postfix_str(_loss_parts(averages))
                bar.update()
    finally:
        record.close()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return record


def _loss_parts(values: Mapping[str, float]) -> str:
    """The losses of one epoch, as the progress bar shows them."""
    parts = " + ".join(f"{name} {values[name]:.4g}" for name in ("data_loss", "penalty"))
    return f"loss {values['loss']:.4g} = {parts}"


# Where a model keeps its programs. They refer to the model, so that a table of them here would
# keep every model alive that was ever trained.
_PROGRAMS = "_kerasreg_epoch_programs"


def _compiled_programs(
    model: keras.Model,
    optimizer: Any,
    loss: Any,
    metrics: Any,
    data: Any,
    batch_size: int,
    jit_compile: bool | str,
) -> EpochPrograms:
    """Programs for these settings: those of the last call where nothing in them changed."""
    settings = (loss, metrics, batch_size, jit_compile)
    if _PROGRAMS in vars(model) and model.compiled:
        programs: EpochPrograms
        known, programs = vars(model)[_PROGRAMS]
        inner = inner_optimizer(model)
        same_optimizer = optimizer is inner or optimizer is model.optimizer
        if same_optimizer and known == (settings, model.optimizer, trained_parts(model)):
            return programs
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics)
    # Variables cannot be made inside a compiled loop: those of model, loss, metrics and optimizer
    # are made now, as `fit` does it.
    model._symbolic_build(data_batch=_example_batch(data, batch_size))
    check_trainable(model)
    unsupported = layers_without_xla(model)
    programs = EpochPrograms(model, batch_size, bool(jit_compile) and not unsupported)
    if jit_compile and unsupported:
        warnings.warn(
            f"XLA cannot compile the layers {unsupported}: training as a plain graph. Pass "
            "jit_compile=False to do so without this line",
            stacklevel=3,
        )
    vars(model)[_PROGRAMS] = (settings, model.optimizer, trained_parts(model)), programs
    return programs


def trained_parts(model: keras.Model) -> list[Any]:
    """What a compiled program has baked in, besides the settings of the call."""
    # The objects themselves and not their ids, which the next object may have when one is gone.
    of_variables = [
        (id(variable), variable.regularizer, variable.constraint)
        for variable in model.trainable_variables
    ]
    return of_variables + [
        (layer.name, layer.activity_regularizer, layer.trainable)
        for layer in model._flatten_layers()
    ]


def _example_batch(data: Any, batch_size: int) -> Any:
    if isinstance(data, Arrays):
        return tuple(each_array(lambda leaf: leaf[:batch_size], data))
    return keras.utils.unpack_x_y_sample_weight(data.element_spec)


def shortened(batch_size: int, *parts: Any) -> int:
    """The batch size, at most the largest number of samples: what is longer need not be counted."""
    numbers = [part.n_samples for part in parts if isinstance(part, Arrays)]
    return min(int(batch_size), max(numbers, default=2**31 - 1))


def check_loop_settings(
    model: Any, epochs: Any, batch_size: Any, seed: Any, jit_compile: Any
) -> None:
    checked_model(model)
    whole_number("epochs", epochs, minimum=1)
    whole_number("batch_size", batch_size, minimum=1)
    if seed is not None and (
        isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0
    ):
        raise invalid_argument("seed", "an int >= 0 or None", seed)
    if not isinstance(jit_compile, bool) and jit_compile != "auto":
        raise invalid_argument("jit_compile", 'True, False or "auto"', jit_compile)
    for method in ("train_step", "compute_loss"):
        if getattr(type(model), method) is not getattr(keras.Model, method):
            raise ValueError(
                f"The model '{model.name}' has a `{method}` of its own, which this loop would "
                "pass by. Use model.fit with kerasreg.callbacks.RegularizationMonitor"
            )
