"""The roads of `fine_tune` to a small network, all from one trained network and as many epochs."""

from functools import cache

import numpy as np

from experiments.fine_tune.networks import WHOLE_UNITS, build, images, inputs
from experiments.fine_tune.starts import (
    embedded,
    glorot,
    n_weights,
    pruned_units,
    pruned_weights,
)
from kerasreg.surgery import costs
from kerasreg.surgery.shrinking import shrink

GROUPS, UNITS, START = "group lasso", "pruned units", "small from the start"
L1, WEIGHTS, WHOLE = "l1", "pruned weights", "whole"
STAGES = ("trained", "fine-tuned", "refit", "shrunk")


class Roads:
    """Takes every road for one seed: `penalized` for each penalty and strength.

    Attributes:
        stages: Rows: the accuracy after each stage of a road with a penalty.
        sizes: Rows: what every road ends in.
        models: By (method, strength), what is to be timed; of the first seed.
    """

    def __init__(self, network, free, settings, data, seed, log_dir):
        self._network, self._free, self._settings = network, free, settings
        self._seed, self._log_dir = seed, log_dir
        self._rng = np.random.default_rng(seed)
        x, y = np.tile(data.x_train, (settings.copies, 1)), np.tile(data.y_train, settings.copies)
        self._train_data = inputs(network, x), y
        self._test, self._targets = inputs(network, data.x_test), data.y_test
        self._images = images(network, data.x_test)
        self._whole = build(network, WHOLE_UNITS[network])
        self.stages, self.sizes, self.models = [], [], {}
        start = glorot(free.shapes, self._rng)
        self._base = self._train("trained", free, start, settings.epochs[0])
        self._base_accuracy = self._right(self._base)
        self._keep(WHOLE, 0.0, self._base)
        # It goes on for as long as the others, so that they are not compared with a beginner.
        weights = self._train(WHOLE, free, self._base, sum(settings.epochs[1:]))
        self._add(WHOLE, 0.0, self._right(weights), weights)

    def penalized(self, trainer, strength):
        """Penalized, refitted and shrunk; then the other roads to as many units and weights."""
        name, (_, tune, refit) = trainer.name, self._settings.epochs
        tuned = self._train(name, trainer, self._base, tune, strength=strength)
        weights = self._train(f"{name}-refit", self._free, tuned, refit, hold=True)
        self._whole.set_weights(weights)
        small = shrink(self._whole, timed=False).model
        before, after = (np.argmax(m(self._images), axis=1) for m in (self._whole, small))
        right = [self._base_accuracy, *map(self._right, (tuned, weights))]
        right.append(float(np.mean(after == self._targets)))
        changed = 0, 0, 0, int(np.sum(before != after))
        key = {"network": self._network, "method": name, "strength": strength, "seed": self._seed}
        for stage, accuracy, n in zip(STAGES, right, changed, strict=True):
            self.stages.append(key | {"stage": stage, "accuracy": accuracy, "changed": n})
        left, size = small.get_weights(), costs.file_size(small)
        self._add(name, strength, right[-1], left, size)
        self._keep(name, strength, left if name == GROUPS else weights)
        if name == GROUPS:
            self._others(strength, left, tune + refit, size)

    def _others(self, strength, left, epochs, size):
        units = [len(bias) for bias in left[1:4:2]]
        weights = pruned_units(self._base, units)
        weights = self._train(UNITS, self._free, weights, epochs, hold=True)
        # As many units, so that file and shapes are those of the shrunk one.
        self._add(UNITS, strength, self._right(weights), left, size)
        # Held at zero on both sides, the other units have no part in the training.
        start = embedded(glorot([w.shape for w in left], self._rng), self._base)
        weights = self._train(START, self._free, start, sum(self._settings.epochs), hold=True)
        self._add(START, strength, self._right(weights), left, size)
        strongest = strength == max(self._settings.strengths[self._network])
        if strongest and self._network in self._settings.l1_strengths:
            start = pruned_weights(self._base, n_weights(left))
            weights = self._train(WEIGHTS, self._free, start, epochs, hold=True)
            self._keep(WEIGHTS, strength, weights)
            self._add(WEIGHTS, strength, self._right(weights), weights)

    def _train(self, name, trainer, weights, epochs, **options):
        logs = self._log_dir and f"{self._log_dir}/{self._network}-{name}-{self._seed}"
        logs = logs and logs.replace(" ", "-")
        x, y = self._train_data
        return trainer.train(weights, x, y, epochs, self._seed, log_dir=logs, **options)

    def _keep(self, method, strength, weights):
        if self._seed == self._settings.seeds[0]:  # one is timed
            model = build(self._network, [len(bias) for bias in weights[1:4:2]])
            model.set_weights(weights)
            self.models[method, strength] = model

    def _right(self, weights):
        return float(np.mean(self._free.classes(weights, self._test) == self._targets))

    def _add(self, method, strength, accuracy, weights, file_bytes=None):
        first, second = (len(bias) for bias in weights[1:4:2])
        row = {"network": self._network, "method": method, "strength": strength}
        row |= {"seed": self._seed, "accuracy": accuracy}
        row["parameters"] = sum(w.size for w in weights)
        known = method not in (UNITS, START)  # of which only the shapes are given
        row["non_zero"] = sum(np.count_nonzero(w) for w in weights) if known else np.nan
        row |= {"units_1": first, "units_2": second}
        row["flops"] = _n_flops(self._network, first, second)
        if file_bytes is None:
            self._whole.set_weights(weights)
            file_bytes = costs.file_size(self._whole)
        self.sizes.append(row | {"file_bytes": file_bytes})


@cache
def _n_flops(network, first, second):
    return int(costs.n_flops(build(network, (first, second))))
