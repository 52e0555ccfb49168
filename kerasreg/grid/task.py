"""What a grid is to do, in a form that can be done here, in chunks, or in other processes."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerasreg.copies import fresh_values, variables_of
from kerasreg.grid.elementwise import slots_per_weight
from kerasreg.grid.samples import ArraySamples, DatasetSamples, samples_are_independent
from kerasreg.grid.stacking import StackedModel
from kerasreg.grid.training import WEIGHT_MEASURES, Chunk, Member, MemberTrainer, stacked_values
from kerasreg.packing import packed, packed_object, unpacked, unpacked_object
from kerasreg.tensorflow_only import tf
from kerasreg.training import trained_parts
from kerasreg.training_data import Arrays, each_array
from kerasreg.variables import named_variables, values_of

# Weights, gradients and the optimizer's slots of the members that are trained at once stay in the
# cache of a processor core and its neighbours. Beyond it memory bandwidth decides, and more
# members at once are slower, not faster.
_CACHE_BYTES = 2**25
# Share of the machine's memory that the activations of a chunk may take.
_MEMORY_SHARE = 0.25
# An evaluation keeps no activations and has no small steps to make.
_EVALUATION_BATCH = 256


@dataclass(frozen=True)
class GridTask:
    """Everything that says how a member is trained; picklable without code once `packed`.

    `data` and `validation` are `Arrays` of NumPy arrays or a `tf.data.Dataset`; `folds` are pairs
    of training and held-out rows, or None.
    """

    model: Any
    optimizer: Any
    loss: Any
    metrics: Any
    data: Any
    validation: Any
    folds: list[tuple[np.ndarray, np.ndarray]] | None
    epochs: int
    batch_size: int
    shuffle_seed: int | None
    initial_weights: str
    jit_compile: bool | str
    warm_start: bool
    chunk_size: int
    n_chunks: int

    @property
    def has_validation(self) -> bool:
        return self.validation is not None or self.folds is not None

    @property
    def programs_key(self) -> list[Any]:
        """What the compiled programs depend on, besides the shapes of the data."""
        # Without the name, which Keras counts up.
        optimizer = {**self.optimizer.get_config(), "name": None}
        return [
            (type(self.optimizer), optimizer),
            (self.loss, self.metrics, self.jit_compile, self.chunk_size),
            trained_parts(self.model),
        ]

    def packed(self) -> GridTask:
        """The same without code, for another process, or for a description.

        Raises:
            ValueError: If something in it could not be unpacked elsewhere.
        """
        return replace(
            self,
            model=packed(self.model),
            optimizer=packed_object(self.optimizer),
            loss=packed_object(self.loss),
            metrics=packed_object(self.metrics),
        )

    def unpacked(self) -> GridTask:
        return replace(
            self,
            model=unpacked(self.model),
            optimizer=unpacked_object(self.optimizer),
            loss=unpacked_object(self.loss),
            metrics=unpacked_object(self.metrics),
        )

    def description(self, chunks: Sequence[Sequence[Member]]) -> dict[str, Any]:
        """What a checkpoint of this call says that it belongs to."""
        own = self.packed()
        return {
            "model": [_without_names(own.model[part]) for part in ("model", "regularizers")],
            "variables": [name for name, _ in named_variables(self.model)],
            "initial_weights": self.initial_weights,
            "weights of the model": own.model["values"] if self.initial_weights == "model" else [],
            "optimizer": _without_names(own.optimizer),
            "loss": own.loss,
            "metrics": own.metrics,
            "x": self.data.x,
            "y": self.data.y,
            "sample_weight": self.data.sample_weight,
            "validation_data": self.validation,
            "folds": self.folds,
            "strengths": [member.strength for chunk in chunks for member in chunk],
            "seeds": [member.seed for chunk in chunks for member in chunk],
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "shuffle_seed": self.shuffle_seed,
            "warm_start": self.warm_start,
            "chunk_size": self.chunk_size,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        }


def _without_names(text: str) -> Any:
    """A config, with names replaced by the order in which they come.

    Automatic names depend on what else was built before in the process.
    """
    names: dict[str, str] = {}

    def collect(part: Any) -> None:
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            if key == "name" and isinstance(value, str):
                names.setdefault(value, f"name {len(names)}")
            elif isinstance(value, dict | list):
                collect(value)

    def replaced(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: replaced(value) for key, value in part.items()}
        if isinstance(part, list):
            return [replaced(value) for value in part]
        return names.get(part, part) if isinstance(part, str) else part

    config = json.loads(text)
    collect([config])
    return replaced(config)


def planned_chunks(
    task_members: Sequence[Member], chunk_size: int, by_fold: bool = True
) -> list[list[Member]]:
    """Members that are trained at once, at most `chunk_size` of them.

    Those of one chunk have one fold, so that all of them compute with the same samples.
    """
    folds = sorted({member.fold for member in task_members}) if by_fold else [None]
    chunks = []
    for fold in folds:
        own = [member for member in task_members if fold is None or member.fold == fold]
        chunks += [own[at : at + chunk_size] for at in range(0, len(own), chunk_size)]
    return chunks


def sensible_chunk_size(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    batch_size: int,
    n_members: int,
    at_least_chunks: int = 1,
) -> int:
    """How many members to train at once: by the cache first, by memory second.

    Args:
        model: The model of one member.
        optimizer: The optimizer.
        batch_size: Samples a step.
        n_members: Members that can share a chunk.
        at_least_chunks: So many chunks are wanted, to spread them.
    """
    of_weights: int = sum(
        math.prod(variable.shape) * int(variable.value.dtype.size)
        for variable in model.trainable_variables
    )
    in_cache = _CACHE_BYTES // max(of_weights * (2 + slots_per_weight(optimizer)), 1)
    largest = max(1, min(n_members, in_cache, _members_in_memory(model, batch_size)))
    n_chunks = max(-(-n_members // largest), min(at_least_chunks, n_members))
    return -(-n_members // n_chunks)  # chunks of one size: none is mostly filled up


def _members_in_memory(model: keras.Model, batch_size: int) -> int:
    outputs = 0
    for layer in model._flatten_layers(include_self=False):
        try:
            shapes = [tensor.shape for tensor in keras.tree.flatten(layer.output)]
        except (AttributeError, ValueError):
            continue  # a layer of a subclassed model: nothing is known
        outputs += sum(math.prod(size or 1 for size in shape[1:]) for shape in shapes)
    # Forward, backward, and what the compiler keeps between them.
    return int(_memory_bytes() * _MEMORY_SHARE // max(outputs * batch_size * 4 * 3, 1))


def _memory_bytes() -> int:
    """The memory of the machine: not what is free, for the same call is to make the same chunks."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows does not say
        return 2**33


class Workshop:
    """The compiled programs of a task in this process.

    Args:
        task: The task, not packed.
    """

    def __init__(self, task: GridTask):
        model = task.model
        if isinstance(task.data, Arrays):
            x, y = (keras.tree.map_structure(lambda leaf: leaf[:1], part) for part in task.data[:2])
        else:
            x, y = _example(task.data)
        self.stacked = StackedModel(
            model, task.chunk_size, task.optimizer, task.loss, task.metrics, (x, y)
        )
        jit_compile = bool(task.jit_compile)
        slow = [layer.name for layer in model._flatten_layers() if not layer.supports_jit]
        if jit_compile and slow:
            warnings.warn(
                f"XLA cannot compile the layers {slow}: the grid trains as a plain graph. Pass "
                "jit_compile=False to do so without this line",
                stacklevel=2,
            )
            jit_compile = False
        self.trainer = MemberTrainer(self.stacked, jit_compile)
        self.take(task)

    def take(self, task: GridTask) -> None:
        """Makes this the task; its programs are those of the one before, as `programs_key` says."""
        self.task = task
        self._fresh: dict[int, list[np.ndarray]] = {}  # values by seed, for all chunks
        data, validation, folds = task.data, task.validation, task.folds
        if isinstance(data, Arrays):
            data = each_array(tf.convert_to_tensor, data)
        trained = [train for train, _ in folds] if folds else None
        self.trainer.take(
            self._samples(data, trained, training=True),
            self._validation(data, validation, folds),
            task.epochs,
            task.shuffle_seed,
            task.n_chunks,
        )

    def _samples(self, data: Any, rows: Any, training: bool) -> Any:
        if not isinstance(data, Arrays):
            return DatasetSamples(data)
        if rows is None:
            rows = [np.arange(data.n_samples, dtype=np.int32)]
        task = self.task
        may_fill = samples_are_independent(task.model, task.loss, task.metrics, training)
        size = self.task.batch_size
        if not training and may_fill:
            # Batches of nearly equal size: little is filled up.
            largest = max(map(len, rows))
            size = max(size, -(-largest // -(-largest // _EVALUATION_BATCH)))
        return ArraySamples(data, size, rows, may_fill)

    def _validation(self, data: Any, validation: Any, folds: Any) -> Any:
        if folds is not None:
            return self._samples(data, [held_out for _, held_out in folds], training=False)
        if validation is None:
            return None
        if isinstance(validation, Arrays):
            validation = each_array(tf.convert_to_tensor, validation)
        return self._samples(validation, None, training=False)

    def new_chunk(self, members: Sequence[Member], values: Any = None) -> Chunk:
        """A chunk at its start, from the given values or those that the seeds give."""
        n_members, n_variables = len(members), len(self.stacked.trainable)
        return Chunk(
            list(members),
            stacked_values(self._initial(members)) if values is None else values,
            np.zeros(0, np.float32),
            np.zeros((n_members, self.task.epochs, n_variables, len(WEIGHT_MEASURES)), np.float32),
            np.zeros(n_members, np.int64),
        )

    def _initial(self, members: Sequence[Member]) -> list[list[np.ndarray]]:
        model = self.task.model
        own = [values_of(variable) for variable in variables_of(model)]
        found = []
        for member in members:
            values = own
            if self._needs_fresh():
                if member.seed not in self._fresh:
                    self._fresh[member.seed] = self._fresh_values(member.seed)
                values = self._fresh[member.seed]
            if self.task.initial_weights == "model":
                # The weights are the model's; what is drawn in training follows from the seed.
                values = [
                    drawn if variable.name == "seed_generator_state" else mine
                    for variable, mine, drawn in zip(variables_of(model), own, values, strict=True)
                ]
            found.append(values)
        return found

    def _fresh_values(self, seed: int) -> list[np.ndarray]:
        try:
            return fresh_values(self.task.model, seed)
        except ValueError as error:
            if self._draws():  # then the weights of the model would not do either
                raise
            raise ValueError(
                f'{error}; or pass `initial_weights="model"` to start from the weights that the '
                "model has"
            ) from error

    def _needs_fresh(self) -> bool:
        return self.task.initial_weights == "seed" or self._draws()

    def _draws(self) -> bool:
        return any(v.name == "seed_generator_state" for v in variables_of(self.task.model))


def _example(dataset: Any) -> tuple[Any, Any]:
    """Samples such as the dataset yields. It is not read, for what is behind it may be slow."""
    specs = keras.utils.unpack_x_y_sample_weight(dataset.element_spec)[:2]
    if all(each.shape.rank and None not in each.shape[1:] for each in tf.nest.flatten(specs)):
        x, y = keras.tree.map_structure(
            lambda spec: tf.zeros([1, *spec.shape[1:]], spec.dtype), specs
        )
    else:
        x, y = keras.utils.unpack_x_y_sample_weight(next(iter(dataset)))[:2]
    return x, y


# Where a model keeps the workshop of its last grid, so that the next one with the same settings
# compiles nothing. A table of them here would keep every model alive that was ever trained.
_WORKSHOP = "_kerasreg_grid_workshop"


def workshop_for(task: GridTask) -> Workshop:
    """A workshop with this task: that of the model's last grid where the programs are the same."""
    workshop: Workshop | None
    key, workshop = vars(task.model).get(_WORKSHOP, (None, None))
    if workshop is not None and key == task.programs_key:
        if workshop.task is not task:
            workshop.take(task)
        return workshop
    vars(task.model).pop(_WORKSHOP, None)  # before memory is taken for the next
    workshop = Workshop(task)
    vars(task.model)[_WORKSHOP] = task.programs_key, workshop
    return workshop
