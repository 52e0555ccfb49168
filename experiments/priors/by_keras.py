"""Keras in `priors`: a model trained with a prior as its regularizer ends at the mode."""

import keras
import numpy as np

from experiments.priors.scales import mode
from kerasreg.optimizers import ProximalSGD
from kerasreg.regularizers import gaussian_prior, laplace_prior
from kerasreg.training import train


def in_keras(sample, settings, log_dir):
    """Rows by prior: how far the weights of the trained model are from the mode by scipy."""
    n = len(sample.y)
    b = 2 * sample.noise**2 / (settings.strength * n)
    # Keras's L2 has no ½, the Gaussian prior's penalty has one.
    for prior, penalty, scale, regularizer in (
        ("Laplace", laplace_prior(b, n, sample.noise), b, lambda s: keras.regularizers.L1(s)),
        (
            "Gaussian",
            gaussian_prior(np.sqrt(2) * b, n, sample.noise),
            2 * b**2,
            lambda s: keras.regularizers.L2(s / 2),
        ),
    ):
        top = mode("l1" if prior == "Laplace" else "l2", sample, scale)
        rate = float(0.9 / (2 * np.linalg.eigvalsh(sample.x.T @ sample.x / n)[-1]))
        copies = 100  # of the rows in an epoch: few long epochs are faster
        for form, chosen in (
            ("keras.regularizers", regularizer(penalty.strength)),
            ("kerasreg's prior", penalty),
        ):
            layer = keras.layers.Dense(1, kernel_regularizer=chosen, kernel_initializer="zeros")
            train(
                keras.Sequential([keras.Input((sample.x.shape[1],)), layer]),
                np.tile(sample.x, (copies, 1)).astype("float32"),
                np.tile(sample.y, copies)[:, None].astype("float32"),
                optimizer=ProximalSGD(rate, momentum=0.9, nesterov=True),
                loss="mse",
                epochs=settings.keras_steps // copies,
                batch_size=n,
                shuffle=False,
                jit_compile=False,
                log_dir=log_dir and f"{log_dir}/{prior}-{form}".replace(" ", "-"),
            )
            kernel = np.asarray(layer.kernel)[:, 0]
            yield {
                "prior": prior,
                "penalty": form,
                "strength": penalty.strength,
                "largest_weight": np.abs(top).max(),
                "largest_difference": np.abs(kernel - top).max(),
                "zeros_in_keras": np.sum(kernel == 0),
                "zeros_in_mode": np.sum(top == 0),
            }
