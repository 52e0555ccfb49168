"""The regularization path: a model at every strength, and the range of strengths worth looking at.

`regularization_path` trains and returns a `RegularizationPath`. See `kerasreg.cross_validation` for
choosing one of the strengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasreg.grid import train_grid
from kerasreg.grid.record import GridRecord
from kerasreg.strength_range import check_before_search, strength_grid
from kerasreg.training_data import validation_arrays_or_dataset
from kerasreg.typing import Folder, Loss, Metrics, Samples, SamplesOrDataset

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["RegularizationPath", "regularization_path"]

# Up to this number of weights a path is drawn weight by weight.
_WEIGHTS_DRAWN = 200


def regularization_path(
    model: keras.Model,
    x: SamplesOrDataset,
    y: Samples | None = None,
    *,
    strengths: Sequence[float] | np.ndarray | None = None,
    n_strengths: int = 100,
    min_ratio: float = 1e-3,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    loss: Loss,
    metrics: Metrics = (),
    epochs: int = 10,
    batch_size: int = 32,
    validation_data: SamplesOrDataset | None = None,
    seeds: Sequence[int] = (0,),
    warm_start: bool = False,
    checkpoint_dir: Folder | None = None,
    log_dir: Folder | None = None,
    log_members: int = 25,
    **settings: Any,
) -> RegularizationPath:
    """Trains a model at every strength of a path, all at once.

    For each strength s and seed it minimizes

        data_loss(θ) + Σ P(w, strength=s·P.strength),

    as `kerasreg.grid.train_grid` says, which also says what time and memory it takes: a hundred
    strengths of a small network cost about as much as one call of `fit`.

    Without `strengths` they are equally spaced on a logarithmic scale, for K = `n_strengths`

        s_k = s_max·min_ratio^(k/(K − 1)),    k = 0, …, K − 1,

    with s_max from `kerasreg.strength_range.largest_strength`: for a
    model with one layer of weights the exact smallest strength at which all are zero; for a
    deeper one what a short coarse training over twelve decades finds.

    Args:
        model: As for `train_grid`.
        x: As for `train_grid`.
        y: As for `train_grid`.
        strengths: The factors s, finite floats >= 0, each once; or None. Under mean squared error
            with `L1(1.0)` s is twice scikit-learn's `alpha`.
        n_strengths: Without `strengths`: how many, an int >= 2.
        min_ratio: Without `strengths`: smallest / largest, between 0 and 1.
        optimizer: As for `train_grid`. With one of `kerasreg.optimizers` weights become exact
            zeros.
        loss: As for `compile`.
        metrics: As for `compile`.
        epochs: Number of epochs at every strength, an int >= 1.
        batch_size: Samples a step, an int >= 1.
        validation_data: As for `fit`.
        seeds: Ints >= 0: a path for each.
        warm_start: Whether each strength starts from the weights of the next smaller one, as for
            `train_grid`.
        checkpoint_dir: Folder from which a killed call goes on, as for `train_grid`.
        log_dir: Folder for TensorBoard's event files, written at the end, as for `train_grid`.
        log_members: How many members are written at most, as for `train_grid`.
        **settings: Further arguments of `train_grid`: `sample_weight`, `initial_weights`,
            `shuffle`, `shuffle_seed`, `jit_compile`, `chunk_size`, `n_jobs`, `verbose`.

    Returns:
        A `RegularizationPath`.

    Raises:
        ValueError: As `train_grid`; and if no range of strengths can be found.
        TypeError: As `train_grid`.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse"}
    >>> path = regularization_path(model, x, x[:, 0], n_strengths=5, **settings)
    >>> path.weights.query("epoch == 10 and variable == 'dense/kernel'")["n_zero"].tolist()[-1]
    3

    References:
        - Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via
          coordinate descent (2010), section 2.5, for the range of strengths.
    """
    common: dict[str, Any] = {
        "optimizer": optimizer,
        "loss": loss,
        "epochs": epochs,
        "batch_size": batch_size,
        "seeds": seeds,
        "metrics": metrics,
        **settings,
    }
    if strengths is None:
        check_before_search(warm_start, checkpoint_dir, log_dir, log_members)
        validation_arrays_or_dataset(model, loss, validation_data)
        strengths = strength_grid(model, x, y, n_strengths, min_ratio, **common)
    grid = train_grid(
        model,
        x,
        y,
        strengths=strengths,
        validation_data=validation_data,
        warm_start=warm_start,
        checkpoint_dir=checkpoint_dir,
        log_dir=log_dir,
        log_members=log_members,
        **common,
    )
    return RegularizationPath(grid)


class RegularizationPath:
    """The models of a path, as tables and one by one.

    Args:
        grid: The `GridRecord` of the path.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    >>> y = x[:, 0] - 2 * x[:, 1]
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse", "epochs": 3}
    >>> path = kerasreg.path.regularization_path(model, x, y, n_strengths=5, verbose=0, **settings)
    >>> (path.strengths[0] / path.strengths[-1]).round(6).item()
    0.001
    >>> path.model(path.strengths[0]).count_params()
    4
    """

    def __init__(self, grid: GridRecord):
        self.grid = grid

    @property
    def strengths(self) -> np.ndarray:
        """All strengths, ascending."""
        return self.grid.strengths

    @property
    def members(self) -> pd.DataFrame:
        """A row a model: `strength`, `seed`, `diverged`, `diverged_in` (the epoch, or 0)."""
        return self.grid.members

    @property
    def curves(self) -> pd.DataFrame:
        """`strength`, `seed`, `epoch`, `split`, `quantity`, `value`, `diverged`.

        `epoch` counts from 1, `split` is `train` or `validation`; the quantities are `loss`,
        `data_loss`, `penalty`, `penalty/<variable>` and the metrics.
        """
        return self.grid.curves

    @property
    def weights(self) -> pd.DataFrame:
        """`strength`, `seed`, `epoch`, `variable`, `n_weights`, `n_zero`, norms, `diverged`.

        The norms are `l1_norm`, `l2_norm` and `max_abs`, those at the end of the epoch.
        """
        return self.grid.weights

    @property
    def coefficients(self) -> pd.DataFrame:
        """`strength`, `seed`, `variable`, `index`, `value`: every weight, for small models.

        `index` counts the weights of a variable in C order; the values are those at the end.
        """
        return self.grid.coefficients

    def model(self, strength: float, seed: int = 0) -> keras.Model:
        """The trained model at a strength: an ordinary Keras model, compiled, ready to be saved.

        Its regularizers have the strength built in, so that `evaluate` gives the loss that was
        minimized.

        Args:
            strength: One of `strengths`.
            seed: One of the seeds.

        Returns:
            A model of its own: what is done to it does not change the path.

        Raises:
            ValueError: If there is no such model, naming the nearest strength.
        """
        return self.grid.model(strength, seed=seed)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draws every weight against the strength, or for larger models the share of non-zeros.

        Args:
            ax: Axes to draw into, or None for a new figure.
            **options: Further arguments of `kerasreg.plots.plot_path` or `plot_sparsity`.

        Returns:
            The axes.

        Raises:
            ValueError: As the function that draws.
        """
        from kerasreg.plots import plot_path, plot_sparsity

        if self.grid.n_penalized > _WEIGHTS_DRAWN:
            return plot_sparsity(self.weights, ax, **options)
        coefficients = self.coefficients
        penalized = coefficients["variable"].isin(self.grid.penalized)
        return plot_path(coefficients[penalized], ax, **options)
