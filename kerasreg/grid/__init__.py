"""Training many models at once: every strength, fold and seed in one compiled program.

A member is one model: a strength, a fold of the samples, a seed. All members have the same Keras
model; its variables get a first axis of members, and what `kerasreg.training.train` does to one
model is done to all of them in one program, batch by batch. `kerasreg.path` and
`kerasreg.cross_validation` are built on it.
"""

# A call goes this way: `call` checks it and makes a `task` of it, whose members `chunks` divides;
# `run` hands the chunks to processes and keeps their checkpoints, `programs` is what a process has
# compiled, `training` goes through epochs and chunks, `samples` says which rows a step sees,
# `stacking` is the step, `record` the result, and `logs` shows it in TensorBoard.

from kerasreg.grid.call import train_grid
from kerasreg.grid.record import GridRecord

__all__ = ["GridRecord", "train_grid"]
