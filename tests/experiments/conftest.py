"""What the tests of the runner start from."""

import sys

import pytest
from fake_experiments import Package


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    made = Package(tmp_path)
    yield made
    made.stop()
    for name in [name for name in sys.modules if name.startswith(made.name)]:
        del sys.modules[name]
