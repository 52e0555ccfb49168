"""The grids of `lambda_selection`, which train all strengths, folds and splits of a problem."""

import keras
import numpy as np

from experiments.lambda_selection.data import largest_curvature, split
from kerasreg.cross_validation import cross_validate
from kerasreg.folds import fold_indices
from kerasreg.grid import train_grid
from kerasreg.optimizers import ProximalSGD

EPOCHS = 4  # of many steps each: a measurement an epoch is enough


class Task:
    """One problem. The splits of all seeds, each standardized by its training part, are stacked."""

    def __init__(self, problem, settings):
        self.problem, self.settings = problem, settings
        self.splits = {seed: split(problem, seed) for seed in settings.seeds}
        # The folds of each split are drawn once, those of the first some more times.
        self.drawn = [(seed, 0) for seed in settings.seeds]
        self.drawn += [(settings.seeds[0], draw + 1) for draw in range(settings.redraws)]
        self.loss = (
            keras.losses.BinaryCrossentropy(from_logits=True)  # of a sigmoid unit, without overflow
            if problem.is_logistic
            else keras.losses.MeanSquaredError()
        )
        self.metrics = [keras.metrics.BinaryAccuracy(threshold=0.0)] if problem.is_logistic else []
        self.x = np.concatenate([np.concatenate(part[:2]) for part in self.splits.values()])
        self.y = np.concatenate([np.concatenate(part[2:]) for part in self.splits.values()])

    def cross_validate(self, penalty, log_dir=None):
        """All folds of all seeds in one program: those of the i-th of `drawn` from i·n_folds on."""
        pairs = []
        for seed, draw in self.drawn:
            x, _, y, _ = self.splits[seed]
            start = list(self.splits).index(seed) * self._samples
            folds = fold_indices(
                self.settings.n_folds, x, y, loss=self.loss, seed=1000 * draw + seed
            )
            pairs += [(start + a, start + b) for a, b in folds]
        return cross_validate(
            *self._model_and_data(penalty),
            strengths=strengths(penalty, self.settings),
            log_dir=log_dir,
            **self._full_batches(pairs),
        )

    def train_on_all(self, penalty, log_dir=None):
        """Every split once more, with and without penalty: all training rows against the test."""
        rows = np.split(np.arange(self._samples), [self.problem.rows])
        pairs = [tuple(part + i * self._samples for part in rows) for i in range(len(self.splits))]
        return train_grid(
            *self._model_and_data(penalty),
            strengths=[0.0, *strengths(penalty, self.settings)],
            metrics=self.metrics,
            log_dir=log_dir,
            **self._full_batches(pairs),
        )

    @property
    def _samples(self):
        return len(self.y) // len(self.splits)

    def _model_and_data(self, penalty):
        regularizer = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2}[penalty](1.0)
        # Convex: where it starts does not matter, but without a penalty the way does.
        dense = keras.layers.Dense(
            1, kernel_initializer="zeros", kernel_regularizer=regularizer, name="dense"
        )
        return keras.Sequential([keras.Input(self.x.shape[1:]), dense]), self.x, self.y

    def _full_batches(self, pairs):
        """Steps of full batches, many to an epoch: the rows of a fold are repeated."""
        steps = round(self.problem.steps * self.settings.share_of_steps)
        copies = -(-steps // EPOCHS)
        curvature = max(largest_curvature(self.x[rows]) for rows, _ in pairs)
        optimizer = ProximalSGD(
            1 / (curvature * (0.25 if self.problem.is_logistic else 2.0)),
            momentum=self.problem.momentum,
            nesterov=True,
        )
        return {
            "folds": [(np.tile(rows, copies), held_out) for rows, held_out in pairs],
            "batch_size": len(pairs[0][0]),
            "epochs": EPOCHS,
            "shuffle": False,
            "initial_weights": "model",
            "optimizer": optimizer,
            "loss": self.loss,
            "jit_compile": self.settings.jit_compile,
            "verbose": 0,
            "log_members": 8,  # of the first fold
        }


def strengths(penalty, settings):
    """Powers of ten to four digits, the same for all problems, 0.1 and 1 among them."""
    first, last = (round(settings.per_decade * end) for end in settings.decades[penalty])
    return [float(f"{10 ** (k / settings.per_decade):.4g}") for k in range(first, last + 1)]
