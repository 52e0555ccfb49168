"""What `penalty_shapes` asks each penalty; the answers are tables."""

from itertools import combinations

import numpy as np
import pandas as pd
from keras import ops

from experiments.penalty_shapes.family import each, gradient, optima, steps_of
from kerasreg import datasets

# Kinds of penalties, by how they pull small and large weights.
RISING, FLAT, SMOOTH = "a kink at zero, rising on", "a kink at zero, flattening", "smooth at zero"


def shape(penalty, settings):
    """Value, slope and prox of single weights: an array with one axis has groups of one weight."""
    w = np.linspace(-1, 1, settings.points, dtype="float32")
    slope, prox = gradient(penalty, w), np.asarray(penalty.prox(w, 1.0))
    return pd.DataFrame({"w": w, "value": each(penalty, w[:, None]), "slope": slope, "prox": prox})


def pulls(penalty, settings):
    """The slope at zero and on both sides of it, and the kind that this makes of the penalty."""
    near = np.logspace(-6, 0, 13)
    w = np.concatenate([-near[::-1], [0.0], near]).astype("float32")
    slope = gradient(penalty, w)
    small = np.float32(1e-3)
    kind = SMOOTH
    if min(slope[w == small], -slope[w == -small]) > settings.strength / 10:
        kind = FLAT if slope[-1] < slope[w == small] / 2 else RISING
    return pd.DataFrame({"w": w, "slope": slope, "kind": kind})


def descents(penalty, settings):
    """Weights under the penalty alone, after each step along its gradient, or of its prox."""
    paths = steps_of(penalty, settings.starts, settings.learning_rate, settings.steps)
    tables = {
        start: pd.DataFrame({"by_gradient": paths[0][:, i], "by_prox": paths[1][:, i]})
        for i, start in enumerate(settings.starts)
    }
    return pd.concat(tables, names=["start", "step"]).reset_index()


class TwoWeights:
    """The data loss wᵀAw − 2·bᵀw + 1 of the standardized diabetes data, by pairs of features."""

    def __init__(self, settings):
        data = datasets.diabetes()
        x, y = data.x_train.astype("float64"), data.y_train.astype("float64")
        self.a, self.b, self.settings = x.T @ x / len(x), x.T @ y / len(x), settings
        pairs = list(combinations(range(settings.n_features), 2))
        self.pairs = [tuple(data.feature_names[i] for i in pair) for pair in pairs]
        self.curvatures = np.array([self.a[np.ix_(pair, pair)] for pair in pairs])
        self.slopes = np.array([self.b[list(pair)] for pair in pairs])
        self.drawn = self.pairs.index(settings.drawn)
        side = np.linspace(-0.35, 0.7, settings.contour_points)  # 0 is among 3·n + 1 points
        self.grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)

    def sums(self, penalty):
        """The gradient of data loss + penalty against the sum of their gradients, a row a seed."""
        a, b = self.a.astype("float32"), self.b.astype("float32")
        shape = len(self.settings.seeds), len(b)
        w = np.empty(shape)
        for row, seed in zip(w, self.settings.seeds, strict=True):
            random = np.random.default_rng(seed)
            row[:] = random.normal(size=len(b)) * random.integers(0, 2, len(b))  # half are zero

        def data_loss(flat):
            w = ops.reshape(flat, shape)
            return ops.sum(w * (ops.matmul(w, a) - 2 * b))

        flat = w.ravel()  # on one axis, where the penalty does not group them
        at_once = gradient(lambda w: data_loss(w) + penalty(w), flat)
        added = gradient(data_loss, flat) + gradient(penalty, flat)
        table = pd.DataFrame({"difference": np.abs(at_once - added), "size": np.abs(at_once)})
        table = table.groupby(np.repeat(self.settings.seeds, shape[1])).max()
        return (
            table.rename_axis("seed")
            .reset_index()
            .assign(slope_at_zero=gradient(penalty, np.zeros(1))[0])
        )

    def optima(self, penalty):
        """For each pair of features, the share of strengths at which one weight is zero; the path.

        The strengths go from 0 to the one from which on both weights are zero, and where there is
        none, or zero is stationary at all of them, to a hundred times the steepest slope.
        """
        slopes = 2 * self.slopes[..., None].astype("float32")
        largest = each(penalty.strength_max, slopes)
        has_largest = np.isfinite(largest) & (largest > 0)
        largest = np.where(has_largest, largest, 100 * np.abs(slopes).max(axis=(1, 2)))
        fractions = np.linspace(0, 1, self.settings.strengths + 1)[:-1]
        strengths = largest[:, None] * fractions
        w = optima(penalty, self.curvatures, self.slopes, strengths, self.settings.optimum_steps)
        on_axis = (w[:, 1:] == 0).sum(axis=2) == 1
        axes = pd.DataFrame(self.pairs, columns=["feature_1", "feature_2"])
        axes["share_on_axis"], axes["has_largest"] = on_axis.mean(axis=1), has_largest
        w, strengths = w[self.drawn], strengths[self.drawn]
        path = pd.DataFrame({"strength": strengths, "w_1": w[:, 0], "w_2": w[:, 1]})
        path["data_loss"] = self.data_loss(w)
        return axes, path

    def data_loss(self, w):
        a, b = self.curvatures[self.drawn], self.slopes[self.drawn]
        return ((w @ a) * w - 2 * w * b).sum(axis=1) + 1

    def balls(self, penalty, path):
        """The penalty along the path; and around zero, at the strength of the row that is drawn."""
        w = path[["w_1", "w_2"]].to_numpy()
        around = np.full(len(self.grid), path["strength"][drawn_row(path)])
        along = each(penalty, w[..., None], path["strength"])
        return path.assign(penalty_value=along), each(penalty, self.grid[..., None], around)


def drawn_row(path):
    """The row of the path in which w has shrunk to 40 % of its length, as nearly as possible."""
    length = np.hypot(path["w_1"], path["w_2"])
    return (length - 0.4 * length.iloc[0]).abs().idxmin()
