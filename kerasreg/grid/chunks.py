"""Chunks: the members of a grid that are trained at once, and what became of them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasreg.folds import Fold
from kerasreg.grid.elementwise import slots_per_weight

# Weights, gradients and the optimizer's slots of the members that are trained at once stay in the
# cache of a processor core and its neighbours. Beyond it memory bandwidth decides, and more
# members at once are slower, not faster.
_CACHE_BYTES = 2**25
# Share of the machine's memory that the activations of a chunk may take.
_MEMORY_SHARE = 0.25


class Member(NamedTuple):
    """One model of a grid."""

    strength: float
    fold: int
    seed: int


@dataclass
class Chunk:
    """Members that are trained at once, and what became of them.

    Args:
        members: The members. All have the same fold unless each has rows of its own.
        values: For every variable of the model the values of all members; the initial ones at
            first, in the end those that training left.
        curves: Shape `(n_members, n_epochs, 2, n_quantities)`, train and validation.
        weights: Shape `(n_members, n_epochs, n_variables, n_measures)`, the measures being
            `kerasreg.tables.WEIGHT_MEASURES`.
        diverged_in: Epoch in which a member diverged, 0 if it did not.
        quantities: Names of the quantities in the curves, once an epoch is done.
        epochs_done: Number of finished epochs.
        state: What training has in its variables, where it was interrupted.
    """

    members: list[Member]
    values: list[np.ndarray]
    curves: np.ndarray
    weights: np.ndarray
    diverged_in: np.ndarray
    quantities: list[str] = field(default_factory=list)
    epochs_done: int = 0
    state: list[np.ndarray] = field(default_factory=list)

    def to_arrays(self, state: list[np.ndarray]) -> dict[str, np.ndarray]:
        """What a checkpoint keeps of it.

        Args:
            state: What the next epoch starts from; empty at the end, when there are values.
        """
        parts = {
            "curves": self.curves,
            "weights": self.weights,
            "diverged_in": self.diverged_in,
            "epochs_done": np.array(self.epochs_done),
            "quantities": np.frombuffer("\n".join(self.quantities).encode(), np.uint8),
        }
        kept = {"state": state} if state else {"values": self.values}
        for kind, arrays in kept.items():
            parts |= {f"{kind}_{at}": array for at, array in enumerate(arrays)}
        return parts

    @classmethod
    def from_arrays(cls, members: Sequence[Member], parts: Mapping[str, np.ndarray]) -> Chunk:
        """The chunk of these members that `to_arrays` took apart."""
        values, state = (
            [parts[f"{kind}_{at}"] for at in range(len(parts)) if f"{kind}_{at}" in parts]
            for kind in ("values", "state")
        )
        return cls(
            list(members),
            values,
            parts["curves"],
            parts["weights"],
            parts["diverged_in"],
            parts["quantities"].tobytes().decode().split("\n"),
            int(parts["epochs_done"]),
            state,
        )


def planned_sequences(
    strengths: Sequence[float],
    folds: Sequence[Fold] | None,
    seeds: Sequence[int],
    chunk_size: int,
    warm_start: bool,
) -> list[list[list[Member]]]:
    """Sequences of chunks: those of one sequence start where the one before has ended.

    Without `warm_start` every sequence has one chunk.
    """
    n_folds = 1 if folds is None else len(folds)
    if not warm_start:
        members = [
            Member(s, fold, seed) for fold in range(n_folds) for seed in seeds for s in strengths
        ]
        return [[chunk] for chunk in _chunks(members, chunk_size)]
    # Members of several folds in one chunk take their steps together, so each must have as many
    # rows, to train and to evaluate.
    alike: dict[Any, list[int]] = {}
    for fold in range(n_folds):
        sizes = tuple(map(len, folds[fold])) if folds else ()
        alike.setdefault(sizes, []).append(fold)
    sequences = []
    for own in alike.values():
        first = [Member(0.0, fold, seed) for fold in own for seed in seeds]
        sequences += [
            [[member._replace(strength=s) for member in chunk] for s in sorted(strengths)]
            for chunk in _chunks(first, chunk_size, by_fold=False)
        ]
    return sequences


def _chunks(members: Sequence[Member], chunk_size: int, by_fold: bool = True) -> list[list[Member]]:
    """Members that are trained at once, at most `chunk_size` of them.

    With `by_fold` those of one chunk have one fold: all of them compute with the same samples.
    """
    folds = sorted({member.fold for member in members}) if by_fold else [None]
    chunks = []
    for fold in folds:
        own = [member for member in members if fold is None or member.fold == fold]
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
