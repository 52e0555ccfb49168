"""What `dropout` measures on its trained networks of one hidden layer.

On the spread that differs between training and test: Li et al., Understanding the disharmony
between dropout and batch normalization by variance shift (2019).
"""

import keras
import numpy as np

from experiments.dropout.ensemble import apart
from experiments.networks_with_dropout.scores import log_softmax, scores

FEW = 100  # test samples, where all are not needed
DRAWS = 10  # of masks, where only a mean over many units counts
MASKED = 100_000  # activations, where a mean over masks is measured
SUBNETWORKS = 100  # drawn ones


def scores_of(logits, y):
    """Cross-entropy and share of errors."""
    return scores(log_softmax(logits), y)


class OneHidden:
    """A trained member, taken apart: its hidden units on the test samples, and what follows."""

    def __init__(self, parts, weights, rate, seed):
        self.rate, self._random = rate, np.random.default_rng(seed)
        kernel, bias, self.kernel, self.bias = weights
        self.parts = {
            part: (np.maximum(x @ kernel + bias, 0).astype(np.float64), y)
            for part, (x, y) in parts.items()
        }
        self.hidden, self.y = self.parts["test"]

    def logits(self, hidden):
        return hidden @ self.kernel + self.bias

    def performance(self):
        """Losses and errors with all units; those on the training samples in training mode too."""
        found = {}
        for part, (hidden, y) in self.parts.items():
            found[f"{part}_loss"], found[f"{part}_error"] = scores_of(self.logits(hidden), y)
        hidden, y = self.parts["train"]
        dropped = hidden * self._masks(hidden.shape, self.rate) / (1 - self.rate)
        found["train_loss_with_dropout"] = scores_of(self.logits(dropped), y)[0].mean()
        return found

    def reliance(self):
        """How much worse it gets when units are missing, and how much alike the units are."""
        hidden, y = self.hidden[:FEW], self.y[:FEW]
        loss, n = scores_of(self.logits(hidden), y)[0], hidden.shape[1]
        removed = hidden.T[:, :, None] * self.kernel[:, None, :]
        alone = scores_of(self.logits(hidden) - removed, y)[0]
        halves = self._random.permuted(np.tile(np.arange(n) < n // 2, (DRAWS, 1)), axis=1)
        halved = hidden * halves[:, None] * (n / (n // 2))
        varied = hidden[:, hidden.std(axis=0) > 0]
        alike = np.abs(np.corrcoef(varied.T)[np.triu_indices(varied.shape[1], 1)]).mean()
        return {
            "rise_without_one": alone.mean() - loss,
            "rise_without_half": scores_of(self.logits(halved), y)[0].mean() - loss,
            "correlation": alike,
        }

    def scaling(self):
        """Means at test time over those in training, and what a wrong scale does to the loss.

        As the note tells it: units are zeroed in training and what is left is not scaled; the
        test multiplies by a factor. The note's network has weights 1/(1 − p) times Keras's here.
        """
        p, hidden = self.rate, self.hidden[:FEW]
        copies = -(-MASKED // hidden.size)
        training_mean = (hidden * self._masks(hidden.shape, p, copies)).mean()
        spread = np.sqrt(p / (1 - p) * np.square(hidden).sum() / copies)
        found = {"mean_ratio_noise": spread / hidden.sum()}  # one standard error, of the masks
        for name, factor in (("p", p), ("keep", 1 - p)):
            found[f"mean_ratio_{name}"] = factor * hidden.mean() / training_mean
            logits = self.logits(factor / (1 - p) * self.hidden)
            found[f"loss_{name}"], found[f"error_{name}"] = scores_of(logits, self.y)
        by_weights = hidden @ (p / (1 - p) * self.kernel) + self.bias
        by_outputs = p / (1 - p) * (hidden @ self.kernel) + self.bias
        found["weights_or_outputs_gap"] = np.abs(by_weights - by_outputs).max()
        return found | self._keras_modes(hidden, copies)

    def _keras_modes(self, hidden, copies):
        """`keras.layers.Dropout` in training and at test, and the next layer's inputs in both."""
        layer = keras.layers.Dropout(self.rate, seed=int(self._random.integers(2**31)))
        draws = np.tile(hidden.astype("float32"), (copies, 1, 1))
        training = keras.ops.convert_to_numpy(layer(draws, training=True)).astype(np.float64)
        test = keras.ops.convert_to_numpy(layer(draws[0], training=False)).astype(np.float64)
        after, at_test = self.logits(training), self.logits(test)
        spread = np.sqrt(at_test.var(axis=0).mean())
        shift = after.mean(axis=(0, 1)) - at_test.mean(axis=0)
        return {
            "mean_ratio_keras": test.mean() / training.mean(),
            "unit_deviation_ratio": np.sqrt(
                training.var(axis=(0, 1)).mean() / test.var(axis=0).mean()
            ),
            "sum_deviation_ratio": np.sqrt(after.var(axis=(0, 1)).mean()) / spread,
            "sum_shift": np.sqrt(np.square(shift).mean()) / spread,
        }

    def sampled_average(self):
        """The scaled network against the average of drawn sub-networks, as total variation."""
        hidden = self.hidden[:50]
        masks = self._masks(hidden.shape, self.rate, SUBNETWORKS) / (1 - self.rate)
        every = np.exp(log_softmax(self.logits(hidden * masks)))
        average, scaled = every.mean(axis=0), np.exp(log_softmax(self.logits(hidden)))
        return {
            "average_gap": apart(average, scaled).mean(),
            "single_gap": apart(average, every).mean(),
        }

    def _masks(self, shape, rate, draws=DRAWS):
        return self._random.random((draws, *shape)) >= rate
