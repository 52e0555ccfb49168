"""Every experiment, under its quick settings, keeps what the runner and the reader count on."""

import contextlib
import dataclasses
import importlib
import io
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.outcome import VERDICTS
from experiments.runner import storage
from experiments.runner.discovery import discover

EXPERIMENTS = {experiment.name: experiment for experiment in discover()}
pytestmark = [pytest.mark.tensorflow, pytest.mark.parametrize("name", EXPERIMENTS)]


def test_module_is_short_and_says_what_it_asks(name):
    experiment = EXPERIMENTS[name]
    assert len(experiment.path.read_text(encoding="utf-8").splitlines()) <= 120
    assert experiment.question.endswith("?")
    assert experiment.title != name
    assert experiment.description
    assert all(claim.startswith("C") and claim[1:].isdecimal() for claim in experiment.claims)
    assert all(system.startswith("S") and system[1:].isdecimal() for system in experiment.systems)


def test_settings_have_defaults_and_cannot_change(name):
    module = importlib.import_module(f"experiments.{name}")
    settings = module.Settings()
    assert isinstance(module.QUICK, module.Settings)
    assert settings != module.QUICK
    field = dataclasses.fields(settings)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(settings, field, None)


def test_run_only_returns_an_outcome(name, tmp_path):
    # One test, for the experiment runs once in it.
    module = importlib.import_module(f"experiments.{name}")
    if hasattr(module, "missing") and module.missing():
        pytest.skip(f"needs {module.missing()}")
    tracked, printed, before = [], io.StringIO(), global_state()

    def track(iterable, description=""):
        for item in iterable:
            tracked.append(description)
            yield item

    try:
        with contextlib.chdir(tmp_path), contextlib.redirect_stdout(printed):
            outcome = module.run(module.QUICK, track=track)
        assert global_state() == before
    finally:
        keras.config.set_floatx(before["floatx"])
        keras.config.set_dtype_policy(before["dtype_policy"])
    assert list(tmp_path.iterdir()) == []
    assert printed.getvalue() == ""
    assert tracked, "it shows no progress"

    assert outcome.tables
    for title, table in outcome.tables.items():
        check_table(title, table)
    assert outcome.figures
    for title, figure in outcome.figures.items():
        check_figure(title, figure)
    # The findings follow from the files.
    files = {title: storage.csv(table) for title, table in outcome.tables.items()}
    tables = {title: storage.table(content) for title, content in files.items()}
    found = list(module.findings(tables)) if hasattr(module, "findings") else []
    assert {finding.claim for finding in found} == set(EXPERIMENTS[name].claims)
    for finding in found:
        check_finding(finding)
    for timed in EXPERIMENTS[name].timed:
        title, _, column = timed.partition(".")
        assert not column or column in outcome.tables[title].columns, timed
        assert title in outcome.tables, timed


def global_state():
    """What an experiment might leave changed for those that run after it."""
    return {
        "floatx": keras.config.floatx(),
        "dtype_policy": keras.config.dtype_policy().name,
        "printed numbers": np.get_printoptions(),
        "numpy errors": np.geterr(),
    }


def check_table(title, table):
    """Tidy: a row is an observation, a cell is one value, and all that is known is in a column."""
    assert isinstance(table, pd.DataFrame), title
    assert title == Path(title).name
    assert len(table) > 0, title
    assert not isinstance(table.columns, pd.MultiIndex), title
    assert all(isinstance(column, str) and column for column in table.columns), title
    assert table.columns.is_unique, title
    assert not any(table.index.names), f"the index of {title} would not be written"
    assert not table.duplicated().any(), title
    assert table.map(lambda cell: cell is None or np.isscalar(cell)).all(axis=None), title


def check_figure(title, figure):
    assert isinstance(figure, Figure), title
    drawn = [axes for axes in figure.axes if axes.has_data() and axes.axison]
    assert drawn, title
    # Axes that share a label show it once; rows of names need none.
    labels = [axes.get_xlabel() + axes.get_ylabel() for axes in drawn]
    assert any(labels) or figure.get_supxlabel() or figure.get_supylabel(), title


def check_finding(finding):
    assert finding.verdict in VERDICTS
    assert finding.rule
    assert finding.statement.endswith(".")
    assert finding.decisive.name
    assert finding.decisive.n_runs >= 1
    for label, number in finding.numbers.items():
        assert isinstance(number, int | float | np.number), label
        assert not isinstance(number, bool), label
