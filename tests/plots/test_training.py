"""Curves and histograms of training."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from kerasreg.plots import (
    plot_curves,
    plot_histograms,
    style,
)
from tests.plots.paths import curves_of, histograms

pytestmark = pytest.mark.backend_free


def test_curves_of_one_run():
    ax = plot_curves(curves_of([0]))
    lines = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert lines == {"train": [10.0, 5.0, 10 / 3], "validation": [11.0, 6.0, 10 / 3 + 1]}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert not ax.collections


def test_curves_of_several_seeds_have_a_median_and_a_band():
    ax = plot_curves(curves_of([0, 1, 5]))
    train = next(line for line in ax.lines if line.get_label() == "train")
    assert train.get_ydata().tolist() == [11.0, 6.0, 10 / 3 + 1]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (10 / 3, 15.0)


def test_given_axes_are_drawn_into():
    with style():
        ax = Figure().add_subplot()
        assert plot_curves(curves_of([0]), ax=ax) is ax


def test_unknown_quantity():
    with pytest.raises(ValueError) as error:
        plot_curves(curves_of([0]), "lose")
    assert str(error.value) == (
        "Invalid value for argument `quantity`: expected one of ['loss']. Received: "
        "quantity='lose'. Did you mean 'loss'?"
    )


def test_histogram_image():
    ax = plot_histograms(histograms(), "dense/kernel")
    (image,) = ax.collections
    shares = np.ma.filled(image.get_array(), 0.0)
    np.testing.assert_allclose(shares, [[0.5, 0.25], [0.0, 0.5], [0.5, 0.25]])
    corners = image.get_coordinates()
    assert corners[..., 0].min() == -1.0  # half-way between the epochs, and as far beyond
    assert corners[..., 0].max() == 7.0
    assert (corners[..., 1].min(), corners[..., 1].max()) == (-1.5, 1.5)


def test_unknown_variable():
    with pytest.raises(ValueError) as error:
        plot_histograms(histograms(), "kernel")
    assert str(error.value) == (
        "Invalid value for argument `variable`: expected one of ['dense/kernel']. "
        "Received: variable='kernel'. Did you mean 'dense/kernel'?"
    )
