import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerasreg.tables import (
    CURVE_COLUMNS,
    HISTOGRAM_COLUMNS,
    WEIGHT_MEASURES,
    Histogram,
    TrainingRecord,
    by_tag,
    measures_of,
    weight_columns,
)
from kerasreg.variables import named_variables

FLOATS = st.floats(-1e6, 1e6, width=32)


def model_with_weights(*kernels):
    """A model with one variable, and a function that gives it the next of the kernels."""
    size = len(kernels[0])
    layer = keras.layers.Dense(1, use_bias=False, name="line")
    model = keras.Sequential([keras.Input((size,)), layer])
    return model, lambda kernel: layer.kernel.assign(np.reshape(kernel, (size, 1)))


def test_empty_tables_have_their_columns():
    record = TrainingRecord()
    assert tuple(record.curves.columns) == CURVE_COLUMNS
    assert tuple(record.weights.columns) == weight_columns()
    assert weight_columns() == ("epoch", "variable", "n_weights", *WEIGHT_MEASURES)
    assert list(WEIGHT_MEASURES)[:4] == ["n_zero", "l1_norm", "l2_norm", "max_abs"]
    assert tuple(record.weight_histograms.columns) == HISTOGRAM_COLUMNS


def test_weights_against_numpy():
    kernel = np.array([0.0, -3.0, 4.0, -0.0, 0.5], "float32")
    model, assign = model_with_weights(kernel)
    assign(kernel)
    record = TrainingRecord()
    record.add_weights(7, named_variables(model))
    (row,) = record.weights.to_dict("records")
    assert tuple(row) == weight_columns()
    expected = {
        "epoch": 7,
        "variable": "line/kernel",
        "n_weights": 5,
        "n_zero": 2,
        "l1_norm": pytest.approx(7.5),
        "l2_norm": pytest.approx(np.sqrt(25.25)),
        "max_abs": 4.0,
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_measures_are_those_of_each_member_alone(dtype):
    """To the bit: neither the other members of a grid nor their number change the rounding."""
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 64, 129, 1000, 5000):
        values = (rng.normal(size=(5, size)) * 10.0 ** rng.uniform(-3, 2)).astype(dtype)
        values[rng.uniform(size=values.shape) < 0.3] = 0
        measured = measures_of(values)
        flat = values.astype(np.promote_types(dtype, "float32"))
        norms = [[np.linalg.norm(w, order) for w in flat] for order in (1, None)]
        expected = {
            "n_zero": (flat == 0).sum(axis=1),
            "l1_norm": norms[0],
            "l2_norm": norms[1],
            "max_abs": [np.abs(w).max(initial=0) for w in flat],
        }
        for name, numbers in expected.items():
            np.testing.assert_array_equal(measured[name], numbers, err_msg=name)
        for name, found in measured.items():
            alone = [measures_of(values[at : at + 1])[name][0] for at in range(5)]
            np.testing.assert_array_equal(found, alone, err_msg=name)


def test_a_measure_more_is_a_column_and_a_tag_more(monkeypatch, tmp_path):
    monkeypatch.setitem(WEIGHT_MEASURES, "mean_abs", lambda w: np.abs(w).mean(axis=1))
    record = TrainingRecord(tmp_path)
    model, assign = model_with_weights(np.array([0.0, -3.0], "float32"))
    assign([0.0, -3.0])
    record.add_weights(1, named_variables(model))
    record.close()
    (row,) = record.weights.to_dict("records")
    assert list(row)[-2:] == ["max_abs", "mean_abs"]
    assert (row["n_zero"], row["max_abs"], row["mean_abs"]) == (1, 3.0, 1.5)
    measured = [1, 3.0, 3.0, 3.0, *[1.5] * (len(WEIGHT_MEASURES) - 4)]
    tags = by_tag("line/kernel", measured, 2)
    assert tags["sparsity/line/kernel"] == 0.5 and tags["mean_abs/line/kernel"] == 1.5
    with pytest.raises(ValueError, match="shorter"):
        by_tag("line/kernel", measured[:-1], 2)


def test_histograms_have_the_same_bins_in_all_epochs():
    random = np.random.default_rng(0)
    kernels = [np.zeros(50), *(random.normal(size=50) * scale for scale in (0.01, 5.0, 0.3))]
    model, assign = model_with_weights(*kernels)
    record = TrainingRecord()
    for epoch, kernel in enumerate(kernels, start=1):
        assign(kernel)
        record.add_weights(epoch, named_variables(model))
    table = record.weight_histograms
    bins = [group[["bin_left", "bin_right"]].to_numpy() for _, group in table.groupby("epoch")]
    for later in bins[1:]:
        np.testing.assert_array_equal(bins[0], later)
    assert (table.groupby("epoch")["count"].sum() == 50).all()
    for epoch, kernel in enumerate(kernels, start=1):
        rows = table[table["epoch"] == epoch]
        for row in rows.itertuples():
            # Half a unit in the last place of float32 around an edge may fall on either side.
            slack = 1e-6 * max(abs(row.bin_left), abs(row.bin_right))
            inside = (kernel >= row.bin_left - slack) & (kernel < row.bin_right + slack)
            surely = (kernel >= row.bin_left + slack) & (kernel < row.bin_right - slack)
            assert surely.sum() <= row.count <= inside.sum()


def test_zeros_are_in_the_middle_of_a_bin():
    histogram = Histogram(np.array([0.0, 0.0, 1.0], "float32"), 1.0)
    left, right, count = next(row for row in histogram.edges_and_counts() if row[0] < 0 < row[1])
    assert left == -right
    assert count == 2


@given(hnp.arrays(np.float32, st.integers(0, 30), elements=FLOATS), st.integers(0, 3))
def test_merging_bins_is_the_same_as_counting_in_wider_ones(values, steps):
    histogram = Histogram(values, float(np.max(np.abs(values), initial=0.0)))
    level = (histogram.level or 0) + steps
    merged = histogram.at_level(level)
    assert sum(merged.values()) == len(values)
    if histogram.level is not None:
        assert max(map(abs, merged), default=0) <= 41
        fine = histogram.at_level(histogram.level)
        for k, count in merged.items():
            assert count == sum(fine[j] for j in fine if round(j / 3**steps) == k)


def test_weights_that_are_not_finite_are_left_out_of_histograms():
    histogram = Histogram(np.array([np.nan, np.inf, 1.0, -1.0], "float32"), float("nan"))
    assert histogram.edges_and_counts()[:, 2].sum() == 2


def test_curves():
    record = TrainingRecord()
    record.add_curves(1, "train", {"loss": 2.0, "penalty": 0.5})
    record.add_curves(1, "validation", {"loss": 3.0})
    assert record.curves.to_numpy().tolist() == [
        [1, "train", "loss", 2.0],
        [1, "train", "penalty", 0.5],
        [1, "validation", "loss", 3.0],
    ]
