"""The data of `solve_cost`, and what is measured on them."""

import time

import numpy as np
from scipy.signal import lfilter

from experiments.solve_cost.bounds import bound_of
from experiments.solve_cost.solvers import (
    FEW,
    closed_form,
    coordinate_descent,
    eigendecomposition,
    passes,
    steps,
)
from kerasreg import datasets

SYNTHETIC, NOTE = "synthetic", "the note's line"
CLOSED, SWEEPS, STEPS = "closed form", "coordinate descent", "gradient steps"
ONE = {  # penalty and solver; the quick ones are repeated until this has taken a while
    ("l2", CLOSED): closed_form,
    ("l1", SWEEPS): coordinate_descent,
    ("l2", STEPS): steps("l2"),
    ("l1", STEPS): steps("l1"),
}
PATH = {("l2", CLOSED): eigendecomposition, ("l1", SWEEPS): coordinate_descent}
A_WHILE, BATCHES = 1e-3, 3  # seconds


def load(name, shape, seed):
    """Standardized columns in Fortran's order, and targets of mean 0 and standard deviation 1."""
    if name == NOTE:  # as it is taught: a column of ones, which is penalized too
        note = datasets.note_line()
        return np.asfortranarray(np.column_stack([np.ones(len(note.x)), note.x])), note.y
    if name == SYNTHETIC:
        n, d = shape
        x, y = synthetic(n, d, seed)
    else:
        data = datasets.load(name, seed=seed)
        x, y = data.x_train.astype("float64"), data.y_train.astype("float64")
    scale = x.std(axis=0)
    scale[scale == 0] = 1  # blank pixels
    x = (x - x.mean(axis=0)) / scale
    return np.asfortranarray(x), (y - y.mean()) / y.std()


def synthetic(n, d, seed):
    """Neighbouring columns correlate by ½; ten (or all) have weights ±1; a fifth of y is noise."""
    random = np.random.default_rng(seed)
    x = lfilter([np.sqrt(0.75)], [1, -0.5], random.normal(size=(n, d)), axis=1)
    true = np.linspace(0, d - 1, min(10, d)).astype(int)
    signal = x[:, true] @ random.choice([-1.0, 1.0], len(true))
    return x, signal + 0.5 * signal.std() * random.normal(size=n)


def largest_strength(x, y):
    return 2 * np.abs(x.T @ y).max() / len(y)


def solved(penalty, solver, x, y, strengths):
    """Seconds of a call, processor time, and what it found.

    Quick calls are repeated, and the fastest batch counts: what else runs on the machine can only
    make them slower.
    """
    start = time.process_time()
    w, rounds = solver(x, y, strengths)
    seconds = time.process_time() - start
    n, d = x.shape
    calls = int(A_WHILE / max(seconds, 1e-6)) + 1
    for _ in range(BATCHES if calls > 1 else 0):
        start = time.process_time()
        for _ in range(calls):
            solver(x, y, strengths)
        seconds = min(seconds, (time.process_time() - start) / calls)
    return {
        "rounds": rounds,
        "passes": passes(solver, n, d, len(strengths), rounds),
        "n_nonzero": np.count_nonzero(w[:, -1]),
        "error": bound_of(penalty, w, x, y, strengths),
        "seconds": seconds,
    }


def compared(x, y, seed, ratio, n_strengths):
    """All solvers on one data set: at λ_max/10, and on a path from λ_max to λ_max·ratio."""
    most = largest_strength(x, y)
    path = most * np.geomspace(1, ratio, n_strengths)
    one = np.array([most / 10])
    cases = [(key, solver, one) for key, solver in ONE.items()]
    cases += [(key, solver, path) for key, solver in PATH.items()]
    first = seed % len(cases)  # so that none always follows the same one
    for (penalty, name), solver, strengths in cases[first:] + cases[:first]:
        row = {"penalty": penalty, "solver": name, "n_strengths": len(strengths)}
        yield row | solved(penalty, solver, x, y, strengths)


def equal_steps(x, y, seed):
    """Both penalties by the same number of steps, at λ_max/10."""
    strength = np.array([largest_strength(x, y) / 10])
    for penalty in ("l1", "l2")[:: 1 if seed % 2 else -1]:
        found = solved(penalty, steps(penalty, FEW), x, y, strength)
        yield {"penalty": penalty, "steps": FEW, "seconds": found["seconds"]}


def by_strength(x, y, shares):
    """The first solver of each penalty at single strengths, from zero."""
    for share in shares:
        strength = np.array([share * largest_strength(x, y)])
        for penalty, name in (("l2", CLOSED), ("l1", SWEEPS)):
            found = solved(penalty, ONE[penalty, name], x, y, strength)
            yield {"share_of_largest": share, "penalty": penalty, "solver": name} | found
