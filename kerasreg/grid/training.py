"""Training the members of a grid, chunk after chunk, through one compiled program."""

from __future__ import annotations

import contextlib
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerasreg.grid.chunks import Chunk
from kerasreg.grid.samples import ArraySamples, DatasetSamples, Segment, batch_at
from kerasreg.grid.stacking import StackedModel, Sums
from kerasreg.metrics import by_quantity
from kerasreg.tables import measures_of
from kerasreg.tensorflow_only import tf
from kerasreg.training_data import Arrays
from kerasreg.variables import values_of
from kerasreg.xla import REFUSED, shapes_of, why_refused

# What `tf.vectorized_map` says of an operation that it has no rule for.
_UNKNOWN_OPERATION = re.compile(r"No pfor vectorization defined for (\w+)")
# From this many calls on, compiling the evaluation by XLA pays for itself.
_EVALUATIONS_WORTH_XLA = 100


class MemberTrainer:
    """The compiled programs of a grid, and the loop over epochs and chunks.

    Args:
        stacked: The model with an axis of members.
        jit_compile: Whether to compile by XLA.
    """

    def __init__(self, stacked: StackedModel, jit_compile: bool):
        self.stacked = stacked
        self._loaded: Chunk | None = None
        self._ahead: threading.Thread | None = None
        self._tracing = threading.Lock()
        self._compile(jit_compile)

    def take(
        self,
        samples: ArraySamples | DatasetSamples,
        validation: ArraySamples | DatasetSamples | None,
        epochs: int,
        shuffle_seed: int | None,
        n_chunks: int,
    ) -> None:
        """Takes up a task; the programs of the one before serve it too.

        Args:
            samples: Training data.
            validation: Validation data, or None.
            epochs: Number of epochs.
            shuffle_seed: Seed of the order of the samples, None for the order that they have.
            n_chunks: How many chunks will be trained.
        """
        self.samples = samples
        self.validation = validation
        self.epochs = epochs
        self.shuffle_seed = shuffle_seed
        self._loaded = None
        self._evaluates_by_xla = epochs * n_chunks >= _EVALUATIONS_WORTH_XLA

    def _compile(self, jit_compile: bool) -> None:
        if self._ahead is not None:
            self._ahead.join()  # it would put its program among the new ones
            self._ahead = None
        self.jit_compile = jit_compile
        self._programs: dict[Any, Callable[..., Any]] = {}

    def _is_by_xla(self, name: str) -> bool:
        return self.jit_compile and (name == "train" or self._evaluates_by_xla)

    # The programs

    def _train(
        self, data: Arrays, rows: list[Any], n_steps: Any, alive: Any, sums: Sums
    ) -> tuple[Any, Sums, dict[str, Any]]:
        def step(at: Any, alive: Any, sums: Sums) -> Any:
            alive, sums = self.stacked.train_on(
                lambda rows: batch_at(data, rows), [each[at] for each in rows], alive, sums
            )
            return at + 1, alive, sums

        _, alive, sums = tf.while_loop(
            lambda at, alive, sums: at < n_steps, step, (tf.constant(0), alive, sums)
        )
        return alive, sums, self.stacked.metric_results(sums.metrics)

    def _evaluate(
        self, data: Arrays, rows: list[Any], n_steps: Any, sums: Sums
    ) -> tuple[Sums, dict[str, Any]]:
        def step(at: Any, sums: Sums) -> Any:
            return at + 1, self.stacked.evaluate_on(
                lambda rows: batch_at(data, rows), [each[at] for each in rows], sums
            )

        _, sums = tf.while_loop(lambda at, sums: at < n_steps, step, (tf.constant(0), sums))
        return sums, self.stacked.metric_results(sums.metrics)

    def _program(self, name: str, segment: Segment, *arguments: Any) -> Callable[..., Any]:
        """The program for a segment of these shapes."""
        # A call of few epochs before this one may have left the evaluation as a plain graph.
        key = (name, self._is_by_xla(name), shapes_of(segment))
        # A trace changes the model for its time, so that two of them at once would meet in it.
        with self._tracing:
            if key not in self._programs:
                body = self._train if name == "train" else self._evaluate
                function = tf.function(body, autograph=False, jit_compile=self._is_by_xla(name))
                self._programs[key] = function.get_concrete_function(*segment, *arguments)
        return self._programs[key]

    def _run(self, name: str, segment: Segment, *arguments: Any) -> Any:
        """Runs a program on a segment, in a slower way from then on where there is no other."""
        while True:
            try:
                return self._program(name, segment, *arguments)(*segment, *arguments)
            except REFUSED as error:
                if not self.jit_compile:
                    raise
                self._say("as a plain graph", f"XLA cannot compile it ({why_refused(error)})")
                self._compile(jit_compile=False)
            except ValueError as error:
                unknown = _UNKNOWN_OPERATION.search(str(error))
                if unknown is None or self.stacked.maps_by_loop:
                    raise
                self._say("one by one", f"TensorFlow cannot vectorize {unknown[1]}")
                self.stacked.maps_by_loop = True
                self._compile(self.jit_compile)

    def _say(self, how: str, reason: str) -> None:
        name = self.stacked.model.name
        warnings.warn(
            f"The grid of the model '{name}' trains {how}, which is slower: {reason}",
            stacklevel=2,
        )

    # Epochs and chunks

    def train(
        self,
        chunks: Sequence[Chunk],
        after_epoch: Callable[[Chunk], None] = lambda chunk: None,
    ) -> None:
        """Trains chunks to their last epoch. Those that have done some epochs go on from there.

        Arrays stay in memory, so that one chunk is trained to its end before the next. A dataset
        is read once an epoch, and its blocks go through all chunks.

        Args:
            chunks: The chunks, which are changed.
            after_epoch: Called when a chunk has finished an epoch; `state()` is then its own.
        """
        if isinstance(self.samples, DatasetSamples):
            self._train_together(chunks, after_epoch)
            return
        for chunk in chunks:
            self._train_together([chunk], after_epoch)

    def _train_together(
        self, chunks: Sequence[Chunk], after_epoch: Callable[[Chunk], None]
    ) -> None:
        (done,) = {chunk.epochs_done for chunk in chunks}
        orders = [self._orders(chunk) for chunk in chunks]
        for _ in range(done):
            for each in orders:
                next(each)
        for epoch in range(done + 1, self.epochs + 1):
            alive = self._train_epoch(chunks, [next(each) for each in orders])
            measured = self._evaluate_epoch(chunks)
            for chunk, (is_alive, train), validation in zip(chunks, alive, measured, strict=True):
                self._record(chunk, epoch, is_alive, train, validation)
                chunk.epochs_done = epoch
                after_epoch(chunk)
        for chunk in chunks:
            self._load(chunk)
            self.stacked.optimizer.finalize_variable_values(self.stacked.stacked)
            variables = [*self.stacked.stacked, *self.stacked.stacked_state]
            chunk.values = [values_of(variable).copy() for variable in variables]
            chunk.state = []
            self._loaded = None

    def _orders(self, chunk: Chunk) -> Iterator[list[np.ndarray]]:
        """The order of the rows in each epoch: one that all members share, or one a member."""
        if isinstance(self.samples, DatasetSamples):
            while True:
                yield []
        folds = self._folds(chunk)
        own = {fold: self.samples.orders(fold, self.shuffle_seed) for fold in set(folds)}
        while True:
            orders = {fold: next(each) for fold, each in own.items()}
            yield [orders[fold] for fold in folds]

    def _folds(self, chunk: Chunk) -> list[int]:
        """The fold that all members share, or the fold of each that there is room for."""
        folds = [member.fold for member in chunk.members]
        if len(set(folds)) == 1:
            return folds[:1]
        return folds + folds[-1:] * (self.stacked.n_members - len(folds))

    def _train_epoch(
        self, chunks: Sequence[Chunk], orders: Sequence[list[np.ndarray]]
    ) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        alive = [tf.constant(self._filled(chunk.diverged_in == 0)) for chunk in chunks]
        sums = [self.stacked.zero_sums()] * len(chunks)
        results: list[Any] = [{}] * len(chunks)
        for at, segment in self._segments(self.samples, chunks, orders):
            self._load(chunks[at])
            self._trace_evaluation(chunks, segment, alive[at], sums[at])
            before = [values_of(variable).copy() for variable in self.stacked.weights]
            alive[at], sums[at], results[at] = self._run("train", segment, alive[at], sums[at])
            alive[at] = self._still_finite(alive[at], before)
        averages = self._all_averages(sums, results)
        return [(flags.numpy(), each) for flags, each in zip(alive, averages, strict=True)]

    def _still_finite(self, alive: Any, before: list[np.ndarray]) -> Any:
        """Who is alive and has finite weights; the others get these weights back.

        A step looks at the loss alone. Where that was finite and the weights after it are not,
        the member goes back to where the epoch, or the block of a dataset, began.
        """
        infinite = ~np.isfinite(sum(_sums(values_of(each)) for each in self.stacked.weights))
        if not infinite.any():
            return alive
        for variable, old in zip(self.stacked.weights, before, strict=True):
            now = values_of(variable).copy()
            now[infinite] = old[infinite]
            variable.assign(now)
        return alive & ~infinite

    def _evaluate_epoch(self, chunks: Sequence[Chunk]) -> list[dict[str, np.ndarray]]:
        if self.validation is None:
            return [{}] * len(chunks)
        sums = [self.stacked.zero_sums()] * len(chunks)
        results: list[Any] = [{}] * len(chunks)
        if self._ahead is not None:
            self._ahead.join()
        for at, segment in self._segments(self.validation, chunks, self._held_out(chunks)):
            self._load(chunks[at])
            sums[at], results[at] = self._run("evaluate", segment, sums[at])
        return self._all_averages(sums, results)

    def _held_out(self, chunks: Sequence[Chunk]) -> list[list[np.ndarray]]:
        """The rows to evaluate on: for all members of a chunk, or one a member."""
        if not isinstance(self.validation, ArraySamples):
            return []
        by_fold = self.validation.rows_of_fold
        return [[by_fold[fold] for fold in self._folds(chunk)] for chunk in chunks]

    def _trace_evaluation(
        self, chunks: Sequence[Chunk], segment: Segment, alive: Any, sums: Sums
    ) -> None:
        """Traces the first evaluation beside the compiler, which needs no Python for its work."""
        if self._ahead is not None or not isinstance(self.validation, ArraySamples):
            return
        # Its trace would wait for the other one. What fails here fails again, and is told there.
        with contextlib.suppress(Exception):
            self._program("train", segment, alive, sums)
        _, first = next(self._segments(self.validation, chunks, self._held_out(chunks)))
        start = self.stacked.zero_sums()

        def trace() -> None:
            with contextlib.suppress(Exception):
                self._program("evaluate", first, start)

        self._ahead = threading.Thread(target=trace)
        self._ahead.start()

    def _segments(
        self,
        samples: ArraySamples | DatasetSamples,
        chunks: Sequence[Chunk],
        orders: Sequence[list[np.ndarray]],
    ) -> Iterator[tuple[int, Segment]]:
        """What to run, with the number of the chunk that is to run it."""
        if isinstance(samples, ArraySamples):
            for at, each in enumerate(orders):
                for segment in samples.segments(each):
                    yield at, segment
            return
        for segment in samples.segments():
            for at in range(len(chunks)):
                yield at, segment

    def _all_averages(
        self, sums: Sequence[Sums], results: Sequence[dict[str, Any]]
    ) -> list[dict[str, np.ndarray]]:
        return [self._averages(*each) for each in zip(sums, results, strict=True)]

    def _averages(self, sums: Sums, metrics: dict[str, Any]) -> dict[str, np.ndarray]:
        """Every quantity of an epoch, of shape `(n_members,)`."""
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = sums.parts.numpy() / sums.n_samples.numpy()[:, None]
        stacked = self.stacked
        quantities = by_quantity(parts.T, stacked.penalty_names.all, stacked.used_penalties)
        return quantities | {name: value.numpy() for name, value in metrics.items()}

    def _record(
        self,
        chunk: Chunk,
        epoch: int,
        alive: np.ndarray,
        train: dict[str, np.ndarray],
        validation: dict[str, np.ndarray],
    ) -> None:
        n_members = len(chunk.members)
        chunk.quantities = list(train)
        if not chunk.curves.size:
            shape = (n_members, self.epochs, 2, len(train))
            chunk.curves = np.full(shape, np.nan, np.float32)
        alive = alive[:n_members]
        chunk.diverged_in[(chunk.diverged_in == 0) & ~alive] = epoch
        for split, values in enumerate((train, validation)):
            for at, name in enumerate(chunk.quantities):
                if name in values:
                    known = np.where(alive, values[name][:n_members], np.nan)
                    chunk.curves[:, epoch - 1, split, at] = known
        self._load(chunk)
        for at, variable in enumerate(self.stacked.stacked):
            measured = measures_of(values_of(variable)[:n_members])
            chunk.weights[:, epoch - 1, at] = np.stack([*measured.values()], axis=1)

    def _load(self, chunk: Chunk) -> None:
        """Brings a chunk into the variables; another one that is there keeps its state."""
        if self._loaded is chunk:
            return
        if self._loaded is not None:
            self._loaded.state = self.state()
        strengths = [member.strength for member in chunk.members]
        self.stacked.strengths.assign(self._filled(np.array(strengths, np.float32)))
        if chunk.state:
            for variable, value in zip(self.stacked.variables, chunk.state, strict=True):
                variable.assign(value)
        else:
            self.stacked.start([self._filled(value) for value in chunk.values])
        self._loaded = chunk

    def state(self) -> list[np.ndarray]:
        """All that the next epoch starts from, of the chunk that is in the variables."""
        return [values_of(variable).copy() for variable in self.stacked.variables]

    def _filled(self, values: np.ndarray) -> np.ndarray:
        """A chunk with fewer members than the others is filled with copies of its last."""
        missing = self.stacked.n_members - len(values)
        return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])


def _sums(values: np.ndarray) -> np.ndarray:
    """The sum of the weights of each member."""
    with np.errstate(invalid="ignore", over="ignore"):
        sums: np.ndarray = values.reshape(len(values), -1).sum(axis=1, dtype=np.float32)
    return sums
