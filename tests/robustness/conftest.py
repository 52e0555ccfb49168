"""Disks that are small or read-only, and clocks that go back."""

import itertools
import os
import subprocess
import sys
import time

import pytest

from tests.robustness.faulty_storage import Disk


@pytest.fixture
def disk(tmp_path):
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("mounting is for root on Linux")
    made = Disk(tmp_path / "disk")
    yield made
    subprocess.run(["umount", "--lazy", str(made.folder)], check=True)


@pytest.fixture
def clock_that_goes_back(monkeypatch):
    """An hour at every look."""
    now = time.time()
    seconds, nanoseconds = (itertools.count(now, -3600), itertools.count(int(now * 1e9), -(10**13)))
    monkeypatch.setattr(time, "time", lambda: next(seconds))
    monkeypatch.setattr(time, "time_ns", lambda: next(nanoseconds))
