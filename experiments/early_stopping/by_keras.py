"""What `early_stopping` computes or trains its own way, done by Keras as users do it."""

import keras
import numpy as np
import pandas as pd

from experiments.networks_with_dropout.one_network import initial_weights
from experiments.networks_with_dropout.scores import log_softmax, scores
from kerasreg import training


def with_keras(regression, settings):
    """Weights by Keras's SGD, stopped or with `L2` until it converges, against the closed form."""
    x, y = regression.x["train"], regression.y["train"]
    rows = []
    for steps in settings.keras_steps:
        strength = 1 / (2 * regression.learning_rate * steps)
        for name, which, n, penalty in (
            ("stopped", 0, steps, None),
            # Its slowest direction is contracted by 1 − 2·η·λ at least: after 20·τ steps by e⁻²⁰.
            ("l2", 1, 20 * steps, keras.regularizers.L2(strength)),
        ):
            dense = keras.layers.Dense(
                1, use_bias=False, kernel_initializer="zeros", kernel_regularizer=penalty
            )
            model = keras.Sequential([keras.Input(x.shape[1:]), dense])
            bend = 0.0 if penalty is None else strength  # the penalty's share of the curvature
            rate = 0.5 / (regression.variances.max() + bend)
            training.train(
                model,
                np.tile(x.astype("float32"), (n, 1)),
                np.tile(y.astype("float32"), n),
                optimizer=keras.optimizers.SGD(rate),
                loss="mse",
                epochs=1,
                batch_size=len(x),
                shuffle=False,
                jit_compile=False,
            )
            exact = regression.weights(regression.shrinkage(steps)[which])
            gap = np.linalg.norm(
                np.ravel(keras.ops.convert_to_numpy(dense.kernel)) - exact
            ) / np.linalg.norm(exact)
            rows.append({"steps": steps, "strength": strength, "weights": name, "gap": gap})
    return pd.DataFrame(rows)


def fitted_by_keras(data, chosen, settings):
    """L2, dropout and early stopping as users do it, with the strength and rate chosen above."""
    rows = []
    chosen = chosen[chosen["method"] == "l2 + dropout + early stopping"].set_index("seed")
    for seed in settings.seeds[: settings.keras_seeds]:
        of_members, parts = chosen.loc[seed], data[seed]
        l2 = keras.regularizers.L2(of_members["strength"])
        (x, y), test = parts["train"], parts["test"]
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [
                keras.Input(x.shape[1:]),
                keras.layers.Dense(settings.units, activation="relu", kernel_regularizer=l2),
                keras.layers.Dropout(of_members["rate"]),
                keras.layers.Dense(10, kernel_regularizer=l2),
            ]
        )
        model.set_weights(initial_weights(x.shape[1], (settings.units,), seed))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(settings.learning_rate), loss=loss)
        stopping = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
        fit = {"epochs": settings.epochs, "batch_size": settings.batch_size, "verbose": 0}
        model.fit(x, y, validation_data=parts["validation"], callbacks=[stopping], **fit)
        loss, error = scores(log_softmax(keras.ops.convert_to_numpy(model(test[0]))), test[1])
        rows.append({"seed": seed, "strength": of_members["strength"], "rate": of_members["rate"]})
        rows[-1] |= {"best_epoch": stopping.best_epoch + 1, "test_loss": loss, "test_error": error}
        rows[-1] |= {f"{name}_of_member": of_members[name] for name in ("epoch", "test_loss")}
    return pd.DataFrame(rows)
