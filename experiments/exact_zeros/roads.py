"""The problems of `exact_zeros`, and the roads to zero: how each is built, trained and measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from experiments.exact_zeros.layers import layer_of, masked
from kerasreg import optimizers, training, variables

# What a road puts into the loss, and the optimizer.
SPRED, PRUNING, PROXIMAL = "spred, w = u ⊙ v", "magnitude pruning", "proximal Adam"
ROADS: dict[str, tuple[str, Callable[..., Any]]] = {
    "subgradient SGD": ("l1", keras.optimizers.SGD),
    "subgradient Adam": ("l1", keras.optimizers.Adam),
    "Ftrl": ("none", keras.optimizers.Ftrl),
    SPRED: ("factored", keras.optimizers.Adam),
    PRUNING: ("none", keras.optimizers.Adam),
    "proximal SGD": ("l1", optimizers.ProximalSGD),
    PROXIMAL: ("l1", optimizers.ProximalAdam),
    "L2, Adam": ("l2", keras.optimizers.Adam),
}


@dataclass(frozen=True)
class Problem:
    """What is minimized: mean loss + strength·Σ|w| over all kernels; biases are free."""

    units: tuple[int, ...]  # of the layers; all but the last are ReLU
    loss: str
    strength: float
    rates: dict[str, float]  # learning rates of SGD, Adam and Ftrl
    epochs: int
    batch_size: int | None = None  # None: all samples in every step
    copies: int = 1  # of the data in an epoch, so that it has more than one step of all samples


class Road:
    """A model and an optimizer, trained from new weights for each seed by the same program."""

    def __init__(self, name: str, problem: Problem, x: Any):
        self.problem, (penalty, optimizer) = problem, ROADS[name]
        # The same instance for all seeds, so that they share one compiled program.
        self.loss = _loss(problem.loss)
        self.model = keras.Sequential([keras.Input(x.shape[1:])])
        for number, units in enumerate(problem.units, start=1):
            activation = "relu" if number < len(problem.units) else "linear"
            self.model.add(layer_of(units, activation, penalty, problem.strength))
        kind = optimizer.__name__.removeprefix("Proximal")
        settings = {"learning_rate": problem.rates[kind]}
        if kind == "Ftrl":  # its penalty stands once beside the sum of all steps
            n_steps = problem.epochs * problem.copies * -(-len(x) // (problem.batch_size or len(x)))
            settings["l1_regularization_strength"] = problem.strength * n_steps
        self.optimizer = optimizer(**settings)
        self.optimizer.build(self.model.trainable_variables)
        # By how much a penalty moves a weight in a step, about: rate·λ, or Adam's rate.
        self.step = problem.rates[kind] * (problem.strength if kind == "SGD" else 1)
        self._untouched = [variables.values_of(v).copy() for v in self.optimizer.variables]
        self._masks = [masked(layer.kernel) for layer in self.model.layers if name == PRUNING]

    def train(self, x: Any, y: Any, seed: int, n_kept: int, log_dir: str | None) -> None:
        """Trains from the start. Pruning keeps the `n_kept` largest weights in the last third."""
        keras.utils.set_random_seed(seed)
        self.model.set_weights(keras.models.clone_model(self.model).get_weights())
        self.optimizer.set_weights(self._untouched)
        options: dict[str, Any] = {"optimizer": self.optimizer, "loss": self.loss}
        options |= {"batch_size": self.problem.batch_size or len(x), "jit_compile": False}
        options["shuffle"] = self.problem.batch_size is not None  # copies have to stay whole
        copies, epochs = self.problem.copies, self.problem.epochs
        x, y = np.tile(x, (copies, 1)), np.tile(y, copies)
        last = epochs // 3 if self._masks else 0
        for mask in self._masks:
            mask.assign(ops.ones_like(mask))
        training.train(
            self.model, x, y, epochs=epochs - last, seed=seed, log_dir=log_dir, **options
        )
        if self._masks:
            sizes = [np.abs(kernel) for kernel in self.kernels()]
            least = np.sort(np.concatenate([size.ravel() for size in sizes]))[-n_kept]
            for mask, size in zip(self._masks, sizes, strict=True):
                mask.assign(size >= least)
            training.train(self.model, x, y, epochs=last, seed=seed, **options)

    def kernels(self) -> list[np.ndarray]:
        return [ops.convert_to_numpy(layer.kernel) for layer in self.model.layers]

    def measures(self, data: Any) -> dict[str, float]:
        weights = np.concatenate([kernel.ravel() for kernel in self.kernels()])
        scores = ops.convert_to_numpy(self.model(data.x_test))
        if scores.shape[1] > 1:
            score = np.mean(scores.argmax(axis=1) == data.y_test)  # accuracy
        else:
            score = 1 - np.mean((scores[:, 0] - data.y_test) ** 2) / np.var(data.y_test)  # R²
        data_loss = ops.mean(self.loss(data.y_train, self.model(data.x_train)))
        return {
            "n_nonzero": np.count_nonzero(weights),
            "zero_share": np.mean(weights == 0),
            "near_zero_share": np.mean(np.abs(weights) < 1e-3),
            "objective": float(data_loss) + self.problem.strength * np.abs(weights).sum(),
            "held_out_score": score,
        }

    def last_steps(self, x: Any, y: Any, n: int, features: np.ndarray) -> np.ndarray:
        """Trains on for n steps: the weights of some features after each, in units of `step`."""
        path = []
        for _ in range(n):
            self.model.train_on_batch(x, y)
            path.append(self.kernels()[0][features, 0] / self.step)
        return np.array(path)


def _loss(name: str) -> Any:
    if name == "mean_squared_error":
        return keras.losses.MeanSquaredError()
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
