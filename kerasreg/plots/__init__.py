"""Figures from tidy tables: each function draws one picture into an axes and returns it.

Matplotlib is used without its global state, nothing is ever shown: put the axes that is returned
into a notebook, or save `axes.figure`.

- of a `kerasreg.path`: `plot_path`, `plot_sparsity`; of a cross-validation `plot_cross_validation`
- of one training: `plot_curves`, `plot_histograms`; of a loss over two weights `plot_contours`
- `style`, a look to draw them in, and its colours: `PENALTY_COLORS` by the name of a penalty,
  `LINE_COLORS` for lines that have a name, `OTHER_COLORS` for what else is in a figure
"""

from kerasreg.plots.contours import plot_contours
from kerasreg.plots.cross_validation import plot_cross_validation
from kerasreg.plots.paths import plot_path, plot_sparsity
from kerasreg.plots.styles import LINE_COLORS, OTHER_COLORS, PENALTY_COLORS, style
from kerasreg.plots.training import plot_curves, plot_histograms

__all__ = [
    "LINE_COLORS",
    "OTHER_COLORS",
    "PENALTY_COLORS",
    "plot_contours",
    "plot_cross_validation",
    "plot_curves",
    "plot_histograms",
    "plot_path",
    "plot_sparsity",
    "style",
]
