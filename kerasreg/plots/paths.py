"""Figures of weights against the strength: one by one, and how many of them are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasreg.arguments import invalid_argument, unknown_name
from kerasreg.plots.checks import check_columns, check_strengths, rows_of
from kerasreg.plots.line_names import write_names
from kerasreg.plots.strength_axis import axes_over_strengths, mark_strengths
from kerasreg.plots.styles import LINE_COLORS, draw_spread

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# As many names as fit beside one another, and as many lines as the eye can follow.
_MAX_NAMED_LINES = 20


def plot_path(
    coefficients: pd.DataFrame,
    ax: Axes | None = None,
    *,
    variable: str | None = None,
    labels: Sequence[str] | None = None,
    selected: float | Mapping[str, float] | None = None,
) -> Axes:
    """Draws the weights of one variable against the strength of its penalty.

    A weight that is exactly zero is no coloured line but only the zero line, on which rings mark
    where its zeros begin and end. A weight that is small, but not zero, goes on in its colour.
    Where a weight has several values at a strength (seeds), the line is their median and the band
    goes from the least to the largest.

    With more than 20 weights, the 20 that are largest in modulus at the smallest strength keep
    their colour and name, the others are thin and grey; for hundreds see `plot_sparsity`.

    Args:
        coefficients: Table with columns `strength` (> 0), `variable`, `index`, `value`.
        ax: Axes to draw into, or None for a new figure.
        variable: Name as in the table, `dense/kernel`; by default the only one, biases not
            counted.
        labels: A name for each weight, in the order of `index`, written at the small strengths.
        selected: A strength to mark by a vertical line, or several of them by their names.

    Returns:
        The axes.

    Raises:
        TypeError: If `ax` is no axes of Matplotlib.
        ValueError: If the table lacks a column, has no such variable, or strengths that a
            logarithmic axis cannot show; if there is not one label a weight.

    Example:

    >>> data = kerasreg.datasets.diabetes()
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((10,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse", "epochs": 50}
    >>> samples = data.x_train, data.y_train
    >>> path = kerasreg.path.regularization_path(model, *samples, n_strengths=30, **settings)
    >>> axes = kerasreg.plots.plot_path(path.coefficients, labels=data.feature_names)
    >>> axes.get_xscale()
    'log'

    References:
        - Efron, Hastie, Johnstone & Tibshirani, Least angle regression (2004), figure 1.
    """
    check_columns("coefficients", coefficients, ("strength", "variable", "index", "value"))
    chosen = _of_variable(coefficients, variable)
    check_strengths("coefficients", chosen)
    spread = chosen.groupby(["strength", "index"])["value"]
    middle, low, high = (
        table.unstack("index") for table in (spread.median(), spread.min(), spread.max())
    )
    if labels is not None and (isinstance(labels, str) or not hasattr(labels, "__len__")):
        raise invalid_argument("labels", "a sequence of names", labels)
    if labels is not None and len(labels) != middle.shape[1]:
        raise ValueError(
            f"Invalid value for argument `labels`: expected a name for each of the "
            f"{middle.shape[1]} weights. Received: {len(labels)}"
        )
    ax = axes_over_strengths(ax)
    strengths, values = middle.index.to_numpy(dtype=float), middle.to_numpy()
    ax.plot(strengths[[0, -1]], [0.0, 0.0], color="#333333", lw=1.0, zorder=1.5)
    # By its height at the small strengths, so that neighbours differ in colour.
    by_modulus = np.argsort(-np.abs(values[0]), kind="stable")
    named = sorted(by_modulus[:_MAX_NAMED_LINES], key=lambda i: (values[0, i], i))
    others = np.sort(by_modulus[_MAX_NAMED_LINES:])
    if len(others):
        from matplotlib.collections import LineCollection

        lines = [np.column_stack([strengths, _away_from_zero(values[:, i])]) for i in others]
        ax.add_collection(LineCollection(lines, colors="#999999", linewidths=0.6, zorder=1.6))
    colors = {i: LINE_COLORS[place % len(LINE_COLORS)] for place, i in enumerate(named)}
    for i, color in colors.items():
        if spread.size().max() > 1:
            ax.fill_between(
                strengths, low.iloc[:, i], high.iloc[:, i], color=color, alpha=0.2, lw=0
            )
        visible = _away_from_zero(values[:, i])
        (line,) = ax.plot(strengths, visible, color=color)
        if labels is not None:
            line.set_label(labels[i])
        ends = (values[:, i] == 0) & np.isfinite(visible)
        ax.plot(strengths[ends], visible[ends], "o", mfc="white", mec=color, ms=5, mew=1.5)
    ax.set_ylabel("weight")
    ax.margins(x=0.02)
    ax.autoscale_view()
    if labels is not None:
        names = [(values[0, i], labels[i], colors[i]) for i in named if np.isfinite(values[0, i])]
        if names:  # a run that diverged has no place for a name
            write_names(ax, strengths, names)
    mark_strengths(ax, selected)
    return ax


def plot_sparsity(
    weights: pd.DataFrame,
    ax: Axes | None = None,
    *,
    quantity: str = "share",
    variables: Sequence[str] | None = None,
    selected: float | Mapping[str, float] | None = None,
) -> Axes:
    """Draws how many weights are not zero at the end of training, against the strength.

    A line a variable; of several runs (seeds) their median, with a band from the least to the
    largest. A run ends at its own last epoch, wherever it was stopped.

    Args:
        weights: Table with columns `strength`, `epoch`, `variable`, `n_weights`, `n_zero`, and
            `seed` and `fold` where there are several.
        ax: Axes to draw into, or None for a new figure.
        quantity: `"share"` of the weights, or their `"number"` on a logarithmic axis.
        variables: Names as in the table, from top to bottom of the legend; by default all but
            biases.
        selected: A strength to mark by a vertical line, or several of them by their names.

    Returns:
        The axes.

    Raises:
        TypeError: If `ax` is no axes of Matplotlib.
        ValueError: If the table lacks a column, has no such variable, or strengths that a
            logarithmic axis cannot show; for an unknown quantity.

    Example:

    >>> data = kerasreg.datasets.wine()
    >>> regularizer = keras.regularizers.L1(1.0)
    >>> hidden = keras.layers.Dense(16, "relu", kernel_regularizer=regularizer)
    >>> output = keras.layers.Dense(3, kernel_regularizer=regularizer)
    >>> model = keras.Sequential([keras.Input((13,)), hidden, output])
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalAdam(0.01), "loss": loss}
    >>> settings |= {"strengths": np.geomspace(1e-4, 1, 20), "epochs": 30}
    >>> path = kerasreg.path.regularization_path(model, data.x_train, data.y_train, **settings)
    >>> axes = kerasreg.plots.plot_sparsity(path.weights, selected=0.01)
    >>> axes.get_ylabel()
    'non-zero weights'
    """
    from matplotlib.ticker import PercentFormatter

    if quantity not in ("share", "number"):
        raise invalid_argument("quantity", "'share' or 'number'", quantity)
    columns = ("strength", "epoch", "variable", "n_weights", "n_zero")
    check_columns("weights", weights, columns)
    check_strengths("weights", weights)
    known = list(weights["variable"].unique())
    if variables is None:
        variables = [name for name in known if not _is_bias(name)] or known
    if isinstance(variables, str) or not hasattr(variables, "__len__") or not len(variables):
        raise invalid_argument("variables", f"a list of names from {known}", variables)
    for name in variables:
        if name not in known:
            raise unknown_name("variables", f"names from {known}", name, known)
    run = [key for key in ("strength", "fold", "seed") if key in weights]
    last = weights[weights["epoch"] == weights.groupby(run, dropna=False)["epoch"].transform("max")]
    n_nonzero = last["n_weights"] - last["n_zero"]
    drawn = last.assign(drawn=n_nonzero / last["n_weights"] if quantity == "share" else n_nonzero)
    ax = axes_over_strengths(ax)
    for name, color in zip(variables, _colors(len(variables)), strict=True):
        spread = drawn[drawn["variable"] == name].groupby("strength")["drawn"]
        draw_spread(ax, spread, ".-", color=color, ms=7, label=name)
    if quantity == "share":
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_ylim(-0.03, 1.03)
    else:
        # Linear below 1, so that a variable without any weight left stands on the axis.
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(bottom=-0.3)
    ax.set_ylabel("non-zero weights")
    if len(variables) <= len(LINE_COLORS):
        ax.legend(frameon=True, framealpha=0.8, edgecolor="none", fontsize="small")
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="x-small")
    mark_strengths(ax, selected)
    return ax


def _of_variable(coefficients: pd.DataFrame, variable: str | None) -> pd.DataFrame:
    known = sorted(coefficients["variable"].unique())
    if variable is None:
        candidates = [name for name in known if not _is_bias(name)] or known
        if len(candidates) == 1:
            (variable,) = candidates
    return rows_of("variable", variable, coefficients)


def _is_bias(variable: str) -> bool:
    return variable.rpartition("/")[2] == "bias"


def _away_from_zero(values: np.ndarray) -> np.ndarray:
    """The values, with a gap wherever a weight and its neighbours on the path are exactly zero."""
    zero = np.concatenate([[True], values == 0, [True]])
    return np.where(zero[:-2] & zero[1:-1] & zero[2:], np.nan, values)


def _colors(n_lines: int) -> list[Any]:
    """Colours for lines in an order: distinct ones, or shades from first to last if too many."""
    if n_lines <= len(LINE_COLORS):
        return list(LINE_COLORS[:n_lines])
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.92, n_lines)))
