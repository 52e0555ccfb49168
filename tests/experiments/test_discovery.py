"""Which experiments there are, which are meant, and what each depends on."""

import ast
import sys

import pytest

from experiments import runner
from experiments.runner import discovery
from experiments.runner.discovery import UnknownExperiment, choose, discover, groups

pytestmark = pytest.mark.backend_free


TINY = '"""A {name}."""\nQUESTION = "Is it {name}?"\n\ndef run(settings): ...\n'


def experiments(folder, *names):
    for name in names:
        (folder / f"{name}.py").write_text(TINY.format(name=name))
    return discover(folder)


def names_of(chosen):
    return [experiment.name for experiment in chosen]


# Modules and packages


def test_a_package_is_an_experiment_as_a_module_is(tmp_path):
    experiments(tmp_path, "shared", "b")
    (tmp_path / "shared.py").write_text('"""Of use to several."""\n')
    for name in ("a", "c", "machinery"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.py").write_text(TINY.format(name="no_experiment"))
        (tmp_path / name / "__init__.py").write_text(TINY.format(name=name))
    (tmp_path / "machinery" / "__init__.py").write_text('"""Runs them."""\n')
    found = discover(tmp_path)
    assert names_of(found) == ["a", "b", "c"]
    assert [experiment.question for experiment in found] == [f"Is it {name}?" for name in "abc"]
    assert {experiment.folder for experiment in found} == {tmp_path}
    a, b, _ = found
    assert a.sources() == [tmp_path / "a" / "__init__.py", tmp_path / "a" / "data.py"]
    assert b.sources() == [tmp_path / "b.py"]


def test_the_package_is_taken_where_a_module_has_its_name(tmp_path):
    experiments(tmp_path, "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "__init__.py").write_text(TINY.format(name="package"))
    (found,) = discover(tmp_path)
    assert found.question == "Is it package?"


# Groups


def test_a_group_is_the_word_that_several_begin_with(tmp_path):
    found = experiments(tmp_path, "fast_b", "fast_a", "slow_a", "alone", "own", "own_a", "own_b")
    assert groups(found) == {"fast": ["fast_a", "fast_b"]}
    assert names_of(choose(found, ["fast"])) == ["fast_a", "fast_b"]
    assert names_of(choose(found, ["slow_a", "fast", "fast_b"])) == ["fast_a", "fast_b", "slow_a"]
    assert names_of(choose(found, ["own"])) == ["own"]
    with pytest.raises(UnknownExperiment, match="'slow'"):
        choose(found, ["slow"])


def test_a_group_is_suggested_and_listed(tmp_path, monkeypatch, capsys):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "__init__.py").touch()
    experiments(tmp_path / "some", "fast_a", "fast_b")
    monkeypatch.syspath_prepend(tmp_path)
    assert runner.main(["fastt"], package="some") == 2
    assert capsys.readouterr().err == "There is no experiment 'fastt'. Did you mean 'fast'?\n"
    assert runner.main(["--list"], package="some") == 0
    assert capsys.readouterr().out == (
        "fast_a  Is it fast_a?\nfast_b  Is it fast_b?\nfast    All of fast_a, fast_b\n"
    )


def test_the_speeds_are_a_group():
    chosen = names_of(choose(discover(), ["speed"]))
    assert {"speed_loop", "speed_grid", "speed_import", "speed_lasso"} <= set(chosen)
    assert all(name.startswith("speed_") for name in chosen)


# Source


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("a/__init__.py", "a"),
        ("a/data.py", "a"),
        ("b.py", "b"),
        ("shared.py", "ab"),
        ("machinery/storage.py", "ab"),
    ],
)
def test_an_edit_changes_the_experiments_that_it_may_change(tmp_path, edited, changes):
    experiments(tmp_path, "b")
    for name in ("a", "machinery"):
        (tmp_path / name).mkdir()
    for name in ("a/__init__.py", "a/data.py", "shared.py", "machinery/storage.py"):
        (tmp_path / name).write_text(TINY.format(name="a") if "init" in name else "")
    before = {each.name: discovery.source_hash(each) for each in discover(tmp_path)}
    with (tmp_path / edited).open("a") as file:
        file.write("# edited\n")
    after = {each.name: discovery.source_hash(each) for each in discover(tmp_path)}
    assert [name for name in before if before[name] != after[name]] == list(changes)


@pytest.mark.parametrize("name", names_of(discover()))
def test_an_experiment_imports_no_other(name):
    # Otherwise an edit in the other one would change it unseen.
    every = {experiment.name: experiment for experiment in discover()}
    imported = {
        node.module
        for path in every[name].sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    of_experiments = {module.split(".")[1] for module in imported if "experiments." in module}
    assert of_experiments
    assert not of_experiments & (set(every) - {name})


def test_kerasreg_itself_is_part_of_the_source(package, tmp_path, monkeypatch):
    path = package.add("a")
    library = tmp_path / "elsewhere" / "kerasreg"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "kerasreg", raising=False)
    monkeypatch.syspath_prepend(library.parent)
    (experiment,) = discovery.discover(path.parent)
    before = discovery.source_hash(experiment)
    assert discovery.source_hash(experiment) == before
    (library / "training.py").write_text("# edited")
    assert discovery.source_hash(experiment) != before
