"""What a grid leaves behind: tidy tables of all members, and every trained model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasreg.arguments import finite_float, some_of
from kerasreg.copies import copy_with
from kerasreg.folds import Fold
from kerasreg.grid.chunks import Chunk
from kerasreg.grid.task import GridTask
from kerasreg.proximal_optimizer import without_state
from kerasreg.tables import WEIGHT_MEASURES
from kerasreg.variables import named_variables

if TYPE_CHECKING:
    import pandas as pd


class GridRecord:
    """What a grid leaves behind: tidy tables of all members, and every trained model.

    `kerasreg.grid.train_grid` makes it. The run keys in every table are `strength`, `fold` (only
    if there are folds, from 0) and `seed`.

    Args:
        task: What all members share.
        chunks: What was trained, chunk by chunk.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    >>> y = x[:, 0] - 2 * x[:, 1]
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse", "epochs": 3}
    >>> record = kerasreg.grid.train_grid(model, x, y, strengths=[0.1, 1.0], verbose=0, **settings)
    >>> record.strengths.tolist(), sorted(record.curves["epoch"].unique().tolist())
    ([0.1, 1.0], [1, 2, 3])
    """

    def __init__(self, task: GridTask, chunks: Sequence[Chunk]):
        self._task = task
        self._quantities = chunks[0].quantities
        placed = [
            (member, chunk, at) for chunk in chunks for at, member in enumerate(chunk.members)
        ]
        self._placed = sorted(placed, key=lambda each: each[0])
        self._names = named_variables(task.model)

    @property
    def strengths(self) -> np.ndarray:
        """All strengths, ascending."""
        return np.unique([member.strength for member, _, _ in self._placed])

    @property
    def seeds(self) -> list[int]:
        """All seeds, ascending."""
        return sorted({member.seed for member, _, _ in self._placed})

    @property
    def folds(self) -> list[Fold] | None:
        """Training and held-out rows of every fold, None if there are no folds."""
        return self._task.folds

    @property
    def warm_start(self) -> bool:
        """Whether each strength started from the next smaller one."""
        return self._task.warm_start

    @property
    def penalized(self) -> list[str]:
        """Names of the variables that have a regularizer."""
        return [name for name, variable in self._names if variable.regularizer is not None]

    @property
    def n_penalized(self) -> int:
        """Number of weights that have a regularizer."""
        return sum(math.prod(v.shape) for _, v in self._names if v.regularizer is not None)

    @property
    def members(self) -> pd.DataFrame:
        """A row a member: run keys, `diverged`, and `diverged_in`, the epoch (0 if it did not)."""
        diverged_in = np.array([chunk.diverged_in[at] for _, chunk, at in self._placed])
        return self._frame({"diverged": diverged_in > 0, "diverged_in": diverged_in}, ())

    @property
    def curves(self) -> pd.DataFrame:
        """Run keys and `epoch`, `split`, `quantity`, `value`, `diverged`.

        `epoch` counts from 1, `split` is `train` or `validation`; the quantities are `loss`,
        `data_loss`, `penalty`, `penalty/<variable>` and the metrics. Values are
        NaN from the epoch on in which a member has diverged.
        """
        splits = self._task.splits
        values = np.stack([chunk.curves[at] for _, chunk, at in self._placed])
        values = values[:, :, : len(splits)]
        axes = (
            ("epoch", self._epochs()),
            ("split", np.array(splits)),
            ("quantity", np.array(self._quantities)),
        )
        return self._frame({"value": values.astype(float), "diverged": self._diverged()}, axes)

    @property
    def weights(self) -> pd.DataFrame:
        """Run keys and `epoch`, `variable`, `n_weights`, `n_zero`, norms, `diverged`.

        The norms are `l1_norm`, `l2_norm` and `max_abs`, those at the end of the epoch; zeros and
        norms are the `kerasreg.tables.WEIGHT_MEASURES`.
        """
        values = np.stack([chunk.weights[at] for _, chunk, at in self._placed])
        sizes = np.array([int(np.prod(variable.shape)) for _, variable in self._names])
        axes = (("epoch", self._epochs()), ("variable", np.array([n for n, _ in self._names])))
        columns: dict[str, np.ndarray] = {"n_weights": np.broadcast_to(sizes, values.shape[:3])}
        for at, measure in enumerate(WEIGHT_MEASURES):
            column = values[..., at]
            is_number = measure.startswith("n_")
            columns[measure] = column.astype(int) if is_number else column.astype(float)
        return self._frame({**columns, "diverged": self._diverged()}, axes)

    @property
    def coefficients(self) -> pd.DataFrame:
        """Run keys and `variable`, `index`, `value`: every trainable weight after the last epoch.

        `index` counts the weights of a variable in C order. The table has a row a weight and
        member: it is meant for small models.
        """
        import pandas as pd

        tables = []
        for number, (name, _) in enumerate(self._names):
            values = np.stack([chunk.values[number][at] for _, chunk, at in self._placed])
            flat = values.reshape(len(values), -1).astype(float)
            axes = (("variable", np.array([name])), ("index", np.arange(flat.shape[1])))
            tables.append(self._frame({"value": flat[:, None, :]}, axes))
        return pd.concat(tables, ignore_index=True)

    def values(self, strength: float, fold: int = 0, seed: int = 0) -> list[np.ndarray]:
        """The trained values of a member, in the order of `model.trainable_variables` and the rest.

        Args:
            strength: One of `strengths`.
            fold: Number of the fold, from 0.
            seed: One of `seeds`.

        Returns:
            One array a variable, of its shape.

        Raises:
            ValueError: If there is no such member, naming the nearest strengths.
        """
        chunk, at = self._find(strength, fold, seed)
        return [values[at] for values in chunk.values]

    def model(self, strength: float, fold: int = 0, seed: int = 0) -> keras.Model:
        """A member as an ordinary Keras model with its strength in its regularizers.

        It is compiled with the loss and the metrics of the grid, and ready to be saved.

        Args:
            strength: One of `strengths`.
            fold: Number of the fold, from 0.
            seed: One of `seeds`.

        Returns:
            A model of its own: what is done to it does not change the record.

        Raises:
            ValueError: If there is no such member, naming the nearest strengths.
        """
        chunk, at = self._find(strength, fold, seed)
        task = self._task
        found = copy_with(
            task.model, [values[at] for values in chunk.values], chunk.members[at].strength
        )
        optimizer = without_state(task.optimizer)
        found.compile(optimizer=optimizer, loss=task.loss, metrics=_anew(task.metrics))
        # Unbuilt, it would be saved without a state, which loading then misses.
        found.optimizer.build(found.trainable_variables)
        return found

    def _find(self, strength: float, fold: int, seed: int) -> tuple[Chunk, int]:
        strength = finite_float("strength", strength, minimum=0)
        known = self.strengths
        nearest = known[np.argsort(np.abs(known - strength))[:1]]
        # A strength that went through a table or a text has lost its last digits.
        if np.isclose(nearest[0], strength, rtol=1e-6, atol=0):
            for member, chunk, at in self._placed:
                if member == (nearest[0], fold, seed):
                    return chunk, at
        folds, seeds = (sorted({m[i] for m, _, _ in self._placed}) for i in (1, 2))
        raise ValueError(
            f"There is no member with strength={strength!r}, fold={fold!r}, seed={seed!r}: the "
            f"nearest strength is {float(nearest[0])!r}, the folds are {some_of(folds)}, the seeds "
            f"{some_of(seeds)}"
        )

    def _epochs(self) -> np.ndarray:
        return np.arange(1, self._task.epochs + 1)

    def _diverged(self) -> np.ndarray:
        """Shape (n_members, n_epochs)."""
        since = np.array([chunk.diverged_in[at] for _, chunk, at in self._placed])[:, None]
        return (since > 0) & (self._epochs() >= since)

    def _frame(
        self, columns: dict[str, np.ndarray], axes: Sequence[tuple[str, np.ndarray]]
    ) -> pd.DataFrame:
        """A tidy table of arrays whose axes are the members and then `axes`.

        An array with fewer axes has the same value along those that it lacks.
        """
        import pandas as pd

        shape = (len(self._placed), *(len(labels) for _, labels in axes))

        def spread(values: np.ndarray, first_axis: int = 0) -> np.ndarray:
            """Values whose axes are those of the table from `first_axis` on."""
            after = len(shape) - first_axis - values.ndim
            return np.broadcast_to(values.reshape(*values.shape, *[1] * after), shape)

        table: dict[str, Any] = {
            key: spread(np.array([getattr(member, key) for member, _, _ in self._placed]))
            for key in self._task.run_keys
        }
        table |= {name: spread(labels, axis) for axis, (name, labels) in enumerate(axes, 1)}
        table |= {name: spread(values) for name, values in columns.items()}
        return pd.DataFrame({name: values.ravel() for name, values in table.items()})


def _anew(metrics: Any) -> Any:
    """Metrics that share no state with those given."""
    return keras.tree.map_structure(
        lambda metric: (
            type(metric).from_config(metric.get_config())
            if isinstance(metric, keras.metrics.Metric)
            else metric
        ),
        metrics,
    )
