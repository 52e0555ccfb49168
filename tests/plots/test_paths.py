"""Paths of weights, sparsity and cross-validation against the strength."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from kerasreg.plots import (
    LINE_COLORS,
    plot_contours,
    plot_cross_validation,
    plot_curves,
    plot_histograms,
    plot_path,
    plot_sparsity,
    style,
)
from tests.plots.paths import curves_of, diabetes_path, histograms, line_named, path_of, surface

pytestmark = pytest.mark.backend_free


def rings_of(ax):
    rings = [line.get_xydata() for line in ax.lines if line.get_marker() == "o"]
    return [points.tolist() for points in rings]


def text_of(ax, label):
    return next(text for text in ax.texts if text.get_text() == label)


STRENGTHS = [1.0, 2.0, 4.0, 8.0, 16.0]
EARLY = [3.0, 1.0, 0.0, 0.0, 0.0]
LATE = [0.0, 0.0, -1e-9, -2.0, 0.0]


def test_path_has_no_line_where_a_weight_is_zero():
    table = path_of([np.array([EARLY, LATE]).T], STRENGTHS).sample(frac=1.0, random_state=0)
    ax = plot_path(table, labels=["early", "late"])
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "strength", "weight")
    early, late = line_named(ax, "early"), line_named(ax, "late")
    np.testing.assert_array_equal(early.get_xdata(), STRENGTHS)
    np.testing.assert_array_equal(early.get_ydata(), [3.0, 1.0, 0.0, np.nan, np.nan])
    # A weight of 1e-9 looks like zero, but its line goes on.
    np.testing.assert_array_equal(late.get_ydata(), [np.nan, 0.0, -1e-9, -2.0, 0.0])
    assert rings_of(ax) == [[[2.0, 0.0], [16.0, 0.0]], [[4.0, 0.0]]]
    zero_line = ax.lines[0]
    assert (zero_line.get_xdata().tolist(), zero_line.get_ydata().tolist()) == ([1, 16], [0, 0])
    assert not ax.collections


def test_path_of_several_seeds_has_medians_and_bands():
    ax = plot_path(path_of([np.full((5, 1), v) for v in (1.0, 2.0, 6.0)], STRENGTHS), labels=["w"])
    assert line_named(ax, "w").get_ydata().tolist() == [2.0] * 5
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.0, 6.0)


@pytest.mark.parametrize("size", [(6.4, 4.8), (12, 3), (4, 6)])
def test_names_of_weights_do_not_overlap(size):
    with style():
        ax = Figure(size, layout="constrained").add_subplot()
        names = load_diabetes().feature_names
        assert plot_path(diabetes_path(), ax, labels=names) is ax
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    smallest = ax.transData.transform((line_named(ax, "bmi").get_xdata()[0], 0.0))[0]
    frame = ax.get_window_extent()
    for box in boxes:
        assert frame.x0 < box.x0 < box.x1 < smallest
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
    ends = [line_named(ax, text.get_text()).get_ydata()[0] for text in ax.texts]
    assert np.argsort([box.y0 for box in boxes]).tolist() == np.argsort(ends).tolist()


@pytest.mark.parametrize("size", [(3, 2.2), (6.4, 4.8)])
@pytest.mark.parametrize("heights", [np.linspace(0.0, 1.0, 20), np.append(0.0, np.ones(19))])
def test_names_stay_in_the_axes(size, heights):
    ax = Figure(size).add_subplot()
    labels = [f"feature {i}" for i in range(20)]
    plot_path(path_of([heights + np.zeros((2, 1))], [1.0, 2.0]), ax, labels=labels)
    boxes, frame = [text.get_window_extent() for text in ax.texts], ax.get_window_extent()
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert frame.y0 <= min(box.y0 for box in boxes)
    assert max(box.y1 for box in boxes) <= frame.y1


def test_neighbours_differ_in_colour():
    ax = plot_path(diabetes_path(), labels=load_diabetes().feature_names)
    lines = [line for line in ax.lines if not line.get_label().startswith("_")]
    lines.sort(key=lambda line: line.get_ydata()[0])
    assert [line.get_color() for line in lines] == [*LINE_COLORS, *LINE_COLORS[:3]]


def test_the_largest_of_many_weights_keep_their_names():
    at_small_strength = np.append(np.arange(30.0), -100.0)
    values = np.stack([at_small_strength, at_small_strength / 2, np.zeros(31)])
    ax = plot_path(path_of([values], [1.0, 2.0, 4.0]), labels=[f"w{i}" for i in range(31)])
    assert [text.get_text() for text in ax.texts] == ["w30", *(f"w{i}" for i in range(11, 30))]
    (thin,) = [drawn for drawn in ax.collections if isinstance(drawn, LineCollection)]
    assert [line[0, 1] for line in thin.get_segments() if len(line)] == list(range(1, 11))


def test_a_path_that_diverged_has_a_gap_and_no_name():
    values = np.array([[np.nan, 1.0], [2.0, 0.5]])
    ax = plot_path(path_of([values], [1.0, 2.0]), labels=["gone", "there"])
    assert [text.get_text() for text in ax.texts] == ["there"]
    np.testing.assert_array_equal(line_named(ax, "gone").get_ydata(), [np.nan, 2.0])


def test_biases_are_left_out_of_a_path_unless_named():
    kernel = path_of([np.array([EARLY, LATE]).T], STRENGTHS)
    bias = path_of([np.full((5, 1), 150.0)], STRENGTHS, "dense/bias")
    table = pd.concat([bias, kernel])
    assert plot_path(table, labels=["early", "late"]).get_ylim()[1] < 4
    assert plot_path(table, variable="dense/bias").get_ylim()[1] > 140
    with pytest.raises(ValueError) as error:
        plot_path(pd.concat([kernel, kernel.assign(variable="dense_1/kernel")]))
    assert str(error.value) == (
        "Invalid value for argument `variable`: expected one of ['dense/kernel', 'dense_1/kernel']."
        " Received: variable=None"
    )


def test_one_label_a_weight():
    with pytest.raises(ValueError) as error:
        plot_path(path_of([np.array([EARLY, LATE]).T], STRENGTHS), labels=["early"])
    assert str(error.value) == (
        "Invalid value for argument `labels`: expected a name for each of the 2 weights. "
        "Received: 1"
    )


def sparsity_table():
    rows = [
        (strength, seed, epoch, variable, 200, n_zero)
        for seed, last in ((0, 5), (1, 3), (2, 5))
        for strength in (0.1, 1.0)
        for epoch in range(1, last + 1)
        for variable, n_zero in (
            ("dense/kernel", 0 if epoch < last else 100 * strength + 10 * seed),
            ("dense/bias", 0),
        )
    ]
    columns = ["strength", "seed", "epoch", "variable", "n_weights", "n_zero"]
    return pd.DataFrame(rows, columns=columns)


def test_sparsity_at_the_last_epoch_of_each_run():
    ax = plot_sparsity(sparsity_table())
    (line,) = ax.lines
    assert line.get_label() == "dense/kernel"
    np.testing.assert_allclose(line.get_xydata(), [[0.1, 0.9], [1.0, 0.45]])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose((heights.min(), heights.max()), (0.4, 0.95))
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "non-zero weights")
    assert ax.yaxis.get_major_formatter()(0.4) == "40%"


def test_sparsity_of_runs_without_a_fold():
    # Runs on all samples beside those of a cross-validation.
    table = sparsity_table()
    without = plot_sparsity(table.assign(fold=np.nan)).lines[0].get_xydata()
    np.testing.assert_allclose(without, plot_sparsity(table).lines[0].get_xydata())


def test_number_of_weights_of_named_variables():
    names = ["dense/bias", "dense/kernel"]
    ax = plot_sparsity(sparsity_table(), quantity="number", variables=names)
    assert [line.get_label() for line in ax.lines] == names
    assert ax.lines[0].get_ydata().tolist() == [200, 200]
    assert ax.lines[1].get_ydata().tolist() == [180, 90]
    assert ax.get_yscale() == "symlog"  # a variable without weights stays in sight
    with pytest.raises(ValueError) as error:
        plot_sparsity(sparsity_table(), quantity="numbers")
    assert str(error.value) == (
        "Invalid value for argument `quantity`: expected 'share' or 'number'. "
        "Received: quantity='numbers'"
    )
    with pytest.raises(ValueError) as error:
        plot_sparsity(sparsity_table(), variables=["kernel"])
    assert str(error.value) == (
        "Invalid value for argument `variables`: expected names from ['dense/kernel', "
        "'dense/bias']. Received: variables='kernel'. Did you mean 'dense/kernel'?"
    )


def test_many_variables_have_their_legend_beside_the_axes():
    one = sparsity_table().query("variable == 'dense/kernel'")
    ax = plot_sparsity(pd.concat([one.assign(variable=f"d{i}/kernel") for i in range(12)]))
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    assert len({tuple(line.get_color()) for line in ax.lines}) == 12


def scores_of(values, split="validation"):
    """A table from values by (strength, fold, seed)."""
    return pd.DataFrame(
        [(*keys, split, "data_loss", value) for keys, value in values.items()],
        columns=["strength", "fold", "seed", "split", "quantity", "value"],
    )


# Fold 1 has two seeds, whose mean is 3: as three members the mean would be another.
SCORES = {
    (0.1, 0, 0): 1.0,
    (0.1, 1, 0): 2.0,
    (0.1, 1, 1): 4.0,
    (10.0, 0, 0): 5.0,
    (10.0, 1, 0): 7.0,
    (10.0, 1, 1): 7.0,
}


def test_cross_validation_has_means_and_standard_errors_over_the_folds():
    table = pd.concat([scores_of(SCORES), scores_of({(0.1, 0, 0): 0.5, (10.0, 0, 0): 4}, "train")])
    ax = plot_cross_validation(table)
    assert line_named(ax, "validation").get_xydata().tolist() == [[0.1, 2.0], [10.0, 6.0]]
    assert line_named(ax, "train").get_ydata().tolist() == [0.5, 4.0]
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-"]
    (band,) = ax.collections  # a single fold of the training loss has no error
    corners = {(x, round(y, 9)) for x, y in band.get_paths()[0].vertices}
    assert corners == {(0.1, 1.0), (0.1, 3.0), (10.0, 5.0), (10.0, 7.0)}  # √(2·1²/1)/√2 = 1
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "data_loss")


def test_single_folds_on_demand():
    ax = plot_cross_validation(scores_of(SCORES), show_folds=True)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 5], [3, 7], [2, 6]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_member_that_diverged_leaves_a_gap(value):
    ax = plot_cross_validation(scores_of({**SCORES, (0.1, 1, 1): value}))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [np.nan, 6.0])


def test_selected_strengths_are_marked_and_named():
    ax = plot_cross_validation(
        scores_of(SCORES), selected={"one standard error": 1.5, "minimum": 1.0}
    )
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"]
    assert marks == [1.0, 1.5]
    ax.figure.draw_without_rendering()
    boxes = [text_of(ax, name).get_window_extent() for name in ("minimum", "one standard error")]
    minimum, one_error = (ax.transData.transform((mark, 0.0))[0] for mark in marks)
    assert boxes[0].x1 < minimum < one_error < boxes[1].x0


@pytest.mark.parametrize(
    "plot",
    [
        lambda selected: plot_path(path_of([np.array([EARLY]).T], STRENGTHS), selected=selected),
        lambda selected: plot_sparsity(sparsity_table(), selected=selected),
        lambda selected: plot_cross_validation(scores_of(SCORES), selected=selected),
    ],
)
def test_one_selected_strength(plot):
    (mark,) = [line for line in plot(0.5).lines if line.get_linestyle() == ":"]
    assert mark.get_xdata() == [0.5, 0.5]
    with pytest.raises(ValueError) as error:
        plot({"minimum": 0.0})
    assert str(error.value) == (
        "Invalid value for argument `selected`: expected a finite float > 0. Received: selected=0.0"
    )


COLUMNS = {
    "coefficients": ["strength", "variable", "index", "value"],
    "weights": ["strength", "epoch", "variable", "n_weights", "n_zero"],
    "scores": ["strength", "fold", "split", "quantity", "value"],
    "curves": ["epoch", "split", "quantity", "value"],
    "weight_histograms": ["epoch", "variable", "bin_left", "bin_right", "count"],
    "surface": ["w_1", "w_2", "value"],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_tables_without_a_column(name):
    plot, table = {
        "coefficients": (plot_path, path_of([np.array([EARLY]).T], STRENGTHS)),
        "weights": (plot_sparsity, sparsity_table()),
        "scores": (plot_cross_validation, scores_of(SCORES)),
        "curves": (plot_curves, curves_of([0])),
        "weight_histograms": (lambda table: plot_histograms(table, "dense/kernel"), histograms()),
        "surface": (plot_contours, surface()),
    }[name]
    for column in COLUMNS[name]:
        left = table.drop(columns=column)
        with pytest.raises(ValueError, match="Missing") as error:
            plot(left)
        assert str(error.value) == (
            f"Invalid value for argument `{name}`: expected a table with the columns "
            f"{COLUMNS[name]}. Missing: ['{column}']. Received: {list(left.columns)}"
        )
    expected = f"Invalid value for argument `{name}`: expected"
    with pytest.raises(ValueError, match=expected) as error:
        plot(object())
    assert str(error.value).endswith(f"{COLUMNS[name]}. Received: object")
    with pytest.raises(ValueError, match=expected) as error:
        plot(table.iloc[:0])
    assert str(error.value).endswith("expected at least one row")


@pytest.mark.parametrize(
    ("plot", "name", "table"),
    [
        (plot_path, "coefficients", path_of([np.array([EARLY]).T], STRENGTHS)),
        (plot_sparsity, "weights", sparsity_table()),
        (plot_cross_validation, "scores", scores_of(SCORES)),
    ],
)
def test_strengths_that_a_logarithmic_axis_cannot_show(plot, name, table):
    smallest = table["strength"].min()
    with pytest.raises(ValueError) as error:
        plot(table.replace({"strength": {smallest: 0.0}}))
    assert str(error.value) == (
        f"Invalid value for argument `{name}`: expected finite strengths > 0, for their axis is "
        f'logarithmic. Received: 0 among them. Pass {name}[{name}["strength"] > 0]'
    )


def test_unknown_quantity_of_a_cross_validation():
    with pytest.raises(ValueError) as error:
        plot_cross_validation(scores_of(SCORES), quantity="accuracy")
    assert str(error.value) == (
        "Invalid value for argument `quantity`: expected one of ['data_loss']. "
        "Received: quantity='accuracy'"
    )
