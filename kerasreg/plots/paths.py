"""Figures of many runs against the strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasreg.arguments import float_between, invalid_argument, unknown_name
from kerasreg.plots.checks import check_columns, check_splits, check_strengths
from kerasreg.plots.style import LINE_COLORS, PENALTY_COLORS, axes_or_new
from kerasreg.tables import fold_summary

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
        Efron, Hastie, Johnstone & Tibshirani, Least angle regression (2004), figure 1.
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
    ax = axes_or_new(ax)
    ax.set_xscale("log")
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
    ax.set_xlabel("strength")
    ax.set_ylabel("weight")
    ax.margins(x=0.02)
    ax.autoscale_view()
    if labels is not None:
        names = [(values[0, i], labels[i], colors[i]) for i in named if np.isfinite(values[0, i])]
        if names:  # a run that diverged has no place for a name
            _write_names(ax, strengths, names)
    _mark_strengths(ax, selected)
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
    ax = axes_or_new(ax)
    ax.set_xscale("log")
    for name, color in zip(variables, _colors(len(variables)), strict=True):
        spread = drawn[drawn["variable"] == name].groupby("strength")["drawn"]
        middle = spread.median()
        ax.plot(middle.index, middle.to_numpy(), ".-", color=color, ms=7, label=name)
        if spread.size().max() > 1:
            ax.fill_between(middle.index, spread.min(), spread.max(), color=color, alpha=0.2, lw=0)
    if quantity == "share":
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_ylim(-0.03, 1.03)
    else:
        # Linear below 1, so that a variable without any weight left stands on the axis.
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(bottom=-0.3)
    ax.set_xlabel("strength")
    ax.set_ylabel("non-zero weights")
    if len(variables) <= len(LINE_COLORS):
        ax.legend(frameon=True, framealpha=0.8, edgecolor="none", fontsize="small")
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="x-small")
    _mark_strengths(ax, selected)
    return ax


def plot_cross_validation(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    quantity: str = "data_loss",
    selected: float | Mapping[str, float] | None = None,
    show_folds: bool = False,
) -> Axes:
    """Draws what cross-validation found, against the strength: training dashed, validation solid.

    With the mean m_k over the seeds of fold k, the line and its band over K folds are

        m = Σ_k m_k / K,    m ± √(Σ_k (m_k − m)² / (K − 1)) / √K.

    The band is one standard error as if the folds were independent, which they are not: a rule of
    thumb for choosing, no confidence interval. Where a member has no finite value (it diverged),
    the line has a gap.

    Args:
        scores: Table with columns `strength`, `fold`, `split`, `quantity`, `value`, one row a
            member (`seed`s of a fold are averaged).
        ax: Axes to draw into, or None for a new figure.
        quantity: Which quantity to draw.
        selected: A strength to mark by a vertical line, or several of them by their names, as
            `{"minimum": 0.02, "one standard error": 0.1}`.
        show_folds: Whether to add each fold's validation as a thin line.

    Returns:
        The axes.

    Raises:
        ValueError: If the table lacks a column, has no such quantity, or strengths that a
            logarithmic axis cannot show.

    Example:

    >>> data = kerasreg.datasets.diabetes()
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((10,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse", "epochs": 50}
    >>> samples = data.x_train, data.y_train
    >>> settings |= {"folds": 5, "n_strengths": 30}
    >>> found = kerasreg.cross_validation.cross_validate(model, *samples, **settings)
    >>> axes = kerasreg.plots.plot_cross_validation(
    ...     found.scores, selected={"minimum": found.select("min")}
    ... )
    >>> axes.get_ylabel()
    'data_loss'

    References:
        Hastie, Tibshirani & Friedman, The elements of statistical learning (2009), section 7.10.
    """
    check_columns("scores", scores, ("strength", "fold", "split", "quantity", "value"))
    known = sorted(scores["quantity"].unique())
    if quantity not in known:
        raise unknown_name("quantity", f"one of {known}", quantity, known)
    chosen = scores[scores["quantity"] == quantity]
    check_strengths("scores", chosen)
    check_splits("scores", chosen)
    ax = axes_or_new(ax)
    ax.set_xscale("log")
    for split, line in (("train", "--"), ("validation", "-")):
        of_split = chosen[chosen["split"] == split]
        if of_split.empty:
            continue
        color = PENALTY_COLORS["l2"] if split == "validation" else PENALTY_COLORS["none"]
        finite = of_split["value"].where(np.isfinite(of_split["value"]))
        by_fold, summary = fold_summary(of_split.assign(value=finite), ["strength"])
        folds, summary = by_fold.unstack("fold").sort_index(), summary.sort_index()
        # Neither would a mean over the folds that are left be one to compare.
        mean = summary["mean"].where(summary["n_folds"] == folds.shape[1])
        if show_folds and split == "validation":
            ax.plot(folds.index, folds.to_numpy(), line, color=color, lw=0.7, alpha=0.5)
        ax.plot(mean.index, mean.to_numpy(), line, color=color, label=split)
        if folds.shape[1] > 1:
            error = summary["standard_error"]
            ax.fill_between(mean.index, mean - error, mean + error, color=color, alpha=0.2, lw=0)
    ax.set_xlabel("strength")
    ax.set_ylabel(quantity)
    ax.legend()
    _mark_strengths(ax, selected)
    return ax


def _of_variable(coefficients: pd.DataFrame, variable: str | None) -> pd.DataFrame:
    known = sorted(coefficients["variable"].unique())
    if variable is None:
        candidates = [name for name in known if not _is_bias(name)] or known
        if len(candidates) == 1:
            (variable,) = candidates
    if variable not in known:
        raise unknown_name("variable", f"one of {known}", variable, known)
    return coefficients[coefficients["variable"] == variable]


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


def _write_names(ax: Axes, strengths: np.ndarray, names: list[tuple[float, str, str]]) -> None:
    """Writes (height, name, colour), in ascending order, left of the strengths, none on another.

    All that is placed is in data coordinates; pixels only say how much room a name takes. The names
    take part in no limits of the y-axis and follow them: axes that share one may still be drawn.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D
    from scipy.optimize import isotonic_regression

    room = ax.get_window_extent()
    texts = [
        # Darker than the line, for letters are thin.
        ax.text(
            strengths[0],
            height,
            name,
            color=0.65 * np.array(to_rgb(color)),
            size="small",
            ha="right",
            va="center",
        )
        for height, name, color in names
    ]
    extents = [text.get_window_extent() for text in texts]
    pitch = 1.05 * max(extent.height for extent in extents) / room.height
    width = max(extent.width for extent in extents) / room.width
    # Names are written smaller, down to half, where they would need more than the height of the
    # axes, or half their width.
    shrink = min(1.0, max(0.5, min(1 / (pitch * len(names)), 0.5 / width)))
    pitch, width = shrink * pitch, shrink * width
    first, last = np.log10(strengths[0]), np.log10(strengths[-1])
    leader, margin = 0.04, 0.02
    span = max(last - first, 0.1) / (1 - min(width, 0.6) - leader - 2 * margin)
    sides = [10 ** (last + (margin - 1) * span), 10 ** (last + margin * span)]
    if len(ax.get_shared_x_axes().get_siblings(ax)) > 1:
        # Room for the other axes' names stays.
        left, right = ax.get_xlim()
        sides = [min(left, sides[0]), max(right, sides[1])]
    ax.set_xlim(*sides)
    ends = 10.0 ** (first - np.array([0.2, 0.8, 1.0]) * leader * span)
    leaders = []
    for text, (height, _, color) in zip(texts, names, strict=True):
        text.set(x=ends[2], fontsize=float(text.get_fontsize()) * shrink)
        along = [*strengths[:1], *ends[:2]]
        line = Line2D(along, [height] * 3, color=color, lw=0.7, label="_leader")
        ax.add_artist(line)  # unlike `plot`, it leaves the limits alone
        leaders.append(line)
    heights, steps = np.array([height for height, _, _ in names]), pitch * np.arange(len(names))

    def place(ax: Axes) -> None:
        bottom, top = ax.get_ylim()
        # min Σ(pᵢ − heightᵢ)² with pᵢ₊₁ − pᵢ >= pitch: isotonic regression in pᵢ − i·pitch.
        places = isotonic_regression((heights - bottom) / (top - bottom) - steps).x
        lowest, highest = pitch / 2, 1 - pitch / 2 - steps[-1]
        places = np.clip(places, lowest, max(lowest, highest)) + steps
        for text, line, height, share in zip(texts, leaders, heights, places, strict=True):
            text.set_y(bottom + (top - bottom) * share)
            line.set_ydata([height, height, text.get_position()[1]])

    place(ax)
    ax.callbacks.connect("ylim_changed", place)


def _mark_strengths(ax: Axes, selected: float | Mapping[str, float] | None) -> None:
    if selected is None:
        return
    from matplotlib.patheffects import withStroke

    named = selected if isinstance(selected, Mapping) else {"": selected}
    marked = sorted((float_between("selected", value, 0), name) for name, value in named.items())
    for place, (strength, name) in enumerate(marked):
        ax.axvline(strength, color="#333333", lw=1.2, ls=":", zorder=1.7)
        # Away from a neighbour, which may be close.
        side = "right" if place == 0 and len(marked) > 1 else "left"
        ax.annotate(
            name,
            (strength, 0.98),
            (-3 if side == "right" else 3, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            ha=side,
            va="top",
            size="small",
            color="#333333",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
