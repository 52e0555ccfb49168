import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from kerasreg.folds import fold_indices

pytestmark = pytest.mark.backend_free

N = 30
X = np.random.default_rng(0).normal(size=(N, 4)).astype("float32")
Y = np.arange(N, dtype="float32")
CLASSES = np.array([0] * 18 + [1] * 9 + [2] * 3)
GROUPS = np.arange(N) // 5
SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
EXPECTED = (
    "an int >= 2, a scikit-learn splitter, or an iterable of (train, test) pairs of row numbers "
    "or masks"
)


def as_lists(folds):
    return [(train.tolist(), test.tolist()) for train, test in folds]


def message_of(*args, **kwargs):
    with pytest.raises(ValueError) as error:
        fold_indices(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_number_is_a_partition_into_shuffled_parts():
    folds = fold_indices(4, X, Y)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(N))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(N))
        assert train.dtype == test.dtype == np.int32
    assert folds[0][1].tolist() != list(range(8))
    assert as_lists(folds) == as_lists(fold_indices(np.int64(4), X, Y, "mse"))
    assert as_lists(folds) == as_lists(KFold(4, shuffle=True, random_state=0).split(X))


def test_the_seed_decides():
    assert as_lists(fold_indices(4, X, Y, seed=3)) == as_lists(fold_indices(4, X, Y, seed=3))
    assert as_lists(fold_indices(4, X, Y, seed=3)) != as_lists(fold_indices(4, X, Y, seed=4))


@pytest.mark.parametrize(
    ("targets", "loss"),
    [
        (CLASSES, SPARSE),
        (CLASSES.reshape(-1, 1), keras.losses.SparseCategoricalCrossentropy(name="renamed")),
        (CLASSES.astype("float32"), [keras.losses.sparse_categorical_crossentropy]),
        (CLASSES.astype("uint8"), {"classes": SPARSE}),
        (np.eye(3)[CLASSES], "categorical_crossentropy"),
        (np.eye(3, dtype=bool)[CLASSES], keras.losses.CategoricalFocalCrossentropy()),
        ({"classes": CLASSES}, SPARSE),
        (CLASSES > 0, BINARY),
        ((CLASSES > 0).reshape(-1, 1).astype("float32"), keras.losses.BinaryFocalCrossentropy()),
    ],
)
def test_classes_are_spread_evenly(targets, loss):
    for _, test in fold_indices(3, X, targets, loss):
        assert (CLASSES[test] == 0).sum() == 6


@pytest.mark.parametrize(
    ("targets", "loss"),
    [
        (CLASSES, None),
        (CLASSES, "mse"),
        (CLASSES / 2, BINARY),
        (CLASSES / 2, SPARSE),
        (np.eye(3)[CLASSES], BINARY),  # three labels that may occur together
        (np.full((N, 3), 1 / 3), "categorical_crossentropy"),
        (np.stack([CLASSES, CLASSES], axis=1), SPARSE),  # a label each step of a sequence
        ({"a": CLASSES, "b": CLASSES}, SPARSE),
        (CLASSES, lambda y_true, y_pred: keras.ops.mean(y_true - y_pred)),
    ],
)
def test_nothing_is_stratified_without_one_class_a_sample(targets, loss):
    plain = KFold(3, shuffle=True, random_state=0).split(X)
    assert as_lists(fold_indices(3, X, targets, loss)) == as_lists(plain)


@pytest.mark.parametrize(
    ("splitter", "groups"),
    [
        (KFold(3), None),
        (TimeSeriesSplit(4), None),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), None),
        (LeaveOneOut(), None),
        (ShuffleSplit(3, test_size=0.2, random_state=0), None),
        (GroupKFold(3), GROUPS),
        (LeaveOneGroupOut(), GROUPS.tolist()),
    ],
)
def test_splitters_are_taken_at_their_word(splitter, groups):
    folds = fold_indices(splitter, X, Y, groups=groups)
    assert as_lists(folds) == as_lists(splitter.split(X, Y, groups))
    assert {part.dtype for fold in folds for part in fold} == {np.dtype("int32")}


def test_a_splitter_is_handed_classes_for_one_hot_rows():
    splitter = StratifiedKFold(3)
    folds = fold_indices(splitter, X, np.eye(3)[CLASSES], "categorical_crossentropy")
    assert as_lists(folds) == as_lists(splitter.split(X, CLASSES))


def test_only_the_first_input_of_a_nested_structure_counts():
    seen = {}

    class Splitter:
        def split(self, x, y, groups):
            seen.update(x=x, y=y, groups=groups)
            yield [0, 1], [2]

    x = {"a": X.reshape(N, 2, 2), "b": np.zeros(N)}
    assert as_lists(fold_indices(Splitter(), x, [Y.reshape(N, 1)])) == [([0, 1], [2])]
    np.testing.assert_array_equal(seen["x"], x["a"])
    np.testing.assert_array_equal(seen["y"], Y)
    assert seen["groups"] is None


def test_pairs_of_rows_and_masks():
    held_out = np.arange(N) < 10
    pairs = [
        (~held_out, held_out),
        ([2, 1, 1], (0,)),
        [np.array([5], "uint8"), held_out.tolist()[::-1]],
    ]
    expected = [
        (list(range(10, N)), list(range(10))),
        ([2, 1, 1], [0]),
        ([5], list(range(N - 10, N))),
    ]
    assert as_lists(fold_indices(pairs, X, Y)) == expected
    assert as_lists(fold_indices((pair for pair in pairs), X, Y)) == expected
    rows = np.array([[[0, 1], [2, 3]], [[2, 3], [0, 1]]])
    assert as_lists(fold_indices(rows, X, Y)) == as_lists(rows)


@pytest.mark.parametrize("folds", [1, 0, -3, 31, np.int32(1)])
def test_numbers_of_folds_that_cannot_be(folds):
    assert message_of(folds, X, Y) == (
        "Invalid value for argument `folds`: expected an int from 2 to 30, the number of samples. "
        f"Received: folds={int(folds)}"
    )


@pytest.mark.parametrize("folds", [True, 2.5, None, "5", KFold, {"train": [0], "test": [1]}])
def test_what_is_no_way_of_folding(folds):
    assert message_of(folds, X, Y) == (
        f"Invalid value for argument `folds`: expected {EXPECTED}. Received: folds={folds!r}"
    )


def test_a_single_sample():
    assert message_of(2, X[:1], Y[:1]) == (
        "Invalid value for argument `folds`: expected at least 2 samples to cut into folds, not 1. "
        "Received: folds=2"
    )


def test_more_folds_than_samples_of_a_class():
    assert message_of(5, X, CLASSES, SPARSE, seed=7) == (
        "Invalid value for argument `folds`: expected at most 3, for the folds are stratified and "
        "class 2 has no more samples. Received: folds=5. Without strata: "
        "folds=sklearn.model_selection.KFold(5, shuffle=True, random_state=7)"
    )


@pytest.mark.parametrize("seed", [-1, 1.0, None, True, 2**32])
def test_seeds_that_cannot_be(seed):
    assert message_of(3, X, Y, seed=seed) == (
        "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
        f"Received: seed={seed!r}"
    )


NOTHING = "Invalid value for argument `folds`: expected at least one fold. Received: "


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], f"{NOTHING}an iterable that yields nothing"),
        ([([0], [1]), 7], "a pair (train, test) in fold 1. Received: 7"),
        ([([0], [1], [2])], "a pair (train, test) in fold 0. Received: ([0], [1], [2])"),
        ([([], [1])], "the training part of fold 0 to have at least one sample. Received: none"),
        (
            [(np.arange(5), np.zeros(N, bool))],
            "the held-out part of fold 0 to have at least one sample. Received: none",
        ),
        (
            [([0, 30, 31], [1])],
            "the training part of fold 0 to hold rows from 0 to 29. Received: 2 outside, "
            "the first is 30",
        ),
        (
            [([0], [1]), ([0], [-1])],
            "the held-out part of fold 1 to hold rows from 0 to 29. Received: 1 outside, "
            "the first is -1",
        ),
        (
            [([0.5, 1.0], [1])],
            "the training part of fold 0 to hold whole numbers (ints) or bools. Received: "
            "float64, the first is 0.5",
        ),
        (
            [(np.ones(20, bool), [1])],
            "the training part of fold 0 to be a mask of 30 bools, one a sample. Received: 20",
        ),
        (
            [([[0, 1], [2]], [3])],
            "the training part of fold 0 to be a flat array of row numbers. "
            "Received: [[0, 1], [2]]",
        ),
        (
            [(range(10), range(8, 20))],
            "samples of fold 0 to be either trained on or held out. Received: 2 in both parts, "
            "the first is row 8",
        ),
        ([([0], [3, 4, 4])], "each row once in the held-out part of fold 0. Received: row 4 2"),
    ],
)
def test_pairs_that_cannot_be(pairs, message):
    received = message_of(pairs, X, Y)
    assert received.startswith("Invalid value for argument `folds`: expected ")
    assert message in received


def test_splitters_that_cannot_split():
    assert message_of(KFold(31), X, Y) == (
        "Invalid value for argument `folds`: the splitter KFold(n_splits=31, random_state=None, "
        "shuffle=False) cannot split these 30 samples: Cannot have number of splits n_splits=31 "
        "greater than the number of samples: n_samples=30."
    )
    assert "GroupKFold" in message_of(GroupKFold(7), X, Y, groups=GROUPS)


def test_a_splitter_that_yields_nothing():
    class Nothing:
        def split(self, x, y, groups):
            return iter(())

        def __repr__(self):
            return "Nothing()"

    assert message_of(Nothing(), X, Y) == f"{NOTHING}the splitter Nothing() that yields nothing"


def test_groups():
    missing = message_of(LeaveOneGroupOut(), X, Y)
    assert missing == (
        "Argument `groups` is missing: the splitter LeaveOneGroupOut() needs one label a sample. "
        "Pass groups, an array of shape (30,)"
    )
    assert message_of(GroupKFold(3), X, Y, groups=GROUPS[:-1]) == (
        "Invalid shape for argument `groups`: expected one label a sample, (30,). "
        "Received: groups.shape=(29,)"
    )
    assert message_of(5, X, Y, groups=GROUPS) == (
        "Argument `groups` needs a splitter that keeps them together. Received: folds=5. "
        "Pass folds=sklearn.model_selection.GroupKFold(5)"
    )
    assert message_of([([0], [1])], X, Y, groups=GROUPS) == (
        "Argument `groups` has no place beside pairs of row numbers, which already say what is "
        "held out"
    )


def test_data_that_do_not_fit():
    assert message_of(3, X, Y[:-1]) == (
        "Arrays of different length: expected one target and one weight a sample. "
        "Received: len(x)=30, len(y)=29"
    )
    assert message_of(3, X, None) == (
        "Invalid value for argument `y`: expected an array of targets. Received: y=None"
    )
    assert "the name of a Keras loss" in message_of(3, X, Y, "lose")


def test_ten_stratified_folds_of_real_digits():
    x, y = load_digits(return_X_y=True)
    shares = [np.bincount(y[test]) for _, test in fold_indices(10, x, y, SPARSE)]
    assert np.ptp(shares, axis=0).max() <= 1
