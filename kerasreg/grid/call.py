"""The call of a grid: what is asked for, checked and planned before any work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasreg.arguments import (
    checked_seeds,
    finite_float,
    folder_or_none,
    invalid_argument,
    some_of,
    true_or_false,
    whole_number,
)
from kerasreg.checks import check_trainable, checked_metrics, keras_optimizer
from kerasreg.folds import Fold, fold_indices
from kerasreg.grid.chunks import planned_sequences, sensible_chunk_size
from kerasreg.grid.elementwise import check_elementwise
from kerasreg.grid.logs import write_logs
from kerasreg.grid.record import GridRecord
from kerasreg.grid.run import run_chunks
from kerasreg.grid.task import GridTask
from kerasreg.losses import check_losses
from kerasreg.progress import check_verbose
from kerasreg.tensorflow_only import tf
from kerasreg.training import check_loop_settings, shortened
from kerasreg.training_data import (
    Arrays,
    build_for,
    checked_arrays,
    training_arrays_or_dataset,
    validation_arrays_or_dataset,
)
from kerasreg.typing import Folder, Folds, Loss, Metrics, Samples, SamplesOrDataset


def train_grid(
    model: keras.Model,
    x: SamplesOrDataset,
    y: Samples | None = None,
    *,
    strengths: Sequence[float] | np.ndarray,
    folds: Folds | None = None,
    seeds: Sequence[int] = (0,),
    optimizer: str | keras.optimizers.Optimizer = "adam",
    loss: Loss,
    metrics: Metrics = (),
    epochs: int = 10,
    batch_size: int = 32,
    validation_data: SamplesOrDataset | None = None,
    sample_weight: Samples | None = None,
    groups: ArrayLike | None = None,
    warm_start: bool = False,
    initial_weights: str = "seed",
    shuffle: bool = True,
    shuffle_seed: int = 0,
    jit_compile: bool | str = "auto",
    chunk_size: int | None = None,
    n_jobs: int | None = None,
    checkpoint_dir: Folder | None = None,
    verbose: int | str = "auto",
    log_dir: Folder | None = None,
    log_members: int = 25,
) -> GridRecord:
    """Trains a model for every strength, fold and seed, all at once.

    Member (s, fold, seed) minimizes, over the training rows of its fold,

        data_loss(θ) + Σ P(w, strength=s·P.strength),

    with the penalties P of the model's weights and activities: s multiplies the strength that
    each has in the model, so that layers keep their proportions, and with strengths of 1 in the
    layers s is λ itself. A regularizer of unknown kind is multiplied by s. What a layer gives to
    `add_loss` is not a penalty and stays as it is.

    A member is trained as `train(…, seed=shuffle_seed)` would train it alone, with the same
    batches, on the rows of its fold. Rounding differs: for smooth models within 1e-5; on ReLU
    networks runs part where a weight crosses a kink, as two runs on different machines do.

    Time and memory. Members are trained in chunks whose weights, gradients and optimizer slots
    fit the processor's cache (32 MB), and then its memory. Time grows linearly with epochs and
    samples, and with members × weights where these are many; of small networks (5,000 weights)
    10 cost twice as much as one, 100 six times, and from there on it is linear.
    All chunks and epochs use one compiled program. A chunk needs members × weights × (2 + slots
    of the optimizer) numbers, and members × batch_size × activations; the result keeps the final
    weights of all members, members × weights × 4 bytes, and five numbers an epoch and variable.

    Args:
        model: A built Keras model, or one that calling it on `x` builds. Its weights do not
            change. Layers may have Keras's L1, L2, L1L2 or any `kerasreg.regularizers` penalty.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them, or a batched
            `tf.data.Dataset`, which is read once an epoch for all members.
        y: Targets, as for `fit`; left out for a dataset.
        strengths: The factors s, finite floats >= 0, each once.
        folds: None; or an int >= 2; or a scikit-learn splitter; or pairs of training and held-out
            rows. Each fold is validated on what it holds out.
        seeds: Ints >= 0, each once: a member's initial weights and its dropout follow from it.
        optimizer: Name or instance of a Keras optimizer; a copy of it is used. With one of
            `kerasreg.optimizers` penalties end in exact zeros.
        loss: As for `compile`.
        metrics: As for `compile`.
        epochs: Number of epochs, an int >= 1.
        batch_size: Samples a step, an int >= 1. Not used for a dataset.
        validation_data: `(x, y)`, `(x, y, sample_weight)` or a dataset; not with `folds`.
        sample_weight: As for `fit`.
        groups: Groups of the samples, for a splitter that wants them.
        warm_start: Whether each strength starts from the weights of the next smaller one, the
            smallest from the initial weights. The optimizer starts anew. Strengths then come one
            after another, seeds and folds still at once.
        initial_weights: "seed": members start as the model is initialised after
            `keras.utils.set_random_seed(seed)`. "model": all start from the weights that it has.
        shuffle: Whether to visit the samples in a new order each epoch, one that all members of a
            fold share.
        shuffle_seed: Seed of these orders, an int >= 0.
        jit_compile: As for `train`.
        chunk_size: Members that are trained at once, an int >= 1, or None: see above. Results
            differ by rounding between chunk sizes.
        n_jobs: Number of processes that chunks are spread over, through joblib; -1 for one a
            core. None: what `joblib.parallel_config` says, else this process alone.
        checkpoint_dir: Folder that keeps every finished epoch, or None. The same call after its
            process was killed goes on from there, and ends with the same numbers, bit for bit.
        verbose: 1 for a progress bar, 0 for none, "auto" for one where a terminal is watching.
        log_dir: Folder for TensorBoard's event files, or None. They are written when all is
            trained: a folder a member, such as `strength=0.01,fold=0,seed=0`, with what `train`
            writes of one model, histograms of the last epoch only; and for the HParams page every
            member's settings, last data loss, last metrics and zeros. Where there are event files
            already it is `log_dir/run-2`, `run-3`, and so on.
        log_members: How many members are written at most, an int >= 1. Strengths come first:
            as many as that, evenly over all with the smallest and the largest; and each with
            as many folds, then seeds, as there is room for, from the first on.

    Returns:
        A `GridRecord`. A member whose loss or gradient became NaN or infinite is marked
        `diverged` in its tables, from that epoch on, and keeps the weights from before that step
        or, at the latest, from the beginning of that epoch; the others are not affected. Its
        methods `values` and `model` give the trained models.

    Raises:
        ValueError: Before the first step, for settings and data that do not fit; for an optimizer
            that mixes the weights of members, by its name; for a checkpoint of another call,
            naming what differs.
        TypeError: If `model` is no Keras model; for a regularizer without a prox under a proximal
            optimizer.
        OSError: If the checkpoint folder cannot be written, or is a file.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse"}
    >>> record = train_grid(model, x, x[:, 0], strengths=[0.1, 9.0], **settings)
    >>> last = record.weights.query("epoch == 10 and variable == 'dense/kernel'")
    >>> last["n_zero"].tolist()
    [2, 3]
    """
    check_loop_settings(model, epochs, batch_size, None, jit_compile)
    strengths = _checked_strengths(strengths)
    seeds = checked_seeds(seeds)
    _check_choices(initial_weights, shuffle_seed, chunk_size, verbose)
    log_members = whole_number("log_members", log_members, minimum=1)
    logs = folder_or_none("log_dir", log_dir)
    checkpoint_dir = folder_or_none("checkpoint_dir", checkpoint_dir)
    for name, value in (("warm_start", warm_start), ("shuffle", shuffle)):
        true_or_false(name, value)
    check_losses(loss)
    metrics = checked_metrics(metrics)
    start = time.time()
    optimizer = keras_optimizer(optimizer)
    check_elementwise(optimizer)
    _check_policy(model)
    data = _built_and_checked(model, loss, x, y, sample_weight)
    pairs = _fold_pairs(folds, data, validation_data, loss, groups, shuffle_seed)
    validation = validation_arrays_or_dataset(model, loss, validation_data)
    jobs = _jobs(n_jobs)
    if any(isinstance(each, tf.data.Dataset) for each in (data, validation)):
        _check_for_datasets(checkpoint_dir, jobs)

    batch_size = shortened(batch_size, data, validation)
    n_folds = 1 if pairs is None else len(pairs)
    at_once = len(seeds) * (n_folds if warm_start else len(strengths))
    if chunk_size is None:
        chunk_size = sensible_chunk_size(
            model, optimizer, batch_size, at_once, -(-jobs // (1 if warm_start else n_folds))
        )
    chunk_size = min(int(chunk_size), at_once)
    sequences = planned_sequences(strengths, pairs, seeds, chunk_size, warm_start)
    task = GridTask(
        model=model,
        optimizer=optimizer,
        loss=loss,
        metrics=metrics,
        data=data,
        validation=validation,
        folds=pairs,
        epochs=int(epochs),
        batch_size=batch_size,
        shuffle_seed=int(shuffle_seed) if shuffle else None,
        initial_weights=initial_weights,
        jit_compile=jit_compile,
        warm_start=warm_start,
        chunk_size=chunk_size,
        n_chunks=sum(map(len, sequences)),
    )
    chunks = run_chunks(task, sequences, jobs, checkpoint_dir, verbose)
    if logs is not None:
        write_logs(task, chunks, logs, log_members, start)
    return GridRecord(task, chunks)


def _checked_strengths(strengths: Any) -> list[float]:
    """Strengths as plain floats, ascending."""
    if isinstance(strengths, str | Mapping) or not isinstance(strengths, Iterable):
        raise invalid_argument("strengths", "a sequence of finite floats >= 0", strengths)
    found = [finite_float("strengths", each, minimum=0) for each in strengths]
    if not found:
        raise invalid_argument("strengths", "at least one strength", strengths)
    if max(found) > float(np.finfo(np.float32).max):
        raise invalid_argument("strengths", "strengths that float32 can hold", max(found))
    twice = sorted(each for each, count in Counter(found).items() if count > 1)
    if twice:
        raise invalid_argument(
            "strengths", f"each strength once, not {some_of(twice)} again", found
        )
    return sorted(found)


def _check_choices(initial_weights: Any, shuffle_seed: Any, chunk_size: Any, verbose: Any) -> None:
    if initial_weights not in ("seed", "model"):
        raise invalid_argument("initial_weights", '"seed" or "model"', initial_weights)
    whole_number("shuffle_seed", shuffle_seed, minimum=0)
    if chunk_size is not None:
        whole_number("chunk_size", chunk_size, minimum=1)
    check_verbose(verbose)


def _check_policy(model: keras.Model) -> None:
    half = [layer.name for layer in model._flatten_layers() if layer.compute_dtype == "float16"]
    if half:
        raise ValueError(
            f"A grid has no loss scaling, so that gradients of the layers {some_of(half)}, which "
            "compute in float16, would vanish. Use float32 or mixed_bfloat16"
        )


def _built_and_checked(model: keras.Model, loss: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    data = training_arrays_or_dataset(model, loss, x, y, sample_weight, None)
    if not model.built:
        first = data.x if isinstance(data, Arrays) else next(iter(data))[0]
        build_for(model, first)
        if isinstance(data, Arrays):
            checked_arrays(model, loss, data.x, data.y, data.sample_weight)
    check_trainable(model)
    return data


def _fold_pairs(
    folds: Folds | None, data: Any, validation_data: Any, loss: Any, groups: Any, seed: int
) -> list[Fold] | None:
    """Training and held-out rows of every fold, None without folds."""
    if folds is None:
        if groups is not None:
            raise ValueError(
                "Argument `groups` has no place without folds, which it keeps together"
            )
        return None
    if not isinstance(data, Arrays):
        raise ValueError("Folds need arrays; a tf.data.Dataset has no rows. Pass x and y")
    if validation_data is not None:
        raise ValueError(
            "Pass folds or validation_data: with folds each is validated on what it holds out"
        )
    return fold_indices(folds, data.x, data.y, loss=loss, groups=groups, seed=seed)


def _check_for_datasets(checkpoint_dir: Any, n_jobs: int) -> None:
    """Refuses what a `tf.data.Dataset` cannot do."""
    if checkpoint_dir is not None:
        raise ValueError(
            "A checkpoint_dir needs arrays: it cannot be known whether a tf.data.Dataset is that "
            "of the call before. Pass x and y"
        )
    if n_jobs > 1:
        raise ValueError("A tf.data.Dataset cannot be sent to other processes. Pass x and y")


def _jobs(n_jobs: Any) -> int:
    if n_jobs is not None and (
        isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs == 0
    ):
        raise invalid_argument("n_jobs", "an int that is not 0, or None", n_jobs)
    import joblib

    return int(joblib.effective_n_jobs(n_jobs))
