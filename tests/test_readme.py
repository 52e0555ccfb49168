"""The programs of README run, one after the other, as a reader would type them."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.tensorflow
def test_programs_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(programs) >= 6
    first, *others = programs  # the first one is a line out of a longer program
    assert first.startswith("model.compile(")
    names: dict = {}
    for number, program in enumerate(others, start=2):
        exec(compile(program, f"README, program {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert printed.startswith("[0 1 2]\n")
    assert "no_exact_zeros: hidden/kernel" in printed
    small = names["small"].table.set_index("quantity")
    assert 0 < small.loc["parameters", "ratio"] < 0.8
    # The penalty of the last program is a good one: its prox is the global minimum.
    penalty = names["CappedL1"](0.7, cap=0.5)
    w, grid = np.linspace(-4, 4, 81), np.linspace(-5, 5, 20001)
    for step_size in (0.1, 1.0, 3.0):
        u = np.asarray(penalty.prox(w, step_size), "float64")

        def objective(u, step_size=step_size):
            return (u - w) ** 2 / (2 * step_size) + 0.7 * np.minimum(np.abs(u), 0.5)

        assert (objective(u) <= np.array([objective(v) for v in grid]).min(axis=0) + 1e-6).all()
