"""What hypothesis draws for the laws of penalties: seeds, shapes, dtypes, weights, steps."""

import math

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from tests.regularizers.cases import (
    BACKEND,
    CASES,
    EPSILON,
    decades,
)

SHAPES = [(), (6,), (4, 3), (2, 0, 3), (2, 1, 2, 3), (1, 2, 1, 2, 2), (0,)]
DTYPES = list(EPSILON)

thoroughly = settings(max_examples=12)

if BACKEND == "jax":  # which compiles every operation anew for every shape and precision
    SHAPES, DTYPES, thoroughly = [(), (4, 3), (2, 0, 3)], ["float32"], settings(max_examples=4)

seeds = st.integers(0, 10**6).map(np.random.default_rng)

shapes = st.sampled_from(SHAPES)

dtypes = st.sampled_from(DTYPES)

some_strengths = st.one_of(
    st.sampled_from([0.0, 1e-30, 1.0, 1e30]), st.floats(-30, 30).map(lambda x: 10.0**x)
)

of_the_family_smallest_at_zero = pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_smallest_at_zero], ids=lambda case: case.name
)


def random_steps(rng, shape):
    """A scalar, or one step a coordinate, over 60 decades, often at their ends."""
    low, high = [(-30, -29), (-30, 30), (-2, 2), (29, 30)][rng.integers(4)]
    return decades(rng, low, high, shape if rng.integers(2) else None)


def any_weights(rng, shape, dtype, largest=math.inf):
    """All sizes that the precision has, its denormals and largest number, zeros of both signs."""
    limits = np.finfo("float32" if dtype == "bfloat16" else dtype)
    top = min(float(limits.max) * 0.99, largest)
    low = math.log10(float(limits.smallest_subnormal))
    w = rng.choice([-1.0, 1.0], shape) * decades(rng, low, math.log10(top), shape)
    special = [0.0, -0.0, float(limits.smallest_subnormal), -float(limits.tiny), top, -top, 1.0]
    return np.where(rng.uniform(size=shape) < 0.4, rng.choice(special, shape), w)
