"""One feature whose whole range the data cover, for `noise_columns`, fitted by cosines.

Cosines cos(πkx) on evenly spaced x are orthogonal: the mildest of flexible models, up to one a row.
"""

import numpy as np
from scipy.fft import dct
from scipy.stats import rankdata

from experiments.noise_columns.data import all_patients
from experiments.noise_columns.fits import r_squared

HELD_OUT = 1000  # rows, where they are drawn
FEW = (2, 10)
SHARES = (0.1, 0.5, 1.0)  # of the rows
COVERED = 0.75  # of the range, where not the whole
NOISE = 0.5
SCORES = ("train_r2", "held_out_r2")
WHOLE, PART = "whole range", "lower three quarters"


def covering(seed, settings):
    """Rows by data, covered range and number of cosines: R² on training and held-out rows."""
    random = np.random.default_rng(seed)
    for n in settings.covering_rows:
        x, x_out = (np.arange(n) + 0.5) / n, random.uniform(size=HELD_OUT)
        y, y_out = (np.sin(2 * np.pi * z) + NOISE * random.normal(size=len(z)) for z in (x, x_out))
        design, design_out = cosines(x, n), cosines(x_out, n)
        transform = dct(y) / n  # least squares, for the cosines are orthogonal on this grid
        transform[0] /= 2
        for p in complexities(n):
            yield row("drawn", WHOLE, design, y, design_out, y_out, transform[:p])
    # The largest sample once more, of which the model sees the lower part of the range.
    low, out = x < COVERED, x_out >= COVERED
    w = solved(design[low, : FEW[1]], y[low])
    yield row("drawn", PART, design[low], y[low], design_out[out], y_out[out], w)
    yield from patients(random)


def patients(random):
    """Body mass index, by its rank, in random halves: each is trained on and held out once."""
    x, y, _ = all_patients()
    x = (rankdata(x[:, 0]) - 0.5) / len(x)
    halves = np.split(random.permutation(len(x)), 2)
    n, name = len(halves[0]), "body mass index"
    design = cosines(x, n)
    for p in complexities(n):
        pair = []
        for fit, out in (halves, halves[::-1]):
            w = solved(design[fit, :p], y[fit])
            pair.append(row(name, WHOLE, design[fit], y[fit], design[out], y[out], w))
        yield pair[0] | {score: np.mean([half[score] for half in pair]) for score in SCORES}
    fit, out = random.permutation(np.flatnonzero(x < COVERED))[:n], x >= COVERED
    w = solved(design[fit, : FEW[1]], y[fit])
    yield row(name, PART, design[fit], y[fit], design[out], y[out], w)


def complexities(n):
    """How many cosines, the constant included, for n rows."""
    return sorted({*FEW, *(round(share * n) for share in SHARES)})


def solved(design, y):
    """Least squares weights of least norm.

    Patients share values, so that many cosines are nearly dependent: singular values below 1e-3
    of the largest count as zero, or the weights would be as large as rounding lets them.
    """
    return np.linalg.lstsq(design, y, rcond=1e-3)[0]


def cosines(x, p):
    return np.cos(np.pi * np.outer(x, np.arange(p)))


def row(data, inputs, design, y, design_out, y_out, w):
    p, mean = len(w), y.mean()
    found = [
        r_squared(targets, columns[:, :p] @ w, mean)
        for columns, targets in ((design, y), (design_out, y_out))
    ]
    about = {"data": data, "n_rows": len(y), "n_columns": p, "inputs": inputs}
    return about | dict(zip(SCORES, found, strict=True))
