"""Level sets, balls and descents; axes that are shared, and the docstrings' examples."""

import doctest
import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

import kerasreg.plots
from kerasreg.plots import (
    PENALTY_COLORS,
    plot_contours,
    plot_path,
    style,
)
from tests.plots.paths import diabetes_path, line_named, surface

pytestmark = pytest.mark.backend_free


def steps_of(*points):
    return pd.DataFrame([(i, *point) for i, point in enumerate(points)], columns=STEP_COLUMNS)


STEP_COLUMNS = ["step", "w_1", "w_2"]


def vertices_of(drawn):
    return np.concatenate([path.vertices for path in drawn.get_paths()])


def test_contours_are_level_sets():
    ax = plot_contours(surface(), levels=[0.75, 3.0, 1000.0])  # one beyond the surface
    (lines,) = ax.collections
    assert lines.levels.tolist() == [0.75, 3.0]
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        w_1, w_2 = path.vertices.T
        # Linear between grid points that are 0.1 apart: at most 3·0.1²/4 off.
        np.testing.assert_allclose((w_1 - 2) ** 2 + 3 * (w_2 - 0.5) ** 2, level, atol=0.0076)
    assert (ax.get_xlim(), ax.get_ylim(), ax.get_aspect()) == ((-1, 3), (-1, 3), 1.0)


def test_the_ball_goes_through_the_minimum():
    ax = plot_contours(surface(), minimum=(1.2, 0.0), color=PENALTY_COLORS["l2"])
    lines, inside, edge = ax.collections
    # Between its points the grid is linear: 0.64 + 0.75 is exact, for the minimum is one of them.
    assert np.isclose(lines.levels, 0.8**2 + 3 * 0.5**2).sum() == 1
    np.testing.assert_allclose(np.abs(vertices_of(edge)).sum(axis=1), 1.2)
    assert np.abs(vertices_of(inside)).sum(axis=1).max() <= 1.2 + 1e-12
    (star,) = [line for line in ax.lines if line.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[1.2, 0.0]]
    # At another level, and without a column for it none.
    _, _, edge = plot_contours(surface(), minimum=(1.2, 0.0), level=1.0).collections
    np.testing.assert_allclose(np.abs(vertices_of(edge)).sum(axis=1), 0.5)
    without = surface().drop(columns="penalty_value")
    (lines,) = plot_contours(without, minimum=(1.2, 0.0)).collections
    assert len(lines.levels) == 10


def test_the_ball_of_the_origin_is_a_point():
    ax = plot_contours(surface(), minimum=(0.0, 0.0))
    assert [type(drawn).__name__ for drawn in ax.collections] == 2 * ["QuadContourSet"]


def test_a_penalty_that_is_infinite_somewhere_and_a_flat_loss():
    table = surface().assign(value=1.0)
    table.loc[table["w_1"] < 0, "penalty_value"] = np.inf
    _, edge = plot_contours(table, level=2.0).collections
    assert vertices_of(edge)[:, 0].min() == 0
    with pytest.raises(ValueError, match="minimum") as error:
        plot_contours(table, minimum=(-0.5, 0.0))
    assert str(error.value) == (
        "Invalid value for argument `minimum`: expected a point among those with finite values. "
        "Received: minimum=(-0.5, 0.0)"
    )


def test_a_surface_without_any_finite_value():
    with pytest.raises(ValueError, match="finite") as error:
        plot_contours(surface().assign(value=np.nan))
    assert str(error.value) == ("Invalid value for argument `surface`: expected a finite `value`")


def test_descents():
    falling, other = steps_of((-0.9, 2), (0, 1), (5, 0)), steps_of((1, 1), (2, 2))
    ax = plot_contours(surface(), path=falling.iloc[::-1])
    way, start = ax.lines[:2]
    assert way.get_xydata().tolist() == [[-0.9, 2], [0, 1], [5, 0]]
    assert start.get_xydata().tolist() == [[-0.9, 2]]
    assert ax.get_xlim() == (-1, 3)  # what lies outside is cut off
    assert ax.get_legend() is None
    ax = plot_contours(surface(), path={"by gradient": falling, "by prox": other})
    assert [text.get_text() for text in ax.get_legend().texts] == ["by gradient", "by prox"]
    colors = [line_named(ax, name).get_color() for name in ("by gradient", "by prox")]
    assert len(set(colors)) == 2
    with pytest.raises(ValueError, match="path") as error:
        plot_contours(surface(), path={"by prox": other.drop(columns="w_2")})
    assert str(error.value) == (
        "Invalid value for argument `path['by prox']`: expected a table with the columns "
        "['step', 'w_1', 'w_2']. Missing: ['w_2']. Received: ['step', 'w_1']"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"level": 12.0},
            "`level`: expected a float > 0 and < 12, the range of `penalty_value`. Received: "
            "level=12.0",
        ),
        (
            {"level": float("nan")},
            "`level`: expected a float > 0 and < 12, the range of `penalty_value`. Received: "
            "level=nan",
        ),
        (
            {"minimum": (4.0, 0.0)},
            "`minimum`: expected a point (w_1, w_2) with w_1 from -1 to 3 and w_2 from -1 to 3, "
            "as in the table. Received: minimum=(4.0, 0.0)",
        ),
        (
            {"minimum": 4.0},
            "`minimum`: expected a point (w_1, w_2) with w_1 from -1 to 3 and w_2 from -1 to 3, "
            "as in the table. Received: minimum=4.0",
        ),
    ],
)
def test_what_is_not_on_the_surface(options, message):
    with pytest.raises(ValueError, match="Invalid value") as error:
        plot_contours(surface(), **options)
    assert str(error.value) == f"Invalid value for argument {message}"


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda table: table.iloc[1:], "8 rows with 3 values of `w_1`, [-1.0, 1.0, 3.0], and 3"),
        (
            lambda table: pd.concat([table.iloc[1:], table.iloc[1:2]]),  # one missing, one twice
            "9 rows with 3 values of `w_1`, [-1.0, 1.0, 3.0], and 3",
        ),
        (lambda table: table[table["w_1"] == 1], "3 rows with 1 values of `w_1`, [1.0], and 3"),
        (
            lambda table: pd.concat([table, table]),
            "18 rows with 3 values of `w_1`, [-1.0, 1.0, 3.0], and 3",
        ),
    ],
)
def test_a_surface_is_a_grid(change, received):
    with pytest.raises(ValueError, match="grid") as error:
        plot_contours(change(surface(3)))
    assert str(error.value) == (
        "Invalid value for argument `surface`: expected one row for each point of a grid, every "
        f"`w_1` with every `w_2`, two of each at least. Received: {received} of `w_2`"
    )


def test_paths_that_share_their_axes():
    names = load_diabetes().feature_names
    small = diabetes_path()
    large = small.assign(value=5 * small["value"], strength=2 * small["strength"])
    with style():
        figure = Figure((12, 4), layout="constrained")
        axes = figure.subplots(1, 3, sharex=True, sharey=True)
        tables = (small, large, small)
        for ax, table, before in zip(axes, tables, ("", "the long name of ", ""), strict=True):
            plot_path(table, ax, labels=[before + name for name in names])
        figure.draw_without_rendering()
    for ax, table in zip(axes, tables, strict=True):
        low, high = ax.get_ylim()
        assert low < table["value"].min() < table["value"].max() < high
        left, right = ax.get_xlim()
        assert left < table["strength"].min() < table["strength"].max() < right
        boxes, frame = [text.get_window_extent() for text in ax.texts], ax.get_window_extent()
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        for box in boxes:
            assert frame.x0 < box.x0 < box.x1 < frame.x1
            assert frame.y0 <= box.y0 < box.y1 <= frame.y1


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", [name for name in kerasreg.plots.__all__ if name[0].islower()])
def test_examples_of_docstrings(name, monkeypatch):
    keras = pytest.importorskip("keras")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it is an error
    function = getattr(kerasreg.plots, name)
    names = {"kerasreg": kerasreg, "keras": keras, "np": np, "pd": pd}
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert example.examples
    output = []
    failed, _ = doctest.DocTestRunner().run(example, out=output.append, clear_globs=False)
    assert not failed, "".join(output)
    ax = example.globs["axes"]
    # The image of histograms is no line.
    assert any(np.isfinite(line.get_ydata()).any() for line in ax.lines) or ax.collections
    ax.figure.draw_without_rendering()
