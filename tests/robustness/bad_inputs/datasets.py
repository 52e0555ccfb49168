"""Data sets that there are not, and seeds and shares that they cannot take."""

import numpy as np

from kerasreg import datasets, descent
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    LABELS,
    X,
)

CASES = [
    Case(
        "data set misspelt",
        lambda: datasets.load("digts"),
        ValueError,
        (
            "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
            "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name='digts'. Did you "
            "mean 'digits'?"
        ),
    ),
    Case(
        "data set None",
        lambda: datasets.load(None),
        ValueError,
        (
            "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
            "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name=None"
        ),
    ),
    Case(
        "data set in capitals",
        lambda: datasets.load("MNIST"),
        ValueError,
        (
            "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
            "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name='MNIST'. Did you "
            "mean 'mnist'?"
        ),
    ),
    Case(
        "seed beyond 32 bits",
        lambda: datasets.load("digits", seed=2**40),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. Received: "
            "seed=1099511627776"
        ),
    ),
    Case(
        "seed of data a bool",
        lambda: datasets.load("wine", seed=True),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=True"
        ),
    ),
    Case(
        "validation share of nothing",
        lambda: datasets.wine(validation=0),
        ValueError,
        (
            "Invalid values for arguments `validation` and `test`: expected shares that leave at "
            "least 3 of 178 samples in each part. Received: validation=0.0, test=0.2"
        ),
    ),
    Case(
        "validation share negative",
        lambda: datasets.wine(validation=-0.1),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=-0.1"
        ),
    ),
    Case(
        "validation as a number of samples",
        lambda: datasets.wine(validation=100),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=100"
        ),
    ),
    Case(
        "shares beyond one",
        lambda: datasets.wine(validation=0.6, test=0.6),
        ValueError,
        (
            "Invalid values for arguments `validation` and `test`: expected shares that leave at "
            "least 3 of 178 samples in each part. Received: validation=0.6, test=0.6"
        ),
    ),
    Case(
        "sparse data without rows",
        lambda: datasets.sparse_logistic(0),
        ValueError,
        "Invalid value for argument `n_samples`: expected an int >= 1. Received: n_samples=0",
    ),
    Case(
        "weights as texts",
        lambda: descent.logistic_costs(X, LABELS > 1, "abc", 1),
        ValueError,
        (
            "Invalid value for argument `weights`: expected an array of numbers. Received: "
            "weights='array of <U3'"
        ),
    ),
    Case(
        "sparse data with too few columns",
        lambda: datasets.sparse_logistic(10, 2),
        ValueError,
        ("Invalid value for argument `n_features`: expected an int >= 3. Received: n_features=2"),
    ),
    Case(
        "sparse data, fractional seed",
        lambda: datasets.sparse_logistic(seed=1.5),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=1.5"
        ),
    ),
    Case(
        "words before any download",
        lambda: datasets.imdb(n_words=0),
        ValueError,
        "Invalid value for argument `n_words`: expected an int >= 1. Received: n_words=0",
    ),
    Case(
        "share before any download",
        lambda: datasets.mnist(validation=2),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=2"
        ),
    ),
    Case(
        "share a text before any download",
        lambda: datasets.imdb(validation="x"),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation='x'"
        ),
    ),
    Case(
        "seed before any download",
        lambda: datasets.fashion_mnist(seed=-1),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=-1"
        ),
    ),
    Case(
        "labels that are not 0 or 1",
        lambda: descent.logistic_costs(X, LABELS, np.zeros(3), 1),
        ValueError,
        ("Invalid value for argument `y`: expected labels 0 or 1. Received: values from 0 to 2"),
    ),
]
