"""Networks with dropout and penalties: one model that holds all settings and seeds as its members.

Nothing connects the members, so that one program trains them all. Axes: s seeds (each with data
and initial weights of its own), c settings (of rate and penalty), b samples.
"""

import keras
import numpy as np
from keras import ops

from experiments.member_loss import sum_over_members
from experiments.networks_with_dropout.one_network import initial_weights
from kerasreg import training


class MemberDense(keras.layers.Layer):
    """`keras.layers.Dense` for each member: kernels `(s, c, inputs, units)`, biases alike.

    A setting's L1 and L2 strengths are those of `keras.regularizers.L1L2` on its kernels.
    """

    def __init__(self, size, units, l1, l2):
        super().__init__()
        self.size, self.units = size, units
        self.strengths = [
            np.broadcast_to(np.float32(strength), size[1])[:, None, None] for strength in (l1, l2)
        ]

    def build(self, input_shape):
        l1, l2 = self.strengths

        def penalty(kernel):
            return ops.sum(l1 * ops.abs(kernel)) + ops.sum(l2 * ops.square(kernel))

        self.kernel = self.add_weight(
            shape=(*self.size, input_shape[-1], self.units),
            initializer="zeros",
            regularizer=penalty if l1.any() or l2.any() else None,
        )
        self.bias = self.add_weight(shape=(*self.size, self.units), initializer="zeros")

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias[:, :, None]


class MemberDropout(keras.layers.Layer):
    """`keras.layers.Dropout` with a rate p for each setting: 0, or the input divided by 1 − p."""

    def __init__(self, rates, seed=0):
        super().__init__()
        self.rates = np.reshape(rates, (-1, 1, 1)).astype("float32")
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rates.any():
            return inputs
        draws = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        return inputs * ops.where(draws >= self.rates, 1 / (1 - self.rates), 0.0)


class Members:
    """Pixels, ReLU layers with dropout behind each, ten classes; Adam on each member's own loss.

    A member minimizes its mean cross-entropy + l1·Σ|w| + l2·Σw² over its kernels.
    """

    def __init__(self, data, settings, units, rates, l1=0.0, l2=0.0):
        self._settings, self._n = settings, len(rates)
        self.parts = {
            part: [np.stack([one[part][at] for one in data.values()], axis=1) for at in (0, 1)]
            for part in ("train", "validation", "test")
        }
        size = (len(data), self._n)
        inside = keras.layers.Lambda(lambda x: ops.transpose(x, (1, 0, 2))[:, None])
        layers = [keras.Input(self.parts["train"][0].shape[1:]), inside]
        for seed, n in enumerate(units):
            layers += [MemberDense(size, n, l1, l2), keras.layers.ReLU()]
            layers += [MemberDropout(rates, seed)]
        layers += [MemberDense(size, 10, l1, l2)]
        layers += [keras.layers.Lambda(lambda x: ops.transpose(x, (2, 0, 1, 3)))]
        self.model = keras.Sequential(layers)
        n_features = self.parts["train"][0].shape[-1]
        starts = [initial_weights(n_features, units, seed) for seed in data]
        for variable, start in zip(
            self.model.trainable_variables, zip(*starts, strict=True), strict=True
        ):
            variable.assign(np.repeat(np.stack(start)[:, None], self._n, axis=1))
        self._optimizer = keras.optimizers.Adam(settings.learning_rate)

    def train(self, epochs, seed, log_dir=None):
        """So many more epochs, in a new order that all members share."""
        x, y = self.parts["train"]
        y = np.repeat(y[:, :, None], self._n, axis=2)
        training.train(
            self.model,
            np.tile(x, (epochs, 1, 1)),
            np.tile(y, (epochs, 1, 1)),
            optimizer=self._optimizer,
            loss=sum_over_members,
            batch_size=self._settings.batch_size,
            seed=seed,
            epochs=1,
            jit_compile=False,  # XLA draws random numbers slowly on a processor
            log_dir=log_dir,
        )

    def weights(self):
        """Kernels `(s, c, inputs, units)` and biases `(s, c, units)`, layer by layer."""
        return [ops.convert_to_numpy(v) for v in self.model.trainable_variables]
