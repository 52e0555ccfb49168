"""Training for `fine_tune`: one compiled program for all runs of a network under a penalty."""

import keras
import numpy as np
from keras import ops

from experiments.fine_tune.networks import WHOLE_UNITS, build, trained_as
from kerasreg import optimizers, training, variables
from kerasreg.regularizers import ElasticNet, GroupLasso
from kerasreg.surgery import regularize

# The optimizer multiplies it. It is small, so that taking its gradient out of that of the loss
# costs no digits.
UNIT = 1e-3
PENALTIES = {"group lasso": GroupLasso(UNIT), "l1": ElasticNet(UNIT, l1_ratio=1.0)}
LAST_RATE = 0.1  # times the learning rate, in the last third of a training: it comes to rest


class Held:
    """A constraint: weights are zero where the mask is. The mask can change between runs."""

    def __init__(self, shape):
        self.mask = keras.Variable(np.ones(shape, "float32"), trainable=False)

    def __call__(self, w):
        return ops.where(self.mask > 0, w, 0.0)


class Trainer:
    """Trains a network from given weights, with some of them held at zero or under a penalty.

    Weights go in and come out in the shapes that `build` gives them.

    Args:
        network: "dense" or "convolutional".
        settings: Those of the experiment.
        penalty: One of `PENALTIES`, on the hidden kernels, with `ProximalAdam`; None for Adam.
    """

    def __init__(self, network, settings, penalty=None):
        self.name, self._settings = penalty, settings
        units = WHOLE_UNITS[network]
        self.shapes = [w.shape for w in build(network, units).get_weights()]
        self._model = trained_as(network, units)
        self._held = {}
        for at in (0, 2, 4):
            variable = self._model.trainable_variables[at]
            self._held[at] = variable.constraint = Held(variable.shape)
        self._optimizer = keras.optimizers.Adam(settings.learning_rate)
        if penalty:
            regularize(self._model, {"hidden_*": PENALTIES[penalty]})
            self._optimizer = optimizers.ProximalAdam(settings.learning_rate)
        self._optimizer.build(self._model.trainable_variables)
        self._untouched = [variables.values_of(v).copy() for v in self._optimizer.variables]
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train(self, weights, x, y, epochs, seed, *, strength=None, hold=False, log_dir=None):
        """The weights after so many epochs from `weights`, whose zeros in kernels are held or not.

        The optimizer starts anew. `x` is what `inputs` makes.
        """
        self._set(weights)
        self._optimizer.set_weights(self._untouched)
        if strength is not None:
            self._optimizer.strength_scale.assign(strength / UNIT)
        for at, held in self._held.items():
            is_free = self._model.trainable_variables[at].numpy() != 0
            held.mask.assign((is_free if hold else np.ones_like(is_free)).astype("float32"))
        rate, last = self._settings.learning_rate, max(epochs // 3, 1)
        for some, own_rate in ((epochs - last, rate), (last, LAST_RATE * rate)):
            self._optimizer.learning_rate.assign(own_rate)
            training.train(
                self._model,
                x,
                y,
                optimizer=self._optimizer,
                loss=self._loss,
                epochs=some,
                batch_size=self._settings.batch_size,
                seed=seed,
                jit_compile=False,  # it starts sooner, and these networks run as fast
                log_dir=log_dir,
            )
        pairs = zip(self._model.get_weights(), self.shapes, strict=True)
        return [w.reshape(shape) for w, shape in pairs]

    def classes(self, weights, x):
        """The class that the network with these weights gives each row of what `inputs` makes."""
        self._set(weights)
        return np.argmax(self._model(x), axis=1)

    def _set(self, weights):
        pairs = zip(weights, self._model.trainable_variables, strict=True)
        self._model.set_weights([w.reshape(variable.shape) for w, variable in pairs])
