"""All examples of the docstrings give what they say.

Examples may use what their module has, and `np`, `pd`, `keras` and `kerasreg`; a reader imports
these first.
"""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pandas as pd
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("some modules need TensorFlow", allow_module_level=True)

import kerasreg

# They need data of other servers.
DOWNLOADS = {f"kerasreg.datasets.downloaded.{name}" for name in ("mnist", "fashion_mnist", "imdb")}


def examples():
    for found in pkgutil.walk_packages(kerasreg.__path__, "kerasreg."):
        module = importlib.import_module(found.name)
        names = vars(module) | {"np": np, "pd": pd, "keras": keras, "kerasreg": kerasreg}
        yield from doctest.DocTestFinder(exclude_empty=True).find(module, found.name, globs=names)


@pytest.mark.parametrize(
    "example",
    [pytest.param(each, id=each.name) for each in examples() if each.examples],
)
def test_the_example_gives_what_it_says(example, tmp_path, monkeypatch):
    if example.name in DOWNLOADS:
        pytest.skip("needs data of another server")
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    output = []
    failed, _ = doctest.DocTestRunner().run(example, out=output.append)
    assert not failed, "".join(output)
