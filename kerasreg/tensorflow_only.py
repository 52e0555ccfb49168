"""TensorFlow, for what needs it: imported from here, it says so under another backend."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "kerasreg's training, grid, path and cross_validation need the TensorFlow backend, for "
        "their loops are written with tf.GradientTape. Received: the backend "
        f"'{keras.backend.backend()}'. Set KERAS_BACKEND=tensorflow, or use model.fit with "
        "kerasreg.callbacks.RegularizationMonitor"
    )
import tensorflow as tf

__all__ = ["tf"]
