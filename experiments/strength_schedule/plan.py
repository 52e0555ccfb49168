"""The schedules of `strength_schedule`, and the callback that trains under each in one `fit`."""

import keras

from kerasreg import variables

CONSTANT, WARM_UP, LATE = "constant", "warm-up", "late"
ANNEALED, RELEASED = "annealed", "released"
TIMES = 4.0  # λ at the beginning, where it is annealed


def schedules(epochs):
    """By name, what λ is multiplied by in an epoch."""
    keras_schedules = keras.optimizers.schedules
    line, steps = keras_schedules.PolynomialDecay, keras_schedules.PiecewiseConstantDecay
    half, most = epochs // 2, 3 * epochs // 4
    return {
        CONSTANT: lambda epoch: 1.0,
        WARM_UP: line(0.0, half, 1.0, power=1.0),
        LATE: steps([half - 1], [0.0, 1.0]),
        ANNEALED: line(TIMES, half, 1.0, power=1.0),
        RELEASED: steps([most - 1], [1.0, 0.0]),
    }


class Restarts(keras.callbacks.Callback):
    """One schedule after the other in one `fit`, which is compiled once; each starts anew.

    Args:
        plan: The schedules by name.
        epochs: Of each.
        weights: The model's weights.
        starts: Their values when a schedule begins.
    """

    def __init__(self, plan, epochs, weights, starts):
        super().__init__()
        self._plan, self._epochs, self._weights, self._starts = plan, epochs, weights, starts
        self.epochs = epochs * len(plan)
        self.found = {}

    def schedule(self, epoch):
        """What λ is multiplied by, for `StrengthSchedule`."""
        return list(self._plan.values())[epoch // self._epochs](epoch % self._epochs)

    def on_train_begin(self, logs=None):
        optimizer = self.model.optimizer
        optimizer.build(self.model.trainable_variables)
        self._untouched = [variables.values_of(v).copy() for v in optimizer.variables]

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % self._epochs == 0:
            self.model.optimizer.set_weights(self._untouched)
            for weight, values in zip(self._weights, self._starts, strict=True):
                weight.assign(values)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self._epochs == 0:
            name = list(self._plan)[epoch // self._epochs]
            self.found[name] = [variables.values_of(w).copy() for w in self._weights]
