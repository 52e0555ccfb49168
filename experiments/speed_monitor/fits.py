"""One fit of `speed_monitor`, and the clock that is read in it."""

import time

import keras
import numpy as np

EPOCH, CPU = "an epoch, by the clock", "an epoch, processor time"
END, ONCE = "of the epoch, after its last step", "once a fit"


class Stamps(keras.callbacks.Callback):
    """Notes when epochs begin and end. Two of them enclose the callbacks between them."""

    def __init__(self):
        super().__init__()
        self.begins, self.ends = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append((time.perf_counter(), time.process_time()))

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append((time.perf_counter(), time.process_time()))


def build():
    model = keras.Sequential([keras.Input((64,))])
    for units, activation, name in ((64, "relu", "hidden"), (10, "softmax", "output")):
        model.add(keras.layers.Dense(units, activation, kernel_regularizer="l2", name=name))
    model.compile("adam", loss="sparse_categorical_crossentropy")
    return model


def measure(model, x, y, callbacks, settings):
    """Seconds of the fastest epoch of one fit, of its end, and of what the fit does once.

    The fastest, because whatever else runs on the machine can only make an epoch slower.
    """
    first, last = Stamps(), Stamps()
    call = {"epochs": settings.epochs, "batch_size": settings.batch_size, "verbose": 0}
    start = time.perf_counter()
    model.fit(x, y, callbacks=[first, *callbacks, last], **call)
    total = time.perf_counter() - start
    epochs = (np.array(last.ends) - np.array(first.begins))[1:]
    ends = (np.array(last.ends) - np.array(first.ends))[1:]
    fastest, once = epochs.min(axis=0), total - epochs[:, 0].sum() - np.median(epochs[:, 0])
    return {EPOCH: fastest[0], CPU: fastest[1], END: ends[:, 0].min(), ONCE: once}
