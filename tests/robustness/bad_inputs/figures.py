"""Figures of tables, strengths and surfaces that they cannot show."""

from matplotlib.figure import Figure

from kerasreg import plots
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    COEFFICIENTS,
    CURVES,
    HISTOGRAMS,
    INF,
    NAN,
    SCORES,
    SURFACE,
    WEIGHTS,
)

CASES = [
    Case(
        "table a text",
        lambda: plots.plot_path("a"),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected a table with the columns "
            "['strength', 'variable', 'index', 'value']. Received: str"
        ),
    ),
    Case(
        "table without a column",
        lambda: plots.plot_path(COEFFICIENTS.drop(columns="value")),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected a table with the columns "
            "['strength', 'variable', 'index', 'value']. Missing: ['value']. Received: "
            "['strength', 'variable', 'index']"
        ),
    ),
    Case(
        "table without rows",
        lambda: plots.plot_path(COEFFICIENTS[:0]),
        ValueError,
        "Invalid value for argument `coefficients`: expected at least one row",
    ),
    Case(
        "strengths as texts",
        lambda: plots.plot_path(COEFFICIENTS.assign(strength=["a", "b"])),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected numbers in the column "
            "'strength'. Received: str"
        ),
    ),
    Case(
        "strength zero on a logarithmic axis",
        lambda: plots.plot_path(COEFFICIENTS.assign(strength=[0.0, 1.0])),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected finite strengths > 0, for their "
            "axis is logarithmic. Received: 0 among them. Pass "
            'coefficients[coefficients["strength"] > 0]'
        ),
    ),
    Case(
        "strength infinite on an axis",
        lambda: plots.plot_sparsity(WEIGHTS.assign(strength=[INF, 1.0])),
        ValueError,
        (
            "Invalid value for argument `weights`: expected finite strengths > 0, for their axis "
            'is logarithmic. Received: inf among them. Pass weights[weights["strength"] > 0]'
        ),
    ),
    Case(
        "variable misspelt",
        lambda: plots.plot_path(COEFFICIENTS, variable="dense/kernal"),
        ValueError,
        (
            "Invalid value for argument `variable`: expected one of ['dense/kernel']. Received: "
            "variable='dense/kernal'. Did you mean 'dense/kernel'?"
        ),
    ),
    Case(
        "labels too many",
        lambda: plots.plot_path(COEFFICIENTS, labels=["a", "b"]),
        ValueError,
        (
            "Invalid value for argument `labels`: expected a name for each of the 1 weights. "
            "Received: 2"
        ),
    ),
    Case(
        "labels one text",
        lambda: plots.plot_path(COEFFICIENTS, labels="a"),
        ValueError,
        ("Invalid value for argument `labels`: expected a sequence of names. Received: labels='a'"),
    ),
    Case(
        "selected strength negative",
        lambda: plots.plot_path(COEFFICIENTS, selected=-1),
        ValueError,
        (
            "Invalid value for argument `selected`: expected a finite float > 0. Received: "
            "selected=-1"
        ),
    ),
    Case(
        "axes a text",
        lambda: plots.plot_path(COEFFICIENTS, ax="a"),
        TypeError,
        (
            "Invalid type for argument `ax`: expected matplotlib Axes, such as "
            "figure.add_subplot(), or None. Received: str"
        ),
    ),
    Case(
        "axes a figure",
        lambda: plots.plot_curves(CURVES, ax=Figure()),
        TypeError,
        (
            "Invalid type for argument `ax`: expected matplotlib Axes, such as "
            "figure.add_subplot(), or None. Received: Figure"
        ),
    ),
    Case(
        "share misspelt",
        lambda: plots.plot_sparsity(WEIGHTS, quantity="shares"),
        ValueError,
        (
            "Invalid value for argument `quantity`: expected 'share' or 'number'. Received: "
            "quantity='shares'"
        ),
    ),
    Case(
        "variables one text",
        lambda: plots.plot_sparsity(WEIGHTS, variables="dense/kernel"),
        ValueError,
        (
            "Invalid value for argument `variables`: expected a list of names from "
            "['dense/kernel']. Received: variables='dense/kernel'"
        ),
    ),
    Case(
        "variables none",
        lambda: plots.plot_sparsity(WEIGHTS, variables=[]),
        ValueError,
        (
            "Invalid value for argument `variables`: expected a list of names from "
            "['dense/kernel']. Received: variables=[]"
        ),
    ),
    Case(
        "curves instead of scores",
        lambda: plots.plot_cross_validation(CURVES),
        ValueError,
        (
            "Invalid value for argument `scores`: expected a table with the columns ['strength', "
            "'fold', 'split', 'quantity', 'value']. Missing: ['strength', 'fold']. Received: "
            "['epoch', 'split', 'quantity', 'value']"
        ),
    ),
    Case(
        "scores of no split",
        lambda: plots.plot_cross_validation(SCORES.assign(split="val")),
        ValueError,
        (
            "Invalid value for argument `scores`: expected a split 'train' or 'validation'. "
            "Received: ['val']"
        ),
    ),
    Case(
        "selected strength NaN",
        lambda: plots.plot_cross_validation(SCORES, selected={"best": NAN}),
        ValueError,
        (
            "Invalid value for argument `selected`: expected a finite float > 0. Received: "
            "selected=nan"
        ),
    ),
    Case(
        "quantity misspelt",
        lambda: plots.plot_curves(CURVES, "los"),
        ValueError,
        (
            "Invalid value for argument `quantity`: expected one of ['loss']. Received: "
            "quantity='los'. Did you mean 'loss'?"
        ),
    ),
    Case(
        "curves of no split",
        lambda: plots.plot_curves(CURVES.assign(split="val")),
        ValueError,
        (
            "Invalid value for argument `curves`: expected a split 'train' or 'validation'. "
            "Received: ['val']"
        ),
    ),
    Case(
        "histogram of an unknown variable",
        lambda: plots.plot_histograms(HISTOGRAMS, "bias"),
        ValueError,
        (
            "Invalid value for argument `variable`: expected one of ['dense/kernel']. Received: "
            "variable='bias'"
        ),
    ),
    Case(
        "surface that is no grid",
        lambda: plots.plot_contours(SURFACE[:3]),
        ValueError,
        (
            "Invalid value for argument `surface`: expected one row for each point of a grid, "
            "every `w_1` with every `w_2`, two of each at least. Received: 3 rows with 2 values "
            "of `w_1`, [0.0, 1.0], and 2 of `w_2`"
        ),
    ),
    Case(
        "surface of texts",
        lambda: plots.plot_contours(SURFACE.assign(value="a")),
        ValueError,
        (
            "Invalid value for argument `surface`: expected numbers in the column 'value'. "
            "Received: str"
        ),
    ),
    Case(
        "level outside the surface",
        lambda: plots.plot_contours(SURFACE, level=9),
        ValueError,
        (
            "Invalid value for argument `level`: expected a float > 0 and < 2, the range of "
            "`penalty_value`. Received: level=9"
        ),
    ),
    Case(
        "level NaN",
        lambda: plots.plot_contours(SURFACE, level=NAN),
        ValueError,
        (
            "Invalid value for argument `level`: expected a float > 0 and < 2, the range of "
            "`penalty_value`. Received: level=nan"
        ),
    ),
    Case(
        "levels a number",
        lambda: plots.plot_contours(SURFACE, levels=3.0),
        ValueError,
        (
            "Invalid value for argument `levels`: expected a sequence of finite floats. "
            "Received: levels=3.0"
        ),
    ),
    Case(
        "levels of texts",
        lambda: plots.plot_contours(SURFACE, levels=["a"]),
        ValueError,
        "Invalid value for argument `levels`: expected finite floats. Received: levels='a'",
    ),
    Case(
        "minimum outside the surface",
        lambda: plots.plot_contours(SURFACE, minimum=(3, 3)),
        ValueError,
        (
            "Invalid value for argument `minimum`: expected a point (w_1, w_2) with w_1 from 0 "
            "to 1 and w_2 from 0 to 1, as in the table. Received: minimum=(3, 3)"
        ),
    ),
    Case(
        "colour unknown",
        lambda: plots.plot_contours(SURFACE, level=1.0, color="blau"),
        ValueError,
        (
            "Invalid value for argument `color`: expected a colour that Matplotlib knows. "
            "Received: color='blau'"
        ),
    ),
    Case(
        "path without steps",
        lambda: plots.plot_contours(SURFACE, path=SURFACE),
        ValueError,
        (
            "Invalid value for argument `path`: expected a table with the columns ['step', "
            "'w_1', 'w_2']. Missing: ['step']. Received: ['w_1', 'w_2', 'value', "
            "'penalty_value']"
        ),
    ),
]
