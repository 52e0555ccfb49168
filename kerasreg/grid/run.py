"""Running the chunks of a grid: here or in other processes, with progress and checkpoints."""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from kerasreg.checkpoints import CheckpointFolder
from kerasreg.grid.task import GridTask, Workshop, workshop_for
from kerasreg.grid.training import Chunk, Member
from kerasreg.progress import progress_bar
from kerasreg.training_data import Arrays

Sequences = Sequence[Sequence[Sequence[Member]]]


def run_chunks(
    task: GridTask,
    sequences: Sequences,
    n_jobs: int,
    checkpoint_dir: Any,
    verbose: int | str,
) -> tuple[list[Chunk], list[str]]:
    """Trains all chunks: the finished ones, and the names of the quantities in their curves.

    Args:
        task: What to do.
        sequences: Members of the chunks; within a sequence each chunk starts with the weights
            that the one before has ended with.
        n_jobs: Number of processes.
        checkpoint_dir: Folder for finished epochs, or None.
        verbose: 1, 0 or "auto".
    """
    folder: Any = nullcontext()
    if checkpoint_dir is not None:
        planned = [members for sequence in sequences for members in sequence]
        folder = CheckpointFolder(checkpoint_dir, task.description(planned))
    n_members = sum(len(members) for sequence in sequences for members in sequence)
    counted = f"{n_members} members × {task.epochs} epochs"
    progress = progress_bar(n_members * task.epochs, counted, "epoch", verbose)
    with folder as held, progress as bar:
        advance = bar.update
        if n_jobs == 1:
            done = _run_here(task, sequences, 0, held, advance)
        else:
            done = _run_spread(task, sequences, n_jobs, checkpoint_dir, advance)
    return [chunk for chunk, _ in done], done[0][1]


Done = tuple[Chunk, list[str]]


def _run_here(
    task: GridTask,
    sequences: Sequences,
    first: int,
    folder: CheckpointFolder | None,
    advance: Callable[[int], None],
) -> list[Done]:
    """Trains sequences of chunks in this process; the number of the first chunk is `first`."""
    done: list[Done] = []
    together: list[Chunk] = []
    numbers = itertools.count(first)
    for sequence in sequences:
        values = None
        for members in sequence:
            name = f"chunk_{next(numbers):05d}"
            chunk, quantities = _loaded(folder, name, members)
            if chunk is not None:
                advance(len(members) * chunk.epochs_done)
            if chunk is None or chunk.state:
                workshop = workshop_for(task)
                chunk = chunk or workshop.new_chunk(members, values)
                if len(sequence) == 1 and not isinstance(task.data, Arrays):
                    together.append(chunk)
                    continue
                _train(workshop, [chunk], folder, name, advance)
                quantities = workshop.trainer.quantities
            values = chunk.values
            done.append((chunk, quantities))
    if together:
        # A dataset is read once an epoch, for all chunks.
        workshop = workshop_for(task)
        _train(workshop, together, None, "", advance)
        done += [(chunk, workshop.trainer.quantities) for chunk in together]
    return done


def _train(
    workshop: Workshop,
    chunks: list[Chunk],
    folder: CheckpointFolder | None,
    name: str,
    advance: Callable[[int], None],
) -> None:
    def after_epoch(chunk: Chunk) -> None:
        if folder is not None and chunk.epochs_done < workshop.task.epochs:
            _save(folder, name, chunk, workshop, workshop.trainer.state())
        advance(len(chunk.members))

    workshop.trainer.train(chunks, after_epoch)
    if folder is not None:
        _save(folder, name, chunks[0], workshop, [])


def _save(
    folder: CheckpointFolder, name: str, chunk: Chunk, workshop: Workshop, state: list[np.ndarray]
) -> None:
    """Writes what a chunk has done, and what the next epoch needs, or its end."""
    parts = {
        "curves": chunk.curves,
        "weights": chunk.weights,
        "diverged_in": chunk.diverged_in,
        "epochs_done": np.array(chunk.epochs_done),
        "quantities": np.frombuffer("\n".join(workshop.trainer.quantities).encode(), np.uint8),
    }
    kept = {"state": state} if state else {"values": chunk.values}
    for kind, arrays in kept.items():
        parts |= {f"{kind}_{at}": array for at, array in enumerate(arrays)}
    folder.save(name, parts)


def _loaded(
    folder: CheckpointFolder | None, name: str, members: Sequence[Member]
) -> tuple[Chunk | None, list[str]]:
    parts = folder.load(name) if folder is not None else None
    if parts is None:
        return None, []
    values, state = (
        [parts[f"{kind}_{at}"] for at in range(len(parts)) if f"{kind}_{at}" in parts]
        for kind in ("values", "state")
    )
    chunk = Chunk(
        list(members),
        values,
        parts["curves"],
        parts["weights"],
        parts["diverged_in"],
        int(parts["epochs_done"]),
        state,
    )
    return chunk, parts["quantities"].tobytes().decode().split("\n")


def _run_spread(
    task: GridTask,
    sequences: Sequences,
    n_jobs: int,
    checkpoint_dir: Any,
    advance: Callable[[int], None],
) -> list[Done]:
    """Sends every sequence of chunks to one of the processes of joblib's backend."""
    import joblib

    packed, token = task.packed(), uuid.uuid4().hex
    folder = None if checkpoint_dir is None else os.path.abspath(checkpoint_dir)
    starts = itertools.accumulate(map(len, sequences), initial=0)
    jobs = (
        joblib.delayed(_sequence_elsewhere)(token, packed, sequence, start, folder)
        for sequence, start in zip(sequences, starts, strict=False)
    )
    done: list[Done] = []
    for found in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        done += found
        advance(sum(len(chunk.members) for chunk, _ in found) * task.epochs)
    return done


# The task that this process works on for another, with its call's token. The sequences of a call
# come one by one and share the compiled programs; threads, which share this, take turns.
_elsewhere: dict[str, GridTask] = {}
_taking_turns = threading.Lock()


def _sequence_elsewhere(
    token: str,
    packed: GridTask,
    sequence: Sequence[Sequence[Member]],
    first: int,
    checkpoint_dir: str | None,
) -> list[Done]:
    """Trains one sequence of chunks in a worker."""
    with _taking_turns:
        if token not in _elsewhere:
            _elsewhere.clear()
            _elsewhere[token] = packed.unpacked()
        folder = None if checkpoint_dir is None else CheckpointFolder.of_worker(checkpoint_dir)
        return _run_here(_elsewhere[token], [sequence], first, folder, lambda _: None)
