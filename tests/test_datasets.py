import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets as bundled
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from kerasreg import datasets

pytestmark = pytest.mark.backend_free

PARTS = ("train", "validation", "test")
REAL = {
    "digits": (datasets.digits, bundled.load_digits, 1797, 64),
    "diabetes": (datasets.diabetes, bundled.load_diabetes, 442, 10),
    "breast_cancer": (datasets.breast_cancer, bundled.load_breast_cancer, 569, 30),
    "wine": (datasets.wine, bundled.load_wine, 178, 13),
}
each = pytest.mark.parametrize("name", REAL)


def all_rows(data, which):
    return np.concatenate([getattr(data, f"{which}_{part}") for part in PARTS])


@each
def test_parts_have_their_sizes_types_and_names(name):
    load, _, n, d = REAL[name]
    data = load(validation=0.25, test=0.1)
    sizes = [len(getattr(data, f"x_{part}")) for part in PARTS]
    assert sizes == [n - round(n / 4) - round(n / 10), round(n / 4), round(n / 10)]
    for part, size in zip(PARTS, sizes, strict=True):
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        assert (x.shape, y.shape) == ((size, d), (size,))
        assert x.dtype == np.float32
        assert y.dtype == (np.float32 if name == "diabetes" else np.int32)
    assert len(data.feature_names) == d
    assert all(type(feature) is str for feature in data.feature_names)


@each
def test_every_sample_is_in_one_part(name):
    load, original, _, d = REAL[name]
    data, raw = load(), original()
    x = np.column_stack([all_rows(data, "x"), all_rows(data, "y")])
    expected = np.column_stack([raw.data, raw.target])
    for column in range(d + 1):
        values, known = np.sort(x[:, column]), np.sort(expected[:, column])
        if known[0] == known[-1]:
            assert values[0] == values[-1]
        else:  # the same numbers, but for a scale and a shift
            assert np.corrcoef(values, known)[0, 1] == pytest.approx(1, abs=1e-6)


@each
def test_rows_keep_their_targets(name):
    load, original, _, _ = REAL[name]
    data, raw = load(), original()
    # Undo scale and shift by the extremes, then look each row up in the original.
    x, y = all_rows(data, "x").astype(float), all_rows(data, "y")

    def by_extremes(values):
        low, high = values.min(axis=0), values.max(axis=0)
        return (values - low) / np.where(high > low, high - low, 1)

    neighbours = NearestNeighbors(n_neighbors=1).fit(by_extremes(raw.data))
    distances, nearest = (found[:, 0] for found in neighbours.kneighbors(by_extremes(x)))
    assert distances.max() < 1e-5
    assert sorted(nearest) == list(range(len(x)))
    found = by_extremes(y) - by_extremes(raw.target[nearest])
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("load", "which"),
    [(datasets.breast_cancer, "x"), (datasets.diabetes, "x"), (datasets.diabetes, "y")],
)
def test_standardized_by_the_training_part_alone(load, which):
    data = load()
    train = getattr(data, f"{which}_train").astype(float)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-6)
    for part in PARTS[1:]:
        values = getattr(data, f"{which}_{part}").astype(float)
        assert np.abs(values.mean(axis=0)).max() > 0.01
        assert np.abs(values.std(axis=0) - 1).max() > 0.01


def test_digits_are_scaled_to_one():
    data = datasets.digits()
    pixels = all_rows(data, "x")
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert data.feature_names[1] == "pixel_0_1"


@pytest.mark.parametrize("load", [datasets.digits, datasets.breast_cancer])
def test_classes_have_the_same_share_in_each_part(load):
    data = load()
    labels = all_rows(data, "y")
    for part in PARTS:
        of_part = getattr(data, f"y_{part}")
        shares = np.bincount(of_part) / len(of_part)
        np.testing.assert_allclose(shares, np.bincount(labels) / len(labels), atol=0.01)


@each
def test_seed_fixes_the_split(name):
    load, *_ = REAL[name]
    first, again, other = load(seed=1), load(seed=1), load(seed=2)
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.x_test, other.x_test)


SHARES = (
    "Invalid values for arguments `validation` and `test`: expected shares that leave at least "
    "10 of 1797 samples in each part. "
)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"validation": 1.5},
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=1.5",
        ),
        (
            {"test": "half"},
            "Invalid value for argument `test`: expected a finite float between 0 and 1. "
            "Received: test='half'",
        ),
        (
            {"seed": -1},
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=-1",
        ),
        ({"validation": 0.5, "test": 0.5}, SHARES + "Received: validation=0.5, test=0.5"),
        ({"test": 0.0}, SHARES + "Received: validation=0.2, test=0.0"),
    ],
)
def test_wrong_split_is_named(wrong, message):
    with pytest.raises(ValueError) as error:
        datasets.digits(**wrong)
    assert str(error.value) == message


# The data that the texts draw.


def test_sparse_logistic_has_the_lectures_shapes():
    data = datasets.sparse_logistic()
    assert data.x.shape == (50, 50)
    assert data.x_held_out.shape == (2000, 50)
    assert set(data.y) == set(data.y_held_out) == {0.0, 1.0}
    np.testing.assert_array_equal(data.true_weights, [1, 0.5, -0.5] + [0] * 47)


def test_sparse_logistic_is_drawn_as_the_lecture_says():
    data = datasets.sparse_logistic(400, 300, seed=2, n_held_out=40_000)
    for x in (data.x, data.x_held_out):
        assert -5 <= x.min() < -4.99
        assert 4.99 < x.max() <= 5
        assert x.std() == pytest.approx(10 / np.sqrt(12), rel=0.01)
    assert data.initial_weights.std() == pytest.approx(1 / np.sqrt(300), rel=0.1)
    # y is 1 where score + N(0, ½) > 0: with |score| near 0.5 that is where the noise is < 1 sigma.
    score = data.x_held_out @ data.true_weights
    near = np.abs(np.abs(score) - 0.5) < 0.1
    agree = (score > 0) == data.y_held_out
    assert agree[near].mean() == pytest.approx(0.841, abs=0.02)


def test_sparse_logistic_does_not_show_the_scale_of_its_weights():
    data = datasets.sparse_logistic(100_000, 3, n_held_out=1)
    model = LogisticRegression(C=np.inf, fit_intercept=False).fit(data.x, data.y)
    np.testing.assert_allclose(model.coef_[0] / data.true_weights, 3.6, atol=0.1)


def test_sparse_logistic_is_fixed_by_its_seed():
    first, again, other = (datasets.sparse_logistic(9, 5, seed=s) for s in (1, 1, 2))
    for field in ("x", "y", "initial_weights", "x_held_out", "y_held_out"):
        np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
    assert not np.array_equal(first.x, other.x)
    assert not np.array_equal(first.x, first.x_held_out[:9])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_samples": 0}, "`n_samples`: expected an int >= 1. Received: n_samples=0"),
        ({"n_features": 2}, "`n_features`: expected an int >= 3. Received: n_features=2"),
        ({"n_features": 5.0}, "`n_features`: expected an int >= 3. Received: n_features=5.0"),
        ({"seed": None}, "`seed`: expected an int from 0 to 4294967295. Received: seed=None"),
        ({"n_held_out": True}, "`n_held_out`: expected an int >= 1. Received: n_held_out=True"),
    ],
)
def test_wrong_count_is_named(wrong, message):
    with pytest.raises(ValueError) as error:
        datasets.sparse_logistic(**wrong)
    assert str(error.value) == f"Invalid value for argument {message}"


def test_article_regression_is_the_articles():
    data = datasets.article_regression()
    x, y = bundled.make_regression(n_samples=100, n_features=10, random_state=42)
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_allclose(x @ data.true_weights, y)
    assert (data.true_weights != 0).all()


def test_note_line_is_drawn_as_the_note_does():
    np.random.seed(0)  # noqa: NPY002 the note draws from the global state
    x = 2 * np.random.rand(100, 1)  # noqa: NPY002
    y = 4 + 3 * x + np.random.randn(100, 1)  # noqa: NPY002
    first, second = np.random.randn(2, 1), np.random.randn(2, 1)  # noqa: NPY002
    note = datasets.note_line()
    np.testing.assert_array_equal(note.x, x)
    np.testing.assert_array_equal(note.y, y.ravel())
    np.testing.assert_array_equal(note.initial_weights, first.ravel())
    np.testing.assert_array_equal(note.second_initial_weights, second.ravel())


def test_note_line_leaves_the_global_random_numbers_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    datasets.note_line()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_generators_need_neither_scikit_learn_nor_pandas():
    program = (
        "import sys\n"
        "sys.modules['sklearn'] = sys.modules['pandas'] = None  # any import of them fails\n"
        "import kerasreg.datasets, kerasreg.descent\n"
        "note, _ = kerasreg.datasets.note_line(), kerasreg.datasets.sparse_logistic()\n"
        "kerasreg.descent.lasso_descent(note.x, note.y, 0.1, note.initial_weights, steps=1)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
