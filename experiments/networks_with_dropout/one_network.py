"""The network of `dropout` and `early_stopping` as anyone builds it, of Keras's own layers."""

from itertools import pairwise

import keras
import numpy as np

from experiments.networks_with_dropout.scores import log_softmax, scores
from kerasreg import training


def parts_of(data, settings, n_train=None):
    """Pairs of x and y: few training rows, validation rows, and a test of all others."""
    n_train, n_test = n_train or settings.n_train, settings.n_test
    parts: dict = {"train": [], "validation": [], "test": []}
    for which in "xy":
        train, validation, test = (getattr(data, f"{which}_{part}") for part in parts)
        # Copies, so that large data are not kept whole.
        parts["train"].append(train[:n_train].copy())
        parts["validation"].append(validation[: settings.n_validation].copy())
        rest = train[n_train : n_train + n_test]
        parts["test"].append(np.concatenate([test[:n_test], rest])[:n_test].copy())
    return parts


def initial_weights(n_features, units, seed):
    """Keras's own for such a network: kernels of Glorot and Bengio, biases 0."""
    weights, sizes = [], (n_features, *units, 10)
    for layer, size in enumerate(pairwise(sizes)):
        draw = keras.initializers.GlorotUniform(seed=len(sizes) * seed + layer)
        weights += [keras.ops.convert_to_numpy(draw(size)), np.zeros(size[1], "float32")]
    return weights


class Network:
    """One network; all seeds share its compiled program."""

    def __init__(self, n_features, units, rate, learning_rate):
        self._units = units
        self.model = keras.Sequential([keras.Input((n_features,))])
        for n in units:
            self.model.add(keras.layers.Dense(n, activation="relu"))
            self.model.add(keras.layers.Dropout(rate, seed=0))
        self.model.add(keras.layers.Dense(10))
        self._optimizer = keras.optimizers.Adam(learning_rate)
        self._optimizer.build(self.model.trainable_variables)
        self._untouched = [
            keras.ops.convert_to_numpy(variable).copy() for variable in self._optimizer.variables
        ]
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def curves(self, parts, settings, epochs, seed, log_dir=None):
        """Losses by epoch as Keras reports them, and of the last weights without dropout."""
        weights = initial_weights(parts["train"][0].shape[1], self._units, seed)
        for variable, value in zip(self.model.trainable_variables, weights, strict=True):
            variable.assign(value)
        self._optimizer.set_weights(self._untouched)
        record = training.train(
            self.model,
            *parts["train"],
            optimizer=self._optimizer,
            loss=self._loss,
            epochs=epochs,
            batch_size=settings.batch_size,
            validation_data=parts["validation"],
            seed=seed,
            jit_compile=False,
            log_dir=log_dir,
        )
        curves = record.curves.query("quantity == 'loss'")
        curves = curves.pivot(index="epoch", columns="split", values="value").reset_index()
        last = {"train_reported": curves["train"].iloc[-1]}
        for part in ("train", "test"):
            x, y = parts[part]
            logits = keras.ops.convert_to_numpy(self.model(x))
            last[f"{part}_loss"] = scores(log_softmax(logits), y)[0]
        return curves.rename_axis(columns=None), last
