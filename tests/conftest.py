"""What holds for every test: the backend, one thread a worker, no screen, fixed seeds."""

import gc
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

# All of these are read when TensorFlow, Keras or Matplotlib is imported.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores among them; more threads than cores only get in the way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import hypothesis
import numpy as np
import pytest

# Helpers of the tests fail with the values that they compare, as tests do.
pytest.register_assert_rewrite(
    *(f"tests.{path.parent.name}" for path in Path(__file__).parent.glob("*/__init__.py"))
)

# The same examples in every run and on every machine. A compilation within an example takes long.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


def pytest_configure(config: pytest.Config) -> None:
    # pytest-randomly draws the order of the tests anew each time, and prints it as a seed. What the
    # tests draw is the same each time, see below.
    config.option.randomly_reset_seed = False


def pytest_report_header() -> str:
    return f"Keras backend: {os.environ['KERAS_BACKEND']}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    backend = os.environ["KERAS_BACKEND"]
    if item.get_closest_marker("tensorflow") and backend != "tensorflow":
        pytest.skip(f"needs the TensorFlow backend, and KERAS_BACKEND is {backend}")


@pytest.fixture(autouse=True)
def _fixed_seeds_and_names() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 the global state is what Keras and scikit-learn draw from
    keras = sys.modules.get("keras")
    if keras:
        # Keras numbers layers without a name through the whole process, whatever built them.
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def _what_stays_is_counted_once() -> Iterator[None]:
    """After each module Python's garbage collector forgets what is still in use.

    TensorFlow keeps traced functions for good. A worker has millions of objects of them in the end,
    and each collection, one in every `clear_session` too, would look at all of them again.
    """
    yield
    gc.collect()
    gc.freeze()
