"""How long the networks of `fine_tune` take for a batch of images: compiled, and in turn."""

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from experiments.fine_tune.networks import images
from experiments.timing import interleaved, summary

CALLS = 2  # of a round, so that the clock's grain is small
WHOLE = "whole 0"


def measure(network, models, x, settings):
    """By model and batch size, quartiles of the seconds, and of the ratio to the whole network.

    Args:
        network: Its name.
        models: By (method, strength).
        x: Rows of pixels, repeated to fill a batch.
        settings: Those of the experiment.
    """
    found = []
    for batch in settings.batches:
        inputs = tf.constant(images(network, np.resize(x, (batch, x.shape[1]))))
        calls = {
            f"{method} {strength:g}": _compiled(model, inputs)
            for (method, strength), model in models.items()
        }
        times = interleaved(batch, calls, settings.repetitions, CALLS)
        rows = summary(times, WHOLE).drop(columns=["row", "reference", "first_call_seconds"])
        keys = pd.DataFrame(models, index=["parameters"]).columns
        for name, values in (("method", 0), ("strength", 1)):
            rows[name] = keys.get_level_values(values)
        rows["parameters"] = [model.count_params() for model in models.values()]
        found.append(rows.assign(network=network, batch=batch))
    columns = ["network", "batch", "method", "strength", "parameters"]
    table = pd.concat(found, ignore_index=True)
    return table[columns + [c for c in table if c.startswith(("seconds", "ratio"))]]


def _compiled(model: keras.Model, inputs):
    program = tf.function(lambda x: model(x, training=False))
    return lambda: program(inputs).numpy()
