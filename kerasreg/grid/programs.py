"""The compiled programs of a grid in this process, and what chunks start from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasreg.copies import fresh_values, variables_of
from kerasreg.grid.chunks import Chunk, Member
from kerasreg.grid.independence import samples_are_independent
from kerasreg.grid.samples import ArraySamples, DatasetSamples
from kerasreg.grid.stacking import StackedModel
from kerasreg.grid.task import GridTask
from kerasreg.grid.training import MemberTrainer
from kerasreg.tables import WEIGHT_MEASURES
from kerasreg.tensorflow_only import tf
from kerasreg.training_data import Arrays, on_device
from kerasreg.variables import values_of
from kerasreg.xla import layers_without_xla

# An evaluation keeps no activations and has no small steps to make.
_EVALUATION_BATCH = 256


class GridPrograms:
    """The compiled programs of a task in this process, with its data.

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
        unsupported = layers_without_xla(model)
        if jit_compile and unsupported:
            warnings.warn(
                f"XLA cannot compile the layers {unsupported}: the grid trains as a plain graph. "
                "Pass jit_compile=False to do so without this line",
                stacklevel=2,
            )
            jit_compile = False
        self.trainer = MemberTrainer(self.stacked, jit_compile)
        self.take(task)

    def take(self, task: GridTask) -> None:
        """Makes this the task; its programs are those of the one before, as `programs_key` says."""
        self.task = task
        self._fresh: dict[int, list[np.ndarray]] = {}  # values by seed, for all chunks
        data, folds = on_device(task.data), task.folds
        trained = [train for train, _ in folds] if folds else None
        self.trainer.take(
            self._samples(data, trained, training=True),
            self._validation(data, on_device(task.validation), folds),
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
        return self._samples(validation, None, training=False)

    def new_chunk(self, members: Sequence[Member], values: Any = None) -> Chunk:
        """A chunk at its start, from the given values or those that the seeds give."""
        n_members, n_variables = len(members), len(self.stacked.trainable)
        return Chunk(
            list(members),
            self._initial(members) if values is None else values,
            np.zeros(0, np.float32),
            np.zeros((n_members, self.task.epochs, n_variables, len(WEIGHT_MEASURES)), np.float32),
            np.zeros(n_members, np.int64),
        )

    def _initial(self, members: Sequence[Member]) -> list[np.ndarray]:
        """For every variable the initial values of all members."""
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
        return [np.stack(each) for each in zip(*found, strict=True)]

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


# Where a model keeps the programs of its last grid, so that the next one with the same settings
# compiles nothing. A table of them here would keep every model alive that was ever trained.
_PROGRAMS = "_kerasreg_grid_programs"


def programs_for(task: GridTask) -> GridPrograms:
    """Programs with this task: those of the model's last grid where they would be the same."""
    programs: GridPrograms | None
    key, programs = vars(task.model).get(_PROGRAMS, (None, None))
    if programs is not None and key == task.programs_key:
        if programs.task is not task:
            programs.take(task)
        return programs
    vars(task.model).pop(_PROGRAMS, None)  # before memory is taken for the next
    programs = GridPrograms(task)
    vars(task.model)[_PROGRAMS] = task.programs_key, programs
    return programs
