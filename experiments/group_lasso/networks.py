"""The network of `group_lasso` under each penalty, trained anew for every strength and seed."""

import keras
import numpy as np

from kerasreg import optimizers, training, variables
from kerasreg.regularizers import ElasticNet, GroupLasso, SparseGroupLasso

# The optimizer multiplies it. It is small, so that taking its gradient out of that of the loss
# costs no digits.
UNIT = 1e-3
PENALTIES = {
    "l1": ElasticNet(UNIT, l1_ratio=1.0),
    "sparse groups": SparseGroupLasso(UNIT, l1_ratio=0.5, groups="inputs"),
    "groups of pixels": GroupLasso(UNIT, groups="inputs"),
    "groups of units": GroupLasso(UNIT, groups="outputs"),
}


def initial_weights(settings):
    """By seed, the weights from which it starts under every penalty and strength."""
    weights = {}
    for seed in settings.seeds:
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(settings.units), keras.layers.Dense(10)]
        weights[seed] = keras.Sequential([keras.Input((64,)), *layers]).get_weights()
    return weights


class Network:
    """64 pixels, a ReLU layer, ten classes; all strengths and seeds share one compiled program."""

    def __init__(self, penalty, starts, settings):
        self.settings, self._starts = settings, starts
        hidden = keras.layers.Dense(
            settings.units, activation="relu", kernel_regularizer=PENALTIES[penalty], name="hidden"
        )
        # Without a penalty on it, the second layer would grow and let the first one shrink.
        l2 = ElasticNet(UNIT, l1_ratio=0.0)
        output = keras.layers.Dense(10, kernel_regularizer=l2, name="output")
        self.model = keras.Sequential([keras.Input((64,)), hidden, output])
        self.optimizer = optimizers.ProximalAdam(settings.learning_rate)
        self.optimizer.build(self.model.trainable_variables)
        self._untouched = [variables.values_of(v).copy() for v in self.optimizer.variables]
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train(self, data, strength, seed, pixels=None, log_dir=None):
        """Accuracy on the test digits. All pixels but `pixels` are blanked."""
        seen = 1.0 if pixels is None else pixels.astype("float32")
        self.model.set_weights(self._starts[seed])
        self.optimizer.set_weights(self._untouched)
        self.optimizer.strength_scale.assign(strength / UNIT)
        copies = self.settings.copies
        training.train(
            self.model,
            np.tile(data.x_train * seen, (copies, 1)),
            np.tile(data.y_train, copies),
            optimizer=self.optimizer,
            loss=self._loss,
            epochs=self.settings.epochs,
            batch_size=self.settings.batch_size,
            seed=seed,
            jit_compile=self.settings.jit_compile,
            log_dir=log_dir,
        )
        classes = np.argmax(self.model(data.x_test * seen), axis=1)
        return np.mean(classes == data.y_test)

    @property
    def kernel(self):
        """The weights of the hidden units, `(pixels, units)`."""
        return variables.values_of(self.model.layers[0].kernel).copy()
