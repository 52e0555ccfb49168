"""What the speeds are made of: bars, the page, fits and gaps."""

import importlib.util

import keras
import numpy as np
import pandas as pd
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the benchmarks need TensorFlow", allow_module_level=True)

from experiments.runner import report, speed_page, storage
from experiments.speed_growth.fit import Knee, knee
from experiments.speed_import.processes import HEAVY, imported
from experiments.speed_lasso.data import alphas_of, design, gaps
from experiments.speed_lasso.paths import epochs_to
from experiments.timing import bar, pair
from kerasreg.optimality import duality_gap

# Bars


def times_of(**seconds):
    """Rounds from 0, which is cold."""
    return pd.DataFrame(
        [
            ("net", method, repetition, value)
            for method, values in seconds.items()
            for repetition, value in enumerate(values)
        ],
        columns=["row", "method", "repetition", "seconds"],
    )


TIMES = times_of(ours=[9.0, 1.0, 2.0, 6.0], peer=[9.0, 2.0, 2.0, 4.0])


def test_a_bar_is_the_median_of_ratios_in_the_same_round():
    line = bar("ours / peer", *pair(TIMES, "net", "ours", "peer", 2), 1, "asked", "why")
    assert line == {
        "asked": "asked",
        "bar": "ours / peer",
        "ours": 1.0,  # seconds of a half
        "peer": 1.0,
        "unit": "s",
        "quantity": "ratio",
        "value": 1.0,
        "value_q25": 0.75,
        "value_q75": 1.25,
        "limit": 1,
        "met": True,
        "limited_by": "why",
    }
    assert bar("", *pair(TIMES, "net", "ours", "peer"), 0.99)["met"] is False


def test_bars_of_differences_and_counts():
    both = pair(TIMES, "net", "ours", "peer")
    difference = bar("", *both, 0.1, quantity="difference")
    assert (difference["value"], difference["met"]) == (0.0, True)
    none = pd.Series(dtype=float)
    count = bar("", pd.Series([3]), none, 0, quantity="count")
    assert (count["ours"], count["value"], count["unit"], count["met"]) == (3, 3, "", False)


# The page


def write(out, name, bars, **tables):
    folder = out / name
    folder.mkdir(parents=True)
    tables = {"bars": pd.DataFrame(bars), **tables}
    for title, table in tables.items():
        (folder / f"{title}.csv").write_bytes(storage.csv(table))
    about = {"experiment": name, "title": name, "question": "Why?", "description": ""}
    (folder / storage.FINDINGS).write_bytes(storage.as_json({**about, "findings": []}))
    run = {
        "quick": False,
        "seeds": [],
        "backend": "tensorflow",
        "versions": {"keras": "3.15.1"},
        "device": {"cpu": "Some CPU", "cores": 2},
        "seconds": 90.0,
    }
    (folder / storage.RUN).write_bytes(storage.as_json(run))


def page_of(out):
    report.write_index(out)
    return (out / speed_page.PAGE).read_text(encoding="utf-8")


def test_the_page_has_what_was_asked_first_and_why_it_is_missed(tmp_path):
    slow = pd.Series([6e-5, 5e-5, 7e-5]), pd.Series([1.5e-3] * 3)
    fast = pd.Series([2.0]), pd.Series([4.0])
    loop = [bar("a step\ntrain", *slow, 1 / 30, "`train` ÷ fit", "It waits.")]
    loop.append(bar("of our own", *fast, 1, "", "Never shown."))
    write(tmp_path, "speed_loop", loop)
    none = pd.Series(dtype=float)
    both = [
        bar("on jax", pd.Series([2.05]), pd.Series([2.0]), 0.1, "import", quantity="difference"),
        bar("modules", pd.Series([0]), none, 0, "TensorFlow", quantity="count"),
    ]
    write(tmp_path, "speed_import", both)
    page = page_of(tmp_path)
    asked, further = page.split("## Further bars")
    rows = [line for line in asked.splitlines() if line.startswith("| **")]
    assert rows == [
        "| **`train` ÷ fit**<br>a step train | 60 µs | 1.5 ms | 1/25 (1/27.3 to 1/23.1) | ≤ 1/30 "
        "| ❌ missed | `speed_loop` |",
        "| **import**<br>on jax | 2.05 s | 2 s | 50 ms (50 ms to 50 ms) more | ≤ 100 ms | ✅ met "
        "| `speed_import` |",
        "| **TensorFlow**<br>modules | 0 |  | 0 | ≤ 0 | ✅ met | `speed_import` |",
    ]
    assert "Of 3 bars, 2 are met and 1 missed." in page
    assert "- **`train` ÷ fit** (a step train): It waits." in page
    assert "Never shown." not in page
    assert "| of our own | 2 s | 4 s | 0.5 (0.5 to 0.5) | ≤ 1 | ✅ met | `speed_loop` |" in further
    assert "- Some CPU, 2 cores, keras 3.15.1: `speed_loop`, `speed_import`" in page
    assert "together took 3 minutes" in page
    assert "[speed.md](speed.md)" in (tmp_path / report.INDEX).read_text(encoding="utf-8")


def test_growth_is_shown_with_its_figure(tmp_path):
    line = {"grows": "members", "timed": "a step", "slope_below": 0.123, "knee": 42.0}
    line |= {"seconds_at_knee": 2e-3, "slope_above": 0.987, "limit_below": "starting"}
    line |= {"limit_above": "memory", "share_of_limit": 0.5}
    write(tmp_path, "speed_growth", [{"a": 1}], growth=pd.DataFrame([line]))
    page = page_of(tmp_path)
    assert "(speed_growth/speed_growth.png)" in page
    assert (
        "| a step | members | 0.12 | starting | 42 (2 ms) | 0.99 | memory: 50% of what the "
        "machine does |"
    ) in page


def test_no_page_without_speeds_nor_from_tables_of_another_form(tmp_path):
    old = [{"bar": "train", "sense": "at least", "limit": 30, "ratio": 25.6, "met": False}]
    write(tmp_path, "speed_loop", old)
    write(tmp_path, "dropout", [bar("", pd.Series([1.0]), pd.Series([1.0]), 1, "asked")])
    report.write_index(tmp_path)
    assert not (tmp_path / speed_page.PAGE).exists()
    assert speed_page.PAGE not in (tmp_path / report.INDEX).read_text(encoding="utf-8")


def test_a_broken_table_is_named_with_the_remedy(tmp_path):
    line = bar("", pd.Series([1.0]), pd.Series([1.0]), 1, "asked")
    write(tmp_path, "speed_loop", [{**line, "value": "much"}])
    with pytest.raises(storage.CannotWrite, match=r"bars\.csv'.*run `python -m experiments speed_"):
        report.write_index(tmp_path)
    (tmp_path / "speed_loop" / "bars.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(storage.CannotWrite, match=r"bars\.csv'"):
        report.write_index(tmp_path)


def test_the_page_makes_no_tags_and_keeps_its_cells(tmp_path):
    line = bar("a|b <img>", pd.Series([1.0]), pd.Series([1.0]), 1, "asked")
    write(tmp_path, "speed_loop", [line])
    assert r"a\|b \<img>" in page_of(tmp_path)


# Fits and gaps


def test_the_knee_of_two_lines_is_found():
    sizes = np.array([1, 3, 10, 30, 100, 300, 1000])
    true = Knee(30.0, 2.0, 0.1, 0.9)
    found = knee(sizes, true.at(sizes) * np.exp([0.01, -0.01, 0.01, 0, -0.01, 0.01, -0.01]))
    assert found.size == pytest.approx(30, rel=0.15)
    assert found.slope_below == pytest.approx(0.1, abs=0.02)
    assert found.slope_above == pytest.approx(0.9, abs=0.02)
    assert found.at(np.array([30])) == pytest.approx(2, rel=0.1)


def test_gaps_are_those_of_kerasreg():
    x, y = design("independent", 40, seed=0, correlation=0.0)
    alphas = alphas_of(x, y, 3)
    w = np.random.default_rng(1).normal(size=(40, 3)) * 0.1
    w[:, 0] = 0
    table = gaps(x, y, w, alphas)
    assert table["gap"][0] == pytest.approx(0, abs=1e-12)  # zero is the minimum at the largest
    for at in (1, 2):
        penalty = keras.regularizers.L1(2 * alphas[at])
        dense = keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty, dtype="float64")
        model = keras.Sequential([keras.Input((40,), dtype="float64"), dense])
        dense.set_weights([w[:, at : at + 1]])
        of_kerasreg = duality_gap(model, x, y, "mse") / np.mean(y**2)
        # Ours takes the best scale of the residual, kerasreg's one that is at most 1.
        assert 0 < table["gap"][at] <= of_kerasreg * (1 + 1e-6)


def test_correlated_neighbours_are_as_correlated_as_asked():
    x, y = design("correlated", 400, seed=0, correlation=0.7)
    neighbours = [np.corrcoef(x[:, at], x[:, at + 1])[0, 1] for at in range(399)]
    assert np.mean(neighbours) == pytest.approx(0.7, abs=0.02)
    assert (y.mean(), y.std()) == pytest.approx((0, 1), abs=1e-12)


def test_epochs_are_raised_until_the_gap_is_reached():
    asked = []

    def gap_after(epochs):
        asked.append(epochs)
        return pd.DataFrame({"gap": [1 / epochs, 0.0]})

    assert epochs_to(1 / 24, gap_after, 20, 100) == 25
    assert asked == [20, 22, 25]
    assert epochs_to(0.0, gap_after, 20, 30) == 30


# Imports


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_imports_are_counted_and_kept_from_keras_alone():
    found = imported("pandas", "jax", HEAVY)
    assert found["modules"]["pandas"] > 10
    assert found["modules"]["tensorflow"] == 0
    assert 0 < found["keras"] < found["both"]


def test_lassonet_is_compared_by_the_step_of_one_model(monkeypatch):
    from experiments import speed_lassonet

    found = {"models": 2, "steps": 10, "seconds": 1.0, "versions": "lassonet 1, torch 2"}
    monkeypatch.setattr(speed_lassonet, "lassonet", lambda python, settings: found)
    monkeypatch.setattr(speed_lassonet, "in_new_process", lambda *_, **__: [8.0, 4.0])
    tables = speed_lassonet.run(speed_lassonet.QUICK).tables
    theirs = tables["times"].set_index("method").loc["LassoNet", "seconds"]
    assert theirs == 1.0 / (2 * 10)
    steps = 2 * 2  # epochs of 64 samples in batches of 32
    assert list(tables["bars"]["ours"]) == [8.0 / (4 * steps), 4.0 / (4 * steps)]
    assert list(tables["bars"]["peer"]) == [theirs, theirs]
