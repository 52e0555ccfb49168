"""Running the chunks of a grid: here or in other processes, with progress and checkpoints."""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from kerasreg.checkpoints import CheckpointFolder
from kerasreg.grid.chunks import Chunk, Member
from kerasreg.grid.programs import GridPrograms, programs_for
from kerasreg.grid.task import GridTask
from kerasreg.progress import progress_bar
from kerasreg.training_data import Arrays

_Sequences = Sequence[Sequence[Sequence[Member]]]


def run_chunks(
    task: GridTask,
    sequences: _Sequences,
    n_jobs: int,
    checkpoint_dir: Any,
    verbose: int | str,
) -> list[Chunk]:
    """Trains all chunks, and returns them.

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
            return _run_here(task, sequences, 0, held, advance)
        return _run_spread(task, sequences, n_jobs, checkpoint_dir, advance)


def _run_here(
    task: GridTask,
    sequences: _Sequences,
    first: int,
    folder: CheckpointFolder | None,
    advance: Callable[[int], None],
) -> list[Chunk]:
    """Trains sequences of chunks in this process; the number of the first chunk is `first`."""
    done: list[Chunk] = []
    together: list[Chunk] = []
    numbers = itertools.count(first)
    for sequence in sequences:
        values = None
        for members in sequence:
            name = f"chunk_{next(numbers):05d}"
            kept = folder.load(name) if folder is not None else None
            chunk = None if kept is None else Chunk.from_arrays(members, kept)
            if chunk is not None:
                advance(len(members) * chunk.epochs_done)
            if chunk is None or chunk.state:
                programs = programs_for(task)
                chunk = chunk or programs.new_chunk(members, values)
                if len(sequence) == 1 and not isinstance(task.data, Arrays):
                    together.append(chunk)
                    continue
                _train(programs, [chunk], folder, name, advance)
            values = chunk.values
            done.append(chunk)
    if together:
        # A dataset is read once an epoch, for all chunks.
        _train(programs_for(task), together, None, "", advance)
        done += together
    return done


def _train(
    programs: GridPrograms,
    chunks: list[Chunk],
    folder: CheckpointFolder | None,
    name: str,
    advance: Callable[[int], None],
) -> None:
    def after_epoch(chunk: Chunk) -> None:
        if folder is not None and chunk.epochs_done < programs.task.epochs:
            folder.save(name, chunk.to_arrays(programs.trainer.state()))
        advance(len(chunk.members))

    programs.trainer.train(chunks, after_epoch)
    if folder is not None:
        folder.save(name, chunks[0].to_arrays([]))


def _run_spread(
    task: GridTask,
    sequences: _Sequences,
    n_jobs: int,
    checkpoint_dir: Any,
    advance: Callable[[int], None],
) -> list[Chunk]:
    """Sends every sequence of chunks to one of the processes of joblib's backend."""
    import joblib

    packed, token = task.packed(), uuid.uuid4().hex
    folder = None if checkpoint_dir is None else os.path.abspath(checkpoint_dir)
    starts = itertools.accumulate(map(len, sequences), initial=0)
    jobs = (
        joblib.delayed(_sequence_elsewhere)(token, packed, sequence, start, folder)
        for sequence, start in zip(sequences, starts, strict=False)
    )
    done: list[Chunk] = []
    for found in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        done += found
        advance(sum(len(chunk.members) for chunk in found) * task.epochs)
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
) -> list[Chunk]:
    """Trains one sequence of chunks in a worker."""
    with _taking_turns:
        if token not in _elsewhere:
            _elsewhere.clear()
            _elsewhere[token] = packed.unpacked()
        folder = None if checkpoint_dir is None else CheckpointFolder.of_worker(checkpoint_dir)
        return _run_here(_elsewhere[token], [sequence], first, folder, lambda _: None)
