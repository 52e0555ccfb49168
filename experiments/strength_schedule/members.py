"""All strengths, seeds and penalties of `strength_schedule` as members of one model."""

import keras
import numpy as np
from keras import ops

from experiments.strength_schedule.penalties import PENALTIES, MemberPenalty
from experiments.strength_schedule.plan import Restarts
from kerasreg import optimizers
from kerasreg.callbacks import StrengthSchedule


class Members:
    """One model for every penalty, strength and seed; `fit` trains it anew for every schedule.

    Outputs have axes (row, penalty, strength, seed, output), weights (strength, seed, …).
    """

    def __init__(self, data, strengths, settings):
        self.data, self.strengths, self._epochs = data, strengths, settings.epochs
        self.classifies = data.true is None
        inputs = keras.Input(data.x.shape[1:])
        self._layers = {p: self._layers_of(p, some) for p, some in strengths.items()}
        outputs = []
        for layers in self._layers.values():
            tensor = inputs
            for layer in layers:
                tensor = layer(tensor)
            outputs.append(tensor)
        self._model = keras.Model(inputs, ops.stack(outputs, axis=1))
        self._model.compile(
            optimizers.ProximalAdam(data.learning_rate),
            self._summed_loss,
            steps_per_execution=data.steps,
            jit_compile=not self.classifies,  # XLA takes longer to compile the networks
        )

    def fit(self, plan):
        """By schedule and penalty, the weights after a `fit` with the callback."""
        starts = []
        for some in self.strengths.values():
            starts += [np.broadcast_to(w, (len(some), *w.shape)) for w in self.data.start]
        weights = [w for layers in self._layers.values() for each in layers for w in each.weights]
        restarts = Restarts(plan, self._epochs, weights, starts)
        self._model.fit(
            self.data.x,
            self.data.y,
            batch_size=self.data.batch_size,
            epochs=restarts.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[restarts, StrengthSchedule(restarts.schedule)],
        )
        n, found = len(self.data.start), {}
        for schedule, values in restarts.found.items():
            parts = [values[i * n : (i + 1) * n] for i in range(len(self.strengths))]
            found[schedule] = dict(zip(self.strengths, parts, strict=True))
        return found

    def outputs(self, trained, x):
        """What the members answer with these weights."""
        for penalty, values in trained.items():
            weights = [w for each in self._layers[penalty] for w in each.weights]
            for weight, value in zip(weights, values, strict=True):
                weight.assign(value)
        return ops.convert_to_numpy(self._model(x))

    def losses(self, trained, x, y):
        """The mean data loss of each member, and the accuracy of those that classify."""
        outputs = self.outputs(trained, x)
        loss = ops.convert_to_numpy(self._losses(y, outputs)).mean(axis=0)
        right = outputs.argmax(axis=-1) == y[:, None, None, :]
        return loss, right.mean(axis=0) if self.classifies else np.full_like(loss, np.nan)

    def penalty(self, penalty, kernels):
        """The penalty of each member at its λ, `(strengths, seeds)`."""
        own = MemberPenalty(PENALTIES[penalty], self.strengths[penalty])
        return sum(ops.convert_to_numpy(own.of_members(w)) for w in kernels)

    def _layers_of(self, penalty, strengths):
        members = (len(strengths), self.data.x.shape[1])
        own = MemberPenalty(PENALTIES[penalty], strengths)
        if not self.classifies:
            layer = keras.layers.EinsumDense(
                "bsi,lsio->blso", (*members, 1), kernel_regularizer=own
            )
            return [layer]
        look, units = {"kernel_regularizer": own, "bias_axes": "lso"}, self.data.start[1].shape[-1]
        # Smooth: at the kinks of ReLU the rounding of two runs that should be the same grows.
        hidden = keras.layers.EinsumDense("bsi,lsio->blso", (*members, units), "tanh", **look)
        return [hidden, keras.layers.EinsumDense("blsi,lsio->blso", (*members, 10), **look)]

    def _summed_loss(self, y, outputs):
        # Summed, so that each member follows its own mean loss.
        return ops.sum(self._losses(y, outputs), axis=(1, 2, 3))

    def _losses(self, y, outputs):
        y = ops.broadcast_to(ops.expand_dims(y, (1, 2)), ops.shape(outputs)[:-1])
        if self.classifies:
            return keras.losses.sparse_categorical_crossentropy(y, outputs, from_logits=True)
        return ops.square(outputs[..., 0] - y)
