"""What TensorBoard shows of a grid: some members as runs, and all of these side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasreg.grid.chunks import Chunk, Member
from kerasreg.grid.task import GridTask
from kerasreg.tables import WEIGHT_MEASURES, Histogram, by_tag, flat_floats
from kerasreg.tensorboard import hparams, summaries
from kerasreg.tensorboard.event_files import EventFiles, run_folder
from kerasreg.variables import named_variables

# Share and number of the weights with a regularizer that are zero, and that are not.
ZEROS, NONZERO = "zeros", "nonzero"


def write_logs(
    task: GridTask,
    chunks: Sequence[Chunk],
    log_dir: Path,
    log_members: int,
    start: float,
) -> None:
    """Writes event files of the members that `logged_members` chooses.

    Each has a folder with what a single run has: `train` and `validation`, scalars by epoch, and
    the histograms of the trained weights. Besides, in `train`, `zeros` and `nonzero`: of the
    weights that have a regularizer the share that are zero, and the number that are not. The
    HParams page compares them by their settings and by what they end with. Of an epoch in
    which a member diverged, and after it, nothing is written, but that it failed.

    Args:
        task: What was trained.
        chunks: The trained chunks.
        log_dir: Folder, or the first `run-2`, `run-3`, … in it without event files.
        log_members: How many members at most.
        start: When training began, as `time.time()` says it.
    """
    end = time.time()
    placed = {member: (c, at) for c in chunks for at, member in enumerate(c.members)}
    folders = member_folders(placed, has_folds=task.folds is not None)
    events = EventFiles(run_folder(log_dir))
    shared = {
        "penalty": hparams.regularizer_names(_regularizers(task.model)),
        "optimizer": type(task.optimizer).__name__,
    }
    settings = {
        member: {key: getattr(member, key) for key in task.run_keys} | shared
        for member in logged_members(placed, log_members)
    }
    metrics = _metrics(task, chunks[0].quantities)
    events.add("", 0, [hparams.experiment([*settings.values()], metrics)])
    logged = _Logged(task)
    for member, own in settings.items():
        chunk, at = placed[member]
        folder = folders[member]
        began = hparams.session_start(own, start)
        ended = hparams.session_end(bool(chunk.diverged_in[at]), end)
        events.add(folder, 0, [began, ended])
        for split, epoch, entries in logged.of(chunk, at):
            events.add(f"{folder}/{split}", epoch, entries)
        events.close()  # of hundreds of members the files would be more than may be open
    events.close()


def logged_members(members: Any, log_members: int) -> list[Member]:
    """At most `log_members` of the members.

    First strengths are chosen, as many as there may be members, evenly over all of them with the
    smallest and the largest. Each then has the same folds and seeds, as many as there is room
    for: the folds of the first seed in their order, then those of the next.
    """
    strengths = sorted({member.strength for member in members})
    at = np.linspace(0, len(strengths) - 1, min(log_members, len(strengths)))
    chosen = [strengths[i] for i in np.round(at).astype(int)]
    ways = sorted({(member.seed, member.fold) for member in members})
    return [
        Member(strength, fold, seed)
        for strength in chosen
        for seed, fold in ways[: log_members // len(chosen)]
    ]


def member_folders(members: Any, has_folds: bool) -> dict[Member, str]:
    """Names of run folders: `strength=0.01`, and `,fold=0`, `,seed=0` where there are several.

    A strength has four digits, or as many as it takes to tell it from every other.
    """
    strengths = {member.strength for member in members}
    digits = 4
    while len({f"{strength:.{digits}g}" for strength in strengths}) < len(strengths):
        digits += 1
    has_seeds = len({member.seed for member in members}) > 1
    return {
        member: f"strength={member.strength:.{digits}g}"
        + f",fold={member.fold}" * has_folds
        + f",seed={member.seed}" * has_seeds
        for member in members
    }


def _regularizers(model: keras.Model) -> list[Any]:
    of_weights = [variable.regularizer for variable in model.trainable_variables]
    of_outputs = [layer.activity_regularizer for layer in model._flatten_layers()]
    return [each for each in (*of_weights, *of_outputs) if each is not None]


def _metrics(task: GridTask, quantities: Sequence[str]) -> list[hparams.Metric]:
    """What members are compared by: how good they are, and how sparse."""
    split = task.splits[-1]
    parts = ("penalty", *(name for name in quantities if name.startswith("penalty/")))
    known = ["data_loss", "loss", *(name for name in quantities if name not in parts)]
    found = [hparams.Metric(split, tag, f"{split} {tag}") for tag in dict.fromkeys(known)]
    if any(variable.regularizer is not None for variable in task.model.trainable_variables):
        found.append(hparams.Metric("train", ZEROS, "zeros"))
        found.append(hparams.Metric("train", NONZERO, "not zero"))
    return found


class _Logged:
    """Makes the entries of members, from their arrays."""

    def __init__(self, task: GridTask):
        self._splits = task.splits
        variables = named_variables(task.model)
        self._names = [name for name, _ in variables]
        self._sizes = np.array([max(int(np.prod(v.shape)), 1) for _, v in variables])
        self._penalized = np.array([v.regularizer is not None for _, v in variables])
        self._of_penalized = [ZEROS, NONZERO] if self._penalized.any() else []

    def of(self, chunk: Chunk, at: int) -> Iterator[tuple[str, int, list[summaries.Entry]]]:
        """Split, epoch and entries of a member, for each split and epoch."""
        diverged_in = int(chunk.diverged_in[at])
        n_epochs = diverged_in - 1 if diverged_in else chunk.epochs_done
        measured = self._of_weights(chunk.weights[at, :n_epochs])
        for epoch in range(1, n_epochs + 1):
            for split, values in zip(self._splits, chunk.curves[at, epoch - 1], strict=False):
                named = dict(zip(chunk.quantities, values.tolist(), strict=True))
                if split == "train":
                    named |= measured[epoch - 1]
                entries = [summaries.scalar(tag, v) for tag, v in named.items() if v == v]
                if split == "train" and epoch == n_epochs and not diverged_in:
                    entries += self._histograms(chunk, at)
                yield split, epoch, entries

    def _of_weights(self, weights: np.ndarray) -> list[dict[str, float]]:
        """By epoch, sparsity and norms of every variable, and the zeros of those penalized."""
        named: list[dict[str, float]] = []
        for epoch in weights.tolist():
            of_epoch: dict[str, float] = {}
            for name, measured, size in zip(self._names, epoch, self._sizes.tolist(), strict=True):
                of_epoch |= by_tag(name, measured, size)
            named.append(of_epoch)
        if self._of_penalized:
            n_weights = int(self._sizes[self._penalized].sum())
            zeros_at = list(WEIGHT_MEASURES).index("n_zero")
            n_zero = weights[:, self._penalized, zeros_at].sum(axis=-1)
            for row, zeros in zip(named, n_zero.tolist(), strict=True):
                row |= {ZEROS: zeros / n_weights, NONZERO: n_weights - zeros}
        return named

    def _histograms(self, chunk: Chunk, at: int) -> list[summaries.Entry]:
        entries = []
        for name, values in zip(self._names, chunk.values, strict=False):
            flat = flat_floats(values[at])
            histogram = Histogram(flat, float(np.abs(flat).max(initial=0.0)))
            entries.append(summaries.histogram(name, histogram.edges_and_counts()))
        return entries
